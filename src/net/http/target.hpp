// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.hpp"
#include "net/http/scanner.hpp"
#include "weir/result.hpp"

/// Request targets: one reading decides, for authorisation and dispatch alike.
namespace weir::net::http {

/// The part of a target behind its `?`, read as browsers write it: `+` is a blank.
class Query {
 public:
  Query() = default;
  explicit Query(std::string_view raw) : raw_(raw) {}

  [[nodiscard]] std::string_view raw() const { return raw_; }

  /// The decoded value of the first parameter called `name`, empty when it has no `=`; nothing when
  /// it is absent or has a malformed escape.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;

 private:
  std::string_view raw_;
};

/// Views into the target it was read from. Reusable: the memory of `segments` stays.
struct Target {
  std::string_view path;  ///< raw, with its leading slash; `*` for a whole server
  using Segments = std::vector<std::string_view, RecyclingAllocator<std::string_view>>;
  Segments segments;  ///< raw and never empty: double slashes are folded
  bool ends_in_slash = false;
  Query query;
};

/// Reads the target of `head`: a path, an absolute URL whose authority is the Host, or `*` with
/// OPTIONS.
///
/// A path that a second reader might take for another one is refused: dot segments, backslashes and
/// control bytes (in escapes too, and behind an escaped slash), malformed escapes, escapes that are
/// not UTF-8. Percent-encoding is undone only where asked: `percent_decode(segment)` of an accepted
/// target always has a value.
///
/// Errors: invalid_request. Cost: linear; allocates only when the path has escapes.
Result<> parse_target(const RequestHead& head, Target& target);

/// Undoes percent-encoding, once; nothing when an escape is malformed. `+` stays.
std::optional<std::string> percent_decode(std::string_view text);

/// Escapes all but letters, digits and `-._~`: fit for a segment and for a query's value.
std::string percent_encode(std::string_view text);

}  // namespace weir::net::http
