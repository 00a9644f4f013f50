// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/hash.hpp"
#include "base/money.hpp"
#include "pipeline/needs.hpp"

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
  if (items.empty()) return;
  auto highest = score(items.front());
  for (auto next = std::next(items.begin()); next != items.end(); ++next) {
    // Most stand in order, since nothing tells them apart: a thousand of them cost next to nothing.
    const auto own = score(*next);
    if (!(own < highest)) {
      highest = own;
      continue;
    }
    const auto place =
        std::upper_bound(items.begin(), next, *next,
                         [&](const auto& a, const auto& b) { return score(a) < score(b); });
    std::rotate(place, next, std::next(next));
  }
}

/// How long an answer is expected to wait at `target`, in microseconds: its usual time to the first
/// content, once more for each request that waits there, and ten seconds for each failure to come.
/// A failure is forgotten by half each minute, so that a target which had a bad time is tried
/// again.
double expected_wait_us(const Target& target, std::int64_t unix_ms) {
  constexpr double failure_costs_us = 10e6;
  constexpr double half_life_ms = 60e3;
  const TrafficCounters& counters = *target.counters;
  const auto failing =
      static_cast<double>(counters.failing_permille.load(std::memory_order_relaxed));
  const std::int64_t since =
      std::max<std::int64_t>(0, unix_ms - counters.last_failure_ms.load(std::memory_order_relaxed));
  const double fresh = std::exp2(-static_cast<double>(since) / half_life_ms);
  const std::int64_t queued = target.upstream->counters->queued.load(std::memory_order_relaxed);
  const std::int64_t usual = counters.first_content_us.load(std::memory_order_relaxed);
  return static_cast<double>(usual) * static_cast<double>(1 + queued) +
         failing / 1000 * fresh * failure_costs_us;
}

std::int64_t first_content_us(const Target* target) {
  return target->counters->first_content_us.load(std::memory_order_relaxed);
}

/// Requests of ours that run there, and those of anyone that wait at a server which tells of them;
/// of equals the one with more room in its KV cache.
std::pair<std::int32_t, std::int32_t> busyness(const Target* target) {
  const TrafficCounters& server = *target->upstream->counters;
  return {target->counters->in_flight.load(std::memory_order_relaxed) +
              server.queued.load(std::memory_order_relaxed),
          server.cache_permille.load(std::memory_order_relaxed)};
}

std::int32_t in_flight(const Target* target) {
  return target->counters->in_flight.load(std::memory_order_relaxed);
}

/// Of two drawn at random the faster comes first, so that the fastest does not get everything and
/// be slow for it; those not measured yet are faster than any.
void draw_faster_of_two(Group& group, Random& random) {
  const auto last = static_cast<std::int64_t>(group.size()) - 1;
  const auto one = static_cast<std::size_t>(random.uniform(0, last));
  auto two = static_cast<std::size_t>(random.uniform(0, last - 1));
  if (two >= one) ++two;
  const bool is_one = first_content_us(group[one]) <= first_content_us(group[two]);
  std::swap(group.front(), group[is_one ? one : two]);
  std::sort(group.begin() + 1, group.end(), [](const Target* a, const Target* b) {
    return first_content_us(a) < first_content_us(b);
  });
}

/// Requests that begin alike go to the same target, whichever others come and go (rendezvous
/// hashing). One that already has a quarter more than its share of the running requests comes last:
/// a popular beginning must not starve the others or drown its own.
void stick(Group& group, std::uint64_t prefix_hash) {
  std::int64_t all = 1;
  for (const Target* target : group) all += in_flight(target);
  const auto count = static_cast<std::int64_t>(group.size());
  const std::int64_t share = (all * 5 + count * 4 - 1) / (count * 4);
  sort_by(group, [&](const Target* target) {
    return std::pair(in_flight(target) >= share, mixed(prefix_hash ^ hash_of(target->name)));
  });
}

void order(Group& group, const Step& step, const Call& call, const Operation& operation,
           Random& random, std::int64_t unix_ms) {
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
      return draw_faster_of_two(group, random);
    case Strategy::least_busy:
      rotate(group, random.next());  // equals take turns
      return sort_by(group, busyness);
    case Strategy::least_cost:
      return sort_by(group, [&](const Target* target) {
        return expected_cost(*target, operation).value_or(std::numeric_limits<std::int64_t>::max());
      });
    case Strategy::health:
      return sort_by(group,
                     [&](const Target* target) { return expected_wait_us(*target, unix_ms); });
    case Strategy::sticky:
      return stick(group, operation.prefix_hash());
  }
}

