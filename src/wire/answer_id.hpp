// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "wire/canonical.hpp"

/// Ids of answers, as each API calls its own. SDKs and their users' tables know them by their
/// beginning.
namespace weir::wire {

/// Of answers to OpenAI's legacy completions.
inline constexpr std::string_view completion_id_prefix = "cmpl-";

/// `id`, which another kind of provider or the gateway gave, with `prefix` in the place of its own.
/// The same for the same id; an empty one stays empty.
std::string with_id_prefix(std::string_view prefix, std::string_view id);

/// The same, in the style of `client`: `chatcmpl-…`, `resp_…`, `msg_…`, Gemini's without a prefix.
/// Ollama's clients see no ids: theirs stay.
std::string answer_id_for(Dialect client, std::string_view id);

}  // namespace weir::wire
