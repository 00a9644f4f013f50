// SPDX-License-Identifier: Apache-2.0
#include "ledger/spool.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "ledger/packing.hpp"

namespace weir::ledger {
namespace {

constexpr std::chrono::seconds retry_after{1};
constexpr std::chrono::minutes archive_interval{10};
constexpr std::size_t removed_at_once_max = 32;

}  // namespace

Spool::Spool(store::SpoolFiles& files, std::string folder, Options options)
    : files_(files), folder_(std::move(folder)), options_(std::move(options)) {}

Spool::~Spool() { stop(); }

Lane& Spool::add_lane(std::uint64_t stream) {
  Lane::Options options;
  options.stream = stream;
  options.unix_ms = options_.unix_ms;
  options.wake = [this](Lane::Urgency urgency) { wake(urgency); };
  lanes_.push_back(std::make_unique<Lane>(std::move(options), figures_));
  return *lanes_.back();
}

void Spool::start() {
  // What fails now is tried again by the thread.
  static_cast<void>(tend());
  keeper_ = std::thread([this] { keep(); });
  archivist_ = std::thread([this] { archive(); });
}

void Spool::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (is_ending_) return;
    is_ending_ = true;
  }
  wakes_.notify_one();
  archive_wakes_.notify_one();
  if (keeper_.joinable()) keeper_.join();
  if (archivist_.joinable()) archivist_.join();
  for (const auto& lane : lanes_) {
    lane->end();
    // What can't be put away now is found at the next start.
    static_cast<void>(put_away(*lane));
    for (const auto& unused : lane->take_unused()) {
      static_cast<void>(files_.remove(folder_ + "/" + unused->name.text()));
    }
  }
}

void Spool::when_synced(Lane& lane, std::function<void(bool)> then) {
  {
    const std::lock_guard lock(mutex_);
    waiters_.push_back({&lane, std::move(then)});
    is_woken_ = true;
  }
  wakes_.notify_one();
}

void Spool::wake(Lane::Urgency urgency) {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
    is_urgent_ = is_urgent_ || urgency == Lane::Urgency::at_once;
  }
  wakes_.notify_one();
}

// ---- the keeper ---------------------------------------------------------------------------------

void Spool::keep() {
  std::unique_lock lock(mutex_);
  bool is_failing = true;  // the first round was `start`'s, and nobody looked how it went
  while (!is_ending_) {
    const auto is_called = [this] { return is_woken_ || is_ending_; };
    if (is_failing) {
      wakes_.wait_for(lock, retry_after, is_called);
    } else {
      wakes_.wait(lock, is_called);
    }
    // What can wait is gathered.
    wakes_.wait_for(lock, options_.sync_interval,
                    [this] { return is_urgent_ || !waiters_.empty() || is_ending_; });
    is_woken_ = is_urgent_ = false;
    lock.unlock();
    is_failing = tend();
    lock.lock();
  }
  // Those who wait are told before the end.
  lock.unlock();
  static_cast<void>(tend());
}

bool Spool::tend() {
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    waiters = std::exchange(waiters_, {});
  }
  Result<> supplied = look_after_others();
  Result<> synced;
  for (const auto& lane : lanes_) {
    if (supplied) supplied = supply(*lane);
    if (auto one = sync(*lane); !one) synced = std::move(one);
    if (auto one = put_away(*lane); !one) synced = std::move(one);
  }
  for (Waiter& waiter : waiters) {
    const std::uint64_t stream = waiter.lane->stream();
    const bool is_kept =
        std::none_of(unclosed_.begin(), unclosed_.end(),
                     [stream](const auto& segment) { return segment->name.stream == stream; });
    waiter.then(is_kept && !waiter.lane->is_broken());
  }
  const bool is_failing = !supplied || !synced;
  report(std::move(supplied), is_supply_failing_);
  report(std::move(synced), is_sync_failing_);
  return is_failing;
}

void Spool::report(Result<> result, bool& is_failing) {
  if (!result && !is_failing) options_.on_problem(result.error());
  is_failing = !result;
}

/// Once.
Result<> Spool::look_after_others() {
  if (is_recovered_.load(std::memory_order_relaxed)) return {};
  WEIR_TRY(files_.make_directory(folder_));
  const auto lock = files_.lock(folder_ + "/lock");
  if (!lock) return lock.error();
  WEIR_TRY_ASSIGN(recovered, recover(files_, folder_, options_.unix_ms(), options_.leaves_damage));
  options_.on_recovered(recovered);
  is_recovered_.store(true, std::memory_order_release);
  return {};
}

Result<> Spool::supply(Lane& lane) {
  while (lane.wants_segment()) {
    WEIR_TRY_ASSIGN(segment, make_segment(lane.stream()));
    lane.give(std::move(segment));
  }
  return {};
}

Result<std::shared_ptr<WritableSegment>> Spool::make_segment(std::uint64_t stream) {
  auto segment = std::make_shared<WritableSegment>();
  // Under the lock, since a file without its owner's mark would be taken for a dead one's.
  const auto lock = files_.lock(folder_ + "/lock");
  if (!lock) return lock.error();
  WEIR_TRY_ASSIGN(segments, list_segments(files_, folder_));
  segment->name.number = segments.empty() ? 1 : segments.back().number + 1;
  segment->name.stream = stream;
  auto file = files_.create(folder_ + "/" + segment->name.text(), options_.segment_bytes);
  if (!file) {
    figures_.segment_failures.fetch_add(1, std::memory_order_relaxed);
    return std::move(file).error();
  }
  segment->file = *std::move(file);
  segment->bytes = segment->file->bytes();
  return segment;
}

