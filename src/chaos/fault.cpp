// SPDX-License-Identifier: Apache-2.0
#include "chaos/fault.hpp"

#include <array>
#include <charconv>

#include "base/duration_text.hpp"

namespace weir::chaos {
namespace {

constexpr std::int64_t number_max = 1'000'000'000;

std::optional<std::int64_t> read_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || value > number_max || value < -number_max) return std::nullopt;
  return value;
}

/// Where a fault happens; without a value at the first token.
bool read_place(std::string_view text, std::optional<std::size_t>& out) {
  const auto value = text.empty() ? 0 : read_number(text);
  if (!value || *value < 0) return false;
  out = static_cast<std::size_t>(*value);
  return true;
}

bool read_wait(std::string_view text, milliseconds& out) {
  const auto wait = parse_go_duration(text);
  if (!wait) return false;
  out = *wait;
  return true;
}

bool read_status(Fault& fault, std::string_view text) {
  const auto value = read_number(text);
  if (!value || *value < 200 || *value > 599) return false;
  fault.status = static_cast<int>(*value);
  return true;
}

/// As it stands, but nothing that would begin another header line.
bool read_field(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  out = text;
  return !text.empty();
}

bool set(bool& flag, std::string_view text) {
  flag = true;
  return text.empty();
}

struct Verb {
  std::string_view name;
  std::string_view value;
  std::string_view help;
  bool (*read)(Fault& fault, std::string_view text);
};

// clang-format off
constexpr std::array verbs{
    Verb{"ok", "", "a good answer", [](Fault&, std::string_view text) { return text.empty(); }},
    Verb{"status", "N", "this HTTP status, with an error in the dialect of the call", read_status},
    Verb{"retry_after", "V", "the header Retry-After, as it stands", [](Fault& f, std::string_view text) { return read_field(text, f.retry_after); }},
    Verb{"delay", "TIME", "wait before the answer begins: 300ms, 2s", [](Fault& f, std::string_view text) { return read_wait(text, f.delay); }},
    Verb{"drip", "TIME", "wait before each token", [](Fault& f, std::string_view text) { return read_wait(text, f.drip); }},
    Verb{"cut@byte", "N", "close the connection after so many bytes of the body", [](Fault& f, std::string_view text) { return read_place(text, f.cut_byte); }},
    Verb{"cut@token", "N", "close it after so many tokens", [](Fault& f, std::string_view text) { return read_place(text, f.cut_token); }},
    Verb{"stall", "[N]", "fall silent after so many tokens, with the connection open", [](Fault& f, std::string_view text) { return read_place(text, f.stall_token); }},
    Verb{"garbage", "[N]", "data that is no JSON in the place of token N", [](Fault& f, std::string_view text) { return read_place(text, f.garbage_token); }},
    Verb{"error_event", "[N]", "an error inside a good stream, in the place of token N", [](Fault& f, std::string_view text) { return read_place(text, f.error_event_token); }},
    Verb{"lie_length", "N", "a Content-Length that is off by so much: +10, -5", [](Fault& f, std::string_view text) { const auto n = read_number(text); if (n) f.length_lie = *n; return n.has_value(); }},
    Verb{"lie_usage", "N", "so many output tokens in the usage", [](Fault& f, std::string_view text) { f.usage_lie = read_number(text); return f.usage_lie.has_value(); }},
    Verb{"gzip_bomb", "", "a few bytes that unpack to 256 MiB", [](Fault& f, std::string_view text) { return set(f.is_gzip_bomb, text); }},
    Verb{"redirect", "[URL]", "302 to there", [](Fault& f, std::string_view text) { return read_field(text.empty() ? "http://127.0.0.1:9/elsewhere" : text, f.redirect); }},
    Verb{"no_terminator", "", "end a stream without its last events", [](Fault& f, std::string_view text) { return set(f.has_no_terminator, text); }},
    Verb{"double_terminator", "", "send them twice", [](Fault& f, std::string_view text) { return set(f.has_two_terminators, text); }},
};
// clang-format on

}  // namespace

Result<Fault> parse_fault(std::string_view text) {
  Fault fault;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    bool is_read = false;
    for (const Verb& verb : verbs) {
      if (verb.name == name) is_read = verb.read(fault, value);
    }
    if (!is_read) {
      return Error(ErrorCode::invalid_request,
                   "'" + std::string(word) + "' is no fault; the verbs are:\n" + fault_help());
    }
  }
  return fault;
}

std::string fault_help() {
  constexpr std::size_t column = 22;
  std::string text;
  for (const Verb& verb : verbs) {
    std::string line = "  " + std::string(verb.name);
    if (!verb.value.empty()) line.append("=").append(verb.value);
    line.append(column > line.size() ? column - line.size() : 1, ' ');
    text.append(line).append(verb.help).append("\n");
  }
  return text;
}

}  // namespace weir::chaos
