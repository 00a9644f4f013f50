// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "wire/openai/passthrough.hpp"

namespace weir::wire::openai {
namespace {

Result<RequestPeek> peek_text(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return peek_request(document.root());
}

std::string patched(std::string_view text, const RequestPatch& patch) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  EXPECT_TRUE(peek_request(document.root()));
  std::string out = "kept:";
  patch_request(document.root(), patch, out);
  return out;
}

std::string refused_at(std::string_view text) {
  const auto peek = peek_text(text);
  return peek ? "taken" : peek.error().param;
}

TEST(PeekRequest, ReadsWhatPolicyNeeds) {
  const auto peek = peek_text(
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":5,
          "max_completion_tokens":7,"n":3,"user":"old","safety_identifier":"new",
          "response_format":{"type":"json_schema"},"logprobs":true,"reasoning_effort":"low",
          "messages":[{"role":"user","content":"12345"},
            {"role":"user","content":[{"type":"text","text":"678"},
              {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAA"}},
              {"type":"input_audio","input_audio":{}},{"type":"file","file":{}}]}],
          "tools":[{}]})");
  ASSERT_TRUE(peek) << peek.error().message;
  EXPECT_EQ(peek->model, "m");
  EXPECT_TRUE(peek->stream);
  EXPECT_TRUE(peek->wants_stream_usage);
  EXPECT_EQ(peek->output_tokens_max, 7);
  EXPECT_EQ(peek->n, 3);
  EXPECT_EQ(peek->user, "new");
  // The text of the messages and the four bytes of the tools; an image is counted, not measured.
  EXPECT_EQ(peek->text_bytes, 8U + 4U);
  EXPECT_EQ(peek->images, 1U);
  EXPECT_TRUE(peek->uses_tools);
  EXPECT_TRUE(peek->uses_audio);
  EXPECT_TRUE(peek->uses_files);
  EXPECT_FALSE(peek->uses_json_object);
  EXPECT_TRUE(peek->uses_json_schema);
  EXPECT_TRUE(peek->uses_logprobs);
  EXPECT_TRUE(peek->asks_reasoning);
}

TEST(PeekRequest, FindsNothingInAPlainRequest) {
  const auto peek = peek_text(R"({"model":"m","messages":[{"role":"user","content":"a"}],
                                  "tools":[],"logprobs":false,"reasoning_effort":null,"n":null})");
  ASSERT_TRUE(peek);
  EXPECT_EQ(peek->n, 1);
  EXPECT_FALSE(peek->uses_tools);
  EXPECT_FALSE(peek->uses_logprobs);
  EXPECT_FALSE(peek->asks_reasoning);
  EXPECT_EQ(peek->output_tokens_max, std::nullopt);
}

// E-5: the same member read twice could be read differently by the next one to look.
TEST(PeekRequest, RefusesDuplicatesOfWhatItReads) {
  EXPECT_EQ(refused_at(R"({"model":"a","model":"b","messages":[]})"), "model");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[{"content":"x","content":"y"}]})"),
            "messages[0].content");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[],"stream":true,
                           "stream_options":{"include_usage":true,"include_usage":false}})"),
            "stream_options.include_usage");
}

TEST(PeekRequest, RefusesMembersThatRouteButNotInsideOtherData) {
  for (const std::string member :
       {"api_base", "base_url", "custom_host", "user_config", "api_key", "extra_headers"}) {
    const std::string pair = "\"" + member + "\":\"x\"";
    EXPECT_EQ(refused_at(R"({"model":"a","messages":[],)" + pair + "}"), member);
    EXPECT_EQ(refused_at(R"({"model":"a","messages":[],"extra_body":{)" + pair + "}}"),
              "extra_body." + member);
    EXPECT_EQ(refused_at(R"({"model":"a","messages":[],"metadata":{)" + pair + "}}"), "taken");
  }
}

