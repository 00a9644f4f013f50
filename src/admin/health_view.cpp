// SPDX-License-Identifier: Apache-2.0
#include "admin/health_view.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/money.hpp"
#include "json/writer.hpp"

namespace weir::admin {
namespace {

using health::Figures;
using health::Point;
using health::Reading;
using health::Sketch;

constexpr std::array quantiles{500, 950, 990};
constexpr std::array<std::string_view, 3> quantile_names{"p50", "p95", "p99"};

/// Milliseconds with a tenth, as far as a sketch is exact.
double ms_of(std::int64_t us) {
  const std::int64_t tenths = us / 100;
  return static_cast<double>(tenths) / 10;
}

void append_number(json::Writer& json, std::optional<double> value) {
  if (value) {
    json.number(*value);
  } else {
    json.null();
  }
}

void append_sketch(json::Writer& json, std::string_view name, const Sketch& sketch) {
  json.key(name).begin_object();
  for (std::size_t i = 0; i < quantiles.size(); ++i) {
    const auto us = sketch.quantile(quantiles[i]);
    append_number(json.key(quantile_names[i]), us ? std::optional(ms_of(*us)) : std::nullopt);
  }
  json.end_object();
}

/// Who is to blame or not: each class of end that came about, and its part of what can be judged.
void append_errors(json::Writer& json, const health::Counts& counts) {
  const std::uint64_t judged = counts.successes() + counts.failures();
  json.key("errors").begin_object();
  for (std::size_t i = 1; i < counts.ends.size(); ++i) {
    if (counts.ends[i] == 0) continue;
    json.key(policy::name(static_cast<policy::FailureClass>(i))).begin_object();
    json.member("count", static_cast<std::int64_t>(counts.ends[i]));
    json.key("rate");
    append_number(json, judged == 0 ? std::nullopt
                                    : std::optional(static_cast<double>(counts.ends[i]) /
                                                    static_cast<double>(judged)));
    json.end_object();
  }
  json.end_object();
}

void append_figures(json::Writer& json, const Figures& figures) {
  json.member("successes", static_cast<std::int64_t>(figures.counts.successes()));
  json.member("failures", static_cast<std::int64_t>(figures.counts.failures()));
  json.member("others", static_cast<std::int64_t>(figures.counts.others()));
  append_number(json.key("success_rate"), figures.success_rate());
  append_errors(json, figures.counts);
  append_sketch(json, "latency_ms", figures.latency);
  append_sketch(json, "first_content_ms", figures.first_content);
  append_number(json.key("tokens_per_second"), figures.tokens_per_second());
  json.key("cost_usd")
      .raw(to_usd_text(NanoUsd(static_cast<std::int64_t>(figures.counts.cost_nanousd))));
}

void append_windows(json::Writer& json, const health::Monitor& monitor, std::string_view series) {
  json.key("windows").begin_object();
  for (const health::Window window : health::windows) {
    const Reading reading = monitor.read(series, window).value_or(Reading());
    json.key(health::name(window)).begin_object();
    json.member("uptime_percent", reading.uptime * 100);
    append_figures(json, reading.figures);
    json.end_object();
  }
  json.end_object();
}

const shared_state::ProviderStatus* status_of(const Moment& moment, std::string_view name) {
  const auto found = std::find_if(moment.status.begin(), moment.status.end(),
                                  [&](const auto& one) { return one.name == name; });
  return found == moment.status.end() ? nullptr : &*found;
}

void append_provider(json::Writer& json, const Moment& moment, std::size_t index,
                     const health::Monitor& monitor) {
  const std::string& name = moment.upstreams[index]->name;
  const shared_state::ProviderStatus* status = status_of(moment, name);
  json.member("name", name);
  json.member("circuit", status == nullptr ? "closed" : policy::name(status->circuit.state));
  append_windows(json, monitor, name);
  json.key("targets").begin_array();
  const std::string prefix = name + "/";
  for (const std::string& series : monitor.series()) {
    if (!series.starts_with(prefix)) continue;
    json.begin_object().member("name", series);
    append_windows(json, monitor, series);
    json.end_object();
  }
  json.end_array();
}

// ---- ranking --------------------------------------------------------------------------------

struct Ranked {
  std::string name;
  double score = 0;
  Reading reading;
  std::vector<std::string> models;  ///< that have what is wanted
};

/// What nobody has used yet stands behind what works and before what fails.
double score_of(const Reading& reading, bool is_refusing) {
  constexpr double assumed_good = 9;
  constexpr double assumed = 10;
  constexpr double slow_us = 10e6;  // halves the score
  if (is_refusing) return 0;
  const auto good = static_cast<double>(reading.figures.counts.successes());
  const auto judged = good + static_cast<double>(reading.figures.counts.failures());
  const auto wait = reading.figures.first_content.quantile(500);
  const auto whole = reading.figures.latency.quantile(500);
  const double us = static_cast<double>(wait ? *wait : whole.value_or(0));
  return 100 * (good + assumed_good) / (judged + assumed) * reading.uptime / (1 + us / slow_us);
}

std::vector<std::string> models_with(const Moment& moment, std::size_t index,
                                     std::optional<providers::Capability> capability) {
  std::vector<std::string> models;
  for (const std::string& id : moment.resolver.models_of(index)) {
    config::ModelFacts facts = moment.resolver.facts_of(index, id);
    apply_refused(moment.refused, moment.upstreams[index]->name + "/" + id, facts);
    const bool has_it = !capability || facts.capabilities.can(*capability) == providers::Tri::yes;
    if (has_it) models.push_back(id);
  }
  return models;
}

std::vector<Ranked> rank(const Moment& moment, const health::Monitor& monitor,
                         const RankingWishes& wishes) {
  using State = policy::CircuitBreaker::State;
  std::vector<Ranked> ranking;
  for (std::size_t i = 0; i < moment.upstreams.size(); ++i) {
    Ranked one;
    one.name = moment.upstreams[i]->name;
    one.models = models_with(moment, i, wishes.capability);
    if (!moment.resolver.config().providers[i].enabled || one.models.empty()) continue;
    const shared_state::ProviderStatus* status = status_of(moment, one.name);
    const bool is_refusing = status != nullptr && (status->circuit.state == State::open ||
                                                   status->circuit.state == State::forced_open);
    one.reading = monitor.read(one.name, wishes.window).value_or(Reading());
    one.score = score_of(one.reading, is_refusing);
    ranking.push_back(std::move(one));
  }
  std::sort(ranking.begin(), ranking.end(), [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.name < b.name;
  });
  return ranking;
}

void append_ranking(json::Writer& json, const std::vector<Ranked>& ranking) {
  json.key("ranking").begin_array();
  for (const Ranked& one : ranking) {
    json.begin_object().member("provider", one.name).member("score", one.score);
    append_number(json.key("success_rate"), one.reading.figures.success_rate());
    json.member("uptime_percent", one.reading.uptime * 100);
    append_sketch(json, "first_content_ms", one.reading.figures.first_content);
    json.key("models").begin_array();
    for (const std::string& model : one.models) json.string(model);
    json.end_array().end_object();
  }
  json.end_array();
}

// ---- alerts ---------------------------------------------------------------------------------

void append_alert(json::Writer& json, const health::AlertEvent& event) {
  json.begin_object().member("id", event.id);
  json.member("type", event.is_raised ? "alert.raised" : "alert.over");
  json.member("rule", event.rule).member("subject", event.subject);
  json.member("metric", health::name(event.metric));
  json.member("value", event.value).member("threshold", event.threshold);
  json.member("since_unix_ms", event.since_ms).member("at_unix_ms", event.at_ms).end_object();
}

// ---- points ---------------------------------------------------------------------------------

void append_point(json::Writer& json, const Point& point) {
  json.begin_object().member("series", point.series);
  json.member("start_unix_ms", point.slot.start_ms);
  json.member("length_ms", health::length_ms(point.resolution));
  json.member("down_ms", point.slot.down_ms);
  append_figures(json, point.slot.figures);
  json.end_object();
}

/// A field in quotes where it needs them. Names that a spreadsheet would take for a formula get a
/// quote before them.
void append_csv_text(std::string& out, std::string_view text) {
  constexpr std::string_view formula = "=+-@\t\r";
  const bool is_formula = !text.empty() && formula.find(text.front()) != std::string_view::npos;
  if (!is_formula && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.append(is_formula ? "\"'" : "\"");
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  out.push_back('"');
}

void append_csv_number(std::string& out, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_csv_sketch(std::string& out, const Sketch& sketch) {
  for (const int permille : quantiles) {
    out.push_back(',');
    if (const auto us = sketch.quantile(permille)) append_csv_number(out, ms_of(*us));
  }
}

}  // namespace

std::string health_json(const Moment& moment, const health::Monitor& monitor,
                        const RankingWishes& wishes) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("providers").begin_array();
  for (std::size_t i = 0; i < moment.upstreams.size(); ++i) {
    json.begin_object();
    append_provider(json, moment, i, monitor);
    json.end_object();
  }
  json.end_array();
  append_ranking(json, rank(moment, monitor, wishes));
  json.end_object();
  return out;
}

std::string provider_health_json(const Moment& moment, std::size_t index,
                                 const health::Monitor& monitor, std::span<const Point> history) {
  std::string out;
  json::Writer json(out);
  json.begin_object();
  append_provider(json, moment, index, monitor);
  json.key("history").begin_array();
  for (const Point& point : history) append_point(json, point);
  json.end_array().end_object();
  return out;
}

std::string alert_json(const health::AlertEvent& event) {
  std::string out;
  json::Writer json(out);
  append_alert(json, event);
  return out;
}

std::string alerts_json(const health::Alerts& alerts, std::int64_t after) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("active").begin_array();
  for (const health::AlertEvent& event : alerts.active()) append_alert(json, event);
  json.end_array().key("events").begin_array();
  for (const health::AlertEvent& event : alerts.events_after(after)) append_alert(json, event);
  json.end_array().member("latest_id", alerts.latest_id()).end_object();
  return out;
}

std::string points_json(std::span<const Point> points, std::optional<std::int64_t> next) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("points").begin_array();
  for (const Point& point : points) append_point(json, point);
  json.end_array().key("next_from_ms");
  if (next) {
    json.integer(*next);
  } else {
    json.null();
  }
  json.end_object();
  return out;
}

