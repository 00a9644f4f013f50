// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "pipeline/needs.hpp"

namespace weir::pipeline {
namespace {

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

std::size_t preference(const Target& target, const std::vector<std::string>& prefer) {
  const auto found = std::find_if(prefer.begin(), prefer.end(), [&](const std::string& wanted) {
    return wanted == target.upstream->name || wanted == target.name;
  });
  return static_cast<std::size_t>(found - prefer.begin());
}

/// Why `target` is of no use for this request (F-2); without a reason: it is.
Lack reason_against(const Target& target, const Call& call, const Operation& operation,
                    std::int64_t unix_ms) {
  if (auto lack = operation.lacks(target)) return *std::move(lack);
  const auto path = operation.own_path(target);
  if (path && is_path_missing(target, *path, unix_ms)) return {no_such_path(*path)};
  if (call.route->rejects_unpriced && !target.prices.is_known() && !target.upstream->is_local) {
    return {"its price is not known"};
  }
  return {};
}

}  // namespace

Plan::Plan(const Call& call, const Operation& operation, Random& random, std::int64_t unix_ms)
    : call_(call),
      operation_(operation),
      unix_ms_(unix_ms),
      order_(call, operation, random, unix_ms) {
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
  while (order_.is_done()) {
    const auto& steps = call_.route->steps;
    if (steps_begun_ == steps.size()) return add_late_ones();
    order_.begin(steps[steps_begun_++]);
  }
  add_keys_of(order_.take());
  ++place_;
  return true;
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
  Lack lack = reason_against(*candidate.target, call_, operation_, unix_ms_);
  candidate.skipped = std::move(lack.reason);
  candidate.refused = lack.wish;
  candidate.step = static_cast<std::uint32_t>(steps_begun_ - 1);
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
