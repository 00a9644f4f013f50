// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ledger/record.hpp"
#include "store/spool_files.hpp"
#include "weir/result.hpp"

namespace weir::ledger {

/// Where a record stands, for as long as the ledger keeps it: also after its segment was
/// compressed.
struct Place {
  std::uint64_t segment = 0;  ///< its number
  std::uint64_t offset = 0;   ///< in it, uncompressed
  bool operator==(const Place&) const = default;
};

/// How far a reader has come. Small: one entry for each thread that writes at present.
struct Position {
  struct Stream {
    std::uint64_t segment = 0;        ///< that is read
    std::uint64_t offset = 0;         ///< of what comes next in it
    std::uint64_t next_sequence = 0;  ///< what was read before is passed over
    bool is_over = false;
    bool operator==(const Stream&) const = default;
  };
  std::uint64_t segments_read = 0;            ///< all with smaller numbers were read to their ends
  std::map<std::uint64_t, Stream> streams{};  ///< those begun, by id

  /// One line of text, and back. Nothing for text that is none.
  [[nodiscard]] std::string text() const;
  static std::optional<Position> parse(std::string_view text);
  bool operator==(const Position&) const = default;
};

/// Reads the settlements of a ledger, also while it is written, by this process or by others.
///
/// Calls come in the order of their ends, as far as what is in the files at the moment tells; each
/// comes once. Never writes. Used by one thread at a time. May wait for a disk.
class Reader {
 public:
  struct Entry {
    CallRecord call;
    Place place;
  };

  /// What is damaged or missing, as far as reading went.
  struct Damage {
    std::uint64_t records_missing = 0;  ///< by their sequence numbers
    std::uint64_t bytes_unreadable = 0;
    bool operator==(const Damage&) const = default;
  };

  /// A directory without a ledger is an empty one. Errors: `store_unavailable`.
  static Result<Reader> open(const std::string& data_directory, Position from = {});
  static Result<Reader> open(store::SpoolFiles& files, const std::string& data_directory,
                             Position from = {});
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  /// The next call, the caller's until it asks again; null when there is none yet: asked again
  /// later, it goes on. Errors: `store_unavailable`.
  Result<Entry*> next();
  /// Behind the last entry that `next` gave. A reader opened with it goes on after that entry.
  [[nodiscard]] Position position() const;
  [[nodiscard]] const Damage& damage() const;

 private:
  class State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// From where a reader gives all calls that ended at `unix_ms` or later, and as few as can be
/// passed over of those before. Errors: `store_unavailable`.
Result<Position> position_of(store::SpoolFiles& files, const std::string& data_directory,
                             std::int64_t unix_ms);

/// How much room the closed segments take that a reader at `position` has not read to their ends.
/// Errors: `store_unavailable`.
Result<std::uint64_t> unread_bytes(const std::string& data_directory, const Position& position);

/// The call that stands at `place`. Errors: `route_unknown` when it is not there any more,
/// `store_unavailable`.
Result<CallRecord> read_at(const std::string& data_directory, const Place& place);
Result<CallRecord> read_at(store::SpoolFiles& files, const std::string& data_directory,
                           const Place& place);

}  // namespace weir::ledger
