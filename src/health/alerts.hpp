// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "health/monitor.hpp"

namespace weir::health {

/// What an alert watches, and in which unit.
enum class AlertMetric : std::uint8_t {
  error_rate,     ///< part of 1
  latency,        ///< ms; p95 of whole answers
  first_content,  ///< ms; p95
  circuit_open,   ///< 1 while it refuses
  limit_used,     ///< part of 1
  spend,          ///< dollars
};
/// As in the configuration: `error_rate`.
std::string_view name(AlertMetric metric) noexcept;
std::optional<AlertMetric> parse_alert_metric(std::string_view name) noexcept;

struct AlertRule {
  std::string name;
  AlertMetric metric = AlertMetric::error_rate;
  double threshold = 0;  ///< at or above it something is wrong
  /// What the value must fall below to be right again, as a part of the threshold, so that a value
  /// that wavers around it is one incident.
  double clear_share = 0.8;
  std::int64_t for_ms = 60'000;        ///< wrong for so long before anybody is told
  std::int64_t clear_for_ms = 60'000;  ///< right for so long before the incident is over
  Window window = Window::five_minutes;
  std::uint64_t calls_min = 10;   ///< fewer in the window say nothing
  std::vector<std::string> of{};  ///< providers, `provider/model`; empty: every provider

  bool operator==(const AlertRule&) const = default;
};

/// A value of a subject at this moment; nothing: it can't be told.
struct AlertReading {
  std::string subject;
  std::optional<double> value;
};

struct AlertEvent {
  std::int64_t id = 0;  ///< ascending
  bool is_raised = false;
  std::string rule;
  std::string subject;
  AlertMetric metric = AlertMetric::error_rate;
  double value = 0;  ///< at this moment; the last one known
  double threshold = 0;
  std::int64_t since_ms = 0;  ///< when the incident began
  std::int64_t at_ms = 0;
};

/// What is to be remembered over a restart.
struct KeptAlerts {
  std::vector<AlertEvent> active{};  ///< the incidents under way, as they were raised
  std::vector<AlertEvent> events{};  ///< oldest first
  std::int64_t latest_id = 0;
};

/// Incidents: one event when a rule has been broken for its time, one when it has been kept again
/// for its time, and nothing in between. An incident whose value can't be told goes on, for an hour
/// at most.
///
/// Not thread-safe. Memory: an entry per rule and subject, and the last `events_kept` events.
class Alerts {
 public:
  static constexpr std::size_t events_kept = 1'000;

  /// Incidents of rules that are gone or have changed end without a word.
  void set_rules(std::vector<AlertRule> rules);
  [[nodiscard]] const std::vector<AlertRule>& rules() const { return rules_; }

  /// Goes on from what was kept: ids, events, and the incidents of rules that mean the same. To be
  /// called after `set_rules` and before the first `observe`.
  void restore(KeptAlerts kept, std::int64_t now_ms);

  /// Takes the readings of one rule. Subjects that are not among them any more count as told
  /// nothing. The answer is what happened.
  std::vector<AlertEvent> observe(std::size_t rule, std::span<const AlertReading> readings,
                                  std::int64_t now_ms);

  /// Removes all that is known of a subject; answers how many events that were.
  std::size_t forget(std::string_view subject);

  /// The incidents under way, as they were raised.
  [[nodiscard]] std::vector<AlertEvent> active() const;
  /// The events after the one with `id`, oldest first, so far as they are kept.
  [[nodiscard]] std::vector<AlertEvent> events_after(std::int64_t id) const;
  [[nodiscard]] std::int64_t latest_id() const { return next_id_ - 1; }

 private:
  struct State {
    std::optional<AlertEvent> incident;       ///< as it was raised
    std::optional<std::int64_t> wrong_since;  ///< without an incident
    std::optional<std::int64_t> right_since;  ///< in one
    std::int64_t told_ms = 0;                 ///< when there was a value last
    double value = 0;
  };
  using Key = std::pair<std::string, std::string>;  // rule, subject

  std::optional<AlertEvent> step(const AlertRule& rule, const std::string& subject, State& state,
                                 std::optional<double> value, std::int64_t now_ms);
  AlertEvent make_event(const AlertRule& rule, const std::string& subject, const State& state,
                        std::int64_t since_ms, std::int64_t now_ms);

  std::vector<AlertRule> rules_;
  std::map<Key, State> states_;
  std::deque<AlertEvent> events_;
  std::int64_t next_id_ = 1;
};

/// What `rule` is about of a series; nothing for those that no figures tell of, and where too few
/// calls were made.
std::optional<double> alert_value(const AlertRule& rule, const Monitor& monitor,
                                  std::string_view series);

}  // namespace weir::health
