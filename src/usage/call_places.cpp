// SPDX-License-Identifier: Apache-2.0
#include "usage/call_places.hpp"

#include <algorithm>
#include <cstring>

#include "base/hash.hpp"
#include "base/request_id.hpp"
#include "health/sketch.hpp"

namespace weir::usage {
namespace {

constexpr int span_bits = 14;  // of milliseconds

}  // namespace

std::int64_t span_at(std::int64_t unix_ms) {
  return std::max<std::int64_t>(0, unix_ms) >> span_bits;
}

std::int64_t span_of(std::string_view request_id) {
  return span_at(time_of_request_id(request_id).value_or(0));
}

std::uint64_t digest_of(std::string_view request_id) { return mixed(hash_of(request_id)); }

std::string encode_places(std::span<const CallPlace> calls) {
  std::string bytes;
  health::append_varint(bytes, calls.size());
  for (const CallPlace& call : calls) {
    bytes.append(reinterpret_cast<const char*>(&call.digest), sizeof call.digest);
  }
  for (const CallPlace& call : calls) {
    health::append_varint(bytes, call.place.segment);
    health::append_varint(bytes, call.place.offset);
  }
  return bytes;
}

std::optional<PlacesRow> PlacesRow::read(std::string_view bytes) {
  PlacesRow row;
  std::uint64_t count = 0;
  if (!health::take_varint(bytes, count)) return std::nullopt;
  if (count > bytes.size() / sizeof(std::uint64_t)) return std::nullopt;
  row.digests_ = bytes.substr(0, count * sizeof(std::uint64_t));
  row.places_ = bytes.substr(row.digests_.size());
  return row;
}

std::uint64_t PlacesRow::digest(std::size_t index) const {
  std::uint64_t digest = 0;
  std::memcpy(&digest, digests_.data() + index * sizeof digest, sizeof digest);
  return digest;
}

std::optional<ledger::Place> PlacesRow::find(std::uint64_t wanted) const {
  std::size_t first = 0;
  for (std::size_t last = size(); first < last;) {
    const std::size_t middle = first + (last - first) / 2;
    if (digest(middle) < wanted) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  if (first == size() || digest(first) != wanted) return std::nullopt;
  ledger::Place place;
  std::string_view rest = places_;
  for (std::size_t i = 0; i <= first; ++i) {
    const bool is_whole =
        health::take_varint(rest, place.segment) && health::take_varint(rest, place.offset);
    if (!is_whole) return std::nullopt;
  }
  return place;
}

}  // namespace weir::usage
