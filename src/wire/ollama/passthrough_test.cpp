// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/passthrough.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir::wire::ollama {
namespace {

std::string line_of(std::string_view members) {
  return R"({"model":"m","message":{"role":"assistant",)" + std::string(members) +
         R"(,"done":false})";
}

class WatchLines : public testing::Test {
 protected:
  FrameWatch watch(const std::string& line) { return watcher_->watch({}, line); }
  bool has_text(const std::string& line) { return watch(line).text.has_value(); }

  std::unique_ptr<StreamWatcher> watcher_ = make_stream_watcher({}, 1);
};

TEST_F(WatchLines, FindTextOnlyWhereNothingElseIsSaid) {
  const std::string plain = line_of(R"("content":"a\nb"})");
  const FrameWatch found = watch(plain);
  ASSERT_TRUE(found.text.has_value());
  EXPECT_EQ(found.text->as_string(), "a\nb");
  EXPECT_TRUE(found.is_content);

  EXPECT_FALSE(has_text(line_of(R"("content":""})")));
  EXPECT_FALSE(has_text(line_of(R"("content":"a","thinking":"b"})")));
  EXPECT_FALSE(has_text(line_of(R"("content":"a","tool_calls":[{"function":{"name":"f"}}]})")));
  EXPECT_FALSE(has_text(line_of(R"("content":"a"},"logprobs":[])")));
  EXPECT_FALSE(has_text(R"({"response":"a","done":false})"));
  EXPECT_FALSE(has_text(R"({"message":{"role":"assistant","content":"a"},"done":true})"));
}

}  // namespace
}  // namespace weir::wire::ollama
