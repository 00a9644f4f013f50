// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/ids.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace weir::wire::openai {
namespace {

constexpr std::size_t mistral_id_length = 9;

// FNV-1a: ids must differ within one conversation, nobody gains from forging one.
constexpr std::uint64_t hash_start = 0xcbf29ce484222325U;
constexpr std::uint64_t hash_prime = 0x100000001b3U;

std::uint64_t hash_of(std::string_view text, std::uint64_t hash = hash_start) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * hash_prime;
  return hash;
}

void append_base62(std::string& out, std::uint64_t value, std::size_t digits) {
  constexpr std::string_view alphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (std::size_t i = 0; i < digits; ++i) {
    out.push_back(alphabet[value % alphabet.size()]);
    value /= alphabet.size();
  }
}

}  // namespace

std::string made_up_call_id(std::string_view seed, std::uint64_t choice, std::uint64_t ordinal) {
  std::string id = "call_";
  append_base62(id, hash_of(seed), 11);
  append_base62(id, choice, 3);
  append_base62(id, ordinal, 10);
  return id;
}

std::string mistral_call_id(std::string_view id) {
  const bool fits = id.size() == mistral_id_length &&
                    std::all_of(id.begin(), id.end(), [](char c) { return ascii::is_alnum(c); });
  if (fits) return std::string(id);
  std::string hashed;
  append_base62(hashed, hash_of(id), mistral_id_length);
  return hashed;
}

}  // namespace weir::wire::openai
