// SPDX-License-Identifier: Apache-2.0
#include "server/usage_watch.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include "server/price_comparison.hpp"

namespace weir::server {
namespace {

constexpr std::chrono::milliseconds look_every{250};
constexpr std::chrono::seconds try_again_after{5};
constexpr std::size_t calls_at_once = 5'000;
constexpr std::int64_t hours_kept_ms = 92 * usage::day_ms;

}  // namespace

std::string usage_file(const std::string& data_directory) { return data_directory + "/usage.db"; }

UsageWatch::~UsageWatch() {
  stop();
  join();
}

void UsageWatch::start(std::string data_directory) {
  data_directory_ = std::move(data_directory);
  thread_ = std::thread([this] { run(); });
}

Result<> UsageWatch::catch_up(const std::string& data_directory) {
  data_directory_ = data_directory;
  bool may_be_more = true;
  while (may_be_more) {
    WEIR_TRY_ASSIGN(more, add_some());
    may_be_more = more;
  }
  return {};
}

Result<std::optional<policy::WindowUse>> UsageWatch::used(std::string_view window) {
  return store_->used(window);
}

void UsageWatch::set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

std::shared_ptr<const engine::Snapshot> UsageWatch::snapshot() {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void UsageWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wakes_.notify_all();
}

void UsageWatch::join() {
  if (thread_.joinable()) thread_.join();
}

void UsageWatch::run() {
  bool was_well = true;
  for (;;) {
    std::chrono::milliseconds pause = look_every;
    Result<bool> added = add_some();
    while (added && *added) added = add_some();
    if (added) {
      if (const auto forgot = forget_old(); !forgot) added = forgot.error();
    }
    if (!added) {
      if (was_well) {
        log_.warn("usage", "the ledger can't be added up", {{"reason", added.error().message}});
      }
      reader_.reset();
      store_.reset();
      pause = try_again_after;
    }
    was_well = added.has_value();
    std::unique_lock lock(mutex_);
    if (is_stopping_) return;
    wakes_.wait_for(lock, pause, [this] { return is_stopping_; });
  }
}

Result<> UsageWatch::open() {
  WEIR_TRY_ASSIGN(opened, usage::Store::open(usage_file(data_directory_)));
  WEIR_TRY_ASSIGN(position, opened->position());
  WEIR_TRY_ASSIGN(reader, ledger::Reader::open(data_directory_, position));
  store_ = std::move(opened);
  position_ = std::move(position);
  reader_.emplace(std::move(reader));
  return {};
}

Result<bool> UsageWatch::add_some() {
  if (!reader_) WEIR_TRY(open());
  PriceComparison comparison(snapshot());
  std::vector<usage::Store::Entry> entries;
  while (entries.size() < calls_at_once) {
    WEIR_TRY_ASSIGN(next, reader_->next());
    if (!next) break;
    const usage::Alternatives alternatives = comparison.of(next->call);
    entries.push_back({std::move(next->call), next->place, alternatives});
  }
  if (entries.empty()) return false;
  ledger::Position behind = reader_->position();
  WEIR_TRY_ASSIGN(is_added, store_->add(entries, position_, behind));
  if (is_added) {
    position_ = std::move(behind);
  } else {
    reader_.reset();  // another instance, or a new beginning: go on where that is
  }
  return !is_added || entries.size() == calls_at_once;
}

Result<> UsageWatch::forget_old() {
  const std::int64_t now = wall_.unix_ms();
  if (now - forgotten_ms_ < usage::hour_ms) return {};
  const std::int64_t before = now - hours_kept_ms;
  bool may_be_more = true;
  while (may_be_more) {
    WEIR_TRY_ASSIGN(more, store_->forget(before - before % usage::hour_ms));
    may_be_more = more;
  }
  forgotten_ms_ = now;
  return {};
}

}  // namespace weir::server
