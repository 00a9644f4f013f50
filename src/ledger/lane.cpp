// SPDX-License-Identifier: Apache-2.0
#include "ledger/lane.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/assert.hpp"

namespace weir::ledger {
namespace {

/// What is not synced may be so much, however short a time it takes to come together.
constexpr std::size_t unsynced_bytes_max = std::size_t{1} << 20;

/// For how much of a segment room in memory is made at once, where so much comes together between
/// two syncs: less would be synced before it was written.
constexpr std::size_t prepared_bytes = std::size_t{64} << 10;

/// One to begin, and the one that is left to settlements.
constexpr std::size_t segments_for_intent = 2;

}  // namespace

// ---- the lane's own thread ----------------------------------------------------------------------

bool Lane::has_room(Need need) const {
  if (written_ == nullptr || !late_.empty()) return false;
  const bool is_reserve = ahead_count_.load(std::memory_order_relaxed) == 0;
  if (is_reserve && need != Need::settlement) return false;
  return written_->end.load(std::memory_order_relaxed) + record_bytes_max <=
             written_->bytes.size() &&
         !written_->is_broken.load(std::memory_order_acquire);
}

bool Lane::may_open() const {
  return has_room(Need::intent) ||
         ahead_count_.load(std::memory_order_relaxed) >= segments_for_intent;
}

std::span<char> Lane::find_room(Need need) {
  if (!has_room(need) && !(change_segment(need) && has_room(need))) {
    if (need == Need::intent) figures_.refused.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return written_->bytes.subspan(written_->end.load(std::memory_order_relaxed));
}

void Lane::advance(Need need, std::size_t size) {
  std::atomic<std::uint64_t>& count = need == Need::intent       ? figures_.intents
                                      : need == Need::checkpoint ? figures_.checkpoints
                                                                 : figures_.settlements;
  count.fetch_add(1, std::memory_order_relaxed);
  const std::size_t end = written_->end.load(std::memory_order_relaxed) + size;
  written_->end.store(end, std::memory_order_release);
  figures_.bytes.fetch_add(size, std::memory_order_relaxed);
  const std::size_t unsynced = end - written_->synced.load(std::memory_order_relaxed);
  if (unsynced >= prepared_bytes && end + record_bytes_max > written_->prepared) prepare(end);
  const bool is_much = unsynced >= unsynced_bytes_max && unsynced - size < unsynced_bytes_max;
  const bool was_dirty = is_dirty_.exchange(true, std::memory_order_acq_rel);
  if (is_much || !was_dirty) options_.wake(is_much ? Urgency::at_once : Urgency::can_wait);
}

void Lane::prepare(std::size_t end) {
  const std::size_t from = std::max(end, written_->prepared);
  written_->prepared = from + prepared_bytes;
  written_->file->prepare(from, prepared_bytes);
}

bool Lane::change_segment(Need need) {
  std::shared_ptr<WritableSegment> before;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t needed = need == Need::settlement ? 1 : segments_for_intent;
    if (ahead_.size() < needed) return false;
    before = std::exchange(current_, std::move(ahead_.front()));
    ahead_.pop_front();
    ahead_count_.store(ahead_.size(), std::memory_order_relaxed);
    begin(*current_);
    written_ = current_.get();
    if (before) retired_.push_back(std::move(before));
  }
  figures_.segments.fetch_add(1, std::memory_order_relaxed);
  is_dirty_.store(true, std::memory_order_release);
  options_.wake(Urgency::at_once);
  return true;
}

/// Writes the header, and what had to wait for room.
void Lane::begin(WritableSegment& segment) {
  SegmentHeader header;
  header.number = segment.name.number;
  header.stream = segment.name.stream;
  header.first_sequence = sequence_ - late_.size();
  header.oldest_open = open_calls_.empty() ? header.number : open_calls_.front().segment;
  header.created_ms = options_.unix_ms();
  std::size_t end = header_bytes;
  std::size_t written = 0;
  for (; written < late_.size(); ++written) {
    const std::string& record = late_[written];
    if (end + record.size() + record_bytes_max > segment.bytes.size()) break;
    std::memcpy(segment.bytes.data() + end, record.data(), record.size());
    end += record.size();
    late_bytes_ -= record.size();
  }
  late_.erase(late_.begin(), late_.begin() + static_cast<std::ptrdiff_t>(written));
  write_header(segment.bytes, header);
  segment.end.store(end, std::memory_order_release);
}

std::uint64_t Lane::open_call() {
  WEIR_ASSERT(written_ != nullptr);
  const std::uint64_t segment = written_->name.number;
  if (open_calls_.empty() || open_calls_.back().segment != segment) {
    open_calls_.push_back({segment, 0});
  }
  ++open_calls_.back().count;
  return segment;
}

void Lane::close_call(std::uint64_t segment) {
  const auto calls =
      std::find_if(open_calls_.begin(), open_calls_.end(),
                   [segment](const OpenCalls& one) { return one.segment == segment; });
  WEIR_ASSERT(calls != open_calls_.end());
  if (--calls->count == 0) open_calls_.erase(calls);
}

void Lane::leave_broken() {
  const bool is_broken = written_ != nullptr && written_->is_broken.load(std::memory_order_acquire);
  if (is_broken) static_cast<void>(change_segment(Need::settlement));
}

void Lane::end() {
  leave_broken();
  if (written_ == nullptr && late_.empty()) return;  // nothing was ever written
  // A stream without this record is looked after at the next start.
  static_cast<void>(append(Need::settlement, write_end));
  const std::lock_guard lock(mutex_);
  if (current_) retired_.push_back(std::move(current_));
  written_ = nullptr;
}

// ---- the spool's threads ------------------------------------------------------------------------

bool Lane::wants_segment() const {
  constexpr std::size_t ahead_wanted = 2;
  return ahead_count_.load(std::memory_order_relaxed) < ahead_wanted;
}

void Lane::give(std::shared_ptr<WritableSegment> segment) {
  const std::lock_guard lock(mutex_);
  ahead_.push_back(std::move(segment));
  ahead_count_.store(ahead_.size(), std::memory_order_relaxed);
}

std::shared_ptr<WritableSegment> Lane::to_sync() {
  if (!is_dirty_.exchange(false, std::memory_order_acq_rel)) return nullptr;
  const std::lock_guard lock(mutex_);
  return current_;
}

bool Lane::is_broken() const {
  const std::lock_guard lock(mutex_);
  return current_ && current_->is_broken.load(std::memory_order_acquire);
}

std::vector<std::shared_ptr<WritableSegment>> Lane::take_retired() {
  const std::lock_guard lock(mutex_);
  return std::exchange(retired_, {});
}

std::vector<std::shared_ptr<WritableSegment>> Lane::take_unused() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<WritableSegment>> unused(std::make_move_iterator(ahead_.begin()),
                                                       std::make_move_iterator(ahead_.end()));
  ahead_.clear();
  ahead_count_.store(0, std::memory_order_relaxed);
  return unused;
}

}  // namespace weir::ledger
