// SPDX-License-Identifier: Apache-2.0
#include "server/cors.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

config::Config config_of(std::vector<std::string> origins) {
  config::Config config;
  config.cors_origins = std::move(origins);
  return config;
}

net::http::RequestHead head_of(std::string_view method, std::string_view origin) {
  net::http::RequestHead head;
  head.method = method;
  if (!origin.empty()) head.fields.add({"Origin", origin});
  return head;
}

TEST(Cors, IsOffWithoutOrigins) {
  const auto head = head_of("POST", "https://app.example");
  EXPECT_EQ(cors_fields(config_of({}), head), "");
  EXPECT_FALSE(is_allowed_origin(config_of({}), "https://app.example"));
}

TEST(Cors, NamesTheOriginThatAsks) {
  const auto config = config_of({"https://app.example", "http://localhost:3000"});
  const std::string fields = cors_fields(config, head_of("POST", "http://localhost:3000"));
  EXPECT_NE(fields.find("access-control-allow-origin: http://localhost:3000\r\n"),
            std::string::npos);
  EXPECT_NE(fields.find("vary: origin\r\n"), std::string::npos);
  EXPECT_EQ(fields.find("credentials"), std::string::npos);
}

// A cache must not hand an answer without leave to a page that has it.
TEST(Cors, VariesAlsoForOthers) {
  const auto config = config_of({"https://app.example"});
  EXPECT_EQ(cors_fields(config, head_of("GET", "")), "vary: origin\r\n");
  EXPECT_EQ(cors_fields(config, head_of("GET", "https://app.example.evil")), "vary: origin\r\n");
}

// E-9: a key that Weir made by itself is not known yet where the configuration is checked.
TEST(Cors, TakesTheStarOnlyWithoutKeys) {
  auto config = config_of({"*"});
  EXPECT_TRUE(is_allowed_origin(config, "https://anything.example"));
  config.keys.emplace_back("secret");
  EXPECT_FALSE(is_allowed_origin(config, "https://anything.example"));
  EXPECT_FALSE(is_allowed_origin(config, "*"));
}

TEST(Preflight, IsOptionsOfAnAllowedOriginThatNamesAMethod) {
  const auto config = config_of({"https://app.example"});
  auto head = head_of("OPTIONS", "https://app.example");
  EXPECT_FALSE(preflight_method(config, head));
  head.fields.add({"Access-Control-Request-Method", "POST"});
  EXPECT_EQ(preflight_method(config, head), "POST");
  head.method = "POST";
  EXPECT_FALSE(preflight_method(config, head));
  auto other = head_of("OPTIONS", "https://other.example");
  other.fields.add({"Access-Control-Request-Method", "POST"});
  EXPECT_FALSE(preflight_method(config, other));
}

TEST(Preflight, AllowsTheMethodOfThePathAndTheFieldsThatAreNamed) {
  auto head = head_of("OPTIONS", "https://app.example");
  head.fields.add({"Access-Control-Request-Headers", "authorization, x-stainless-os"});
  const std::string fields = preflight_fields(head, "POST");
  EXPECT_NE(fields.find("access-control-allow-methods: POST\r\n"), std::string::npos);
  EXPECT_NE(fields.find("access-control-allow-headers: authorization, x-stainless-os\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::server
