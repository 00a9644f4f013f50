// SPDX-License-Identifier: Apache-2.0
//
// The HTTP edge against arbitrary bytes, both directions: heads, chunked bodies, compressed bodies.
// How the network cuts a message must not change what it says.
//
// Input: one byte each for what is read, the first piece's size and the others'; then the bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/assert.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/scanner.hpp"
#include "pieces.hpp"

namespace weir {
namespace {

using net::http::ScanResult;

struct Cut {
  std::size_t first;
  std::size_t stride;
};

/// Everything a head says, copied, so that a view out of bounds is noticed.
struct HeadText {
  std::string text;
  void add(std::string_view part) { text.append(part).append("\n"); }
  void add(std::uint64_t number) { add(std::to_string(number)); }

  void add(const net::http::Fields& fields) {
    for (const net::http::Field& field : fields.all()) {
      add(field.name);
      add(field.value);
    }
  }
};

ScanResult scan_request(std::string_view buffer, std::size_t& resume, HeadText& out) {
  net::http::RequestHead head;
  const ScanResult result = net::http::scan_request_head(buffer, {}, head, resume);
  if (result.consumed == 0) return result;
  out.add(head.method);
  out.add(head.target);
  out.add(head.host);
  out.add(head.fields);
  out.add(static_cast<std::uint64_t>(head.framing));
  out.add(head.content_length);
  return result;
}

ScanResult scan_response(std::string_view buffer, std::size_t& resume, HeadText& out) {
  net::http::ResponseHead head;
  const ScanResult result = net::http::scan_response_head(buffer, {}, "POST", head, resume);
  if (result.consumed == 0) return result;
  out.add(static_cast<std::uint64_t>(head.status));
  out.add(head.fields);
  out.add(static_cast<std::uint64_t>(head.framing));
  out.add(head.content_length);
  return result;
}

template <class Scan>
void fuzz_head(Scan scan, std::string_view bytes, Cut cut) {
  std::size_t resume = 0;
  HeadText whole_head;
  const ScanResult whole = scan(bytes, resume, whole_head);
  WEIR_ASSERT(whole.consumed <= bytes.size());
  WEIR_ASSERT(whole.consumed == 0 || !whole.error);

  ScanResult pieces;
  HeadText pieces_head;
  std::string buffer;
  resume = 0;
  fuzz::for_each_piece(bytes, cut.first, cut.stride, [&](std::string_view piece) {
    if (!pieces.needs_more()) return;
    buffer.append(piece);
    pieces = scan(buffer, resume, pieces_head);
  });
  // In pieces a flaw may be noticed later, but never something else.
  if (pieces.needs_more()) {
    WEIR_ASSERT(whole.consumed == 0);
    return;
  }
  WEIR_ASSERT(pieces.consumed == whole.consumed);
  WEIR_ASSERT(pieces.error.has_value() == whole.error.has_value());
  WEIR_ASSERT(pieces_head.text == whole_head.text);
}

struct Unchunked {
  std::string body;
  std::size_t consumed = 0;
  bool is_done = false;
  bool is_refused = false;
  bool operator==(const Unchunked&) const = default;
};

Unchunked unchunk(std::string_view bytes, Cut cut) {
  net::http::ChunkedDecoder decoder;
  Unchunked out;
  fuzz::for_each_piece(bytes, cut.first, cut.stride, [&](std::string_view piece) {
    while (!piece.empty() && !out.is_done && !out.is_refused) {
      const auto step = decoder.step(piece);
      out.is_refused = step.error.has_value();
      if (out.is_refused) return;
      out.body.append(step.data);
      out.consumed += step.consumed;
      out.is_done = step.is_done;
      if (step.consumed == 0) return;
      piece.remove_prefix(step.consumed);
    }
  });
  return out;
}

void fuzz_chunked(std::string_view bytes, Cut cut) {
  const Unchunked whole = unchunk(bytes, {bytes.size(), 1});
  const Unchunked pieces = unchunk(bytes, cut);
  WEIR_ASSERT(pieces.is_refused == whole.is_refused);
  // What a refused body consumed up to its flaw is nobody's business.
  WEIR_ASSERT(whole.is_refused || pieces == whole);
}

constexpr std::uint64_t inflated_bytes_max = 64 * 1024;

/// The unpacked body; nothing when it was refused.
std::optional<std::string> inflate(net::http::ContentCoding coding, std::string_view bytes,
                                   Cut cut) {
  net::http::BodyInflater inflater(coding, {.bytes_max = inflated_bytes_max});
  std::string out;
  bool is_refused = false;
  fuzz::for_each_piece(bytes, cut.first, cut.stride, [&](std::string_view piece) {
    if (!is_refused) is_refused = !inflater.feed(piece, out).has_value();
  });
  WEIR_ASSERT(out.size() <= inflated_bytes_max);
  if (is_refused || !inflater.finish()) return std::nullopt;
  return out;
}

void fuzz_inflater(net::http::ContentCoding coding, std::string_view bytes, Cut cut) {
  WEIR_ASSERT(inflate(coding, bytes, cut) == inflate(coding, bytes, {bytes.size(), 1}));
}

void fuzz_http(fuzz::Input input) {
  const std::uint8_t what = input.byte();
  const Cut cut{input.byte(), input.byte() + std::size_t{1}};
  const std::string_view bytes = input.rest();
  using net::http::ContentCoding;
  constexpr std::array codings{ContentCoding::gzip, ContentCoding::deflate, ContentCoding::br,
                               ContentCoding::zstd};
  switch (what % (3 + codings.size())) {
    case 0:
      return fuzz_head(scan_request, bytes, cut);
    case 1:
      return fuzz_head(scan_response, bytes, cut);
    case 2:
      return fuzz_chunked(bytes, cut);
    default:
      return fuzz_inflater(codings[what % (3 + codings.size()) - 3], bytes, cut);
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_http({data, size});
  return 0;
}
