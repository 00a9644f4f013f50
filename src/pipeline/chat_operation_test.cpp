// SPDX-License-Identifier: Apache-2.0
#include "pipeline/chat_operation.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "pipeline/codecs.hpp"
#include "tokens/counter.hpp"

namespace weir::pipeline {
namespace {

/// An OpenAI client's chat, and a target that takes unfinished turns.
class ChatOperationTest : public testing::Test {
 protected:
  ChatOperationTest() {
    auto upstream = std::make_shared<Upstream>();
    upstream->type = "custom";
    target.upstream = std::move(upstream);
    target.model = "m";
    target.traits.takes_prefill = true;
  }

  ChatOperation operation_of(std::string_view text,
                             wire::Dialect client = wire::Dialect::openai_chat) {
    EXPECT_TRUE(document_.parse(text));
    ChatAsk ask;
    ask.client = client;
    ask.root = document_.root();
    auto peek = codec_of(ask.client).peek_request(ask.root);
    EXPECT_TRUE(peek);
    if (peek) ask.peek = *std::move(peek);
    return ChatOperation(std::move(ask));
  }

  /// What `operation` asks of the target after `answer`; 0: for no limit.
  std::int64_t limit_after(ChatOperation& operation, std::string answer,
                           std::string thoughts = {}) {
    const auto outgoing = operation.prepare_prefilled(
        target, {.text = std::move(answer), .others = std::move(thoughts)});
    if (!outgoing) return -1;
    return limit_of(outgoing->body).value_or(0);
  }

  Target target;

 private:
  static std::optional<std::int64_t> limit_of(std::string_view body) {
    json::Document document;
    if (!document.parse(body)) return -1;
    const auto request = codec_of(wire::Dialect::openai_chat).decode_request(document.root());
    return request ? request->output_tokens_max : -1;
  }

  json::Document document_;
};

constexpr std::string_view limited =
    R"({"model":"m","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"hi"}]})";
constexpr std::string_view unlimited =
    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]})";

/// Of so many tokens, by any counter.
std::string words(int count) {
  std::string text = "one";
  for (int i = 1; i < count; ++i) text += " one";
  return text;
}

// Every byte but the model's name.
TEST_F(ChatOperationTest, ARequestPassesWhereNoQuirkOfTheTargetIsAboutIt) {
  auto upstream = std::make_shared<Upstream>();
  upstream->type = "custom";
  upstream->quirks = wire::Quirk::max_tokens_old_name | wire::Quirk::no_developer_role |
                     wire::Quirk::no_stream_options;
  target.upstream = std::move(upstream);
  constexpr std::string_view odd =
      R"({ "x":1.50 ,"model":"m", "max_tokens":5,"stream":true, "messages":[ {"role":"user",)"
      R"("content":"\u0068i"} ] })";
  ChatOperation passing = operation_of(odd);
  const auto passed = passing.prepare(target);
  ASSERT_TRUE(passed);
  EXPECT_EQ(passed->body, odd);

  ChatOperation meeting = operation_of(
      R"({"model":"m", "max_completion_tokens":5,"messages":[{"role":"developer","content":"d"},)"
      R"({"role":"user","content":"hi"}]})");
  const auto rebuilt = meeting.prepare(target);
  ASSERT_TRUE(rebuilt);
  EXPECT_NE(rebuilt->body.find(R"("max_tokens":5)"), std::string::npos) << rebuilt->body;
  EXPECT_NE(rebuilt->body.find(R"({"role":"system","content":"d"})"), std::string::npos);
}

// S-9.11: both answers together are within what the client allowed.
TEST_F(ChatOperationTest, S911APrefilledAnswerGetsWhatTheFirstHasLeft) {
  ChatOperation operation = operation_of(limited);
  const auto& counter = tokens::counter_for("custom", "m");
  const std::int64_t said = counter.estimate(words(20));
  ASSERT_GT(said, 10);
  EXPECT_EQ(limit_after(operation, words(20)), 50 - said);
  EXPECT_EQ(limit_after(operation, "one"), 49);
}

// A limit is for the thoughts, too: what they took is gone.
TEST_F(ChatOperationTest, S911APrefilledAnswerGetsNothingForWhatWasThoughtBefore) {
  ChatOperation operation = operation_of(limited);
  const auto& counter = tokens::counter_for("custom", "m");
  const std::int64_t thought = counter.estimate(words(30));
  ASSERT_GT(thought, 15);
  EXPECT_EQ(limit_after(operation, "one", words(30)), 49 - thought);
  EXPECT_EQ(limit_after(operation, "one", words(500)), 1);
}

