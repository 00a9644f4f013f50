// SPDX-License-Identifier: Apache-2.0
#include "ledger/recovery.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ledger/record.hpp"
#include "ledger/segment.hpp"
#include "ledger/segment_reader.hpp"
#include "wire/usage_sum.hpp"

namespace weir::ledger {
namespace {

using State = SegmentName::State;

/// A call that has no settlement yet.
struct OpenCall {
  CallRecord call;
  std::map<std::int64_t, AttemptRecord> attempts;  ///< by number, as they were told last
};

/// S-11.2, the last row. Of attempts that were under way one was the client's, the others were
/// hedges.
CallRecord unknown_call(OpenCall open, std::int64_t now_ms) {
  CallRecord call = std::move(open.call);
  call.outcome = Outcome::unknown;
  call.usage = {};
  std::int64_t last_ms = call.started_ms;
  bool is_charged = false;
  for (auto& [number, attempt] : open.attempts) {
    const bool was_under_way = attempt.ended_ms == 0;
    last_ms = std::max(last_ms, attempt.started_ms);
    if (was_under_way) {
      attempt.flags |= flag::estimated;
      attempt.failure = "unknown";
    }
    if (was_under_way && !is_charged) {
      is_charged = true;
      attempt.flags |= flag::charged;
      call.target = attempt.target;
      call.provider = attempt.provider;
    } else if (was_under_way) {
      attempt.flags &= ~flag::charged;
      attempt.exposure_nanousd += std::exchange(attempt.cost_nanousd, 0);
    }
    if (attempt.has(flag::charged)) call.usage = wire::sum(call.usage, attempt.usage);
    call.cost_nanousd += attempt.cost_nanousd;
    call.exposure_nanousd += attempt.exposure_nanousd;
    call.attempts.push_back(std::move(attempt));
  }
  if (is_charged) {
    call.flags |= flag::estimated;
    call.source = UsageSource::estimated;
  }
  call.ended_ms = std::min(std::max(last_ms, call.started_ms), now_ms);
  return call;
}

/// Something stands where the header does. Precondition: it can't be read.
bool is_written(std::span<const char> segment) {
  const auto room = segment.first(std::min(segment.size(), header_bytes));
  return std::any_of(room.begin(), room.end(), [](char byte) { return byte != 0; });
}

/// One stream, from the oldest segment that may hold what is still open.
class StreamRecovery {
 public:
  StreamRecovery(store::SpoolFiles& files, const std::string& folder, std::int64_t now_ms,
                 bool leaves_damage, Recovered& recovered)
      : files_(files),
        folder_(folder),
        now_ms_(now_ms),
        leaves_damage_(leaves_damage),
        recovered_(recovered) {}

  /// `segments`: all of the stream. Precondition: one of them is open.
  Result<> run(const std::vector<SegmentName>& segments) {
    WEIR_TRY_ASSIGN(is_gone, adopt(segments));
    if (!is_gone) return {};
    ++recovered_.streams;
    WEIR_TRY(drop_unused());
    if (files_in_use_.empty()) return {};
    // Several may not be closed yet, and of each the end is to be found.
    const std::uint64_t first = std::min(oldest_open_, files_in_use_.begin()->first);
    for (const SegmentName& name : segments) {
      const bool is_dropped = name.state == State::open && !files_in_use_.contains(name.number);
      if (name.number < first || is_dropped) continue;
      WEIR_TRY(read(name));
    }
    // The next start is to find it, too.
    if (leaves_damage_ && has_damage()) return {};
    if (!is_over_) WEIR_TRY(settle());
    return close();
  }

 private:
  [[nodiscard]] bool has_damage() const {
    return recovered_.damaged_segments > 0 || recovered_.records_missing > 0;
  }

  struct Adopted {
    SegmentName name;
    std::unique_ptr<store::MappedFile> file;
    std::size_t end = 0;  ///< of its last whole record
  };

  /// False: somebody writes it.
  Result<bool> adopt(const std::vector<SegmentName>& segments) {
    for (const SegmentName& name : segments) {
      if (name.state != State::open) continue;
      auto file = files_.adopt(folder_ + "/" + name.text());
      if (!file && file.error().code == ErrorCode::idempotency_in_progress) return false;
      if (!file) return std::move(file).error();
      files_in_use_.emplace(name.number, Adopted{name, *std::move(file), 0});
    }
    return true;
  }

  /// Segments that were made ahead.
  Result<> drop_unused() {
    for (auto next = files_in_use_.begin(); next != files_in_use_.end();) {
      const auto bytes = next->second.file->bytes();
      const auto header = read_header({bytes.data(), bytes.size()});
      if (header) oldest_open_ = header->oldest_open;
      if (header || is_written(bytes)) {
        if (!header) ++recovered_.damaged_segments;  // what stands behind it may be whole
        ++next;
        continue;
      }
      const std::string path = folder_ + "/" + next->second.name.text();
      next = files_in_use_.erase(next);
      WEIR_TRY(files_.remove(path));
    }
    return {};
  }

