// SPDX-License-Identifier: Apache-2.0
#include "server/alert_desk.hpp"

#include <algorithm>

#include "admin/health_view.hpp"
#include "base/money.hpp"

namespace weir::server {
namespace {

using health::AlertMetric;
using health::AlertReading;
using health::AlertRule;
using shared_state::ProviderStatus;

double part_of(config::Ratio ratio) { return static_cast<double>(ratio.permille) / 1'000; }

AlertRule rule_of(const config::AlertRuleConfig& config) {
  AlertRule rule;
  rule.name = config.name;
  rule.clear_share = part_of(config.clears_at);
  rule.for_ms = config.wait.count();
  rule.clear_for_ms = config.clear_wait.count();
  rule.window = health::parse_window(config.window).value_or(health::Window::five_minutes);
  rule.calls_min = static_cast<std::uint64_t>(config.calls_min);
  rule.of = config.of;
  const auto set = [&](AlertMetric metric, double threshold) {
    rule.metric = metric;
    rule.threshold = threshold;
  };
  if (config.error_rate) set(AlertMetric::error_rate, part_of(*config.error_rate));
  if (config.latency) set(AlertMetric::latency, static_cast<double>(config.latency->count()));
  if (config.first_content) {
    set(AlertMetric::first_content, static_cast<double>(config.first_content->count()));
  }
  if (config.circuit_open.value_or(false)) set(AlertMetric::circuit_open, 1);
  if (config.limit_used) set(AlertMetric::limit_used, part_of(*config.limit_used));
  if (const auto dollars = parse_usd(config.spend)) {
    set(AlertMetric::spend, static_cast<double>(dollars->count()) * 1e-9);
  }
  return rule;
}

bool is_refusing(const shared_state::CircuitStatus& circuit) {
  using State = policy::CircuitBreaker::State;
  return circuit.state == State::open || circuit.state == State::forced_open;
}

/// 1 while the breaker called `name` refuses. A breaker that is probed is not closed yet.
std::optional<double> open_circuit(const std::vector<ProviderStatus>& status,
                                   std::string_view name) {
  const auto value_of = [](const shared_state::CircuitStatus& circuit) -> std::optional<double> {
    if (circuit.state == policy::CircuitBreaker::State::half_open) return std::nullopt;
    return is_refusing(circuit) ? 1 : 0;
  };
  for (const ProviderStatus& provider : status) {
    if (provider.name == name) return value_of(provider.circuit);
    for (const shared_state::TargetStatus& target : provider.targets) {
      if (target.name == name) return value_of(target.circuit);
    }
  }
  return 0;
}

/// The fullest of the limits that the provider told of; nothing once they are full again.
std::optional<double> used_limit(const pipeline::ReportedLimits::Reading& reading,
                                 std::int64_t now_ms) {
  constexpr std::int64_t fresh_ms = 60'000;
  std::optional<double> most;
  if (reading.unix_ms == 0) return most;
  for (const policy::RateLimit* one :
       {&reading.limits.requests, &reading.limits.tokens, &reading.limits.input_tokens,
        &reading.limits.output_tokens}) {
    if (!one->limit || !one->remaining || *one->limit <= 0) continue;
    const std::int64_t holds_ms = one->reset ? one->reset->count() : fresh_ms;
    if (now_ms > reading.unix_ms + holds_ms) continue;
    const double used = 1 - static_cast<double>(*one->remaining) / static_cast<double>(*one->limit);
    most = std::max(most.value_or(0), used);
  }
  return most;
}

}  // namespace

std::vector<UsedLimit> used_limits(const std::vector<shared_state::LimitStatus>& limits) {
  std::vector<UsedLimit> used;
  const policy::LimitOwner* owner = nullptr;  // of the last one; those of one owner come together
  for (const shared_state::LimitStatus& limit : limits) {
    if (limit.unit == policy::LimitUnit::concurrent_requests || limit.in_force <= 0) continue;
    const std::int64_t whole = limit.burst > 0 ? limit.burst : limit.in_force;
    const double share =
        static_cast<double>(limit.used + limit.reserved) / static_cast<double>(whole);
    if (owner != nullptr && *owner == limit.owner) {
      used.back().share = std::max(used.back().share, share);
      continue;
    }
    owner = &limit.owner;
    std::string subject(policy::name(limit.owner.scope));
    if (!limit.owner.name.empty()) subject.append(":").append(limit.owner.name);
    used.push_back({std::move(subject), share});
  }
  return used;
}

void AlertDesk::set_config(const config::AlertSettings& settings) {
  std::vector<AlertRule> rules;
  for (const config::AlertRuleConfig& rule : settings.rules) rules.push_back(rule_of(rule));
  if (rules != alerts_.rules()) alerts_.set_rules(std::move(rules));
  url_ = settings.webhook_url;
  secret_ = settings.webhook_secret;
}

void AlertDesk::look(const health::Monitor& monitor, const engine::Snapshot& snapshot,
                     const std::vector<ProviderStatus>& status, std::int64_t now_ms) {
  for (std::size_t i = 0; i < alerts_.rules().size(); ++i) {
    const auto seen = readings(alerts_.rules()[i], monitor, snapshot, status, now_ms);
    for (const health::AlertEvent& event : alerts_.observe(i, seen, now_ms)) tell(event);
  }
}

std::vector<AlertReading> AlertDesk::readings(const AlertRule& rule, const health::Monitor& monitor,
                                              const engine::Snapshot& snapshot,
                                              const std::vector<ProviderStatus>& status,
                                              std::int64_t now_ms) const {
  if (rule.metric == AlertMetric::limit_used) return limit_readings(rule, snapshot, now_ms);
  std::vector<std::string> subjects = rule.of;
  if (subjects.empty()) {
    for (const auto& upstream : snapshot.upstreams()) subjects.push_back(upstream->name);
  }
  std::vector<AlertReading> seen;
  for (std::string& subject : subjects) {
    const std::optional<double> value = rule.metric == AlertMetric::circuit_open
                                            ? open_circuit(status, subject)
                                            : alert_value(rule, monitor, subject);
    seen.push_back({std::move(subject), value});
  }
  return seen;
}

std::vector<AlertReading> AlertDesk::limit_readings(const AlertRule& rule,
                                                    const engine::Snapshot& snapshot,
                                                    std::int64_t now_ms) const {
  std::vector<AlertReading> seen;
  const auto add = [&](const std::string& subject, std::optional<double> share) {
    const bool is_wanted =
        rule.of.empty() || std::find(rule.of.begin(), rule.of.end(), subject) != rule.of.end();
    if (is_wanted) seen.push_back({subject, share});
  };
  for (const auto& upstream : snapshot.upstreams()) {
    add(upstream->name, used_limit(upstream->counters->reported.get(), now_ms));
  }
  for (const LimitSource& source : limit_sources_) {
    for (const UsedLimit& limit : source()) add(limit.subject, limit.share);
  }
  return seen;
}

void AlertDesk::tell(const health::AlertEvent& event) {
  const std::string value = std::to_string(event.value);
  const std::string threshold = std::to_string(event.threshold);
  const LogFields fields{{"rule", event.rule},
                         {"subject", event.subject},
                         {"metric", health::name(event.metric)},
                         {"value", value},
                         {"threshold", threshold}};
  if (event.is_raised) {
    log_.warn("alert", "an alert was raised", fields);
  } else {
    log_.info("alert_over", "an alert is over", fields);
  }
  if (url_.empty()) return;
  webhook_.send({url_, secret_, admin::alert_json(event), event.at_ms});
}

}  // namespace weir::server
