// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/connector.hpp"
#include "weir/result.hpp"

/// HTTP for those who may wait: the command line, and the look for local servers at start. Same
/// connector and exchange as for model calls; no redirects, no content coding.
namespace weir::server {

struct HttpCall {
  net::Origin origin;
  std::string method = "GET";
  std::string target;  ///< path and query
  std::string fields;  ///< header lines, each ended by CRLF; Host among them
  std::string body;
  std::chrono::milliseconds connect_max{2'000};
  std::chrono::milliseconds answer_max{10'000};  ///< until the head, then between any two pieces
  std::size_t body_bytes_max = std::size_t{4} << 20;
  /// Gets the body of a 2xx answer piece by piece, in the place of `HttpAnswer::body`.
  std::function<void(std::string_view)> on_piece = {};
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  /// Fields of the head that begin with `x-weir-`, as name and value.
  std::vector<std::pair<std::string, std::string>> notes;
};

/// Makes all calls at the same time and waits until each has ended, at most `total_max`; results
/// stand in the order of the calls. Errors: `upstream_unreachable`, `upstream_timeout`,
/// `upstream_malformed`, `too_large`.
std::vector<Result<HttpAnswer>> call_all(std::vector<HttpCall> calls,
                                         std::chrono::milliseconds total_max);
/// One call. `total_max` zero: no limit over all.
Result<HttpAnswer> call_one(HttpCall call, std::chrono::milliseconds total_max);

/// A call to a path below `base_url`, with Host set. Errors: `invalid_request`.
Result<HttpCall> call_to(std::string_view base_url, std::string_view path);

}  // namespace weir::server
