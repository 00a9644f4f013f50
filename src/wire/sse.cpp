// SPDX-License-Identifier: Apache-2.0
#include "wire/sse.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace weir::wire {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Drops what was read once it is worth a move. Answers how many bytes went.
std::size_t compact(std::string& buffer, std::size_t& at) {
  const std::size_t read = at;
  const bool is_worth_it = at == buffer.size() || (at > 4096 && at > buffer.size() / 2);
  if (!is_worth_it) return 0;
  buffer.erase(0, read);
  at = 0;
  return read;
}

/// Where `wanted` stands first at or behind `from`; the size of `text` if nowhere.
std::size_t find_from(const std::string& text, std::size_t from, char wanted) {
  const std::size_t found = text.find(wanted, from);
  return found == std::string::npos ? text.size() : found;
}

}  // namespace

void SseParser::feed(std::string_view bytes) {
  if (is_overflowing_) return;
  keep_data();
  const std::size_t dropped = compact(buffer_, at_);
  line_feed_ -= std::min(line_feed_, dropped);
  carriage_return_ -= std::min(carriage_return_, dropped);
  buffer_.append(bytes);
}

bool SseParser::take_line(std::string_view& line) {
  if (skips_line_feed_ && at_ < buffer_.size()) {
    if (buffer_[at_] == '\n') ++at_;
    skips_line_feed_ = false;
  }
  line_feed_ = find_from(buffer_, std::max(line_feed_, at_), '\n');
  carriage_return_ = find_from(buffer_, std::max(carriage_return_, at_), '\r');
  const std::size_t end = std::min(line_feed_, carriage_return_);
  if (end == buffer_.size()) {
    if (!is_finished_ || at_ == buffer_.size()) return false;
    line = std::string_view(buffer_).substr(at_);
    at_ = buffer_.size();
    return true;
  }
  line = std::string_view(buffer_).substr(at_, end - at_);
  skips_line_feed_ = buffer_[end] == '\r';
  at_ = end + 1;
  return true;
}

void SseParser::read_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value;
  if (colon != std::string_view::npos) value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    add_data(value);
  } else if (field == "event") {
    type_.assign(value);
  }
}

void SseParser::add_data(std::string_view line) {
  if (!has_data_) {
    has_data_ = true;
    data_line_ = line;
    return;
  }
  keep_data();
  data_.push_back('\n');
  data_.append(line);
}

void SseParser::keep_data() {
  if (data_line_.empty()) return;
  data_.assign(data_line_);
  data_line_ = {};
}

void SseParser::give(Event& event) {
  given_type_.swap(type_);
  type_.clear();
  if (data_line_.empty()) {
    given_data_.swap(data_);
    data_.clear();
    event = {given_type_, given_data_};
  } else {
    event = {given_type_, std::exchange(data_line_, {})};
  }
  event.data = mender_.event(event.data);
  if (mender_.is_holding() && mender_.is_of_newest()) holder_type_ = event.type;
  has_data_ = false;
}

bool SseParser::next(Event& event) {
  if (!is_started_) {
    // Wait until three bytes can tell a mark from text.
    if (buffer_.size() < byte_order_mark.size() && !is_finished_ &&
        byte_order_mark.starts_with(buffer_)) {
      return false;
    }
    if (buffer_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
    is_started_ = true;
  }
  std::string_view line;
  while (!is_overflowing_ && take_line(line)) {
    if (!line.empty()) {
      read_field(line);
      is_overflowing_ = data_size() > event_bytes_max_;
      continue;
    }
    if (!has_data_) {
      type_.clear();
      continue;
    }
    give(event);
    return true;
  }
  if (buffer_.size() - at_ > event_bytes_max_) is_overflowing_ = true;
  if (is_finished_ && has_data_ && !is_overflowing_) {
    give(event);
    return true;
  }
  return false;
}

void SseParser::finish() { is_finished_ = true; }

void LineParser::feed(std::string_view bytes) {
  if (is_overflowing_) return;
  scan_ -= compact(buffer_, at_);
  buffer_.append(bytes);
}

bool LineParser::next(std::string_view& line) {
  while (!is_overflowing_) {
    const std::size_t end = buffer_.find('\n', scan_);
    if (end == std::string::npos) {
      scan_ = buffer_.size();
      is_overflowing_ = buffer_.size() - at_ > line_bytes_max_;
      if (is_overflowing_ || !is_finished_ || at_ == buffer_.size()) return false;
      line = std::string_view(buffer_).substr(at_);
      at_ = buffer_.size();
    } else {
      line = std::string_view(buffer_).substr(at_, end - at_);
      at_ = scan_ = end + 1;
      is_overflowing_ = line.size() > line_bytes_max_;
      if (is_overflowing_) return false;
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    line = mender_.event(line);
    return true;
  }
  return false;
}

void append_sse(std::string& out, std::string_view type, std::string_view data) {
  WEIR_ASSERT(type.find_first_of("\r\n") == std::string_view::npos);
  if (!type.empty()) out.append("event: ").append(type).append("\n");
  const bool is_one_line =
      data.find('\n') == std::string_view::npos && data.find('\r') == std::string_view::npos;
  if (is_one_line) {
    // Nearly always so, and two searches for one byte are much faster than one for either.
    out.append("data: ").append(data).append("\n\n");
    return;
  }
  std::string_view rest = data;
  for (;;) {
    const auto line_end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, line_end)).append("\n");
    if (line_end == std::string_view::npos) break;
    const bool is_crlf = rest.substr(line_end, 2) == "\r\n";
    rest.remove_prefix(line_end + (is_crlf ? 2 : 1));
  }
  out.append("\n");
}

}  // namespace weir::wire
