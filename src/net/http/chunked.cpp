// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/ascii.hpp"
#include "net/http/field_line.hpp"
#include "net/http/scanner.hpp"

namespace weir::net::http {
namespace {

constexpr std::uint32_t size_digits_max = 16;
constexpr std::size_t extension_bytes_max = 256;
constexpr std::size_t extension_bytes_total_max = 4 * 1024;
constexpr std::size_t trailer_bytes_max = 8 * 1024;

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view input) {
  Step step;
  while (step.consumed < input.size() && state_ != State::done) {
    if (state_ == State::data) {
      const std::string_view rest = input.substr(step.consumed);
      step.data =
          rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
      step.consumed += step.data.size();
      left_ -= step.data.size();
      if (left_ == 0) state_ = State::data_cr;
      return step;
    }
    const std::string_view reason = take_framing_byte(input[step.consumed]);
    if (!reason.empty()) {
      step.error.emplace(refusal_, std::string(reason));
      return step;
    }
    ++step.consumed;
  }
  step.is_done = state_ == State::done;
  return step;
}

std::string_view ChunkedDecoder::take_framing_byte(char c) {
  switch (state_) {
    case State::size:
      return take_size_byte(c);
    case State::extension:
      return take_extension_byte(c);
    case State::size_line_feed:
      if (c != '\n') return "a bare CR stands in a chunk's size line";
      extension_bytes_ = 0;
      digits_ = 0;
      state_ = left_ > 0 ? State::data : State::trailer;
      return {};
    case State::data_cr:
      if (c != '\r') return "a chunk is not followed by CRLF";
      state_ = State::data_line_feed;
      return {};
    case State::data_line_feed:
      if (c != '\n') return "a chunk is not followed by CRLF";
      state_ = State::size;
      return {};
    case State::trailer:
      return take_trailer_byte(c);
    case State::data:
    case State::done:
      break;
  }
  return {};
}

std::string_view ChunkedDecoder::take_size_byte(char c) {
  if (const int value = ascii::hex_value(c); value >= 0) {
    if (++digits_ > size_digits_max) return "a chunk's size has too many digits";
    left_ = left_ << 4 | static_cast<std::uint64_t>(value);
    return {};
  }
  if (digits_ == 0 || (c != '\r' && c != ';')) return "a chunk's size is malformed";
  state_ = c == '\r' ? State::size_line_feed : State::extension;
  return {};
}

std::string_view ChunkedDecoder::take_extension_byte(char c) {
  if (c == '\r') {
    state_ = State::size_line_feed;
    return {};
  }
  if (!is_field_text({&c, 1})) return "a chunk's extension has a control character";
  if (++extension_bytes_ > extension_bytes_max) return "a chunk's extension is too long";
  if (++extension_bytes_total_ > extension_bytes_total_max)
    return "the chunks' extensions are too long";
  return {};
}

std::string_view ChunkedDecoder::take_trailer_byte(char c) {
  trailer_line_.push_back(c);
  if (c != '\n') {
    // What may be the CR of the last, empty line is not counted.
    const bool is_over =
        trailer_bytes_ + trailer_line_.size() > trailer_bytes_max && trailer_line_ != "\r";
    return is_over ? "the trailers are too large" : std::string_view{};
  }
  std::string_view line = trailer_line_;
  if (!line.ends_with("\r\n")) return "a trailer ends in a bare line feed";
  line.remove_suffix(2);
  if (line.empty()) {
    state_ = State::done;
    return {};
  }
  trailer_bytes_ += trailer_line_.size();
  if (trailer_bytes_ > trailer_bytes_max) return "the trailers are too large";
  Field dropped;
  const std::string_view reason = read_field_line(line, dropped);
  trailer_line_.clear();
  return reason;
}

}  // namespace weir::net::http
