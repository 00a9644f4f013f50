// SPDX-License-Identifier: Apache-2.0
#include "wire/replay.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace weir::wire {
namespace {

using Type = StreamEvent::Type;

class ChoiceReplay {
 public:
  ChoiceReplay(const Choice& choice, std::uint32_t index, EventSink& sink)
      : choice_(choice), index_(index), sink_(sink), logprobs_(choice.logprobs) {}

  void run() {
    for (const Item& item : choice_.output) {
      if (const auto* message = std::get_if<Message>(&item)) tell(*message);
      if (const auto* call = std::get_if<ToolCall>(&item)) tell(*call);
      if (const auto* reasoning = std::get_if<Reasoning>(&item)) tell(*reasoning);
    }
    if (choice_.finish == Finish::none) return;
    StreamEvent event = event_of(Type::finish);
    event.finish = choice_.finish;
    event.stop_sequence = choice_.stop_sequence;
    sink_.on_event(event);
  }

 private:
  [[nodiscard]] StreamEvent event_of(Type type) const {
    StreamEvent event;
    event.type = type;
    event.choice = index_;
    return event;
  }

  void tell_text(Type type, std::string_view text) {
    if (text.empty()) return;
    StreamEvent event = event_of(type);
    event.text = text;
    if (type == Type::text) event.logprobs = std::exchange(logprobs_, {});
    sink_.on_event(event);
  }

  void tell_seal(Type type, std::string_view seal, Vendor sealed_by) {
    if (seal.empty()) return;
    StreamEvent event = event_of(type);
    event.text = seal;
    event.sealed_by = sealed_by;
    sink_.on_event(event);
  }

  void tell(const Message& message) {
    for (const Part& part : message.parts) {
      if (part.kind == PartKind::text) tell_text(Type::text, part.text);
      if (part.kind == PartKind::refusal) tell_text(Type::refusal, part.text);
    }
  }

  void tell(const Reasoning& reasoning) {
    tell_text(Type::reasoning, reasoning.text);
    if (reasoning.text.empty()) {
      for (const auto& summary : reasoning.summary) tell_text(Type::reasoning, summary);
    }
    tell_seal(Type::reasoning_signature, reasoning.signature, reasoning.sealed_by);
    tell_seal(Type::reasoning_encrypted, reasoning.encrypted, reasoning.sealed_by);
  }

  void tell(const ToolCall& call) {
    StreamEvent event = event_of(Type::tool_call_begin);
    event.tool = calls_++;
    event.tool_kind = call.kind;
    event.id = call.id;
    event.name = call.name;
    event.signature = call.signature;
    sink_.on_event(event);
    event.type = Type::tool_call_delta;
    event.id = event.name = event.signature = {};
    event.text = call.arguments;
    if (!call.arguments.empty()) sink_.on_event(event);
    event.type = Type::tool_call_end;
    event.text = {};
    sink_.on_event(event);
  }

  const Choice& choice_;
  std::uint32_t index_;
  EventSink& sink_;
  std::string_view logprobs_;  ///< until they were told, with the first text
  std::uint32_t calls_ = 0;
};

}  // namespace

void replay(const ChatResponse& response, EventSink& sink) {
  StreamEvent start;
  start.type = Type::start;
  start.id = response.id;
  start.model = response.model;
  start.created = response.created;
  sink.on_event(start);
  std::uint32_t ordinal = 0;
  for (const Choice& choice : response.choices) {
    // Encoders keep a place for every index below: a server can't make them keep billions.
    const bool is_in_range =
        choice.index >= 0 && std::cmp_less(choice.index, response.choices.size());
    ChoiceReplay(choice, is_in_range ? static_cast<std::uint32_t>(choice.index) : ordinal, sink)
        .run();
    ++ordinal;
  }
  if (!response.usage) return;
  StreamEvent usage;
  usage.type = Type::usage;
  usage.usage = &*response.usage;
  sink.on_event(usage);
}

}  // namespace weir::wire
