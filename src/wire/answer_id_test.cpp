// SPDX-License-Identifier: Apache-2.0
#include "wire/answer_id.hpp"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

TEST(AnswerId, IsInTheStyleOfTheApiThatWasCalled) {
  for (const auto* id : {"chatcmpl-7aB", "msg_7aB", "resp_7aB", "gen-7aB", "req_7aB", "7aB"}) {
    EXPECT_EQ(answer_id_for(Dialect::openai_chat, id), "chatcmpl-7aB") << id;
    EXPECT_EQ(answer_id_for(Dialect::openai_responses, id), "resp_7aB") << id;
    EXPECT_EQ(answer_id_for(Dialect::anthropic, id), "msg_7aB") << id;
    EXPECT_EQ(answer_id_for(Dialect::gemini, id), "7aB") << id;
    EXPECT_EQ(with_id_prefix(completion_id_prefix, id), "cmpl-7aB") << id;
  }
}

TEST(AnswerId, StandsInAnyUrl) {
  EXPECT_EQ(answer_id_for(Dialect::anthropic, "a/b?c d\xc3\xa4"), "msg_a_b_c_d__");
  EXPECT_EQ(answer_id_for(Dialect::openai_chat, "msg_"), "chatcmpl-msg_");
  EXPECT_EQ(answer_id_for(Dialect::openai_chat, ""), "");
}

}  // namespace
}  // namespace weir::wire
