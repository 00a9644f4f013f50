// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::wire::anthropic {

/// How a request's wish for reasoning is told to the model.
struct ThinkingPlan {
  enum class Type : std::uint8_t { unset, adaptive, enabled, disabled };
  Type type = Type::unset;
  std::int64_t budget_tokens = 0;  ///< enabled
  std::optional<Effort> effort;    ///< of output_config
};

/// What of the request stands against thinking.
struct ThinkingLimits {
  std::int64_t output_tokens_max = 0;  ///< the budget must stay below it
  bool is_call_forced = false;
  bool ends_in_prefill = false;
  bool has_lost_thoughts = false;  ///< those that led to the calls whose results come last
};

/// Chooses between the two ways of asking: the models that refuse sampling settings (all after
/// Opus 4.6) are the ones that think adaptively, guided by an effort; older ones take a budget.
/// A wish that can't be met is dropped with a note.
ThinkingPlan plan_thinking(const ChatRequest& request, const ModelTraits& traits,
                           const ThinkingLimits& limits, EncodeNotes& notes);

}  // namespace weir::wire::anthropic
