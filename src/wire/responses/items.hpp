// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"

/// The items of `input` and `output`.
namespace weir::wire::responses {

/// Reads the items of a list. An assistant message that stands right behind something of the model
/// continues its turn: the format itself has no turns.
std::vector<Item> read_items(json::Value list, const json::Path& path, json::Problem& problem);

/// How an item of an answer is written.
struct OutputStyle {
  std::string_view id;                    ///< used when the item has none
  std::string_view status = "completed";  ///< of items of other dialects
  bool is_own = false;          ///< the item came from this dialect: unknown members go back
  std::string_view logprobs{};  ///< for the first text, a JSON array; empty = none
};

/// Writes an item of an answer. Precondition: `is_output(item)`.
void write_output_item(json::Writer& json, const Item& item, const OutputStyle& style);
/// Items of this kind can stand in an answer. Opaque ones only go back to their own dialect.
bool is_output(const Item& item, bool is_own) noexcept;

/// What ids of this item begin with: `msg`, `fc`, `ctc`, `rs`.
std::string_view id_prefix(const Item& item) noexcept;
/// An item's id from its place in the answer. It holds the answer's id, because clients send items
/// back, and an id twice in one conversation is refused.
std::string derived_item_id(std::string_view prefix, std::string_view answer_id,
                            std::size_t output_index);
/// True for what `derived_item_id` makes: the item was never seen by a server of this dialect.
bool is_derived_item_id(std::string_view id) noexcept;

/// Writes a text or refusal of an answer as a content part.
void write_output_part(json::Writer& json, const Part& part, bool is_own,
                       std::string_view logprobs);

/// Writes `summary`, as a list of summary texts.
void write_summary(json::Writer& json, const std::vector<std::string>& summary);

}  // namespace weir::wire::responses