std::string points_csv(std::span<const Point> points) {
  std::string out =
      "series,start_unix_ms,length_ms,successes,failures,others,success_rate,down_ms,"
      "latency_p50_ms,latency_p95_ms,latency_p99_ms,first_content_p50_ms,first_content_p95_ms,"
      "first_content_p99_ms,tokens_per_second,cost_usd\r\n";
  for (const Point& point : points) {
    const Figures& figures = point.slot.figures;
    append_csv_text(out, point.series);
    out.append(",").append(std::to_string(point.slot.start_ms));
    out.append(",").append(std::to_string(health::length_ms(point.resolution)));
    out.append(",").append(std::to_string(figures.counts.successes()));
    out.append(",").append(std::to_string(figures.counts.failures()));
    out.append(",").append(std::to_string(figures.counts.others())).append(",");
    if (const auto rate = figures.success_rate()) append_csv_number(out, *rate);
    out.append(",").append(std::to_string(point.slot.down_ms));
    append_csv_sketch(out, figures.latency);
    append_csv_sketch(out, figures.first_content);
    out.push_back(',');
    if (const auto speed = figures.tokens_per_second()) append_csv_number(out, *speed);
    out.append(",").append(
        to_usd_text(NanoUsd(static_cast<std::int64_t>(figures.counts.cost_nanousd))));
    out.append("\r\n");
  }
  return out;
}

}  // namespace weir::admin
