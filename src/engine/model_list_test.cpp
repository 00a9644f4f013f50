// SPDX-License-Identifier: Apache-2.0
#include "engine/model_list.hpp"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

using config::DetectedModel;
using providers::Capability;
using wire::Dialect;
using Names = std::vector<std::string>;

Names ids_in(std::string_view body, Dialect dialect = Dialect::openai_chat) {
  Names ids;
  const auto models = read_model_list(dialect, body);
  EXPECT_TRUE(models) << body;
  if (!models) return ids;
  for (const DetectedModel& model : *models) ids.push_back(model.id);
  return ids;
}

/// The only model of a list made of `entry`.
DetectedModel only(std::string_view entry, Dialect dialect = Dialect::openai_chat) {
  const char* list = dialect == Dialect::ollama ? "models" : "data";
  const std::string body = "{\"" + std::string(list) + "\":[" + std::string(entry) + "]}";
  const auto models = read_model_list(dialect, body);
  EXPECT_TRUE(models && models->size() == 1) << body;
  return models && models->size() == 1 ? models->front() : DetectedModel{};
}

std::string_view can(const DetectedModel& model, Capability capability) {
  if (providers::has(model.capabilities.yes, capability)) return "yes";
  return providers::has(model.capabilities.no, capability) ? "no" : "unknown";
}

TEST(ModelList, IsReadInEveryDialect) {
  EXPECT_EQ(ids_in(R"({"object":"list","data":[{"id":"a"},{"id":"b/c"}]})"), (Names{"a", "b/c"}));
  EXPECT_EQ(ids_in(R"({"models":[{"name":"qwen3:8b","model":"qwen3:8b"}]})", Dialect::ollama),
            Names{"qwen3:8b"});
  EXPECT_EQ(ids_in(R"({"models":[{"name":"models/gemini-2.5-pro"}]})", Dialect::gemini),
            Names{"gemini-2.5-pro"});
  EXPECT_EQ(ids_in(R"([{"id":"x"}])"), Names{"x"});
  EXPECT_EQ(ids_in(R"({"data":[]})"), Names{});
  EXPECT_EQ(ids_in(R"({"models":null})", Dialect::ollama), Names{});
}

// Many things listen on port 8000, and most of them answer anything with 200.
TEST(ModelList, IsNotFoundInWhatIsNone) {
  for (const char* body :
       {"<html>", "{}", R"({"data":{}})", "\"data\"", "", "{\"data\":[{\"id\":"}) {
    EXPECT_FALSE(read_model_list(Dialect::openai_chat, body)) << body;
    EXPECT_FALSE(read_model_list(Dialect::ollama, body)) << body;
  }
}

TEST(ModelList, PassesOverEntriesWithoutAUsableName) {
  EXPECT_EQ(
      ids_in(R"({"data":[{"id":1},{},3,{"id":"ok"},{"id":""},{"id":"a\nb"},{"id":"\u001b[2J"}]})"),
      Names{"ok"});
  const std::string endless(10'000, 'a');
  EXPECT_EQ(ids_in("{\"data\":[{\"id\":\"" + endless + "\"}]}"), Names{});
}

TEST(ModelList, EndsAtItsLimit) {
  std::string entries;
  for (int i = 0; i < 50'000; ++i) {
    entries += (i > 0 ? ",{\"id\":\"m" : "{\"id\":\"m") + std::to_string(i) + "\",\"name\":\"m\"}";
  }
  EXPECT_EQ(ids_in("{\"data\":[" + entries + "]}").size(), listed_models_max);
  EXPECT_EQ(ids_in("{\"models\":[" + entries + "]}", Dialect::ollama).size(), listed_models_max);
}

TEST(ModelList, TakesTheWindowFromWhereverTheServerTellsIt) {
  EXPECT_EQ(only(R"({"id":"m","max_model_len":32768})").context_tokens, 32'768) << "vLLM";
  EXPECT_EQ(only(R"({"id":"m","meta":{"n_ctx_train":8192}})").context_tokens, 8'192) << "llama.cpp";
  EXPECT_EQ(only(R"({"id":"m","meta":{"n_ctx_train":8192,"n_ctx":4096}})").context_tokens, 4'096);
  EXPECT_EQ(only(R"({"id":"m","context_window":131072})").context_tokens, 131'072) << "Groq";
  EXPECT_EQ(
      only(R"({"id":"m","max_context_length":40000,"loaded_context_length":4096})").context_tokens,
      4'096)
      << "LM Studio: what is loaded counts";
  const DetectedModel routed = only(
      R"({"id":"m","context_length":200000,
          "top_provider":{"context_length":131072,"max_completion_tokens":16384}})");
  EXPECT_EQ(routed.context_tokens, 131'072);
  EXPECT_EQ(routed.output_tokens_max, 16'384);
}

TEST(ModelList, BelievesNoImpossibleWindow) {
  for (const char* value : {"-1", "0", "1e300", "\"32768\"", "1.5", "9007199254740993", "null"}) {
    const std::string entry = R"({"id":"m","max_model_len":)" + std::string(value) + "}";
    EXPECT_EQ(only(entry).context_tokens, 0) << value;
  }
}

TEST(ModelList, ReadsWhatAServerSaysItsModelsCanDo) {
  const DetectedModel mistral =
      only(R"({"id":"m","capabilities":{"completion_chat":true,"function_calling":false}})");
  EXPECT_EQ(can(mistral, Capability::chat), "yes");
  EXPECT_EQ(can(mistral, Capability::tools), "no");
  EXPECT_EQ(can(mistral, Capability::vision), "unknown");
  const DetectedModel routed = only(R"({"id":"m","supported_parameters":["tools"],
               "architecture":{"input_modalities":["text","image"]}})");
  EXPECT_EQ(can(routed, Capability::tools), "yes");
  EXPECT_EQ(can(routed, Capability::json_schema), "no");
  EXPECT_EQ(can(routed, Capability::vision), "yes");
  EXPECT_EQ(can(routed, Capability::audio), "no");
  const DetectedModel embedder = only(R"({"id":"m","type":"embeddings"})");
  EXPECT_EQ(can(embedder, Capability::embeddings), "yes");
  EXPECT_EQ(can(embedder, Capability::chat), "no");
  EXPECT_EQ(only(R"({"id":"m","capabilities":["odd"]})").capabilities,
            providers::StatedCapabilities{});
}

TEST(ModelList, TakesAnOllamaAtItsWord) {
  const DetectedModel told = only(
      R"({"name":"m:8b","digest":"abc","details":{"context_length":40960},
          "capabilities":["completion","tools"]})",
      Dialect::ollama);
  EXPECT_EQ(told.revision, "abc");
  EXPECT_EQ(told.context_tokens, 40'960);
  EXPECT_EQ(can(told, Capability::tools), "yes");
  EXPECT_EQ(can(told, Capability::vision), "no");
  const DetectedModel old = only(R"({"name":"m:8b"})", Dialect::ollama);
  EXPECT_EQ(old.capabilities, providers::StatedCapabilities{})
      << "it told none, so nothing follows";
}

}  // namespace
}  // namespace weir::engine
