// SPDX-License-Identifier: Apache-2.0
#include "pipeline/attempt_loop.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "pipeline/background.hpp"
#include "pipeline/bell.hpp"
#include "pipeline/explain.hpp"
#include "pipeline/stream_recovery.hpp"
#include "wire/usage_sum.hpp"

namespace weir::pipeline {
namespace {

using policy::FailureClass;

}  // namespace

std::string_view name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::completed:
      return "completed";
    case Outcome::rejected:
      return "rejected";
    case Outcome::failed:
      return "failed";
    case Outcome::aborted_upstream:
      return "aborted_upstream";
    case Outcome::cancelled_client:
      return "cancelled_client";
    case Outcome::shutdown:
      return "shutdown";
  }
  return "failed";
}

Error shutdown_error() { return {ErrorCode::draining, "the gateway is stopping"}; }

namespace {

Error ledger_error() { return {ErrorCode::ledger_unavailable, "the ledger can't be written now"}; }

/// How long it waits for a full target before it goes to the next.
milliseconds max_wait_of(const Call& call) {
  return call.options.max_wait.value_or(call.route->max_wait);
}

/// `otherwise`: where it is not the program that stops.
void note_cut_short(Journey& journey, Outcome otherwise) {
  journey.result.error = *journey.call.cut_short;
  const bool is_shutdown = journey.result.error.code == ErrorCode::draining;
  journey.result.outcome = is_shutdown ? Outcome::shutdown : otherwise;
}

}  // namespace

/// One attempt, and where it stays silent for too long a second one beside it (F-7). The first of
/// them to have something for the client answers; the other is ended.
class AttemptLoop::Race final : private Referee, private net::Alarm {
 public:
  Race(FlightTools& tools, Journey& journey, Succession::Next first)
      : tools_(tools),
        journey_(journey),
        first_(tools, journey, {.next = std::move(first), .referee = this}) {}

  net::Task<void> run() {
    watch();
    co_await first_.fly();
    disarm();
    if (!second_) co_return;
    if (is_second_under_way_) co_await Joined{*this};
    Flight& other = &decisive() == &first_ ? *second_ : first_;
    journey_.succession.note(other.candidate(), other.end());
  }

  /// The attempt that says how it goes on. Precondition: `run` has ended.
  [[nodiscard]] Flight& decisive() {
    if (!second_) return first_;
    return answering_ == &first_ ? first_ : *second_;
  }

 private:
  /// Awaitable: until the second attempt has ended.
  struct Joined {
    Race& race;
    [[nodiscard]] bool await_ready() const noexcept { return !race.is_second_under_way_; }
    void await_suspend(std::coroutine_handle<> awaiting) const { race.waiting_ = awaiting; }
    static void await_resume() noexcept {}
  };

  void watch() {
    using Mode = HedgePolicy::Mode;
    const Route& route = *journey_.call.route;
    const bool is_on = route.hedge.mode == Mode::after ||
                       (route.hedge.mode == Mode::automatic && journey_.operation.is_stream());
    if (!is_on || !journey_.operation.may_hedge()) return;
    if (!journey_.succession.has_others(first_.candidate())) return;
    const net::TimePoint now = journey_.call.loop.now();
    route.hedges->count_request(now);
    const Target& target = first_.target();
    const milliseconds delay =
        route.hedge.mode == Mode::after
            ? route.hedge.after
            : policy::hedge_delay(route.hedge.options, target.counters->first_contents,
                                  target.traits.reasons, now);
    journey_.call.loop.arm_coarse(*this, now + delay);
  }

  void on_alarm() override {
    const HedgePolicy& policy = journey_.call.route->hedge;
    if (answering_ != nullptr || journey_.call.cancellation.is_cancelled()) return;
    const std::int32_t share = policy.options.share_permille;
    if (!journey_.call.route->hedges->may_hedge(share, journey_.call.loop.now())) return;
    const bool is_in_words = policy.mode == HedgePolicy::Mode::after;
    auto next = journey_.succession.beside(first_.candidate(), is_in_words);
    if (next.candidate == nullptr) return;
    journey_.call.route->hedges->count_hedge(journey_.call.loop.now());
    second_.emplace(tools_, journey_,
                    Flight::Plan{.next = std::move(next), .is_hedge = true, .referee = this});
    static_cast<void>(fly_second());
  }

