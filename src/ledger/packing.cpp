// SPDX-License-Identifier: Apache-2.0
#include "ledger/packing.hpp"

#include <cstdint>
#include <memory>

#include <zstd.h>

#include "base/assert.hpp"

namespace weir::ledger {
namespace {

constexpr int level = 3;

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Error damaged() { return {ErrorCode::store_unavailable, "a packed segment is damaged"}; }

}  // namespace

std::string pack(std::string_view segment) {
  std::string packed(ZSTD_compressBound(segment.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), segment.data(), segment.size(), level);
  WEIR_ASSERT(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

Result<std::string> unpack(store::ReadableFile& file) {
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  std::string content;
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
      const bool is_too_big = content.size() + output.pos > segment_bytes_max;
      if (ZSTD_isError(hint) != 0 || is_too_big) return damaged();
      content.append(out.data(), output.pos);
    } while (input.pos < input.size || output.pos == output.size);
  }
  if (hint != 0) return damaged();
  return content;
}

}  // namespace weir::ledger
