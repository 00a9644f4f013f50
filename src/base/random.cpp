// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <bit>

#include "base/assert.hpp"

namespace weir {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

std::int64_t Random::uniform(std::int64_t low, std::int64_t high) {
  WEIR_ASSERT(low <= high);
  // Unsigned arithmetic wraps by definition, so the widest range needs no case of its own.
  const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  std::uint64_t drawn = next();
  if (const std::uint64_t count = span + 1; count != 0) {
    // The first 2^64 mod count values would make small numbers likelier than large ones.
    const std::uint64_t surplus = (0 - count) % count;
    while (drawn < surplus) drawn = next();
    drawn %= count;
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + drawn);
}

SeededRandom::SeededRandom(std::uint64_t seed) noexcept {
  for (auto& word : state_) word = splitmix64(seed);
}

std::uint64_t SeededRandom::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace weir
