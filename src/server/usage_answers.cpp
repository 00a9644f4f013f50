// SPDX-License-Identifier: Apache-2.0
#include "server/usage_answers.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

#include "admin/health_view.hpp"
#include "base/moment.hpp"
#include "base/money.hpp"
#include "json/writer.hpp"
#include "usage/report.hpp"
#include "usage/runway.hpp"

namespace weir::server {
namespace {

using usage::Dimension;
using usage::Period;

Error bad_parameter(std::string_view name, std::string text) {
  return {ErrorCode::invalid_request, std::string(name) + " " + text, std::string(name)};
}

std::string listed(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

Result<Dimension> dimension_of(std::string_view parameter, std::string_view name) {
  if (const auto dimension = usage::parse_dimension(name)) return *dimension;
  return bad_parameter(parameter, "knows " + listed(usage::dimension_names) +
                                      ", and hour, day or "
                                      "month");
}

/// `by=day,model`: at most one stretch of time, and any dimensions.
Result<> read_by(std::string_view text, usage::Question& question) {
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    if (const auto period = usage::parse_period(name)) {
      question.period = *period;
      continue;
    }
    WEIR_TRY_ASSIGN(dimension, dimension_of("by", name));
    const auto known = std::find(question.by.begin(), question.by.end(), dimension);
    if (known == question.by.end()) question.by.push_back(dimension);
  }
  return {};
}

Result<> read_moment(const net::http::Query& query, std::string_view name, std::int64_t& out) {
  const auto text = query.find(name);
  if (!text) return {};
  const auto moment = parse_moment(*text);
  if (!moment) return bad_parameter(name, "must be a date such as 2026-12-01 or 2026-12-01T16:00");
  out = std::chrono::duration_cast<std::chrono::milliseconds>(moment->time_since_epoch()).count();
  if (out % usage::hour_ms != 0) return bad_parameter(name, "must be a whole hour");
  return {};
}

/// A day by hours, 30 days, a year by months; else the month so far.
std::int64_t usual_start(Period period, std::int64_t before_ms) {
  switch (period) {
    case Period::hour:
      return before_ms - usage::day_ms;
    case Period::day:
      return before_ms - 30 * usage::day_ms;
    case Period::month:
      return usage::month_of(before_ms - 365 * usage::day_ms).first;
    case Period::all:
      break;
  }
  return usage::month_of(before_ms - 1).first;
}

Result<usage::Question> question_of(const net::http::Query& query, const identity::Actor& actor,
                                    std::int64_t now_ms) {
  usage::Question question;
  WEIR_TRY(read_by(query.find("by").value_or("day,model"), question));
  const std::int64_t unit = question.period == Period::hour ? usage::hour_ms : usage::day_ms;
  question.before_ms = now_ms - now_ms % unit + unit;
  WEIR_TRY(read_moment(query, "until", question.before_ms));
  question.from_ms = usual_start(question.period, question.before_ms);
  WEIR_TRY(read_moment(query, "since", question.from_ms));
  for (std::size_t i = 0; i < usage::dimension_count; ++i) {
    const auto value = query.find(usage::dimension_names[i]);
    if (value) question.only.emplace_back(static_cast<Dimension>(i), *value);
  }
  // After what was asked for, so that it can't be asked away.
  if (identity::is_confined(actor.role)) {
    if (actor.user.empty()) return Error(ErrorCode::not_allowed, "there is no user");
    question.only.emplace_back(Dimension::user, actor.user);
  }
  question.with_times = query.find("times").value_or("yes") != "no";
  return question;
}

void append_dollars(json::Writer& json, std::string_view name, std::int64_t nanousd) {
  json.key(name).raw(to_usd_text(NanoUsd(nanousd)));
}

void append_allowance(json::Writer& json, std::string_view name, const usage::Allowance& one) {
  if (one.limit == 0) return;
  json.key(name).begin_object().member("limit", one.limit).member("used", one.used);
  json.member("left", one.left()).end_object();
}

void append_hours(json::Writer& json, std::string_view name, std::optional<std::int64_t> minutes) {
  json.key(name);
  if (minutes) {
    json.integer(*minutes);
  } else {
    json.null();
  }
}

}  // namespace

Result<std::string> usage_answer(usage::Store& store, const net::http::Query& query,
                                 const identity::Actor& actor, std::int64_t now_ms,
                                 std::string& media_type) {
  const std::string format = query.find("format").value_or("json");
  if (format != "json" && format != "csv") return bad_parameter("format", "must be json or csv");
  WEIR_TRY_ASSIGN(question, question_of(query, actor, now_ms));
  WEIR_TRY_ASSIGN(report, usage::ask(store, question));
  if (format == "json") return usage::report_json(question, report);
  media_type = admin::csv_media_type;
  return usage::report_csv(question, report);
}

Result<std::string> forecast_answer(usage::Store& store, std::int64_t now_ms) {
  WEIR_TRY_ASSIGN(found, usage::forecast(store, now_ms));
  std::string out;
  json::Writer json(out);
  json.begin_object().member("month", usage::period_text(Period::month, found.month_start_ms));
  json.member("spent_nanousd", found.spent).member("per_day_nanousd", found.per_day);
  json.member("expected_nanousd", found.expected);
  append_dollars(json, "spent_usd", found.spent);
  append_dollars(json, "expected_usd", found.expected);
  json.end_object();
  return out;
}

Result<std::string> runway_answer(usage::Store& store, const config::Config& config,
                                  std::int64_t now_ms) {
  std::vector<usage::FreeTier> tiers;
  for (const config::ProviderConfig& provider : config.providers) {
    if (!provider.enabled || !provider.spec->has_free_tier) continue;
    const auto reset_at = std::chrono::floor<std::chrono::minutes>(provider.limits.reset_at);
    for (usage::FreeTier& tier :
         usage::free_tiers(provider.name, *provider.spec, provider.limits.time_zone, reset_at)) {
      tiers.push_back(std::move(tier));
    }
  }
  WEIR_TRY_ASSIGN(runway, usage::runway(store, tiers, now_ms));
  std::string out;
  json::Writer json(out);
  json.begin_object().key("providers").begin_array();
  for (const usage::Runway::Provider& one : runway.providers) {
    json.begin_object().member("provider", one.name);
    if (!one.model.empty()) json.member("model", one.model);
    append_allowance(json, "requests_today", one.requests_today);
    append_allowance(json, "tokens_today", one.tokens_today);
    append_allowance(json, "requests_this_month", one.requests_month);
    append_allowance(json, "tokens_this_month", one.tokens_month);
    json.end_object();
  }
  json.end_array();
  json.member("requests_left_today", runway.requests_left);
  json.member("tokens_left_today", runway.tokens_left);
  json.member("requests_per_hour", runway.requests_per_hour);
  json.member("tokens_per_hour", runway.tokens_per_hour);
  append_hours(json, "minutes_left", runway.minutes_left());
  json.end_object();
  return out;
}

}  // namespace weir::server
