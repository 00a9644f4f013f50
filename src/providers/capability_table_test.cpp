// SPDX-License-Identifier: Apache-2.0
#include "providers/capability_table.hpp"

#include <gtest/gtest.h>

namespace weir::providers {
namespace {

using Value = CapabilityTable::Value;

constexpr Capabilities set_of(std::initializer_list<Capability> capabilities) {
  Capabilities set = 0;
  for (const Capability one : capabilities) {
    set = static_cast<Capabilities>(set | static_cast<Capabilities>(one));
  }
  return set;
}

TEST(CapabilityTable, IsUnknownUntilSomebodySpeaks) {
  const CapabilityTable table;
  for (const CapabilityName& row : capability_names) {
    EXPECT_EQ(table.of(row.capability), (Value{Tri::unknown, FactSource::none})) << row.name;
  }
}

TEST(CapabilityTable, TheLaterSourceWinsValueByValue) {
  CapabilityTable table;
  table.lay_over({.yes = set_of({Capability::tools, Capability::vision}), .no = 0},
                 FactSource::catalog);
  StatedCapabilities said;
  said.say(Capability::vision, false);
  table.lay_over(said, FactSource::configuration);
  EXPECT_EQ(table.of(Capability::tools), (Value{Tri::yes, FactSource::catalog}));
  EXPECT_EQ(table.of(Capability::vision), (Value{Tri::no, FactSource::configuration}));
  EXPECT_EQ(table.of(Capability::audio), Value{});
}

TEST(CapabilityTable, SayingItAgainTakesTheFirstWordBack) {
  StatedCapabilities said;
  said.say(Capability::tools, true);
  said.say(Capability::tools, false);
  EXPECT_EQ(said, (StatedCapabilities{.yes = 0, .no = set_of({Capability::tools})}));
}

// The catalog's lists are complete for what they can name; nobody ever lists `n` or logprobs.
TEST(CapabilityTable, AListDeniesWhatItCouldHaveNamed) {
  CapabilityTable table;
  table.lay_over(stated_by_list(set_of({Capability::chat, Capability::tools})),
                 FactSource::catalog);
  EXPECT_EQ(table.can(Capability::tools), Tri::yes);
  EXPECT_EQ(table.can(Capability::prompt_cache), Tri::no);
  EXPECT_EQ(table.can(Capability::prefill), Tri::unknown);
  EXPECT_EQ(table.can(Capability::logprobs), Tri::unknown);
  EXPECT_EQ(stated_by_list(set_of({Capability::logprobs})).no & set_of({Capability::logprobs}), 0);
}

// S-9.11: a model that refuses the turn would break the stream it should mend.
TEST(CapabilityRules, OnlyOlderClaudesTakeAnUnfinishedTurn) {
  EXPECT_EQ(prefill_rule("anthropic", "claude-sonnet-4-5-20250929"), Tri::yes);
  EXPECT_EQ(prefill_rule("anthropic", "claude-opus-4-20250514"), Tri::yes);
  EXPECT_EQ(prefill_rule("anthropic", "claude-opus-4-6"), Tri::no);
  EXPECT_EQ(prefill_rule("anthropic", "claude-opus-5"), Tri::no);
  EXPECT_EQ(prefill_rule("openai", "gpt-4o"), Tri::no);
  EXPECT_EQ(prefill_rule("openrouter", "anthropic/claude-sonnet-4.5"), Tri::unknown);
  EXPECT_EQ(prefill_rule("ollama", "qwen3:8b"), Tri::unknown);
}

TEST(CapabilityRules, SeveralChoicesNeedADialectThatCanAskForThem) {
  const auto n_at = [](std::string_view provider, wire::Dialect dialect) {
    CapabilityTable table;
    table.lay_over(capability_rules(provider, dialect, "m"), FactSource::rule);
    return table.can(Capability::several_choices);
  };
  EXPECT_EQ(n_at("openai", wire::Dialect::openai_chat), Tri::yes);
  EXPECT_EQ(n_at("openai", wire::Dialect::openai_responses), Tri::no);
  EXPECT_EQ(n_at("groq", wire::Dialect::openai_chat), Tri::no);
  EXPECT_EQ(n_at("anthropic", wire::Dialect::anthropic), Tri::no);
  EXPECT_EQ(n_at("vllm", wire::Dialect::openai_chat), Tri::unknown);
}

TEST(CapabilityRules, FineTunedAndDatedIdsFollowTheirBase) {
  const auto logprobs = [](std::string_view model) {
    CapabilityTable table;
    table.lay_over(capability_rules("openai", wire::Dialect::openai_chat, model), FactSource::rule);
    return table.can(Capability::logprobs);
  };
  EXPECT_EQ(logprobs("gpt-4o-mini"), Tri::yes);
  EXPECT_EQ(logprobs("ft:gpt-4o-mini-2024-07-18:acme::abc"), Tri::yes);
  EXPECT_EQ(logprobs("gpt-5.6-sol"), Tri::unknown);
}

}  // namespace
}  // namespace weir::providers
