// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>
#include <vector>

#include "json/document.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/answer.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/content.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/last_piece.hpp"
#include "wire/sse.hpp"

namespace weir::wire::gemini {
namespace {

using Type = StreamEvent::Type;

/// Each event is a whole answer with the new parts only. Calls come whole; usage is cumulative.
class Decoder final : public StreamDecoder {
 public:
  explicit Decoder(std::size_t event_bytes_max) : sse_(event_bytes_max) {}

  Result<> feed(std::string_view bytes, EventSink& sink) override {
    if (is_over_) return {};
    sse_.feed(bytes);
    return drain(sink);
  }

  Result<> end(EventSink& sink) override {
    if (is_over_) return {};
    sse_.finish();
    WEIR_TRY(drain(sink));
    if (std::exchange(is_over_, true)) return {};
    for (const ChoiceState& choice : choices_) {
      if (choice.reason.empty()) continue;
      StreamEvent event = event_of(Type::finish, choice.index);
      event.finish = finish_of(choice.reason, choice.calls > 0);
      sink.on_event(event);
    }
    if (choices_.empty() && is_blocked_) {
      StreamEvent event = event_of(Type::finish, 0);
      event.finish = Finish::content_filter;
      sink.on_event(event);
    }
    return {};
  }

  bool give_up_half(Half which) override { return wire::give_up_half(sse_, which); }
  [[nodiscard]] bool is_complete() const override {
    for (const ChoiceState& choice : choices_) {
      if (choice.reason.empty()) return false;
    }
    return !choices_.empty() || is_blocked_;
  }
  [[nodiscard]] bool is_terminated() const override { return false; }

 private:
  struct ChoiceState {
    std::uint32_t index;
    CallIds ids;
    std::uint32_t calls = 0;
    std::string reason;
  };

  static StreamEvent event_of(Type type, std::uint32_t choice) {
    StreamEvent event;
    event.type = type;
    event.choice = choice;
    return event;
  }

  Result<> drain(EventSink& sink) {
    SseParser::Event event;
    while (!is_over_ && sse_.next(event)) {
      auto read = chunk(event.data, sink);
      if (!read) return lost(std::move(read).error());
    }
    if (sse_.is_overflowing()) {
      return lost(Error(ErrorCode::upstream_malformed, "an event of the stream is too large"));
    }
    return {};
  }

  Error lost(Error error) {
    is_over_ = true;
    return error;
  }

  Result<> chunk(std::string_view data, EventSink& sink) {
    if (auto parsed = document_.parse(data); !parsed) {
      return Error(ErrorCode::upstream_malformed, parsed.error().message);
    }
    const json::Value root = document_.root();
    if (is_fault(root)) {
      const UpstreamFault fault = read_fault(0, data);
      StreamEvent event = event_of(Type::error, 0);
      event.fault = &fault;
      is_over_ = true;
      sink.on_event(event);
      return {};
    }
    json::Problem problem;
    answer(root, problem, sink);
    if (problem.is_set()) return malformed(problem);
    return {};
  }

  void answer(json::Value root, json::Problem& problem, EventSink& sink) {
    const json::Path path;
    ProtoReader reader(root, path, problem);
    const std::string id = reader.string("responseId").value_or("");
    const std::string model = reader.string("modelVersion").value_or("");
    if (problem.is_set()) return;
    start(root, id, model, sink);
    if (const auto candidates = reader.array("candidates")) {
      const json::Path list = reader.path("candidates");
      std::size_t i = 0;
      for (const json::Value value : candidates->elements()) {
        candidate(value, json::Path{&list, {}, i++}, problem, sink);
        if (problem.is_set()) return;
      }
    }
    is_blocked_ = is_blocked_ || is_prompt_blocked(root);
    if (const auto metadata = reader.object("usageMetadata")) {
      usage(*metadata, reader.path("usageMetadata"), problem, sink);
    }
  }

