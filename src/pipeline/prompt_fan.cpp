// SPDX-License-Identifier: Apache-2.0
#include "pipeline/prompt_fan.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/ascii.hpp"
#include "base/money.hpp"
#include "base/request_id.hpp"
#include "wire/openai/completions.hpp"
#include "wire/usage_sum.hpp"

namespace weir::pipeline {
namespace {

constexpr std::size_t under_way_at_most = 8;

/// It never began, since a limit on calls at the same time stood against it.
bool has_no_room(const CallResult& result) {
  const auto& exceeded = result.error.exceeded;
  return result.outcome == Outcome::rejected && exceeded != nullptr &&
         exceeded->unit == "concurrent_requests";
}

/// The value of a header line; empty: there is none of that name.
std::string_view field_in(std::string_view fields, std::string_view name) {
  while (!fields.empty()) {
    const std::string_view line = fields.substr(0, fields.find("\r\n"));
    fields.remove_prefix(std::min(fields.size(), line.size() + 2));
    const std::size_t colon = line.find(':');
    if (!ascii::equals_ignoring_case(line.substr(0, colon), name)) continue;
    const std::string_view value = line.substr(colon + 1);
    return value.substr(value.starts_with(' ') ? 1 : 0);
  }
  return {};
}

void add_once(std::vector<std::string>& names, std::string_view name) {
  const bool is_new = std::find(names.begin(), names.end(), name) == names.end();
  if (!name.empty() && is_new) names.emplace_back(name);
}

/// What the header of one call's answer tells beside what its result does.
void add_notes(AnswerNotes& notes, std::string_view fields) {
  if (const auto target = field_in(fields, "x-weir-target"); !target.empty()) {
    notes.target = target;
  }
  add_once(notes.dropped, field_in(fields, "x-weir-dropped"));
  add_once(notes.warnings, field_in(fields, "x-weir-warning"));
  if (notes.explanation.empty()) notes.explanation = field_in(fields, "x-weir-explain");
}

}  // namespace

/// The client, as the call of one prompt sees it.
class PromptFan::Channel final : public ClientChannel {
 public:
  Channel(PromptFan& fan, Asked& asked) : fan_(fan), asked_(asked) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override;
  net::Task<bool> begin(int status, std::string_view fields) override;
  net::Task<bool> write(std::string_view bytes) override;
  net::Task<bool> end() override { co_return !fan_.is_over(); }
  void on_settled(const CallResult& result) override;

 private:
  PromptFan& fan_;
  Asked& asked_;
};

struct PromptFan::Asked {
  Asked(PromptFan& fan, std::size_t place)
      : request_id(std::string(fan.delivery_.request_id())), channel(fan, *this) {
    const std::size_t number = fan.calls_before_ + place + 1;
    if (number > 1) request_id = request_id_of_call(request_id, number);
    operation = fan.operation_.part(place, request_id);
  }

