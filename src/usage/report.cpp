// SPDX-License-Identifier: Apache-2.0
#include "usage/report.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <tuple>

#include "base/money.hpp"
#include "json/writer.hpp"
#include "usage/series.hpp"

namespace weir::usage {
namespace {

constexpr std::size_t rows_max = 1'000'000;
constexpr std::int64_t forecast_days = 7;

constexpr std::array<std::string_view, 4> period_names{"all", "hour", "day", "month"};

std::chrono::sys_days day_at(std::int64_t ms) {
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms)));
}

std::int64_t ms_of(std::chrono::sys_days day) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(day.time_since_epoch()).count();
}

std::int64_t start_of(Period period, std::int64_t ms) {
  switch (period) {
    case Period::all:
      return 0;
    case Period::hour:
      return ms - ms % hour_ms;
    case Period::day:
      return ms - ms % day_ms;
    case Period::month:
      return month_of(ms).first;
  }
  return 0;
}

std::vector<std::string_view> tags_of(std::string_view text) {
  std::vector<std::string_view> tags;
  while (!text.empty()) {
    const auto end = text.find(tag_separator);
    tags.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return tags;
}

bool is_wanted(const Question& question, const Labels& labels) {
  for (const auto& [dimension, value] : question.only) {
    const std::string& text = label(labels, dimension);
    if (dimension == Dimension::tag) {
      const auto tags = tags_of(text);
      if (std::find(tags.begin(), tags.end(), value) == tags.end()) return false;
    } else if (text != value) {
      return false;
    }
  }
  return true;
}

/// Calls `take` with the labels asked for; once for each tag where tags are.
template <class Take>
void for_each_group(const Question& question, const Labels& labels, Take take) {
  std::vector<std::string> group;
  std::size_t tag_at = question.by.size();
  for (std::size_t i = 0; i < question.by.size(); ++i) {
    if (question.by[i] == Dimension::tag) tag_at = i;
    group.push_back(label(labels, question.by[i]));
  }
  if (tag_at == question.by.size()) return take(group);
  const auto tags = tags_of(label(labels, Dimension::tag));
  if (tags.empty()) return take(group);
  for (const std::string_view tag : tags) {
    group[tag_at] = tag;
    take(group);
  }
}

// ---- writing --------------------------------------------------------------------------------

void append_quantiles(json::Writer& json, std::string_view name, const health::Sketch& sketch) {
  json.key(name).begin_object();
  for (const auto& [key, permille] :
       {std::pair("p50", 500), std::pair("p95", 950), std::pair("p99", 990)}) {
    const auto us = sketch.quantile(permille);
    json.key(key);
    if (us) {
      json.integer((*us + 500) / 1000);
    } else {
      json.null();
    }
  }
  json.end_object();
}

void append_figures(json::Writer& json, const Figures& figures, bool with_times) {
  for (const FigureRow& row : figure_rows) json.member(row.name, figures.*row.member);
  json.key("cost_usd").raw(to_usd_text(NanoUsd(figures.cost)));
  json.key("failures").begin_object();
  for (const auto& [failure, count] : figures.failures) json.member(failure, count);
  json.end_object();
  if (!with_times) return;
  append_quantiles(json, "latency_ms", figures.latency);
  append_quantiles(json, "first_content_ms", figures.first_content);
}

/// One cell: quoted where it must be, and never a formula.
std::string csv_cell(std::string_view text) {
  std::string cell(text);
  if (!cell.empty() && std::string_view("=+-@\t\r").find(cell.front()) != std::string_view::npos) {
    cell.insert(0, 1, '\'');
  }
  if (cell.find_first_of(",\"\n\r") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::optional<Period> parse_period(std::string_view name) noexcept {
  for (std::size_t i = 0; i < period_names.size(); ++i) {
    if (period_names[i] == name) return static_cast<Period>(i);
  }
  return std::nullopt;
}

std::string_view name(Period period) noexcept {
  return period_names[static_cast<std::size_t>(period)];
}

std::pair<std::int64_t, std::int64_t> month_of(std::int64_t ms) {
  const std::chrono::year_month_day date(day_at(ms));
  const std::chrono::year_month month(date.year(), date.month());
  return {ms_of(std::chrono::sys_days(month / 1)),
          ms_of(std::chrono::sys_days((month + std::chrono::months(1)) / 1))};
}

std::string period_text(Period period, std::int64_t start_ms) {
  if (period == Period::all) return {};
  const std::chrono::year_month_day date(day_at(start_ms));
  const int year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  const unsigned day = static_cast<unsigned>(date.day());
  std::array<char, 40> text{};
  if (period == Period::month) {
    std::snprintf(text.data(), text.size(), "%04d-%02u", year, month);
  } else if (period == Period::day) {
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", year, month, day);
  } else {
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:00", year, month, day,
                  static_cast<int>(start_ms % day_ms / hour_ms));
  }
  return text.data();
}

Result<Report> ask(Store& store, const Question& question) {
  using Group = std::pair<std::int64_t, std::vector<std::string>>;
  std::map<Group, Figures> groups;
  Report report;
  bool is_damaged = false;
  const bool is_by_day = question.period != Period::hour && question.from_ms % day_ms == 0 &&
                         question.before_ms % day_ms == 0;
  const auto take = [&](const Store::Sums& sums) {
    if (!is_wanted(question, *sums.labels) || groups.size() > rows_max) return;
    Figures figures;
    is_damaged = is_damaged || !figures.decode(sums.figures, question.with_times);
    const std::int64_t start = start_of(question.period, sums.start_ms);
    for_each_group(question, *sums.labels,
                   [&](const auto& labels) { groups[{start, labels}] += figures; });
    report.total += figures;
  };
  WEIR_TRY(store.read(is_by_day, question.from_ms, question.before_ms, take));
  if (is_damaged) return damaged_sums();
  if (groups.size() > rows_max) {
    return Error(ErrorCode::invalid_request, "the answer has more than a million rows");
  }
  report.rows.reserve(groups.size());
  for (auto& [group, figures] : groups) {
    report.rows.push_back({group.first, group.second, std::move(figures)});
  }
  return report;
}

std::string report_json(const Question& question, const Report& report) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("from_ms", question.from_ms).member("before_ms", question.before_ms);
  json.member("period", name(question.period)).key("by").begin_array();
  for (const Dimension dimension : question.by) {
    json.string(dimension_names[static_cast<std::size_t>(dimension)]);
  }
  json.end_array().key("rows").begin_array();
  for (const ReportRow& row : report.rows) {
    json.begin_object();
    if (question.period != Period::all) {
      json.member("start", period_text(question.period, row.start_ms));
      json.member("start_ms", row.start_ms);
    }
    for (std::size_t i = 0; i < question.by.size(); ++i) {
      json.member(dimension_names[static_cast<std::size_t>(question.by[i])], row.labels[i]);
    }
    append_figures(json, row.figures, question.with_times);
    json.end_object();
  }
  json.end_array().key("total").begin_object();
  append_figures(json, report.total, question.with_times);
  json.end_object().end_object();
  return out;
}

std::string report_csv(const Question& question, const Report& report) {
  std::string out;
  const auto end_line = [&] {
    out.back() = '\r';
    out += '\n';
  };
  if (question.period != Period::all) out.append("start,");
  for (const Dimension dimension : question.by) {
    out.append(dimension_names[static_cast<std::size_t>(dimension)]).append(",");
  }
  for (const FigureRow& row : figure_rows) out.append(row.name).append(",");
  out.append("cost_usd,latency_p50_ms,latency_p95_ms,");
  end_line();
  const auto append_quantile = [&](const health::Sketch& sketch, int permille) {
    if (const auto us = sketch.quantile(permille)) out.append(std::to_string((*us + 500) / 1000));
    out += ',';
  };
  for (const ReportRow& row : report.rows) {
    if (question.period != Period::all) {
      out.append(period_text(question.period, row.start_ms)).append(",");
    }
    for (const std::string& text : row.labels) out.append(csv_cell(text)).append(",");
    for (const FigureRow& figure : figure_rows) {
      out.append(std::to_string(row.figures.*figure.member)).append(",");
    }
    out.append(to_usd_text(NanoUsd(row.figures.cost))).append(",");
    append_quantile(row.figures.latency, 500);
    append_quantile(row.figures.latency, 950);
    end_line();
  }
  return out;
}

Result<Forecast> forecast(Store& store, std::int64_t now_ms) {
  Forecast out;
  std::tie(out.month_start_ms, out.month_end_ms) = month_of(now_ms);
  const std::int64_t hour = now_ms - now_ms % hour_ms;
  const std::int64_t week_start = hour - forecast_days * day_ms;
  std::int64_t week = 0;
  std::int64_t first = now_ms;
  bool is_damaged = false;
  const auto take = [&](const Store::Sums& sums) {
    Figures figures;
    is_damaged = is_damaged || !figures.decode(sums.figures, false);
    const std::int64_t cost = figures.cost + figures.exposure;
    if (sums.start_ms >= out.month_start_ms) out.spent += cost;
    if (sums.start_ms < week_start) return;
    week += cost;
    first = std::min(first, sums.start_ms);
  };
  WEIR_TRY(store.read(false, std::min(week_start, out.month_start_ms), now_ms + hour_ms, take));
  if (is_damaged) return damaged_sums();
  // Less than an hour tells nothing about a month.
  const std::int64_t passed = std::max(now_ms - first, hour_ms);
  const auto over = [&](std::int64_t ms) {
    return static_cast<std::int64_t>(Int128{week} * ms / passed);
  };
  out.per_day = over(day_ms);
  out.expected = out.spent + over(out.month_end_ms - now_ms);
  return out;
}

}  // namespace weir::usage
