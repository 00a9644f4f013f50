// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ledger/record.hpp"
#include "ledger/segment.hpp"

namespace weir::ledger {

/// A segment that is written, or made ahead.
struct WritableSegment {
  SegmentName name;
  std::unique_ptr<store::MappedFile> file;
  std::span<char> bytes;            ///< of the file
  std::size_t prepared = 0;         ///< how far the file was told to prepare; the lane's thread's
  std::atomic<std::size_t> end{0};  ///< what was written; moved by the lane's thread
  std::atomic<std::size_t> synced{0};  ///< what would survive a loss of power; moved by the keeper
  std::atomic<bool> is_broken{false};  ///< a sync failed: it is to be left and copied (X-6)
};

/// What all lanes have counted. For any thread.
struct Figures {
  std::atomic<std::uint64_t> intents{0};
  std::atomic<std::uint64_t> checkpoints{0};
  std::atomic<std::uint64_t> settlements{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> segments{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> sync_failures{0};
  std::atomic<std::uint64_t> segment_failures{0};  ///< a segment could not be made
  std::atomic<std::uint64_t> refused{0};           ///< calls that found no room for their intent
  std::atomic<std::uint64_t> late{0};     ///< settlements that had to wait in memory for a segment
  std::atomic<std::uint64_t> lost{0};     ///< settlements that found no room there either
  std::atomic<std::uint64_t> waiting{0};  ///< calls that could not be added up yet, as far as known
};

/// Where one thread writes: its stream of segments.
///
/// The lane's own thread appends, which is a copy into memory; `Spool`'s threads make segments
/// ahead, sync them, and put those away that are full. Both meet under a short lock, at the change
/// of segments only.
class Lane {
 public:
  enum class Urgency : std::uint8_t { can_wait, at_once };
  struct Options {
    std::uint64_t stream = 0;
    std::function<std::int64_t()> unix_ms;
    std::function<void(Urgency)> wake;  ///< there is something for the spool's threads
  };
  /// `figures` outlives the lane.
  Lane(Options options, Figures& figures)
      : options_(std::move(options)), figures_(figures), sequence_(1) {}

  // ---- for the lane's own thread

  /// What finds no room is refused (`intent`), missed (`checkpoint`), or must not be lost.
  enum class Need : std::uint8_t { intent, checkpoint, settlement };

  /// Appends the record that `write(room, sequence)` makes. False: there is no room for it; a
  /// settlement is then kept in memory until there is, or given up when even that is full.
  template <class Write>
  bool append(Need need, Write write) {
    std::span<char> room = find_room(need);
    if (room.empty()) {
      if (need == Need::settlement) keep(write);
      return false;
    }
    const std::size_t size = write(room, sequence_++);
    advance(need, size);
    return true;
  }
  /// An intent would find room.
  [[nodiscard]] bool may_open() const;
  /// The segment that is written, for `close_call`. Precondition: something was appended.
  [[nodiscard]] std::uint64_t open_call();
  void close_call(std::uint64_t segment);
  /// Writes that nothing follows. Nothing may be appended afterwards.
  void end();
  /// Goes on in another segment if a sync of this one has failed.
  void leave_broken();

  // ---- for the spool's threads

  [[nodiscard]] std::uint64_t stream() const { return options_.stream; }
  /// It has fewer segments ahead than it should: one to go on in, and the last one, which only
  /// settlements may begin, so that calls under way can still be written down when no more can be
  /// made.
  [[nodiscard]] bool wants_segment() const;
  /// Precondition: its number is higher than those before.
  void give(std::shared_ptr<WritableSegment> segment);
  /// The segment that is written, if something was since the last call. Null: nothing.
  [[nodiscard]] std::shared_ptr<WritableSegment> to_sync();
  /// The segment that is written can't be synced any more.
  [[nodiscard]] bool is_broken() const;
  /// Segments that are full or over.
  [[nodiscard]] std::vector<std::shared_ptr<WritableSegment>> take_retired();
  /// Those that nothing was ever written to. After `end`.
  [[nodiscard]] std::vector<std::shared_ptr<WritableSegment>> take_unused();

 private:
  [[nodiscard]] std::span<char> find_room(Need need);
  [[nodiscard]] bool has_room(Need need) const;
  [[nodiscard]] bool change_segment(Need need);
  void begin(WritableSegment& segment);
  void advance(Need need, std::size_t size);
  void prepare(std::size_t end);
  template <class Write>
  void keep(Write write) {
    if (late_bytes_ + record_bytes_max > late_bytes_max) {
      figures_.lost.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    auto room = std::make_unique<Room>();
    const std::size_t size = write(std::span<char>(room->bytes), sequence_++);
    late_.emplace_back(room->bytes.data(), size);
    late_bytes_ += size;
    figures_.late.fetch_add(1, std::memory_order_relaxed);
  }

  struct Room {
    alignas(8) std::array<char, record_bytes_max> bytes;
  };
  struct OpenCalls {
    std::uint64_t segment = 0;
    std::uint64_t count = 0;
  };
  static constexpr std::size_t late_bytes_max = std::size_t{16} << 20;

  Options options_;
  Figures& figures_;
  // The lane's own thread's.
  std::uint64_t sequence_;
  WritableSegment* written_ = nullptr;  ///< `current_`
  std::vector<OpenCalls> open_calls_;   ///< by segments, oldest first
  std::vector<std::string> late_;       ///< records that wait for room
  std::size_t late_bytes_ = 0;

  std::atomic<bool> is_dirty_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<WritableSegment> current_;
  std::deque<std::shared_ptr<WritableSegment>> ahead_;
  std::atomic<std::size_t> ahead_count_ = 0;
  std::vector<std::shared_ptr<WritableSegment>> retired_;
};

}  // namespace weir::ledger
