// SPDX-License-Identifier: Apache-2.0
#include "identity/login_guard.hpp"

#include <algorithm>

#include "base/ip_range.hpp"

namespace weir::identity {
namespace {

constexpr std::chrono::minutes window{15};
constexpr std::size_t of_account_max = 5;
constexpr std::size_t from_address_max = 20;

/// Names that are remembered; beyond that the one whose last failure is the oldest is forgotten.
constexpr std::size_t names_max = 10'000;

std::string customer_of(std::string_view address) {
  auto bytes = parse_ip_address(address);
  if (!bytes) return std::string(address);
  constexpr std::size_t network_bytes = 8;
  constexpr IpRange mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96};
  if (!mapped.contains(*bytes)) std::fill(bytes->begin() + network_bytes, bytes->end(), 0);
  return {bytes->begin(), bytes->end()};
}

}  // namespace

LoginGuard::Duration LoginGuard::wait(const Failures& failures, std::string_view name,
                                      std::size_t count_max, TimePoint now) {
  const auto found = failures.find(name);
  if (found == failures.end() || found->second.size() < count_max) return Duration::zero();
  const TimePoint over = found->second[found->second.size() - count_max] + window;
  return std::max(over - now, Duration::zero());
}

LoginGuard::Duration LoginGuard::wait(std::string_view account, std::string_view address,
                                      TimePoint now) const {
  return std::max(wait(accounts_, account, of_account_max, now),
                  wait(addresses_, customer_of(address), from_address_max, now));
}

void LoginGuard::note(Failures& failures, std::string_view name, std::size_t count_max,
                      TimePoint now) {
  if (failures.size() >= names_max) {
    std::erase_if(failures, [&](const auto& entry) { return entry.second.back() + window <= now; });
  }
  if (failures.size() >= names_max) {
    failures.erase(std::min_element(
        failures.begin(), failures.end(),
        [](const auto& a, const auto& b) { return a.second.back() < b.second.back(); }));
  }
  auto& times = failures[std::string(name)];
  times.push_back(now);
  if (times.size() > count_max) times.pop_front();
}

void LoginGuard::note_failure(std::string_view account, std::string_view address, TimePoint now) {
  note(accounts_, account, of_account_max, now);
  note(addresses_, customer_of(address), from_address_max, now);
}

void LoginGuard::note_success(std::string_view account) {
  if (const auto found = accounts_.find(account); found != accounts_.end()) accounts_.erase(found);
}

}  // namespace weir::identity
