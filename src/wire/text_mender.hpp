// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::wire {

/// Makes an upstream's JSON text what JSON has to be: valid UTF-8, surrogates in pairs (S-9.7).
///
/// Engines that write token by token can cut a character in two, as bytes or as `\uXXXX` escapes,
/// and put one half at the end of a string and the other at the beginning of the next event's. The
/// first half is held back until the string of that name goes on, and what can't be made whole
/// becomes U+FFFD. What is no JSON for other reasons stays so.
class TextMender {
 public:
  /// One event of a stream. The view is of `text`, nearly always, or of the mender's own memory and
  /// holds until the next call.
  std::string_view event(std::string_view text);
  /// A whole answer: nothing follows, so nothing is held.
  std::string_view whole(std::string_view text);

  /// Half a character is held.
  [[nodiscard]] bool is_holding() const noexcept { return !held_.empty(); }
  /// The newest event brought it. Precondition: is_holding().
  [[nodiscard]] bool is_of_newest() const noexcept { return is_of_newest_; }
  /// The newest event went on with what was held before it.
  [[nodiscard]] bool has_gone_on() const noexcept { return has_gone_on_; }
  /// The event that brought the half, as it will be if no other half comes. Precondition:
  /// is_holding().
  [[nodiscard]] std::string marked() const;
  /// What has become of the rest of the event that brought the half.
  enum class Rest : std::uint8_t { waits, is_out };
  /// The half's string has ended: U+FFFD takes its place. Answers the event that brought it, in
  /// which U+FFFD stands behind the rest of the string, or is all of it where the rest is out. The
  /// view holds until the next call. Precondition: is_holding().
  std::string_view give_up(Rest rest);

 private:
  std::string_view mend(std::string_view text, bool may_hold);
  void append_string(std::string_view inside, bool may_hold);
  /// The same for what stands first in `rest`; answers what is left.
  std::string_view append_escape(std::string_view rest, bool may_hold);
  std::string_view append_sequence(std::string_view rest, bool may_hold);
  /// Puts together what is held and what `inside` begins with.
  std::string_view complete(std::string_view inside);
  void hold(std::string_view half);

  std::string out_;
  std::string held_;       ///< half a character, as it stood in its string
  std::string held_key_;   ///< the name of that string
  std::string_view key_;   ///< of the value that is read
  std::size_t begin_ = 0;  ///< in `out_`, of that value's inside
  std::string holder_;     ///< the event that brought what is held
  std::size_t holder_begin_ = 0;
  std::size_t holder_end_ = 0;
  bool is_of_newest_ = false;
  bool has_gone_on_ = false;
};

}  // namespace weir::wire