TEST_F(ChatOperationTest, S911APrefilledAnswerIsAlwaysAskedForSomething) {
  ChatOperation operation = operation_of(limited);
  EXPECT_EQ(limit_after(operation, words(500)), 1);
}

TEST_F(ChatOperationTest, S911APrefilledAnswerHasNoLimitWhereTheClientNamedNone) {
  ChatOperation operation = operation_of(unlimited);
  EXPECT_EQ(limit_after(operation, words(20)), 0);
  operation.limit_output(70);
  EXPECT_EQ(limit_after(operation, words(20)), 70) << "what was set aside for the attempt";
}

struct Refused {
  wire::Dialect client;
  std::string_view text;
  std::string_view field;
};
constexpr std::array refused_parts{
    Refused{wire::Dialect::openai_chat,
            R"({"model":"m","messages":[{"role":"system","content":"be brief"},
                {"role":"user","content":[{"type":"text","text":"see"},
                 {"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]})",
            "messages[1].content[1]"},
    Refused{
        wire::Dialect::openai_responses,
        R"({"model":"m","input":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
                {"role":"user","content":[{"type":"input_image",
                 "image_url":"https://example.com/a.png"}]}]})",
        "input[2].content[0]"},
    Refused{wire::Dialect::openai_responses,
            R"({"model":"m","input":[{"role":"user","content":"a"},
                {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
                {"type":"function_call_output","call_id":"c","output":[{"type":"input_image",
                 "image_url":"https://example.com/a.png"}]}]})",
            "input[2].output[0]"},
    Refused{wire::Dialect::openai_responses,
            R"({"model":"m","input":[{"role":"user","content":"a"},
                {"type":"web_search_call","id":"ws_1","status":"completed"}]})",
            "input[1]"},
    Refused{wire::Dialect::anthropic,
            R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[
                {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]})",
            "messages[0].content[0]"},
    Refused{wire::Dialect::anthropic,
            R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},
                {"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[
                 {"type":"text","text":"see"},
                 {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]}]})",
            "messages[2].content[0].content[1]"},
    Refused{wire::Dialect::gemini,
            R"({"contents":[{"role":"user","parts":[{"text":"see"},
                {"fileData":{"mimeType":"image/png","fileUri":"https://example.com/a.png"}}]}]})",
            "contents[0].parts[1]"},
    Refused{wire::Dialect::gemini,
            R"({"contents":[{"role":"user","parts":[{"executableCode":{"code":"1"}}]}]})",
            "contents[0].parts[0]"},
};

// A refusal is of no help to a client that does not say which of twenty pictures it is about.
TEST_F(ChatOperationTest, NamesThePartThatATargetsDialectCanNotSay) {
  target.dialect = wire::Dialect::ollama;
  for (const Refused& refused : refused_parts) {
    ChatOperation operation = operation_of(refused.text, refused.client);
    const auto prepared = operation.prepare(target);
    ASSERT_FALSE(prepared) << refused.text;
    EXPECT_EQ(prepared.error().code, ErrorCode::unsupported_capability);
    EXPECT_EQ(prepared.error().param, refused.field) << refused.text;
  }
}

TEST_F(ChatOperationTest, NamesThePartInEveryTargetsRefusal) {
  constexpr std::string_view sound =
      R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":[
          {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]})";
  for (const wire::Dialect dialect :
       {wire::Dialect::openai_responses, wire::Dialect::anthropic, wire::Dialect::ollama}) {
    target.dialect = dialect;
    ChatOperation operation = operation_of(sound);
    const auto prepared = operation.prepare(target);
    ASSERT_FALSE(prepared) << name(dialect);
    EXPECT_EQ(prepared.error().param, "messages[1].content[0]") << name(dialect);
  }
  constexpr std::string_view file =
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document",
          "source":{"type":"url","url":"https://example.com/a.pdf"}}]}]})";
  for (const wire::Dialect dialect : {wire::Dialect::openai_chat, wire::Dialect::gemini}) {
    target.dialect = dialect;
    ChatOperation operation = operation_of(file, wire::Dialect::anthropic);
    const auto prepared = operation.prepare(target);
    ASSERT_FALSE(prepared) << name(dialect);
    EXPECT_EQ(prepared.error().param, "messages[0].content[0]") << name(dialect);
  }
}

