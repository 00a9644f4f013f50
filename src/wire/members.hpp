// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// Raw members on their way through the canonical form: how decoders keep what they have no place
/// for, and how encoders write it back.
namespace weir::wire {

inline Place place_of(json::Value value) {
  return {.offset = static_cast<std::uint32_t>(value.offset())};
}

/// Keeps every member that `reader` was not asked for, nulls included.
void keep_unread(const json::ObjectReader& reader, Extra& extra);

/// Keeps the members of a nested object that `reader` was not asked for, as one object under `key`.
/// Nothing is added when all were read.
void keep_unread_of(const json::ObjectReader& reader, std::string_view key, Extra& extra);

/// Writes `extra` into the open object.
void write_extra(json::Writer& json, const Extra& extra);
/// The same without the members called `skipped`, which the caller merges itself.
void write_extra_except(json::Writer& json, const Extra& extra, std::string_view skipped);

/// Writes the members of `object`, a raw JSON object, into the open object. Anything else, and an
/// empty text, writes nothing.
void write_members_of(json::Writer& json, std::string_view object);

/// Which members of an `extra` a target takes: those of its own dialect, or what others share with
/// it. That is `cache_control`, Anthropic's mark of what a prompt cache is to keep, which means the
/// same on OpenRouter.
enum class Taken : std::uint8_t { nothing, cache_control, everything };

/// The mark in `extra`, raw; nothing where `taken` has no place for it or it says nothing.
[[nodiscard]] const std::string* cache_mark(const Extra& extra, Taken taken);
/// Writes of `extra` what is taken, without the member called `skipped`.
void write_taken(json::Writer& json, const Extra& extra, Taken taken,
                 std::string_view skipped = {});

/// Names every member of `extra` that is not taken as dropped.
void drop_extra(EncodeNotes& notes, const Extra& extra, Taken taken = Taken::nothing);
/// The same of a part or an item, where nobody misses what says nothing: SDKs replay answers with
/// all their empty members (`annotations: []`, `refusal: null`), that they are whole (`status`),
/// and that a tool is an ordinary one (`type: custom`).
void drop_replayed(EncodeNotes& notes, const Extra& extra, Taken taken = Taken::nothing);

/// The entries in `content` of log-probabilities in OpenAI's chat shape, as a JSON array in one
/// line; `[]` when there are none.
[[nodiscard]] std::string logprob_entries(std::string_view logprobs);

/// More than that nobody counts (S-11.8).
inline constexpr std::int64_t told_tokens_max = 1'000'000'000'000;
/// A count of tokens as a provider tells it; 0 where it tells none. One that can't be (negative,
/// not whole, beyond 10¹²) reads as 0 and sets `is_impossible` (S-11.8).
[[nodiscard]] std::int64_t told_count(std::optional<json::Value> value, bool& is_impossible);

/// Appends tool arguments, text from a model, where the format wants an object: byte for byte but
/// for white space, `{}` for an empty text, and what is no object wrapped as `{"_raw":"…"}`.
void append_arguments_object(std::string& out, std::string_view arguments);

}  // namespace weir::wire
