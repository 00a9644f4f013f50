// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/gemini/call_ids.hpp"

/// The parts of a Content, which requests, answers and streams have in common.
namespace weir::wire::gemini {

/// Appends the items that `parts` (an array) hold. Neighbouring texts and media make one message.
/// A functionResponse without an id yields a result without `call_id`.
void decode_parts(json::Value parts, const json::Path& path, Role role, CallIds& ids,
                  json::Problem& problem, std::vector<Item>& items);

/// The signature of a text part, which has no place of its own in the canonical form; empty = none.
[[nodiscard]] std::string text_signature(const Part& part);

/// What a part of another dialect can't be told to Gemini for; empty when it can.
/// Links are not downloaded here: only those that Google's servers resolve themselves pass.
[[nodiscard]] std::string_view why_not_writable(const Part& part);

/// Writes a part. `is_own`: it came from Gemini's dialect, its `extra` and opaque text count.
/// Precondition: is_own, or `why_not_writable` is empty.
void write_part(json::Writer& json, const Part& part, bool is_own);

void write_thought(json::Writer& json, std::string_view text, std::string_view signature,
                   const Extra* extra);

struct CallStyle {
  bool is_own = false;
  bool writes_id = false;
  std::string_view signature;
};
/// Writes a functionCall part. Arguments that are no JSON object go as `{"_raw": text}`.
void write_call(json::Writer& json, const ToolCall& call, const CallStyle& style);

struct ResultStyle {
  bool is_own = false;
  std::string_view name;
  std::string_view id;  ///< empty = none is written
};
/// Writes a functionResponse part from the texts of `result`; other parts of it are not written.
void write_result(json::Writer& json, const ToolResult& result, const ResultStyle& style);

/// All text of `parts`, joined by newlines.
[[nodiscard]] std::string joined_text(const std::vector<Part>& parts);

}  // namespace weir::wire::gemini
