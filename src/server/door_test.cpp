// SPDX-License-Identifier: Apache-2.0
#include "server/door.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::server {
namespace {

/// A request as it came in.
class Asked {
 public:
  explicit Asked(std::string_view path, std::string_view fields = "",
                 std::string_view method = "GET")
      : text_(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nhost: a\r\n" +
              std::string(fields) + "\r\n") {
    std::size_t resume = 0;
    EXPECT_GT(net::http::scan_request_head(text_, {}, head_, resume).consumed, 0U);
    EXPECT_TRUE(net::http::parse_target(head_, target_));
  }
  [[nodiscard]] Door door(Door of_route = Door::shared) const {
    return door_of(of_route, head_, target_);
  }
  [[nodiscard]] std::string credential(Door door) const {
    return credential_of(door, head_, target_);
  }

 private:
  std::string text_;
  net::http::RequestHead head_;
  net::http::Target target_;
};

constexpr std::string_view all_keys =
    "authorization: Bearer token\r\nx-api-key: anthropic\r\napi-key: azure\r\n"
    "x-goog-api-key: google\r\n";

// DESIGN's order: the door's own place, the bearer token, the others.
TEST(CredentialOf, TakesTheDoorsOwnPlaceFirst) {
  const Asked asked("/x?key=query", all_keys);
  EXPECT_EQ(asked.credential(Door::openai), "token");
  EXPECT_EQ(asked.credential(Door::ollama), "token");
  EXPECT_EQ(asked.credential(Door::anthropic), "anthropic");
  EXPECT_EQ(asked.credential(Door::azure), "azure");
  EXPECT_EQ(asked.credential(Door::gemini), "google");
}

TEST(CredentialOf, FallsBackToTheBearerTokenThenToTheOthers) {
  EXPECT_EQ(
      Asked("/x", "authorization: bearer token\r\napi-key: azure\r\n").credential(Door::anthropic),
      "token");
  EXPECT_EQ(Asked("/x", "authorization: Basic abc\r\napi-key: azure\r\n").credential(Door::openai),
            "azure");
  EXPECT_EQ(Asked("/x?key=a%2Fb").credential(Door::openai), "a/b");
  EXPECT_EQ(Asked("/x").credential(Door::gemini), "");
}

TEST(DoorOf, KeepsWhatTheRouteSays) {
  EXPECT_EQ(Asked("/v1/chat/completions", "anthropic-version: x\r\n").door(Door::openai),
            Door::openai);
}

TEST(DoorOf, TellsPathsOfNobodyByTheirFirstSegments) {
  EXPECT_EQ(Asked("/v1beta/nothing").door(), Door::gemini);
  EXPECT_EQ(Asked("/api/nothing").door(), Door::ollama);
  EXPECT_EQ(Asked("/openai/nothing").door(), Door::azure);
  EXPECT_EQ(Asked("/v1/messages/batches").door(), Door::anthropic);
  EXPECT_EQ(Asked("/v1/models/m:predict", "", "POST").door(), Door::gemini);
  EXPECT_EQ(Asked("/v1/models/qwen3:8b").door(), Door::openai) << "a tag, no method";
  EXPECT_EQ(Asked("/v1/nothing").door(), Door::openai);
  EXPECT_EQ(Asked("/").door(), Door::openai);
}

TEST(DoorOf, TellsSharedPathsByTheirHeader) {
  EXPECT_EQ(Asked("/v1/models").door(), Door::openai);
  EXPECT_EQ(
      Asked("/v1/models", "anthropic-version: 2023-06-01\r\nauthorization: Bearer k\r\n").door(),
      Door::anthropic);
  EXPECT_EQ(Asked("/v1/models", "x-api-key: k\r\n").door(), Door::anthropic);
  EXPECT_EQ(Asked("/v1/models", "x-goog-api-key: k\r\n").door(), Door::gemini);
  EXPECT_EQ(Asked("/v1/models?key=k").door(), Door::gemini);
  EXPECT_EQ(Asked("/v1/models", "authorization: Bearer k\r\nx-api-key: k\r\n").door(),
            Door::openai);
}

}  // namespace
}  // namespace weir::server
