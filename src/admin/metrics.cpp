// SPDX-License-Identifier: Apache-2.0
//
// The metrics page, collected anew from the counters at each request: prometheus-cpp writes the
// format, its own counters would cost the hot path a second set.

#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "admin/views.hpp"
#include "base/version.hpp"

namespace weir::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::size_t label_values_max = 1'000;

/// What one line per provider shows.
struct Figures {
  std::string name;
  Totals totals;
  std::int64_t in_flight = 0;
  double first_content_seconds = 0;
  double latency_seconds = 0;
  bool is_open = false;
  std::uint64_t retries_refused = 0;
  health::Figures waits;
};

bool is_refusing(policy::CircuitBreaker::State state) {
  using State = policy::CircuitBreaker::State;
  return state == State::open || state == State::forced_open;
}

Figures figures_of(const pipeline::Upstream& upstream, const Moment& moment) {
  constexpr double micro = 1e-6;
  const pipeline::TrafficCounters& counters = *upstream.counters;
  Figures figures;
  figures.name = upstream.name;
  figures.totals = totals_of(counters);
  figures.in_flight = counters.in_flight.load(std::memory_order_relaxed);
  figures.first_content_seconds =
      static_cast<double>(counters.first_content_us.load(std::memory_order_relaxed)) * micro;
  figures.latency_seconds =
      static_cast<double>(counters.latency_us.load(std::memory_order_relaxed)) * micro;
  figures.waits = counters.meter.read();
  const auto status = std::find_if(moment.status.begin(), moment.status.end(),
                                   [&](const auto& one) { return one.name == upstream.name; });
  if (status != moment.status.end()) {
    figures.is_open = is_refusing(status->circuit.state);
    figures.retries_refused = status->retries_refused;
  }
  return figures;
}

/// Sums only: an average over many providers tells nothing about any.
void add(Figures& sum, const Figures& one) {
  sum.totals.attempts += one.totals.attempts;
  sum.totals.successes += one.totals.successes;
  sum.totals.failures += one.totals.failures;
  sum.totals.unpriced += one.totals.unpriced;
  sum.totals.impossible_usage += one.totals.impossible_usage;
  sum.totals.refusals += one.totals.refusals;
  sum.totals.input_tokens += one.totals.input_tokens;
  sum.totals.output_tokens += one.totals.output_tokens;
  sum.totals.cost_nanousd += one.totals.cost_nanousd;
  sum.in_flight += one.in_flight;
  sum.retries_refused += one.retries_refused;
  sum.waits += one.waits;
}

std::vector<Figures> all_figures(const Moment& moment) {
  std::vector<Figures> all;
  Figures other;
  other.name = "other";
  for (const auto& upstream : moment.upstreams) {
    if (all.size() < label_values_max) {
      all.push_back(figures_of(*upstream, moment));
    } else {
      add(other, figures_of(*upstream, moment));
    }
  }
  if (moment.upstreams.size() > label_values_max) all.push_back(std::move(other));
  return all;
}

using Value = double (*)(const Figures&);

/// One metric with a line per provider. Those with a second label have several rows of one name.
struct Row {
  std::string_view name;
  std::string_view help;
  MetricType type;
  Value value;
  std::string_view label = {};
  std::string_view label_value = {};
};

// clang-format off
constexpr std::array rows{
    Row{"weir_attempts_total", "Attempts at a provider", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.attempts); }},
    Row{"weir_failures_total", "Attempts that failed by the provider's or the network's fault", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.failures); }},
    Row{"weir_unpriced_total", "Attempts at a model whose price is not known", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.unpriced); }},
    Row{"weir_impossible_usage_total", "Attempts whose provider told counts of tokens that can't be", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.impossible_usage); }},
    Row{"weir_refusals_total", "Attempts that ended early by no fault of the provider", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.refusals); }},
    Row{"weir_retry_budget_exhausted_total", "Retries that the retry budget did not allow", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.retries_refused); }},
    Row{"weir_tokens_total", "Tokens as the provider counted them", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.input_tokens); }, "direction", "input"},
    Row{"weir_tokens_total", "", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.output_tokens); }, "direction", "output"},
    Row{"weir_cost_usd_total", "Cost in dollars", MetricType::Counter,
        [](const Figures& f) { return static_cast<double>(f.totals.cost_nanousd) * 1e-9; }},
    Row{"weir_in_flight", "Attempts under way", MetricType::Gauge,
        [](const Figures& f) { return static_cast<double>(f.in_flight); }},
    Row{"weir_latency_seconds", "Moving average of the time to a whole answer", MetricType::Gauge,
        [](const Figures& f) { return f.latency_seconds; }},
    Row{"weir_first_content_seconds", "Moving average of the time to the first content", MetricType::Gauge,
        [](const Figures& f) { return f.first_content_seconds; }},
    Row{"weir_circuit_open", "1 while the provider's circuit breaker lets nothing through", MetricType::Gauge,
        [](const Figures& f) { return f.is_open ? 1.0 : 0.0; }},
};
// clang-format on

ClientMetric metric_of(MetricType type, double value) {
  ClientMetric metric;
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  family.metric.push_back(metric_of(type, value));
  return family;
}