  Result<> read(const SegmentName& name) {
    WEIR_TRY_ASSIGN(reader, SegmentReader::open(files_, folder_, name));
    bool is_damaged = false;
    for (;;) {
      WEIR_TRY_ASSIGN(record, reader.next());
      if (!record) {
        const std::uint64_t end = reader.offset();
        const std::uint64_t unreadable = reader.bytes_unreadable();
        WEIR_TRY_ASSIGN(goes_on, reader.skip_damage(next_sequence_));
        if (const auto adopted = files_in_use_.find(name.number); adopted != files_in_use_.end()) {
          if (!goes_on) adopted->second.end = end;
        }
        // What is torn at the end was never acknowledged.
        is_damaged = is_damaged || (goes_on && reader.bytes_unreadable() > unreadable);
        if (!goes_on) break;
        continue;
      }
      take(record->frame);
    }
    if (is_damaged) ++recovered_.damaged_segments;
    return {};
  }

  void take(const Frame& frame) {
    if (frame.sequence < next_sequence_) return;
    if (next_sequence_ > 0) recovered_.records_missing += frame.sequence - next_sequence_;
    next_sequence_ = frame.sequence + 1;
    switch (frame.kind) {
      case Kind::intent:
        if (auto call = read_call(frame.payload)) {
          std::string id = call->request_id;
          open_[std::move(id)].call = *std::move(call);
        }
        return;
      case Kind::checkpoint:
        if (auto checkpoint = read_checkpoint(frame.payload)) {
          const auto open = open_.find(checkpoint->request_id);
          if (open == open_.end()) return;
          open->second.attempts[checkpoint->attempt.number] = std::move(checkpoint->attempt);
        }
        return;
      case Kind::settlement:
        if (const auto call = read_call(frame.payload)) open_.erase(call->request_id);
        return;
      case Kind::end:
        is_over_ = true;
        return;
    }
  }

  /// Writes what is missing behind what is there, in the stream's last segment.
  Result<> settle() {
    Adopted& last = files_in_use_.rbegin()->second;
    if (next_sequence_ == 0) next_sequence_ = 1;
    std::vector<AttemptView> attempts;
    for (auto& [id, open] : open_) {
      const CallRecord call = unknown_call(std::move(open), now_ms_);
      WEIR_TRY_ASSIGN(room, room_in(last));
      last.end += write_call(room, Kind::settlement, next_sequence_++, view_of(call, attempts));
      ++recovered_.unknown_calls;
    }
    WEIR_TRY_ASSIGN(room, room_in(last));
    last.end += write_end(room, next_sequence_++);
    return {};
  }

  static Result<std::span<char>> room_in(Adopted& adopted) {
    constexpr std::size_t step = std::size_t{1} << 20;
    if (adopted.file->bytes().size() < adopted.end + record_bytes_max) {
      WEIR_TRY(adopted.file->grow(adopted.end + step));
    }
    return adopted.file->bytes().subspan(adopted.end);
  }

  Result<> close() {
    for (auto& [number, adopted] : files_in_use_) {
      WEIR_TRY(adopted.file->finish(adopted.end));
      SegmentName closed = adopted.name;
      closed.state = State::closed;
      closed.closed_ms = now_ms_;
      WEIR_TRY(files_.rename(folder_ + "/" + adopted.name.text(), folder_ + "/" + closed.text()));
    }
    return {};
  }

  store::SpoolFiles& files_;
  const std::string& folder_;
  std::int64_t now_ms_;
  bool leaves_damage_;
  Recovered& recovered_;
  std::map<std::uint64_t, Adopted> files_in_use_;
  std::uint64_t oldest_open_ = 0;
  std::uint64_t next_sequence_ = 0;
  bool is_over_ = false;
  std::map<std::string, OpenCall> open_;
};

}  // namespace

Result<Recovered> recover(store::SpoolFiles& files, const std::string& folder, std::int64_t now_ms,
                          bool leaves_damage) {
  Recovered recovered;
  WEIR_TRY_ASSIGN(segments, list_segments(files, folder));
  std::map<std::uint64_t, std::vector<SegmentName>> streams;
  for (const SegmentName& name : segments) streams[name.stream].push_back(name);
  for (const auto& [stream, names] : streams) {
    const bool is_open = std::any_of(names.begin(), names.end(), [](const SegmentName& name) {
      return name.state == State::open;
    });
    if (!is_open) continue;
    StreamRecovery recovery(files, folder, now_ms, leaves_damage, recovered);
    WEIR_TRY(recovery.run(names));
  }
  return recovered;
}

}  // namespace weir::ledger