  Background fly_second() {
    is_second_under_way_ = true;
    co_await second_->fly();
    is_second_under_way_ = false;
    if (waiting_) std::exchange(waiting_, nullptr).resume();
  }

  bool may_answer(Flight& flight) override {
    if (answering_ != nullptr) return answering_ == &flight;
    answering_ = &flight;
    disarm();
    if (&flight != &first_) {
      first_.lose();
    } else if (is_second_under_way_) {
      second_->lose();
    }
    return true;
  }

  FlightTools& tools_;
  Journey& journey_;
  Flight first_;
  std::optional<Flight> second_;
  const Flight* answering_ = nullptr;
  bool is_second_under_way_ = false;
  std::coroutine_handle<> waiting_;
};

namespace {

void keep_explanation(Journey& journey) {
  CallResult& result = journey.result;
  const Candidates& all = journey.succession.candidates();
  const auto chosen = std::find_if(all.begin(), all.end(), [&](const Candidate& candidate) {
    return result.outcome == Outcome::completed && candidate.target->name == result.target;
  });
  result.explanation =
      explain(journey.call, journey.operation, all, chosen == all.end() ? nullptr : &*chosen);
}

}  // namespace

net::Task<void> AttemptLoop::run(Call& call, Operation& operation, Delivery& delivery,
                                 CallResult& result) {
  const net::TimePoint started = call.loop.now();
  const guard::Rules* const rules = call.route->content_rules.get();
  if (rules != nullptr && rules->has(guard::Side::output)) operation.hold_answers_to(*rules);
  milliseconds time = call.route->request_total;
  if (call.options.timeout) time = std::min(time, *call.options.timeout);
  const net::TimePoint deadline = started + time;
  call.started_ms = tools_.wall.unix_ms();
  call.is_stream = operation.is_stream();
  Result<> admitted;
  if (tools_.accounting != nullptr) admitted = tools_.accounting->admit(call, operation);
  Journey journey{call,
                  operation,
                  delivery,
                  started,
                  deadline,
                  Succession(call, operation, tools_.gate, tools_.accounting, random_, deadline,
                             call.started_ms),
                  result};
  journey.is_admitted = admitted.has_value();
  if (!admitted) {
    result.error = std::move(admitted).error();
    co_await answer_refused(journey);
    co_return;
  }
  if (operation.is_stream()) {
    const StreamPolicy& policy = call.route->stream;
    const Pacing pacing{.early_commit = policy.early_commit, .heartbeat = policy.heartbeat};
    delivery.keep_alive(call.loop, pacing, operation.media_type());
  }
  co_await ask(journey);
  co_await delivery.quiet();
  static_cast<void>(settle(tools_, journey));  // nobody waits for a last byte any more
  if (call.keeps_explanation) keep_explanation(journey);
}

net::Task<Result<>> AttemptLoop::book_replay(Call& call) {
  Result<> admitted;
  call.is_replay = true;
  call.started_ms = tools_.wall.unix_ms();
  if (tools_.accounting != nullptr) admitted = tools_.accounting->admit_replay(call);
  if (!admitted || tools_.journal == nullptr) co_return admitted;
  CallResult result;
  result.outcome = Outcome::completed;
  tools_.journal->close(call, result);
  // As with any other answer, this one is not held back for a disk that fails.
  if (tools_.journal->is_to_be_kept()) static_cast<void>(co_await tools_.journal->kept(call.loop));
  co_return admitted;
}

