// SPDX-License-Identifier: Apache-2.0
#include "ledger/reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "ledger/segment_reader.hpp"

namespace weir::ledger {
namespace {

/// Takes `text` up to `end` as a number, and `end` with it.
template <class Number>
bool take_number(std::string_view& text, Number& number, char end) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (!text.starts_with(end)) return false;
  text.remove_prefix(1);
  return true;
}

void append_number(std::string& text, std::uint64_t number, char end) {
  std::array<char, 16> digits{};
  const auto [last, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  text.append(digits.data(), last).push_back(end);
}

constexpr std::string_view position_mark = "1;";

}  // namespace

// ---- Position -----------------------------------------------------------------------------------

std::string Position::text() const {
  std::string text(position_mark);
  append_number(text, segments_read, ';');
  for (const auto& [id, stream] : streams) {
    append_number(text, id, ':');
    append_number(text, stream.segment, ':');
    append_number(text, stream.offset, ':');
    append_number(text, stream.next_sequence, ':');
    append_number(text, stream.is_over ? 1 : 0, ';');
  }
  return text;
}

std::optional<Position> Position::parse(std::string_view text) {
  if (!text.starts_with(position_mark)) return std::nullopt;
  text.remove_prefix(position_mark.size());
  Position position;
  if (!take_number(text, position.segments_read, ';')) return std::nullopt;
  while (!text.empty()) {
    std::uint64_t id = 0;
    Stream stream;
    unsigned is_over = 0;
    const bool is_read = take_number(text, id, ':') && take_number(text, stream.segment, ':') &&
                         take_number(text, stream.offset, ':') &&
                         take_number(text, stream.next_sequence, ':') &&
                         take_number(text, is_over, ';');
    if (!is_read) return std::nullopt;
    stream.is_over = is_over != 0;
    position.streams.emplace(id, stream);
  }
  return position;
}

// ---- Reader -------------------------------------------------------------------------------------

/// One stream on its way through its segments.
struct StreamCursor {
  Position::Stream at;                  ///< behind the last record that was looked at
  Position::Stream before_head;         ///< before `head`, where there is one
  std::optional<SegmentReader> reader;  ///< of segment `at.segment`; none: not opened yet
  Reader::Entry head;                   ///< the next to be given; its room is used again
  bool has_head = false;
  bool is_listed = true;
  bool is_dry = false;  ///< all that was written when we looked is read

  bool is_given = false;  ///< `head`, to who asked for it

  [[nodiscard]] const Position::Stream& position() const {
    return has_head && !is_given ? before_head : at;
  }
  void take_back() { has_head = is_given = false; }
};

class Reader::State {
 public:
  State(store::SpoolFiles& files, std::string folder, Position from)
      : files_(files), folder_(std::move(folder)), segments_read_(from.segments_read) {
    for (const auto& [id, stream] : from.streams) streams_[id].at = stream;
  }

  Result<> list() {
    WEIR_TRY_ASSIGN(segments, list_segments(files_, folder_));
    segments_ = std::move(segments);
    for (auto& [id, cursor] : streams_) {
      const bool is_there =
          std::any_of(segments_.begin(), segments_.end(),
                      [&, stream = id](const SegmentName& name) { return name.stream == stream; });
      // One that is just being renamed may be missing from a single listing.
      if (!is_there && !cursor.is_listed && !cursor.has_head) cursor.at.is_over = true;
      cursor.is_listed = is_there;
      cursor.is_dry = false;
    }
    for (const SegmentName& name : segments_) {
      if (name.number < segments_read_ || streams_.contains(name.stream)) continue;
      streams_[name.stream].at.segment = name.number;
    }
    advance_segments_read();
    for (const auto& [id, cursor] : streams_) hungry_.insert(id);
    return {};
  }

  Result<Entry*> next() {
    take_back_given();
    WEIR_TRY(fill());
    if (heads_.empty()) {
      WEIR_TRY(list());
      WEIR_TRY(fill());
    }
    if (heads_.empty()) return nullptr;
    StreamCursor& first = streams_.at(heads_.begin()->second);
    first.is_given = true;
    is_one_given_ = true;
    return &first.head;
  }

  [[nodiscard]] Position position() const {
    Position position;
    position.segments_read = segments_read_;
    for (const auto& [id, cursor] : streams_) {
      const Position::Stream& at = cursor.position();
      const bool is_told = at.is_over && at.segment < segments_read_;
      if (!is_told) position.streams.emplace(id, at);
    }
    return position;
  }
  [[nodiscard]] const Damage& damage() const { return damage_; }

 private:
  void take_back_given() {
    if (!std::exchange(is_one_given_, false)) return;
    const std::uint64_t id = heads_.begin()->second;
    heads_.erase(heads_.begin());
    streams_.at(id).take_back();
    hungry_.insert(id);
  }