TEST(PeekRequest, RefusesWrongTypes) {
  EXPECT_EQ(refused_at(R"({"model":7,"messages":[]})"), "model");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[{"role":"user","content":5}]})"),
            "messages[0].content");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[{"content":"x"}]})"), "messages[0].role");
  EXPECT_EQ(refused_at(R"({"model":"a"})"), "messages");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[7]})"), "messages[0]");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[],"n":0})"), "n");
  EXPECT_EQ(refused_at(R"({"model":"a","messages":[],"stream":"yes"})"), "stream");
}

/// Whether a request of these members and messages meets one of `quirks`.
bool meets(Quirks quirks, std::string_view members, std::string_view messages = "") {
  const std::string text = R"({"model":"a",)" + std::string(members) + R"("messages":[)" +
                           R"({"role":"system","content":"b"},)" + std::string(messages) +
                           R"({"role":"user","content":"c"}]})";
  json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  EXPECT_TRUE(peek_request(document.root())) << text;
  return meets_quirk(document.root(), quirks);
}

TEST(MeetsQuirk, APlainRequestMeetsNoneButTheOneAboutAllMessages) {
  const Quirks all = ~Quirks{0};
  EXPECT_FALSE(meets(all & ~static_cast<Quirks>(Quirk::strict_roles), ""));
  EXPECT_TRUE(meets(Quirks{} | Quirk::strict_roles, ""));
  EXPECT_FALSE(meets(all & ~static_cast<Quirks>(Quirk::strict_roles),
                     R"("max_tokens":5,"temperature":0.5,"tools":[],"stop":["x"],"stream":true,)"));
}

TEST(MeetsQuirk, AMemberMeetsThoseThatAreAboutItAndNoOther) {
  struct Case {
    std::string_view member;
    Quirks quirks;
  };
  const Case cases[] = {
      {R"("max_completion_tokens":5,)", Quirks{} | Quirk::max_tokens_old_name},
      {R"("max_completion\u005ftokens":5,)", Quirks{} | Quirk::max_tokens_old_name},
      {R"("stream_options":{},)", Quirks{} | Quirk::no_stream_options},
      {R"("seed":1,)", Quirks{} | Quirk::seed_is_random_seed},
      {R"("n":2,)", Quirks{} | Quirk::no_n},
      {R"("logprobs":true,)", Quirk::no_logprobs | Quirk::logprobs_is_integer},
      {R"("top_logprobs":2,)", Quirk::no_logprobs | Quirk::logprobs_is_integer},
      {R"("logit_bias":{},)", Quirks{} | Quirk::no_logit_bias},
      {R"("store":true,)", Quirks{} | Quirk::no_metadata},
      {R"("metadata":{},)", Quirks{} | Quirk::no_metadata},
      {R"("parallel_tool_calls":false,)", Quirks{} | Quirk::no_parallel_switch},
      {R"("presence_penalty":1,)", Quirks{} | Quirk::no_penalties},
      {R"("frequency_penalty":1,)", Quirks{} | Quirk::no_penalties},
      {R"("tool_choice":"auto",)", Quirk::no_tool_choice | Quirk::required_is_any},
      {R"("function_call":"auto",)", Quirk::no_tool_choice | Quirk::required_is_any},
      {R"("response_format":{"type":"text"},)", Quirks{} | Quirk::no_json_schema},
      {R"("user":"u",)", Quirks{} | Quirk::no_user},
      {R"("safety_identifier":"u",)", Quirks{} | Quirk::no_user},
  };
  for (const Case& one : cases) {
    for (Quirks quirk = 1; quirk <= static_cast<Quirks>(Quirk::takes_top_k); quirk <<= 1U) {
      if (has(quirk, Quirk::strict_roles)) continue;
      EXPECT_EQ(meets(quirk, one.member), (one.quirks & quirk) != 0) << one.member << quirk;
    }
  }
}

