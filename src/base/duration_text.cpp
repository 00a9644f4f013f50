// SPDX-License-Identifier: Apache-2.0
#include "base/duration_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace weir {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Unit {
  std::string_view name;
  nanoseconds length;
};

// The micro sign has two code points, and both are in use.
constexpr std::array go_units{
    Unit{"h", hours(1)},
    Unit{"m", minutes(1)},
    Unit{"s", seconds(1)},
    Unit{"ms", milliseconds(1)},
    Unit{"us", microseconds(1)},
    Unit{"\xC2\xB5s", microseconds(1)},
    Unit{"\xCE\xBCs", microseconds(1)},
    Unit{"ns", nanoseconds(1)},
};

constexpr std::array text_units{
    Unit{"h", hours(1)},
    Unit{"hour", hours(1)},
    Unit{"hours", hours(1)},
    Unit{"m", minutes(1)},
    Unit{"min", minutes(1)},
    Unit{"minute", minutes(1)},
    Unit{"minutes", minutes(1)},
    Unit{"s", seconds(1)},
    Unit{"sec", seconds(1)},
    Unit{"second", seconds(1)},
    Unit{"seconds", seconds(1)},
    Unit{"ms", milliseconds(1)},
    Unit{"millisecond", milliseconds(1)},
    Unit{"milliseconds", milliseconds(1)},
};

/// Takes the digits and the decimal point at the start of `text`; empty when no number starts
/// there. A point that no digit follows ends a sentence and stays.
std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && ascii::is_digit(text[end])) ++end;
  if (end + 1 < text.size() && text[end] == '.' && ascii::is_digit(text[end + 1])) {
    ++end;
    while (end < text.size() && ascii::is_digit(text[end])) ++end;
  }
  const std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  return number;
}

/// Takes letters (and the bytes of a micro sign) from the start of `text`.
std::string_view take_word(std::string_view& text) {
  const auto is_letter = [](char c) {
    return (ascii::is_alnum(c) && !ascii::is_digit(c)) || static_cast<unsigned char>(c) >= 0x80;
  };
  const auto end = std::find_if_not(text.begin(), text.end(), is_letter);
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

/// `number`, as `take_number` gives it, times `unit`, at most `wait_max`.
nanoseconds multiply(std::string_view number, nanoseconds unit) {
  // Held at `whole_max` after each digit, so that no count of digits overflows.
  const std::int64_t whole_max = nanoseconds(wait_max) / unit + 1;
  std::int64_t whole = 0;
  std::size_t i = 0;
  for (; i < number.size() && number[i] != '.'; ++i) {
    whole = std::min(whole * 10 + (number[i] - '0'), whole_max);
  }
  nanoseconds total = whole * unit;
  for (++i; i < number.size(); ++i) {
    unit /= 10;
    total += (number[i] - '0') * unit;
  }
  return std::min<nanoseconds>(total, wait_max);
}

milliseconds to_wait(nanoseconds total) {
  return std::min(std::chrono::ceil<milliseconds>(total), wait_max);
}

template <std::size_t n>
const Unit* find_unit(const std::array<Unit, n>& units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [name](const Unit& unit) {
    return ascii::equals_ignoring_case(unit.name, name);
  });
  return found == units.end() ? nullptr : &*found;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// Reads elements such as `1h 2 minutes` at the start of `text` until something else comes.
std::optional<nanoseconds> read_wait(std::string_view text) {
  std::optional<nanoseconds> total;
  for (;;) {
    skip_blanks(text);
    const std::string_view number = take_number(text);
    if (number.empty()) return total;
    skip_blanks(text);
    const Unit* const unit = find_unit(text_units, take_word(text));
    if (unit == nullptr) return total;
    total = std::min<nanoseconds>(total.value_or(nanoseconds{0}) + multiply(number, unit->length),
                                  wait_max);
  }
}

}  // namespace

std::optional<milliseconds> parse_decimal_wait(std::string_view text, nanoseconds unit) {
  WEIR_ASSERT(unit > nanoseconds{0});
  WEIR_ASSERT(unit <= hours(1));
  const std::string_view number = take_number(text);
  if (number.empty() || !text.empty()) return std::nullopt;
  return to_wait(multiply(number, unit));
}

std::optional<milliseconds> parse_go_duration(std::string_view text) {
  if (auto bare = parse_decimal_wait(text, seconds(1))) return bare;
  if (text.empty()) return std::nullopt;
  nanoseconds total{0};
  while (!text.empty()) {
    const std::string_view number = take_number(text);
    const std::string_view name = take_word(text);
    const Unit* const unit = find_unit(go_units, name);
    if (number.empty() || unit == nullptr || unit->name != name) return std::nullopt;
    total = std::min<nanoseconds>(total + multiply(number, unit->length), wait_max);
  }
  return to_wait(total);
}

std::optional<milliseconds> parse_protobuf_duration(std::string_view text) {
  if (!text.ends_with('s')) return std::nullopt;
  text.remove_suffix(1);
  return parse_decimal_wait(text, seconds(1));
}

std::optional<milliseconds> find_wait_in_text(std::string_view text) {
  std::optional<nanoseconds> last;
  bool is_word_start = true;
  while (!text.empty()) {
    const char front = text.front();
    if (is_word_start && ascii::is_alnum(front) && !ascii::is_digit(front)) {
      const std::string_view word = take_word(text);
      const bool announces =
          (ascii::equals_ignoring_case(word, "in") || ascii::equals_ignoring_case(word, "after")) &&
          text.starts_with(' ');
      if (announces) {
        if (auto wait = read_wait(text)) last = wait;
      }
      is_word_start = false;
      continue;
    }
    is_word_start = !ascii::is_alnum(front);
    text.remove_prefix(1);
  }
  if (!last) return std::nullopt;
  return to_wait(*last);
}

}  // namespace weir
