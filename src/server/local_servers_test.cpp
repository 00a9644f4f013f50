// SPDX-License-Identifier: Apache-2.0
#include "server/local_servers.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

using Names = std::vector<std::string>;

TEST(ListedModels, AreReadInEveryDialect) {
  EXPECT_EQ(*listed_models(R"({"object":"list","data":[{"id":"a"},{"id":"b/c"}]})"),
            (Names{"a", "b/c"}));
  EXPECT_EQ(*listed_models(R"({"models":[{"name":"qwen3:8b","model":"qwen3:8b"}]})"),
            Names{"qwen3:8b"});
  EXPECT_EQ(*listed_models(R"({"models":[{"name":"models/gemini-2.5-pro"}]})"),
            Names{"gemini-2.5-pro"});
  EXPECT_EQ(*listed_models(R"([{"id":"x"}])"), Names{"x"});
  EXPECT_EQ(*listed_models(R"({"data":[]})"), Names{});
}

// Many things listen on port 8000, and most of them answer anything with 200.
TEST(ListedModels, AreNotFoundInWhatIsNone) {
  for (const char* body : {"<html>", "{}", R"({"data":{}})", "\"data\"", ""}) {
    EXPECT_FALSE(listed_models(body)) << body;
  }
}

TEST(ListedModels, PassOverEntriesWithoutAName) {
  EXPECT_EQ(*listed_models(R"({"data":[{"id":1},{},3,{"id":"ok"},{"id":""}]})"), Names{"ok"});
}

}  // namespace
}  // namespace weir::server