net::Task<void> AttemptLoop::ask(Journey& journey) {
  CallResult& result = journey.result;
  Delivery& delivery = journey.delivery;
  Succession::Next next;
  const bool prefers_to_wait = max_wait_of(journey.call) > milliseconds(0);
  if (prefers_to_wait) {
    next = journey.succession.preferred();
    if (next.candidate == nullptr) co_await wait_in_line(journey, next, Waits::for_the_first);
  }
  if (next.candidate == nullptr) next = journey.succession.first();
  if (next.candidate == nullptr) co_await wait_in_line(journey, next, Waits::for_any);
  bool has_pulled = false;
  if (next.candidate == nullptr) {
    result.error = journey.succession.exhausted();
  } else {
    Result<> opened = open(journey);
    if (opened && tools_.journal != nullptr && tools_.journal->is_to_be_kept()) {
      const bool is_kept = co_await tools_.journal->kept(journey.call.loop);
      if (!is_kept) opened = ledger_error();
    }
    if (!opened) {
      journey.succession.give_back(next);
      result.error = std::move(opened).error();
      next = {};
    }
  }
  while (next.candidate != nullptr) {
    result.outcome = Outcome::failed;
    Race race(tools_, journey, std::move(next));
    co_await race.run();
    Flight& flight = race.decisive();
    flight.report();
    if (flight.end().is_ok()) {
      result.outcome = Outcome::completed;
      co_return;
    }
    // H-4, H-5: a client whose stream we end is still there to be told.
    const bool is_in_stream = !delivery.may_fail_over() && !delivery.is_done();
    const bool is_cut_short = journey.call.cut_short && is_in_stream;
    if (flight.end().failure() == FailureClass::client && !is_cut_short) break;
    if (!delivery.may_fail_over()) {
      co_await go_on_with_stream(journey, flight);
      co_return;
    }
    delivery.drop_held();
    const bool is_unsealed = flight.end().verdict.is_seal_refused && journey.operation.drop_seals();
    next = is_unsealed ? journey.succession.unsealed(flight.candidate(), flight.end())
                       : journey.succession.after(flight.candidate(), flight.end());
    if (flight.end().failure() == FailureClass::not_found && !has_pulled) {
      has_pulled = true;
      next = co_await pull_model(journey, flight.candidate(), std::move(next));
    }
    const bool goes_on = co_await wait(journey, next);
    if (!goes_on) break;
  }
  const bool is_late = journey.call.loop.now() >= journey.deadline;
  if (is_late && !journey.call.cancellation.is_cancelled()) {
    result.error = Error(ErrorCode::deadline_exceeded, "the request's time is over");
  }
  const int status = traits(result.error.code).status;
  const bool says_when = status == 429 || status == 503;
  if (says_when && !result.error.retry_after) result.error.retry_after = journey.succession.rest();
  co_await answer_refused(journey);
}

/// A model that its server can get is got. Others answer meanwhile; where there are none, the
/// request waits for it.
net::Task<Succession::Next> AttemptLoop::pull_model(Journey& journey, Candidate& candidate,
                                                    Succession::Next next) {
  const Target& target = *candidate.target;
  if (tools_.pulls == nullptr || !target.upstream->pulls_models) co_return next;
  tools_.pulls->begin(target, journey.call.route);
  if (next.candidate != nullptr) co_return next;
  const bool is_there =
      co_await tools_.pulls->wait(target, journey.deadline, journey.call.cancellation);
  co_return is_there ? journey.succession.anew(candidate) : Succession::Next{};
}

/// nothing is sent to anyone before it is written down. Errors: `ledger_unavailable`.
Result<> AttemptLoop::open(Journey& journey) {
  if (tools_.journal == nullptr) return {};
  return tools_.journal->open(journey.call, journey.operation);
}

namespace {

/// Low priority gives way sooner, so that its clients learn of it.
milliseconds queue_wait_of(const Call& call) {
  const Priority own = call.caller == nullptr ? Priority::normal : call.caller->priority;
  const bool is_low = call.options.priority.value_or(own) == Priority::low;
  return is_low ? call.route->queue_wait / 2 : call.route->queue_wait;
}

/// A call's place in a line, for as long as this lives.
class LinePlace {
 public:
  LinePlace(Accounting& accounting, Call& call) : accounting_(accounting), call_(call) {}
  ~LinePlace() { accounting_.leave_line(call_); }
  LinePlace(const LinePlace&) = delete;
  LinePlace& operator=(const LinePlace&) = delete;