std::size_t preference(const Target& target, const std::vector<std::string>& prefer) {
  const auto found = std::find_if(prefer.begin(), prefer.end(), [&](const std::string& wanted) {
    return wanted == target.upstream->name || wanted == target.name;
  });
  return static_cast<std::size_t>(found - prefer.begin());
}

/// Why `target` is of no use for this request (F-2); empty: it is.
std::string reason_against(const Target& target, const Call& call, const Operation& operation,
                           std::int64_t unix_ms) {
  if (auto lacking = operation.lacks(target)) return *std::move(lacking);
  const auto path = operation.own_path(target);
  if (path && is_path_missing(target, *path, unix_ms)) return no_such_path(*path);
  if (call.route->rejects_unpriced && !target.prices.is_known() && !target.upstream->is_local) {
    return "its price is not known";
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> expected_cost(const Target& target, const Operation& operation) {
  if (target.upstream->is_local) return 0;
  constexpr std::int64_t output_guess = 500;
  const std::int64_t wanted = operation.output_tokens_wanted();
  const auto input = target.prices.of(providers::PriceKind::input);
  const auto output = target.prices.of(providers::PriceKind::output);
  if (!input || !output) return std::nullopt;
  CostSum sum;
  sum.add(operation.input_tokens_estimate(), *input);
  sum.add(wanted > 0 ? wanted : output_guess, *output);
  const auto total = sum.total();
  if (!total) return std::nullopt;
  return total->count();
}

Plan::Plan(const Call& call, const Operation& operation, Random& random, std::int64_t unix_ms)
    : call_(call), operation_(operation), random_(random), unix_ms_(unix_ms) {
  if (call.options.prefer.empty()) return;
  all();
  sort_by(candidates_, [&](const Candidate& candidate) {
    return preference(*candidate.target, call.options.prefer);
  });
}

Candidate* Plan::at(std::size_t index) {
  while (index >= candidates_.size()) {
    if (!grow()) return nullptr;
  }
  return &candidates_[index];
}

Candidates& Plan::all() {
  while (grow()) {
  }
  return candidates_;
}

/// Looks at one target more; false when there is none.
bool Plan::grow() {
  const auto& steps = call_.route->steps;
  while (step_ < steps.size() && next_ == steps[step_].targets.size()) {
    ++step_;
    next_ = 0;
  }
  if (step_ == steps.size()) return add_late_ones();
  if (next_ == 0) begin_step();
  add_keys_of(take());
  ++place_;
  return true;
}

void Plan::begin_step() {
  const Step& step = call_.route->steps[step_];
  group_.clear();
  if (step.strategy == Strategy::priority) return;
  group_.reserve(step.targets.size());
  for (const auto& target : step.targets) group_.push_back(target.get());
  order(group_, step, call_, operation_, random_, unix_ms_);
}

const Target& Plan::take() {
  const std::size_t taken = next_++;
  return group_.empty() ? *call_.route->steps[step_].targets[taken] : *group_[taken];
}

void Plan::add_keys_of(const Target& target) {
  const std::size_t keys = 1 + target.other_keys.size();
  const std::uint64_t turn =
      keys > 1 ? target.upstream->key_turn->fetch_add(1, std::memory_order_relaxed) : 0;
  for (std::size_t i = 0; i < keys; ++i) {
    const std::size_t key = (turn + i) % keys;
    add(key == 0 ? target : *target.other_keys[key - 1]);
  }
}

void Plan::add(const Target& target) {
  Candidate candidate;
  candidate.target = &operation_.variant_of(target);
  candidate.skipped = reason_against(*candidate.target, call_, operation_, unix_ms_);
  candidate.step = static_cast<std::uint32_t>(step_);
  candidate.place = place_;
  candidate.is_uncertain = operation_.is_uncertain(*candidate.target);
  candidate.seal_fate = operation_.seal_fate(*candidate.target);
  const std::size_t its_class = class_of(candidate);
  if (its_class == 0) {
    candidates_.push_back(std::move(candidate));
  } else {
    late_[its_class - 1].push_back(std::move(candidate));
  }
}

std::size_t Plan::class_of(const Candidate& candidate) {
  return static_cast<std::size_t>(candidate.seal_fate) * 2 + (candidate.is_uncertain ? 1 : 0);
}

bool Plan::add_late_ones() {
  for (std::vector<Candidate>& late : late_) {
    if (late.empty()) continue;
    std::move(late.begin(), late.end(), std::back_inserter(candidates_));
    late.clear();
    return true;
  }
  return false;
}

}  // namespace weir::pipeline
