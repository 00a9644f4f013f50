// SPDX-License-Identifier: Apache-2.0
#include "net/http/content_coding.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <span>

#define ZLIB_CONST
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace weir::net::http {
namespace {

enum class Progress {
  goes_on,
  ended,  ///< the part is whole
  broken,
};

/// What one call of a codec did.
struct CodecStep {
  Progress progress = Progress::goes_on;
  std::size_t consumed = 0;
  std::size_t produced = 0;
};

}  // namespace

class BodyInflater::Codec {
 public:
  virtual ~Codec() = default;
  /// Unpacks some of `packed` into `out`, as much as goes.
  virtual CodecStep step(std::string_view packed, std::span<char> out) = 0;
  /// Makes ready for another part behind an ended one; false when the format has none.
  virtual bool restart() = 0;
};

namespace {

/// RFC 8878 lets decoders refuse more; HTTP's profile (RFC 9659) names this number.
constexpr int zstd_window_log_max = 23;

class ZlibCodec final : public BodyInflater::Codec {
 public:
  explicit ZlibCodec(ContentCoding coding) : is_gzip_(coding == ContentCoding::gzip) {
    constexpr int window_bits = 15;
    constexpr int gzip_only = 16;
    is_ready_ = inflateInit2(&stream_, window_bits + (is_gzip_ ? gzip_only : 0)) == Z_OK;
  }
  ~ZlibCodec() override {
    if (is_ready_) inflateEnd(&stream_);
  }
  ZlibCodec(const ZlibCodec&) = delete;
  ZlibCodec& operator=(const ZlibCodec&) = delete;

  CodecStep step(std::string_view packed, std::span<char> out) override {
    if (!is_ready_) return {Progress::broken};
    const std::size_t size = std::min<std::size_t>(packed.size(), std::numeric_limits<uInt>::max());
    stream_.next_in = reinterpret_cast<const Bytef*>(packed.data());
    stream_.avail_in = static_cast<uInt>(size);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&stream_, Z_NO_FLUSH);
    CodecStep step{.consumed = size - stream_.avail_in, .produced = out.size() - stream_.avail_out};
    if (code == Z_STREAM_END) step.progress = Progress::ended;
    // Z_BUF_ERROR only says that nothing was left to do.
    else if (code != Z_OK && code != Z_BUF_ERROR)
      step.progress = Progress::broken;
    return step;
  }

  bool restart() override { return is_gzip_ && inflateReset(&stream_) == Z_OK; }

 private:
  z_stream stream_{};
  bool is_gzip_;
  bool is_ready_ = false;
};

class BrotliCodec final : public BodyInflater::Codec {
 public:
  CodecStep step(std::string_view packed, std::span<char> out) override {
    if (!state_) return {Progress::broken};
    auto next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
    auto next_out = reinterpret_cast<std::uint8_t*>(out.data());
    std::size_t left_in = packed.size();
    std::size_t left_out = out.size();
    const BrotliDecoderResult result = BrotliDecoderDecompressStream(
        state_.get(), &left_in, &next_in, &left_out, &next_out, nullptr);
    CodecStep step{.consumed = packed.size() - left_in, .produced = out.size() - left_out};
    if (result == BROTLI_DECODER_RESULT_SUCCESS) step.progress = Progress::ended;
    if (result == BROTLI_DECODER_RESULT_ERROR) step.progress = Progress::broken;
    return step;
  }

  bool restart() override { return false; }

 private:
  struct Free {
    void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
  };
  std::unique_ptr<BrotliDecoderState, Free> state_{
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)};
};

class ZstdCodec final : public BodyInflater::Codec {
 public:
  ZstdCodec() {
    if (!stream_) return;
    const std::size_t code =
        ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, zstd_window_log_max);
    WEIR_ASSERT(!ZSTD_isError(code));
  }

  CodecStep step(std::string_view packed, std::span<char> out) override {
    if (!stream_) return {Progress::broken};
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(stream_.get(), &to, &in);
    CodecStep step{.consumed = in.pos, .produced = to.pos};
    if (ZSTD_isError(code))
      step.progress = Progress::broken;
    else if (code == 0)
      step.progress = Progress::ended;
    return step;
  }

  bool restart() override { return true; }  // the library does it by itself

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
};

