// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/passthrough.hpp"

namespace weir::wire::anthropic {
namespace {

/// A request as an OpenAI client's, with one user message unless told otherwise.
ChatRequest openai_request(std::vector<Item> items = {}) {
  ChatRequest request;
  request.model = "m";
  request.items = std::move(items);
  return request;
}

Message said(Role role, std::string text) {
  Message message;
  message.role = role;
  message.is_plain_string = true;
  message.parts.push_back(Part::text_of(std::move(text)));
  return message;
}
Message user(std::string text) { return said(Role::user, std::move(text)); }
Message with_part(Part part) {
  Message message;
  message.parts.push_back(std::move(part));
  return message;
}

ToolCall call(std::string id, std::string arguments = "{}") {
  ToolCall call;
  call.id = std::move(id);
  call.name = "f";
  call.arguments = std::move(arguments);
  return call;
}
ToolResult answer(std::string id, std::string text) {
  ToolResult result;
  result.call_id = std::move(id);
  result.is_plain_string = true;
  result.parts.push_back(Part::text_of(std::move(text)));
  return result;
}
Tool tool(std::string name) {
  Tool tool;
  tool.name = std::move(name);
  return tool;
}

/// The outcome of an encoding, with the members of the body at hand.
struct Encoded {
  std::string body;
  std::vector<std::string> dropped;
  Error error;

