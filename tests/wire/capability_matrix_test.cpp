// SPDX-License-Identifier: Apache-2.0
//
// What clients ask for and what becomes of it at each target: said, refused, or dropped by name
// (F-3). What would change the answer's meaning is never dropped; nothing is lost in silence.

#include <algorithm>
#include <array>
#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/openai/codec.hpp"
#include "wire/responses/codec.hpp"

namespace weir::wire {
namespace {

struct Codec {
  std::string_view name;
  Result<ChatRequest> (*decode)(json::Value);
  Result<EncodeNotes> (*encode)(const ChatRequest&, const EncodeOptions&, std::string&);
  std::string_view head;  ///< of a request body; the rows' members and a brace follow
};

// In the order of `Dialect`, and of the letters in a row.
constexpr std::array<Codec, dialect_count> codecs{{
    {"openai", openai::decode_request, openai::encode_request,
     R"({"model":"m","messages":[{"role":"user","content":"q"}])"},
    {"responses", responses::decode_request, responses::encode_request,
     R"({"model":"m","input":"q")"},
    {"anthropic", anthropic::decode_request, anthropic::encode_request,
     R"({"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"q"}])"},
    {"gemini", gemini::decode_request, gemini::encode_request,
     R"({"contents":[{"role":"user","parts":[{"text":"q"}]}])"},
    {"ollama", ollama::decode_request, ollama::encode_request,
     R"({"model":"m","messages":[{"role":"user","content":"q"}])"},
}};

struct Row {
  Dialect client;
  std::string_view members;  ///< JSON, from the comma on
  std::string_view field;    ///< the client's name of it, in notes and refusals
  /// What becomes of it at the targets openai, responses, anthropic, gemini, ollama: `s` said, `r`
  /// refused, `d` dropped.
  std::string_view outcomes;
  std::string_view mark;  ///< stands in the body where it was said; several: separated by a space
  bool target_reasons = true;
};

constexpr auto oc = Dialect::openai_chat;
constexpr auto re = Dialect::openai_responses;
constexpr auto an = Dialect::anthropic;
constexpr auto ge = Dialect::gemini;
constexpr auto ol = Dialect::ollama;

#define WEIR_TOOL R"(,"tools":[{"type":"function","function":{"name":"pick","parameters":{}}}])"
#define WEIR_SCHEMA R"({"type":"object","properties":{"zebra":{"type":"string"}}})"

