// SPDX-License-Identifier: Apache-2.0
#include "net/http/head_writer.hpp"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "net/http/scanner.hpp"

namespace weir::net::http {
namespace {

TEST(HeadWriter, WritesARequestThatTheScannerReads) {
  std::string out;
  append_request_line(out, "POST", "/v1/chat/completions?a=b");
  EXPECT_TRUE(append_field(out, "host", "api.example"));
  append_field(out, "content-length", std::uint64_t{42});
  end_head(out);
  EXPECT_EQ(
      out,
      "POST /v1/chat/completions?a=b HTTP/1.1\r\nhost: api.example\r\ncontent-length: 42\r\n\r\n");
  RequestHead head;
  std::size_t resume = 0;
  EXPECT_EQ(scan_request_head(out, {}, head, resume).consumed, out.size());
}

TEST(HeadWriter, WritesAResponse) {
  std::string out;
  append_status_line(out, 529);
  append_field(out, "n", std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(append_field(out, "empty", ""));
  end_head(out);
  EXPECT_EQ(out, "HTTP/1.1 529 Overloaded\r\nn: 18446744073709551615\r\nempty: \r\n\r\n");
}

TEST(HeadWriter, AStatusWithoutAPhraseIsStillReadable) {
  std::string out;
  append_status_line(out, 599);
  EXPECT_EQ(out, "HTTP/1.1 599 \r\n");
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(599), "");
}

// Values come from upstream and from clients' models: one line break would forge a field.
TEST(HeadWriter, DropsAFieldThatWouldBreakTheHead) {
  std::string out = "x";
  for (const char* value : {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x01", "\x7F"}) {
    EXPECT_FALSE(append_field(out, "n", value)) << value;
  }
  EXPECT_FALSE(append_field(out, "n", std::string_view("a\0b", 3)));
  for (const char* name : {"", "a b", "a:", "a\r\n", "\xC3\xA4"}) {
    EXPECT_FALSE(append_field(out, name, "v")) << name;
  }
  EXPECT_EQ(out, "x");
  EXPECT_TRUE(append_field(out, "n", "tab\tand \xC3\xA4 pass"));
}

TEST(HeadWriter, FindsAControlByteWhereverItStands) {
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string value(size, 'a');
        value[at] = static_cast<char>(byte);
        const bool is_taken = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
        ASSERT_EQ(is_field_text(value), is_taken) << size << " " << at << " " << byte;
      }
    }
  }
}

TEST(HeadWriter, LinesOfAnyLengthAreWhole) {
  for (const std::size_t size : {1U, 200U, 249U, 250U, 251U, 252U, 253U, 254U, 5000U}) {
    const std::string text(size, 'v');
    std::string out = "x";
    append_request_line(out, "POST", text);
    EXPECT_TRUE(append_field(out, "n", text));
    EXPECT_TRUE(append_field(out, std::string(40, 'N'), text));
    EXPECT_EQ(out, "xPOST " + text + " HTTP/1.1\r\nn: " + text + "\r\n" + std::string(40, 'N') +
                       ": " + text + "\r\n");
  }
}

TEST(HeadWriterDeathTest, ATargetWithABlankIsABug) {
  std::string out;
  EXPECT_DEATH(append_request_line(out, "GET", "/a b"), "target");
}

}  // namespace
}  // namespace weir::net::http
