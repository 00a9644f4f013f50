// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger_settings.hpp"

#include <chrono>
#include <optional>

namespace weir::engine {

ledger::Ledger::Options ledger_options(const config::LedgerSettings& settings,
                                       const pipeline::WallClock& wall) {
  ledger::Ledger::Options options;
  options.is_strict = settings.is_strict;
  options.journal.is_power_safe = settings.durability == config::Durability::power;
  options.journal.serves_unwritten = settings.on_failure == config::LedgerFailure::serve;
  options.spool.segment_bytes = static_cast<std::size_t>(settings.segment_size.bytes);
  options.spool.sync_interval = settings.sync_interval;
  options.spool.retention_ms = settings.retention.count();
  options.spool.unix_ms = [&wall] { return wall.unix_ms(); };
  return options;
}

Result<> restore_limits(shared_state::Limits& limits, const AskWindows& ask) {
  // Which windows there are comes first, so that one question is enough for all of them.
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::string> windows;
  const auto collect = [&](const std::string& window) -> std::optional<policy::WindowUse> {
    windows.push_back(window);
    return std::nullopt;
  };
  limits.restore(collect, now);
  WEIR_TRY_ASSIGN(uses, ask(windows));
  const auto used = [&](const std::string& window) -> std::optional<policy::WindowUse> {
    const auto found = uses.find(window);
    if (found == uses.end()) return std::nullopt;
    return found->second;
  };
  limits.restore(used, now);
  return {};
}

}  // namespace weir::engine
