// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "wire/gemini/codec.hpp"

namespace weir::wire::gemini {
namespace {

Message message_of(Role role, std::string text) {
  Message message;
  message.role = role;
  message.parts.push_back(Part::text_of(std::move(text)));
  return message;
}

ToolCall call_of(std::string id, std::string name, std::string arguments = "{}") {
  ToolCall call;
  call.id = std::move(id);
  call.name = std::move(name);
  call.arguments = std::move(arguments);
  return call;
}

ToolResult result_of(std::string call_id, std::string text) {
  ToolResult result;
  result.call_id = std::move(call_id);
  result.parts.push_back(Part::text_of(std::move(text)));
  return result;
}

ToolChoice choice_of(ToolChoice::Mode mode, std::vector<std::string> names = {}) {
  ToolChoice choice;
  choice.mode = mode;
  if (mode == ToolChoice::Mode::named) {
    choice.name = names.front();
  } else {
    choice.allowed = std::move(names);
  }
  return choice;
}

struct Encoded {
  std::string json;
  EncodeNotes notes;
};

Encoded encode(const ChatRequest& request, const EncodeOptions& options = {}) {
  Encoded encoded;
  auto notes = encode_request(request, options, encoded.json);
  EXPECT_TRUE(notes) << notes.error().message;
  if (notes) encoded.notes = *std::move(notes);
  return encoded;
}

/// The raw text of a member on the top level; empty when it is not there.
std::string member(const Encoded& encoded, std::string_view key) {
  json::Document document;
  EXPECT_TRUE(document.parse(encoded.json)) << encoded.json;
  const auto found = document.root().find(key);
  return found ? std::string(found->raw()) : std::string();
}

Error refusal(const ChatRequest& request) {
  std::string out;
  auto notes = encode_request(request, {}, out);
  EXPECT_FALSE(notes) << out;
  return notes ? Error() : std::move(notes).error();
}

ChatRequest request_of(std::vector<Item> items) {
  ChatRequest request;
  request.items = std::move(items);
  return request;
}

constexpr EncodeOptions gemini3{.model = "gemini-3-pro", .traits = {.reasons = true}};
constexpr EncodeOptions gemini25{.model = "models/gemini-2.5-flash", .traits = {.reasons = true}};

TEST(GeminiRequest, JoinsLeadingSystemTextAndMarksLaterOne) {
  const auto encoded = encode(
      request_of({message_of(Role::system, "Be brief."), message_of(Role::developer, "Be kind."),
                  message_of(Role::user, "Hi"), message_of(Role::system, "Now in German.")}));
  EXPECT_EQ(member(encoded, "systemInstruction"),
            R"({"parts":[{"text":"Be brief.\n\nBe kind."}]})");
  EXPECT_EQ(member(encoded, "contents"), R"([{"role":"user","parts":[{"text":"Hi"},)"
                                         R"({"text":"<system>\nNow in German.\n</system>"}]}])");
}

TEST(GeminiRequest, SendsSystemTextAsTheUsersWhenThereIsNothingElse) {
  const auto encoded = encode(request_of({message_of(Role::system, "Say hi.")}));
  EXPECT_EQ(member(encoded, "systemInstruction"), "");
  EXPECT_EQ(member(encoded, "contents"),
            R"([{"role":"user","parts":[{"text":"<system>\nSay hi.\n</system>"}]}])");
}

TEST(GeminiRequest, PutsUserTurnsAroundAConversationThatIsTheModelsAlone) {
  const auto request = request_of({message_of(Role::assistant, "Once")});
  EXPECT_EQ(member(encode(request), "contents"),
            R"([{"role":"user","parts":[{"text":"Continue."}]},)"
            R"({"role":"model","parts":[{"text":"Once"}]},)"
            R"({"role":"user","parts":[{"text":"Continue."}]}])");
  EXPECT_EQ(member(encode(request, {.model = "m", .traits = {.takes_prefill = true}}), "contents"),
            R"([{"role":"user","parts":[{"text":"Continue."}]},)"
            R"({"role":"model","parts":[{"text":"Once"}]}])");
}

// Gemini counts: one response for each call, in the very next turn.
TEST(GeminiRequest, AnswersCallsInTheirOrderAndInventsAnErrorForAMissingResult) {
  const auto encoded = encode(
      request_of({message_of(Role::user, "Go"), call_of("a", "f"), call_of("b", "g", R"({"x":1})"),
                  call_of("c", "h", "no json"), message_of(Role::user, "wait"),
                  result_of("b", R"({"y":2})"), result_of("a", "done")}));
  EXPECT_EQ(member(encoded, "contents"),
            R"([{"role":"user","parts":[{"text":"Go"}]},)"
            R"({"role":"model","parts":[{"functionCall":{"name":"f","args":{}}},)"
            R"({"functionCall":{"name":"g","args":{"x":1}}},)"
            R"({"functionCall":{"name":"h","args":{"_raw":"no json"}}}]},)"
            R"({"role":"user","parts":[)"
            R"({"functionResponse":{"name":"f","response":{"output":"done"}}},)"
            R"({"functionResponse":{"name":"g","response":{"y":2}}},)"
            R"({"functionResponse":{"name":"h","response":{"error":"no result"}}},)"
            R"({"text":"wait"}]}])");
}

TEST(GeminiRequest, KeepsStepsApartWhereEachCallIsAnsweredByItself) {
  const auto encoded =
      encode(request_of({message_of(Role::user, "Go"), call_of("a", "f"), result_of("a", "1"),
                         call_of("a", "f"), result_of("a", "2")}),
             gemini3);
  const std::string call = R"({"role":"model","parts":[{"functionCall":{"name":"f","args":{}},)"
                           R"("thoughtSignature":"skip_thought_signature_validator"}]},)";
  EXPECT_EQ(member(encoded, "contents"),
            R"([{"role":"user","parts":[{"text":"Go"}]},)" + call +
                R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":)"
                R"({"output":"1"}}}]},)" +
                call +
                R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":)"
                R"({"output":"2"}}}]}])");
}

TEST(GeminiRequest, RefusesAResultThatAnswersNoCall) {
  const Error error = refusal(request_of({message_of(Role::user, "Go"), result_of("x", "1")}));
  EXPECT_EQ(error.code, ErrorCode::invalid_request);
  EXPECT_EQ(error.param, "messages");
}

TEST(GeminiRequest, MarksOnlyTheFirstForeignCallOfAStepAndOnlyWhereSignaturesAreChecked) {
  const auto request = request_of({message_of(Role::user, "Go"), call_of("a", "f"),
                                   call_of("b", "g"), result_of("a", "1"), result_of("b", "2")});
  const auto marks = [&](const EncodeOptions& options) {
    const std::string json = encode(request, options).json;
    const auto first = json.find("skip_thought_signature_validator");
    if (first == std::string::npos) return 0;
    return json.find("skip_thought_signature_validator", first + 1) == std::string::npos ? 1 : 2;
  };
  EXPECT_EQ(marks(gemini3), 1);
  EXPECT_EQ(marks(gemini25), 0);
  EXPECT_EQ(marks({.model = "gemini-3-pro"}), 0);
}

TEST(GeminiRequest, SendsIdsBackOnlyInAStepThatAGeminiSignatureMarks) {
  auto signed_call = call_of("c1", "f");
  signed_call.signature = "CpQB";
  const auto encoded = encode(request_of(
      {message_of(Role::user, "Go"), signed_call, call_of("c2", "g"), result_of("c1", "1"),
       result_of("c2", "2"), call_of("toolu_1", "f"), result_of("toolu_1", "3")}));
  EXPECT_EQ(member(encoded, "contents"),
            R"([{"role":"user","parts":[{"text":"Go"}]},)"
            R"({"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{}},)"
            R"("thoughtSignature":"CpQB"},{"functionCall":{"id":"c2","name":"g","args":{}}}]},)"
            R"({"role":"user","parts":[{"functionResponse":{"id":"c1","name":"f","response":)"
            R"({"output":"1"}}},{"functionResponse":{"id":"c2","name":"g","response":)"
            R"({"output":"2"}}}]},)"
            R"({"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},)"
            R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":)"
            R"({"output":"3"}}}]}])");
}

