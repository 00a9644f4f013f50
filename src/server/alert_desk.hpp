// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "engine/snapshot.hpp"
#include "health/alerts.hpp"
#include "server/log.hpp"
#include "server/webhook.hpp"
#include "shared_state/account.hpp"
#include "shared_state/gate.hpp"

namespace weir::server {

/// How much of a limit is used up.
struct UsedLimit {
  std::string subject;
  double share = 0;
};

/// The fullest limit or budget of each key, user, provider, ...: `key:k1`, `provider:openai`,
/// `global`. How many calls there may be at once is left out: that is full and empty all the time.
std::vector<UsedLimit> used_limits(const std::vector<shared_state::LimitStatus>& limits);

/// Decides on alerts and tells of them: the log, the webhook, and whoever asks for the latest.
///
/// Not thread-safe.
class AlertDesk {
 public:
  explicit AlertDesk(Log& log) : log_(log), webhook_(log) {}

  void set_config(const config::AlertSettings& settings);
  /// Further limits than those that providers told of.
  using LimitSource = std::function<std::vector<UsedLimit>()>;
  void add_limits(LimitSource source) { limit_sources_.push_back(std::move(source)); }

  /// Goes on from what an earlier process kept; see `health::Alerts::restore`.
  void restore(health::KeptAlerts kept, std::int64_t now_ms) {
    alerts_.restore(std::move(kept), now_ms);
  }

  /// Looks at everything.
  void look(const health::Monitor& monitor, const engine::Snapshot& snapshot,
            const std::vector<shared_state::ProviderStatus>& status, std::int64_t now_ms);

  std::size_t forget(std::string_view subject) { return alerts_.forget(subject); }
  [[nodiscard]] const health::Alerts& alerts() const { return alerts_; }

 private:
  [[nodiscard]] std::vector<health::AlertReading> readings(
      const health::AlertRule& rule, const health::Monitor& monitor,
      const engine::Snapshot& snapshot, const std::vector<shared_state::ProviderStatus>& status,
      std::int64_t now_ms) const;
  [[nodiscard]] std::vector<health::AlertReading> limit_readings(const health::AlertRule& rule,
                                                                 const engine::Snapshot& snapshot,
                                                                 std::int64_t now_ms) const;
  void tell(const health::AlertEvent& event);

  Log& log_;
  Webhook webhook_;
  health::Alerts alerts_;
  std::string url_;
  config::Secret secret_;
  std::vector<LimitSource> limit_sources_;
};

}  // namespace weir::server