  /// Raw member of the body; empty when absent.
  [[nodiscard]] std::string at(std::string_view key) const {
    json::Document document;
    if (!document.parse(body)) return "not JSON: " + body;
    const auto value = document.root().find(key);
    return value ? std::string(value->raw()) : std::string();
  }
  [[nodiscard]] bool has_dropped(std::string_view name) const {
    return std::find(dropped.begin(), dropped.end(), name) != dropped.end();
  }
};

Encoded encode(const ChatRequest& request, ModelTraits traits = {}) {
  Encoded encoded;
  EncodeOptions options;
  options.model = "claude-x";
  options.traits = traits;
  auto notes = encode_request(request, options, encoded.body);
  if (notes) {
    encoded.dropped = notes->dropped;
  } else {
    encoded.error = notes.error();
    EXPECT_EQ(encoded.body, "") << "a refusal leaves no half of a body behind";
    encoded.body = "{}";
  }
  return encoded;
}

std::string messages_of(std::vector<Item> items, ModelTraits traits = {}) {
  const Encoded encoded = encode(openai_request(std::move(items)), traits);
  return encoded.error.message.empty() ? encoded.at("messages") : encoded.error.message;
}

constexpr ModelTraits budgeted{.reasons = true, .output_tokens_max = 64000};
constexpr ModelTraits adaptive{
    .takes_sampling = false, .reasons = true, .output_tokens_max = 64000};

TEST(AnthropicRequest, TakesTheLimitFromClientThenModelThenDefault) {
  ChatRequest request = openai_request({user("Hi.")});
  EXPECT_EQ(encode(request).at("max_tokens"), "4096");
  EXPECT_EQ(encode(request, {.output_tokens_max = 8000}).at("max_tokens"), "8000");
  request.output_tokens_max = 50;
  EXPECT_EQ(encode(request, {.output_tokens_max = 8000}).at("max_tokens"), "50");
}

TEST(AnthropicRequest, PutsLeadingSystemTextOnTop) {
  EXPECT_EQ(encode(openai_request({said(Role::system, "A"), user("Hi.")})).at("system"), "\"A\"");
  const Encoded two =
      encode(openai_request({said(Role::system, "A"), said(Role::developer, "B"), user("Hi.")}));
  EXPECT_EQ(two.at("system"), R"([{"type":"text","text":"A"},{"type":"text","text":"B"}])");
  EXPECT_EQ(two.at("messages"), R"([{"role":"user","content":"Hi."}])");
}

// In front of a tool result it would make the request invalid.
TEST(AnthropicRequest, PutsLaterSystemTextBehindTheToolResults) {
  EXPECT_EQ(
      messages_of({user("Hi."), call("a"), said(Role::system, "Now brief."), answer("a", "1"),
                   user("Go.")}),
      R"([{"role":"user","content":"Hi."},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},)"
      R"({"type":"text","text":"<system>\nNow brief.\n</system>"},)"
      R"({"type":"text","text":"Go."}]}])");
}

TEST(AnthropicRequest, GroupsResultsInTheOrderOfTheCalls) {
  EXPECT_EQ(messages_of({user("Hi."), said(Role::assistant, "Sure."), call("a"), call("b"),
                         answer("b", "2"), answer("a", "1")}),
            R"([{"role":"user","content":"Hi."},{"role":"assistant","content":[)"
            R"({"type":"text","text":"Sure."},)"
            R"({"type":"tool_use","id":"a","name":"f","input":{}},)"
            R"({"type":"tool_use","id":"b","name":"f","input":{}}]},{"role":"user","content":[)"
            R"({"type":"tool_result","tool_use_id":"a","content":"1"},)"
            R"({"type":"tool_result","tool_use_id":"b","content":"2"}]}])");
}

TEST(AnthropicRequest, RefusesCallsAndResultsThatHaveNoCounterpart) {
  const std::vector<std::vector<Item>> broken{
      {user("Hi."), call("a")},
      {user("Hi."), call("a"), user("Well?")},
      {user("Hi."), call("a"), call("b"), answer("a", "1"), said(Role::assistant, "x")},
      {user("Hi."), answer("a", "1")},
      {user("Hi."), call("a"), answer("a", "1"), answer("a", "2")},
      {user("Hi."), call("a"), answer("a", "1"), said(Role::assistant, "x"), answer("a", "1")},
      {user("Hi."), call("a"), call("a"), answer("a", "1")},
  };
  for (const auto& items : broken) {
    const Encoded encoded = encode(openai_request(items));
    EXPECT_EQ(encoded.error.code, ErrorCode::invalid_request) << encoded.body;
    EXPECT_EQ(encoded.error.param, "messages");
    EXPECT_NE(encoded.error.message.find('a'), std::string::npos);
  }
}

TEST(AnthropicRequest, LetsAUserSpeakFirstAndLast) {
  EXPECT_EQ(messages_of({said(Role::assistant, "Hello. ")}),
            R"([{"role":"user","content":[{"type":"text","text":"Continue."}]},)"
            R"({"role":"assistant","content":"Hello. "},)"
            R"({"role":"user","content":[{"type":"text","text":"Continue."}]}])");
}

TEST(AnthropicRequest, LeavesAPrefillToModelsThatTakeItWithoutWhiteSpaceAtItsEnd) {
  EXPECT_EQ(messages_of({user("Hi."), said(Role::assistant, "Hello \n")}, {.takes_prefill = true}),
            R"([{"role":"user","content":"Hi."},)"
            R"({"role":"assistant","content":[{"type":"text","text":"Hello"}]}])");
  EXPECT_EQ(messages_of({user("Hi."), said(Role::assistant, " \n")}, {.takes_prefill = true}),
            R"([{"role":"user","content":"Hi."}])");
}

TEST(AnthropicRequest, DropsEmptyTextAndTheTurnsThatHoldNothingElse) {
  EXPECT_EQ(
      messages_of({user("A"), said(Role::assistant, ""), user("B")}),
      R"([{"role":"user","content":[{"type":"text","text":"A"},{"type":"text","text":"B"}]}])");
  EXPECT_EQ(encode(openai_request({user("")})).error.code, ErrorCode::invalid_request);
}

TEST(AnthropicRequest, KeepsTheBytesOfArgumentsThatAreAnObject) {
  const auto input_of = [](std::string arguments) {
    return messages_of({user("A"), call("a", std::move(arguments)), answer("a", "1")});
  };
  EXPECT_NE(input_of(R"({ "n": 1.50 })").find(R"("input":{ "n": 1.50 }})"), std::string::npos);
  EXPECT_NE(input_of("").find(R"("input":{}})"), std::string::npos);
  for (const char* bad : {"[1]", "1", "{\"a\":", "null"}) {
    EXPECT_EQ(input_of(bad), "the arguments of tool call \"a\" are no JSON object") << bad;
  }
}

TEST(AnthropicRequest, SpellsForeignIdsTheSameWayInCallAndResultAndNeverTwoAlike) {
  const std::string body =
      messages_of({user("A"), call("x.1"), call("x:1"), answer("x.1", "1"), answer("x:1", "2")});
  json::Document document;
  ASSERT_TRUE(document.parse(body)) << body;
  std::vector<std::string> ids;
  for (const json::Value turn : document.root().elements()) {
    if (!turn.find("content")->is_array()) continue;
    for (const json::Value block : turn.find("content")->elements()) {
      const auto id = block.find("id") ? block.find("id") : block.find("tool_use_id");
      ASSERT_TRUE(id);
      ids.push_back(id->as_string());
    }
  }
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[1], ids[3]);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(ids[0].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-"), std::string::npos);
}

TEST(AnthropicRequest, WritesImagesAndDocumentsFromDataOrLink) {
  Part image;
  image.kind = PartKind::image;
  image.data = "/9j/4AAQ";  // no type told: a JPEG by its first bytes
  EXPECT_EQ(messages_of({with_part(image)}),
            R"([{"role":"user","content":[{"type":"image","source":)"
            R"({"type":"base64","media_type":"image/jpeg","data":"/9j/4AAQ"}}]}])");
  Part file;
  file.kind = PartKind::file;
  file.mime = "text/plain";
  file.data = "SGFsbG8=";
  file.name = "a.txt";
  EXPECT_EQ(messages_of({with_part(file)}),
            R"([{"role":"user","content":[{"type":"document","source":)"
            R"({"type":"text","media_type":"text/plain","data":"Hallo"},"title":"a.txt"}]}])");
}

TEST(AnthropicRequest, RefusesContentThatItCannotSay) {
  Part audio;
  audio.kind = PartKind::audio;
  audio.data = "AAAA";
  Part sheet;
  sheet.kind = PartKind::file;
  sheet.mime = "application/vnd.ms-excel";
  sheet.data = "AAAA";
  Part upload;
  upload.kind = PartKind::file;
  upload.file_id = "file-1";
  Part foreign;
  foreign.kind = PartKind::opaque;
  foreign.text = "{}";
  for (const Part& part : {audio, sheet, upload, foreign}) {
    const Encoded encoded = encode(openai_request({with_part(part)}));
    EXPECT_EQ(encoded.error.code, ErrorCode::unsupported_capability) << encoded.body;
    EXPECT_EQ(encoded.error.param, "messages");
  }
}

TEST(AnthropicRequest, RefusesWhatWouldChangeTheAnswer) {
  const auto param_of = [](auto change) {
    ChatRequest request = openai_request({user("Hi.")});
    change(request);
    const Encoded encoded = encode(request, {.takes_json_schema = false});
    EXPECT_EQ(encoded.error.code, ErrorCode::unsupported_capability) << encoded.body;
    return encoded.error.param;
  };
  EXPECT_EQ(param_of([](ChatRequest& r) { r.n = 2; }), "n");
  EXPECT_EQ(param_of([](ChatRequest& r) { r.logprobs = true; }), "logprobs");
  EXPECT_EQ(param_of([](ChatRequest& r) { r.top_logprobs = 3; }), "logprobs");
  EXPECT_EQ(param_of([](ChatRequest& r) { r.previous_response_id = "resp_1"; }),
            "previous_response_id");
  EXPECT_EQ(param_of([](ChatRequest& r) {
              r.format.kind = OutputFormat::Kind::json_schema;
              r.format.schema = "{}";
            }),
            "response_format");
  EXPECT_EQ(param_of([](ChatRequest& r) {
              r.tools.push_back(tool("web_search"));
              r.tools.back().kind = ToolKind::hosted;
            }),
            "tools");
}

TEST(AnthropicRequest, DropsHintsByTheClientsNameOfThem) {
  ChatRequest request = openai_request({user("Hi.")});
  request.origin = Dialect::gemini;
  request.sampling.seed = 1;
  request.sampling.presence_penalty = 0.5;
  request.sampling.frequency_penalty = 0.5;
  request.sampling.logit_bias = "{}";
  request.sampling.temperature = 1.5;
  request.sampling.top_p = 0.5;
  request.sampling.top_k = 7;
  request.metadata = R"({"a":"b"})";
  request.extra.members.push_back({"safetySettings", "[]"});
  Encoded encoded = encode(request);
  EXPECT_EQ(encoded.at("temperature"), "1");
  EXPECT_EQ(encoded.at("top_p"), "0.5");
  EXPECT_EQ(encoded.at("top_k"), "7");
  EXPECT_EQ(encoded.at("metadata") + encoded.at("safetySettings"), "");
  EXPECT_EQ(encoded.dropped,
            (std::vector<std::string>{"generationConfig.temperature", "metadata", "safetySettings",
                                      "generationConfig.presencePenalty",
                                      "generationConfig.frequencyPenalty", "generationConfig.seed",
                                      "generationConfig.logitBias"}));
  encoded = encode(request, {.takes_sampling = false});
  EXPECT_EQ(encoded.at("temperature") + encoded.at("top_p") + encoded.at("top_k"), "");
  EXPECT_TRUE(encoded.has_dropped("generationConfig.topP"));
  EXPECT_TRUE(encoded.has_dropped("generationConfig.topK"));
}

TEST(AnthropicRequest, LeavesATemperatureOfOneAlone) {
  ChatRequest request = openai_request({user("Hi.")});
  request.sampling.temperature = 1.0;
  const Encoded encoded = encode(request);
  EXPECT_EQ(encoded.at("temperature"), "1");
  EXPECT_TRUE(encoded.dropped.empty());
}

TEST(AnthropicRequest, TakesOfForeignPartsTheMarksOfThePromptCacheAlone) {
  ChatRequest request = openai_request({user("Hi.")});
  auto& part = std::get<Message>(request.items[0]).parts[0];
  part.extra.members.push_back({"cache_control", R"({"type":"ephemeral"})"});
  part.extra.members.push_back({"annotations", "[1]"});
  std::get<Message>(request.items[0]).is_plain_string = false;
  const Encoded encoded = encode(request);
  EXPECT_NE(encoded.body.find(R"("text":"Hi.","cache_control":{"type":"ephemeral"}})"),
            std::string::npos)
      << encoded.body;
  EXPECT_EQ(encoded.dropped, std::vector<std::string>{"annotations"});
}

TEST(AnthropicRequest, SaysToolChoiceAndSerialCalls) {
  using Mode = ToolChoice::Mode;
  const auto choice_of = [](Mode mode, std::optional<bool> parallel) {
    ChatRequest request = openai_request({user("Hi.")});
    request.tools = {tool("f"), tool("g")};
    request.tool_choice.mode = mode;
    request.tool_choice.name = "g";
    request.parallel_tool_calls = parallel;
    return encode(request).at("tool_choice");
  };
  EXPECT_EQ(choice_of(Mode::unset, std::nullopt), "");
  EXPECT_EQ(choice_of(Mode::unset, true), "");
  EXPECT_EQ(choice_of(Mode::unset, false), R"({"type":"auto","disable_parallel_tool_use":true})");
  EXPECT_EQ(choice_of(Mode::automatic, std::nullopt), R"({"type":"auto"})");
  EXPECT_EQ(choice_of(Mode::required, false), R"({"type":"any","disable_parallel_tool_use":true})");
  EXPECT_EQ(choice_of(Mode::named, std::nullopt), R"({"type":"tool","name":"g"})");
  EXPECT_EQ(choice_of(Mode::none, false), R"({"type":"none"})");
}

TEST(AnthropicRequest, OffersOnlyTheAllowedTools) {
  ChatRequest request = openai_request({user("Hi.")});
  request.tools = {tool("f"), tool("g")};
  request.tool_choice.mode = ToolChoice::Mode::allowed;
  request.tool_choice.allowed = {"g"};
  request.tool_choice.is_allowed_required = true;
  const Encoded encoded = encode(request);
  EXPECT_EQ(encoded.at("tools"),
            R"([{"name":"g","input_schema":{"type":"object","properties":{}}}])");
  EXPECT_EQ(encoded.at("tool_choice"), R"({"type":"any"})");
  request.tool_choice.allowed = {"h"};
  EXPECT_EQ(encode(request).error.param, "tool_choice");
}

TEST(AnthropicRequest, NamesTheToolsOfAHistoryThatHasNone) {
  const Encoded encoded = encode(openai_request({user("Hi."), call("a"), answer("a", "1")}));
  EXPECT_EQ(encoded.at("tools"), R"([{"name":"f","input_schema":{"type":"object"}}])");
  EXPECT_EQ(encoded.at("tool_choice"), R"({"type":"none"})");
}

TEST(AnthropicRequest, MakesTheRootOfASchemaAnObject) {
  ChatRequest request = openai_request({user("Hi.")});
  request.tools = {tool("f")};
  request.tools[0].parameters = R"({"properties":{"a":{}}})";
  EXPECT_EQ(encode(request).at("tools"),
            R"([{"name":"f","input_schema":{"type":"object","properties":{"a":{}}}}])");
}

TEST(AnthropicRequest, AsksForJsonInTheSystemTextOrBySchema) {
  ChatRequest request = openai_request({said(Role::system, "A"), user("Hi.")});
  request.format.kind = OutputFormat::Kind::json_object;
  const std::string system = encode(request).at("system");
  EXPECT_EQ(system.find(R"([{"type":"text","text":"A"},{"type":"text","text":")"), 0U) << system;
  EXPECT_NE(system.find("JSON"), std::string::npos);
  request.format.kind = OutputFormat::Kind::json_schema;
  request.format.schema = R"({"type":"object"})";
  EXPECT_EQ(encode(request).at("output_config"),
            R"({"format":{"type":"json_schema","schema":{"type":"object"}}})");
}

TEST(AnthropicRequest, AsksOlderModelsForABudgetBelowTheLimit) {
  ChatRequest request = openai_request({user("Hi.")});
  request.reasoning.effort = Effort::medium;
  request.sampling.temperature = 0.5;
  Encoded encoded = encode(request, budgeted);
  EXPECT_EQ(encoded.at("thinking"), R"({"type":"enabled","budget_tokens":8192})");
  EXPECT_EQ(encoded.at("temperature"), "");
  EXPECT_EQ(encoded.dropped, std::vector<std::string>{"temperature"});
  request.output_tokens_max = 8192;
  EXPECT_EQ(encode(request, budgeted).at("thinking"), R"({"type":"enabled","budget_tokens":4096})");
  request.output_tokens_max = 1025;
  EXPECT_EQ(encode(request, budgeted).at("thinking"), R"({"type":"enabled","budget_tokens":1024})");
  request.output_tokens_max = 1024;  // no budget is both large and small enough
  encoded = encode(request, budgeted);
  EXPECT_EQ(encoded.at("thinking"), "");
  EXPECT_TRUE(encoded.has_dropped("reasoning_effort"));
}

TEST(AnthropicRequest, AsksNewerModelsForAnEffort) {
  ChatRequest request = openai_request({user("Hi.")});
  const auto config_of = [&](Effort effort) {
    request.reasoning.effort = effort;
    const Encoded encoded = encode(request, adaptive);
    return encoded.at("thinking") + encoded.at("output_config");
  };
  EXPECT_EQ(config_of(Effort::none), "");
  EXPECT_EQ(config_of(Effort::minimal), R"({"type":"adaptive"}{"effort":"low"})");
  EXPECT_EQ(config_of(Effort::high), R"({"type":"adaptive"}{"effort":"high"})");
  EXPECT_EQ(config_of(Effort::max), R"({"type":"adaptive"}{"effort":"max"})");
  request.reasoning = {};
  request.reasoning.budget_tokens = 2000;
  request.reasoning.wants_text = true;
  EXPECT_EQ(encode(request, adaptive).at("thinking"),
            R"({"type":"adaptive","display":"summarized"})");
}

TEST(AnthropicRequest, PrefersAForcedCallToThinking) {
  ChatRequest request = openai_request({user("Hi.")});
  request.reasoning.effort = Effort::high;
  request.tools = {tool("f")};
  request.tool_choice.mode = ToolChoice::Mode::required;
  const Encoded encoded = encode(request, adaptive);
  EXPECT_EQ(encoded.at("thinking") + encoded.at("output_config"), "");
  EXPECT_EQ(encoded.dropped, std::vector<std::string>{"reasoning_effort"});
}

// The thoughts that led to the call are not there: older models refuse to think on without them.
TEST(AnthropicRequest, StopsThinkingByBudgetInsideAToolLoop) {
  ChatRequest request = openai_request({user("Hi."), call("a"), answer("a", "1")});
  request.reasoning.effort = Effort::high;
  EXPECT_EQ(encode(request, budgeted).at("thinking"), "");
  EXPECT_EQ(encode(request, adaptive).at("thinking"), R"({"type":"adaptive"})");
  Reasoning thought;
  thought.text = "Hm.";
  thought.signature = "Sig";
  thought.sealed_by = Vendor::anthropic;
  request.items.insert(request.items.begin() + 1, thought);
  EXPECT_EQ(encode(request, budgeted).at("thinking"),
            R"({"type":"enabled","budget_tokens":24576})");
}

// A foreign seal is refused by the API, and a thought without one too. Who made it counts, not who
// carried it here.
TEST(AnthropicRequest, ReplaysThoughtsOnlyUnderTheirSeal) {
  const auto replays = [](Dialect origin, Vendor sealed_by, std::string signature,
                          std::string encrypted) {
    Reasoning thought;
    thought.text = "Hm.";
    thought.signature = std::move(signature);
    thought.encrypted = std::move(encrypted);
    thought.sealed_by = sealed_by;
    ChatRequest request =
        openai_request({user("A"), thought, said(Role::assistant, "B"), user("C")});
    request.origin = origin;
    const Encoded encoded = encode(request);
    const bool is_there = encoded.body.find("thinking") != std::string::npos;
    EXPECT_NE(is_there, encoded.has_dropped("reasoning_items"));
    return is_there;
  };
  for (const Dialect origin :
       {Dialect::anthropic, Dialect::openai_chat, Dialect::openai_responses}) {
    EXPECT_TRUE(replays(origin, Vendor::anthropic, "Sig", ""));
    EXPECT_TRUE(replays(origin, Vendor::anthropic, "", "data"));
    EXPECT_FALSE(replays(origin, Vendor::anthropic, "", ""));
    EXPECT_FALSE(replays(origin, Vendor::google, "Sig", ""));
    EXPECT_FALSE(replays(origin, Vendor::openai, "", "gAAAA"));
    EXPECT_FALSE(replays(origin, Vendor::unknown, "Sig", ""));
  }
  EXPECT_FALSE(replays(Dialect::gemini, Vendor::google, "Sig", ""));
}

TEST(AnthropicRequest, TranslatesTheServiceTier) {
  ChatRequest request = openai_request({user("Hi.")});
  request.service_tier = "default";
  EXPECT_EQ(encode(request).at("service_tier"), "\"standard_only\"");
  request.service_tier = "flex";
  const Encoded encoded = encode(request);
  EXPECT_EQ(encoded.at("service_tier"), "");
  EXPECT_TRUE(encoded.has_dropped("service_tier"));
}

TEST(AnthropicRequest, DecodesCallsResultsAndTheirNames) {
  const std::string text = R"({"model":"m","max_tokens":9,"messages":[
      {"role":"user","content":"Hi."},
      {"role":"assistant","content":[{"type":"text","text":"Sure."},
        {"type":"tool_use","id":"t1","name":"f","input":{ "a" : [ 1 ] }}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"},
        {"type":"text","text":"Well?"}]}]})";
  json::Document document;
  ASSERT_TRUE(document.parse(text));
  const auto request = decode_request(document.root());
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->items.size(), 5U);
  EXPECT_TRUE(std::get<Message>(request->items[1]).begins_turn);
  EXPECT_EQ(std::get<ToolCall>(request->items[2]).arguments, R"({"a":[1]})");
  EXPECT_EQ(std::get<ToolResult>(request->items[3]).name, "f");
  EXPECT_FALSE(std::get<Message>(request->items[4]).begins_turn);
  EXPECT_EQ(request->output_tokens_max, 9);
}

