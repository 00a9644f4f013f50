// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/passthrough.hpp"

#include <string>

#include <gtest/gtest.h>

namespace weir::wire::gemini {
namespace {

std::string frame_of(std::string_view part) {
  return R"({"candidates":[{"content":{"role":"model","parts":[)" + std::string(part) +
         R"(]},"index":0}],"usageMetadata":{"promptTokenCount":3},"responseId":"r"})";
}

class WatchFrames : public testing::Test {
 protected:
  FrameWatch watch(const std::string& frame) { return watcher_->watch({}, frame); }
  bool has_text(const std::string& frame) { return watch(frame).text.has_value(); }

  std::unique_ptr<StreamWatcher> watcher_ = make_stream_watcher({}, 1);
};

TEST_F(WatchFrames, FindsTextOnlyWhereNothingElseIsSaid) {
  const std::string plain = frame_of(R"({"text":"a\nb"})");
  const FrameWatch found = watch(plain);
  ASSERT_TRUE(found.text.has_value());
  EXPECT_EQ(found.text->as_string(), "a\nb");
  ASSERT_TRUE(found.usage.has_value());
  EXPECT_EQ(found.usage->input, 3);
  EXPECT_TRUE(found.is_content);

  EXPECT_FALSE(has_text(frame_of(R"({"text":""})")));
  EXPECT_FALSE(has_text(frame_of(R"({"text":"a","thought":true})")));
  EXPECT_FALSE(has_text(frame_of(R"({"text":"a","thoughtSignature":"c2ln"})")));
  EXPECT_FALSE(has_text(frame_of(R"({"text":"a"},{"text":"b"})")));
  EXPECT_FALSE(has_text(frame_of(R"({"functionCall":{"name":"f"}})")));
  EXPECT_FALSE(has_text(R"({"candidates":[{"content":{"parts":[{"text":"a"}]},)"
                        R"("finishReason":"STOP"}]})"));
}

TEST_F(WatchFrames, TakesNoTextOfOneCandidateForThatOfAll) {
  EXPECT_FALSE(has_text(R"({"candidates":[{"content":{"parts":[{"text":"a"}]},"index":1}]})"));
  EXPECT_FALSE(has_text(frame_of(R"({"text":"a"})")));  // there is another candidate by now
}

}  // namespace
}  // namespace weir::wire::gemini
