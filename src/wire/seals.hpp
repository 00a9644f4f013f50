// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "wire/canonical.hpp"

/// Signatures and encrypted thoughts of vendors' models in a conversation.
namespace weir::wire {

/// In the place of a thoughtSignature: Gemini lets a call pass that none of its models made.
/// Source: ai.google.dev/gemini-api/docs/thought-signatures.
inline constexpr std::string_view skip_thought_signature = "skip_thought_signature_validator";

/// Takes the seals out that another vendor than those in `kept` made, and the thoughts under them:
/// without their seal they are refused, and thoughts never become text. Seals of nobody knows whom
/// stay.
void drop_seals(ChatRequest& request, VendorSet kept);

}  // namespace weir::wire
