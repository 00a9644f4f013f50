// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration_text.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/date.hpp"
#include "net/http/retry_after.hpp"
#include "net/http/scanner.hpp"
#include "net/http/target.hpp"

// Everything that reads HTTP from strangers. The first byte chooses the reader; then the text must
// be read without harm, and the same in pieces as whole.

namespace weir::net::http {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::optional<ErrorCode> code_of(const ScanResult& result) {
  if (!result.error) return std::nullopt;
  return result.error->code;
}

/// `scan(text, resume)` on the whole text, then on a text that grows by `step` bytes. To be called
/// with a closed head: of one that is not, pieces may be judged later than the whole.
template <class Scan>
ScanResult scan_both_ways(std::string_view text, std::size_t step, Scan scan) {
  std::size_t resume = 0;
  ScanResult in_pieces;
  for (std::size_t size = 0; in_pieces.needs_more() && size < text.size(); size += step) {
    in_pieces = scan(text.substr(0, size), resume);
  }
  if (in_pieces.needs_more()) in_pieces = scan(text, resume);
  resume = 0;
  ScanResult whole = scan(text, resume);
  require(whole.consumed == in_pieces.consumed);
  require(code_of(whole) == code_of(in_pieces));
  return whole;
}

std::string close_head(std::string_view text) { return std::string(text) + "\r\n\r\n"; }

void fuzz_request(std::string_view text, std::size_t step) {
  const std::string closed = close_head(text);
  RequestHead head;
  const auto result = scan_both_ways(closed, step, [&](std::string_view part, std::size_t& resume) {
    return scan_request_head(part, {}, head, resume);
  });
  if (result.consumed == 0) return;
  Target target;
  if (!parse_target(head, target)) return;
  for (const std::string_view segment : target.segments)
    require(percent_decode(segment).has_value());
  static_cast<void>(target.query.find("key"));
}

void fuzz_response(std::string_view text, std::size_t step) {
  const std::string closed = close_head(text);
  ResponseHead head;
  scan_both_ways(closed, step, [&](std::string_view part, std::size_t& resume) {
    return scan_response_head(part, upstream_head_limits, "GET", head, resume);
  });
}

struct Body {
  std::string data;
  bool is_done = false;
  bool is_refused = false;

  friend bool operator==(const Body&, const Body&) = default;
};

Body read_chunks(std::string_view text, std::size_t piece_bytes) {
  ChunkedDecoder decoder;
  Body body;
  while (!text.empty() && !body.is_done && !body.is_refused) {
    std::string_view piece = text.substr(0, piece_bytes);
    text.remove_prefix(piece.size());
    for (;;) {
      const auto step = decoder.step(piece);
      body.data.append(step.data);
      body.is_done = step.is_done;
      body.is_refused = step.error.has_value();
      piece.remove_prefix(step.consumed);
      if (step.consumed == 0 || body.is_done || body.is_refused) break;
    }
  }
  return body;
}

void fuzz_chunks(std::string_view text, std::size_t step) {
  require(read_chunks(text, step) == read_chunks(text, text.size()));
}

void fuzz_inflater(ContentCoding coding, std::string_view packed, std::size_t step) {
  constexpr InflateLimits limits{
      .bytes_max = 1 << 20, .ratio_max = 100, .ratio_free_bytes = 1 << 16};
  BodyInflater inflater(coding, limits);
  std::string out;
  while (!packed.empty()) {
    const std::string_view piece = packed.substr(0, step);
    packed.remove_prefix(piece.size());
    if (!inflater.feed(piece, out)) break;
  }
  require(out.size() <= limits.bytes_max);
}

void require_in_range(std::optional<std::chrono::milliseconds> wait) {
  require(!wait || (wait->count() >= 0 && *wait <= wait_max));
}

void fuzz_waits(std::string_view text) {
  constexpr WallTime now{std::chrono::seconds(1'800'000'000)};
  require_in_range(parse_retry_after(text, now));
  require_in_range(parse_retry_after_ms(text));
  require_in_range(parse_rfc3339_wait(text, now));
  require_in_range(parse_go_duration(text));
  require_in_range(parse_protobuf_duration(text));
  require_in_range(find_wait_in_text(text));
}

void fuzz(unsigned reader, std::string_view text, std::size_t step) {
  switch (reader % 8) {
    case 0:
      return fuzz_request(text, step);
    case 1:
      return fuzz_response(text, step);
    case 2:
      return fuzz_chunks(text, step);
    case 3:
      return fuzz_inflater(ContentCoding::gzip, text, step);
    case 4:
      return fuzz_inflater(ContentCoding::deflate, text, step);
    case 5:
      return fuzz_inflater(ContentCoding::br, text, step);
    case 6:
      return fuzz_inflater(ContentCoding::zstd, text, step);
    default:
      return fuzz_waits(text);
  }
}

}  // namespace

// The entry point's language linkage makes it one function in whatever namespace it stands.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  fuzz(data[0], {reinterpret_cast<const char*>(data) + 2, size - 2}, 1 + data[1] % 64U);
  return 0;
}

}  // namespace weir::net::http
