// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace weir {

/// Where chance comes from: a port, so that the same seed and script give the same run. Not for
/// secrets.
class Random {
 public:
  virtual ~Random() = default;
  /// 64 bits, each as likely 0 as 1.
  virtual std::uint64_t next() = 0;

  /// A number in [low, high], each equally likely. Precondition: low <= high (asserted).
  std::int64_t uniform(std::int64_t low, std::int64_t high);

 protected:
  Random() = default;
  Random(const Random&) = default;
  Random& operator=(const Random&) = default;
};

/// xoshiro256**, its state filled from `seed` by splitmix64. One per thread.
/// Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators".
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept;
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace weir