/// Limits of a histogram's bars in seconds. What is within 3 % of one may be counted on either side
/// of it, since the counts behind them have buckets of their own.
constexpr std::array histogram_limits{0.01, 0.025, 0.05, 0.1,  0.25, 0.5,  1.0,  2.5,
                                      5.0,  10.0,  20.0, 40.0, 60.0, 120., 300., 600.};

ClientMetric histogram_of(const health::Sketch& sketch, std::uint64_t sum_us) {
  ClientMetric metric;
  metric.histogram.sample_count = sketch.count();
  metric.histogram.sample_sum = static_cast<double>(sum_us) * 1e-6;
  for (const double limit : histogram_limits) {
    const auto us = static_cast<std::int64_t>(limit * 1e6);
    metric.histogram.bucket.push_back({sketch.count_up_to(us), limit});
  }
  metric.histogram.bucket.push_back({sketch.count(), std::numeric_limits<double>::infinity()});
  return metric;
}

/// Of servers that tell of it only.
void append_memory(std::vector<MetricFamily>& families, const Moment& moment) {
  MetricFamily loaded{
      "weir_models_loaded", "Models in a local server's memory", MetricType::Gauge, {}};
  MetricFamily memory{"weir_model_memory_bytes",
                      "What the models loaded at a local server take of which memory",
                      MetricType::Gauge,
                      {}};
  for (const auto& upstream : moment.upstreams.first(
           std::min(moment.upstreams.size(), static_cast<std::size_t>(label_values_max)))) {
    const pipeline::TrafficCounters& counters = *upstream->counters;
    const std::int32_t models = counters.models_loaded.load(std::memory_order_relaxed);
    if (models < 0) continue;
    const std::int64_t all = counters.memory_bytes.load(std::memory_order_relaxed);
    const std::int64_t vram = counters.memory_vram_bytes.load(std::memory_order_relaxed);
    loaded.metric.push_back(metric_of(MetricType::Gauge, models));
    loaded.metric.back().label.push_back({"provider", upstream->name});
    for (const auto& [kind, bytes] :
         {std::pair{"vram", vram}, std::pair{"ram", std::max<std::int64_t>(0, all - vram)}}) {
      memory.metric.push_back(metric_of(MetricType::Gauge, static_cast<double>(bytes)));
      memory.metric.back().label.push_back({"provider", upstream->name});
      memory.metric.back().label.push_back({"memory", kind});
    }
  }
  if (loaded.metric.empty()) return;
  families.push_back(std::move(loaded));
  families.push_back(std::move(memory));
}

void append_histograms(std::vector<MetricFamily>& families, const std::vector<Figures>& figures) {
  MetricFamily whole{"weir_request_duration_seconds",
                     "Time to a whole answer, of attempts that succeeded",
                     MetricType::Histogram,
                     {}};
  MetricFamily first{"weir_time_to_first_content_seconds",
                     "Time to the first content of a stream",
                     MetricType::Histogram,
                     {}};
  for (const Figures& one : figures) {
    whole.metric.push_back(histogram_of(one.waits.latency, one.waits.counts.latency_us));
    first.metric.push_back(
        histogram_of(one.waits.first_content, one.waits.counts.first_content_us));
    whole.metric.back().label.push_back({"provider", one.name});
    first.metric.back().label.push_back({"provider", one.name});
  }
  families.push_back(std::move(whole));
  families.push_back(std::move(first));
}

/// Between providers: a model may be a client's own word.
void append_failovers(std::vector<MetricFamily>& families, const Moment& moment) {
  using Key = std::array<std::string, 4>;
  std::map<Key, std::uint64_t> sums;
  for (const shared_state::FailoverCount& row : moment.failovers) {
    const Key key{row.from.substr(0, row.from.find('/')), row.to.substr(0, row.to.find('/')),
                  std::string(policy::name(row.failure)),
                  std::string(shared_state::name(row.kind))};
    const bool is_new = sums.size() < label_values_max || sums.contains(key);
    sums[is_new ? key : Key{"other", "other", "other", "other"}] += row.count;
  }
  MetricFamily family{"weir_failovers_total",
                      "Calls that went from one target to another",
                      MetricType::Counter,
                      {}};
  for (const auto& [key, count] : sums) {
    ClientMetric metric = metric_of(MetricType::Counter, static_cast<double>(count));
    metric.label = {{"from", key[0]}, {"to", key[1]}, {"why", key[2]}, {"kind", key[3]}};
    family.metric.push_back(std::move(metric));
  }
  if (!family.metric.empty()) families.push_back(std::move(family));
}

void append_degradations(std::vector<MetricFamily>& families, const Moment& moment) {
  MetricFamily family{"weir_degradations_total",
                      "Calls that a later route or tier of the one asked for answered",
                      MetricType::Counter,
                      {}};
  for (const shared_state::DegradationCount& row : moment.degradations) {
    ClientMetric metric = metric_of(MetricType::Counter, static_cast<double>(row.count));
    metric.label = {{"route", row.route}, {"to", row.to}};
    family.metric.push_back(std::move(metric));
  }
  if (!family.metric.empty()) families.push_back(std::move(family));
}

