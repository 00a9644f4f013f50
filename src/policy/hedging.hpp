// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

/// When a second attempt is started beside a silent first one, and how often (F-7).
namespace weir::policy {

/// What `hedge: auto` goes by.
struct HedgeOptions {
  using milliseconds = std::chrono::milliseconds;

  std::int32_t p95_permille = 2'000;  ///< of the p95 of the target's time to the first content
  milliseconds delay_min{2'000};
  milliseconds delay_max{60'000};
  std::int64_t samples_min = 20;  ///< with fewer the next two hold
  milliseconds unknown{8'000};
  milliseconds unknown_reasoning{45'000};  ///< of a model that reasons
  std::int32_t share_permille = 50;        ///< of a route's requests in a minute
  bool operator==(const HedgeOptions&) const = default;
};

/// How long first contents took over the last five minutes, as a histogram of fifths of an octave:
/// a quantile is right to 15 %. Lock-free; counts that are added while a minute is forgotten may be
/// lost.
class LatencyWindow {
 public:
  void add(std::chrono::milliseconds latency, std::chrono::steady_clock::time_point now) noexcept;
  struct Quantile {
    std::int64_t samples = 0;
    std::chrono::milliseconds value{0};  ///< upper bound of the bucket it falls into
  };
  [[nodiscard]] Quantile p95(std::chrono::steady_clock::time_point now) const noexcept;

 private:
  static constexpr std::size_t minutes = 5;
  static constexpr std::size_t buckets = 100;  // 5 per octave: up to 2^20 ms
  struct Minute {
    std::atomic<std::int64_t> number{-1};
    std::array<std::atomic<std::uint32_t>, buckets> counts{};
  };
  std::array<Minute, minutes> minutes_;
};

/// How long `hedge: auto` waits for the first content of a target with these.
std::chrono::milliseconds hedge_delay(const HedgeOptions& options, const LatencyWindow& window,
                                      bool reasons, std::chrono::steady_clock::time_point now);

/// At most a share of a route's requests in a minute are hedged, and one per 10 s in any case.
/// Lock-free: threads that ask at the same time may each be granted one.
class HedgeQuota {
 public:
  void count_request(std::chrono::steady_clock::time_point now) noexcept;
  [[nodiscard]] bool may_hedge(std::int32_t share_permille,
                               std::chrono::steady_clock::time_point now) noexcept;
  void count_hedge(std::chrono::steady_clock::time_point now) noexcept;

 private:
  // With one more than a minute's, hedges are remembered for at least a minute and requests, of
  // which the oldest are left out, for at most that.
  static constexpr std::size_t slots = 7;
  struct Slot {
    std::atomic<std::int64_t> number{-1};
    std::atomic<std::uint32_t> requests{0};
    std::atomic<std::uint32_t> hedges{0};
  };
  Slot& slot_at(std::int64_t number) noexcept;
  std::array<Slot, slots> slots_;
};

}  // namespace weir::policy
