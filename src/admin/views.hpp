// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/model_view.hpp"
#include "config/resolve.hpp"
#include "health/probe_figures.hpp"
#include "ledger/lane.hpp"
#include "pipeline/route.hpp"
#include "shared_state/failovers.hpp"
#include "shared_state/gate.hpp"
#include "shared_state/limits.hpp"

/// What the program tells about itself: JSON for the admin API and the command line, and the
/// metrics page. Secrets appear as `prefix…last4` only.
namespace weir::admin {

/// Sums of one provider.
struct Totals {
  std::uint64_t attempts = 0;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::uint64_t unpriced = 0;
  std::uint64_t impossible_usage = 0;
  std::uint64_t refusals = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::int64_t cost_nanousd = 0;
};
Totals totals_of(const pipeline::TrafficCounters& counters);

using Upstreams = std::span<const std::shared_ptr<const pipeline::Upstream>>;

/// Remembers where the counters stood when the day (UTC) began. Exact when `advance` is called at
/// each midnight. Not thread-safe.
class DayStart {
 public:
  /// Begins a new day when `unix_ms` is in one.
  void advance(std::int64_t unix_ms, Upstreams upstreams);
  /// What `counters` of the provider called `name` gained since then.
  [[nodiscard]] Totals today(std::string_view name,
                             const pipeline::TrafficCounters& counters) const;

 private:
  std::int64_t day_ = -1;  ///< since 1970; the first day began with the program
  std::map<std::string, Totals, std::less<>> at_start_;
};

/// One moment of the running program.
struct Moment {
  const config::Resolver& resolver;
  Upstreams upstreams;  ///< in the order of the configuration's providers
  std::vector<shared_state::ProviderStatus> status;
  const DayStart& day;
  /// What refusals taught, by target.
  Refused refused = {};
  /// How asking for the list of models went, by provider; those that are not asked are not in it.
  config::Looks looks = {};
  std::vector<shared_state::FailoverCount> failovers = {};
  std::vector<shared_state::DegradationCount> degradations = {};
  health::Probed probed = {};
  /// What is used of the providers' limits.
  std::vector<shared_state::LimitStatus> limits = {};
};

/// `{"providers": [...]}`
std::string providers_json(const Moment& moment);
/// The same for one. Precondition: `index` is one of a provider.
std::string provider_json(const Moment& moment, std::size_t index);
/// `{"default_model": ..., "routes": [...]}`: what every name means, one step after the other.
std::string routes_json(const config::Resolver& resolver);
/// `{"settings": [{"path", "value", "source"}]}`
std::string config_json(const config::Config& config);

struct ProcessFacts {
  std::int64_t start_unix_ms = 0;
  double cpu_seconds = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t connections = 0;
  std::int64_t calls = 0;
  std::int64_t body_bytes = 0;
  std::uint64_t calls_shed = 0;
  std::size_t reservations_open = 0;
  std::uint64_t reservations_leaked = 0;
  const ledger::Figures* ledger = nullptr;  ///< null: there is none
  bool is_usage_store_down = false;
};
/// Prometheus' text format. Labels come from names of the configuration only; of more than 1000
/// providers the rest is summed up as `other` (rule G-5).
std::string metrics_text(const Moment& moment, const ProcessFacts& process);
inline constexpr std::string_view metrics_media_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace weir::admin