using LedgerCount = std::atomic<std::uint64_t> ledger::Figures::*;

struct LedgerRow {
  std::string_view name;
  std::string_view help;
  LedgerCount count;
};

// clang-format off
constexpr std::array ledger_rows{
    LedgerRow{"weir_ledger_intents_total", "Calls written down before their first attempt", &ledger::Figures::intents},
    LedgerRow{"weir_ledger_checkpoints_total", "Notes of what an attempt has taken so far", &ledger::Figures::checkpoints},
    LedgerRow{"weir_ledger_settlements_total", "Calls written down as they ended", &ledger::Figures::settlements},
    LedgerRow{"weir_ledger_bytes_total", "Bytes written", &ledger::Figures::bytes},
    LedgerRow{"weir_ledger_segments_total", "Segments made", &ledger::Figures::segments},
    LedgerRow{"weir_ledger_syncs_total", "Times that what was written was synced", &ledger::Figures::syncs},
    LedgerRow{"weir_ledger_sync_failures_total", "Syncs that failed", &ledger::Figures::sync_failures},
    LedgerRow{"weir_ledger_segment_failures_total", "Segments that could not be made", &ledger::Figures::segment_failures},
    LedgerRow{"weir_ledger_refused_total", "Calls that could not be written down before their first attempt", &ledger::Figures::refused},
    LedgerRow{"weir_ledger_late_total", "Ends of calls that had to wait in memory", &ledger::Figures::late},
    LedgerRow{"weir_ledger_lost_total", "Ends of calls that found no room there either", &ledger::Figures::lost},
};
// clang-format on

void append_ledger(std::vector<MetricFamily>& families, const ledger::Figures& figures) {
  for (const LedgerRow& row : ledger_rows) {
    const auto count = (figures.*row.count).load(std::memory_order_relaxed);
    families.push_back(single(std::string(row.name), std::string(row.help), MetricType::Counter,
                              static_cast<double>(count)));
  }
  families.push_back(single("weir_usage_rows_waiting",
                            "Calls in the ledger that the store of its sums could not take yet",
                            MetricType::Gauge,
                            static_cast<double>(figures.waiting.load(std::memory_order_relaxed))));
}

void append_process(std::vector<MetricFamily>& families, const ProcessFacts& process) {
  families.push_back(single("process_cpu_seconds_total", "CPU time of the process",
                            MetricType::Counter, process.cpu_seconds));
  families.push_back(single("process_resident_memory_bytes", "Resident memory", MetricType::Gauge,
                            static_cast<double>(process.resident_bytes)));
  families.push_back(single("process_start_time_seconds", "Start, as Unix time", MetricType::Gauge,
                            static_cast<double>(process.start_unix_ms) * 1e-3));
  families.push_back(single("weir_connections", "Client connections", MetricType::Gauge,
                            static_cast<double>(process.connections)));
  families.push_back(single("weir_calls_in_flight", "Model calls under way", MetricType::Gauge,
                            static_cast<double>(process.calls)));
  families.push_back(single("weir_request_body_bytes", "Memory of the request bodies under way",
                            MetricType::Gauge, static_cast<double>(process.body_bytes)));
  families.push_back(single("weir_calls_shed_total", "Model calls refused because of overload",
                            MetricType::Counter, static_cast<double>(process.calls_shed)));
  families.push_back(single("weir_reservations_open",
                            "What calls and attempts have set aside of limits and budgets",
                            MetricType::Gauge, static_cast<double>(process.reservations_open)));
  families.push_back(single("weir_reservations_leaked_total",
                            "Reservations that nobody settled within a minute of their call's end",
                            MetricType::Counter, static_cast<double>(process.reservations_leaked)));
  if (process.ledger != nullptr) append_ledger(families, *process.ledger);
  families.push_back(single("weir_usage_store_up",
                            "1 while calls come from the ledger into the store of its sums",
                            MetricType::Gauge, process.is_usage_store_down ? 0 : 1));
  MetricFamily build = single("weir_build_info", "The running version", MetricType::Gauge, 1);
  build.metric.front().label.push_back({"version", std::string(version())});
  families.push_back(std::move(build));
}

}  // namespace

std::string metrics_text(const Moment& moment, const ProcessFacts& process) {
  const std::vector<Figures> figures = all_figures(moment);
  std::vector<MetricFamily> families;
  for (const Row& row : rows) {
    if (families.empty() || families.back().name != row.name) {
      families.push_back({std::string(row.name), std::string(row.help), row.type, {}});
    }
    for (const Figures& one : figures) {
      ClientMetric metric = metric_of(row.type, row.value(one));
      metric.label.push_back({"provider", one.name});
      if (!row.label.empty()) {
        metric.label.push_back({std::string(row.label), std::string(row.label_value)});
      }
      families.back().metric.push_back(std::move(metric));
    }
  }
  append_memory(families, moment);
  append_histograms(families, figures);
  append_failovers(families, moment);
  append_degradations(families, moment);
  append_process(families, process);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace weir::admin
