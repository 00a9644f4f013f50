// SPDX-License-Identifier: Apache-2.0
#include "pipeline/flight.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "pipeline/explain.hpp"
#include "tokens/counter.hpp"
#include "wire/usage_sum.hpp"

namespace weir::pipeline {
namespace {

using policy::FailureClass;

/// Moving average with a weight of an eighth for the newest value.
void blend(std::atomic<std::int64_t>& average, std::int64_t value) {
  const std::int64_t before = average.load(std::memory_order_relaxed);
  average.store(before == 0 ? value : before + (value - before) / 8, std::memory_order_relaxed);
}

health::microseconds time_between(net::TimePoint from, net::TimePoint to) {
  return std::chrono::duration_cast<health::microseconds>(to - from);
}

/// What the client is told of a call's cost: all that is charged to it.
void add_up(CallResult& result) {
  for (const AttemptRow& row : result.rows) {
    if (!row.is_charged) continue;
    result.cost_nanousd += row.cost_nanousd;
    result.usage = result.usage ? sum(*result.usage, row.usage) : row.usage;
  }
}

void count_in_flight(const Target& target, int change) {
  for (TrafficCounters* counters : {target.counters.get(), target.upstream->counters.get()}) {
    counters->in_flight.fetch_add(change, std::memory_order_relaxed);
  }
}

}  // namespace

bool settle(FlightTools& tools, Journey& journey) {
  if (journey.is_settled) return false;
  journey.is_settled = true;
  add_up(journey.result);
  if (tools.watch != nullptr) tools.watch->on_ended(*journey.call.route, journey.result);
  journey.delivery.tell_settled(journey.result);
  if (tools.accounting != nullptr && journey.is_admitted) {
    tools.accounting->release(journey.call, journey.result);
  }
  if (tools.journal == nullptr || !journey.call.journal_ticket) return false;
  tools.journal->close(journey.call, journey.result);
  return tools.journal->is_to_be_kept();
}

Flight::Flight(FlightTools& tools, Journey& journey, Plan plan)
    : tools_(tools),
      journey_(journey),
      plan_(std::move(plan)),
      attempt_(journey.call, cancellation_, journey.operation, target(), journey.delivery,
               tools.exchanges, tools.wall, tools.limits, plan_.continuation,
               plan_.next.reservation.id),
      started_(journey.call.loop.now()),
      number_(++journey.result.attempts) {
  AttemptRow& row = journey.result.rows.emplace_back();
  row.number = number_;
  row.target = journey.call.asked = &target();
  row.step = candidate().step;
  row.is_hedge = plan_.is_hedge;
  row.started_ms = tools.wall.unix_ms();
  row.windows = std::move(plan_.next.reservation.windows);
  if (journey.call.cancellation.is_cancelled()) {
    cancellation_.cancel();
  } else {
    journey.call.cancellation.add(*this);
  }
}

Flight::~Flight() { stop_draining(); }

AttemptRow& Flight::row() const {
  return journey_.result.rows[static_cast<std::size_t>(number_ - 1)];
}

AnswerNotes Flight::notes() const {
  AnswerNotes notes;
  notes.attempts = number_;
  if (journey_.call.shows_target) notes.target = target().name;
  if (!journey_.call.warning.empty()) notes.warnings.push_back(journey_.call.warning);
  if (!target().notice.empty()) notes.warnings.push_back(target().notice);
  if (candidate().step > 0) note_degradation(notes);
  if (journey_.call.options.explain && journey_.call.shows_target) {
    notes.explanation =
        explain(journey_.call, journey_.operation, journey_.succession.candidates(), &candidate());
  }
  return notes;
}

void Flight::note_degradation(AnswerNotes& notes) const {
  if (!journey_.call.shows_target) return;
  const std::string name = journey_.call.route->degraded_to(candidate().step);
  if (!name.empty()) notes.warnings.push_back("degraded to " + name);
}

net::Task<void> Flight::fly() {
  if (tools_.journal != nullptr) note({});
  count_in_flight(target(), 1);
  const net::TimePoint deadline =
      plan_.continuation != nullptr ? plan_.continuation->stream_end : journey_.deadline;
  if (journey_.operation.may_limit_output()) {
    journey_.operation.limit_output(plan_.next.reservation.output_tokens_max);
  }
  AnswerNotes answer_notes = notes();
  end_ = co_await attempt_.run(std::move(answer_notes), deadline, *this);
  end_.is_beaten = end_.is_beaten || has_lost_;
  stop_draining();
  land(end_);
  if (tools_.journal != nullptr && !journey_.is_settled) {
    tools_.journal->note(journey_.call, row());
  }
}

/// A day's allowance comes back when the provider's day is over, whatever it says to wait (K-6).
policy::Classified Flight::until_its_day_ends(policy::Classified verdict) const {
  const auto& day = target().upstream->quota_day;
  if (!verdict.is_daily_limit || !day) return verdict;
  const std::int64_t unix_ms = tools_.wall.unix_ms();
  verdict.wait = milliseconds(day->window_at(unix_ms).end_ms - unix_ms);
  verdict.is_daily_limit = false;  // there is nothing left to guess
  return verdict;
}

/// Everything that others see of an attempt is as it has ended, once. An attempt that was whole has
/// landed before the client has its last byte: what the client does next finds it counted.
void Flight::land(const AttemptEnd& end) {
  if (has_landed_) return;
  has_landed_ = true;
  const net::TimePoint now = journey_.call.loop.now();
  count_in_flight(target(), -1);
  tools_.gate.report(target(), *plan_.next.permit, until_its_day_ends(end.verdict), now);
  book(end);
  count(end, now);
  if (tools_.accounting != nullptr) {
    tools_.accounting->settle(plan_.next.reservation, journey_.call, row());
  }
}

void Flight::lose() {
  has_lost_ = true;
  cancellation_.cancel();
  // The winner may be through before this one has come to its end.
  AttemptEnd beaten;
  beaten.set(FailureClass::client);
  beaten.is_beaten = true;
  if (const Relay* const relay = attempt_.relay()) beaten.facts = relay->facts();
  book(beaten);
}

bool Flight::may_answer() { return plan_.referee == nullptr || plan_.referee->may_answer(*this); }

void Flight::on_first_content(net::TimePoint now) {
  tools_.gate.note_first_content(target(), *plan_.next.permit, now - started_, now);
  if (plan_.continuation == nullptr) return;
  for (AttemptRow& before : journey_.result.rows) {
    const bool is_joined = before.is_charged && before.number != number_;
    if (is_joined && before.recovered_by == 0) before.recovered_by = number_;
  }
}

void Flight::on_progress(const RelayFacts& facts) {
  if (tools_.journal != nullptr && !journey_.is_settled) note(facts);
}

/// Tells the journal what would be charged if the process ended now.
void Flight::note(const RelayFacts& facts) {
  const Charge so_far = charge_for(facts, estimated_usage(facts));
  AttemptRow noted = row();
  noted.usage = so_far.usage;
  noted.is_estimated = so_far.is_estimated;
  noted.flags = so_far.flags;
  noted.cost_nanousd = so_far.nanousd;
  tools_.journal->note(journey_.call, noted);
}

bool Flight::on_whole(const AttemptEnd& end) {
  if (journey_.call.cancellation.is_cancelled()) return false;  // there is nobody to hear the end
  land(end);
  report(end);
  journey_.result.outcome = Outcome::completed;
  return settle(tools_, journey_);
}

net::Task<void> Flight::kept() {
  // An answer that is there is not held back for a disk that fails.
  static_cast<void>(co_await tools_.journal->kept(journey_.call.loop));
}

void Flight::report(const AttemptEnd& end) {
  CallResult& result = journey_.result;
  const auto since_start = [this](net::TimePoint then) {
    return std::chrono::duration_cast<milliseconds>(then - journey_.started);
  };
  result.duration = since_start(journey_.call.loop.now());
  // An attempt that brought nothing to a begun answer changes nothing about whose it is and how it
  // ended.
  const bool is_beside_answer = plan_.continuation != nullptr && !end.is_ok();
  if (is_beside_answer && !end.first_content_at) return;
  result.target = target().name;
  result.provider = target().upstream->name;
  if (end.first_content_at && result.first_content == milliseconds(0)) {
    result.first_content = since_start(*end.first_content_at);
  }
  if (!end.is_ok()) result.error = end.error;
}

// The client left, or its call is ended from here.
void Flight::on_cancel() {
  const bool may_drain = target().upstream->drains_on_disconnect && attempt_.is_sent() &&
                         !journey_.call.cut_short && !is_draining_;
  if (!may_drain || !begin_drain()) return cancellation_.cancel();
  attempt_.drain();
  journey_.call.loop.arm_coarse(*this, journey_.call.loop.now() + target().upstream->drain_max);
}

/// False: as many calls of the provider, of all threads, are read to their end already.
bool Flight::begin_drain() {
  const Upstream& upstream = *target().upstream;
  std::atomic<std::int64_t>& drains = upstream.counters->drains;
  if (drains.fetch_add(1, std::memory_order_relaxed) >= upstream.drains_max) {
    drains.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  is_draining_ = true;
  tools_.draining.push_back(this);
  return true;
}

void Flight::stop_draining() {
  disarm();
  if (!std::exchange(is_draining_, false)) return;
  std::erase(tools_.draining, this);
  target().upstream->counters->drains.fetch_sub(1, std::memory_order_relaxed);
}

/// S-11.1, the last resort: our own count of what went out and came in.
wire::Usage Flight::estimated_usage(const RelayFacts& facts) const {
  wire::Usage usage = usage_estimate(journey_.operation, facts, 0);
  // What the provider says is nearly always taken: no text is read again for the rest.
  if (facts.usage && !is_partial(facts)) return usage;
  Relay* const relay = attempt_.relay();
  const auto so_far = relay != nullptr ? relay->so_far() : std::nullopt;
  const bool has_said = facts.has_content || facts.content_bytes > 0;
  if (!has_said || !so_far || (so_far->text.empty() && so_far->others.empty())) return usage;
  // By estimate: it needs no table, which this thread would have to wait for, and is near enough
  // (S-11.6).
  const auto& counter = tokens::counter_for(target().upstream->type, target().model);
  std::string_view text = so_far->text;
  std::string_view others = so_far->others;
  const Continuation* const continuation = plan_.continuation;
  if (continuation != nullptr) {
    others.remove_prefix(std::min(others.size(), continuation->begun.others.size()));
  }
  if (continuation != nullptr && continuation->method == JoinMethod::prefill) {
    text.remove_prefix(std::min(text.size(), continuation->begun.text.size()));
  } else if (continuation != nullptr) {
    text = text.substr(0, facts.content_bytes);  // what it said again costs once more
  }
  usage.output = std::max<std::int64_t>(1, counter.estimate(text) + counter.estimate(others));
  return usage;
}

/// What was told of a stream is of its beginning, as some providers tell first, and again at the
/// end; or it says that nothing came, where something did.
bool Flight::is_partial(const RelayFacts& facts) const {
  if (!journey_.operation.is_stream() || facts.content_bytes == 0) return false;
  return !facts.is_complete || (facts.usage && facts.usage->output_total() == 0);
}

/// S-11.1: the input as told, and of the output what came if that is more.
Charge Flight::charge_for(const RelayFacts& facts, const wire::Usage& estimate) const {
  std::optional<wire::Usage> told = facts.usage;
  const std::int64_t untold = told ? estimate.output - told->output_total() : 0;
  const bool is_raised = untold > 0 && is_partial(facts);
  if (is_raised) told->output += untold;
  Charge charged = charge(target(), journey_.operation, told, estimate, row().started_ms);
  charged.is_estimated = charged.is_estimated || is_raised;
  return charged;
}

/// S-11.2: what reached the client is charged to it, what the provider may bill besides is our own
/// exposure.
void Flight::book(const AttemptEnd& end) {
  if (is_booked_) return;
  is_booked_ = true;
  AttemptRow& row = this->row();
  const FailureClass failure = end.failure();
  row.failure = failure;
  row.ended_ms = tools_.wall.unix_ms();
  const bool has_left = failure == FailureClass::client && !end.is_beaten && attempt_.is_sent();
  const bool has_begun = end.first_content_at.has_value();
  const bool is_delivered = has_begun && !end.is_beaten && !journey_.delivery.may_fail_over();
  const bool may_be_billed = policy::traits(failure).maybe_billed || end.is_beaten ||
                             end.facts.usage.has_value() || end.facts.content_bytes > 0;
  row.is_charged = end.is_ok() || is_delivered || has_left;
  if (!row.is_charged && !may_be_billed) return;
  const bool is_over_before_sent = failure == FailureClass::client && !attempt_.is_sent();
  if (is_over_before_sent) return;
  const bool is_empty = end.is_ok() && !has_begun;
  const wire::Usage estimate = is_empty ? wire::Usage() : estimated_usage(end.facts);
  const Charge charged = charge_for(end.facts, estimate);
  row.usage = charged.usage;
  row.is_estimated = charged.is_estimated;
  row.flags = charged.flags;
  (row.is_charged ? row.cost_nanousd : row.exposure_nanousd) = charged.nanousd;
  if (charged.flags.unpriced) {
    target().upstream->counters->unpriced.fetch_add(1, std::memory_order_relaxed);
  }
  if (charged.flags.impossible) {
    target().upstream->counters->impossible_usage.fetch_add(1, std::memory_order_relaxed);
  }
}

health::AttemptFigures Flight::figures(const AttemptEnd& end, net::TimePoint ended) const {
  health::AttemptFigures figures;
  figures.failure = end.failure();
  figures.duration = time_between(started_, ended);
  figures.generating = figures.duration;
  if (end.first_content_at && journey_.operation.is_stream()) {
    figures.first_content = time_between(started_, *end.first_content_at);
    figures.generating = time_between(*end.first_content_at, ended);
  }
  figures.output_tokens = row().usage.output_total();
  figures.cost_nanousd = row().cost_nanousd + row().exposure_nanousd;
  return figures;
}

void Flight::count(const AttemptEnd& end, net::TimePoint ended) {
  const policy::Fault fault = policy::traits(end.failure()).fault;
  const bool is_targets_fault =
      !end.is_ok() && fault != policy::Fault::caller && fault != policy::Fault::gateway;
  const health::AttemptFigures figures = this->figures(end, ended);
  const std::int64_t now_ms = row().ended_ms;
  if (end.first_content_at && journey_.operation.is_stream()) {
    target().counters->first_contents.add(
        std::chrono::duration_cast<milliseconds>(*end.first_content_at - started_), ended);
  }
  for (TrafficCounters* counters : {target().counters.get(), target().upstream->counters.get()}) {
    counters->meter.note(figures);
    counters->attempts.fetch_add(1, std::memory_order_relaxed);
    counters->last_used_ms.store(now_ms, std::memory_order_relaxed);
    if (end.is_ok()) {
      counters->successes.fetch_add(1, std::memory_order_relaxed);
      counters->last_success_ms.store(now_ms, std::memory_order_relaxed);
      blend(counters->latency_us, time_between(started_, ended).count());
    } else if (is_targets_fault) {
      counters->failures.fetch_add(1, std::memory_order_relaxed);
      counters->last_failure_ms.store(now_ms, std::memory_order_relaxed);
    } else {
      counters->refusals.fetch_add(1, std::memory_order_relaxed);
    }
    if (end.is_ok() || is_targets_fault) {
      const std::int64_t before = counters->failing_permille.load(std::memory_order_relaxed);
      const std::int64_t value = end.is_ok() ? 0 : 1000;
      counters->failing_permille.store(before + (value - before) / 8, std::memory_order_relaxed);
    }
    // A first attempt that its own hedge has beaten would have taken longer still: a server that
    // hangs without ever failing is seen by what it costs.
    const bool is_too_slow = end.is_beaten && !plan_.is_hedge && !end.first_content_at;
    if (is_too_slow) blend(counters->first_content_us, time_between(started_, ended).count());
    if (end.first_content_at) {
      blend(counters->first_content_us, time_between(started_, *end.first_content_at).count());
    }
    if (!row().is_charged) continue;
    counters->input_tokens.fetch_add(static_cast<std::uint64_t>(row().usage.input_total()),
                                     std::memory_order_relaxed);
    counters->output_tokens.fetch_add(static_cast<std::uint64_t>(row().usage.output_total()),
                                      std::memory_order_relaxed);
    counters->cost_nanousd.fetch_add(row().cost_nanousd, std::memory_order_relaxed);
  }
}

}  // namespace weir::pipeline