TEST(GeminiRequest, LeavesOutThoughtsOfOtherModels) {
  Reasoning thought;
  thought.text = "Hmm.";
  thought.signature = "EqQB";
  const auto encoded =
      encode(request_of({message_of(Role::user, "a"), thought, message_of(Role::assistant, "b"),
                         message_of(Role::user, "c")}));
  EXPECT_EQ(encoded.json.find("Hmm."), std::string::npos);
  EXPECT_EQ(encoded.json.find("EqQB"), std::string::npos);
}

// Fetching links for callers is a hole in the network; Google's own addresses it reads itself.
TEST(GeminiRequest, RefusesLinksButGooglesOwn) {
  const auto with_link = [](std::string url) {
    Message message = message_of(Role::user, "Look");
    Part image;
    image.kind = PartKind::image;
    image.url = std::move(url);
    message.parts.push_back(std::move(image));
    return request_of({message});
  };
  EXPECT_EQ(refusal(with_link("https://example.com/a.png")).code,
            ErrorCode::unsupported_capability);
  EXPECT_EQ(refusal(with_link("https://youtu.be.example.com/x")).code,
            ErrorCode::unsupported_capability);
  const auto encoded = encode(with_link("https://youtu.be/x"));
  EXPECT_NE(encoded.json.find(R"({"fileData":{"fileUri":"https://youtu.be/x"}})"),
            std::string::npos);
}

TEST(GeminiRequest, GuessesTheTypeOfInlineData) {
  Message message;
  Part image;
  image.kind = PartKind::image;
  image.data = "/9j/4AAQ";
  Part pdf;
  pdf.kind = PartKind::file;
  pdf.data = "JVBERi0x";
  message.parts = {image, pdf};
  EXPECT_EQ(
      member(encode(request_of({message})), "contents"),
      R"([{"role":"user","parts":[{"inlineData":{"mimeType":"image/jpeg","data":"/9j/4AAQ"}},)"
      R"({"inlineData":{"mimeType":"application/pdf","data":"JVBERi0x"}}]}])");
}

TEST(GeminiRequest, AsksForThoughtByLevelOrByBudget) {
  auto request = request_of({message_of(Role::user, "Hi")});
  request.reasoning.effort = Effort::medium;
  request.reasoning.summary = "auto";
  EXPECT_EQ(member(encode(request, gemini3), "generationConfig"),
            R"({"thinkingConfig":{"includeThoughts":true,"thinkingLevel":"MEDIUM"}})");
  EXPECT_EQ(member(encode(request, gemini25), "generationConfig"),
            R"({"thinkingConfig":{"includeThoughts":true,"thinkingBudget":8192}})");
  request.reasoning = {};
  request.reasoning.effort = Effort::none;
  EXPECT_EQ(member(encode(request, gemini3), "generationConfig"),
            R"({"thinkingConfig":{"thinkingLevel":"MINIMAL"}})");
  EXPECT_EQ(member(encode(request, gemini25), "generationConfig"),
            R"({"thinkingConfig":{"thinkingBudget":0}})");
}

TEST(GeminiRequest, NamesAnEffortThatAModelWithoutThoughtCantMake) {
  auto request = request_of({message_of(Role::user, "Hi")});
  request.reasoning.effort = Effort::high;
  const auto encoded = encode(request);
  EXPECT_EQ(member(encoded, "generationConfig"), "");
  EXPECT_EQ(encoded.notes.dropped, std::vector<std::string>{"reasoning_effort"});
}

TEST(GeminiRequest, WritesSettingsAndNamesTheHintsItDrops) {
  auto request = request_of({message_of(Role::user, "Hi")});
  request.output_tokens_max = 100;
  request.sampling.temperature = 0.5;
  request.sampling.seed = 7;
  request.sampling.logit_bias = R"({"1":2})";
  request.stop = {"a", "b"};
  request.n = 2;
  request.logprobs = true;
  request.top_logprobs = 30;
  request.parallel_tool_calls = false;
  request.user = "u";
  request.is_user_old_name = true;
  request.service_tier = "default";
  const auto encoded = encode(request);
  EXPECT_EQ(member(encoded, "generationConfig"),
            R"({"temperature":0.5,"seed":7,"maxOutputTokens":100,"stopSequences":["a","b"],)"
            R"("candidateCount":2,"responseLogprobs":true,"logprobs":20})");
  EXPECT_EQ(member(encoded, "serviceTier"), R"("standard")");
  EXPECT_EQ(encoded.notes.dropped,
            (std::vector<std::string>{"logit_bias", "parallel_tool_calls", "user"}));
}

TEST(GeminiRequest, TakesFiveStopSequencesAndRefusesSix) {
  auto request = request_of({message_of(Role::user, "Hi")});
  request.stop = {"1", "2", "3", "4", "5"};
  encode(request);
  request.stop.emplace_back("6");
  const Error error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::unsupported_capability);
  EXPECT_EQ(error.param, "stop");
}