TEST(AnthropicRequest, NamesThePathOfWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", ""},
      {R"({"model":7})", "model"},
      {R"({"model":"m"})", "messages"},
      {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":7}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":[7]}]})", "messages[0].content[0]"},
      {R"({"model":"m","messages":[],"max_tokens":-1})", "max_tokens"},
      {R"({"model":"m","messages":[],"system":[{"type":"text"}]})", "system[0].text"},
      {R"({"model":"m","messages":[],"tools":[{}]})", "tools[0].name"},
      {R"({"model":"m","messages":[],"stop_sequences":["a",1]})", "stop_sequences[1]"},
      {R"({"model":"m","messages":[],"output_config":{"effort":"huge"}})", "output_config.effort"},
      {R"({"model":"m","messages":[],"thinking":{}})", "thinking.type"},
  };
  for (const auto& [text, path] : cases) {
    json::Document document;
    ASSERT_TRUE(document.parse(text));
    const auto request = decode_request(document.root());
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(request.error().param, path) << text;
  }
}

// What goes on from there would be half a conversation to anybody else.
TEST(AnthropicRequest, LeavesNoConversationToAServer) {
  json::Document document;
  ASSERT_TRUE(
      document.parse(R"({"model":"m","max_tokens":9,"thread":{"type":"create"},"messages":[]})"));
  const auto peek = peek_request(document.root());
  ASSERT_FALSE(peek);
  EXPECT_EQ(peek.error().code, ErrorCode::unsupported_capability);
  EXPECT_EQ(peek.error().param, "thread");
  ASSERT_TRUE(document.parse(R"({"model":"m","max_tokens":9,"thread":null,"messages":[]})"));
  EXPECT_TRUE(peek_request(document.root()));
}

}  // namespace
}  // namespace weir::wire::anthropic
