// SPDX-License-Identifier: Apache-2.0
#include "net/http/scanner.hpp"

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weir::net::http {
namespace {

/// The bytes in an allocation of their exact size, so that AddressSanitizer sees a read past them.
class ExactCopy {
 public:
  explicit ExactCopy(std::string_view text)
      : size_(text.size()), bytes_(std::make_unique<char[]>(text.size())) {
    text.copy(bytes_.get(), size_);
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

using FieldCopy = std::pair<std::string, std::string>;

/// A scan's outcome without views; equal outcomes mean equal readings.
struct Outcome {
  std::size_t consumed = 0;
  std::optional<ErrorCode> error;
  std::string start;
  std::vector<FieldCopy> fields;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keeps_alive = true;
  bool expects_continue = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

template <class Head>
void note_common(Outcome& outcome, const Head& head) {
  for (const Field& field : head.fields.all()) outcome.fields.emplace_back(field.name, field.value);
  outcome.framing = head.framing;
  outcome.content_length = head.content_length;
  outcome.keeps_alive = head.keeps_alive;
}

Outcome scan_request(std::string_view text, std::size_t& resume) {
  const ExactCopy copy(text);
  RequestHead head;
  const ScanResult result = scan_request_head(copy.view(), {}, head, resume);
  Outcome outcome;
  outcome.consumed = result.consumed;
  if (result.error) outcome.error = result.error->code;
  if (result.consumed == 0) return outcome;
  note_common(outcome, head);
  outcome.expects_continue = head.expects_continue;
  outcome.start = std::string(head.method) + " " + std::string(head.target) + " " +
                  std::to_string(head.minor_version) + " " + std::string(head.host);
  return outcome;
}

Outcome scan_request(std::string_view text) {
  std::size_t resume = 0;
  return scan_request(text, resume);
}

Outcome scan_response(std::string_view text, std::size_t& resume, std::string_view method = "GET") {
  const ExactCopy copy(text);
  ResponseHead head;
  const ScanResult result =
      scan_response_head(copy.view(), upstream_head_limits, method, head, resume);
  Outcome outcome;
  outcome.consumed = result.consumed;
  if (result.error) outcome.error = result.error->code;
  if (result.consumed == 0) return outcome;
  note_common(outcome, head);
  outcome.start = std::to_string(head.status) + " " + std::to_string(head.minor_version);
  return outcome;
}

Outcome scan_response(std::string_view text, std::string_view method = "GET") {
  std::size_t resume = 0;
  return scan_response(text, resume, method);
}

/// A request with `fields` (each with its CRLF) after a good Host.
std::string request_with(std::string_view fields) {
  return "POST /v1/x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string response_with(std::string_view fields) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n";
}

std::optional<ErrorCode> request_error(std::string_view text) { return scan_request(text).error; }

constexpr auto bad_request = ErrorCode::invalid_request;
constexpr auto malformed = ErrorCode::upstream_malformed;

TEST(RequestHead, IsReadWithItsFieldsAndFraming) {
  const std::string text =
      "POST /v1/chat?x=1 HTTP/1.1\r\nHOST: api.example:8080\r\nX-Empty:\r\nx-a: \t one  two\t \r\n"
      "content-length: 12\r\n\r\n";
  const Outcome outcome = scan_request(text + "body bytes..");
  EXPECT_EQ(outcome.consumed, text.size());
  EXPECT_EQ(outcome.start, "POST /v1/chat?x=1 1 api.example:8080");
  EXPECT_EQ(outcome.fields, (std::vector<FieldCopy>{{"HOST", "api.example:8080"},
                                                    {"X-Empty", ""},
                                                    {"x-a", "one  two"},
                                                    {"content-length", "12"}}));
  EXPECT_EQ(outcome.framing, Framing::length);
  EXPECT_EQ(outcome.content_length, 12U);
  EXPECT_TRUE(outcome.keeps_alive);
}

TEST(RequestHead, FieldsAreFoundInAnyCaseAndTheFirstCounts) {
  const std::string text = request_with("Accept: a\r\nACCEPT: b\r\n");
  RequestHead head;
  std::size_t resume = 0;
  ASSERT_GT(scan_request_head(text, {}, head, resume).consumed, 0U);
  EXPECT_EQ(head.fields.find("accept"), std::optional<std::string_view>("a"));
  EXPECT_EQ(head.fields.find("accep"), std::nullopt);
}

// One `head` serves a whole connection: nothing of an earlier message may show in the next.
TEST(RequestHead, ReusedHoldsNothingOfTheMessageBefore) {
  RequestHead head;
  std::size_t resume = 0;
  const std::string first = request_with("Content-Length: 5\r\nConnection: close\r\nX-A: 1\r\n");
  ASSERT_EQ(scan_request_head(first, {}, head, resume).consumed, first.size());
  const std::string second = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
  ASSERT_EQ(scan_request_head(second, {}, head, resume).consumed, second.size());
  EXPECT_EQ(head.fields.all().size(), 1U);
  EXPECT_EQ(head.framing, Framing::none);
  EXPECT_EQ(head.content_length, 0U);
  EXPECT_TRUE(head.keeps_alive);
}

TEST(RequestHead, MayFollowAFewEmptyLines) {
  const std::string text = request_with("");
  EXPECT_EQ(scan_request("\r\n\r\n" + text).consumed, text.size() + 4);
  EXPECT_EQ(scan_request("\r\n\r\n\r\n\r\n" + text).consumed, text.size() + 8);
  EXPECT_EQ(request_error("\r\n\r\n\r\n\r\n\r\n" + text), bad_request);
}

struct BadHead {
  const char* what;
  std::string text;
  ErrorCode code = bad_request;
};

const std::string nul(1, '\0');

// E-1, row by row. What stands in a field holds for responses too and is tried on both.
const std::vector<BadHead> bad_fields{
    {"length and coding", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"},
    {"coding and length", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"},
    {"two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"},
    {"two equal lengths", "Content-Length: 3\r\ncontent-length: 3\r\n"},
    {"list of lengths", "Content-Length: 3, 3\r\n"},
    {"empty length", "Content-Length:\r\n"},
    {"signed length", "Content-Length: +3\r\n"},
    {"negative length", "Content-Length: -3\r\n"},
    {"hexadecimal length", "Content-Length: 0x3\r\n"},
    {"length with a blank", "Content-Length: 1 2\r\n"},
    {"length with a fraction", "Content-Length: 3.0\r\n"},
    {"length of 20 digits", "Content-Length: 00000000000000000003\r\n"},
    {"doubled coding", "Transfer-Encoding: chunked, chunked\r\n", ErrorCode::not_implemented},
    {"two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
     ErrorCode::not_implemented},
    {"gzip coding", "Transfer-Encoding: gzip, chunked\r\n", ErrorCode::not_implemented},
    {"xchunked", "Transfer-Encoding: xchunked\r\n", ErrorCode::not_implemented},
    {"identity coding", "Transfer-Encoding: identity\r\n", ErrorCode::not_implemented},
    {"empty coding", "Transfer-Encoding:\r\n", ErrorCode::not_implemented},
    {"coding with a parameter", "Transfer-Encoding: chunked;q=1\r\n", ErrorCode::not_implemented},
    {"bare LF", "X-A: 1\nX-B: 2\r\n"},
    {"bare CR", "X-A: 1\rX-B: 2\r\n"},
    {"doubled CR", "X-A: 1\r\r\n"},
    {"bare LF as the last line", "X-A: 1\r\n\n"},
    {"folded line", "X-A: 1\r\n 2\r\n"},
    {"line folded by a tab", "X-A: 1\r\n\t2\r\n"},
    {"blank before the colon", "X-A : 1\r\n"},
    {"tab before the colon", "X-A\t: 1\r\n"},
    {"empty name", ": 1\r\n"},
    {"no colon", "X-A\r\n"},
    {"non-token name", "X(A): 1\r\n"},
    {"non-ASCII name", "X-\xC3\xA4: 1\r\n"},
    {"NUL in a name", "X" + nul + ": 1\r\n"},
    {"NUL in a value", "X-A: 1" + nul + "2\r\n"},
    {"control byte in a value", "X-A: \x01\r\n"},
    {"escape byte in a value", "X-A: \x1B[0m\r\n"},
    {"DEL in a value", "X-A: \x7F\r\n"},
};

TEST(RequestHead, E1RefusesEveryBadField) {
  for (const BadHead& bad : bad_fields) {
    EXPECT_EQ(request_error(request_with(bad.text)), bad.code) << bad.what;
  }
}

TEST(ResponseHead, E4RefusesEveryBadField) {
  for (const BadHead& bad : bad_fields) {
    EXPECT_EQ(scan_response(response_with(bad.text)).error, malformed) << bad.what;
  }
}

const std::vector<BadHead> bad_requests{
    {"no Host", "GET / HTTP/1.1\r\n\r\n"},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
    {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {"list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {"Host without name", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"},
    {"Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"},
    {"Host with port 65536", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
    {"Host with a port in words", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n"},
    {"open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
    {"text behind the bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"},
    {"empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n"},
    {"two colons", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
    {"coding in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"HTTP/0.9", "GET /\r\n\r\n"},
    {"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"tab for a blank", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"},
    {"control byte in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"raw UTF-8 in the target", "GET /\xC3\xA4 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"method of no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n"},
    {"version without a point", "GET / HTTP/11\r\nHost: a\r\n\r\n"},
    {"long version", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
    {"bare LF before the request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"bare CR before the request", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"fold below the request line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
    {"a TLS hello", "\x16\x03\x01\x02"},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", ErrorCode::http_version},
    {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ErrorCode::http_version},
    {"HTTP/0.9 by number", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", ErrorCode::http_version},
    {"E-10: unknown expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n",
     ErrorCode::expectation_failed},
    {"E-10: list of expectations", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n",
     ErrorCode::expectation_failed},
};

TEST(RequestHead, E1RefusesEveryBadHead) {
  for (const BadHead& bad : bad_requests) {
    EXPECT_EQ(request_error(bad.text), bad.code) << bad.what;
  }
}

TEST(RequestHead, TakesEveryFormOfHostThatIsInUse) {
  for (const char* host : {"a", "api.example.com", "a:1", "a:65535", "127.0.0.1:9347", "[::1]",
                           "[fe80::1]:80", "[::ffff:1.2.3.4]", "my_service-1:8080"}) {
    const std::string text = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
    EXPECT_EQ(scan_request(text).start, "GET / 1 " + std::string(host));
  }
  EXPECT_EQ(scan_request("GET / HTTP/1.0\r\n\r\n").start, "GET / 0 ");
}

TEST(RequestHead, E1TakesLengthsOfOneTo19Digits) {
  EXPECT_EQ(scan_request(request_with("Content-Length: 0\r\n")).framing, Framing::length);
  EXPECT_EQ(scan_request(request_with("Content-Length: 9999999999999999999\r\n")).content_length,
            9'999'999'999'999'999'999ULL);
  EXPECT_EQ(scan_request(request_with("Transfer-Encoding: CHUNKED\r\n")).framing, Framing::chunked);
  EXPECT_EQ(scan_request(request_with("")).framing, Framing::none);
}

TEST(RequestHead, E10KnowsOneExpectationAndOnlyInHttp11) {
  EXPECT_TRUE(scan_request(request_with("Expect: 100-Continue\r\n")).expects_continue);
  EXPECT_FALSE(scan_request(request_with("")).expects_continue);
  const Outcome old = scan_request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_GT(old.consumed, 0U);
  EXPECT_FALSE(old.expects_continue);
}

TEST(RequestHead, KeepsTheConnectionAsVersionAndFieldSay) {
  EXPECT_FALSE(scan_request(request_with("Connection: foo, Close\r\n")).keeps_alive);
  EXPECT_FALSE(scan_request(request_with("Connection: a\r\nConnection: close\r\n")).keeps_alive);
  EXPECT_TRUE(scan_request(request_with("Connection: closed\r\n")).keeps_alive);
  EXPECT_FALSE(scan_request("GET / HTTP/1.0\r\n\r\n").keeps_alive);
  EXPECT_TRUE(scan_request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keeps_alive);
  EXPECT_FALSE(scan_request("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keeps_alive);
}

/// A request line of `bytes` bytes.
std::string request_line(std::size_t bytes) {
  const std::string frame = "GET / HTTP/1.1";
  return "GET /" + std::string(bytes - frame.size(), 'a') + " HTTP/1.1\r\n";
}

/// A field line of `bytes` bytes, its CRLF not counted.
std::string field_line(std::size_t bytes) { return "X:" + std::string(bytes - 2, 'v') + "\r\n"; }

TEST(RequestHead, TheRequestLineHasALimit) {
  constexpr std::size_t limit = 8 * 1024;
  EXPECT_GT(scan_request(request_line(limit) + "Host: a\r\n\r\n").consumed, limit);
  EXPECT_EQ(request_error(request_line(limit + 1) + "Host: a\r\n\r\n"), ErrorCode::uri_too_long);
}

// A line that never ends must be refused too, not waited for.
TEST(RequestHead, ALineWithoutEndIsRefusedAtTheLimit) {
  const std::string endless = "GET /" + std::string(8 * 1024 - 5, 'a');
  EXPECT_EQ(request_error(endless), std::nullopt);
  EXPECT_EQ(request_error(endless + "\r"), std::nullopt);
  EXPECT_EQ(request_error(endless + "aa"), ErrorCode::uri_too_long);
  const std::string start = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(request_error(start + "X:" + std::string(8 * 1024 - 2, 'a')), std::nullopt);
  EXPECT_EQ(request_error(start + "X:" + std::string(8 * 1024, 'a')), ErrorCode::headers_too_large);
}

TEST(RequestHead, AFieldHasALimit) {
  constexpr std::size_t limit = 8 * 1024;
  EXPECT_GT(scan_request(request_with(field_line(limit))).consumed, limit);
  EXPECT_EQ(request_error(request_with(field_line(limit + 1))), ErrorCode::headers_too_large);
}

TEST(RequestHead, AllFieldsTogetherHaveALimit) {
  const std::string host = "Host: a\r\n";
  std::string fields;
  for (int i = 0; i < 3; ++i) fields += field_line(8 * 1024);
  const std::size_t left = 32 * 1024 - host.size() - fields.size() - 2;
  EXPECT_GT(scan_request(request_with(fields + field_line(left))).consumed, 32U * 1024);
  EXPECT_EQ(request_error(request_with(fields + field_line(left + 1))),
            ErrorCode::headers_too_large);
}

TEST(RequestHead, TheCountOfFieldsHasALimit) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "a:\r\n";
  EXPECT_EQ(scan_request(request_with(fields)).fields.size(), 100U);
  EXPECT_EQ(request_error(request_with(fields + "a:\r\n")), ErrorCode::headers_too_large);
}

TEST(ResponseHead, IsReadWithItsStatus) {
  const std::string text = "HTTP/1.1 429 Too Many\r\nretry-after: 3\r\nContent-Length: 2\r\n\r\n";
  const Outcome outcome = scan_response(text + "{}");
  EXPECT_EQ(outcome.consumed, text.size());
  EXPECT_EQ(outcome.start, "429 1");
  EXPECT_EQ(outcome.framing, Framing::length);
  EXPECT_TRUE(outcome.keeps_alive);
  EXPECT_EQ(scan_response("HTTP/1.0 200\r\n\r\n").start, "200 0");
  EXPECT_EQ(scan_response("HTTP/1.1 200 \r\n\r\n").start, "200 1");
}

TEST(ResponseHead, MethodAndStatusDecideAboutTheBody) {
  const std::string sized = "Content-Length: 7\r\n\r\n";
  EXPECT_EQ(scan_response("HTTP/1.1 200 OK\r\n" + sized, "HEAD").framing, Framing::none);
  EXPECT_EQ(scan_response("HTTP/1.1 204 OK\r\n" + sized).framing, Framing::none);
  EXPECT_EQ(scan_response("HTTP/1.1 304 OK\r\n" + sized).framing, Framing::none);
  EXPECT_EQ(scan_response("HTTP/1.1 100 Continue\r\n\r\n").framing, Framing::none);
  EXPECT_EQ(scan_response("HTTP/1.1 200 OK\r\n" + sized, "POST").framing, Framing::length);
  EXPECT_EQ(scan_response(response_with("Transfer-Encoding: chunked\r\n")).framing,
            Framing::chunked);
}

// E-10: such a connection can't be used again.
TEST(ResponseHead, WithoutFramingReachesToTheClose) {
  const Outcome outcome = scan_response(response_with(""));
  EXPECT_EQ(outcome.framing, Framing::until_close);
  EXPECT_FALSE(outcome.keeps_alive);
  EXPECT_FALSE(
      scan_response(response_with("Connection: close\r\nContent-Length: 1\r\n")).keeps_alive);
  EXPECT_FALSE(scan_response("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").keeps_alive);
}

TEST(ResponseHead, E4RefusesABadStatusLine) {
  for (const char* line :
       {"HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK",
        "HTTP/1.1 200OK", "http/1.1 200 OK", "HTTP/1.1", "ICY 200 OK", "", "HTTP/1.1 200 \x01",
        "HTTP/1.1 101 Switching Protocols"}) {
    EXPECT_EQ(scan_response(std::string(line) + "\r\n\r\n").error, malformed) << line;
  }
}

// The bytes that follow an answer of a lying length must not be waited for: the next answer would
// be taken for their end.
TEST(ResponseHead, RefusesWhatCantBecomeAStatusLineAtOnce) {
  for (const char* text : {"and more", "a", "HTTX", "\r\n", "HTTq"}) {
    EXPECT_EQ(scan_response(text).error, malformed) << text;
  }
  for (const char* text : {"H", "HTTP", "HTTP/", "HTTP/1.1 20"}) {
    const Outcome outcome = scan_response(text);
    EXPECT_FALSE(outcome.error) << text;
    EXPECT_EQ(outcome.consumed, 0U) << text;
  }
}

TEST(ResponseHead, HasTheLargerLimitOfUpstream) {
  constexpr std::size_t limit = 64 * 1024;
  EXPECT_GT(scan_response(response_with(field_line(limit - 2))).consumed, limit);
  EXPECT_EQ(scan_response(response_with(field_line(limit - 1))).error, malformed);
}

template <class Scan>
Outcome scan_growing(std::string_view text, Scan scan) {
  std::size_t resume = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const Outcome outcome = scan(text.substr(0, size), resume);
    if (outcome.consumed > 0 || outcome.error) return outcome;
  }
  return scan(text, resume);
}

template <class Scan>
void expect_same_however_cut(const std::string& text, Scan scan) {
  std::size_t whole_resume = 0;
  const Outcome whole = scan(std::string_view(text), whole_resume);
  EXPECT_EQ(scan_growing(text, scan), whole) << text;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::size_t resume = 0;
    Outcome outcome = scan(std::string_view(text).substr(0, cut), resume);
    if (outcome.consumed == 0 && !outcome.error) outcome = scan(std::string_view(text), resume);
    ASSERT_EQ(outcome, whole) << text << " cut at " << cut;
  }
}

// Every table of this file once more: whole, cut at every byte, and byte by byte.
TEST(RequestHead, ReadsTheSameHoweverItIsCut) {
  const auto scan = [](std::string_view text, std::size_t& resume) {
    return scan_request(text, resume);
  };
  for (const BadHead& bad : bad_requests) expect_same_however_cut(bad.text, scan);
  for (const BadHead& bad : bad_fields) expect_same_however_cut(request_with(bad.text), scan);
  expect_same_however_cut("\r\n\r\n" + request_with("Content-Length: 5\r\nX-A:  b \r\n") + "01234",
                          scan);
  expect_same_however_cut("\r\n\r\n\r\n\r\n\r\n\r\n", scan);
  expect_same_however_cut(request_with("") + request_with(""), scan);
}

TEST(ResponseHead, ReadsTheSameHoweverItIsCut) {
  const auto scan = [](std::string_view text, std::size_t& resume) {
    return scan_response(text, resume);
  };
  for (const BadHead& bad : bad_fields) expect_same_however_cut(response_with(bad.text), scan);
  expect_same_however_cut(response_with("Content-Length: 5\r\nX-A:  b \r\n") + "01234", scan);
  expect_same_however_cut("\r\n" + response_with(""), scan);
}

// The limits hold for a head in pieces as for a whole one.
TEST(RequestHead, LimitsAreTheSameByteByByte) {
  const auto scan = [](std::string_view text, std::size_t& resume) {
    RequestHead head;
    const HeadLimits small{.request_line_bytes_max = 20,
                           .field_bytes_max = 12,
                           .fields_bytes_max = 40,
                           .field_count_max = 4};
    const ExactCopy copy(text);
    const ScanResult result = scan_request_head(copy.view(), small, head, resume);
    Outcome outcome;
    outcome.consumed = result.consumed;
    if (result.error) outcome.error = result.error->code;
    return outcome;
  };
  const std::string host = "Host: a\r\n";
  for (std::size_t line = 15; line < 24; ++line) {
    expect_same_however_cut(request_line(line) + host + "\r\n", scan);
  }
  for (std::size_t line = 2; line < 16; ++line) {
    expect_same_however_cut(request_line(15) + host + field_line(line) + "\r\n", scan);
    expect_same_however_cut(request_line(15) + host + field_line(12) + field_line(line) + "\r\n",
                            scan);
  }
  for (int count = 0; count < 6; ++count) {
    std::string fields;
    for (int i = 0; i < count; ++i) fields += "a:\r\n";
    expect_same_however_cut(request_line(15) + host + fields + "\r\n", scan);
  }
  const std::string endless(200, 'a');
  EXPECT_EQ(scan_growing(endless, scan).error, ErrorCode::uri_too_long);
  EXPECT_EQ(scan_growing(request_line(15) + endless, scan).error, ErrorCode::headers_too_large);
}

// `resume` is what keeps a slow client from costing the square of its head.
TEST(RequestHead, ResumeStandsAtTheEndOfWhatWasSearched) {
  const std::string text = request_with("X-A: 1\r\n");
  RequestHead head;
  std::size_t resume = 0;
  for (std::size_t size = 1; size < text.size(); ++size) {
    ASSERT_TRUE(
        scan_request_head(std::string_view(text).substr(0, size), {}, head, resume).needs_more());
    ASSERT_EQ(resume, size);
  }
  EXPECT_EQ(scan_request_head(text, {}, head, resume).consumed, text.size());
  EXPECT_EQ(resume, 0U) << "ready for the next message";
}

}  // namespace
}  // namespace weir::net::http
