// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"

/// Reasoning inside a message or a delta: OpenAI hides it, compatible servers show it as
/// `reasoning_content` or `reasoning` (text) and `reasoning_details` (OpenRouter's list, which also
/// carries signatures and encrypted blocks).
namespace weir::wire::openai {

/// Reads the reasoning of a whole message and appends it to `items`. The members themselves are
/// kept, raw, with the first item: they go back unchanged to the dialect they came from.
void read_reasoning(json::ObjectReader& message, std::vector<Item>& items);

/// Writes the members for `reasoning` into the open message. `keeps_extra`: as they came, if they
/// came from this dialect.
void write_reasoning(json::Writer& json, const std::vector<const Reasoning*>& reasoning,
                     bool keeps_extra);

/// Writes one element of `reasoning_details`.
void write_signed_reasoning(json::Writer& json, std::string_view text, std::string_view signature,
                            Vendor sealed_by);
void write_encrypted_reasoning(json::Writer& json, std::string_view data, Vendor sealed_by);

/// What one entry of `reasoning_details` holds.
struct ReasoningDetail {
  std::string text;                    ///< reasoning.text, reasoning.summary
  std::string signature;               ///< reasoning.text
  std::string encrypted;               ///< reasoning.encrypted
  Vendor sealed_by = Vendor::unknown;  ///< as its `format` says; a piece may leave that out
};
/// Nothing for an entry of another type.
std::optional<ReasoningDetail> read_reasoning_detail(json::Value entry);

/// The text of a `thinking` chunk of Mistral's content arrays.
std::string thinking_text(json::Value chunk);

/// `extra_content.google.thought_signature` of a tool call, as Google's compatible endpoint writes
/// it; empty when there is none.
std::string thought_signature(json::Value call);
void write_thought_signature(json::Writer& json, std::string_view signature);

}  // namespace weir::wire::openai
