// SPDX-License-Identifier: Apache-2.0
#include "admin/changes.hpp"

#include <gtest/gtest.h>

namespace weir::admin {
namespace {

TEST(Changes, TakeTheNameOutOfANewProvider) {
  const auto edit = new_provider(R"({"type":"openai", "name":"mine", "limits":{"burst": 3}})");
  ASSERT_TRUE(edit) << edit.error().message;
  EXPECT_EQ(edit->section, "providers");
  EXPECT_EQ(edit->name, "mine");
  EXPECT_TRUE(edit->replaces);
  EXPECT_EQ(edit->json, R"({"type":"openai","limits":{"burst": 3}})");
}

TEST(Changes, NeedAName) {
  EXPECT_EQ(new_provider(R"({"type":"openai"})").error().param, "name");
  EXPECT_EQ(new_provider("[]").error().code, ErrorCode::invalid_request);
  EXPECT_EQ(new_provider("{").error().code, ErrorCode::invalid_json);
}

TEST(Changes, LayFieldsOverAProvider) {
  const auto edit = provider_change("mine", R"({"enabled":false,"limits":null})");
  ASSERT_TRUE(edit);
  EXPECT_FALSE(edit->replaces);
  EXPECT_EQ(edit->json, R"({"enabled":false,"limits":null})");
  EXPECT_FALSE(provider_change("mine", "true"));
}

// The answer of a provider of the attacker's own would show the file's content.
TEST(Changes, ReadNoFilesOfTheMachine) {
  const auto edit = provider_change("mine", R"({"headers":{"x":["a","file:/etc/shadow"]}})");
  ASSERT_FALSE(edit);
  EXPECT_EQ(edit.error().param, "headers.x[1]");
  EXPECT_TRUE(provider_change("mine", R"({"api_key":"env:KEY"})"));
}

TEST(Changes, TakeARouteInEveryFormTheFileHas) {
  EXPECT_EQ(whole_route("smart", R"("a/b")")->json, R"("a/b")");
  EXPECT_EQ(whole_route("smart", R"({"targets":["a/b"]})")->json, R"({"targets":["a/b"]})");
}

TEST(Changes, SetAndClearTheDefaultModel) {
  EXPECT_EQ(default_model(R"({"model":"smart"})")->json, R"("smart")");
  EXPECT_EQ(default_model(R"({"model":""})")->json, "");
  EXPECT_EQ(default_model(R"({"modle":"smart"})").error().param, "model");
  EXPECT_EQ(default_model(R"({"model":"a","x":1})").error().param, "x");
}

TEST(Changes, SetAndClearTheDefaultStrategy) {
  const auto edit = default_strategy(R"({"strategy":"least_latency"})");
  ASSERT_TRUE(edit);
  EXPECT_EQ(edit->name, "strategy");
  EXPECT_EQ(edit->json, R"("least_latency")");
  EXPECT_EQ(default_strategy(R"({"strategy":""})")->json, "");
  EXPECT_FALSE(default_strategy(R"({"strategy":1})"));
}

TEST(Changes, SayWhatATierMeans) {
  const auto edit = meaning("tiers", "cheap", R"({"model":"a/b"})");
  ASSERT_TRUE(edit);
  EXPECT_EQ(edit->section, "tiers");
  EXPECT_EQ(edit->name, "cheap");
  EXPECT_TRUE(edit->replaces);
  EXPECT_EQ(edit->json, R"("a/b")");
  EXPECT_EQ(meaning("tiers", "cheap", "{}").error().param, "model");
}

TEST(Changes, ReloadMayDiscardThem) {
  EXPECT_FALSE(*discards_changes(""));
  EXPECT_TRUE(*discards_changes(R"({"discard_changes":true})"));
  EXPECT_FALSE(discards_changes(R"({"discard_changes":1})"));
}

}  // namespace
}  // namespace weir::admin
