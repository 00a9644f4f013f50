// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "weir/result.hpp"

namespace date {
class time_zone;  // NOLINT(readability-identifier-naming): its own name
}

namespace weir::policy {

/// How long a quota or a budget runs.
enum class Period : std::uint8_t { day, week, month, total };
std::string_view name(Period period) noexcept;

/// One day, week or month as people of one place see it; or all time. Half open.
struct CalendarWindow {
  std::int64_t id = 0;  ///< grows by one from each window to the next
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;  ///< Unix time
  bool operator==(const CalendarWindow&) const = default;
};

/// Divides time into the days, weeks or months of a named time zone. Right on days of 23 and 25
/// hours, in zones with offsets of 30 and 45 minutes, in leap years (W-4, K-6).
///
/// Every moment is in exactly one window, whatever the clocks of the place do. Weeks begin on
/// Mondays.
class Calendar {
 public:
  /// `zone`: a name of the time-zone database, such as `Europe/Berlin`; empty is UTC. `reset_at`:
  /// how long after midnight a window begins. Errors: `invalid_request` for a zone that is not in
  /// the database.
  static Result<Calendar> make(Period period, std::string_view zone,
                               std::chrono::minutes reset_at = {});

  /// The window that `unix_ms` is in. Cost: a few microseconds; keep the answer until its end.
  [[nodiscard]] CalendarWindow window_at(std::int64_t unix_ms) const;
  [[nodiscard]] Period period() const { return period_; }
  [[nodiscard]] std::string_view zone_name() const;
  /// What a window is called, beside all windows of all calendars: `day:2026-11-21`,
  /// `month:2026-11@Europe/Berlin+06:00`, `total`.
  [[nodiscard]] std::string label(const CalendarWindow& window) const;
  bool operator==(const Calendar&) const = default;

 private:
  Calendar(Period period, const date::time_zone* zone, std::chrono::minutes reset_at)
      : period_(period), zone_(zone), reset_at_(reset_at) {}
  [[nodiscard]] std::int64_t start_of(std::int64_t id) const;

  Period period_;
  const date::time_zone* zone_;  // null: UTC. The database's own, never freed.
  std::chrono::minutes reset_at_;
};

}  // namespace weir::policy
