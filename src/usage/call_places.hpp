// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ledger/reader.hpp"

/// Where calls stand in the ledger, many of them in one row: a row for each costs more than all the
/// rest that adding it up takes.
///
/// Calls whose ids were made within the same 16 s share a span, and the rows of a span are looked
/// through for one of them. Within a row stand the digests of the ids, ascending, and then the
/// places in the same order.
namespace weir::usage {

struct CallPlace {
  std::uint64_t digest = 0;  ///< of the id
  ledger::Place place;
};

/// The span that ids of this time belong to, and the one of an id; ids that were not made here are
/// taken for the oldest.
std::int64_t span_at(std::int64_t unix_ms);
std::int64_t span_of(std::string_view request_id);
/// 64 bits for an id of which 75 are chance: among 10^7 calls two of one span have the same with a
/// probability of 10^-9.
std::uint64_t digest_of(std::string_view request_id);

/// A row of calls. Precondition: their digests ascend, none comes twice.
std::string encode_places(std::span<const CallPlace> calls);

/// Looks into a row.
class PlacesRow {
 public:
  /// Nothing: damaged. `bytes` must stay as they are.
  static std::optional<PlacesRow> read(std::string_view bytes);

  [[nodiscard]] std::size_t size() const { return digests_.size() / sizeof(std::uint64_t); }
  [[nodiscard]] std::uint64_t digest(std::size_t index) const;
  [[nodiscard]] std::optional<ledger::Place> find(std::uint64_t digest) const;

 private:
  std::string_view digests_;
  std::string_view places_;
};

}  // namespace weir::usage
