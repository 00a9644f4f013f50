// SPDX-License-Identifier: Apache-2.0
#include "server/alert_memory.hpp"

#include <algorithm>
#include <optional>

#include "admin/health_view.hpp"
#include "json/object_reader.hpp"

namespace weir::server {
namespace {

using health::AlertEvent;

std::optional<AlertEvent> read_event(json::Value value) {
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(value, root, problem);
  AlertEvent event;
  event.id = reader.integer("id", 1).value_or(0);
  event.is_raised = reader.required_string("type") == "alert.raised";
  event.rule = reader.required_string("rule");
  event.subject = reader.required_string("subject");
  const auto metric = health::parse_alert_metric(reader.required_string("metric"));
  event.value = reader.number("value").value_or(0);
  event.threshold = reader.number("threshold").value_or(0);
  event.since_ms = reader.integer("since_unix_ms").value_or(0);
  event.at_ms = reader.integer("at_unix_ms").value_or(0);
  if (problem.is_set() || !metric) return std::nullopt;
  event.metric = *metric;
  return event;
}

std::vector<AlertEvent> read_events(json::Value root, std::string_view name) {
  std::vector<AlertEvent> events;
  const auto rows = root.find(name);
  if (!rows || !rows->is_array()) return events;
  for (const json::Value row : rows->elements()) {
    if (auto event = read_event(row)) events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace

std::string alerts_text(const health::Alerts& alerts) {
  return admin::alerts_json(alerts, 0) + "\n";
}

health::KeptAlerts read_alerts_text(std::string_view text) {
  health::KeptAlerts kept;
  json::Document document;
  if (!document.parse(text) || !document.root().is_object()) return kept;
  kept.active = read_events(document.root(), "active");
  kept.events = read_events(document.root(), "events");
  for (const AlertEvent& event : kept.events) kept.latest_id = std::max(kept.latest_id, event.id);
  return kept;
}

}  // namespace weir::server