TEST(GeminiRequest, SendsSchemasAsTheyAreOrLoweredWhereTheModelNeedsIt) {
  auto request = request_of({message_of(Role::user, "Hi")});
  Tool tool;
  tool.name = "f";
  tool.parameters = R"({"type":"object","properties":{"a":{"const":"x"}}})";
  Tool bare;
  bare.name = "g";
  bare.parameters = R"({"type":"object","properties":{}})";
  request.tools = {tool, bare};
  request.format.kind = OutputFormat::Kind::json_schema;
  request.format.schema = R"({"type":"boolean"})";
  const auto plain = encode(request);
  EXPECT_EQ(member(plain, "tools"), R"([{"functionDeclarations":[{"name":"f",)"
                                    R"("parametersJsonSchema":)" +
                                        tool.parameters + R"(},{"name":"g",)" +
                                        R"("parametersJsonSchema":)" + bare.parameters + "}]}]");
  EXPECT_EQ(member(plain, "generationConfig"),
            R"({"responseMimeType":"application/json","responseJsonSchema":{"type":"boolean"}})");
  // An object without properties is refused by those models: it goes without parameters.
  const auto low = encode(request, {.model = "m", .traits = {.takes_json_schema = false}});
  EXPECT_EQ(member(low, "tools"),
            R"([{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":)"
            R"({"a":{"type":"STRING","enum":["x"]}}}},{"name":"g"}]}])");
  EXPECT_EQ(member(low, "generationConfig"),
            R"({"responseMimeType":"application/json","responseSchema":{"type":"BOOLEAN"}})");
}

