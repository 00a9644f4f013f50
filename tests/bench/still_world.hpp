// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/loop.hpp"
#include "pipeline/attempt.hpp"

/// A world in which nothing happens but what is measured.
namespace weir::bench {

/// Time stands still; nothing waits.
class StillLoop final : public net::Loop {
 public:
  [[nodiscard]] net::TimePoint now() const override {
    return net::TimePoint(std::chrono::hours(1));
  }
  void arm_coarse(net::Alarm&, net::TimePoint) override {}
  void arm_exact(net::Alarm&, net::TimePoint) override {}
  void disarm(net::Alarm&) noexcept override {}
  void post(std::function<void()> work) override { work(); }
};

inline constexpr std::int64_t still_unix_ms = 1'790'000'000'000;

class StillClock final : public pipeline::WallClock {
 public:
  [[nodiscard]] std::int64_t unix_ms() const override { return still_unix_ms; }
};

class Chat final : public pipeline::Operation {
 public:
  [[nodiscard]] std::optional<pipeline::Lack> lacks(const pipeline::Target&) const override {
    return {};
  }
  [[nodiscard]] bool is_uncertain(const pipeline::Target&) const override { return false; }
  Result<pipeline::Outgoing> prepare(const pipeline::Target&) override {
    return pipeline::Outgoing{};
  }
  [[nodiscard]] std::unique_ptr<pipeline::Relay> make_relay(
      const pipeline::Target&) const override {
    return nullptr;
  }
  [[nodiscard]] bool is_stream() const override { return false; }
  [[nodiscard]] std::string_view media_type() const override { return "application/json"; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 500; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override { return 1'000; }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }
};

/// Processor time of this thread, in nanoseconds: others use the machine too.
inline std::int64_t cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace weir::bench