TEST(MeetsQuirk, AMessageMeetsThoseThatAreAboutIt) {
  constexpr std::string_view developer = R"({"role":"developer","content":"d"},)";
  constexpr std::string_view named = R"({"role":"user","name":"n","content":"d"},)";
  constexpr std::string_view calling =
      R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]},)";
  constexpr std::string_view result = R"({"role":"tool","tool_call_id":"1","content":"r"},)";
  EXPECT_TRUE(meets(Quirks{} | Quirk::no_developer_role, "", developer));
  EXPECT_FALSE(meets(Quirk::no_names | Quirk::mistral_ids, "", developer));
  EXPECT_TRUE(meets(Quirks{} | Quirk::no_names, "", named));
  EXPECT_FALSE(meets(Quirk::no_developer_role | Quirk::mistral_ids, "", named));
  EXPECT_TRUE(meets(Quirks{} | Quirk::mistral_ids, "", calling));
  EXPECT_TRUE(meets(Quirks{} | Quirk::mistral_ids, "", result));
  EXPECT_FALSE(meets(Quirk::no_developer_role | Quirk::no_names, "", calling));
}

TEST(PatchRequest, ReplacesTheModelAndLeavesEveryOtherByte) {
  constexpr std::string_view text =
      R"({ "messages" : [ ] , "model":"a\u0062" , "x":1.50, "big": 12345678901234567890 })";
  EXPECT_EQ(patched(text, {.model = "new \"one\""}),
            R"(kept:{ "messages" : [ ] , "model":"new \"one\"" , "x":1.50, )"
            R"("big": 12345678901234567890 })");
  EXPECT_EQ(patched(text, {}), "kept:" + std::string(text));
}

TEST(PatchRequest, AsksForUsageWhateverTheOptionsAre) {
  EXPECT_EQ(patched(R"({"messages":[]})", {.model = "chosen"}),
            R"(kept:{"model":"chosen","messages":[]})");
  const RequestPatch patch{.model = "b", .adds_stream_usage = true};
  EXPECT_EQ(patched(R"({"model":"a","messages":[]})", patch),
            R"(kept:{"model":"b","messages":[],"stream_options":{"include_usage":true}})");
  EXPECT_EQ(patched(R"({"stream_options":null,"model":"a","messages":[]})", patch),
            R"(kept:{"stream_options":{"include_usage":true},"model":"b","messages":[]})");
  EXPECT_EQ(patched(R"({"stream_options":{ },"model":"a","messages":[]})", patch),
            R"(kept:{"stream_options":{"include_usage":true },"model":"b","messages":[]})");
  EXPECT_EQ(patched(R"({"stream_options":{"x":1},"model":"a","messages":[]})", patch),
            R"(kept:{"stream_options":{"include_usage":true,"x":1},"model":"b","messages":[]})");
  EXPECT_EQ(
      patched(R"({"stream_options":{"include_usage":false},"model":"a","messages":[]})", patch),
      R"(kept:{"stream_options":{"include_usage":true},"model":"b","messages":[]})");
}

class WatchFrame : public testing::Test {
 protected:
  FrameWatch watch(std::string_view data) { return watch_frame(data, document_, 0); }
  json::Document document_;
};

TEST_F(WatchFrame, TellsContentFromTheFirstEmptyDelta) {
  EXPECT_FALSE(watch(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})").is_content);
  EXPECT_FALSE(watch(R"({"choices":[{"delta":{"content":null,"tool_calls":[]}}]})").is_content);
  EXPECT_TRUE(watch(R"({"choices":[{"delta":{"content":"a"}}]})").is_content);
  EXPECT_TRUE(watch(R"({"choices":[{"delta":{"reasoning":"a"}}]})").is_content);
  EXPECT_TRUE(watch(R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})").is_content);
  EXPECT_TRUE(watch(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})").is_content);
  EXPECT_FALSE(watch(R"({"choices":[],"prompt_filter_results":[]})").is_content);
  EXPECT_TRUE(watch(R"({"choices":[{"text":"a"}]})").is_content);
  EXPECT_FALSE(watch(R"({"choices":[{"text":""}]})").is_content);
}

