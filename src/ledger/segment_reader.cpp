// SPDX-License-Identifier: Apache-2.0
#include "ledger/segment_reader.hpp"

#include <algorithm>
#include <utility>

#include "ledger/packing.hpp"

namespace weir::ledger {
namespace {

constexpr std::size_t window_bytes = 256 * 1024;
constexpr std::size_t step = 8;  // records are aligned to it
static_assert(window_bytes >= record_bytes_max);

}  // namespace

Result<SegmentReader> SegmentReader::open(store::SpoolFiles& files, const std::string& folder,
                                          const SegmentName& name) {
  WEIR_TRY_ASSIGN(file, files.open(folder + "/" + name.text()));
  SegmentReader reader;
  if (name.state == SegmentName::State::packed) {
    WEIR_TRY_ASSIGN(content, unpack(*file));
    reader.window_ = std::move(content);
  } else {
    reader.file_ = std::move(file);
  }
  return reader;
}

Result<std::string_view> SegmentReader::look(std::size_t size) {
  const std::uint64_t skipped = offset_ - window_offset_;
  const bool is_inside = offset_ >= window_offset_ && skipped <= window_.size();
  const bool is_enough = is_inside && window_.size() - skipped >= size;
  if (file_ && !is_enough) {
    window_.resize(window_bytes);
    window_offset_ = offset_;
    WEIR_TRY_ASSIGN(got, file_->read(offset_, window_));
    window_.resize(got);
    return std::string_view(window_);
  }
  if (!is_inside) return std::string_view();
  return std::string_view(window_).substr(skipped);
}

Result<std::optional<SegmentHeader>> SegmentReader::header() {
  const std::uint64_t offset = std::exchange(offset_, 0);
  if (file_) window_.clear();  // what was there before may not be all any more
  auto bytes = look(window_bytes);
  offset_ = offset;
  if (!bytes) return std::move(bytes).error();
  return read_header(*bytes);
}

Result<std::optional<SegmentReader::Record>> SegmentReader::next() {
  WEIR_TRY_ASSIGN(bytes, look(frame_bytes));
  std::optional<Frame> frame = read_frame(bytes);
  if (!frame && file_) {
    // Not all of it was in the window, or it was not there yet.
    window_.clear();
    WEIR_TRY_ASSIGN(fresh, look(window_bytes));
    frame = read_frame(fresh);
  }
  if (!frame) return std::optional<Record>();
  const std::optional<Record> record(Record{*frame, offset_});
  offset_ += frame->size;
  return record;
}

Result<bool> SegmentReader::skip_damage(std::uint64_t sequence) {
  const auto is_zero = [](char c) { return c == 0; };
  for (;;) {
    WEIR_TRY_ASSIGN(bytes, look(window_bytes));
    if (bytes.size() < step) return false;
    // A record at the end may not be all in sight; the next look begins with it.
    const bool is_last = bytes.size() < window_bytes;
    const std::size_t end = is_last ? bytes.size() : bytes.size() - record_bytes_max;
    for (std::size_t at = 0; at + step <= end; at += step, offset_ += step) {
      const std::string_view rest = bytes.substr(at);
      if (std::all_of(rest.begin(), rest.begin() + step, is_zero)) continue;
      const auto frame = read_frame(rest);
      if (frame && frame->sequence >= sequence) return true;
      bytes_unreadable_ += step;
    }
    if (is_last) return false;
  }
}

}  // namespace weir::ledger
