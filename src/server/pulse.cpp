// SPDX-License-Identifier: Apache-2.0
#include "server/pulse.hpp"

#include <chrono>

namespace weir::server {
namespace {

constexpr net::Duration patience = std::chrono::seconds(5);

}  // namespace

bool Pulse::beats(net::TimePoint now) {
  bool all = true;
  for (const auto& heart : hearts_) {
    net::TimePoint::rep owed = 0;
    const auto ticks = now.time_since_epoch().count();
    if (heart->asked_at.compare_exchange_strong(owed, ticks)) {
      heart->loop.post([asked = &heart->asked_at] { asked->store(0); });
    } else if (now - net::TimePoint(net::Duration(owed)) > patience) {
      all = false;
    }
  }
  return all;
}

}  // namespace weir::server
