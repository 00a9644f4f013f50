// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "wire/codec.hpp"
#include "wire/text_mender.hpp"

namespace weir::wire {

/// Knows where U+FFFD belongs when a text ends in half a character (S-9.7). The decoder holds that
/// back in case the text goes on, and can't tell when it does not.
class LastPiece {
 public:
  /// Called with every event, before it is dealt with. Answers the piece that has to come first,
  /// where `event` ends a text of which `decoder` still holds half a character.
  std::optional<StreamEvent> half_before(const StreamEvent& event, StreamDecoder& decoder);
  /// The same where nothing follows: the stream broke.
  [[nodiscard]] std::optional<StreamEvent> half_at_break(StreamDecoder& decoder) const;

 private:
  [[nodiscard]] std::optional<StreamEvent> half_of(StreamDecoder& decoder, Half which) const;

  std::optional<StreamEvent::Type> type_;  ///< none: nothing was said yet
  std::uint32_t choice_ = 0;
  std::uint32_t tool_ = 0;
};

/// `StreamDecoder::give_up_half` for one that reads by `parser`.
template <class Parser>
bool give_up_half(Parser& parser, Half which) {
  if (!parser.holds_half()) return false;
  if (which == Half::earlier && parser.is_half_of_newest()) return false;
  static_cast<void>(parser.give_up_half(TextMender::Rest::is_out));
  return true;
}

}  // namespace weir::wire