  /// Sees to it that each stream has a head that can have one. After many starts there are many
  /// streams, and all but a few of them have one already.
  Result<> fill() {
    while (!hungry_.empty()) {
      const std::uint64_t id = *hungry_.begin();
      const auto stream = streams_.find(id);  // one that is over may be gone
      if (stream != streams_.end()) WEIR_TRY(fill_one(id, stream->second));
      hungry_.erase(id);
    }
    return {};
  }

  Result<> fill_one(std::uint64_t id, StreamCursor& cursor) {
    if (cursor.has_head || cursor.at.is_over || cursor.is_dry) return {};
    WEIR_TRY(fill(id, cursor));
    cursor.is_dry = !cursor.has_head;
    if (cursor.has_head) heads_.emplace(cursor.head.call.ended_ms, id);
    return {};
  }

  /// Reads on to the next settlement of the stream, if there is one by now.
  Result<> fill(std::uint64_t id, StreamCursor& cursor) {
    for (;;) {
      if (!cursor.reader) {
        WEIR_TRY_ASSIGN(is_open, open(id, cursor));
        if (!is_open) return {};
      }
      const Position::Stream before = cursor.at;
      WEIR_TRY_ASSIGN(record, cursor.reader->next());
      if (!record) {
        WEIR_TRY_ASSIGN(goes_on, leave_segment(id, cursor));
        if (!goes_on) return {};
        continue;
      }
      const Frame& frame = record->frame;
      cursor.at.offset = cursor.reader->offset();
      if (frame.sequence < cursor.at.next_sequence) continue;  // written again after a failed sync
      if (cursor.at.next_sequence > 0) {
        damage_.records_missing += frame.sequence - cursor.at.next_sequence;
      }
      cursor.at.next_sequence = frame.sequence + 1;
      if (frame.kind == Kind::end) {
        cursor.at.is_over = true;
        cursor.reader.reset();
        return {};
      }
      if (frame.kind != Kind::settlement) continue;
      if (!read_call(frame.payload, cursor.head.call)) {
        damage_.bytes_unreadable += frame.size;
        continue;
      }
      cursor.before_head = before;
      cursor.head.place = {before.segment, record->offset};
      cursor.has_head = true;
      return {};
    }
  }

  [[nodiscard]] const SegmentName* find(std::uint64_t id, std::uint64_t from) const {
    const auto found = std::find_if(
        segments_.begin(), segments_.end(),
        [&](const SegmentName& name) { return name.stream == id && name.number >= from; });
    return found == segments_.end() ? nullptr : &*found;
  }

  /// False: there is nothing to be opened now.
  Result<bool> open(std::uint64_t id, StreamCursor& cursor) {
    const SegmentName* name = find(id, cursor.at.segment);
    if (name == nullptr) return false;
    if (name->number != cursor.at.segment) {  // what was to be read is not kept any more
      cursor.at.segment = name->number;
      cursor.at.offset = 0;
    }
    auto reader = SegmentReader::open(files_, folder_, *name);
    if (!reader && reader.error().code == ErrorCode::route_unknown) {
      WEIR_TRY(list());  // it got another name
      name = find(id, cursor.at.segment);
      if (name == nullptr) return false;
      reader = SegmentReader::open(files_, folder_, *name);
    }
    if (!reader) return std::move(reader).error();
    WEIR_TRY_ASSIGN(header, reader->header());
    if (!header && name->state == SegmentName::State::open) return false;  // nothing in it yet
    // Of a stream met for the first time nobody knows what went before.
    if (header && cursor.at.next_sequence == 0) cursor.at.next_sequence = header->first_sequence;
    reader->seek(cursor.at.offset);
    cursor.reader = *std::move(reader);
    return true;
  }

  /// Where there is no record: the end of what is written, or of the segment, or damage. True:
  /// reading goes on.
  Result<bool> leave_segment(std::uint64_t id, StreamCursor& cursor) {
    const SegmentName* name = find(id, cursor.at.segment);
    bool is_written = name != nullptr && name->number == cursor.at.segment &&
                      name->state == SegmentName::State::open;
    if (is_written) {
      WEIR_TRY_ASSIGN(has_next, has_begun_next(id, cursor.at.segment));
      is_written = !has_next;
    }
    if (is_written) return false;
    // It may have been written to its end since.
    WEIR_TRY_ASSIGN(record, cursor.reader->next());
    if (record) {
      cursor.reader->seek(record->offset);
      return true;
    }
    const std::uint64_t unreadable = cursor.reader->bytes_unreadable();
    WEIR_TRY_ASSIGN(goes_on, cursor.reader->skip_damage(cursor.at.next_sequence));
    damage_.bytes_unreadable += cursor.reader->bytes_unreadable() - unreadable;
    cursor.at.offset = cursor.reader->offset();
    if (goes_on) return true;
    const SegmentName* const next = find(id, cursor.at.segment + 1);
    if (next == nullptr) return false;
    cursor.reader.reset();
    cursor.at.segment = next->number;
    cursor.at.offset = 0;
    return true;
  }

