// SPDX-License-Identifier: Apache-2.0
#include "cli/usage_line.hpp"

#include <gtest/gtest.h>

#include "base/moment.hpp"

namespace weir::cli {
namespace {

Result<UsageLine> read(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  return read_usage_line(document.root());
}

TEST(UsageLine, UnderstandsEveryProvidersUsage) {
  wire::Usage expected;
  expected.input = 200;
  expected.input_cache_read = 1'000;
  expected.output = 250;
  expected.output_reasoning = 50;
  for (const std::string_view text : {
           R"({"model":"m","usage":{"prompt_tokens":1200,"completion_tokens":300,
               "prompt_tokens_details":{"cached_tokens":1000},
               "completion_tokens_details":{"reasoning_tokens":50}}})",
           R"({"model":"m","usage":{"input_tokens":1200,"output_tokens":300,
               "input_tokens_details":{"cached_tokens":1000},
               "output_tokens_details":{"reasoning_tokens":50}}})",
           R"({"model":"m","input_tokens":200,"output_tokens":300,"cache_read_input_tokens":1000,
               "output_tokens_details":{"thinking_tokens":50}})",
           R"({"modelVersion":"m","usageMetadata":{"promptTokenCount":1200,
               "cachedContentTokenCount":1000,"candidatesTokenCount":250,
               "thoughtsTokenCount":50}})",
           R"({"model":"m","input":1200,"cached":1000,"output":300,"reasoning":50})",
       }) {
    const auto line = read(text);
    ASSERT_TRUE(line) << text;
    EXPECT_EQ(line->model, "m") << text;
    EXPECT_EQ(line->usage, expected) << text;
  }
}

TEST(UsageLine, ReadsTheConditionsOfThePrice) {
  const auto line = read(R"({"model":"m","input":1,"batch":true,"at":"2027-01-01T16:30"})");
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->is_batch);
  EXPECT_EQ(line->at, parse_moment("2027-01-01T16:30:00Z"));
}

TEST(UsageLine, RefusesWhatCannotBe) {
  for (const std::string_view text : {R"([])", R"({})", R"({"input":-1})",
                                      R"({"input":1,"cached":2})", R"({"output":1,"reasoning":2})",
                                      R"({"prompt_tokens":1.5})", R"({"input":1,"at":"soon"})"}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

}  // namespace
}  // namespace weir::cli
