// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "health/sketch.hpp"
#include "policy/failure.hpp"

namespace weir::health {

using std::chrono::microseconds;

/// One attempt, as the statistics see it.
struct AttemptFigures {
  policy::FailureClass failure = policy::FailureClass::ok;
  microseconds duration{0};
  std::optional<microseconds> first_content = {};  ///< of a stream that had any
  std::int64_t output_tokens = 0;
  microseconds generating{0};  ///< what those took to come; zero: nobody knows
  std::int64_t cost_nanousd = 0;
};

/// Sums of attempts.
struct Counts {
  std::array<std::uint64_t, policy::failure_class_count> ends{};
  std::uint64_t latency_us = 0;  ///< of those that succeeded
  std::uint64_t first_content_us = 0;
  std::uint64_t output_tokens = 0;  ///< of those whose `generating_us` is known
  std::uint64_t generating_us = 0;
  std::uint64_t cost_nanousd = 0;  ///< of all attempts

  Counts& operator+=(const Counts& other);
  /// What came since `before`, an earlier reading of the same sums.
  [[nodiscard]] Counts since(const Counts& before) const;

  [[nodiscard]] std::uint64_t successes() const;
  /// By the provider's or the network's fault, or that of the key.
  [[nodiscard]] std::uint64_t failures() const;
  /// Attempts that failed by the caller's fault, and those that were given up.
  [[nodiscard]] std::uint64_t others() const;
};

/// What a meter, or a stretch of time, shows.
struct Figures {
  Counts counts;
  Sketch latency;  ///< of answers that succeeded, whole
  Sketch first_content;

  Figures& operator+=(const Figures& other);
  [[nodiscard]] Figures since(const Figures& before) const;
  /// Of attempts that can be blamed on somebody but the caller; nothing without any.
  [[nodiscard]] std::optional<double> success_rate() const;
  [[nodiscard]] std::optional<double> tokens_per_second() const;

  void encode(std::string& out) const;
  /// Takes them off the front of `bytes`. False: they are not there.
  bool decode(std::string_view& bytes);
};

/// Counts the attempts at one provider or target, for all threads at once.
///
/// Cost: some ten relaxed additions; no lock, and memory only for a new order of magnitude.
class Meter {
 public:
  void note(const AttemptFigures& attempt);
  /// Everything since it was made; each number is read at a moment of its own.
  [[nodiscard]] Figures read() const;

 private:
  using Sum = std::atomic<std::uint64_t>;
  std::array<Sum, policy::failure_class_count> ends_{};
  Sum latency_us_{0};
  Sum first_content_us_{0};
  Sum output_tokens_{0};
  Sum generating_us_{0};
  Sum cost_nanousd_{0};
  AtomicSketch latency_;
  AtomicSketch first_content_;
};

}  // namespace weir::health
