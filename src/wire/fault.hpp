// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "json/document.hpp"
#include "wire/canonical.hpp"

namespace weir::wire {

/// Reads an error body in any of the shapes providers use: OpenAI's object, an error as a bare
/// string, flat members, FastAPI's `detail`, Google's status object with details, an array around
/// any of them, plain text, HTML, nothing. Never fails: what can't be read becomes the message,
/// cut to 512 bytes.
///
/// `status` is the HTTP status, 0 inside a stream; a numeric code in the body replaces 0.
UpstreamFault read_fault(int status, std::string_view body);

/// True when a JSON answer with status 200 (or an event of a stream) is an error in disguise:
/// `error` is there and not null (also xAI's flat pair of `code` and `error`), or `object` is
/// "error", as older vLLM and Mistral write it.
bool is_fault(json::Value root);

/// What a choice's `finish_reason` says that went wrong at the server; nothing for a normal end.
/// What came before it is a part of an answer. Source: reference of Mistral (`error`) and DeepSeek
/// (`insufficient_system_resource`), OpenRouter's of normalized reasons, seen 2026-11-22.
std::optional<UpstreamFault> fault_of_finish(std::string_view reason);

/// The same of a whole answer with status 200, whose text is `body`; also what `is_fault` finds.
std::optional<UpstreamFault> find_fault(json::Value root, std::string_view body);

}  // namespace weir::wire