  /// Its bell rings on the loop of the call.
  bool enter(const Target& target, const std::shared_ptr<Bell>& bell) {
    net::Loop& loop = call_.loop;
    return accounting_.enter_line(call_, target,
                                  [&loop, bell] { loop.post([bell] { bell->ring(); }); });
  }

 private:
  Accounting& accounting_;
  Call& call_;
};

}  // namespace

/// Section 15: no target but full ones. Waiting blocks nobody else; what has no chance to be served
/// in time is refused at once.
net::Task<void> AttemptLoop::wait_in_line(Journey& journey, Succession::Next& next, Waits waits) {
  Call& call = journey.call;
  const bool is_for_first = waits == Waits::for_the_first;
  const milliseconds longest = is_for_first ? max_wait_of(call) : queue_wait_of(call);
  const net::TimePoint until = std::min(journey.deadline, journey.started + longest);
  if (tools_.accounting == nullptr || until <= call.loop.now()) co_return;
  const auto bell = std::make_shared<Bell>();
  LinePlace place(*tools_.accounting, call);
  while (call.loop.now() < until && !call.cancellation.is_cancelled()) {
    const auto full = journey.succession.full();
    if (!full) co_return;
    net::TimePoint fits_at = call.loop.now() + full->wait;
    if (full->is_behind_others) fits_at = until;
    if (fits_at > until || !place.enter(*full->target, bell)) co_return;
    BellWait turn(call.loop, fits_at, call.cancellation, *bell);
    co_await turn;
    if (call.cancellation.is_cancelled()) co_return;
    next = is_for_first ? journey.succession.preferred() : journey.succession.first();
    if (next.candidate != nullptr) co_return;
  }
}

/// False: the client left meanwhile.
net::Task<bool> AttemptLoop::wait(Journey& journey, Succession::Next& next) {
  if (next.candidate == nullptr) co_return true;
  Call& call = journey.call;
  if (next.wait > milliseconds(0)) {
    net::Sleep pause(call.loop, call.loop.now() + next.wait, call.cancellation);
    const bool has_waited = co_await pause;
    if (!has_waited) {
      journey.succession.give_back(next);
      co_return false;
    }
  }
  if (!next.permit) next = journey.succession.ask_again(std::move(next));
  co_return true;
}

net::Task<void> AttemptLoop::answer_refused(Journey& journey) {
  Call& call = journey.call;
  CallResult& result = journey.result;
  Delivery& delivery = journey.delivery;
  co_await delivery.quiet();
  if (call.cut_short) {
    note_cut_short(journey, Outcome::failed);
  } else if (call.cancellation.is_cancelled()) {
    result.outcome = Outcome::cancelled_client;
    co_return;
  }
  if (!delivery.may_fail_over()) {
    if (!call.cut_short) result.outcome = Outcome::cancelled_client;
    co_return;
  }
  if (settle(tools_, journey)) static_cast<void>(co_await tools_.journal->kept(call.loop));
  bool is_taken = true;
  if (delivery.is_early()) {
    // S-9.5: the status is gone, so that the error has to travel in the stream.
    std::string frame;
    const Target& any = *journey.succession.candidates().front().target;
    journey.operation.make_relay(any)->fail(result.error, call.request_id, frame);
    is_taken = co_await delivery.fail_early(frame);
  } else {
    AnswerNotes notes;
    notes.attempts = result.attempts;
    if (call.shows_target) notes.target = result.target;
    if (!call.warning.empty()) notes.warnings.push_back(call.warning);
    if (call.options.explain && call.shows_target) {
      notes.explanation =
          explain(call, journey.operation, journey.succession.candidates(), nullptr);
    }
    is_taken = co_await delivery.refuse(result.error, notes);
  }
  if (!is_taken) result.outcome = Outcome::cancelled_client;
}

// ---- Streams that broke after their first content -----------------------------------------------

