// SPDX-License-Identifier: Apache-2.0
#include "providers/provider_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "providers/catalog.hpp"

namespace weir::providers {
namespace {

const ProviderSpec& spec(std::string_view name) {
  const ProviderSpec* found = find_provider(name);
  EXPECT_NE(found, nullptr) << name;
  return *found;
}

std::string base(std::string_view provider, std::string_view text,
                 std::string_view api_version = {}) {
  const auto url = normalize_base_url(spec(provider), text, api_version);
  return url ? *url : "refused: " + url.error().message;
}

TEST(ProviderTable, FindsEveryRowByNameAndNothingElse) {
  for (const ProviderSpec& row : provider_specs()) EXPECT_EQ(find_provider(row.name), &row);
  EXPECT_EQ(find_provider("opena"), nullptr);
  EXPECT_EQ(find_provider("zzz"), nullptr);
  EXPECT_EQ(find_provider(""), nullptr);
}

TEST(ProviderTable, TheDefaultOrderIsTheDocumentedOne) {
  const std::vector<std::string> expected{"azure",    "openai", "anthropic", "gemini",
                                          "deepseek", "groq",   "together",  "openrouter"};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(spec(expected[i]).order, i);
  for (const ProviderSpec& local : provider_specs()) {
    if (!local.is_local) continue;
    for (const ProviderSpec& cloud : provider_specs()) {
      if (cloud.is_local) continue;
      EXPECT_GT(local.order, cloud.order) << local.name << ' ' << cloud.name;
    }
  }
}

TEST(ProviderTable, PreferFreePutsTheFourFreeOnesFirst) {
  const std::vector<std::string> expected{"groq", "gemini", "openrouter", "together"};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(spec(expected[i]).free_order, i);
}

TEST(ProviderTable, NoTwoProvidersShareAPlaceInAnOrder) {
  std::set<int> order;
  std::set<int> free_order;
  for (const ProviderSpec& row : provider_specs()) {
    EXPECT_TRUE(order.insert(row.order).second) << row.name;
    EXPECT_TRUE(free_order.insert(row.free_order).second) << row.name;
  }
}

TEST(ProviderTable, DefaultModelsAreActiveChatModelsOfTheCatalog) {
  for (const ProviderSpec& row : provider_specs()) {
    if (row.name == mock_provider) continue;
    for (const std::string_view id : {row.default_model, row.fast_model}) {
      if (id.empty()) continue;
      const FoundModel found = find_model(row.name, id);
      ASSERT_TRUE(found) << row.name << ' ' << id;
      EXPECT_EQ(found.match, Match::exact) << id;
      EXPECT_EQ(found.model->status, Status::active) << id;
      EXPECT_TRUE(has(found.model->capabilities, Capability::chat)) << id;
    }
    EXPECT_EQ(row.default_model.empty(), row.is_local || row.name == custom_provider) << row.name;
  }
}

TEST(ProviderTable, KnowsTheEnvironmentVariablesThatUsersAlreadyHave) {
  EXPECT_TRUE(spec("gemini").key_env.contains("GOOGLE_API_KEY"));
  EXPECT_TRUE(spec("azure").url_env.contains("AZURE_OPENAI_ENDPOINT"));
  EXPECT_TRUE(spec("azure").deployment_env.contains("AZURE_OPENAI_DEPLOYMENT"));
  EXPECT_TRUE(spec("openai").organization_env.contains("OPENAI_ORG_ID"));
  for (const auto* name : {"OLLAMA_BASE_URL", "OLLAMA_URL", "OLLAMA_HOST"}) {
    EXPECT_TRUE(spec("ollama").url_env.contains(name)) << name;
  }
  EXPECT_TRUE(spec("localai").url_env.contains("LOCALAI_URL"));
  EXPECT_TRUE(spec("vllm").url_env.contains("VLLM_URL"));
}

TEST(ProviderTable, ATableRowCarriesTheCatalogsFacts) {
  const ProviderSpec& anthropic = spec("anthropic");
  EXPECT_EQ(anthropic.dialect, wire::Dialect::anthropic);
  EXPECT_EQ(anthropic.auth, Auth::x_api_key);
  EXPECT_EQ(anthropic.header.name, "anthropic-version");
  EXPECT_EQ(anthropic.limit_headers, LimitHeaders::anthropic_ratelimit);
  EXPECT_EQ(anthropic.paid_limits.requests_per_minute, 1000);
  EXPECT_EQ(spec("perplexity").dialect, wire::Dialect::openai_responses);
  EXPECT_EQ(spec("mistral").free_limits.requests_per_minute, 60);
  EXPECT_TRUE(wire::has(spec("mistral").quirks, wire::Quirk::mistral_ids));
}

TEST(BaseUrl, GetsTheApisPathWhereOnlyTheServerIsNamed) {
  EXPECT_EQ(base("vllm", "http://gpu:8000"), "http://gpu:8000/v1");
  EXPECT_EQ(base("vllm", "http://gpu:8000/v1/"), "http://gpu:8000/v1");
  EXPECT_EQ(base("vllm", "http://gpu:8000/serving"), "http://gpu:8000/serving");
  EXPECT_EQ(base("custom", "https://llm.example.com"), "https://llm.example.com/v1");
  EXPECT_EQ(base("deepseek", "https://api.deepseek.com"), "https://api.deepseek.com");
  EXPECT_EQ(base("gemini", "https://proxy.example.com"), "https://proxy.example.com/v1beta");
}

TEST(BaseUrl, LosesWhatBelongsToThePaths) {
  EXPECT_EQ(base("openai", "https://h/v1/chat/completions"), "https://h/v1");
  EXPECT_EQ(base("anthropic", "https://h/v1"), "https://h");
  EXPECT_EQ(base("anthropic", "https://h/v1/messages"), "https://h");
  EXPECT_EQ(base("gemini", "https://h/v1beta/openai"), "https://h/v1beta");
  EXPECT_EQ(base("ollama", "http://h:11434/v1"), "http://h:11434");
}

TEST(BaseUrl, UnderstandsOllamasShortForms) {
  EXPECT_EQ(base("ollama", "gpu"), "http://gpu:11434");
  EXPECT_EQ(base("ollama", "gpu:1234"), "http://gpu:1234");
  EXPECT_EQ(base("ollama", "0.0.0.0"), "http://127.0.0.1:11434");
  EXPECT_EQ(base("ollama", "http://0.0.0.0:11434"), "http://127.0.0.1:11434");
  EXPECT_EQ(base("ollama", ":11435"), "http://127.0.0.1:11435");
  EXPECT_EQ(base("ollama", "[::1]"), "http://[::1]:11434");
  EXPECT_EQ(base("ollama", "https://ollama.com"), "https://ollama.com");
}

TEST(BaseUrl, MakesBothOfAzuresShapes) {
  const std::string v1 = "https://acme.openai.azure.com/openai/v1";
  EXPECT_EQ(base("azure", "acme"), v1);
  EXPECT_EQ(base("azure", "https://acme.openai.azure.com/"), v1);
  EXPECT_EQ(base("azure", "https://acme.openai.azure.com/openai/v1/"), v1);
  EXPECT_EQ(base("azure", "https://acme.openai.azure.com", "preview"), v1);
  EXPECT_EQ(base("azure", "https://acme.openai.azure.com/openai/deployments/x", "2024-10-21"),
            "https://acme.openai.azure.com/openai");
}

TEST(BaseUrl, RefusesWhatIsNone) {
  EXPECT_TRUE(base("openai", "api.openai.com").starts_with("refused"));
  EXPECT_TRUE(base("openai", "").starts_with("refused"));
  EXPECT_TRUE(base("ollama", "a b").starts_with("refused"));
}

TEST(OperationPath, FollowsTheDialect) {
  EXPECT_EQ(operation_path(spec("openai"), {}, Operation::chat, "m"), "/chat/completions");
  EXPECT_EQ(operation_path(spec("openai"), {}, Operation::responses, "m"), "/responses");
  EXPECT_EQ(operation_path(spec("perplexity"), {}, Operation::responses, "m"), "/responses");
  EXPECT_EQ(operation_path(spec("ollama"), {}, Operation::models, ""), "/api/tags");
  EXPECT_EQ(operation_path(spec("gemini"), {}, Operation::chat_stream, "gemini-3.8-flash"),
            "/models/gemini-3.8-flash:streamGenerateContent?alt=sse");
  EXPECT_EQ(operation_path(spec("anthropic"), {}, Operation::embeddings, "m"), "");
}

// A model name comes from the client and must not be able to choose another path.
TEST(OperationPath, EscapesTheModel) {
  EXPECT_EQ(operation_path(spec("gemini"), {}, Operation::chat, "../x?y"),
            "/models/..%2Fx%3Fy:generateContent");
}

TEST(OperationPath, PutsAzuresDeploymentIntoTheClassicPath) {
  const Endpoint classic{.base_url = "https://acme.openai.azure.com/openai",
                         .api_version = "2024-10-21"};
  EXPECT_EQ(operation_path(spec("azure"), classic, Operation::chat, "my gpt"),
            "/deployments/my%20gpt/chat/completions?api-version=2024-10-21");
  EXPECT_EQ(operation_path(spec("azure"), classic, Operation::models, ""),
            "/models?api-version=2024-10-21");
  const Endpoint v1{.base_url = "https://acme.openai.azure.com/openai/v1", .api_version = "v1"};
  EXPECT_EQ(operation_path(spec("azure"), v1, Operation::chat, "my gpt"), "/chat/completions");
}

TEST(ServicePath, FollowsOpenAIsPathsBelowTheBaseUrl) {
  const Endpoint openai{.base_url = "https://api.openai.com/v1"};
  EXPECT_EQ(service_path(spec("openai"), openai, Service::image_edits, "m"), "/v1/images/edits");
  EXPECT_EQ(service_path(spec("openai"), openai, Service::moderations, "m"), "/v1/moderations");
  EXPECT_EQ(service_path(spec("openai"), openai, Service::rerank, "m"), "");
  const Endpoint server{.base_url = "http://localhost:9000"};
  EXPECT_EQ(service_path(spec("custom"), server, Service::rerank, "m"), "/rerank");
  EXPECT_EQ(service_path(spec("anthropic"), {.base_url = "https://api.anthropic.com"},
                         Service::speech, "m"),
            "");
}

TEST(ServicePath, KnowsCoheresAndAzuresOwnPlaces) {
  const Endpoint cohere{.base_url = "https://api.cohere.ai/compatibility/v1"};
  EXPECT_EQ(service_path(spec("cohere"), cohere, Service::rerank, "m"), "/v2/rerank");
  const Endpoint classic{.base_url = "https://acme.openai.azure.com/openai",
                         .api_version = "2024-10-21"};
  EXPECT_EQ(service_path(spec("azure"), classic, Service::speech, "my tts"),
            "/openai/deployments/my%20tts/audio/speech?api-version=2024-10-21");
}

TEST(ProvidersPage, HasARowForEveryProvider) {
  const std::string page = providers_markdown();
  for (const ProviderSpec& row : provider_specs()) {
    EXPECT_NE(page.find("| `" + std::string(row.name) + "` | "), std::string::npos) << row.name;
  }
  EXPECT_NE(page.find("claude-sonnet-5-5"), std::string::npos);
}

}  // namespace
}  // namespace weir::providers
