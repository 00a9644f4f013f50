// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// Tool definitions, tool choice and tool calls, both directions.
namespace weir::wire::openai {

/// Reads `tools` and `tool_choice`, and their deprecated predecessors `functions` and
/// `function_call`.
void read_tools(json::ObjectReader& root, ChatRequest& request);

/// Reads one element of `tool_calls`. An id that is missing stays empty. Arguments given as an
/// object become their JSON text.
ToolCall read_tool_call(json::Value value, const json::Path& path, json::Problem& problem);

/// Writes one element of `tool_calls`; `id` is what the target is to know the call by.
void write_tool_call(json::Writer& json, const ToolCall& call, std::string_view id,
                     bool keeps_extra, bool with_signature);

/// Writes `tools` and `tool_choice` into the open object.
///
/// Errors: `unsupported_capability` for a tool or a choice of tool that the target can't have.
Result<> write_tools(json::Writer& json, const ChatRequest& request, const EncodeOptions& options,
                     EncodeNotes& notes);

}  // namespace weir::wire::openai
