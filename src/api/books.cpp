// SPDX-License-Identifier: Apache-2.0
#include "api/books.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include "engine/ledger_settings.hpp"
#include "ledger/windows.hpp"
#include "store/spool_files.hpp"

namespace weir::api {

Result<std::unique_ptr<Books>> Books::open(const config::Config& config,
                                           const pipeline::WallClock& wall) {
  WEIR_TRY_ASSIGN(instance, store::Instance::open(config.data_dir, config.reuse_port));
  return std::unique_ptr<Books>(new Books(config, wall, std::move(instance)));
}

Books::Books(const config::Config& config, const pipeline::WallClock& wall,
             store::Instance instance)
    : data_directory_(config.data_dir),
      instance_(std::move(instance)),
      ledger_(store::system_spool_files(), data_directory_, options(config.ledger, wall)) {}

ledger::Ledger::Options Books::options(const config::LedgerSettings& settings,
                                       const pipeline::WallClock& wall) {
  ledger::Ledger::Options options = engine::ledger_options(settings, wall);
  options.spool.on_problem = [this](const Error& error) {
    const std::lock_guard lock(mutex_);
    problem_ = error.message;
  };
  options.spool.on_recovered = [this](const ledger::Recovered& found) {
    const std::lock_guard lock(mutex_);
    recovered_ = found;
  };
  return options;
}

Result<> Books::start(shared_state::Limits& limits) {
  WEIR_TRY(ledger_.start());
  const auto since_ms = limits.windows_start_ms(std::chrono::steady_clock::now());
  if (!since_ms) return {};
  return engine::restore_limits(limits, [&](const std::vector<std::string>&) {
    return ledger::window_uses(store::system_spool_files(), data_directory_, *since_ms);
  });
}

LedgerStatistics Books::statistics() const {
  const auto read = [](const std::atomic<std::uint64_t>& figure) {
    return figure.load(std::memory_order_relaxed);
  };
  const ledger::Figures& figures = ledger_.spool().figures();
  LedgerStatistics statistics;
  statistics.is_kept = true;
  statistics.calls = read(figures.settlements);
  statistics.calls_refused = read(figures.refused);
  statistics.calls_lost = read(figures.lost);
  const std::lock_guard lock(mutex_);
  statistics.calls_recovered = recovered_.unknown_calls;
  statistics.segments_damaged = recovered_.damaged_segments;
  statistics.records_missing = recovered_.records_missing;
  statistics.problem = problem_;
  return statistics;
}

}  // namespace weir::api
