// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include <algorithm>
#include <functional>

namespace weir::pipeline {
namespace {

using Group = std::vector<const Target*>;

void rotate(Group& group, std::uint64_t turn) {
  const auto first = static_cast<std::ptrdiff_t>(turn % group.size());
  std::rotate(group.begin(), group.begin() + first, group.end());
}

/// Draws targets one after another, each with the chance its weight gives it among those left.
void draw_by_weight(Group& group, Random& random) {
  std::int64_t left = 0;
  for (const Target* target : group) left += target->weight;
  for (std::size_t next = 0; next + 1 < group.size() && left > 0; ++next) {
    std::int64_t ticket = random.uniform(0, left - 1);
    std::size_t drawn = next;
    while (ticket >= group[drawn]->weight) ticket -= group[drawn++]->weight;
    left -= group[drawn]->weight;
    std::swap(group[next], group[drawn]);
  }
}

/// Sorts by rising score, keeping the order of equals. Groups are short; what `std::stable_sort`
/// allocates for long ones is not worth it.
template <class Items, class Score>
void sort_by(Items& items, Score&& score) {
  for (auto next = items.begin(); next != items.end(); ++next) {
    const auto place =
        std::upper_bound(items.begin(), next, *next,
                         [&](const auto& a, const auto& b) { return score(a) < score(b); });
    std::rotate(place, next, std::next(next));
  }
}

/// Expected price in nano-dollars times a million; a target without a price comes last.
double expected_price(const Target& target, const Operation& operation) {
  if (target.upstream->is_local) return 0;
  const auto input = target.prices.of(providers::PriceKind::input);
  const auto output = target.prices.of(providers::PriceKind::output);
  if (!input || !output) return std::numeric_limits<double>::max();
  constexpr std::int64_t output_guess = 500;
  const std::int64_t wanted = operation.output_tokens_wanted();
  return static_cast<double>(input->nano_per_million()) *
             static_cast<double>(operation.input_tokens_estimate()) +
         static_cast<double>(output->nano_per_million()) *
             static_cast<double>(wanted > 0 ? wanted : output_guess);
}

/// Share of attempts that failed, in thousandths, weighed down by how few there were.
std::uint64_t failure_score(const Target& target) {
  const std::uint64_t failures = target.counters->failures.load(std::memory_order_relaxed);
  const std::uint64_t successes = target.counters->successes.load(std::memory_order_relaxed);
  return failures * 1000 / (failures + successes + 10);
}

void order(Group& group, const Step& step, const Call& call, const Operation& operation,
           Random& random) {
  if (group.size() < 2) return;
  switch (step.strategy) {
    case Strategy::priority:
      return;
    case Strategy::round_robin:
      return rotate(group, call.route->turn->fetch_add(1, std::memory_order_relaxed));
    case Strategy::weighted:
      return draw_by_weight(group, random);
    case Strategy::least_recently_used:
      return sort_by(group, [](const Target* target) {
        return target->counters->last_used_ms.load(std::memory_order_relaxed);
      });
    case Strategy::least_latency:
      return sort_by(group, [](const Target* target) {
        return target->counters->first_content_us.load(std::memory_order_relaxed);
      });
    case Strategy::least_busy:
      return sort_by(group, [](const Target* target) {
        return target->counters->in_flight.load(std::memory_order_relaxed);
      });
    case Strategy::least_cost:
      return sort_by(group,
                     [&](const Target* target) { return expected_price(*target, operation); });
    case Strategy::health:
      return sort_by(group, [](const Target* target) { return failure_score(*target); });
    case Strategy::sticky:
      return rotate(group, operation.prefix_hash());
  }
}

std::size_t preference(const Target& target, const std::vector<std::string>& prefer) {
  const auto found = std::find_if(prefer.begin(), prefer.end(), [&](const std::string& wanted) {
    return wanted == target.upstream->name || wanted == target.name;
  });
  return static_cast<std::size_t>(found - prefer.begin());
}

}  // namespace

std::vector<Candidate> make_plan(const Call& call, const Operation& operation, Random& random) {
  std::vector<Candidate> plan;
  plan.reserve(call.route->target_count());
  Group group;
  for (const Step& step : call.route->steps) {
    group.clear();
    for (const auto& target : step.targets) group.push_back(target.get());
    order(group, step, call, operation, random);
    for (const Target* target : group) {
      Candidate candidate;
      candidate.target = &operation.variant_of(*target);
      candidate.skipped = operation.lacks(*candidate.target).value_or(std::string());
      plan.push_back(std::move(candidate));
    }
  }
  if (plan.size() > 1) {
    sort_by(plan,
            [&](const Candidate& candidate) { return operation.is_uncertain(*candidate.target); });
    if (!call.options.prefer.empty()) {
      sort_by(plan, [&](const Candidate& candidate) {
        return preference(*candidate.target, call.options.prefer);
      });
    }
  }
  return plan;
}

}  // namespace weir::pipeline