TEST(GeminiRequest, SaysEveryToolChoice) {
  using Mode = ToolChoice::Mode;
  auto request = request_of({message_of(Role::user, "Hi")});
  const auto config = [&](ToolChoice choice) {
    request.tool_choice = std::move(choice);
    return member(encode(request), "toolConfig");
  };
  EXPECT_EQ(config({}), "");
  EXPECT_EQ(config(choice_of(Mode::none)), R"({"functionCallingConfig":{"mode":"NONE"}})");
  EXPECT_EQ(config(choice_of(Mode::required)), R"({"functionCallingConfig":{"mode":"ANY"}})");
  EXPECT_EQ(config(choice_of(Mode::named, {"f"})),
            R"({"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}})");
  EXPECT_EQ(config(choice_of(Mode::allowed, {"f", "g"})),
            R"({"functionCallingConfig":{"mode":"VALIDATED","allowedFunctionNames":["f","g"]}})");
}

TEST(GeminiRequest, RefusesForeignHostedToolsByName) {
  auto request = request_of({message_of(Role::user, "Hi")});
  Tool tool;
  tool.kind = ToolKind::hosted;
  tool.name = "web_search";
  request.tools = {tool};
  const Error error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::unsupported_capability);
  EXPECT_NE(error.message.find("web_search"), std::string::npos);
}

TEST(GeminiPath, NormalisesAndEncodesTheModel) {
  EXPECT_EQ(request_path("gemini-x", false), "/models/gemini-x:generateContent");
  EXPECT_EQ(request_path("models/gemini-x", true),
            "/models/gemini-x:streamGenerateContent?alt=sse");
  EXPECT_EQ(request_path("tunedModels/my-1", false), "/tunedModels/my-1:generateContent");
  EXPECT_EQ(request_path("a/../b?k=1#", false), "/models/a%2F..%2Fb%3Fk%3D1%23:generateContent");
}

}  // namespace
}  // namespace weir::wire::gemini
