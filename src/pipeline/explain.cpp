// SPDX-License-Identifier: Apache-2.0
#include "pipeline/explain.hpp"

#include "base/money.hpp"
#include "json/writer.hpp"

namespace weir::pipeline {
namespace {

std::int64_t value_of(const std::atomic<std::int64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

std::string_view state_of(const Candidate& candidate, bool is_chosen) {
  if (is_chosen) return "chosen";
  if (!candidate.skipped.empty()) return "skipped";
  if (candidate.visits > 0) return "failed";
  return candidate.outcome.empty() ? "untried" : "refused";
}

void append_candidate(json::Writer& json, const Call& call, const Operation& operation,
                      const Candidate& candidate, bool is_chosen) {
  const Target& target = *candidate.target;
  const TrafficCounters& counters = *target.counters;
  json.begin_object().member("target", target.name);
  if (!target.upstream->key_name.empty()) json.member("key", target.upstream->key_name);
  json.member("step", static_cast<std::int64_t>(candidate.step) + 1);
  json.member("strategy", name(call.route->steps[candidate.step].strategy));
  json.member("state", state_of(candidate, is_chosen));
  const std::string& why = candidate.skipped.empty() ? candidate.outcome : candidate.skipped;
  if (!why.empty()) json.member("why", why);
  if (candidate.is_uncertain) json.member("uncertain", true);
  if (candidate.seal_fate == SealFate::dropped) json.member("drops_sealed_reasoning", true);
  if (const auto cost = expected_cost(target, operation)) {
    json.member("expected_cost", to_usd_text(NanoUsd(*cost)));
  }
  json.member("weight", target.weight);
  json.member("first_content_ms", value_of(counters.first_content_us) / 1000);
  json.member("failing_permille", value_of(counters.failing_permille));
  json.member("in_flight",
              static_cast<std::int64_t>(counters.in_flight.load(std::memory_order_relaxed)));
  json.end_object();
}

}  // namespace

std::string_view name(Strategy strategy) noexcept {
  switch (strategy) {
    case Strategy::priority:
      return "priority";
    case Strategy::round_robin:
      return "round_robin";
    case Strategy::weighted:
      return "weighted";
    case Strategy::least_recently_used:
      return "least_recently_used";
    case Strategy::least_latency:
      return "least_latency";
    case Strategy::least_cost:
      return "least_cost";
    case Strategy::least_busy:
      return "least_busy";
    case Strategy::health:
      return "health";
    case Strategy::sticky:
      return "sticky";
  }
  return "priority";
}

std::string explain(const Call& call, const Operation& operation, const Candidates& plan,
                    const Candidate* chosen, std::size_t bytes_max) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("route", call.route->name).key("targets").begin_array();
  std::size_t shown = 0;
  for (const Candidate& candidate : plan) {
    if (out.size() > bytes_max) break;
    append_candidate(json, call, operation, candidate, &candidate == chosen);
    ++shown;
  }
  json.end_array();
  if (shown < plan.size()) json.member("more", static_cast<std::int64_t>(plan.size() - shown));
  json.end_object();
  return out;
}

}  // namespace weir::pipeline
