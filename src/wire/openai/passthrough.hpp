// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/passthrough.hpp"

/// Chat Completions from client to target without rebuilding the body.
namespace weir::wire::openai {

/// Reads what policy needs. Checks the types of what it reads and nothing else: the target is the
/// judge of the rest.
///
/// Errors: `invalid_request` for a wrong type, for a member that stands twice, and for members that
/// would tell a gateway where to send the request (`api_base` and the like), on top or inside
/// `extra_body`.
Result<RequestPeek> peek_request(json::Value root);

/// True where the request holds something that one of `quirks` is about, so that a server which has
/// them may want it written otherwise; one that doesn't can go as it is. Precondition:
/// `peek_request` took it.
[[nodiscard]] bool meets_quirk(json::Value root, Quirks quirks);

/// Appends the request's text to `out` with the few bytes changed that `patch` names; all others
/// stay as they are. Precondition: `peek_request` took it.
void patch_request(json::Value root, const RequestPatch& patch, std::string& out);

/// Looks at one event of a passed-through stream. Data that is not a JSON object is a fault with
/// the code `upstream_malformed`.
///
/// `scratch` is there to keep its memory from one call to the next.
/// Cost: one parse of the event, no allocation where `scratch` has seen one as large.
FrameWatch watch_frame(std::string_view data, json::Document& scratch, Quirks quirks);

/// Looks at a whole answer. One that is an error in disguise is for `is_fault` and `read_fault`.
ResponseWatch watch_response(json::Value root, Quirks quirks);

/// `choices`: how many were asked for; the stream is complete when all have finished.
std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks quirks, std::int64_t choices);

}  // namespace weir::wire::openai