// clang-format off
constexpr Row rows[] = {
    // What changes the answer's meaning.
    {oc, R"(,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":)" WEIR_SCHEMA "}}", "response_format", "sssss", "zebra"},
    {re, R"(,"text":{"format":{"type":"json_schema","name":"a","schema":)" WEIR_SCHEMA "}}", "text.format", "sssss", "zebra"},
    {an, R"(,"output_config":{"format":{"type":"json_schema","schema":)" WEIR_SCHEMA "}}", "output_config.format", "sssss", "zebra"},
    {ge, R"(,"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":)" WEIR_SCHEMA "}", "generationConfig.responseMimeType", "sssss", "zebra"},
    {ol, R"(,"format":)" WEIR_SCHEMA, "format", "sssss", "zebra"},
    {oc, R"(,"response_format":{"type":"json_object"})", "response_format", "sssss", "json JSON"},
    {oc, WEIR_TOOL R"(,"tool_choice":"required")", "tool_choice", "ssssr", R"("required" "any" "ANY")"},
    // Ollama is offered that tool alone, and the client told that no call is certain.
    {oc, WEIR_TOOL R"(,"tool_choice":{"type":"function","function":{"name":"pick"}})", "tool_choice", "ssssd", R"("tool_choice" "ANY")"},
    {an, R"(,"tools":[{"name":"pick","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"})", "tool_choice", "ssssr", R"("required" "any" "ANY")"},
    {ge, R"(,"tools":[{"functionDeclarations":[{"name":"pick"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}})", "toolConfig.functionCallingConfig", "ssssr", R"("required" "any" "ANY")"},
    {oc, R"(,"n":3)", "n", "srrsr", ":3"},
    {ge, R"(,"generationConfig":{"candidateCount":3})", "generationConfig.candidateCount", "srrsr", ":3"},
    {oc, R"(,"logprobs":true,"top_logprobs":4)", "logprobs", "ssrss", "ogprobs\":true top_logprobs\":4"},
    {re, R"(,"include":["message.output_text.logprobs"],"top_logprobs":4)", "top_logprobs", "ssrss", "ogprobs"},
    {ge, R"(,"generationConfig":{"responseLogprobs":true,"logprobs":4})", "generationConfig.responseLogprobs", "ssrss", "ogprobs"},
    {ol, R"(,"logprobs":true,"top_logprobs":4)", "logprobs", "ssrss", "ogprobs"},
    {oc, R"(,"stop":["HALT"])", "stop", "srsss", "HALT"},
    // Hints of OpenAI's clients.
    {oc, R"(,"seed":7777)", "seed", "sddss", "7777"},
    {oc, R"(,"presence_penalty":0.625)", "presence_penalty", "sddss", "0.625"},
    {oc, R"(,"frequency_penalty":0.625)", "frequency_penalty", "sddss", "0.625"},
    {oc, R"(,"top_k":333)", "top_k", "sdsss", "333"},
    {oc, R"(,"logit_bias":{"5077":1})", "logit_bias", "sdddd", "5077"},
    {oc, R"(,"service_tier":"flex")", "service_tier", "ssdsd", "flex"},
    {oc, R"(,"metadata":{"zebra":"x"})", "metadata", "ssddd", "zebra"},
    {oc, R"(,"user":"zebra")", "user", "sssdd", "zebra"},
    {oc, R"(,"safety_identifier":"zebra")", "safety_identifier", "sssdd", "zebra"},
    {oc, R"(,"verbosity":"low")", "verbosity", "ssddd", "low"},
    {oc, R"(,"prompt_cache_key":"zebra")", "prompt_cache_key", "ssddd", "zebra"},
    {oc, R"(,"store":true)", "store", "ssddd", R"("store":true)"},
    {oc, WEIR_TOOL R"(,"parallel_tool_calls":false)", "parallel_tool_calls", "sssdd", "parallel_tool"},
    {oc, R"(,"reasoning_effort":"high")", "reasoning_effort", "sssss", "effort budget_tokens thinkingLevel \"think\""},
    {oc, R"(,"reasoning_effort":"high")", "reasoning_effort", "sdddd", "effort", false},
    {oc, R"(,"reasoning":{"effort":"high"})", "reasoning", "sdddd", "effort", false},
    {oc, R"(,"thinking":{"type":"enabled","budget_tokens":5000})", "thinking", "sdddd", "5000", false},
    // Hints of the others' clients, by their own names.
    {re, R"(,"text":{"verbosity":"low"})", "text.verbosity", "ssddd", "low"},
    {re, R"(,"reasoning":{"effort":"high"})", "reasoning", "dsddd", "effort", false},
    {re, R"(,"service_tier":"flex")", "service_tier", "ssdsd", "flex"},
    {re, R"(,"metadata":{"zebra":"x"})", "metadata", "ssddd", "zebra"},
    {re, R"(,"safety_identifier":"zebra")", "safety_identifier", "sssdd", "zebra"},
    {an, R"(,"top_k":333)", "top_k", "ddsss", "333"},
    {an, R"(,"thinking":{"type":"enabled","budget_tokens":5000})", "thinking", "ddsdd", "5000", false},
    {an, R"(,"output_config":{"effort":"high"})", "output_config.effort", "ddsdd", "effort", false},
    {an, R"(,"metadata":{"user_id":"zebra"})", "metadata.user_id", "sssdd", "zebra"},
    {an, R"(,"metadata":{"zebra":"x"})", "metadata", "ddsdd", "zebra"},
    {an, R"(,"service_tier":"standard_only")", "service_tier", "ddssd", "standard"},
    {an, R"(,"cache_control":{"type":"ephemeral"})", "cache_control", "ddsdd", "ephemeral"},
    {an, R"(,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}])", "cache_control", "ddsdd", "ephemeral"},
    {an, R"(,"tools":[{"name":"pick","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}])", "cache_control", "ddsdd", "ephemeral"},
    {an, R"(,"tools":[{"name":"pick","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true})", "tool_choice.disable_parallel_tool_use", "sssdd", "parallel_tool"},
    {ge, R"(,"generationConfig":{"seed":7777})", "generationConfig.seed", "sddss", "7777"},
    {ge, R"(,"generationConfig":{"topK":333})", "generationConfig.topK", "ddsss", "333"},
    {ge, R"(,"generationConfig":{"presencePenalty":0.625})", "generationConfig.presencePenalty", "sddss", "0.625"},
    {ge, R"(,"generationConfig":{"thinkingConfig":{"thinkingBudget":5000}})", "generationConfig.thinkingConfig", "dddsd", "5000", false},
    {ge, R"(,"serviceTier":"flex")", "serviceTier", "dddsd", "flex"},
    {ol, R"(,"options":{"seed":7777})", "options.seed", "sddss", "7777"},
    {ol, R"(,"options":{"top_k":333})", "options.top_k", "ddsss", "333"},
    {ol, R"(,"options":{"frequency_penalty":0.625})", "options.frequency_penalty", "sddss", "0.625"},
    {ol, R"(,"think":"high")", "think", "dddds", "\"think\"", false},
};
// clang-format on

