// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

/// Running figures of a gateway, each a copy of one moment.
namespace weir {

struct UsageTotals {
  std::uint64_t calls = 0;  ///< attempts at a provider; calls under a tag
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cost_nanousd = 0;
};

struct UsageStatistics {
  UsageTotals total;
  std::map<std::string, UsageTotals> by_provider;
  /// By `key=value` of `CallOptions::tags`. The first 1,000 different ones are counted each under
  /// its name, later ones under `(other)`.
  std::map<std::string, UsageTotals> by_tag;
};

struct FailoverStatistics {
  std::uint64_t calls = 0;  ///< that have ended
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t attempts = 0;
  std::uint64_t retried = 0;      ///< calls that needed more than one attempt
  std::uint64_t failed_over = 0;  ///< calls that asked more than one target
  std::uint64_t rescued = 0;      ///< of these, answered
};

/// What a gateway with a data directory writes down. Calls that the ledger can't take are refused
/// with `ledger_unavailable`, unless `ledger.on_failure` is `serve`.
struct LedgerStatistics {
  bool is_kept = false;             ///< false: there is no data directory, and all else is empty
  std::uint64_t calls = 0;          ///< that have ended and are written down
  std::uint64_t calls_refused = 0;  ///< found no room before their first attempt
  std::uint64_t calls_lost = 0;     ///< found no room at their end
  // ---- what the start found of processes that ended without a word
  std::uint64_t calls_recovered = 0;  ///< under way then, booked by estimate as `unknown`
  std::uint64_t segments_damaged = 0;
  std::uint64_t records_missing = 0;
  std::string problem{};  ///< what last went wrong with the files; empty: nothing did
};

enum class HealthState : std::uint8_t {
  unknown,  ///< not used yet
  healthy,
  degraded,  ///< some attempts fail
  failing,   ///< the latest attempt failed
  cut_off,   ///< its circuit breaker is open: nothing is sent there for now
};

struct ProviderHealth {
  HealthState state = HealthState::unknown;
  std::uint64_t attempts = 0;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;                  ///< by the provider's or the network's fault
  std::uint64_t refusals = 0;                  ///< by the caller's fault
  double success_rate = 1;                     ///< of successes and failures
  std::chrono::microseconds latency{0};        ///< moving average of whole answers
  std::chrono::microseconds first_content{0};  ///< moving average
  std::int32_t in_flight = 0;
  std::optional<std::chrono::system_clock::time_point> last_success{};
  std::optional<std::chrono::system_clock::time_point> last_failure{};
};

}  // namespace weir
