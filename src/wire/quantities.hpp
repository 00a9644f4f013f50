// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// S-11.7: the most that a client may ask for, whatever the dialect. What is above is refused; what
/// is below can be added up and multiplied by any price without coming near the end of an integer.
namespace weir::wire {

/// Of output, or of reasoning: far more than any model gives, and what 32 bits hold.
inline constexpr std::int64_t tokens_asked_max = 2'147'483'647;
/// Answers to one prompt.
inline constexpr std::int64_t choices_max = 128;
/// Of an embedding's vector.
inline constexpr std::int64_t dimensions_max = 65'536;

}  // namespace weir::wire