#undef WEIR_TOOL
#undef WEIR_SCHEMA

void PrintTo(const Row& row, std::ostream* out) { *out << row.members; }

bool holds_a_mark(std::string_view body, std::string_view marks) {
  while (!marks.empty()) {
    const auto end = std::min(marks.find(' '), marks.size());
    if (body.find(marks.substr(0, end)) != std::string_view::npos) return true;
    marks.remove_prefix(std::min(end + 1, marks.size()));
  }
  return false;
}

bool is_among(const EncodeNotes& notes, std::string_view field) {
  return std::find(notes.dropped.begin(), notes.dropped.end(), field) != notes.dropped.end();
}

/// Every note is a name that the client wrote.
void expect_own_names(const EncodeNotes& notes, std::string_view request) {
  for (const auto& name : notes.dropped) {
    const std::string last = '"' + name.substr(name.rfind('.') + 1) + '"';
    EXPECT_NE(request.find(last), std::string_view::npos) << "the client did not say " << name;
  }
}

void check(const Row& row, const Codec& target, char outcome, const ChatRequest& request,
           std::string_view text) {
  EncodeOptions options;
  options.model = "target-model";
  options.traits.reasons = row.target_reasons;
  std::string body;
  const auto notes = target.encode(request, options, body);
  if (outcome == 'r') {
    ASSERT_FALSE(notes) << body;
    EXPECT_EQ(notes.error().code, ErrorCode::unsupported_capability);
    EXPECT_EQ(notes.error().param, row.field);
    return;
  }
  ASSERT_TRUE(notes) << notes.error().message;
  EXPECT_EQ(is_among(*notes, row.field), outcome == 'd') << body;
  EXPECT_TRUE(outcome == 'd' || holds_a_mark(body, row.mark)) << body;
  expect_own_names(*notes, text);
}

class CapabilityMatrix : public testing::TestWithParam<Row> {};

TEST_P(CapabilityMatrix, SaysRefusesOrNames) {
  const Row& row = GetParam();
  const Codec& client = codecs[static_cast<std::size_t>(row.client)];
  const std::string text = std::string(client.head) + std::string(row.members) + "}";
  json::Document document;
  ASSERT_TRUE(document.parse(text)) << text;
  const auto request = client.decode(document.root());
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(row.outcomes.size(), codecs.size());
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    SCOPED_TRACE(std::string(client.name) + " to " + std::string(codecs[i].name));
    check(row, codecs[i], row.outcomes[i], *request, text);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CapabilityMatrix, testing::ValuesIn(rows));

}  // namespace
}  // namespace weir::wire
