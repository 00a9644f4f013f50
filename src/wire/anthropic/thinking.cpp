// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/thinking.hpp"

#include <algorithm>

#include "wire/field_names.hpp"

namespace weir::wire::anthropic {
namespace {

using Type = ThinkingPlan::Type;

constexpr std::int64_t budget_tokens_min = 1024;

/// An Anthropic client's settings, kept as they are but for what the target's generation refuses.
ThinkingPlan native_plan(const ReasoningSettings& wish, const ModelTraits& traits,
                         const ThinkingLimits& limits, EncodeNotes& notes) {
  ThinkingPlan plan;
  plan.effort = wish.effort;
  if (!wish.enabled) return plan;
  if (!*wish.enabled) {
    plan.type = Type::disabled;
  } else if (!wish.budget_tokens) {
    plan.type = Type::adaptive;
  } else if (traits.takes_sampling && limits.has_lost_thoughts) {
    notes.drop("thinking");
  } else if (traits.takes_sampling) {
    plan.type = Type::enabled;
    plan.budget_tokens = *wish.budget_tokens;
  } else {
    plan.type = Type::adaptive;
    if (!plan.effort) plan.effort = effort_of_budget(*wish.budget_tokens);
    notes.drop("thinking.budget_tokens");
  }
  return plan;
}

bool is_wanted(const ReasoningSettings& wish) {
  if (wish.enabled) return *wish.enabled;
  if (wish.effort) return *wish.effort != Effort::none;
  return wish.budget_tokens && *wish.budget_tokens != 0;
}

Effort effort_of(const ReasoningSettings& wish) {
  const Effort effort = wish.effort.value_or(effort_of_budget(wish.budget_tokens.value_or(-1)));
  return std::max(effort, Effort::low);  // the lowest word there is
}

std::int64_t budget_of(const ReasoningSettings& wish, const ThinkingLimits& limits) {
  const std::int64_t wanted = wish.budget_tokens && *wish.budget_tokens > 0
                                  ? *wish.budget_tokens
                                  : wire::budget_of(effort_of(wish));
  if (wanted < limits.output_tokens_max) return std::max(wanted, budget_tokens_min);
  // Half of the room is left to the answer, where the least budget allows it.
  return std::max(limits.output_tokens_max / 2, budget_tokens_min);
}

}  // namespace

ThinkingPlan plan_thinking(const ChatRequest& request, const ModelTraits& traits,
                           const ThinkingLimits& limits, EncodeNotes& notes) {
  const ReasoningSettings& wish = request.reasoning;
  if (request.origin == Dialect::anthropic) return native_plan(wish, traits, limits, notes);
  // Left out, thinking is off; some models refuse to be told so.
  if (!is_wanted(wish)) return {};
  ThinkingPlan plan;
  // A loop whose thoughts are lost can go on adaptively only.
  const bool is_budgeted = traits.takes_sampling;
  const bool is_hindered = !traits.reasons || limits.is_call_forced || limits.ends_in_prefill ||
                           (is_budgeted && limits.has_lost_thoughts);
  if (!is_hindered && !is_budgeted) {
    plan.type = Type::adaptive;
    plan.effort = effort_of(wish);
  } else if (!is_hindered && limits.output_tokens_max > budget_tokens_min) {
    plan.type = Type::enabled;
    plan.budget_tokens = budget_of(wish, limits);
  } else {
    notes.drop(reasoning_field(request));
  }
  return plan;
}

}  // namespace weir::wire::anthropic
