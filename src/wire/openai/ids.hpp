// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::wire::openai {

/// An id for a call that came without one: `call_` and 24 characters, the same for the same answer
/// (`seed`), choice and ordinal. Chance is not available here and would make a decoded stream
/// differ each time.
std::string made_up_call_id(std::string_view seed, std::uint64_t choice, std::uint64_t ordinal);

/// The id as Mistral takes it, nine of [A-Za-z0-9]: such an id stays, any other is hashed, so that
/// a call and its result still agree.
/// Source: Mistral error 3280, "tool call id must be a-z, A-Z, 0-9, with a length of 9".
std::string mistral_call_id(std::string_view id);

}  // namespace weir::wire::openai
