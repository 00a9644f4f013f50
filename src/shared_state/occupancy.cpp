// SPDX-License-Identifier: Apache-2.0
#include "shared_state/occupancy.hpp"

#include <chrono>

namespace weir::shared_state {
namespace {

using std::memory_order_relaxed;

/// Looking costs some microseconds, so not every call does.
constexpr std::chrono::milliseconds memory_look_every{100};
constexpr std::chrono::seconds memory_told_every{1};
constexpr std::int64_t administrators_max = 64;
constexpr std::int64_t retry_after_ms_min = 1'000;
constexpr std::int64_t retry_after_ms_max = 3'000;

/// True for the one caller whose turn it is, once in `every`.
bool is_due(std::atomic<policy::TimePoint::rep>& next, policy::TimePoint now,
            policy::Duration every) {
  policy::TimePoint::rep due = next.load(memory_order_relaxed);
  const policy::TimePoint::rep ticks = now.time_since_epoch().count();
  return ticks >= due && next.compare_exchange_strong(due, ticks + every.count());
}

}  // namespace

Occupancy::Crowd::Entry Occupancy::Crowd::enter(const std::string& name, std::int64_t all_max,
                                                std::int64_t name_max) {
  const std::int64_t before = all_.fetch_add(1, memory_order_relaxed);
  if (all_max > 0 && before >= all_max) {
    all_.fetch_sub(1, memory_order_relaxed);
    return Entry::all_full;
  }
  if (!name.empty() && !enter_name(name, name_max)) {
    all_.fetch_sub(1, memory_order_relaxed);
    return Entry::name_full;
  }
  return Entry::granted;
}

bool Occupancy::Crowd::enter_name(const std::string& name, std::int64_t max) {
  const std::lock_guard lock(mutex_);
  std::int64_t& count = by_name_[name];
  if (max > 0 && count >= max) return false;
  ++count;
  return true;
}

void Occupancy::Crowd::leave(const std::string& name) {
  all_.fetch_sub(1, memory_order_relaxed);
  if (name.empty()) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  if (--found->second == 0) by_name_.erase(found);
}

void Occupancy::set_limits(const Limits& limits) {
  connections_max_ = limits.connections_max;
  connections_per_address_max_ = limits.connections_per_address_max;
  calls_max_ = limits.calls_max;
  calls_per_key_max_ = limits.calls_per_key_max;
  memory_soft_bytes_ = limits.memory_soft_bytes;
  memory_hard_bytes_ = limits.memory_hard_bytes;
}

std::optional<Occupancy::Place> Occupancy::admit_connection() {
  const auto entry = connections_.enter({}, connections_max_.load(memory_order_relaxed), 0);
  if (entry != Crowd::Entry::granted) return std::nullopt;
  return Place(connections_, {});
}

std::optional<Occupancy::Place> Occupancy::admit_administrator() {
  const auto entry = administrators_.enter({}, administrators_max, 0);
  if (entry != Crowd::Entry::granted) return std::nullopt;
  return Place(administrators_, {});
}

std::optional<Occupancy::Place> Occupancy::admit_address(const std::string& address) {
  const std::int64_t max = connections_per_address_max_.load(memory_order_relaxed);
  if (max == 0) return Place();
  if (addresses_.enter(address, 0, max) != Crowd::Entry::granted) return std::nullopt;
  return Place(addresses_, address);
}

Result<Occupancy::Place> Occupancy::admit_call(const std::string& key, policy::TimePoint now,
                                               Random& random) {
  if (is_out_of_memory(now)) return overloaded("the gateway is short of memory", random);
  const std::int64_t per_key = calls_per_key_max_.load(memory_order_relaxed);
  std::string name = per_key > 0 ? key : std::string();
  switch (calls_.enter(name, calls_max_.load(memory_order_relaxed), per_key)) {
    case Crowd::Entry::granted:
      return Place(calls_, std::move(name));
    case Crowd::Entry::all_full:
      return overloaded("the gateway has too many requests under way", random);
    case Crowd::Entry::name_full:
      break;
  }
  refused_.fetch_add(1, memory_order_relaxed);
  Error error(ErrorCode::rate_limited, "this key has too many requests under way");
  error.retry_after = std::chrono::milliseconds(retry_after_ms_min);
  return error;
}

bool Occupancy::is_out_of_memory(policy::TimePoint now) {
  const std::int64_t hard = memory_hard_bytes_.load(memory_order_relaxed);
  if (hard == 0) return false;
  if (is_due(look_at_, now, memory_look_every)) resident_bytes_ = options_.resident_bytes();
  const std::int64_t resident = resident_bytes_.load(memory_order_relaxed);
  if (is_tight() && is_due(tell_at_, now, memory_told_every)) options_.on_pressure(resident);
  return resident >= hard;
}

Error Occupancy::overloaded(std::string_view what, Random& random) {
  refused_.fetch_add(1, memory_order_relaxed);
  Error error(ErrorCode::overloaded, std::string(what));
  error.retry_after =
      std::chrono::milliseconds(random.uniform(retry_after_ms_min, retry_after_ms_max));
  return error;
}

bool Occupancy::take(std::size_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  const std::int64_t hard = memory_hard_bytes_.load(memory_order_relaxed);
  const std::int64_t before = body_bytes_.fetch_add(wanted, memory_order_relaxed);
  if (hard == 0 || before + wanted <= hard / 2) return true;
  body_bytes_.fetch_sub(wanted, memory_order_relaxed);
  refused_.fetch_add(1, memory_order_relaxed);
  return false;
}

void Occupancy::give_back(std::size_t bytes) {
  body_bytes_.fetch_sub(static_cast<std::int64_t>(bytes), memory_order_relaxed);
}

}  // namespace weir::shared_state
