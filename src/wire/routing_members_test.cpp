// SPDX-License-Identifier: Apache-2.0
#include "wire/routing_members.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

/// The path of the refused member; empty when the body passes.
std::string refused_at(std::string_view body) {
  json::Document document;
  EXPECT_TRUE(document.parse(body));
  json::Problem problem;
  refuse_routing_members(document.root(), problem);
  if (!problem.is_set()) return {};
  EXPECT_EQ(problem.error().code, ErrorCode::invalid_request);
  return problem.error().param;
}

// E-5: a client must not choose where its request goes, nor with whose key.
TEST(RoutingMembers, AreRefusedOnTopAndInExtraBody) {
  EXPECT_EQ(refused_at(R"({"model":"m","api_base":"http://10.0.0.1"})"), "api_base");
  EXPECT_EQ(refused_at(R"({"base_url":null})"), "base_url");
  EXPECT_EQ(refused_at(R"({"extra_body":{"user_config":{}}})"), "extra_body.user_config");
  EXPECT_EQ(refused_at(R"({"\u0061pi_key":"k"})"), "api_key") << "escapes spell the same name";
}

TEST(RoutingMembers, PassWhereTheyAreTheClientsOwnData) {
  EXPECT_EQ(refused_at(R"({"model":"m","messages":[]})"), "");
  EXPECT_EQ(refused_at(R"({"tools":[{"function":{"parameters":{"api_key":{}}}}]})"), "");
  EXPECT_EQ(refused_at(R"({"metadata":{"base_url":"x"},"extra_body":{"a":{"api_key":1}}})"), "");
  EXPECT_EQ(refused_at(R"({"API_KEY":"x","extra_body":"api_key"})"), "");
}

}  // namespace
}  // namespace weir::wire