struct RefusedTool {
  wire::Dialect client;
  wire::Dialect target;
  std::string_view text;
  std::string_view field;
};
constexpr std::array refused_tools{
    RefusedTool{wire::Dialect::openai_chat, wire::Dialect::anthropic,
                R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[
                    {"type":"function","function":{"name":"f"}},
                    {"type":"custom","custom":{"name":"g"}}]})",
                "tools[1]"},
    RefusedTool{wire::Dialect::openai_chat, wire::Dialect::gemini,
                R"({"model":"m","messages":[{"role":"user","content":"a"}],"functions":[
                    {"name":"f"},{"name":"find it"}]})",
                "functions[1]"},
    RefusedTool{wire::Dialect::openai_responses, wire::Dialect::openai_chat,
                R"({"model":"m","input":"a","tools":[
                    {"type":"function","name":"f"},{"type":"web_search"}]})",
                "tools[1]"},
    RefusedTool{wire::Dialect::anthropic, wire::Dialect::openai_responses,
                R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}],"tools":[
                    {"name":"f","input_schema":{}},{"type":"bash_20250124","name":"bash"}]})",
                "tools[1]"},
    RefusedTool{wire::Dialect::gemini, wire::Dialect::ollama,
                R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[
                    {"functionDeclarations":[{"name":"f"}]},{"google_search":{}}]})",
                "tools[1].google_search"},
    RefusedTool{wire::Dialect::gemini, wire::Dialect::openai_chat,
                R"({"contents":[{"parts":[{"text":"a"}]}],"tools":[
                    {"functionDeclarations":[{"name":"f"},{"name":"a.b"}]}]})",
                "tools[0].functionDeclarations[1]"},
    RefusedTool{wire::Dialect::ollama, wire::Dialect::anthropic,
                R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[
                    {"type":"function","function":{"name":"f"}},
                    {"type":"function","function":{"name":"find it"}}]})",
                "tools[1]"},
    RefusedTool{wire::Dialect::openai_chat, wire::Dialect::anthropic,
                R"({"model":"m","messages":[{"role":"user","content":"a"},
                    {"role":"assistant","tool_calls":[
                     {"type":"custom","id":"c","custom":{"name":"g","input":"x"}}]},
                    {"role":"tool","tool_call_id":"c","content":"1"}]})",
                "messages[1].tool_calls[0]"},
    RefusedTool{wire::Dialect::gemini, wire::Dialect::anthropic,
                R"({"contents":[{"parts":[{"text":"a"}]},
                    {"role":"model","parts":[{"functionCall":{"name":"a.b"}}]},
                    {"parts":[{"functionResponse":{"name":"a.b","response":{}}}]}]})",
                "contents[1].parts[0].functionCall"},
    RefusedTool{wire::Dialect::anthropic, wire::Dialect::gemini,
                R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},
                    {"role":"assistant","content":[{"type":"text","text":"b"},
                     {"type":"tool_use","id":"c","name":"find it","input":{}}]},
                    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]}]})",
                "messages[1].content[1]"},
};

TEST_F(ChatOperationTest, NamesTheToolThatATargetsDialectCanNotSay) {
  for (const RefusedTool& refused : refused_tools) {
    target.dialect = refused.target;
    ChatOperation operation = operation_of(refused.text, refused.client);
    const auto prepared = operation.prepare(target);
    ASSERT_FALSE(prepared) << refused.text;
    EXPECT_EQ(prepared.error().code, ErrorCode::unsupported_capability);
    EXPECT_EQ(prepared.error().param, refused.field) << refused.text;
  }
}

// Where the target's API takes no JSON Schema but a subset, a schema may be what can't be said.
TEST_F(ChatOperationTest, NamesTheToolWhoseSchemaATargetCanNotTake) {
  target.dialect = wire::Dialect::gemini;
  target.traits.takes_json_schema = false;
  ChatOperation operation = operation_of(
      R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[
          {"type":"function","function":{"name":"f"}},
          {"type":"function","function":{"name":"g","parameters":{"$ref":"#/nowhere"}}}]})");
  const auto prepared = operation.prepare(target);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().param, "tools[1]");
}

TEST_F(ChatOperationTest, NamesAChoiceOfToolsInTheClientsWords) {
  target.dialect = wire::Dialect::anthropic;
  ChatOperation operation = operation_of(
      R"({"contents":[{"parts":[{"text":"a"}]}],
          "toolConfig":{"functionCallingConfig":{"mode":"ANY"}}})",
      wire::Dialect::gemini);
  const auto prepared = operation.prepare(target);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().param, "toolConfig.functionCallingConfig");
}

}  // namespace
}  // namespace weir::pipeline
