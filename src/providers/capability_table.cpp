// SPDX-License-Identifier: Apache-2.0
#include "providers/capability_table.hpp"

#include <algorithm>

namespace weir::providers {
namespace {

struct Rule {
  std::string_view provider;      ///< empty: any
  std::string_view model_prefix;  ///< empty: any
  Capability capability;
  bool is_there;
};

// The first that fits decides. Mistral and DeepSeek go on from a turn only where it is marked with
// a member of their own, which is not sent to them: they stay unknown.
// Source: the providers' reference pages, gathered 2026-11.
// clang-format off
constexpr std::array rules{
    Rule{"anthropic", "claude-3",          Capability::prefill, true},
    Rule{"anthropic", "claude-opus-4-2",   Capability::prefill, true},  // claude-opus-4-20250514
    Rule{"anthropic", "claude-sonnet-4-2", Capability::prefill, true},
    Rule{"anthropic", "claude-opus-4-1",   Capability::prefill, true},
    Rule{"anthropic", "claude-opus-4-5",   Capability::prefill, true},
    Rule{"anthropic", "claude-sonnet-4-5", Capability::prefill, true},
    Rule{"anthropic", "claude-haiku-4-5",  Capability::prefill, true},
    Rule{"anthropic", "claude",            Capability::prefill, false},
    Rule{"openai",    "",                  Capability::prefill, false},
    Rule{"azure",     "",                  Capability::prefill, false},
    Rule{"openai",    "",                  Capability::several_choices, true},
    Rule{"azure",     "",                  Capability::several_choices, true},
    Rule{"gemini",    "",                  Capability::several_choices, true},
    Rule{"groq",      "",                  Capability::several_choices, false},
    Rule{"openai",    "gpt-4",             Capability::logprobs, true},
    Rule{"openai",    "gpt-3.5",           Capability::logprobs, true},
    Rule{"azure",     "gpt-4",             Capability::logprobs, true},
    Rule{"groq",      "",                  Capability::logprobs, false},
};
// clang-format on

/// The id that a fine-tuned model was made from.
std::string_view base_of(std::string_view model) {
  constexpr std::string_view prefix = "ft:";
  if (!model.starts_with(prefix)) return model;
  model.remove_prefix(prefix.size());
  return model.substr(0, model.find(':'));
}

Tri by_rule(std::string_view provider, std::string_view model, Capability capability) {
  const std::string_view base = base_of(model);
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& candidate) {
    return candidate.capability == capability &&
           (candidate.provider.empty() || candidate.provider == provider) &&
           base.starts_with(candidate.model_prefix);
  });
  if (rule == rules.end()) return Tri::unknown;
  return rule->is_there ? Tri::yes : Tri::no;
}

/// What requests in these dialects have no member for.
bool can_say_n(wire::Dialect dialect) {
  return dialect == wire::Dialect::openai_chat || dialect == wire::Dialect::gemini;
}

}  // namespace

std::string_view name(Tri value) noexcept {
  switch (value) {
    case Tri::no:
      return "no";
    case Tri::yes:
      return "yes";
    case Tri::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view name(FactSource source) noexcept {
  switch (source) {
    case FactSource::none:
      return "unknown";
    case FactSource::rule:
      return "rule";
    case FactSource::catalog:
      return "catalog";
    case FactSource::detection:
      return "detection";
    case FactSource::configuration:
      return "configuration";
    case FactSource::learnt:
      return "learnt";
  }
  return "unknown";
}

StatedCapabilities stated_by_list(Capabilities listed) noexcept {
  constexpr auto nameable =
      static_cast<Capabilities>(static_cast<Capabilities>(Capability::prefill) - 1);
  return {.yes = listed, .no = static_cast<Capabilities>(nameable & ~listed)};
}

Tri prefill_rule(std::string_view provider, std::string_view model) noexcept {
  return by_rule(provider, model, Capability::prefill);
}

StatedCapabilities capability_rules(std::string_view provider, wire::Dialect dialect,
                                    std::string_view model) noexcept {
  StatedCapabilities stated;
  for (const Capability capability :
       {Capability::prefill, Capability::several_choices, Capability::logprobs}) {
    const Tri value = by_rule(provider, model, capability);
    if (value != Tri::unknown) stated.say(capability, value == Tri::yes);
  }
  if (!can_say_n(dialect)) stated.say(Capability::several_choices, false);
  if (dialect == wire::Dialect::anthropic) stated.say(Capability::logprobs, false);
  return stated;
}

void CapabilityTable::lay_over(const StatedCapabilities& stated, FactSource source) noexcept {
  for (const CapabilityName& row : capability_names) {
    if (has(stated.yes, row.capability)) values_[index(row.capability)] = {Tri::yes, source};
    if (has(stated.no, row.capability)) values_[index(row.capability)] = {Tri::no, source};
  }
}

}  // namespace weir::providers
