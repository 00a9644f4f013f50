// SPDX-License-Identifier: Apache-2.0
#include "wire/responses/passthrough.hpp"

#include <gtest/gtest.h>

namespace weir::wire::responses {
namespace {

Result<RequestPeek> peek_of(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  return peek_request(document.root());
}

TEST(ResponsesPeek, ReadsWhatPolicyNeeds) {
  const auto peek = peek_of(R"({"model":"m","stream":true,"max_output_tokens":7,"user":"u",
    "instructions":"1234","input":[
      {"role":"user","content":[{"type":"input_text","text":"12345"},
        {"type":"input_image","image_url":"http://a/b.png"},{"type":"input_file","file_id":"f"}]},
      {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],
    "text":{"format":{"type":"json_schema","name":"n","schema":{}}},
    "include":["message.output_text.logprobs"],"reasoning":{"effort":"low"}})");
  ASSERT_TRUE(peek) << peek.error().message;
  EXPECT_EQ(peek->model, "m");
  EXPECT_TRUE(peek->stream);
  EXPECT_EQ(peek->output_tokens_max, 7);
  EXPECT_EQ(peek->user, "u");
  EXPECT_EQ(peek->text_bytes, 4u + 5u + 2u);
  EXPECT_EQ(peek->images, 1u);
  EXPECT_TRUE(peek->uses_files && peek->uses_tools && peek->uses_json_schema);
  EXPECT_TRUE(peek->uses_logprobs && peek->asks_reasoning);
  EXPECT_FALSE(peek->has_foreign_items);
}

TEST(ResponsesPeek, WrongTypesAreNamedByTheirPath) {
  const auto path_of = [](std::string_view text) {
    const auto peek = peek_of(text);
    return peek ? std::string("taken") : peek.error().param;
  };
  EXPECT_EQ(path_of(R"({"input":7})"), "input");
  EXPECT_EQ(path_of(R"({"input":[{},7]})"), "input[1]");
  EXPECT_EQ(path_of(R"({"input":"a","stream":"yes"})"), "stream");
  EXPECT_EQ(path_of(R"({"input":"a","api_base":"http://evil"})"), "api_base");
  EXPECT_EQ(path_of(R"({"model":"m"})"), "taken") << "a stored prompt may stand for the input";
}

// A server of this format refuses ids that it never gave, and thoughts that it can't open.
TEST(ResponsesPeek, ItemsOfTranslatedAnswersAreSeen) {
  const auto is_foreign = [](std::string_view item) {
    const auto peek = peek_of(R"({"input":[)" + std::string(item) + "]}");
    return peek && peek->has_foreign_items;
  };
  EXPECT_TRUE(is_foreign(R"({"type":"message","id":"msg_7ab_0","role":"assistant"})"));
  EXPECT_TRUE(is_foreign(R"({"type":"reasoning","id":"rs_1","signature":"EqQB"})"));
  EXPECT_TRUE(is_foreign(R"({"type":"reasoning","format":"anthropic-claude-v1"})"));
  EXPECT_FALSE(is_foreign(R"({"type":"message","id":"msg_68a3f1","role":"assistant"})"));
  EXPECT_FALSE(is_foreign(R"({"type":"reasoning","id":"rs_68a3","encrypted_content":"gAAA"})"));
}

TEST(ResponsesPatch, OnlyTheModelChanges) {
  json::Document document;
  ASSERT_TRUE(document.parse(R"({ "input" : "a\u0041", "model":"smart", "unknown":[ 1,2 ]})"));
  std::string out;
  patch_request(document.root(), {.model = "gpt-x"}, out);
  EXPECT_EQ(out, R"({ "input" : "a\u0041", "model":"gpt-x", "unknown":[ 1,2 ]})");
}

TEST(ResponsesWatch, AWholeAnswerTellsUsageAndEnd) {
  json::Document document;
  ASSERT_TRUE(document.parse(
      R"({"id":"resp_1","status":"completed","output":[{"type":"function_call"}],
      "usage":{"input_tokens":5,"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1}}})"));
  const ResponseWatch watch = watch_response(document.root(), 0);
  EXPECT_TRUE(watch.has_answer);
  EXPECT_EQ(watch.finish, Finish::tool_calls);
  ASSERT_TRUE(watch.usage);
  EXPECT_EQ(watch.usage->input, 5);
  EXPECT_EQ(watch.usage->output_total(), 3);
  ASSERT_TRUE(watch.id);
  EXPECT_EQ(document.text().substr(watch.id->offset, watch.id->size), R"("resp_1")");
  ASSERT_TRUE(document.parse(R"({"object":"list"})"));
  EXPECT_FALSE(watch_response(document.root(), 0).has_answer);
}

TEST(ResponsesWatch, OneThatWasOnlyBegunInTheBackgroundIsAnAnswerWithoutAnEnd) {
  json::Document document;
  ASSERT_TRUE(document.parse(R"({"id":"resp_1","status":"queued","output":[],"usage":null})"));
  const ResponseWatch watch = watch_response(document.root(), 0);
  EXPECT_TRUE(watch.has_answer);
  EXPECT_EQ(watch.finish, Finish::none);
  EXPECT_FALSE(watch.usage);
}

TEST(ResponsesWatch, AStreamCommitsWithItsFirstContentAndEndsWithTheWholeAnswer) {
  const auto watcher = make_stream_watcher(0, 1);
  const FrameWatch begun = watcher->watch(
      "response.created", R"({"type":"response.created","response":{"id":"resp_1"}})");
  EXPECT_FALSE(begun.is_content);
  EXPECT_EQ(begun.answer_id, "resp_1");
  EXPECT_FALSE(watcher->watch("", R"({"type":"response.output_item.added"})").is_content);
  EXPECT_TRUE(
      watcher->watch("", R"({"type":"response.output_text.delta","delta":"a"})").is_content);
  EXPECT_FALSE(watcher->is_complete());
  const FrameWatch end = watcher->watch("response.incomplete", R"({"type":"response.incomplete",
    "response":{"id":"resp_1","status":"incomplete","incomplete_details":{"reason":"content_filter"},
    "output":[],"usage":{"input_tokens":5,"output_tokens":3}}})");
  EXPECT_TRUE(end.is_content && end.is_terminator && watcher->is_complete());
  EXPECT_EQ(end.finish, Finish::content_filter);
  ASSERT_TRUE(end.usage);
  EXPECT_EQ(end.usage->input, 5);
}

// The client may go and come back for it, but not without its id.
TEST(ResponsesWatch, AStreamInTheBackgroundCommitsAtOnce) {
  const auto watcher = make_stream_watcher(0, 1);
  EXPECT_TRUE(watcher
                  ->watch("response.queued",
                          R"({"type":"response.queued","response":{"id":"r","background":true}})")
                  .is_content);
}

TEST(ResponsesWatch, FailuresAreFaults) {
  const auto fault_of = [](std::string_view data) {
    return make_stream_watcher(0, 1)->watch("", data).fault.value_or(UpstreamFault{});
  };
  EXPECT_EQ(fault_of(R"({"type":"response.failed","response":{"status":"failed",
    "error":{"code":"rate_limit_exceeded","message":"slow"}}})")
                .code,
            "rate_limit_exceeded");
  EXPECT_EQ(fault_of(R"({"type":"error","code":"server_error","message":"broken"})").message,
            "broken");
  EXPECT_EQ(fault_of(R"({"type":"error","error":{"message":"nested"}})").message, "nested");
  EXPECT_EQ(fault_of("not json").code, traits(ErrorCode::upstream_malformed).name);
}

}  // namespace
}  // namespace weir::wire::responses
