// SPDX-License-Identifier: Apache-2.0
#include "ledger/segment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "base/crc32c.hpp"

namespace weir::ledger {
namespace {

constexpr std::string_view magic = "WEIRLGR1";
constexpr std::size_t hex_digits = 16;

constexpr std::array<std::string_view, 3> suffixes{".open", ".closed", ".zst"};

void append_hex(std::string& text, std::uint64_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) text.push_back(digits[number >> shift & 0xfU]);
}

/// Takes a number and the point behind it from the front of `text`.
template <class Number>
bool take(std::string_view& text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_point(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

struct RawHeader {
  std::array<char, 8> magic{};
  std::uint64_t number = 0;
  std::uint64_t stream = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t oldest_open = 0;
  std::int64_t created_ms = 0;
  std::uint64_t reserved = 0;
  std::uint32_t version = 1;
  std::uint32_t crc = 0;  ///< of everything before
};
static_assert(sizeof(RawHeader) == header_bytes);

std::uint32_t crc_of(const RawHeader& raw) {
  std::array<char, sizeof raw> bytes{};
  std::memcpy(bytes.data(), &raw, sizeof raw);
  return crc32c({bytes.data(), offsetof(RawHeader, crc)});
}

}  // namespace

std::string folder_of(std::string_view data_directory) {
  return std::string(data_directory) + "/ledger";
}

std::string SegmentName::text() const {
  std::string text;
  append_hex(text, number);
  text.push_back('.');
  append_hex(text, stream);
  if (state != State::open) text.append(".").append(std::to_string(closed_ms));
  return text.append(suffixes[static_cast<std::size_t>(state)]);
}

std::optional<SegmentName> SegmentName::parse(std::string_view text) {
  SegmentName name;
  const auto suffix = std::find_if(suffixes.begin(), suffixes.end(),
                                   [&](std::string_view one) { return text.ends_with(one); });
  if (suffix == suffixes.end()) return std::nullopt;
  const std::string_view whole = text;
  text.remove_suffix(suffix->size());
  name.state = static_cast<State>(suffix - suffixes.begin());
  const bool is_read =
      take(text, name.number, hex_digits) && take_point(text) &&
      take(text, name.stream, hex_digits) &&
      (name.state == State::open || (take_point(text) && take(text, name.closed_ms, 10)));
  if (!is_read || name.text() != whole) return std::nullopt;
  return name;
}

Result<std::vector<SegmentName>> list_segments(store::SpoolFiles& files,
                                               const std::string& folder) {
  WEIR_TRY_ASSIGN(names, files.list(folder));
  std::vector<SegmentName> segments;
  for (const std::string& text : names) {
    if (const auto name = SegmentName::parse(text)) segments.push_back(*name);
  }
  const auto key = [](const SegmentName& one) { return std::pair(one.number, one.stream); };
  std::sort(segments.begin(), segments.end(), [&](const SegmentName& a, const SegmentName& b) {
    return key(a) != key(b) ? key(a) < key(b) : a.state > b.state;
  });
  segments.erase(
      std::unique(segments.begin(), segments.end(),
                  [&](const SegmentName& a, const SegmentName& b) { return key(a) == key(b); }),
      segments.end());
  return segments;
}

void write_header(std::span<char> room, const SegmentHeader& header) {
  WEIR_ASSERT(room.size() >= header_bytes);
  RawHeader raw;
  std::copy(magic.begin(), magic.end(), raw.magic.begin());
  raw.number = header.number;
  raw.stream = header.stream;
  raw.first_sequence = header.first_sequence;
  raw.oldest_open = header.oldest_open;
  raw.created_ms = header.created_ms;
  raw.crc = crc_of(raw);
  std::memcpy(room.data(), &raw, sizeof raw);
}

std::optional<SegmentHeader> read_header(std::string_view bytes) {
  if (bytes.size() < header_bytes) return std::nullopt;
  RawHeader raw;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  const std::string_view found(raw.magic.data(), raw.magic.size());
  if (found != magic || raw.crc != crc_of(raw)) return std::nullopt;
  SegmentHeader header;
  header.number = raw.number;
  header.stream = raw.stream;
  header.first_sequence = raw.first_sequence;
  header.oldest_open = raw.oldest_open;
  header.created_ms = raw.created_ms;
  return header;
}

}  // namespace weir::ledger
