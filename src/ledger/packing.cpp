// SPDX-License-Identifier: Apache-2.0
#include "ledger/packing.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <zstd.h>

#include "base/assert.hpp"

namespace weir::ledger {
namespace {

constexpr int level = -5;  // a third of the time of the default, for a sixth more bytes
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t pieces_max = segment_bytes_max / piece_bytes;

// A packed segment begins with the sizes of its pieces, in a frame that zstd itself passes over:
// mark (u32) · bytes that follow (u32) · size of each packed piece (u32), all little-endian.
constexpr std::uint32_t head_mark = ZSTD_MAGIC_SKIPPABLE_START + 7;
constexpr std::size_t number_bytes = sizeof(std::uint32_t);
constexpr std::size_t mark_bytes = 2 * number_bytes;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Error damaged() { return {ErrorCode::store_unavailable, "a packed segment is damaged"}; }

void append_number(std::string& out, std::size_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::uint32_t number_at(std::string_view bytes, std::size_t place) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

struct Head {
  std::uint64_t end = 0;             ///< where the first piece begins in the file
  std::vector<std::uint32_t> sizes;  ///< of the packed pieces
};

/// Nothing: it was packed by an earlier version, in one piece.
Result<std::optional<Head>> read_head(store::ReadableFile& file) {
  std::string room(mark_bytes + pieces_max * number_bytes, '\0');
  WEIR_TRY_ASSIGN(got, file.read(0, room));
  const std::string_view bytes = std::string_view(room).substr(0, got);
  if (bytes.size() < mark_bytes || number_at(bytes, 0) != head_mark) return std::optional<Head>();
  const std::size_t size = number_at(bytes, number_bytes);
  if (size % number_bytes != 0 || size > bytes.size() - mark_bytes) return damaged();
  Head head;
  head.end = mark_bytes + size;
  for (std::size_t at = mark_bytes; at < head.end; at += number_bytes) {
    head.sizes.push_back(number_at(bytes, at));
    if (head.sizes.back() > ZSTD_compressBound(piece_bytes)) return damaged();
  }
  return std::optional<Head>(std::move(head));
}

/// Those from number `first` to before `last`.
Result<Unpacked> unpack_pieces(store::ReadableFile& file, const Head& head, std::size_t first,
                               std::size_t last) {
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  Unpacked unpacked;
  unpacked.offset = first * piece_bytes;
  unpacked.bytes.resize((last - first) * piece_bytes);
  std::uint64_t place = head.end;
  for (std::size_t i = 0; i < first; ++i) place += head.sizes[i];
  std::size_t end = 0;
  std::string packed;
  for (std::size_t i = first; i < last; ++i) {
    packed.resize(head.sizes[i]);
    WEIR_TRY_ASSIGN(got, file.read(place, packed));
    const std::size_t size = ZSTD_decompressDCtx(context.get(), unpacked.bytes.data() + end,
                                                 piece_bytes, packed.data(), got);
    const bool is_last = i + 1 == head.sizes.size();
    const bool is_whole = got == packed.size() && (size == piece_bytes || is_last);
    if (ZSTD_isError(size) != 0 || !is_whole) return damaged();
    place += got;
    end += size;
  }
  unpacked.bytes.resize(end);
  return unpacked;
}

/// What earlier versions packed.
Result<Unpacked> unpack_whole(store::ReadableFile& file) {
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  Unpacked unpacked;
  std::string piece(ZSTD_DStreamInSize(), '\0');
  std::string out(ZSTD_DStreamOutSize(), '\0');
  std::size_t hint = 1;  // 0 = a frame has ended
  for (std::uint64_t offset = 0;;) {
    WEIR_TRY_ASSIGN(got, file.read(offset, piece));
    if (got == 0) break;
    offset += got;
    ZSTD_inBuffer input{piece.data(), got, 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    do {  // a full output may hide more of it
      output.pos = 0;
      hint = ZSTD_decompressStream(context.get(), &output, &input);
      const bool is_too_big = unpacked.bytes.size() + output.pos > segment_bytes_max;
      if (ZSTD_isError(hint) != 0 || is_too_big) return damaged();
      unpacked.bytes.append(out.data(), output.pos);
    } while (input.pos < input.size || output.pos == output.size);
  }
  if (hint != 0) return damaged();
  return unpacked;
}

}  // namespace

Result<std::string> pack(store::ReadableFile& segment) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  // This level leaves most bytes as they are, so that damage to them would pass.
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string sizes;
  std::string pieces;
  // One piece at a time: memory as large as a segment is made of new pages, which cost as much as
  // the packing.
  std::string piece(piece_bytes, '\0');
  std::string room(ZSTD_compressBound(piece_bytes), '\0');
  for (std::uint64_t at = 0;; at += piece_bytes) {
    WEIR_TRY_ASSIGN(got, segment.read(at, piece));
    if (got == 0) break;
    WEIR_ASSERT(at + got <= segment_bytes_max);
    const std::size_t size =
        ZSTD_compress2(context.get(), room.data(), room.size(), piece.data(), got);
    WEIR_ASSERT(ZSTD_isError(size) == 0);
    append_number(sizes, size);
    pieces.append(room, 0, size);
    if (got < piece_bytes) break;
  }
  std::string packed;
  packed.reserve(mark_bytes + sizes.size() + pieces.size());
  append_number(packed, head_mark);
  append_number(packed, sizes.size());
  return packed.append(sizes).append(pieces);
}

Result<Unpacked> unpack(store::ReadableFile& file) {
  return unpack_part(file, 0, std::numeric_limits<std::size_t>::max());
}

Result<Unpacked> unpack_part(store::ReadableFile& file, std::uint64_t offset, std::size_t size) {
  WEIR_TRY_ASSIGN(head, read_head(file));
  if (!head) return unpack_whole(file);
  const std::size_t count = head->sizes.size();
  const std::size_t first = std::min<std::uint64_t>(offset / piece_bytes, count);
  const std::uint64_t room = (count - first) * piece_bytes;
  const std::uint64_t wanted = std::min<std::uint64_t>(size, room);
  const std::uint64_t last = (offset % piece_bytes + wanted + piece_bytes - 1) / piece_bytes;
  return unpack_pieces(file, *head, first, std::min<std::uint64_t>(first + last, count));
}

}  // namespace weir::ledger
