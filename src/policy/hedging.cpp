// SPDX-License-Identifier: Apache-2.0
#include "policy/hedging.hpp"

#include <algorithm>
#include <cmath>

namespace weir::policy {
namespace {

using std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr double buckets_per_octave = 5;

std::int64_t minute_of(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::minutes>(now.time_since_epoch()).count();
}

std::int64_t slot_number(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() / 10;
}

milliseconds upper_bound_of(std::size_t bucket) {
  return milliseconds(
      std::llround(std::exp2(static_cast<double>(bucket + 1) / buckets_per_octave)));
}

}  // namespace

void LatencyWindow::add(milliseconds latency, TimePoint now) noexcept {
  const std::int64_t number = minute_of(now);
  Minute& minute = minutes_[static_cast<std::size_t>(number) % minutes];
  if (minute.number.exchange(number, std::memory_order_relaxed) != number) {
    for (auto& count : minute.counts) count.store(0, std::memory_order_relaxed);
  }
  const auto ms = static_cast<double>(std::max<std::int64_t>(1, latency.count()));
  const auto bucket = static_cast<std::size_t>(std::log2(ms) * buckets_per_octave);
  minute.counts[std::min(bucket, buckets - 1)].fetch_add(1, std::memory_order_relaxed);
}

LatencyWindow::Quantile LatencyWindow::p95(TimePoint now) const noexcept {
  std::array<std::int64_t, buckets> sums{};
  std::int64_t all = 0;
  const std::int64_t latest = minute_of(now);
  for (const Minute& minute : minutes_) {
    const std::int64_t number = minute.number.load(std::memory_order_relaxed);
    if (number < 0 || latest - number >= static_cast<std::int64_t>(minutes)) continue;
    for (std::size_t i = 0; i < buckets; ++i) {
      const std::uint32_t count = minute.counts[i].load(std::memory_order_relaxed);
      sums[i] += count;
      all += count;
    }
  }
  std::int64_t above = all - (all * 95 + 99) / 100;  // how many may be slower
  for (std::size_t i = buckets; i-- > 0;) {
    if (sums[i] > above) return {.samples = all, .value = upper_bound_of(i)};
    above -= sums[i];
  }
  return {};
}

milliseconds hedge_delay(const HedgeOptions& options, const LatencyWindow& window, bool reasons,
                         TimePoint now) {
  const auto known = window.p95(now);
  if (known.samples < options.samples_min) {
    return reasons ? options.unknown_reasoning : options.unknown;
  }
  const milliseconds wanted = known.value * options.p95_permille / 1'000;
  return std::clamp(wanted, options.delay_min, std::max(options.delay_min, options.delay_max));
}

HedgeQuota::Slot& HedgeQuota::slot_at(std::int64_t number) noexcept {
  Slot& slot = slots_[static_cast<std::size_t>(number) % slots];
  if (slot.number.exchange(number, std::memory_order_relaxed) != number) {
    slot.requests.store(0, std::memory_order_relaxed);
    slot.hedges.store(0, std::memory_order_relaxed);
  }
  return slot;
}

void HedgeQuota::count_request(TimePoint now) noexcept {
  slot_at(slot_number(now)).requests.fetch_add(1, std::memory_order_relaxed);
}

void HedgeQuota::count_hedge(TimePoint now) noexcept {
  slot_at(slot_number(now)).hedges.fetch_add(1, std::memory_order_relaxed);
}

bool HedgeQuota::may_hedge(std::int32_t share_permille, TimePoint now) noexcept {
  const std::int64_t latest = slot_number(now);
  const Slot& own = slot_at(latest);
  std::int64_t requests = 0;
  std::int64_t hedges = 0;
  for (const Slot& slot : slots_) {
    const std::int64_t age = latest - slot.number.load(std::memory_order_relaxed);
    if (slot.number.load(std::memory_order_relaxed) < 0 || age < 0) continue;
    if (age < 7) hedges += slot.hedges.load(std::memory_order_relaxed);
    if (age < 6) requests += slot.requests.load(std::memory_order_relaxed);
  }
  if (own.hedges.load(std::memory_order_relaxed) == 0) return true;
  return (hedges + 1) * 1'000 <= requests * share_permille;
}

}  // namespace weir::policy