  /// A segment that is made ahead is there for a while before something is in it.
  Result<bool> has_begun_next(std::uint64_t id, std::uint64_t segment) {
    const SegmentName* const next = find(id, segment + 1);
    if (next == nullptr) return false;
    if (next->state != SegmentName::State::open) return true;
    auto reader = SegmentReader::open(files_, folder_, *next);
    if (!reader && reader.error().code == ErrorCode::route_unknown) return true;
    if (!reader) return std::move(reader).error();
    WEIR_TRY_ASSIGN(header, reader->header());
    return header.has_value();
  }

  void advance_segments_read() {
    std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t largest = segments_read_;
    for (const auto& [id, cursor] : streams_) {
      const Position::Stream& at = cursor.position();
      if (at.is_over) {
        // A segment made ahead goes unused at the end, and the next one made gets its number.
        if (at.next_sequence > 0) largest = std::max(largest, at.segment + 1);
      } else {
        smallest = std::min(smallest, at.segment);
      }
    }
    segments_read_ = std::max(segments_read_, std::min(smallest, largest));
    std::erase_if(streams_, [this](const auto& entry) {
      const Position::Stream& at = entry.second.at;
      return !entry.second.has_head && at.is_over &&
             (at.segment < segments_read_ || at.next_sequence == 0);
    });
  }

  store::SpoolFiles& files_;
  std::string folder_;
  std::uint64_t segments_read_;
  std::map<std::uint64_t, StreamCursor> streams_;
  std::vector<SegmentName> segments_;
  std::set<std::pair<std::int64_t, std::uint64_t>> heads_;  ///< by their ends, with their streams
  std::set<std::uint64_t> hungry_;                          ///< streams that may lack a head
  bool is_one_given_ = false;                               ///< the caller has the first of them
  Damage damage_;
};

Result<Reader> Reader::open(const std::string& data_directory, Position from) {
  return open(store::system_spool_files(), data_directory, std::move(from));
}

Result<Reader> Reader::open(store::SpoolFiles& files, const std::string& data_directory,
                            Position from) {
  auto state = std::make_unique<State>(files, folder_of(data_directory), std::move(from));
  WEIR_TRY(state->list());
  return Reader(std::move(state));
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader::Entry*> Reader::next() { return state_->next(); }
Position Reader::position() const { return state_->position(); }
const Reader::Damage& Reader::damage() const { return state_->damage(); }

Result<Position> position_of(store::SpoolFiles& files, const std::string& data_directory,
                             std::int64_t unix_ms) {
  WEIR_TRY_ASSIGN(segments, list_segments(files, folder_of(data_directory)));
  Position position;
  for (const SegmentName& name : segments) {
    if (name.state == SegmentName::State::open || name.closed_ms >= unix_ms) break;
    position.segments_read = name.number + 1;
  }
  return position;
}

Result<std::uint64_t> unread_bytes(const std::string& data_directory, const Position& position) {
  store::SpoolFiles& files = store::system_spool_files();
  const std::string folder = folder_of(data_directory);
  WEIR_TRY_ASSIGN(segments, list_segments(files, folder));
  std::uint64_t bytes = 0;
  for (const SegmentName& name : segments) {
    if (name.state == SegmentName::State::open || name.number < position.segments_read) continue;
    const auto stream = position.streams.find(name.stream);
    const bool is_read = stream != position.streams.end() &&
                         (stream->second.is_over || name.number < stream->second.segment);
    if (is_read) continue;
    const auto size = files.size(folder + "/" + name.text());
    if (!size && size.error().code == ErrorCode::route_unknown) continue;  // packed meanwhile
    if (!size) return size.error();
    bytes += *size;
  }
  return bytes;
}

Result<CallRecord> read_at(const std::string& data_directory, const Place& place) {
  return read_at(store::system_spool_files(), data_directory, place);
}

Result<CallRecord> read_at(store::SpoolFiles& files, const std::string& data_directory,
                           const Place& place) {
  const std::string folder = folder_of(data_directory);
  const Error gone(ErrorCode::route_unknown, "the ledger does not keep this call any more");
  for (int tries = 0; tries < 3; ++tries) {
    WEIR_TRY_ASSIGN(segments, list_segments(files, folder));
    const auto name = std::find_if(segments.begin(), segments.end(), [&](const SegmentName& one) {
      return one.number == place.segment;
    });
    if (name == segments.end()) return gone;
    auto reader = SegmentReader::open_at(files, folder, *name, place.offset);
    // It may get another name between the two.
    if (!reader && reader.error().code == ErrorCode::route_unknown) continue;
    if (!reader) return std::move(reader).error();
    WEIR_TRY_ASSIGN(record, reader->next());
    if (!record || record->frame.kind != Kind::settlement) return gone;
    auto call = read_call(record->frame.payload);
    if (!call) return gone;
    return *std::move(call);
  }
  return gone;
}

}  // namespace weir::ledger
