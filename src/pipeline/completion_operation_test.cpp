// SPDX-License-Identifier: Apache-2.0
#include "pipeline/completion_operation.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::pipeline {
namespace {

std::string refused_at(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  const auto made = CompletionOperation::make(document.root(), "req_1", 0);
  return made ? "taken" : made.error().param;
}

// E-5: the body may go through as it came, so what would route it is stopped at the door.
TEST(CompletionOperation, RefusesMembersThatRoute) {
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a"})"), "taken");
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a","base_url":"x"})"), "base_url");
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a","extra_body":{"api_key":"x"}})"),
            "extra_body.api_key");
}

/// A route of one target for each type; a chat model where that has a chat only.
Route route_of(std::initializer_list<std::string_view> completion_paths) {
  Route route;
  route.steps.emplace_back();
  for (const std::string_view path : completion_paths) {
    auto upstream = std::make_shared<Upstream>();
    upstream->type = "custom";
    auto target = std::make_shared<Target>();
    target->upstream = std::move(upstream);
    target->chat_path = "/chat";
    target->completions_path = path;
    route.steps.front().targets.push_back(std::move(target));
  }
  return route;
}

Parting parting(std::string_view text, const Route& route) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  const auto made = CompletionOperation::make(document.root(), "req_1", 0);
  return made ? (*made)->parting_on(route) : Parting::none;
}

TEST(CompletionOperation, IsPartedWhereNoTargetTakesSeveralPromptsTogether) {
  constexpr std::string_view two = R"({"model":"m","prompt":["a","b"]})";
  EXPECT_EQ(parting(two, route_of({"", ""})), Parting::at_once);
  EXPECT_EQ(parting(two, route_of({"", "/completions"})), Parting::after_failure);
  EXPECT_EQ(parting(two, route_of({"/completions"})), Parting::none);
  EXPECT_EQ(parting(R"({"model":"m","prompt":["a"]})", route_of({""})), Parting::none);
  EXPECT_EQ(parting(R"({"model":"m","prompt":[1,2]})", route_of({""})), Parting::none)
      << "one, as tokens";
  Route voiceless = route_of({""});
  auto target = std::make_shared<Target>(*voiceless.steps.front().targets.front());
  target->chat_path.clear();
  voiceless.steps.front().targets.front() = target;
  EXPECT_EQ(parting(two, voiceless), Parting::none) << "it would be refused one by one, too";
}

}  // namespace
}  // namespace weir::pipeline
