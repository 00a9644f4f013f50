// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "guard/rules.hpp"
#include "guard/text_filter.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::guard {

/// Looks at one answer, whole or as the events of a stream, in the form that all dialects share.
class AnswerFilter {
 public:
  /// `rules` outlives the filter.
  explicit AnswerFilter(const Rules& rules) : rules_(rules) {}

  /// Masks what is found. False: a rule stopped the answer.
  bool whole(wire::ChatResponse& response);

  /// Hands on to `next` what may go on of `event` and of what was held back before it. False: a
  /// rule stopped the answer; nothing more may be fed. Arguments of tool calls go on at their end.
  bool on_event(const wire::StreamEvent& event, wire::EventSink& next);

  /// The rule that stopped it; null: none.
  [[nodiscard]] const Rule* stopped_by() const noexcept { return stopped_by_; }

 private:
  using Type = wire::StreamEvent::Type;
  struct Choice;

  Choice& choice_of(const wire::StreamEvent& event);
  bool filter_text(std::string& text, bool& is_changed);
  bool filter_arguments(std::string& arguments);
  bool filter_item(wire::Item& item);
  bool pass_piece(TextFilter& filter, const wire::StreamEvent& event, wire::EventSink& next);
  bool flush(TextFilter& filter, Type type, std::uint32_t choice, wire::EventSink& next);
  bool flush_texts(Choice& choice, std::uint32_t index, wire::EventSink& next);
  bool flush_call(Choice& choice, std::uint32_t index, std::uint32_t tool, wire::EventSink& next);
  bool flush_all(Choice& choice, std::uint32_t index, wire::EventSink& next);
  bool stop(const Rule* rule);

  /// What a stream holds of one choice.
  struct Choice {
    explicit Choice(const Rules& rules)
        : text(rules, Side::output), refusal(rules, Side::output), reasoning(rules, Side::output) {}
    TextFilter text;
    TextFilter refusal;
    TextFilter reasoning;
    std::map<std::uint32_t, std::string> arguments;  ///< of calls under way
  };

  const Rules& rules_;
  const Rule* stopped_by_ = nullptr;
  std::map<std::uint32_t, Choice> choices_;
};

}  // namespace weir::guard
