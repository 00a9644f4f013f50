// SPDX-License-Identifier: Apache-2.0
#include "server/request_digest.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sodium.h>

#include "base/sha256.hpp"
#include "json/canonical.hpp"
#include "json/document.hpp"
#include "wire/multipart.hpp"

namespace weir::server {
namespace {

class Digest {
 public:
  void add(std::string_view bytes) { hash_.add(bytes); }
  /// Says how much follows, so that it ends where it ends.
  void add_size(std::uint64_t size) { add(std::to_string(size) + ":"); }
  [[nodiscard]] std::string finish() {
    const Sha256Digest digest = hash_.finish();
    return {digest.begin(), digest.end()};
  }

 private:
  Sha256 hash_;
};

/// A range of a body.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

constexpr std::size_t piece_bytes = 128 * 1024;

/// Reads `range` of a body piece by piece.
class RangeReader {
 public:
  RangeReader(pipeline::KeptBody& body, Range range)
      : body_(body), left_(range), buffer_(std::make_unique<char[]>(piece_bytes)) {}

  /// Empty at the end. The piece holds until the next call.
  net::Task<Result<std::string_view>> next() {
    if (left_.size == 0) co_return std::string_view();
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_.size, piece_bytes));
    const std::span<char> into(buffer_.get(), wanted);
    const Result<std::size_t> read = co_await body_.read(left_.offset, into);
    if (!read) co_return read.error();
    if (*read == 0) co_return Error(ErrorCode::store_unavailable, "a kept body has become shorter");
    left_.offset += *read;
    left_.size -= *read;
    co_return std::string_view(buffer_.get(), *read);
  }

 private:
  pipeline::KeptBody& body_;
  Range left_;
  std::unique_ptr<char[]> buffer_;
};

/// The ranges of a form that say something: each part's header and its value. Nothing: it is none
/// that could be read.
net::Task<Result<std::optional<std::vector<Range>>>> form_ranges(pipeline::KeptBody& body,
                                                                 std::string boundary) {
  wire::MultipartScanner scanner(boundary);
  RangeReader reader(body, {0, body.size()});
  Result<> scanned;
  for (;;) {
    const Result<std::string_view> piece = co_await reader.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    scanned = scanner.feed(*piece);
    if (!scanned) break;
  }
  if (scanned) scanned = scanner.finish();
  if (!scanned) co_return std::optional<std::vector<Range>>();
  std::vector<Range> ranges;
  std::uint64_t at = 0;
  for (const wire::FormPart& part : scanner.parts()) {
    // "--" boundary CRLF, and a CRLF before it behind a part.
    const std::uint64_t delimiter = boundary.size() + (at == 0 ? 4 : 6);
    at = std::min(at + delimiter, part.offset);
    ranges.push_back({at, part.offset - at});
    ranges.push_back({part.offset, part.size});
    at = part.offset + part.size;
  }
  co_return std::optional<std::vector<Range>>(std::move(ranges));
}

}  // namespace

std::string digest_of(std::initializer_list<std::string_view> texts) {
  Digest digest;
  for (const std::string_view text : texts) {
    digest.add_size(text.size());
    digest.add(text);
  }
  return digest.finish();
}

std::string to_hex(std::string_view digest) {
  std::string hex(digest.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(digest.data()),
                 digest.size());
  hex.pop_back();
  return hex;
}

std::string json_digest(json::Value body) {
  std::string canonical;
  canonical.reserve(body.raw().size());
  json::append_canonical(canonical, body);
  return digest_of({canonical});
}

net::Task<Result<std::string>> kept_body_digest(pipeline::KeptBody& body,
                                                std::string content_type) {
  std::vector<Range> ranges = {{0, body.size()}};
  auto boundary = wire::read_form_boundary(content_type);
  if (boundary && *boundary) {
    auto found = co_await form_ranges(body, **boundary);
    if (!found) co_return std::move(found).error();
    if (*found) ranges = **std::move(found);
  }
  Digest digest;
  for (const Range& range : ranges) {
    digest.add_size(range.size);
    RangeReader reader(body, range);
    for (;;) {
      const Result<std::string_view> piece = co_await reader.next();
      if (!piece) co_return piece.error();
      if (piece->empty()) break;
      digest.add(*piece);
    }
  }
  co_return digest.finish();
}

}  // namespace weir::server
