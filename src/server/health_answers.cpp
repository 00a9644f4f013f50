// SPDX-License-Identifier: Apache-2.0
#include "server/health_answers.hpp"

#include <charconv>

#include "admin/health_view.hpp"

namespace weir::server {
namespace {

using health::Resolution;

constexpr std::size_t points_at_once = 50'000;

Error bad_parameter(std::string_view name, std::string_view text) {
  return {ErrorCode::invalid_request, std::string(name) + " " + std::string(text),
          std::string(name)};
}

Result<Resolution> resolution_of(const net::http::Query& query, std::string_view name) {
  const std::string text = query.find(name).value_or("minute");
  if (text == "minute") return Resolution::minute;
  if (text == "hour") return Resolution::hour;
  return bad_parameter(name, "must be minute or hour");
}

Result<std::int64_t> number_of(const net::http::Query& query, std::string_view name) {
  const std::string text = query.find(name).value_or("0");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return bad_parameter(name, "must be a whole number, not below 0");
  }
  return value;
}

Result<admin::RankingWishes> wishes_of(const net::http::Query& query) {
  admin::RankingWishes wishes;
  if (const auto name = query.find("capability")) {
    wishes.capability = providers::parse_capability(*name);
    if (!wishes.capability) return bad_parameter("capability", "is none: " + *name);
  }
  if (const auto name = query.find("window")) {
    const auto window = health::parse_window(*name);
    if (!window) return bad_parameter("window", "must be 1m, 5m, 1h or 24h");
    wishes.window = *window;
  }
  return wishes;
}

}  // namespace

Result<std::string> health_answer(Program& program, const AdminRequest& request) {
  WEIR_TRY_ASSIGN(wishes, wishes_of(request.query));
  const auto snapshot = program.snapshot();
  std::string out;
  program.look_at(*snapshot, [&](const admin::Moment& moment) {
    program.health().look(
        [&](const health::Monitor& monitor) { out = admin::health_json(moment, monitor, wishes); });
  });
  return out;
}

Result<std::string> provider_health_answer(Program& program, const AdminRequest& request) {
  WEIR_TRY_ASSIGN(resolution, resolution_of(request.query, "history"));
  WEIR_TRY_ASSIGN(from_ms, number_of(request.query, "from_ms"));
  const auto snapshot = program.snapshot();
  const auto index = snapshot->config().find_provider(request.argument);
  if (!index) {
    return Error(ErrorCode::route_unknown, "there is no provider " + std::string(request.argument));
  }
  std::vector<health::Point> points;
  // Without a history there still are figures.
  auto history = program.health().history(resolution, request.argument, from_ms, points_at_once);
  if (history) points = *std::move(history);
  std::string out;
  program.look_at(*snapshot, [&](const admin::Moment& moment) {
    program.health().look([&](const health::Monitor& monitor) {
      out = admin::provider_health_json(moment, *index, monitor, points);
    });
  });
  return out;
}

Result<std::string> health_export_answer(Program& program, const AdminRequest& request,
                                         std::string& media_type) {
  const std::string format = request.query.find("format").value_or("json");
  if (format != "json" && format != "csv") return bad_parameter("format", "must be json or csv");
  WEIR_TRY_ASSIGN(resolution, resolution_of(request.query, "points"));
  WEIR_TRY_ASSIGN(from_ms, number_of(request.query, "from_ms"));
  const std::string series = request.query.find("series").value_or("");
  WEIR_TRY_ASSIGN(points,
                  program.health().history(resolution, series, from_ms, points_at_once + 1));
  std::optional<std::int64_t> next;
  if (points.size() > points_at_once) {
    next = points.back().slot.start_ms;
    // The next page begins with a whole stretch of time.
    while (points.size() > 1 && points.back().slot.start_ms == *next) points.pop_back();
  }
  if (format == "json") return admin::points_json(points, next);
  media_type = admin::csv_media_type;
  return admin::points_csv(points);
}

Result<std::string> alerts_answer(Program& program, const AdminRequest& request) {
  WEIR_TRY_ASSIGN(after, number_of(request.query, "after"));
  std::string out;
  program.health().look_at_alerts(
      [&](const health::Alerts& alerts) { out = admin::alerts_json(alerts, after); });
  return out;
}

}  // namespace weir::server