TEST_F(WatchFrame, FindsTextOnlyWhereNothingElseIsSaid) {
  const auto plain = watch(
      R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"a\nb"},"logprobs":null,"finish_reason":null}]})");
  ASSERT_TRUE(plain.text.has_value());
  EXPECT_EQ(plain.text->as_string(), "a\nb");
  const auto has_text = [&](std::string_view frame) { return watch(frame).text.has_value(); };
  EXPECT_TRUE(has_text(R"({"choices":[{"delta":{"content":"a","tool_calls":[]}}]})"));
  EXPECT_FALSE(has_text(R"({"choices":[{"index":1,"delta":{"content":"a"}}]})"));
  EXPECT_FALSE(has_text(R"({"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]})"));
  EXPECT_FALSE(has_text(R"({"choices":[{"delta":{"content":"a","reasoning":"b"}}]})"));
  EXPECT_FALSE(has_text(R"({"choices":[{"delta":{"content":"a","refusal":"b"}}]})"));
  EXPECT_FALSE(
      has_text(R"({"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"},"index":1}]})"));
  EXPECT_FALSE(has_text(
      R"({"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}})"));
  EXPECT_FALSE(has_text(R"({"choices":[{"text":"a"}]})"));
}

TEST_F(WatchFrame, ReadsFinishUsageAndTheEnd) {
  const auto finish = watch(
      R"({"choices":[{"finish_reason":null},{"finish_reason":"length"},{"finish_reason":"stop"}]})");
  EXPECT_EQ(finish.finish, Finish::length);
  EXPECT_EQ(finish.finishes, 2U);
  const auto usage = watch(R"({"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})");
  EXPECT_TRUE(usage.is_usage_only);
  EXPECT_EQ(usage.usage.value().input, 3);
  const auto both =
      watch(R"({"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":4}}})");
  EXPECT_FALSE(both.is_usage_only);
  EXPECT_EQ(both.usage.value().input, 4);
  EXPECT_FALSE(watch(R"({"choices":[],"usage":null})").is_usage_only);
  EXPECT_TRUE(watch("[DONE]").is_terminator);
}

TEST_F(WatchFrame, FindsErrorsInEveryDisguise) {
  EXPECT_EQ(watch(R"({"error":{"message":"m","code":500}})").fault.value().status, 500);
  EXPECT_EQ(watch(R"({"choices":[],"x_groq":{"error":"busy"}})").fault.value().message, "busy");
  EXPECT_EQ(watch("{\"choices\":[{").fault.value().code, "upstream_malformed");
  EXPECT_EQ(watch("[1]").fault.value().code, "upstream_malformed");
  EXPECT_EQ(watch(R"({"choices":[],"error":null})").fault, std::nullopt);
}

// It is no end: who takes it for one passes half an answer on as a whole one.
TEST_F(WatchFrame, C1AReasonToFinishMayBeAFailure) {
  const auto overloaded =
      watch(R"({"choices":[{"delta":{},"finish_reason":"insufficient_system_resource"}]})");
  EXPECT_EQ(overloaded.fault.value().type, "overloaded_error");
  EXPECT_EQ(overloaded.finishes, 0);
  EXPECT_FALSE(overloaded.is_content);
  const auto failed = watch(
      R"({"choices":[{"delta":{"content":"x"},"finish_reason":null},{"index":1,"finish_reason":"error"}]})");
  EXPECT_EQ(failed.fault.value().type, "server_error");
}

TEST(WatchResponse, GivesUsageFinishAndWhereTheNamesStand) {
  constexpr std::string_view text =
      R"({"id": "x1","created":7,"model":"m","usage":{"prompt_tokens":3},)"
      R"("choices":[{"finish_reason":"stop","message":{"tool_calls":[{}]}}]})";
  json::Document document;
  ASSERT_TRUE(document.parse(text));
  const auto watch = watch_response(document.root(), 0);
  const auto at = [&](const std::optional<ValueSpan>& span) {
    return text.substr(span.value().offset, span.value().size);
  };
  EXPECT_EQ(at(watch.id), "\"x1\"");
  EXPECT_EQ(at(watch.created), "7");
  EXPECT_EQ(at(watch.model), "\"m\"");
  EXPECT_EQ(watch.usage.value().input, 3);
  EXPECT_EQ(watch.finish, Finish::tool_calls);
}

}  // namespace
}  // namespace weir::wire::openai
