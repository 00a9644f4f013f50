// SPDX-License-Identifier: Apache-2.0
#include "sim/virtual_loop.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::sim {

// As coarse as the real loop is allowed to be, so that nothing relies on more.
void VirtualLoop::arm_coarse(net::Alarm& alarm, net::TimePoint when) {
  constexpr net::Duration tick = std::chrono::milliseconds(20);
  const net::Duration since_start = when.time_since_epoch();
  const auto ticks = (since_start + tick - net::Duration(1)) / tick;
  arm_exact(alarm, net::TimePoint(std::max<std::int64_t>(0, ticks) * tick));
}

void VirtualLoop::arm_exact(net::Alarm& alarm, net::TimePoint when) {
  disarm(alarm);
  const Key key{std::max(when, now_), next_number_++};
  queue_.emplace(key, Entry{&alarm, nullptr});
  armed_.emplace(&alarm, key);
  claim(alarm);
}

void VirtualLoop::disarm(net::Alarm& alarm) noexcept {
  const auto found = armed_.find(&alarm);
  if (found == armed_.end()) return;
  queue_.erase(found->second);
  armed_.erase(found);
  release(alarm);
}

void VirtualLoop::at(net::TimePoint when, std::function<void()> work) {
  queue_.emplace(Key{std::max(when, now_), next_number_++}, Entry{nullptr, std::move(work)});
}

bool VirtualLoop::step() {
  if (!posted_.empty()) {
    const std::function<void()> work = std::move(posted_.front());
    posted_.pop_front();
    work();
    return true;
  }
  if (queue_.empty()) return false;
  auto next = queue_.extract(queue_.begin());
  now_ = next.key().when;
  if (net::Alarm* alarm = next.mapped().alarm) {
    armed_.erase(alarm);
    release(*alarm);
    fire(*alarm);
  } else {
    next.mapped().work();
  }
  return true;
}

}  // namespace weir::sim
