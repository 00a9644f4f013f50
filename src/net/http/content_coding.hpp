// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Compressed bodies: unpacked piece by piece, and never into more than was allowed.
namespace weir::net::http {

enum class ContentCoding : std::uint8_t { identity, gzip, deflate, br, zstd };

/// Reads the value of Content-Encoding, in any case; nothing for a coding not known here and for
/// more than one. An empty value is `identity`.
std::optional<ContentCoding> parse_content_coding(std::string_view value);

struct InflateLimits {
  std::uint64_t bytes_max = 64ULL << 20;        ///< of the body unpacked
  std::uint64_t ratio_max = 100;                ///< unpacked to packed
  std::uint64_t ratio_free_bytes = 1ULL << 20;  ///< below this the ratio does not matter
};

/// Unpacks one body. `deflate` is the zlib format, as RFC 9110 says. gzip and zstd bodies may have
/// several parts; anything else behind the end is an error. No byte at all is an empty body: that
/// is what answers without one look like.
///
/// Memory: the codec's window (at most 16 MiB with br, 8 MiB with zstd) and 16 KiB on the stack.
class BodyInflater {
 public:
  /// Precondition: `coding` is not `identity`.
  explicit BodyInflater(ContentCoding coding, InflateLimits limits = {});
  ~BodyInflater();
  BodyInflater(BodyInflater&&) noexcept;
  BodyInflater& operator=(BodyInflater&&) noexcept;

  /// Unpacks `packed` and appends to `out`. Errors: too_large for a body past the limits,
  /// invalid_request for one that is broken; after an error no more calls.
  Result<> feed(std::string_view packed, std::string& out);

  /// To be called after the last byte. Errors: invalid_request when the body is not whole.
  Result<> finish() const;

  class Codec;

 private:
  Result<> account(std::size_t packed_bytes, std::size_t unpacked_bytes);

  std::unique_ptr<Codec> codec_;
  InflateLimits limits_;
  std::uint64_t packed_bytes_ = 0;
  std::uint64_t unpacked_bytes_ = 0;
  bool is_between_parts_ = true;  ///< nothing read yet, or a part has ended
};

}  // namespace weir::net::http
