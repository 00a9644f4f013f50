// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/text_mender.hpp"

namespace weir::wire {

/// One event or line of a stream may be as long as this, where nothing else is said.
inline constexpr std::size_t event_bytes_max_default = std::size_t{32} << 20;

/// Cuts a server-sent-events stream into events, however its bytes arrive.
///
/// Takes LF, CR and CRLF in any mix, a byte-order mark at the start only, and joins several `data:`
/// lines with LF. Comments and unknown fields are skipped. Data comes as valid UTF-8
/// (`TextMender`). Source: WHATWG HTML, "Parsing an event stream" and "Interpreting an event
/// stream".
class SseParser {
 public:
  /// Views that hold until the next call of `next` or `feed`.
  struct Event {
    std::string_view type;  ///< of the `event:` field; empty when there was none
    std::string_view data;
  };

  explicit SseParser(std::size_t event_bytes_max = event_bytes_max_default)
      : event_bytes_max_(event_bytes_max) {}

  /// Adds the next bytes of the body.
  void feed(std::string_view bytes);
  /// True with the next whole event that has data; false when more bytes are needed.
  bool next(Event& event);
  /// An event grew over the limit; nothing more will come.
  [[nodiscard]] bool is_overflowing() const noexcept { return is_overflowing_; }
  /// Bytes held back for an event that is not complete.
  [[nodiscard]] std::size_t held_bytes() const noexcept {
    return buffer_.size() - at_ + data_size();
  }
  /// The body ended: closes a last event that lacks its blank line. `next` may then give it.
  void finish();

  /// Of half a character that waits for the rest of its string: see `TextMender`.
  [[nodiscard]] bool holds_half() const noexcept { return mender_.is_holding(); }
  [[nodiscard]] bool is_half_of_newest() const noexcept { return mender_.is_of_newest(); }
  [[nodiscard]] bool has_half_gone_on() const noexcept { return mender_.has_gone_on(); }
  [[nodiscard]] std::string marked() const { return mender_.marked(); }
  Event give_up_half(TextMender::Rest rest) { return {holder_type_, mender_.give_up(rest)}; }

 private:
  bool take_line(std::string_view& line);
  void read_field(std::string_view line);
  void add_data(std::string_view line);
  /// Copies a data line out of the buffer, because that will change.
  void keep_data();
  void give(Event& event);
  [[nodiscard]] std::size_t data_size() const noexcept {
    return data_line_.empty() ? data_.size() : data_line_.size();
  }

  std::size_t event_bytes_max_;
  std::string buffer_;  ///< unread input, from `at_` on
  std::size_t at_ = 0;
  // No LF stands in [at_, line_feed_), no CR in [at_, carriage_return_). Two searches, each of
  // which goes on where it stopped: CR is rare, and then nearly free.
  std::size_t line_feed_ = 0;
  std::size_t carriage_return_ = 0;
  std::string type_;
  /// The data, once it has two lines or a line that outlived its buffer; until then the one line
  /// of most events stands in `data_line_`, a view of the buffer.
  std::string data_;
  std::string_view data_line_;
  std::string given_type_;
  std::string given_data_;
  std::string holder_type_;  ///< of the event that brought half a character
  TextMender mender_;
  bool has_data_ = false;
  bool is_started_ = false;       ///< past a possible byte-order mark
  bool skips_line_feed_ = false;  ///< the last line ended in CR: an LF right after belongs to it
  bool is_finished_ = false;
  bool is_overflowing_ = false;
};

/// Cuts newline-delimited JSON into lines. Same habits as `SseParser`.
class LineParser {
 public:
  using Event = SseParser::Event;

  explicit LineParser(std::size_t line_bytes_max = event_bytes_max_default)
      : line_bytes_max_(line_bytes_max) {}
  void feed(std::string_view bytes);
  /// True with the next line that is not blank; the view holds until the next call.
  bool next(std::string_view& line);
  [[nodiscard]] bool is_overflowing() const noexcept { return is_overflowing_; }
  /// The body ended: a last line without its newline counts.
  void finish() { is_finished_ = true; }

  [[nodiscard]] bool holds_half() const noexcept { return mender_.is_holding(); }
  [[nodiscard]] bool is_half_of_newest() const noexcept { return mender_.is_of_newest(); }
  Event give_up_half(TextMender::Rest rest) { return {{}, mender_.give_up(rest)}; }

 private:
  std::size_t line_bytes_max_;
  std::string buffer_;
  TextMender mender_;
  std::size_t at_ = 0;
  std::size_t scan_ = 0;
  bool is_finished_ = false;
  bool is_overflowing_ = false;
};

/// Appends an event in SSE framing. Every line of `data` becomes its own `data:` line, so no
/// payload can end the event early or forge another one.
///
/// Precondition: `type` has no CR or LF (asserted; event types are our own constants).
/// Source: WHATWG HTML, "Parsing an event stream".
void append_sse(std::string& out, std::string_view type, std::string_view data);

}  // namespace weir::wire
