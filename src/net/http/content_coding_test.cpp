// SPDX-License-Identifier: Apache-2.0
#include "net/http/content_coding.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace weir::net::http {
namespace {

std::string pack_zlib(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string input(text);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string pack_brotli(std::string_view text) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
  std::string out(size, '\0');
  EXPECT_TRUE(BrotliEncoderCompress(9, 22, BROTLI_MODE_TEXT, text.size(),
                                    reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string pack_zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 9);
  EXPECT_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

std::string pack(ContentCoding coding, std::string_view text) {
  switch (coding) {
    case ContentCoding::gzip:
      return pack_zlib(text, 15 + 16);
    case ContentCoding::deflate:
      return pack_zlib(text, 15);
    case ContentCoding::br:
      return pack_brotli(text);
    case ContentCoding::zstd:
      return pack_zstd(text);
    case ContentCoding::identity:
      break;
  }
  return std::string(text);
}

constexpr std::array codings{ContentCoding::gzip, ContentCoding::deflate, ContentCoding::br,
                             ContentCoding::zstd};

struct Outcome {
  std::string text;
  std::optional<ErrorCode> error;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Feeds the pieces, each from memory of its exact size.
Outcome unpack(ContentCoding coding, const std::vector<std::string_view>& pieces,
               InflateLimits limits = {}) {
  BodyInflater inflater(coding, limits);
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    const std::unique_ptr<char[]> copy(new char[piece.size()]);
    piece.copy(copy.get(), piece.size());
    if (auto fed = inflater.feed({copy.get(), piece.size()}, outcome.text); !fed) {
      outcome.error = fed.error().code;
      return outcome;
    }
  }
  if (auto finished = inflater.finish(); !finished) outcome.error = finished.error().code;
  return outcome;
}

/// Text that no codec packs well.
std::string noise(std::size_t size) {
  std::string text;
  std::uint32_t state = 12345;
  while (text.size() < size) {
    state = state * 1664525U + 1013904223U;
    text.push_back(static_cast<char>('!' + (state >> 24) % 90));
  }
  return text;
}

TEST(ContentCoding, IsReadInAnyCaseAndAlone) {
  EXPECT_EQ(parse_content_coding("GZIP"), ContentCoding::gzip);
  EXPECT_EQ(parse_content_coding("x-gzip"), ContentCoding::gzip);
  EXPECT_EQ(parse_content_coding("deflate"), ContentCoding::deflate);
  EXPECT_EQ(parse_content_coding("br"), ContentCoding::br);
  EXPECT_EQ(parse_content_coding("zstd"), ContentCoding::zstd);
  EXPECT_EQ(parse_content_coding("identity"), ContentCoding::identity);
  EXPECT_EQ(parse_content_coding(""), ContentCoding::identity);
  EXPECT_EQ(parse_content_coding("gzip, br"), std::nullopt);
  EXPECT_EQ(parse_content_coding("lzma"), std::nullopt);
}

TEST(BodyInflater, GivesTheTextBackHoweverItIsCut) {
  const std::string text = "{\"messages\":[" + noise(300) + std::string(300, ' ') + "]}";
  for (const ContentCoding coding : codings) {
    const std::string packed = pack(coding, text);
    const std::string_view whole = packed;
    std::vector<std::string_view> bytes;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      ASSERT_EQ(unpack(coding, {whole.substr(0, cut), whole.substr(cut)}), (Outcome{text, {}}))
          << static_cast<int>(coding) << " at " << cut;
      bytes.push_back(whole.substr(cut, 1));
    }
    EXPECT_EQ(unpack(coding, bytes), (Outcome{text, {}})) << static_cast<int>(coding);
  }
}

// More output than one step's buffer holds, exact multiples of it among them.
TEST(BodyInflater, GivesLongTextWhole) {
  for (const ContentCoding coding : codings) {
    for (const std::size_t size : {16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 300'000}) {
      const std::string text = noise(size / 2) + std::string(size - size / 2, 'a');
      EXPECT_EQ(unpack(coding, {pack(coding, text)}), (Outcome{text, {}})) << size;
    }
  }
}

TEST(BodyInflater, RefusesABodyCutAnywhere) {
  for (const ContentCoding coding : codings) {
    const std::string packed = pack(coding, noise(200));
    for (std::size_t size = 1; size < packed.size(); ++size) {
      EXPECT_EQ(unpack(coding, {std::string_view(packed).substr(0, size)}).error,
                ErrorCode::invalid_request)
          << static_cast<int>(coding) << " at " << size;
    }
  }
}

TEST(BodyInflater, RefusesWhatIsNoSuchFormat) {
  for (const ContentCoding coding : codings) {
    EXPECT_EQ(unpack(coding, {"{\"model\":\"plain text\"}"}).error, ErrorCode::invalid_request);
    EXPECT_EQ(unpack(coding, {pack(coding, "a") + "garbage behind it"}).error,
              ErrorCode::invalid_request);
  }
  EXPECT_EQ(unpack(ContentCoding::gzip, {pack(ContentCoding::deflate, "a")}).error,
            ErrorCode::invalid_request);
}

TEST(BodyInflater, NoticesAWrongChecksum) {
  std::string packed = pack(ContentCoding::gzip, "some text");
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);
  EXPECT_EQ(unpack(ContentCoding::gzip, {packed}).error, ErrorCode::invalid_request);
}

TEST(BodyInflater, TakesSeveralPartsWhereTheFormatHasThem) {
  for (const ContentCoding coding : {ContentCoding::gzip, ContentCoding::zstd}) {
    const std::string one = pack(coding, "one ");
    const std::string two = pack(coding, "two");
    EXPECT_EQ(unpack(coding, {one + two}), (Outcome{"one two", {}}));
    EXPECT_EQ(unpack(coding, {one, two}), (Outcome{"one two", {}}));
  }
  for (const ContentCoding coding : {ContentCoding::deflate, ContentCoding::br}) {
    const std::string one = pack(coding, "one ");
    EXPECT_EQ(unpack(coding, {one + one}).error, ErrorCode::invalid_request);
    EXPECT_EQ(unpack(coding, {one, one}).error, ErrorCode::invalid_request);
  }
}

TEST(BodyInflater, NoByteIsAnEmptyBody) {
  for (const ContentCoding coding : codings) {
    EXPECT_EQ(unpack(coding, {}), Outcome{});
    EXPECT_EQ(unpack(coding, {""}), Outcome{});
    EXPECT_EQ(unpack(coding, {pack(coding, "")}), Outcome{});
  }
}

TEST(BodyInflater, StopsAtTheLimitOfBytes) {
  const std::string text = noise(1000);
  for (const ContentCoding coding : codings) {
    const std::string packed = pack(coding, text);
    EXPECT_EQ(unpack(coding, {packed}, {.bytes_max = 1000}), (Outcome{text, {}}));
    EXPECT_EQ(unpack(coding, {packed}, {.bytes_max = 999}).error, ErrorCode::too_large);
  }
}

// Section 21: 100:1 counts above 1 MiB only, since short texts of blanks pack better than that.
TEST(BodyInflater, StopsABombSoonAfterTheFirstMegabyte) {
  for (const ContentCoding coding : codings) {
    const std::string small(std::size_t{1} << 20, ' ');
    EXPECT_EQ(unpack(coding, {pack(coding, small)}).error, std::nullopt)
        << static_cast<int>(coding);
    const std::string packed = pack(coding, std::string(std::size_t{32} << 20, ' '));
    const Outcome outcome = unpack(coding, {packed});
    EXPECT_EQ(outcome.error, ErrorCode::too_large) << static_cast<int>(coding);
    EXPECT_LE(outcome.text.size(), packed.size() * 100 + (std::size_t{1} << 20));
  }
}

TEST(BodyInflater, LeavesALongTextOfAnOrdinaryRatioAlone) {
  const std::string line = noise(200);
  std::string text;
  for (int i = 0; text.size() < (std::size_t{2} << 20); ++i)
    text += line + std::to_string(i * 7919);
  const std::string packed = pack(ContentCoding::gzip, text);
  ASSERT_GT(text.size() / packed.size(), 10U);
  EXPECT_EQ(unpack(ContentCoding::gzip, {packed}), (Outcome{text, {}}));
}

// RFC 9659: a frame that wants a window above 8 MiB would make us set that much memory aside.
TEST(BodyInflater, RefusesAZstdWindowAbove8MiB) {
  const auto pack_with_window = [](int log) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                       &ZSTD_freeCCtx);
    EXPECT_FALSE(ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, log)));
    // A frame of unknown size states its window.
    ZSTD_inBuffer in{"text", 4, 0};
    std::string out(4096, '\0');
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    ZSTD_compressStream2(context.get(), &to, &in, ZSTD_e_flush);
    EXPECT_EQ(ZSTD_compressStream2(context.get(), &to, &in, ZSTD_e_end), 0U);
    out.resize(to.pos);
    return out;
  };
  EXPECT_EQ(unpack(ContentCoding::zstd, {pack_with_window(23)}), (Outcome{"text", {}}));
  EXPECT_EQ(unpack(ContentCoding::zstd, {pack_with_window(24)}).error, ErrorCode::invalid_request);
}

}  // namespace
}  // namespace weir::net::http
