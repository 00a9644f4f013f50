// SPDX-License-Identifier: Apache-2.0
#include "usage/whatif.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/hash.hpp"
#include "providers/pricing.hpp"

namespace weir::usage {
namespace {

using pipeline::Strategy;
using pipeline::Target;

constexpr std::int64_t us_per_ms = 1000;

std::size_t bucket_of_ms(std::int64_t ms) { return health::bucket_of(ms * us_per_ms); }

providers::Bill bill_at(const Target& target, const ledger::CallRecord& call) {
  wire::Usage usage = call.usage;
  usage.cost_nanousd.reset();  // what one provider asked says nothing of another
  const providers::PriceConditions conditions{
      .at = std::chrono::sys_seconds(std::chrono::seconds(call.started_ms / 1000))};
  return providers::bill(target.prices, usage, conditions);
}

/// What the call cost is what it would cost: there, and at the prices that held then. Those of a
/// provider who tells them itself are in no configuration.
bool costs_as_recorded(const Target& target, const ledger::CallRecord& call) {
  const bool is_told = call.usage.cost_nanousd.has_value();
  return target.name == call.target && (is_told || target.prices.version == call.price_version);
}

bool fits(const Target& target, const ledger::CallRecord& call) {
  const std::int64_t room = target.context_tokens;
  return room <= 0 || call.usage.input_total() + call.usage.output_total() <= room;
}

std::uint64_t draw_of(const ledger::CallRecord& call) { return mixed(hash_of(call.request_id)); }

const Target* drawn(const std::vector<const Target*>& targets, std::uint64_t draw,
                    bool is_weighted) {
  const auto weight_of = [&](const Target* target) {
    return is_weighted ? static_cast<std::uint64_t>(std::max<std::int64_t>(0, target->weight)) : 1;
  };
  std::uint64_t all = 0;
  for (const Target* target : targets) all += weight_of(target);
  if (all == 0) return targets.front();
  std::uint64_t ticket = draw % all;
  for (const Target* target : targets) {
    if (ticket < weight_of(target)) return target;
    ticket -= weight_of(target);
  }
  return targets.back();
}

template <class Score>
const Target* least(const std::vector<const Target*>& targets, Score score) {
  return *std::min_element(targets.begin(), targets.end(),
                           [&](const Target* a, const Target* b) { return score(a) < score(b); });
}

}  // namespace

void RecordedTimes::add(const ledger::CallRecord& call) {
  for (const ledger::AttemptRecord& attempt : call.attempts) {
    if (attempt.failure != "ok" || attempt.ended_ms < attempt.started_ms) continue;
    times_[attempt.target].add(bucket_of_ms(attempt.ended_ms - attempt.started_ms), 1);
  }
}

const health::Sketch* RecordedTimes::of(std::string_view target) const {
  const auto found = times_.find(target);
  return found == times_.end() ? nullptr : &found->second;
}

const Target* WhatIf::preferred(Strategy strategy, const std::vector<const Target*>& fitting,
                                const ledger::CallRecord& call) const {
  switch (strategy) {
    case Strategy::priority:
    case Strategy::health:
      return fitting.front();
    case Strategy::weighted:
      return drawn(fitting, draw_of(call), true);
    case Strategy::round_robin:
    case Strategy::least_recently_used:
    case Strategy::least_busy:
    case Strategy::sticky:
      return drawn(fitting, draw_of(call), false);
    case Strategy::least_cost:
      return least(fitting, [&](const Target* target) { return bill_at(*target, call).nanousd; });
    case Strategy::least_latency:
      return least(fitting, [&](const Target* target) {
        const health::Sketch* times = times_.of(target->name);
        const auto median = times != nullptr ? times->quantile(500) : std::nullopt;
        return median.value_or(std::numeric_limits<std::int64_t>::max());
      });
  }
  return fitting.front();
}

const Target* WhatIf::choose(const ledger::CallRecord& call) const {
  const pipeline::Route* route = find_route_(call.model);
  if (route == nullptr) return nullptr;
  for (const pipeline::Step& step : route->steps) {
    std::vector<const Target*> fitting;
    for (const auto& target : step.targets) {
      if (fits(*target, call)) fitting.push_back(target.get());
    }
    if (!fitting.empty()) return preferred(step.strategy, fitting, call);
  }
  return nullptr;
}

void WhatIf::add(const ledger::CallRecord& call) {
  if (call.outcome != ledger::Outcome::completed || call.has(ledger::flag::cached)) return;
  WhatIfRow& row = rows_[call.route];
  ++row.requests;
  row.cost += call.cost_nanousd;
  row.times.add(bucket_of_ms(std::max<std::int64_t>(0, call.ended_ms - call.started_ms)), 1);
  const Target* target = choose(call);
  if (target == nullptr) {
    ++row.unserved;
    return;
  }
  ++row.targets[target->name];
  const providers::Bill bill = bill_at(*target, call);
  if (bill.is_unpriced) ++row.unpriced;
  row.projected_cost += costs_as_recorded(*target, call) ? call.cost_nanousd : bill.nanousd;
  const health::Sketch* times = times_.of(target->name);
  if (times == nullptr) {
    ++row.untimed;
    return;
  }
  // One time drawn from those recorded: over many calls they are spread as those are.
  const auto permille = 1 + static_cast<int>((draw_of(call) >> 32U) % 1000);
  row.projected_times.add(health::bucket_of(times->quantile(permille).value_or(0)), 1);
}

WhatIfRow WhatIf::total() const {
  WhatIfRow sum;
  for (const auto& [name, row] : rows_) {
    sum.requests += row.requests;
    sum.unserved += row.unserved;
    sum.unpriced += row.unpriced;
    sum.untimed += row.untimed;
    sum.cost += row.cost;
    sum.projected_cost += row.projected_cost;
    sum.times += row.times;
    sum.projected_times += row.projected_times;
    for (const auto& [target, count] : row.targets) sum.targets[target] += count;
  }
  return sum;
}

}  // namespace weir::usage
