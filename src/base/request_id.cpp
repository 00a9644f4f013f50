// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.hpp"

#include <algorithm>

namespace weir {
namespace {

constexpr std::string_view prefix = "req_";
constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";  // as ASCII sorts them
constexpr char call_mark = '-';                                           // no letter of these
constexpr int time_letters = 9;                                           // up to the year 3084
constexpr int chance_letters = 15;
constexpr int letters_of_word = 12;

}  // namespace

std::string make_request_id(std::int64_t unix_ms, Random& random) {
  std::string id(prefix.size() + time_letters + chance_letters, '\0');
  char* at = std::copy(prefix.begin(), prefix.end(), id.data());
  const auto time = static_cast<std::uint64_t>(unix_ms);
  for (int i = time_letters; i-- > 0;) *at++ = letters[(time >> (5 * i)) & 31U];
  std::uint64_t bits = 0;
  for (int i = 0; i < chance_letters; ++i, bits >>= 5U) {
    if (i % letters_of_word == 0) bits = random.next();
    *at++ = letters[bits & 31U];
  }
  return id;
}

std::string request_id_of_call(std::string_view request_id, std::size_t number) {
  return std::string(request_id).append(1, call_mark).append(std::to_string(number));
}

std::optional<std::int64_t> time_of_request_id(std::string_view id) {
  constexpr std::size_t size = prefix.size() + time_letters + chance_letters;
  const bool is_whole = id.size() == size || (id.size() > size && id[size] == call_mark);
  const bool is_ours = is_whole && id.starts_with(prefix);
  if (!is_ours) return std::nullopt;
  std::uint64_t time = 0;
  for (const char letter : id.substr(prefix.size(), time_letters)) {
    const bool is_digit = letter >= '0' && letter <= '9';
    if (!is_digit && (letter < 'a' || letter > 'v')) return std::nullopt;
    time = time << 5U | static_cast<std::uint64_t>(is_digit ? letter - '0' : letter - 'a' + 10);
  }
  return static_cast<std::int64_t>(time);
}

}  // namespace weir