  std::string request_id;
  std::unique_ptr<CompletionOperation> operation;  ///< null: it has ended
  net::Cancellation cancellation;
  Channel channel;
  CallResult result;
  std::optional<Outcome> settled;  ///< once that is certain
  std::string fields;              ///< of its answer's head
  std::string whole;               ///< its answer, where that is no stream
  wire::openai::CompletionStreamEnd end;
};

void PromptFan::Channel::on_settled(const CallResult& result) { asked_.settled = result.outcome; }

/// An error is in the call's result, too.
net::Task<bool> PromptFan::Channel::respond(int /*status*/, std::string_view fields,
                                            std::string_view body) {
  asked_.fields = fields;
  if (asked_.settled == Outcome::completed) asked_.whole = body;
  co_return !fan_.is_over();
}

net::Task<bool> PromptFan::Channel::begin(int /*status*/, std::string_view fields) {
  asked_.fields = fields;
  const bool is_taken = co_await fan_.begin(fields);
  co_return is_taken;
}

net::Task<bool> PromptFan::Channel::write(std::string_view bytes) {
  std::string rest;
  if (asked_.settled) {
    // The end of its stream, or an error that ends it, is not that of the client's.
    if (asked_.settled != Outcome::completed) co_return true;
    asked_.end = wire::openai::read_completion_stream_end(bytes);
    rest = std::move(asked_.end.rest);
    if (rest.empty()) co_return true;
    bytes = rest;
  }
  const bool is_taken = co_await fan_.write(bytes);
  co_return is_taken;
}

PromptFan::PromptFan(net::Loop& loop, net::Cancellation& cancellation,
                     const CompletionOperation& operation, Delivery& delivery, Ask ask,
                     std::size_t calls_before)
    : loop_(loop),
      cancellation_(cancellation),
      operation_(operation),
      delivery_(delivery),
      ask_(std::move(ask)),
      calls_before_(calls_before),
      started_(loop.now()),
      under_way_max_(under_way_at_most) {}

PromptFan::~PromptFan() = default;

// ---- one writer at a time -----------------------------------------------------------------------

bool PromptFan::Turn::await_ready() const noexcept { return !std::exchange(fan.is_writing_, true); }

void PromptFan::Turn::await_suspend(std::coroutine_handle<> awaiting) const {
  fan.waiting_.push_back(awaiting);
}

/// Goes on with the next who waits before it returns.
void PromptFan::end_turn() {
  is_writing_ = !waiting_.empty();
  if (!is_writing_) return;
  const auto next = waiting_.front();
  waiting_.pop_front();
  next.resume();
}

net::Task<bool> PromptFan::begin(std::string_view fields) {
  co_await Turn{*this};
  bool is_taken = !is_over();
  if (is_taken && delivery_.may_fail_over()) {
    AnswerNotes notes;
    add_notes(notes, fields);
    for (const auto& asked : asked_) notes.attempts += asked->result.attempts;
    is_taken = co_await delivery_.commit(operation_.media_type(), notes, {});
  }
  end_turn();
  co_return is_taken;
}

net::Task<bool> PromptFan::write(std::string_view bytes) {
  co_await Turn{*this};
  bool is_taken = !is_over();
  if (is_taken) is_taken = co_await delivery_.more(bytes);
  end_turn();
  co_return is_taken;
}

// ---- the calls ----------------------------------------------------------------------------------

bool PromptFan::may_start() const {
  const bool has_more = !crowded_out_.empty() || asked_.size() < operation_.prompts();
  return has_more && !is_over() && under_way_ < under_way_max_;
}

void PromptFan::start() {
  Asked* asked = nullptr;
  if (crowded_out_.empty()) {
    asked = asked_.emplace_back(std::make_unique<Asked>(*this, asked_.size())).get();
  } else {
    asked = crowded_out_.front();
    crowded_out_.pop_front();
  }
  static_cast<void>(ask(*asked));
}

Background PromptFan::ask(Asked& asked) {
  ++under_way_;
  asked.result = {};  // where it is asked again, all is as if it never was
  asked.settled.reset();
  asked.fields.clear();
  const Part part{asked.request_id, *asked.operation, asked.cancellation, asked.channel,
                  asked.result};
  net::Task<void> asking = ask_(part);
  co_await std::move(asking);
  asking = {};
  --under_way_;
  if (under_way_ > 0 && has_no_room(asked.result)) {
    under_way_max_ = under_way_;
    crowded_out_.push_back(&asked);
  } else {
    asked.operation.reset();
    if (asked.result.outcome != Outcome::completed && failed_ == nullptr) failed_ = &asked;
  }
  // Last: whoever waits may let the fan go.
  bell_.ring();
}

void PromptFan::end_others() {
  for (const auto& asked : asked_) {
    if (asked->operation) asked->cancellation.cancel();
  }
}

net::Task<void> PromptFan::one_ends(net::Cancellation& cancellation) {
  constexpr std::chrono::hours long_time{24};
  BellWait end(loop_, loop_.now() + long_time, cancellation, bell_);
  co_await end;
}

net::Task<void> PromptFan::all_end() {
  net::Cancellation never;
  while (under_way_ > 0) co_await one_ends(never);
}

net::Task<CallResult> PromptFan::run() {
  for (;;) {
    while (may_start()) start();
    if (is_over() || under_way_ == 0) break;
    co_await one_ends(cancellation_);
  }
  if (is_over()) end_others();
  // Whoever still listens is not to wait for calls that are of no use to him any more.
  if (cancellation_.is_cancelled()) co_await all_end();
  CallResult result = joint_result();
  delivery_.tell_settled(result);
  if (!cancellation_.is_cancelled()) {
    const bool is_taken = co_await conclude(result);
    if (!is_taken) result.outcome = Outcome::cancelled_client;
  }
  co_await all_end();
  co_return result;
}

net::Task<bool> PromptFan::conclude(const CallResult& result) {
  co_await Turn{*this};
  bool is_taken = true;
  if (failed_ != nullptr) {
    is_taken = co_await tell_failure(result);
  } else {
    is_taken = co_await answer(result);
  }
  end_turn();
  co_return is_taken;
}

// ---- the joint answer ---------------------------------------------------------------------------

CallResult PromptFan::joint_result() const {
  CallResult joint;
  joint.outcome = Outcome::completed;
  joint.duration = std::chrono::duration_cast<milliseconds>(loop_.now() - started_);
  for (const auto& asked : asked_) {
    const CallResult& result = asked->result;
    joint.attempts += result.attempts;
    joint.cost_nanousd += result.cost_nanousd;
    joint.rows.insert(joint.rows.end(), result.rows.begin(), result.rows.end());
    if (result.usage) joint.usage = joint.usage ? sum(*joint.usage, *result.usage) : *result.usage;
    if (result.outcome != Outcome::completed) continue;
    joint.target = result.target;
    joint.provider = result.provider;
  }
  if (failed_ != nullptr) {
    joint.outcome = failed_->result.outcome;
    joint.error = failed_->result.error;
    joint.target = failed_->result.target;
    joint.provider = failed_->result.provider;
  }
  if (cancellation_.is_cancelled()) joint.outcome = Outcome::cancelled_client;
  return joint;
}

AnswerNotes PromptFan::joint_notes(const CallResult& result) const {
  AnswerNotes notes;
  bool is_cost_known = true;
  for (const auto& asked : asked_) {
    if (failed_ != nullptr && asked.get() != failed_) continue;
    add_notes(notes, asked->fields);
    is_cost_known = is_cost_known && !field_in(asked->fields, "x-weir-cost").empty();
  }
  notes.attempts = result.attempts;
  if (is_cost_known) notes.cost = to_usd_text(NanoUsd(result.cost_nanousd));
  return notes;
}

net::Task<bool> PromptFan::answer(const CallResult& result) {
  AnswerNotes notes = joint_notes(result);
  bool is_taken = true;
  if (operation_.is_stream()) {
    const std::string last = stream_end();
    if (delivery_.may_fail_over()) {
      is_taken = co_await delivery_.commit(operation_.media_type(), notes, {});
    }
    if (is_taken) is_taken = co_await delivery_.finish(last);
    co_return is_taken;
  }
  std::vector<std::string> answers;
  for (const auto& asked : asked_) answers.push_back(std::move(asked->whole));
  std::string body;
  wire::openai::join_completions(answers, body);
  constexpr int ok = 200;
  is_taken = co_await delivery_.whole(ok, operation_.media_type(), notes, body);
  co_return is_taken;
}

net::Task<bool> PromptFan::tell_failure(const CallResult& result) {
  bool is_taken = true;
  if (delivery_.may_fail_over()) {
    const AnswerNotes notes = joint_notes(result);
    is_taken = co_await delivery_.refuse(result.error, notes);
  } else {
    std::string frame;
    end_encoder({})->fail(result.error, delivery_.request_id(), frame);
    is_taken = co_await delivery_.finish(frame);
  }
  co_return is_taken;
}

std::unique_ptr<wire::StreamEncoder> PromptFan::end_encoder(std::string_view model) const {
  static const wire::openai::CompletionStyle style;
  const std::string id = operation_.answer_id();
  const wire::StreamOptions options{.id = id,
                                    .model = model,
                                    .created = operation_.unix_seconds(),
                                    .wants_usage = operation_.wants_stream_usage()};
  return wire::openai::make_completion_stream_encoder(options, style);
}

std::string PromptFan::stream_end() const {
  std::optional<wire::Usage> usage;
  for (const auto& asked : asked_) {
    const auto& told = asked->end.usage;
    if (told) usage = usage ? sum(*usage, *told) : *told;
  }
  const auto encoder = end_encoder(asked_.front()->end.model);
  std::string text;
  if (usage) {
    wire::StreamEvent event;
    event.type = wire::StreamEvent::Type::usage;
    event.usage = &*usage;
    encoder->encode(event, text);
  }
  encoder->finish(text);
  return text;
}

}  // namespace weir::pipeline
