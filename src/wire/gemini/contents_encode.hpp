// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json/writer.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"

namespace weir::wire::gemini {

/// Writes `systemInstruction` and `contents` into the open object of the request.
///
/// Gemini wants turns that alternate, each call answered in the turn right after it, and calls to
/// carry the thought signatures they came with. A conversation from its own dialect is written as
/// it was; any other is brought into that form: leading system text becomes the instruction, later
/// system text a marked part of the user's turn, a call without a result gets an error result.
Result<> write_contents(json::Writer& json, const ChatRequest& request,
                        const EncodeOptions& options, EncodeNotes& notes);

/// True for models that think by level and check thought signatures (Gemini 3 and later); Gemini
/// 2.5 thinks by budget.
[[nodiscard]] bool thinks_by_level(std::string_view model) noexcept;

}  // namespace weir::wire::gemini
