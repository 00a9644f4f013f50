// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.hpp"

#include <string_view>

namespace weir {
namespace {

constexpr std::string_view prefix = "req_";
constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";  // as ASCII sorts them
constexpr int time_letters = 9;                                           // up to the year 3084
constexpr int chance_letters = 15;
constexpr int letters_of_word = 12;

}  // namespace

std::string make_request_id(std::int64_t unix_ms, Random& random) {
  std::string id(prefix);
  id.reserve(prefix.size() + time_letters + chance_letters);
  const auto time = static_cast<std::uint64_t>(unix_ms);
  for (int i = time_letters; i-- > 0;) id.push_back(letters[(time >> (5 * i)) & 31U]);
  std::uint64_t bits = 0;
  for (int i = 0; i < chance_letters; ++i, bits >>= 5U) {
    if (i % letters_of_word == 0) bits = random.next();
    id.push_back(letters[bits & 31U]);
  }
  return id;
}

}  // namespace weir
