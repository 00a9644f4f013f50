// SPDX-License-Identifier: Apache-2.0
#include "guard/answer_filter.hpp"

#include <utility>

#include "guard/json_screen.hpp"
#include "json/document.hpp"

namespace weir::guard {

bool AnswerFilter::stop(const Rule* rule) {
  stopped_by_ = rule;
  return false;
}

// ---- whole answers --------------------------------------------------------------------------

bool AnswerFilter::filter_text(std::string& text, bool& is_changed) {
  TextFilter filter(rules_, Side::output);
  std::string out;
  if (!filter.feed(text, out) || !filter.finish(out)) return stop(filter.stopped_by());
  is_changed = filter.has_changed();
  if (is_changed) text = std::move(out);
  return true;
}

/// Free text (of custom tools) and broken JSON are looked at as they are.
bool AnswerFilter::filter_arguments(std::string& arguments) {
  json::Document document;
  bool is_changed = false;
  if (!document.parse(arguments)) return filter_text(arguments, is_changed);
  Screened screened = screen_arguments(document.root(), rules_);
  if (screened.stopped_by != nullptr) return stop(screened.stopped_by);
  if (screened.text) arguments = *std::move(screened.text);
  return true;
}

bool AnswerFilter::filter_item(wire::Item& item) {
  bool is_changed = false;
  if (auto* message = std::get_if<wire::Message>(&item)) {
    for (wire::Part& part : message->parts) {
      const bool is_text =
          part.kind == wire::PartKind::text || part.kind == wire::PartKind::refusal;
      if (is_text && !filter_text(part.text, is_changed)) return false;
    }
  } else if (auto* call = std::get_if<wire::ToolCall>(&item)) {
    return filter_arguments(call->arguments);
  } else if (auto* reasoning = std::get_if<wire::Reasoning>(&item)) {
    if (!filter_text(reasoning->text, is_changed)) return false;
    for (std::string& text : reasoning->summary) {
      bool is_summary_changed = false;
      if (!filter_text(text, is_summary_changed)) return false;
    }
    // A seal on other words would be refused where it comes back to.
    if (is_changed) reasoning->signature.clear();
  }
  return true;
}

bool AnswerFilter::whole(wire::ChatResponse& response) {
  for (wire::Choice& choice : response.choices) {
    for (wire::Item& item : choice.output) {
      if (!filter_item(item)) return false;
    }
  }
  return true;
}

// ---- streams --------------------------------------------------------------------------------

AnswerFilter::Choice& AnswerFilter::choice_of(const wire::StreamEvent& event) {
  return choices_.try_emplace(event.choice, rules_).first->second;
}

bool AnswerFilter::pass_piece(TextFilter& filter, const wire::StreamEvent& event,
                              wire::EventSink& next) {
  std::string out;
  if (!filter.feed(event.text, out)) return stop(filter.stopped_by());
  if (out.empty() && event.signature.empty()) return true;
  wire::StreamEvent piece = event;
  piece.text = out;
  piece.logprobs = {};  // of other pieces
  next.on_event(piece);
  return true;
}

bool AnswerFilter::flush(TextFilter& filter, Type type, std::uint32_t choice,
                         wire::EventSink& next) {
  if (!filter.is_holding()) return true;
  std::string out;
  if (!filter.finish(out)) return stop(filter.stopped_by());
  if (out.empty()) return true;
  wire::StreamEvent piece;
  piece.type = type;
  piece.choice = choice;
  piece.text = out;
  next.on_event(piece);
  return true;
}

/// What comes now is of another kind, so that nothing more follows what is held.
bool AnswerFilter::flush_texts(Choice& choice, std::uint32_t index, wire::EventSink& next) {
  return flush(choice.reasoning, Type::reasoning, index, next) &&
         flush(choice.refusal, Type::refusal, index, next) &&
         flush(choice.text, Type::text, index, next);
}

bool AnswerFilter::flush_call(Choice& choice, std::uint32_t index, std::uint32_t tool,
                              wire::EventSink& next) {
  auto call = choice.arguments.extract(tool);
  if (call.empty()) return true;
  std::string& arguments = call.mapped();
  if (!filter_arguments(arguments)) return false;
  if (arguments.empty()) return true;
  wire::StreamEvent piece;
  piece.type = Type::tool_call_delta;
  piece.choice = index;
  piece.tool = tool;
  piece.text = arguments;
  next.on_event(piece);
  return true;
}

bool AnswerFilter::flush_all(Choice& choice, std::uint32_t index, wire::EventSink& next) {
  if (!flush_texts(choice, index, next)) return false;
  while (!choice.arguments.empty()) {
    if (!flush_call(choice, index, choice.arguments.begin()->first, next)) return false;
  }
  return true;
}

bool AnswerFilter::on_event(const wire::StreamEvent& event, wire::EventSink& next) {
  if (stopped_by_ != nullptr) return false;
  if (event.type == Type::start || event.type == Type::usage || event.type == Type::error) {
    next.on_event(event);
    return true;
  }
  Choice& choice = choice_of(event);
  wire::StreamEvent passed = event;
  switch (event.type) {
    case Type::text:
      return flush(choice.reasoning, Type::reasoning, event.choice, next) &&
             pass_piece(choice.text, event, next);
    case Type::refusal:
      return pass_piece(choice.refusal, event, next);
    case Type::reasoning:
      return pass_piece(choice.reasoning, event, next);
    case Type::tool_call_delta:
      choice.arguments[event.tool].append(event.text);
      return true;
    case Type::reasoning_signature:
      if (!flush(choice.reasoning, Type::reasoning, event.choice, next)) return false;
      if (choice.reasoning.has_changed()) return true;  // a seal on other words
      break;
    case Type::tool_call_end:
      if (!flush_call(choice, event.choice, event.tool, next)) return false;
      break;
    case Type::finish:
      if (!flush_all(choice, event.choice, next)) return false;
      if (choice.text.is_cut()) passed.finish = wire::Finish::length;
      break;
    default:
      if (!flush_texts(choice, event.choice, next)) return false;
  }
  next.on_event(passed);
  return true;
}

}  // namespace weir::guard
