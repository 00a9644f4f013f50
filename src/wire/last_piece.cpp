// SPDX-License-Identifier: Apache-2.0
#include "wire/last_piece.hpp"

namespace weir::wire {

std::optional<StreamEvent> LastPiece::half_before(const StreamEvent& event,
                                                  StreamDecoder& decoder) {
  using enum StreamEvent::Type;
  switch (event.type) {
    case text:
    case refusal:
    case reasoning:
    case tool_call_begin:
    case tool_call_delta: {
      // A piece of another kind ends the text before it, but may bring half a character itself.
      const auto type = event.type == tool_call_begin ? tool_call_delta : event.type;
      std::optional<StreamEvent> half;
      if (type_ != type && choice_ == event.choice) half = half_of(decoder, Half::earlier);
      type_ = type;
      choice_ = event.choice;
      tool_ = event.tool;
      return half;
    }
    case tool_call_end:
    case finish:
      break;
    default:
      return std::nullopt;
  }
  // The arguments of a call have their own end, which comes before the answer's.
  const bool is_its_end = type_ && event.choice == choice_ &&
                          (event.type == tool_call_end) == (*type_ == tool_call_delta);
  return is_its_end ? half_of(decoder, Half::any) : std::nullopt;
}

std::optional<StreamEvent> LastPiece::half_at_break(StreamDecoder& decoder) const {
  return half_of(decoder, Half::any);
}

std::optional<StreamEvent> LastPiece::half_of(StreamDecoder& decoder, Half which) const {
  if (!type_ || !decoder.give_up_half(which)) return std::nullopt;
  StreamEvent half;
  half.type = *type_;
  half.choice = choice_;
  half.tool = tool_;
  half.text = "\xEF\xBF\xBD";
  return half;
}

}  // namespace weir::wire
