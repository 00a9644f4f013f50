// SPDX-License-Identifier: Apache-2.0
#include "server/usage_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "server/precedence.hpp"
#include "server/price_comparison.hpp"
#include "store/spool_files.hpp"

namespace weir::server {
namespace {

constexpr std::chrono::milliseconds look_every{250};
constexpr std::chrono::seconds try_again_after{1};
constexpr std::size_t calls_at_once_max = 5'000;
constexpr std::size_t calls_at_once_min = 50;

}  // namespace

UsageWatch::~UsageWatch() {
  stop();
  join();
}

void UsageWatch::start() {
  if (open_at_ != place_) close();
  open_at_ = place_;
  if (options_.closes_while_down) {
    const Result<> added = add_all();
    if (!added) failures_ = failures_until_down - 1;
    note(added);
    tell_backlog();
  }
  thread_ = std::thread([this] { run(); });
}

Result<> UsageWatch::catch_up() { return catch_up_at(place_); }

Result<> UsageWatch::catch_up_alone() { return catch_up_at({place_.data_directory}); }

Result<> UsageWatch::catch_up_at(const UsagePlace& place) {
  close();
  open_at_ = place;
  return add_all();
}

void UsageWatch::close() {
  reader_.reset();
  store_.reset();
}

Result<usage::Store::WindowUses> UsageWatch::used(const std::vector<std::string>& windows) {
  return store_->used(windows);
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

Result<std::unique_ptr<usage::Store>> UsageWatch::sums() {
  if (is_down() || is_doubted_) {
    return Error(ErrorCode::store_unavailable, "the sums can't be reached at present");
  }
  auto opened = open_usage_store(place_);
  // The thread has nothing to ask while nothing is to be added, and wouldn't notice.
  if (!opened) is_doubted_ = true;
  return opened;
}

/// Once as it stops, once as it goes on.
void UsageWatch::note(const Result<>& added) {
  if (added) {
    const bool was_down = is_down();
    failures_ = 0;
    if (was_down) log_.info("usage", "the ledger is added up again");
  } else if (!is_down() && ++failures_ == failures_until_down) {
    log_.warn("usage", "the ledger can't be added up", {{"reason", added.error().message}});
  }
}

Result<> UsageWatch::count_waiting() {
  if (!is_position_known_) return {};  // nothing to count from
  if (!counting_) {
    WEIR_TRY_ASSIGN(reader, ledger::Reader::open(place_.data_directory, position_));
    counting_.emplace(std::move(reader));
  }
  for (;;) {
    WEIR_TRY_ASSIGN(next, counting_->next());
    if (!next) return {};
    ++calls_waiting_;
  }
}

/// Section 16: the ledger is not to fill the disk with what nobody has added up.
void UsageWatch::measure_backlog() {
  constexpr std::uint64_t bytes_max = std::uint64_t{4} << 30;
  constexpr std::uint64_t part_of_disk = 10;
  const auto bytes = ledger::unread_bytes(place_.data_directory, position_);
  const auto disk = store::disk_bytes(place_.data_directory);
  if (!bytes || !disk) return;  // it stays as it was
  const bool is_full = *bytes > std::min(bytes_max, *disk / part_of_disk);
  if (is_full == is_full_) return;
  is_full_ = is_full;
  if (is_full) {
    log_.error("ledger_full", "too much of the ledger is not added up yet",
               {{"bytes", static_cast<std::int64_t>(*bytes)}});
  } else {
    log_.info("ledger_full", "the ledger has room again");
  }
}

void UsageWatch::tell_backlog() const {
  auto intake = is_full_ ? ledger::Intake::full : ledger::Intake::open;
  if (options_.closes_while_down && is_down()) intake = ledger::Intake::closed;
  options_.on_backlog(calls_waiting_, intake);
}

void UsageWatch::run() {
  stand_back();
  for (;;) {
    std::chrono::milliseconds pause = look_every;
    if (is_doubted_) close();  // what is open says nothing about what can be opened
    Result<> added = add_all();
    if (added) added = forget_old();
    note(added);
    is_doubted_ = !added;
    if (added) {
      counting_.reset();
      calls_waiting_ = 0;
    } else {
      close();
      pause = try_again_after;
      static_cast<void>(count_waiting());  // the next round goes on with it
      measure_backlog();
    }
    tell_backlog();
    std::unique_lock lock(mutex_);
    if (is_stopping_) return;
    wakes_.wait_for(lock, pause, [this] { return is_stopping_; });
  }
}

Result<> UsageWatch::add_all() {
  bool may_be_more = true;
  while (may_be_more) {
    WEIR_TRY_ASSIGN(more, add_some());
    may_be_more = more;
    if (calls_waiting_ == 0 && !is_full_) continue;
    if (is_full_) measure_backlog();
    tell_backlog();
  }
  return {};
}

Result<> UsageWatch::open() {
  WEIR_TRY_ASSIGN(opened, open_usage_store(open_at_));
  WEIR_TRY_ASSIGN(position, opened->position());
  store_ = std::move(opened);
  position_ = std::move(position);
  is_position_known_ = true;
  return open_reader();
}

Result<> UsageWatch::open_reader() {
  WEIR_TRY_ASSIGN(reader, ledger::Reader::open(open_at_.data_directory, position_));
  reader_.emplace(std::move(reader));
  return {};
}

Result<bool> UsageWatch::add_some() {
  if (!reader_) WEIR_TRY(open());
  PriceComparison comparison(snapshot());
  store_->begin(position_);
  std::size_t count = 0;
  for (; count < calls_at_once_; ++count) {
    WEIR_TRY_ASSIGN(next, reader_->next());
    if (!next) break;
    store_->take(next->call, next->place, comparison.of(next->call));
  }
  if (count == 0) {
    // The next call is to be refused when what it is to be booked in is away.
    if (options_.closes_while_down) WEIR_TRY(store_->position());
    return false;
  }
  ledger::Position behind = reader_->position();
  const auto added = store_->commit(behind);
  if (!added) {
    // It may have been too much for the time of one operation.
    calls_at_once_ = std::max(calls_at_once_min, count / 2);
    return added.error();
  }
  const bool is_full = count == calls_at_once_;
  calls_at_once_ = std::min(calls_at_once_max, calls_at_once_ * 2);
  if (*added == usage::Store::Added::none) {
    reader_.reset();  // another instance, or a new beginning: go on where that is
    return true;
  }
  if (*added == usage::Store::Added::none_yet) {
    WEIR_TRY(open_reader());
    return true;
  }
  position_ = std::move(behind);
  calls_waiting_ -= std::min<std::uint64_t>(calls_waiting_, count);
  return is_full;
}

Result<> UsageWatch::forget_old() {
  const std::int64_t now = wall_.unix_ms();
  if (now - forgotten_ms_ < usage::hour_ms) return {};
  const auto in_force = snapshot();
  const auto kept =
      in_force ? in_force->config().retention.usage : config::RetentionSettings().usage;
  const std::int64_t before = now - kept.count();
  bool may_be_more = true;
  while (may_be_more) {
    WEIR_TRY_ASSIGN(forgotten, store_->forget(before - before % usage::hour_ms));
    may_be_more = forgotten.may_be_more;
    forgotten_rows_ += forgotten.rows;
  }
  forgotten_ms_ = now;
  const std::int64_t rows = std::exchange(forgotten_rows_, 0);
  if (rows > 0) {
    log_.info("retention", "removed what was over", {{"what", "hours of usage"}, {"count", rows}});
  }
  return {};
}

}  // namespace weir::server
