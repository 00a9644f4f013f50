// SPDX-License-Identifier: Apache-2.0
#include "api/figures.hpp"

#include <chrono>

namespace weir::api {
namespace {

// Tags are the caller's to choose: a program that makes one for each call must not fill the memory.
constexpr std::size_t tags_max = 1'000;
constexpr const char* other_tags = "(other)";

std::optional<std::chrono::system_clock::time_point> instant(
    const std::atomic<std::int64_t>& unix_ms) {
  const std::int64_t ms = unix_ms.load(std::memory_order_relaxed);
  if (ms == 0) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(ms));
}

HealthState state_of(const ProviderHealth& health) {
  if (health.successes + health.failures == 0) return HealthState::unknown;
  const bool is_down = health.last_failure > health.last_success;
  if (is_down) return HealthState::failing;
  constexpr double enough = 0.95;
  return health.success_rate < enough ? HealthState::degraded : HealthState::healthy;
}

}  // namespace

void Figures::count(const pipeline::CallResult& result, std::size_t targets, const Tags& tags) {
  const std::lock_guard lock(mutex_);
  const bool is_answered = result.outcome == pipeline::Outcome::completed;
  failover_.calls += 1;
  failover_.attempts += static_cast<std::uint64_t>(result.attempts);
  if (is_answered) {
    failover_.answered += 1;
  } else if (result.outcome == pipeline::Outcome::cancelled_client) {
    failover_.cancelled += 1;
  } else {
    failover_.failed += 1;
  }
  if (result.attempts > 1) failover_.retried += 1;
  if (targets > 1) {
    failover_.failed_over += 1;
    if (is_answered) failover_.rescued += 1;
  }
  count_tags(result, tags);
}

void Figures::count_tags(const pipeline::CallResult& result, const Tags& tags) {
  for (const auto& [key, value] : tags) {
    std::string tag = key + "=" + value;
    if (by_tag_.size() >= tags_max && !by_tag_.contains(tag)) tag = other_tags;
    UsageTotals& totals = by_tag_[tag];
    totals.calls += 1;
    totals.cost_nanousd += result.cost_nanousd;
    if (!result.usage) continue;
    totals.input_tokens += result.usage->input_total();
    totals.output_tokens += result.usage->output_total();
  }
}

FailoverStatistics Figures::failover() const {
  const std::lock_guard lock(mutex_);
  return failover_;
}

std::map<std::string, UsageTotals> Figures::by_tag() const {
  const std::lock_guard lock(mutex_);
  return by_tag_;
}

UsageTotals totals_of(const pipeline::TrafficCounters& counters) {
  UsageTotals totals;
  totals.calls = counters.attempts.load(std::memory_order_relaxed);
  totals.input_tokens =
      static_cast<std::int64_t>(counters.input_tokens.load(std::memory_order_relaxed));
  totals.output_tokens =
      static_cast<std::int64_t>(counters.output_tokens.load(std::memory_order_relaxed));
  totals.cost_nanousd = counters.cost_nanousd.load(std::memory_order_relaxed);
  return totals;
}

ProviderHealth health_of(const pipeline::TrafficCounters& counters) {
  ProviderHealth health;
  health.attempts = counters.attempts.load(std::memory_order_relaxed);
  health.successes = counters.successes.load(std::memory_order_relaxed);
  health.failures = counters.failures.load(std::memory_order_relaxed);
  health.refusals = counters.refusals.load(std::memory_order_relaxed);
  const auto judged = static_cast<double>(health.successes + health.failures);
  if (judged > 0) health.success_rate = static_cast<double>(health.successes) / judged;
  health.latency = std::chrono::microseconds(counters.latency_us.load(std::memory_order_relaxed));
  health.first_content =
      std::chrono::microseconds(counters.first_content_us.load(std::memory_order_relaxed));
  health.in_flight = counters.in_flight.load(std::memory_order_relaxed);
  health.last_success = instant(counters.last_success_ms);
  health.last_failure = instant(counters.last_failure_ms);
  health.state = state_of(health);
  return health;
}

}  // namespace weir::api