net::Task<void> AttemptLoop::go_on_with_stream(Journey& journey, Flight& broken) {
  CallResult& result = journey.result;
  const int attempts = result.attempts;
  const bool is_joined = co_await join_streams(journey, broken);
  if (is_joined) co_return;
  if (journey.call.cut_short) {
    note_cut_short(journey, Outcome::aborted_upstream);
  } else if (journey.call.cancellation.is_cancelled()) {
    result.outcome = Outcome::cancelled_client;
    co_return;
  } else {
    result.outcome = Outcome::aborted_upstream;
    const bool was_to_go_on = result.attempts > attempts;
    if (was_to_go_on) result.error.message += ", and no other answer could be joined to it";
  }
  // S-9.2: the error in the client's own dialect, no terminator, and a proper end of the body.
  std::string frame;
  broken.relay()->fail(result.error, journey.call.request_id, frame);
  // Bytes that pass as they are can't tell of an error: their connection ends without the body's
  // end, so that a part is not taken for the whole.
  if (frame.empty()) co_return;
  if (settle(tools_, journey)) {
    static_cast<void>(co_await tools_.journal->kept(journey.call.loop));
  }
  const bool is_taken = co_await journey.delivery.finish(frame);
  static_cast<void>(is_taken);
}

namespace {

bool may_be_joined(const Journey& journey, const AttemptEnd& end) {
  const StreamPolicy& policy = journey.call.route->stream;
  if (!journey.call.options.stream_recovery.value_or(policy.recovers)) return false;
  if (!journey.operation.is_joinable() || journey.call.cancellation.is_cancelled()) return false;
  // `server` is an upstream that said in its stream that it failed.
  return end.failure() == FailureClass::cut || end.failure() == FailureClass::stalled ||
         end.failure() == FailureClass::malformed || end.failure() == FailureClass::server;
}

wire::Usage charged_usage(const CallResult& result) {
  wire::Usage all;
  for (const AttemptRow& row : result.rows) {
    if (row.is_charged) all = sum(all, row.usage);
  }
  return all;
}

}  // namespace

/// S-9.11. True: the answer is whole, or the client left.
net::Task<bool> AttemptLoop::join_streams(Journey& journey, Flight& broken) {
  Relay& before = *broken.relay();
  const milliseconds stream_total = broken.target().timeouts.stream_total;
  Continuation continuation;
  continuation.before = &before;
  continuation.is_marked = journey.operation.media_type() == "text/event-stream";
  continuation.stream_end = stream_total > milliseconds(0)
                                ? *broken.end().first_content_at + stream_total
                                : journey.call.loop.now() + std::chrono::hours(24);
  Candidate* candidate = &broken.candidate();
  AttemptEnd end = broken.end();
  int left = journey.call.route->stream.recovery_attempts;
  bool is_prefill_refused = false;
  while (left-- > 0 && may_be_joined(journey, end)) {
    auto so_far = before.so_far();
    if (!so_far || !so_far->is_plain) co_return false;
    if (journey.call.loop.now() >= continuation.stream_end) co_return false;
    auto next = is_prefill_refused ? journey.succession.again(*candidate)
                                   : journey.succession.to_recover(*candidate, end);
    if (next.candidate == nullptr) co_return false;
    candidate = next.candidate;
    const bool prefills =
        !is_prefill_refused && !so_far->text.empty() && takes_prefill(*candidate->target);
    continuation.method = prefills ? JoinMethod::prefill : JoinMethod::replay;
    continuation.begun = *std::move(so_far);
    continuation.usage_before = charged_usage(journey.result);
    continuation.number = journey.result.attempts + 1;
    Flight flight(tools_, journey, {.next = std::move(next), .continuation = &continuation});
    co_await flight.fly();
    flight.report();
    if (flight.end().is_ok()) {
      journey.result.outcome = Outcome::completed;
      co_return true;
    }
    if (flight.end().failure() == FailureClass::client) co_return false;
    // Refused, not broken: what is wrong may be the unfinished turn.
    is_prefill_refused = prefills && flight.end().failure() == FailureClass::request;
    if (flight.has_content()) end = flight.end();
  }
  co_return false;
}

void AttemptLoop::end_drains() {
  while (!tools_.draining.empty()) {
    Flight& flight = *tools_.draining.back();
    tools_.draining.pop_back();
    flight.cancel();
  }
}

}  // namespace weir::pipeline