Result<> Spool::sync(Lane& lane) {
  const std::shared_ptr<WritableSegment> segment = lane.to_sync();
  if (!segment || segment->is_broken.load(std::memory_order_relaxed)) return {};
  const std::size_t end = segment->end.load(std::memory_order_acquire);
  const std::size_t begin = segment->synced.load(std::memory_order_relaxed);
  segment->file->let_go(begin, end - begin);
  Result<> synced = segment->file->sync();
  figures_.syncs.fetch_add(1, std::memory_order_relaxed);
  if (synced) {
    segment->synced.store(end, std::memory_order_release);
  } else {
    figures_.sync_failures.fetch_add(1, std::memory_order_relaxed);
    segment->is_broken.store(true, std::memory_order_release);
  }
  return synced;
}

Result<> Spool::put_away(Lane& lane) {
  for (auto& segment : lane.take_retired()) unclosed_.push_back(std::move(segment));
  Result<> all;
  std::vector<std::shared_ptr<WritableSegment>> left;
  for (auto& segment : std::exchange(unclosed_, {})) {
    Result<> closed = close(*segment);
    if (closed) continue;
    all = std::move(closed);
    left.push_back(std::move(segment));
  }
  unclosed_ = std::move(left);
  return all;
}

/// a file that could not be synced is not trusted again; all it should hold is copied.
Result<> Spool::close(WritableSegment& segment) {
  const std::size_t end = segment.end.load(std::memory_order_acquire);
  const std::string path = folder_ + "/" + segment.name.text();
  SegmentName name = segment.name;
  name.state = SegmentName::State::closed;
  name.closed_ms = options_.unix_ms();
  const std::string closed_path = folder_ + "/" + name.text();
  if (!segment.is_broken.load(std::memory_order_relaxed) && !segment.file->sync()) {
    figures_.sync_failures.fetch_add(1, std::memory_order_relaxed);
    segment.is_broken.store(true, std::memory_order_relaxed);
  }
  if (segment.is_broken.load(std::memory_order_relaxed)) {
    WEIR_TRY(files_.write(closed_path, {segment.bytes.data(), end}));
    WEIR_TRY(files_.remove(path));
  } else {
    // It is whole and safe already; that it takes too much room does no harm.
    if (!segment.bytes.empty()) static_cast<void>(segment.file->finish(end));
    segment.bytes = {};
    WEIR_TRY(files_.rename(path, closed_path));
  }
  archive_wakes_.notify_one();
  return {};
}

// ---- the archivist ------------------------------------------------------------------------------

void Spool::archive() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    lock.unlock();
    const bool has_more = tidy_up();
    lock.lock();
    if (!has_more && !is_ending_) archive_wakes_.wait_for(lock, archive_interval);
  }
}

bool Spool::tidy_up() {
  Result<bool> packed = pack_one();
  Result<bool> removed = remove_old();
  const bool has_more = packed && *packed;
  const bool has_more_to_remove = removed && *removed;
  Result<> result;
  if (!packed) result = packed.error();
  if (!removed) result = removed.error();
  report(std::move(result), is_archive_failing_);
  return has_more || has_more_to_remove;
}

Result<bool> Spool::pack_one() {
  WEIR_TRY_ASSIGN(names, files_.list(folder_));
  for (const std::string& text : names) {
    auto name = SegmentName::parse(text);
    if (!name || name->state != SegmentName::State::closed) continue;
    auto file = files_.open(folder_ + "/" + text);
    if (!file && file.error().code == ErrorCode::route_unknown) continue;  // another was faster
    if (!file) return std::move(file).error();
    WEIR_TRY_ASSIGN(packed, pack(**file));
    name->state = SegmentName::State::packed;
    WEIR_TRY(files_.write(folder_ + "/" + name->text(), packed));
    WEIR_TRY(files_.remove(folder_ + "/" + text));
    return true;
  }
  return false;
}

Result<bool> Spool::remove_old() {
  if (options_.retention_ms <= 0) return false;
  WEIR_TRY_ASSIGN(segments, list_segments(files_, folder_));
  if (segments.empty()) return false;
  const std::int64_t horizon = options_.unix_ms() - options_.retention_ms;
  // The last one stays, since the next one's number follows from it.
  segments.pop_back();
  std::erase_if(segments, [horizon](const SegmentName& name) {
    return name.state == SegmentName::State::open || name.closed_ms >= horizon;
  });
  if (segments.empty()) return false;
  const bool has_more = segments.size() > removed_at_once_max;
  if (has_more) segments.resize(removed_at_once_max);
  std::int64_t closed_ms = 0;
  for (const SegmentName& name : segments) closed_ms = std::max(closed_ms, name.closed_ms);
  WEIR_TRY(options_.on_removal(segments.size(), closed_ms));
  for (const SegmentName& name : segments) {
    WEIR_TRY(files_.remove(folder_ + "/" + name.text()));
  }
  return has_more;
}

}  // namespace weir::ledger
