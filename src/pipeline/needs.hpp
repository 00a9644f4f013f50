// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/call.hpp"
#include "pipeline/route.hpp"
#include "wire/passthrough.hpp"

/// What a chat needs of a target, whichever way it came in.
namespace weir::pipeline {

/// Of a target that can't take a chat because it is too long.
Lack too_long_for_window();

/// Nothing when `target` can take the request; otherwise what it lacks.
std::optional<Lack> lacking(const wire::RequestPeek& request, const Target& target);

/// True when the input might be too long for the target's window: then `exceeds_window` knows more.
bool is_near_window(const wire::RequestPeek& request, const Target& target);

/// True when the input and the output asked for can't both be in the target's window: counted, not
/// guessed from the size. Where the count is no exact one, only when its error leaves no doubt.
/// Cost: of `count_chat`, so ask only near the window.
bool exceeds_window(const wire::ChatRequest& request, const Target& target);

/// True when a capability the request needs is not known of the target.
bool needs_unknown(const wire::RequestPeek& request, const Target& target);

/// The target that really serves: some models take tools only through another API.
const Target& serving_variant(const wire::RequestPeek& request, const Target& target);

/// Remembers of `target` that it lacks the capability that `fault`, its refusal of a parameter, is
/// about, unless that was known before (F-3).
void learn_refusal(const Target& target, const wire::UpstreamFault& fault);

/// Remembers of `target` that it lacks the path, for as long as a model would be taken to be
/// missing.
void learn_missing_path(const Target& target, const OwnPath& path, std::int64_t unix_ms);
/// Is it known, from an answer of its own, that `target` lacks the path?
bool is_path_missing(const Target& target, const OwnPath& path, std::int64_t unix_ms);
/// For people: `no reranking here`.
std::string no_such_path(const OwnPath& path);

/// The member of a client's chat, as a path in its own words, that holds the wish; empty: there is
/// none. Precondition: `root` could be decoded.
std::string field_asking_for(wire::Dialect client, json::Value root, Wish wish);

/// Our estimate of the input, in tokens.
std::int64_t input_tokens_estimate(const wire::RequestPeek& request);

}  // namespace weir::pipeline
