// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/passthrough.hpp"

/// Responses from client to target without rebuilding the body.
namespace weir::wire::responses {

/// Reads what policy needs. Checks the types of what it reads and nothing else: the target is the
/// judge of the rest.
///
/// Errors: `invalid_request` for a wrong type, for a member that stands twice, and for members that
/// would tell a gateway where to send the request.
Result<RequestPeek> peek_request(json::Value root);

/// Appends the request's text to `out` with the few bytes changed that `patch` names.
/// Precondition: `peek_request` took it.
void patch_request(json::Value root, const RequestPatch& patch, std::string& out);

/// Looks at a whole answer. One that is an error in disguise is for `is_fault` and `read_fault`.
/// An answer that is still being made in the background is one, too.
ResponseWatch watch_response(json::Value root, Quirks quirks);

/// The event that ends a stream is content, too: it holds the whole answer.
std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks quirks, std::int64_t choices);

}  // namespace weir::wire::responses
