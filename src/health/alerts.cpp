// SPDX-License-Identifier: Apache-2.0
#include "health/alerts.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace weir::health {
namespace {

constexpr std::array<std::string_view, 6> metric_names{
    "error_rate", "latency", "first_content", "circuit_open", "limit_used", "spend"};
/// An incident of which nothing is heard for so long is over.
constexpr std::int64_t silence_ms = 3'600'000;
constexpr int p95 = 950;

}  // namespace

std::string_view name(AlertMetric metric) noexcept {
  return metric_names[static_cast<std::size_t>(metric)];
}

std::optional<AlertMetric> parse_alert_metric(std::string_view name) noexcept {
  const auto found = std::find(metric_names.begin(), metric_names.end(), name);
  if (found == metric_names.end()) return std::nullopt;
  return static_cast<AlertMetric>(found - metric_names.begin());
}

void Alerts::set_rules(std::vector<AlertRule> rules) {
  for (auto one = states_.begin(); one != states_.end();) {
    const auto is_same = [&](const AlertRule& rule) {
      return rule.name == one->first.first &&
             std::find(rules_.begin(), rules_.end(), rule) != rules_.end();
    };
    const bool goes_on = std::any_of(rules.begin(), rules.end(), is_same);
    one = goes_on ? std::next(one) : states_.erase(one);
  }
  rules_ = std::move(rules);
}

void Alerts::restore(KeptAlerts kept, std::int64_t now_ms) {
  WEIR_ASSERT(next_id_ == 1);
  next_id_ = std::max<std::int64_t>(kept.latest_id, 0) + 1;
  for (AlertEvent& incident : kept.active) {
    const auto is_its = [&](const AlertRule& rule) {
      return rule.name == incident.rule && rule.metric == incident.metric &&
             rule.threshold == incident.threshold;
    };
    if (std::none_of(rules_.begin(), rules_.end(), is_its)) continue;
    State& state = states_[{incident.rule, incident.subject}];
    state.value = incident.value;
    state.told_ms = now_ms;  // nobody could have heard of it meanwhile
    state.incident = std::move(incident);
  }
  const auto first =
      kept.events.size() > events_kept ? kept.events.end() - events_kept : kept.events.begin();
  events_.assign(std::make_move_iterator(first), std::make_move_iterator(kept.events.end()));
}

std::vector<AlertEvent> Alerts::observe(std::size_t rule, std::span<const AlertReading> readings,
                                        std::int64_t now_ms) {
  WEIR_ASSERT(rule < rules_.size());
  const AlertRule& wanted = rules_[rule];
  for (const AlertReading& reading : readings) states_[{wanted.name, reading.subject}];
  std::vector<AlertEvent> news;
  const auto first = states_.lower_bound({wanted.name, ""});
  for (auto one = first; one != states_.end() && one->first.first == wanted.name;) {
    const auto reading =
        std::find_if(readings.begin(), readings.end(),
                     [&](const AlertReading& each) { return each.subject == one->first.second; });
    const auto value = reading == readings.end() ? std::nullopt : reading->value;
    if (auto event = step(wanted, one->first.second, one->second, value, now_ms)) {
      events_.push_back(*event);
      if (events_.size() > events_kept) events_.pop_front();
      news.push_back(*std::move(event));
    }
    const bool is_gone = reading == readings.end() && !one->second.incident;
    one = is_gone ? states_.erase(one) : std::next(one);
  }
  return news;
}

std::optional<AlertEvent> Alerts::step(const AlertRule& rule, const std::string& subject,
                                       State& state, std::optional<double> value,
                                       std::int64_t now_ms) {
  if (value) {
    state.value = *value;
    state.told_ms = now_ms;
  }
  if (!state.incident) {
    if (!value || *value < rule.threshold) {
      state.wrong_since.reset();
      return std::nullopt;
    }
    if (!state.wrong_since) state.wrong_since = now_ms;
    if (now_ms - *state.wrong_since < rule.for_ms) return std::nullopt;
    AlertEvent event = make_event(rule, subject, state, *state.wrong_since, now_ms);
    event.is_raised = true;
    state.wrong_since.reset();
    state.right_since.reset();
    state.incident = event;
    return event;
  }
  const bool is_right = value && *value < rule.threshold * rule.clear_share;
  if (value && !is_right) state.right_since.reset();
  if (is_right && !state.right_since) state.right_since = now_ms;
  const bool is_over = state.right_since && now_ms - *state.right_since >= rule.clear_for_ms;
  if (!is_over && now_ms - state.told_ms < silence_ms) return std::nullopt;
  const std::int64_t since_ms = state.incident->since_ms;
  state.incident.reset();
  state.right_since.reset();
  return make_event(rule, subject, state, since_ms, now_ms);
}

AlertEvent Alerts::make_event(const AlertRule& rule, const std::string& subject, const State& state,
                              std::int64_t since_ms, std::int64_t now_ms) {
  AlertEvent event;
  event.id = next_id_++;
  event.rule = rule.name;
  event.subject = subject;
  event.metric = rule.metric;
  event.value = state.value;
  event.threshold = rule.threshold;
  event.since_ms = since_ms;
  event.at_ms = now_ms;
  return event;
}

std::size_t Alerts::forget(std::string_view subject) {
  std::erase_if(states_, [&](const auto& entry) { return entry.first.second == subject; });
  return std::erase_if(events_, [&](const AlertEvent& event) { return event.subject == subject; });
}

std::vector<AlertEvent> Alerts::active() const {
  std::vector<AlertEvent> incidents;
  for (const auto& [key, state] : states_) {
    if (state.incident) incidents.push_back(*state.incident);
  }
  return incidents;
}

std::vector<AlertEvent> Alerts::events_after(std::int64_t id) const {
  const auto first = std::find_if(events_.begin(), events_.end(),
                                  [&](const AlertEvent& event) { return event.id > id; });
  return {first, events_.end()};
}

std::optional<double> alert_value(const AlertRule& rule, const Monitor& monitor,
                                  std::string_view series) {
  const auto reading = monitor.read(series, rule.window);
  if (!reading) return std::nullopt;
  const Counts& counts = reading->figures.counts;
  if (rule.metric == AlertMetric::spend) return static_cast<double>(counts.cost_nanousd) * 1e-9;
  if (counts.successes() + counts.failures() < rule.calls_min) return std::nullopt;
  const auto milliseconds = [](const Sketch& sketch) -> std::optional<double> {
    const auto us = sketch.quantile(p95);
    if (!us) return std::nullopt;
    return static_cast<double>(*us) / 1'000;
  };
  switch (rule.metric) {
    case AlertMetric::error_rate: {
      const auto good = reading->figures.success_rate();
      return good ? std::optional(1 - *good) : std::nullopt;
    }
    case AlertMetric::latency:
      return milliseconds(reading->figures.latency);
    case AlertMetric::first_content:
      return milliseconds(reading->figures.first_content);
    default:
      return std::nullopt;
  }
}

}  // namespace weir::health
