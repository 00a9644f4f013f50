// SPDX-License-Identifier: Apache-2.0
#include "config/edits.hpp"

#include <gtest/gtest.h>

#include "config/test_support.hpp"

namespace weir::config {
namespace {

using test::MemoryFiles;

constexpr std::string_view base_yaml = R"(# the gateway of the shop
listen: 127.0.0.1:7000
providers:
  # bought in spring
  openai: { type: openai, api_key: env:OPENAI_API_KEY }
  local:
    type: ollama
    base_url: http://127.0.0.1:11434   # the box under the desk
    limits:
      burst: 3
models:
  smart: openai/gpt-4.1
)";

const Environment environment{{"OPENAI_API_KEY", "sk-0123456789abcdef0123"}};

Edit patch_of(std::string name, std::string json) {
  return {"providers", std::move(name), false, std::move(json)};
}
Edit removal_of(std::string name) { return {"providers", std::move(name), true, ""}; }

Loaded load_with(std::vector<Edit> edits, std::string_view yaml = base_yaml) {
  LoadOptions options;
  options.config_file = "weir.yaml";
  options.edits = std::move(edits);
  return load(options, environment, MemoryFiles{{"weir.yaml", std::string(yaml)}});
}

std::vector<Edit> list_of(std::vector<Edit> edits) {
  std::vector<Edit> all;
  for (Edit& edit : edits) EXPECT_TRUE(add_edit(all, std::move(edit)));
  return all;
}

std::string written(const std::vector<Edit>& edits, std::string_view yaml = base_yaml) {
  const auto text = write_back("weir.yaml", yaml, edits);
  return text ? *text : text.error().message;
}

TEST(Edits, LayTheirValuesOverTheFile) {
  const Loaded loaded = load_with({patch_of("local", R"({"limits":{"concurrency":2}})")});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const ProviderConfig& local = loaded.config.providers[1];
  EXPECT_EQ(local.limits.concurrency, 2);
  EXPECT_EQ(local.limits.burst, 3);
  EXPECT_EQ(loaded.config.source_of("providers.local.limits.concurrency"), "admin API");
  EXPECT_EQ(loaded.config.source_of("providers.local.limits.burst"), "weir.yaml:10");
}

TEST(Edits, TakeAMemberAwayByNull) {
  const Loaded loaded = load_with({patch_of("local", R"({"limits":null})")});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_EQ(loaded.config.providers[1].limits.burst, 0);
}

TEST(Edits, AreCheckedLikeAFile) {
  const Loaded loaded = load_with({patch_of("local", R"({"limits":{"burts":2}})")});
  ASSERT_EQ(loaded.problems.size(), 1u);
  EXPECT_EQ(loaded.problems[0].message(),
            "admin API: providers.local.limits.burts: unknown key 'burts' (did you mean burst?)");
}

// Who holds the admin token only may not make the gateway talk to the inside of the network.
TEST(Edits, MakeNoAddressTheOperatorsOwn) {
  const Loaded loaded =
      load_with({patch_of("new", R"({"type":"custom","base_url":"http://127.0.0.1:9"})"),
                 patch_of("local", R"({"limits":{"burst":1}})")});
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  EXPECT_FALSE(loaded.config.providers[2].address_is_operators);
  EXPECT_TRUE(loaded.config.providers[1].address_is_operators);
}

TEST(Edits, RemoveAProviderWhereverItCameFrom) {
  EXPECT_FALSE(load_with({removal_of("local")}).config.find_provider("local"));
  LoadOptions options;
  options.edits = {removal_of("openai")};
  EXPECT_FALSE(load(options, environment, MemoryFiles{}).config.find_provider("openai"));
}

TEST(Edits, RefuseToRemoveWhatARouteNeeds) {
  const Loaded loaded = load_with({removal_of("openai")});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.report().find("openai/gpt-4.1"), std::string::npos) << loaded.report();
}

TEST(Edits, BeginAnewAfterARemoval) {
  const auto edits = list_of({patch_of("local", R"({"limits":{"concurrency":2}})"),
                              removal_of("local"),
                              {"providers", "local", true, R"({"type":"mock"})"}});
  EXPECT_EQ(edits.size(), 1u);
  const Loaded loaded = load_with(edits);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto index = loaded.config.find_provider("local");
  ASSERT_TRUE(index);
  EXPECT_EQ(loaded.config.providers[*index].limits, UsageLimits{});
}

TEST(Edits, FoldWhatSaysTheSame) {
  EXPECT_EQ(list_of({patch_of("local", R"({"limits":{"burst":1}})"),
                     patch_of("local", R"({"limits":{"burst":2}})")})
                .size(),
            1u);
  // Here the first takes away what the file says of limits; folded, it would come back.
  const auto two = list_of({patch_of("local", R"({"limits":null})"),
                            patch_of("local", R"({"limits":{"concurrency":2}})")});
  EXPECT_EQ(load_with(two).config.providers[1].limits.burst, 0);
}

TEST(Edits, RefuseWhatIsNoJson) {
  std::vector<Edit> edits;
  EXPECT_FALSE(add_edit(edits, patch_of("a", "{")));
  EXPECT_TRUE(edits.empty());
}

// Comments are why people keep a file and don't click; a saved change must not cost them.
TEST(WriteBack, TouchesOnlyTheLinesItConcerns) {
  EXPECT_EQ(written({patch_of("new", R"({"type":"anthropic","api_key":"env:KEY"})")}),
            R"(# the gateway of the shop
listen: 127.0.0.1:7000
providers:
  # bought in spring
  openai: { type: openai, api_key: env:OPENAI_API_KEY }
  local:
    type: ollama
    base_url: http://127.0.0.1:11434   # the box under the desk
    limits:
      burst: 3
  new:
    type: anthropic
    api_key: env:KEY
models:
  smart: openai/gpt-4.1
)");
}

TEST(WriteBack, ReplacesAndRemovesEntries) {
  EXPECT_EQ(written({patch_of("local", R"({"limits":{"burst":5}})"),
                     removal_of("openai"),
                     {"models", "smart", true, R"({"targets":["local/qwen3:8b"]})"},
                     {"", "default_model", true, R"("smart")"}}),
            R"(# the gateway of the shop
listen: 127.0.0.1:7000
providers:
  # bought in spring
  local:
    type: ollama
    base_url: http://127.0.0.1:11434
    limits:
      burst: 5
models:
  smart:
    targets:
      - local/qwen3:8b
default_model: smart
)");
}

TEST(WriteBack, QuotesWhatYamlWouldTakeForSomethingElse) {
  const std::string text = written(
      {patch_of("p", R"({"type":"mock","headers":{"a":"yes","b":"1.50","c":"x: y","d":"#"}})")});
  for (const char* line : {R"(a: "yes")", R"(b: "1.50")", R"(c: "x: y")", R"(d: "#")"}) {
    EXPECT_NE(text.find(line), std::string::npos) << text;
  }
}

TEST(WriteBack, WritesTheWholeAnewWhereTheFileIsOneLine) {
  const std::string text =
      written({removal_of("a")}, "providers: {a: {type: mock}, b: {type: mock}}");
  EXPECT_EQ(text, "providers:\n  b:\n    type: mock\n");
}

TEST(WriteBack, BeginsAFile) {
  EXPECT_EQ(written({{"", "env_providers", true, "true"}, patch_of("a", R"({"type":"mock"})")}, ""),
            "env_providers: true\nproviders:\n  a:\n    type: mock\n");
}

TEST(WriteBack, KeepsJsonJson) {
  const auto text = write_back("weir.json", R"({"providers":{"a":{"type":"mock"}}})",
                               {patch_of("a", R"({"enabled":false})")});
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"({"providers":{"a":{"type":"mock","enabled":false}}})"
                   "\n");
}

}  // namespace
}  // namespace weir::config
