// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/http/scanner.hpp"

namespace weir::net::http {
namespace {

struct Outcome {
  std::string body;
  std::string rest;  ///< what follows the body in the input
  bool is_done = false;
  std::optional<ErrorCode> error;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Feeds the pieces, each from memory of its exact size.
Outcome decode(const std::vector<std::string_view>& pieces,
               ErrorCode refusal = ErrorCode::invalid_request) {
  ChunkedDecoder decoder(refusal);
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    const std::unique_ptr<char[]> copy(new char[piece.size()]);
    piece.copy(copy.get(), piece.size());
    std::string_view left(copy.get(), piece.size());
    while (!outcome.is_done && !outcome.error) {
      const ChunkedDecoder::Step step = decoder.step(left);
      outcome.body.append(step.data);
      outcome.is_done = step.is_done;
      if (step.error) outcome.error = step.error->code;
      left.remove_prefix(step.consumed);
      if (step.consumed == 0) break;
    }
    if (outcome.is_done) outcome.rest.append(left);
  }
  return outcome;
}

TEST(ChunkedDecoder, GivesTheDataAndStopsBehindTheTrailers) {
  const Outcome outcome =
      decode({"5\r\nhello\r\n00a;x=\"y\"\r\n, you all!\r\n0\r\nX-Sum: 1\r\n\r\nGET /"});
  EXPECT_EQ(outcome.body, "hello, you all!");
  EXPECT_TRUE(outcome.is_done);
  EXPECT_EQ(outcome.rest, "GET /");
}

TEST(ChunkedDecoder, GivesDataAsViewsIntoTheInput) {
  const std::string input = "3\r\nabc\r\n0\r\n\r\n";
  ChunkedDecoder decoder;
  const auto step = decoder.step(input);
  EXPECT_EQ(step.data, "abc");
  EXPECT_EQ(static_cast<const void*>(step.data.data()), input.data() + 3);
}

TEST(ChunkedDecoder, ReadsSizesOfUpTo16Digits) {
  EXPECT_EQ(decode({"0000000000000003\r\nabc\r\n0\r\n\r\n"}).body, "abc");
  EXPECT_EQ(decode({"aB\r\n" + std::string(0xAB, 'x') + "\r\n0\r\n\r\n"}).body.size(), 0xABU);
  EXPECT_EQ(decode({"FFFFFFFFFFFFFFFF\r\nabc"}).body, "abc");
  EXPECT_EQ(decode({"00000000000000003\r\nabc\r\n0\r\n\r\n"}).error, ErrorCode::invalid_request);
}

struct BadBody {
  const char* what;
  std::string text;
};

// E-1, the rows about chunks.
const std::vector<BadBody> bad_bodies{
    {"positive sign", "+3\r\nabc\r\n0\r\n\r\n"},
    {"negative sign", "-3\r\nabc\r\n0\r\n\r\n"},
    {"0x", "0x3\r\nabc\r\n0\r\n\r\n"},
    {"underscore", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"},
    {"blank before the size", " 3\r\nabc\r\n0\r\n\r\n"},
    {"blank behind the size", "3 \r\nabc\r\n0\r\n\r\n"},
    {"blank before an extension", "3 ;x\r\nabc\r\n0\r\n\r\n"},
    {"tab behind the size", "3\t\r\nabc\r\n0\r\n\r\n"},
    {"no size", "\r\nabc\r\n0\r\n\r\n"},
    {"no size before an extension", ";x\r\nabc\r\n0\r\n\r\n"},
    {"no digit", "g\r\nabc\r\n0\r\n\r\n"},
    {"17 digits", "10000000000000000\r\nabc\r\n0\r\n\r\n"},
    {"bare LF behind the size", "3\nabc\r\n0\r\n\r\n"},
    {"bare CR behind the size", "3\rabc\r\n0\r\n\r\n"},
    {"no CRLF behind the data", "3\r\nabc0\r\n\r\n"},
    {"data longer than said", "3\r\nabcd\r\n0\r\n\r\n"},
    {"bare LF behind the data", "3\r\nabc\n0\r\n\r\n"},
    {"bare CR behind the data", "3\r\nabc\r0\r\n\r\n"},
    {"bare LF in an extension", "3;x\nabc\r\n0\r\n\r\n"},
    {"NUL in an extension", "3;x" + std::string(1, '\0') + "\r\nabc\r\n0\r\n\r\n"},
    {"bare LF at the end", "0\r\n\n"},
    {"bare LF behind a trailer", "0\r\nX: 1\n\r\n"},
    {"folded trailer", "0\r\nX: 1\r\n 2\r\n\r\n"},
    {"trailer without colon", "0\r\nX\r\n\r\n"},
    {"trailer with a blank before the colon", "0\r\nX : 1\r\n\r\n"},
    {"trailer with a bare CR", "0\r\nX: 1\r2\r\n\r\n"},
};

TEST(ChunkedDecoder, E1RefusesEveryBadForm) {
  for (const BadBody& bad : bad_bodies) {
    EXPECT_EQ(decode({bad.text}).error, ErrorCode::invalid_request) << bad.what;
    EXPECT_EQ(decode({bad.text}, ErrorCode::upstream_malformed).error,
              ErrorCode::upstream_malformed)
        << bad.what;
  }
}

std::string chunk_with_extension(std::size_t bytes) {
  return "1;" + std::string(bytes, 'e') + "\r\nx\r\n";
}

TEST(ChunkedDecoder, E3LimitsEachExtension) {
  EXPECT_TRUE(decode({chunk_with_extension(256) + "0\r\n\r\n"}).is_done);
  EXPECT_EQ(decode({chunk_with_extension(257) + "0\r\n\r\n"}).error, ErrorCode::invalid_request);
}

TEST(ChunkedDecoder, E3LimitsTheExtensionsOfABody) {
  std::string chunks;
  for (int i = 0; i < 16; ++i) chunks += chunk_with_extension(256);
  EXPECT_TRUE(decode({chunks + "0\r\n\r\n"}).is_done);
  EXPECT_EQ(decode({chunks + chunk_with_extension(1)}).error, ErrorCode::invalid_request);
}

TEST(ChunkedDecoder, E3LimitsTheTrailers) {
  const std::string half = "X:" + std::string(4096 - 4, 'v') + "\r\n";
  EXPECT_TRUE(decode({"0\r\n" + half + half + "\r\n"}).is_done);
  EXPECT_EQ(decode({"0\r\n" + half + half + "X:\r\n\r\n"}).error, ErrorCode::invalid_request);
  const std::string endless(8193, 'v');
  EXPECT_EQ(decode({"0\r\n" + endless}).error, ErrorCode::invalid_request);
  EXPECT_EQ(decode({"0\r\n" + endless.substr(1)}).error, std::nullopt);
}

TEST(ChunkedDecoder, IsNotDoneBeforeTheLastByte) {
  const std::string text = "3\r\nabc\r\n0\r\nX: 1\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    const Outcome outcome = decode({std::string_view(text).substr(0, size)});
    EXPECT_FALSE(outcome.is_done) << size;
    EXPECT_EQ(outcome.error, std::nullopt) << size;
  }
}

void expect_same_however_cut(const std::string& text) {
  const std::string_view whole = text;
  const Outcome expected = decode({whole});
  std::vector<std::string_view> bytes;
  for (std::size_t a = 0; a <= whole.size(); ++a) {
    if (a < whole.size()) bytes.push_back(whole.substr(a, 1));
    for (std::size_t b = a; b <= whole.size(); ++b) {
      ASSERT_EQ(decode({whole.substr(0, a), whole.substr(a, b - a), whole.substr(b)}), expected)
          << text << " cut at " << a << " and " << b;
    }
  }
  EXPECT_EQ(decode(bytes), expected) << text;
}

TEST(ChunkedDecoder, ReadsTheSameForEveryPairOfCuts) {
  expect_same_however_cut("5;a\r\nhello\r\n00a\r\n, you all!\r\n0;b\r\nX-Sum: 1\r\nY:\r\n\r\nrest");
  for (const BadBody& bad : bad_bodies) expect_same_however_cut(bad.text);
}

}  // namespace
}  // namespace weir::net::http
