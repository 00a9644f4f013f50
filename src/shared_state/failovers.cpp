// SPDX-License-Identifier: Apache-2.0
#include "shared_state/failovers.hpp"

#include <algorithm>

namespace weir::shared_state {

std::string_view name(FailoverKind kind) noexcept {
  switch (kind) {
    case FailoverKind::failover:
      return "failover";
    case FailoverKind::hedge:
      return "hedge";
    case FailoverKind::recovery:
      return "recovery";
  }
  return "failover";
}

void Failovers::on_ended(const pipeline::Route& route, const pipeline::CallResult& result) {
  const std::vector<pipeline::AttemptRow>& attempts = result.rows;
  for (std::size_t i = 1; i < attempts.size(); ++i) {
    const pipeline::AttemptRow& from = attempts[i - 1];
    const pipeline::AttemptRow& to = attempts[i];
    // The same target again is a retry.
    if (from.target->name == to.target->name) continue;
    const FailoverKind kind = to.is_hedge             ? FailoverKind::hedge
                              : from.recovered_by > 0 ? FailoverKind::recovery
                                                      : FailoverKind::failover;
    add({route.name, from.target->name, to.target->name, from.failure, kind});
  }
  if (result.outcome != pipeline::Outcome::completed) return;
  for (const pipeline::AttemptRow& row : attempts) {
    if (row.step == 0 || row.failure != policy::FailureClass::ok) continue;
    std::string lesser = route.degraded_to(row.step);
    if (!lesser.empty()) add(DegradationKey{route.name, std::move(lesser)});
  }
}

void Failovers::add(Key key) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(key);
  if (found != counts_.end()) {
    ++found->second;
    return;
  }
  if (counts_.size() >= rows_max) {
    std::get<0>(key) = std::get<1>(key) = std::get<2>(key) = "other";
  }
  ++counts_[std::move(key)];
}

void Failovers::add(DegradationKey key) {
  const std::lock_guard lock(mutex_);
  const bool is_new = !degradations_.contains(key);
  if (is_new && degradations_.size() >= rows_max) key.first = key.second = "other";
  ++degradations_[std::move(key)];
}

std::vector<DegradationCount> Failovers::degradations() const {
  std::vector<DegradationCount> rows;
  {
    const std::lock_guard lock(mutex_);
    rows.reserve(degradations_.size());
    for (const auto& [key, count] : degradations_) rows.push_back({key.first, key.second, count});
  }
  std::sort(rows.begin(), rows.end(),
            [](const DegradationCount& a, const DegradationCount& b) { return a.count > b.count; });
  return rows;
}

std::vector<FailoverCount> Failovers::list() const {
  std::vector<FailoverCount> rows;
  {
    const std::lock_guard lock(mutex_);
    rows.reserve(counts_.size());
    for (const auto& [key, count] : counts_) {
      const auto& [route, from, to, failure, kind] = key;
      rows.push_back({route, from, to, failure, kind, count});
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const FailoverCount& a, const FailoverCount& b) { return a.count > b.count; });
  return rows;
}

}  // namespace weir::shared_state
