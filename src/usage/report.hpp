// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "usage/store.hpp"

/// What is asked of the sums, and how the answer is written.
namespace weir::usage {

/// Stretches of time, in UTC.
enum class Period : std::uint8_t { all, hour, day, month };
std::optional<Period> parse_period(std::string_view name) noexcept;
std::string_view name(Period period) noexcept;

struct Question {
  Period period = Period::all;
  std::vector<Dimension> by{};
  std::vector<std::pair<Dimension, std::string>> only{};
  std::int64_t from_ms = 0;
  std::int64_t before_ms = 0;
  bool with_times = true;
};

struct ReportRow {
  std::int64_t start_ms = 0;
  std::vector<std::string> labels;  ///< as many as were asked for
  Figures figures;
};

struct Report {
  std::vector<ReportRow> rows;  ///< by time, then by labels
  /// Of everything asked for. Less than the sum of the rows where those are by tag and calls had
  /// several.
  Figures total;
};

/// Answers `question`. Hours are used where the times are no whole days, or hours are asked for.
/// Errors: `invalid_request` for more than a million rows, `store_unavailable`.
Result<Report> ask(Store& store, const Question& question);

std::string report_json(const Question& question, const Report& report);
/// With a line of names. Texts that a spreadsheet would take for a formula are disarmed.
std::string report_csv(const Question& question, const Report& report);

/// What a month comes to if it goes on like the week before.
struct Forecast {
  std::int64_t month_start_ms = 0;
  std::int64_t month_end_ms = 0;
  std::int64_t spent = 0;     ///< nano-dollars since the month began
  std::int64_t per_day = 0;   ///< nano-dollars, of the last seven days, or since the first call
  std::int64_t expected = 0;  ///< by the end of the month
};
/// Errors: `store_unavailable`.
Result<Forecast> forecast(Store& store, std::int64_t now_ms);

/// `2026-11-21`, `2026-11-21T16:00`, `2026-11` by `period`; empty for all.
std::string period_text(Period period, std::int64_t start_ms);
/// The first moment of the month that holds `ms`, and of the next.
std::pair<std::int64_t, std::int64_t> month_of(std::int64_t ms);

}  // namespace weir::usage
