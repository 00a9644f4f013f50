// SPDX-License-Identifier: Apache-2.0
#include "ledger/segment_reader.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace weir::ledger {
namespace {

constexpr std::size_t window_bytes = 256 * 1024;
constexpr std::size_t step = 8;  // records are aligned to it
constexpr std::size_t peek_bytes = 4 * 1024;
static_assert(window_bytes >= record_bytes_max);

/// No record begins there: each begins with something that is not zero.
bool is_blank(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + std::min(step, bytes.size()),
                     [](char c) { return c == 0; });
}

}  // namespace

Result<SegmentReader> SegmentReader::open(store::SpoolFiles& files, const std::string& folder,
                                          const SegmentName& name) {
  WEIR_TRY_ASSIGN(file, files.open(folder + "/" + name.text()));
  if (name.state != SegmentName::State::packed) return SegmentReader(std::move(file));
  WEIR_TRY_ASSIGN(unpacked, unpack(*file));
  return SegmentReader(std::move(unpacked));
}

Result<SegmentReader> SegmentReader::open_at(store::SpoolFiles& files, const std::string& folder,
                                             const SegmentName& name, std::uint64_t offset) {
  WEIR_TRY_ASSIGN(file, files.open(folder + "/" + name.text()));
  if (name.state != SegmentName::State::packed) {
    SegmentReader reader(std::move(file));
    reader.seek(offset);
    return reader;
  }
  WEIR_TRY_ASSIGN(unpacked, unpack_part(*file, offset, record_bytes_max));
  SegmentReader reader(std::move(unpacked));
  reader.seek(offset);
  return reader;
}

SegmentReader::SegmentReader(Unpacked unpacked)
    : room_(std::move(unpacked.bytes)),
      window_size_(room_.size()),
      window_offset_(unpacked.offset) {}

std::string_view SegmentReader::seen() const {
  if (offset_ < window_offset_ || offset_ - window_offset_ > window_size_) return {};
  return std::string_view(room_.data(), window_size_).substr(offset_ - window_offset_);
}

Result<> SegmentReader::read_window(std::size_t size) {
  if (room_.size() < size) room_.resize(size);
  window_size_ = 0;
  window_offset_ = offset_;
  WEIR_TRY_ASSIGN(got, file_->read(offset_, std::span(room_.data(), size)));
  window_size_ = got;
  return {};
}

Result<std::string_view> SegmentReader::look(std::size_t size) {
  if (file_ && seen().size() < size) WEIR_TRY(read_window(window_bytes));
  return seen();
}

Result<std::optional<SegmentHeader>> SegmentReader::header() {
  std::array<char, header_bytes> bytes{};
  if (!file_) return read_header(std::string_view(room_.data(), window_size_));
  WEIR_TRY_ASSIGN(got, file_->read(0, bytes));
  return read_header(std::string_view(bytes.data(), got));
}

Result<std::optional<SegmentReader::Record>> SegmentReader::next() {
  WEIR_TRY_ASSIGN(bytes, look(frame_bytes));
  std::optional<Frame> frame = read_frame(bytes);
  if (!frame && file_) {
    // Not all of it was in the window, or it was not there yet; mostly there is still nothing.
    WEIR_TRY(read_window(peek_bytes));
    if (is_blank(seen())) return std::optional<Record>();
    WEIR_TRY(read_window(window_bytes));
    frame = read_frame(seen());
  }
  if (!frame) return std::optional<Record>();
  const std::optional<Record> record(Record{*frame, offset_});
  offset_ += frame->size;
  return record;
}

Result<bool> SegmentReader::skip_damage(std::uint64_t sequence) {
  for (;;) {
    WEIR_TRY_ASSIGN(bytes, look(window_bytes));
    if (bytes.size() < step) return false;
    // A record at the end may not be all in sight; the next look begins with it.
    const bool is_last = bytes.size() < window_bytes;
    const std::size_t end = is_last ? bytes.size() : bytes.size() - record_bytes_max;
    for (std::size_t at = 0; at + step <= end; at += step, offset_ += step) {
      const std::string_view rest = bytes.substr(at);
      if (is_blank(rest)) continue;
      const auto frame = read_frame(rest);
      if (frame && frame->sequence >= sequence) return true;
      bytes_unreadable_ += step;
    }
    if (is_last) return false;
  }
}

}  // namespace weir::ledger
