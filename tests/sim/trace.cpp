// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.hpp"

#include <cinttypes>
#include <cstdio>

#include "base/hash.hpp"

namespace weir::sim {

void Trace::add(net::TimePoint now, std::string_view who, std::string_view what,
                std::uint64_t number) {
  const auto ns = static_cast<std::uint64_t>(now.time_since_epoch().count());
  for (const std::uint64_t part : {ns, hash_of(who), hash_of(what), number}) {
    hash_ = mixed(hash_ ^ part);
  }
  if (!keeps_text_) return;
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), "%12.6f  %-12.*s %-28.*s %" PRIu64,
                static_cast<double>(ns) / 1e9, static_cast<int>(who.size()), who.data(),
                static_cast<int>(what.size()), what.data(), number);
  lines_.emplace_back(line.data());
}

}  // namespace weir::sim