std::unique_ptr<BodyInflater::Codec> make_codec(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::gzip:
    case ContentCoding::deflate:
      return std::make_unique<ZlibCodec>(coding);
    case ContentCoding::br:
      return std::make_unique<BrotliCodec>();
    case ContentCoding::zstd:
      return std::make_unique<ZstdCodec>();
    case ContentCoding::identity:
      break;
  }
  return nullptr;
}

Error broken_body() { return Error(ErrorCode::invalid_request, "the compressed body is broken"); }

}  // namespace

std::optional<ContentCoding> parse_content_coding(std::string_view value) {
  using ascii::equals_ignoring_case;
  if (value.empty() || equals_ignoring_case(value, "identity")) return ContentCoding::identity;
  if (equals_ignoring_case(value, "gzip")) return ContentCoding::gzip;
  if (equals_ignoring_case(value, "x-gzip")) return ContentCoding::gzip;
  if (equals_ignoring_case(value, "deflate")) return ContentCoding::deflate;
  if (equals_ignoring_case(value, "br")) return ContentCoding::br;
  if (equals_ignoring_case(value, "zstd")) return ContentCoding::zstd;
  return std::nullopt;
}

BodyInflater::BodyInflater(ContentCoding coding, InflateLimits limits)
    : codec_(make_codec(coding)), limits_(limits) {
  WEIR_ASSERT(codec_ != nullptr);
}

BodyInflater::~BodyInflater() = default;
BodyInflater::BodyInflater(BodyInflater&&) noexcept = default;
BodyInflater& BodyInflater::operator=(BodyInflater&&) noexcept = default;

Result<> BodyInflater::account(std::size_t packed_bytes, std::size_t unpacked_bytes) {
  packed_bytes_ += packed_bytes;
  unpacked_bytes_ += unpacked_bytes;
  if (unpacked_bytes_ > limits_.bytes_max) {
    return Error(ErrorCode::too_large, "the body is too large when unpacked");
  }
  if (unpacked_bytes_ > limits_.ratio_free_bytes &&
      unpacked_bytes_ > packed_bytes_ * limits_.ratio_max) {
    return Error(ErrorCode::too_large, "the body is compressed more than is allowed");
  }
  return {};
}

namespace {

/// False: there is no memory. How much a body unpacks to is said by others.
bool append(std::string& out, std::string_view bytes) {
  try {
    out.append(bytes);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

}  // namespace

Result<> BodyInflater::feed(std::string_view packed, std::string& out) {
  std::array<char, 16 * 1024> buffer;
  bool may_hold_more = false;  // a full buffer: the codec may have output left
  while (!packed.empty() || may_hold_more) {
    if (is_between_parts_ && packed_bytes_ > 0 && !codec_->restart()) return broken_body();
    const CodecStep step = codec_->step(packed, buffer);
    packed.remove_prefix(step.consumed);
    if (step.progress == Progress::broken) return broken_body();
    WEIR_TRY(account(step.consumed, step.produced));
    if (!append(out, {buffer.data(), step.produced})) {
      return Error(ErrorCode::overloaded, "no memory to unpack the body");
    }
    is_between_parts_ = step.progress == Progress::ended;
    may_hold_more = !is_between_parts_ && step.produced == buffer.size();
    const bool is_stuck = step.consumed == 0 && step.produced == 0 && !is_between_parts_;
    if (is_stuck && !packed.empty()) return broken_body();
  }
  return {};
}

Result<> BodyInflater::finish() const {
  if (!is_between_parts_) return broken_body();
  return {};
}

}  // namespace weir::net::http