  void start(json::Value root, std::string_view id, std::string_view model, EventSink& sink) {
    if (std::exchange(is_started_, true)) return;
    seed_ = id.empty() ? root.raw() : id;
    StreamEvent event = event_of(Type::start, 0);
    event.id = id;
    event.model = model;
    sink.on_event(event);
  }

  ChoiceState& state_of(std::uint32_t index) {
    for (ChoiceState& choice : choices_) {
      if (choice.index == index) return choice;
    }
    return choices_.emplace_back(ChoiceState{index, CallIds(seed_, index), 0, {}});
  }

  void candidate(json::Value value, const json::Path& path, json::Problem& problem,
                 EventSink& sink) {
    const std::uint32_t index = candidate_index(value, path, problem);
    if (problem.is_set()) return;
    ChoiceState& state = state_of(index);
    Candidate candidate = decode_candidate(value, path, state.ids, problem);
    if (problem.is_set()) return;
    std::string_view logprobs = candidate.choice.logprobs;
    for (const Item& item : candidate.choice.output) {
      if (const auto* message = std::get_if<Message>(&item)) {
        tell_text(*message, index, std::exchange(logprobs, {}), sink);
      } else if (const auto* reasoning = std::get_if<Reasoning>(&item)) {
        tell_thought(*reasoning, index, sink);
      } else if (const auto* call = std::get_if<ToolCall>(&item)) {
        tell_call(*call, index, state.calls++, sink);
      }
    }
    if (!candidate.reason.empty()) state.reason = std::move(candidate.reason);
  }

  // Media has no event: a stream can carry only its text to other dialects.
  static void tell_text(const Message& message, std::uint32_t choice, std::string_view logprobs,
                        EventSink& sink) {
    for (const Part& part : message.parts) {
      if (part.kind != PartKind::text) continue;
      const std::string signature = text_signature(part);
      if (part.text.empty() && signature.empty()) continue;
      StreamEvent event = event_of(Type::text, choice);
      event.text = part.text;
      event.signature = signature;
      event.logprobs = std::exchange(logprobs, {});
      sink.on_event(event);
    }
  }

  static void tell_thought(const Reasoning& reasoning, std::uint32_t choice, EventSink& sink) {
    StreamEvent event = event_of(Type::reasoning, choice);
    event.text = reasoning.text;
    if (!event.text.empty()) sink.on_event(event);
    event.type = Type::reasoning_signature;
    event.sealed_by = reasoning.sealed_by;
    event.text = reasoning.signature;
    if (!event.text.empty()) sink.on_event(event);
  }

  static void tell_call(const ToolCall& call, std::uint32_t choice, std::uint32_t ordinal,
                        EventSink& sink) {
    StreamEvent event = event_of(Type::tool_call_begin, choice);
    event.tool = ordinal;
    event.id = call.id;
    event.name = call.name;
    event.signature = call.signature;
    sink.on_event(event);
    StreamEvent delta = event_of(Type::tool_call_delta, choice);
    delta.tool = ordinal;
    delta.text = call.arguments;
    sink.on_event(delta);
    StreamEvent end = event_of(Type::tool_call_end, choice);
    end.tool = ordinal;
    sink.on_event(end);
  }

  void usage(json::Value metadata, const json::Path& path, json::Problem& problem,
             EventSink& sink) {
    const Usage usage = decode_usage(metadata, path, problem, nullptr);
    if (problem.is_set() || usage_ == usage) return;
    usage_ = usage;
    StreamEvent event = event_of(Type::usage, 0);
    event.usage = &usage;
    sink.on_event(event);
  }

  SseParser sse_;
  json::Document document_;
  std::vector<ChoiceState> choices_;  ///< at most `choices_max`
  std::optional<Usage> usage_;        ///< last told
  std::string seed_;
  bool is_started_ = false;
  bool is_blocked_ = false;
  bool is_over_ = false;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks /*quirks*/, std::size_t event_bytes_max) {
  return std::make_unique<Decoder>(event_bytes_max);
}

}  // namespace weir::wire::gemini
