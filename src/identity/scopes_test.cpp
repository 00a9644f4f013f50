// SPDX-License-Identifier: Apache-2.0
#include "identity/scopes.hpp"

#include <gtest/gtest.h>

namespace weir::identity {
namespace {

pipeline::Route route_to(std::string name, std::initializer_list<const char*> targets) {
  pipeline::Route route;
  route.name = std::move(name);
  auto& step = route.steps.emplace_back();
  for (const char* const text : targets) {
    auto target = std::make_shared<pipeline::Target>();
    target->name = text;
    target->model = target->name.substr(target->name.find('/') + 1);
    step.targets.push_back(std::move(target));
  }
  return route;
}

TEST(Patterns, StandForAnyTextWhereTheirStarsAre) {
  EXPECT_TRUE(fits_pattern("openai/*", "openai/gpt-5"));
  EXPECT_TRUE(fits_pattern("*-mini", "openai/gpt-5-mini"));
  EXPECT_TRUE(fits_pattern("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(fits_pattern("*", ""));
  EXPECT_FALSE(fits_pattern("openai/*", "openai"));
  EXPECT_FALSE(fits_pattern("a*b*c", "a-b-c-"));
  EXPECT_FALSE(fits_pattern("", "a"));
}

// A pattern that looks for its end again at every star must not take the time of all their
// combinations.
TEST(Patterns, OfManyStarsTakeNoLongerThanTheirLengthsMultiplied) {
  std::string stars;
  for (int i = 0; i < 64; ++i) stars += "a*";
  EXPECT_FALSE(fits_pattern(stars + "b", std::string(4'096, 'a')));
}

TEST(Scopes, WithoutListsAllowEverything) {
  EXPECT_TRUE(Scopes().allows(route_to("smart", {"openai/gpt"})));
  EXPECT_TRUE(Scopes().allows(EndpointGroup::audio));
}

TEST(Scopes, OfRoutesAllowThemWhereverTheyLead) {
  const Scopes scopes{.routes = {{"smart"}}};
  EXPECT_TRUE(scopes.allows(route_to("smart", {"openai/gpt", "local/qwen"})));
  EXPECT_FALSE(scopes.allows(route_to("openai/gpt", {"openai/gpt"})));
}

// A route is a way to its targets: one of them that is not allowed would be reached through it.
TEST(Scopes, OfModelsAllowARouteOnlyWhenAllItsTargetsMayBeCalled) {
  const Scopes scopes{.models = {{"local/*", "gpt-mini"}}};
  EXPECT_TRUE(scopes.allows(route_to("cheap", {"local/qwen", "openai/gpt-mini"})));
  EXPECT_FALSE(scopes.allows(route_to("smart", {"local/qwen", "openai/gpt"})));
}

TEST(Scopes, Y4_InnerOnesThatGoBeyondTheOuterAreNamed) {
  const Scopes outer{.routes = {{"smart", "cheap-*"}}, .endpoints = 0b11};
  EXPECT_EQ(exceeds({.routes = {{"smart", "cheap-eu*"}}, .endpoints = 0b01}, outer), "");
  EXPECT_EQ(exceeds({.routes = {{"*"}}, .endpoints = 0b01}, outer), "routes");
  EXPECT_EQ(exceeds({.routes = {{"cheap*"}}, .endpoints = 0b01}, outer), "routes");
  EXPECT_EQ(exceeds({.endpoints = 0b01}, outer), "routes");
  EXPECT_EQ(exceeds({.routes = {{"smart"}}, .endpoints = 0b111}, outer), "endpoints");
  EXPECT_EQ(exceeds({.routes = {{"smart"}}}, outer), "endpoints");
  EXPECT_EQ(exceeds(completed({}, outer), outer), "");
}

}  // namespace
}  // namespace weir::identity
