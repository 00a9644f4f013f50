// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "admin/views.hpp"
#include "health/alerts.hpp"
#include "health/monitor.hpp"
#include "providers/capability_table.hpp"

/// How providers and targets have been doing, as JSON and CSV.
namespace weir::admin {

/// Which provider is the best for what.
struct RankingWishes {
  std::optional<providers::Capability> capability = {};  ///< that a model of it must have
  health::Window window = health::Window::hour;
};

/// `{"providers": [...], "ranking": [...]}`: each with its windows and those of its targets, and
/// which are best: by the share of successes (of ten more, nine are taken to have been), times
/// uptime, times how fast the first content comes. One whose circuit is open comes last.
std::string health_json(const Moment& moment, const health::Monitor& monitor,
                        const RankingWishes& wishes);
/// One provider with its `history`. Precondition: `index` is one of a provider.
std::string provider_health_json(const Moment& moment, std::size_t index,
                                 const health::Monitor& monitor,
                                 std::span<const health::Point> history);

/// `{"type": "alert.raised", ...}`, or `alert.over`.
std::string alert_json(const health::AlertEvent& event);
/// `{"active": [...], "events": [...], "latest_id": ...}`: incidents under way, and the events
/// after the one with `after`.
std::string alerts_json(const health::Alerts& alerts, std::int64_t after);

/// `{"points": [...], "next_from_ms": ...}`; `next_from_ms` is null but when there are more.
std::string points_json(std::span<const health::Point> points, std::optional<std::int64_t> next);
/// A line of names, then one per point.
std::string points_csv(std::span<const health::Point> points);
inline constexpr std::string_view csv_media_type = "text/csv; charset=utf-8";

}  // namespace weir::admin
