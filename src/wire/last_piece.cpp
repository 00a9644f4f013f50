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
    case tool_call_delta:
      type_ = event.type;
      choice_ = event.choice;
      tool_ = event.tool;
      return std::nullopt;
    case tool_call_end:
    case finish:
      break;
    default:
      return std::nullopt;
  }
  // The arguments of a call have their own end, which comes before the answer's.
  const bool is_its_end = type_ && event.choice == choice_ &&
                          (event.type == tool_call_end) == (*type_ == tool_call_delta);
  if (!is_its_end || !decoder.give_up_half()) return std::nullopt;
  StreamEvent half;
  half.type = *type_;
  half.choice = choice_;
  half.tool = tool_;
  half.text = "\xEF\xBF\xBD";
  return half;
}

}  // namespace weir::wire
