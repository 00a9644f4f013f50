// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::wire::openai {

/// Reads a `usage` object. Cached tokens stand inside `prompt_tokens`, reasoning inside
/// `completion_tokens`, except where the total says otherwise (xAI). A price the server states
/// (OpenRouter's `cost`, xAI's ticks, Perplexity's `cost.total_cost`) comes along.
///
/// What is no count reads as 0; nothing here is worth losing an answer for.
Usage read_usage(json::Value usage, Quirks quirks);

/// Keeps the members of `usage` that `write_usage` doesn't write, as one object called `usage`.
void keep_usage_members(json::Value usage, Extra& extra);

/// Writes the members of a `usage` object into the open object.
void write_usage(json::Writer& json, const Usage& usage);

/// `has_calls`: the answer holds tool calls, which decides where the word is not clear.
Finish finish_of(std::string_view reason, bool has_calls) noexcept;

/// The word on the wire; empty for `none`.
std::string_view finish_reason_of(Finish finish) noexcept;

}  // namespace weir::wire::openai
