// SPDX-License-Identifier: Apache-2.0
#include "server/price_comparison.hpp"

#include <algorithm>
#include <chrono>

#include "providers/pricing.hpp"

namespace weir::server {
namespace {

std::int64_t cost_at(const pipeline::Target& target, const wire::Usage& usage,
                     const ledger::CallRecord& call) {
  const providers::PriceConditions conditions{
      .at = std::chrono::sys_seconds(std::chrono::seconds(call.started_ms / 1000))};
  return providers::bill(target.prices, usage, conditions).nanousd;
}

bool has_cache(const wire::Usage& usage) { return usage.input != usage.input_total(); }

wire::Usage without_cache(wire::Usage usage) {
  usage.input = usage.input_total();
  usage.input_cache_read = 0;
  usage.input_cache_write = 0;
  usage.input_cache_write_1h = 0;
  return usage;
}

}  // namespace

const pipeline::Route* PriceComparison::route_of(const std::string& model) {
  // Clients can ask for any names.
  constexpr std::size_t known_max = 1'000;
  if (const auto known = routes_.find(model); known != routes_.end()) return known->second.get();
  if (routes_.size() >= known_max) routes_.clear();
  auto found = snapshot_->route(model);
  return routes_.emplace(model, found ? *std::move(found) : nullptr).first->second.get();
}

usage::Alternatives PriceComparison::of(const ledger::CallRecord& call) {
  usage::Alternatives out = Comparison::of(call);
  if (snapshot_ == nullptr || call.has(ledger::flag::cached)) return out;
  const pipeline::Route* const route = route_of(call.model);
  if (route == nullptr) return out;
  wire::Usage usage = call.usage;
  usage.cost_nanousd.reset();  // what one provider asked says nothing of another
  for (const pipeline::Step& step : route->steps) {
    for (const auto& target : step.targets) {
      const std::int64_t room = target->context_tokens;
      if (room > 0 && usage.input_total() + usage.output_total() > room) continue;
      if (target->name == call.target) {
        if (!has_cache(usage)) continue;
        out.uncached = call.cost_nanousd + cost_at(*target, without_cache(usage), call) -
                       cost_at(*target, usage, call);
      } else if (target->prices.is_known()) {
        const std::int64_t cost = cost_at(*target, usage, call);
        out.cheapest = std::min(out.cheapest, cost);
        out.dearest = std::max(out.dearest, cost);
      }
    }
  }
  return out;
}

}  // namespace weir::server
