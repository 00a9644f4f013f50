// SPDX-License-Identifier: Apache-2.0
#include "providers/provider_table.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "providers/catalog_provider.hpp"

namespace weir::providers {
namespace {

#include "catalog_providers.inc"

using enum wire::Quirk;
using enum Service;

/// The paths of an API that its dialect decides.
struct DialectPaths {
  std::string_view completions;
  std::string_view embeddings;
  std::string_view models;
};

constexpr DialectPaths paths_of(wire::Dialect dialect) {
  switch (dialect) {
    case wire::Dialect::openai_chat:
      return {"/completions", "/embeddings", "/models"};
    case wire::Dialect::openai_responses:
      return {"", "", "/models"};
    case wire::Dialect::anthropic:
      return {"", "", "/v1/models"};
    case wire::Dialect::gemini:
      return {"", "/models/{model}:batchEmbedContents", "/models"};
    case wire::Dialect::ollama:
      return {"", "/api/embed", "/api/tags"};
  }
  return {};
}

/// What the catalog does not say about a provider.
struct Addition {
  std::uint8_t order = rank_last;
  std::uint8_t free_order = rank_last;
  std::string_view default_model{};
  std::string_view fast_model{};
  wire::Quirks quirks = 0;
  bool has_responses = false;
  bool keeps_responses = false;
  bool lacks_completions = false;
  bool lacks_embeddings = false;
  Services services{};
  std::uint16_t local_port = 0;
  Names more_key_env{};
  Names url_env{};  ///< replaces the catalog's when not empty
  Names organization_env{};
  Names project_env{};
  Names deployment_env{};
  Names api_version_env{};
};

consteval ProviderSpec row(std::string_view id, const Addition& addition) {
  const auto* found = std::find_if(catalog_providers.begin(), catalog_providers.end(),
                                   [&](const CatalogProvider& entry) { return entry.id == id; });
  WEIR_ASSERT(found != catalog_providers.end());
  const DialectPaths paths = paths_of(found->dialect);
  ProviderSpec spec{};
  spec.name = found->id;
  spec.display_name = found->name;
  spec.dialect = found->dialect;
  spec.base_url = found->base_url;
  spec.chat_path = found->chat_path;
  spec.stream_path = found->stream_path;
  spec.responses_path = addition.has_responses ? "/responses" : found->responses_path;
  spec.keeps_responses = addition.keeps_responses;
  spec.completions_path = addition.lacks_completions ? "" : paths.completions;
  spec.embeddings_path = addition.lacks_embeddings ? "" : paths.embeddings;
  spec.models_path = paths.models;
  spec.services = addition.services;
  spec.auth = found->auth;
  spec.header = found->header;
  spec.key_env = found->key_env.with(addition.more_key_env);
  spec.url_env = addition.url_env.empty() ? found->url_env : addition.url_env;
  spec.organization_env = addition.organization_env;
  spec.project_env = addition.project_env;
  spec.deployment_env = addition.deployment_env;
  spec.api_version_env = addition.api_version_env;
  spec.is_local = found->is_local;
  spec.has_free_tier = found->has_free_tier;
  spec.limit_headers = found->limit_headers;
  spec.quirks = addition.quirks;
  spec.free_limits = found->free_limits;
  spec.paid_limits = found->paid_limits;
  spec.order = addition.order;
  spec.free_order = addition.free_order;
  spec.local_port = addition.local_port;
  spec.default_model = addition.default_model;
  spec.fast_model = addition.fast_model;
  return spec;
}

/// A server that the catalog has no entry for, speaking OpenAI's chat API.
consteval ProviderSpec compatible_server(std::string_view name, std::string_view display_name,
                                         std::string_view base_url, bool is_local,
                                         std::uint8_t order, Services services) {
  const DialectPaths paths = paths_of(wire::Dialect::openai_chat);
  ProviderSpec spec{};
  spec.name = name;
  spec.display_name = display_name;
  spec.dialect = wire::Dialect::openai_chat;
  spec.base_url = base_url;
  spec.chat_path = "/chat/completions";
  spec.completions_path = paths.completions;
  spec.embeddings_path = paths.embeddings;
  spec.models_path = paths.models;
  spec.services = services;
  spec.auth = Auth::optional_bearer;
  spec.is_local = is_local;
  spec.quirks = max_tokens_old_name | no_developer_role;
  spec.order = order;
  spec.free_order = order;
  return spec;
}

consteval ProviderSpec mock() {
  ProviderSpec spec = compatible_server(mock_provider, "Built-in mock", "", true, rank_last, {});
  spec.auth = Auth::none;
  spec.quirks = 0;
  spec.default_model = "mock";
  return spec;
}

/// Many servers take only the older names; they are understood by the newer ones too.
constexpr wire::Quirks older_server = max_tokens_old_name | no_developer_role;

// clang-format off
constexpr std::array specs{
    row("anthropic", {.order = 2, .free_order = 10, .default_model = "claude-sonnet-5-5",
                      .fast_model = "claude-haiku-5-5"}),
    row("azure", {.order = 0, .free_order = 8, .default_model = "gpt-5.6-terra",
                  .fast_model = "gpt-5.6-luna", .quirks = wire::Quirks{} | reasoning_effort_hint,
                  .has_responses = true, .keeps_responses = true,
                  .services = {image_generations, image_edits, speech, transcriptions, translations},
                  .deployment_env = {"AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"},
                  .api_version_env = {"OPENAI_API_VERSION", "AZURE_OPENAI_API_VERSION",
                                      "AZURE_API_VERSION"}}),
    row("cerebras", {.order = 11, .free_order = 5, .default_model = "gpt-oss-120b",
                     .fast_model = "gpt-oss-120b",
                     .quirks = no_logit_bias | no_parallel_switch | no_penalties |
                               reasoning_effort_hint,
                     .lacks_embeddings = true}),
    row("cohere", {.order = 12, .free_order = 6, .default_model = "command-a-03-2025",
                   .fast_model = "command-r7b-12-2024",
                   .quirks = older_server | no_n | no_logit_bias | no_metadata |
                             no_parallel_switch,
                   .lacks_completions = true, .services = {rerank}}),
    compatible_server(custom_provider, "Any OpenAI-compatible server", "", false, 15,
                      Services::all()),
    row("deepseek", {.order = 4, .free_order = 11, .default_model = "deepseek-v4-pro",
                     .fast_model = "deepseek-flash",
                     .quirks = older_server | no_json_schema | replay_reasoning | no_n |
                               reasoning_effort_hint,
                     .lacks_completions = true, .lacks_embeddings = true}),
    row("fireworks", {.order = 10, .free_order = 14,
                      .default_model = "accounts/fireworks/models/glm-5p3",
                      .fast_model = "accounts/fireworks/models/glm-5p3-flash",
                      .quirks = older_server | reasoning_effort_hint}),
    row("gemini", {.order = 3, .free_order = 1, .default_model = "gemini-3.8-flash",
                   .fast_model = "gemini-3.1-flash-lite"}),
    row("groq", {.order = 5, .free_order = 0, .default_model = "openai/gpt-oss-120b",
                 .fast_model = "openai/gpt-oss-20b",
                 .quirks = no_n | no_logprobs | no_logit_bias | no_names | no_metadata |
                           reasoning_effort_hint,
                 .has_responses = true, .lacks_completions = true, .lacks_embeddings = true,
                 .services = {speech, transcriptions, translations}}),
    row("huggingface", {.order = 13, .free_order = 7, .default_model = "openai/gpt-oss-120b",
                        .fast_model = "openai/gpt-oss-20b", .quirks = older_server,
                        .has_responses = true, .lacks_completions = true,
                        .lacks_embeddings = true}),
    // The server's port was 8080 for years, which the catalog states and LocalAI shares; newer ones
    // listen on 9931.
    row("llamacpp", {.order = 23, .free_order = 23, .quirks = older_server | takes_top_k,
                     .has_responses = true,
                     .services = {rerank},
                     .local_port = 9931}),
    row("lmstudio", {.order = 21, .free_order = 21, .quirks = older_server | takes_top_k,
                     .has_responses = true, .local_port = 1234, .more_key_env = {"LM_API_TOKEN"}}),
    row("localai", {.order = 24, .free_order = 24, .quirks = older_server | takes_top_k,
                    .has_responses = true,
                    .services = {image_generations, speech, transcriptions, translations, rerank},
                    .local_port = 8080, .url_env = {"LOCALAI_BASE_URL", "LOCALAI_URL"}}),
    row("mistral", {.order = 8, .free_order = 4, .default_model = "mistral-large-4",
                    .fast_model = "mistral-small-2603",
                    .quirks = older_server | no_stream_options | mistral_ids | seed_is_random_seed |
                              no_logit_bias | no_user | no_logprobs | no_metadata |
                              reasoning_effort_hint,
                    .lacks_completions = true, .services = {transcriptions, moderations}}),
    mock(),
    // OLLAMA_HOST comes last: on the server's own machine it is the address the server listens on.
    row("ollama", {.order = 20, .free_order = 20, .local_port = 11434,
                   .url_env = {"OLLAMA_BASE_URL", "OLLAMA_URL", "OLLAMA_API_BASE",
                               "OLLAMA_HOST"}}),
    row("openai", {.order = 1, .free_order = 9, .default_model = "gpt-5.6-terra",
                   .fast_model = "gpt-5.6-luna", .quirks = wire::Quirks{} | reasoning_effort_hint,
                   .keeps_responses = true,
                   .services = {image_generations, image_edits, image_variations, speech,
                                transcriptions, translations, moderations},
                   .organization_env = {"OPENAI_ORG_ID", "OPENAI_ORGANIZATION"},
                   .project_env = {"OPENAI_PROJECT_ID", "OPENAI_PROJECT"}}),
    row("openrouter", {.order = 7, .free_order = 2, .default_model = "openrouter/auto",
                       .fast_model = "deepseek/deepseek-v4.1-flash",
                       .quirks = replay_reasoning | reasoning_effort_hint | takes_top_k |
                                 takes_cache_control,
                       .has_responses = true}),
    row("perplexity", {.order = 14, .free_order = 12, .default_model = "perplexity/sonar",
                       .fast_model = "perplexity/sonar", .quirks = wire::Quirks{} | takes_top_k}),
    row("tgi", {.order = 25, .free_order = 25,
                .quirks = older_server | no_n | no_logit_bias | no_parallel_switch,
                .lacks_embeddings = true, .local_port = 3000}),
    row("together", {.order = 6, .free_order = 3,
                     .default_model = "deepseek-ai/DeepSeek-V4-Pro-0813",
                     .fast_model = "deepseek-ai/DeepSeek-V4.1-Flash",
                     .quirks = older_server | logprobs_is_integer | no_metadata |
                               reasoning_effort_hint | takes_top_k,
                     .services = {image_generations, speech, transcriptions, translations,
                                  rerank}}),
    // Shares vLLM's usual port, so it is not looked for.
    compatible_server("transformers", "Hugging Face transformers serve",
                      "http://localhost:8000/v1", true, 26, {transcriptions}),
    row("vllm", {.order = 22, .free_order = 22,
                 .quirks = no_developer_role | reasoning_effort_hint | takes_top_k,
                 .has_responses = true,
                 .services = {transcriptions, translations, rerank},
                 .local_port = 8000,
                 .url_env = {"VLLM_BASE_URL", "VLLM_URL", "HOSTED_VLLM_API_BASE"}}),
    row("xai", {.order = 9, .free_order = 13, .default_model = "grok-4.7", .fast_model = "grok-4.3",
                .quirks = no_developer_role | reasoning_outside_completion | reasoning_effort_hint,
                .has_responses = true, .lacks_embeddings = true, .services = {image_generations}}),
};
// clang-format on

constexpr bool names_strictly_ascend() {
  for (std::size_t i = 1; i < specs.size(); ++i) {
    if (specs[i - 1].name >= specs[i].name) return false;
  }
  return true;
}
static_assert(names_strictly_ascend(), "specs: sorted, no duplicates");

constexpr bool every_catalog_provider_has_a_row() {
  for (const CatalogProvider& entry : catalog_providers) {
    bool is_there = false;
    for (const ProviderSpec& spec : specs) is_there = is_there || spec.name == entry.id;
    if (!is_there) return false;
  }
  return true;
}
static_assert(every_catalog_provider_has_a_row());

}  // namespace

namespace {

template <class IsMeant>
const ModelLimits* find_model_limits(std::string_view provider, bool is_free, IsMeant is_meant) {
  for (const ModelLimits& row : catalog_model_limits) {
    if (row.provider == provider && row.is_free == is_free && is_meant(row.pattern)) return &row;
  }
  return nullptr;
}

}  // namespace

const ModelLimits* limits_of_model(std::string_view provider, bool is_free,
                                   std::string_view model) noexcept {
  return find_model_limits(provider, is_free, [&](std::string_view pattern) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == model;
    return model.size() + 1 >= pattern.size() && model.starts_with(pattern.substr(0, star)) &&
           model.ends_with(pattern.substr(star + 1));
  });
}

const ModelLimits* limits_of_pattern(std::string_view provider, bool is_free,
                                     std::string_view pattern) noexcept {
  return find_model_limits(provider, is_free, [&](std::string_view own) { return own == pattern; });
}

std::string_view header_name(Auth auth) noexcept {
  switch (auth) {
    case Auth::none:
      return "";
    case Auth::bearer:
    case Auth::optional_bearer:
      return "authorization";
    case Auth::x_api_key:
      return "x-api-key";
    case Auth::api_key:
      return "api-key";
    case Auth::x_goog_api_key:
      return "x-goog-api-key";
  }
  return "";
}

std::span<const ProviderSpec> provider_specs() noexcept { return specs; }

const ProviderSpec* find_provider(std::string_view name) noexcept {
  const auto place =
      std::lower_bound(specs.begin(), specs.end(), name,
                       [](const ProviderSpec& spec, std::string_view n) { return spec.name < n; });
  return place != specs.end() && place->name == name ? &*place : nullptr;
}

std::vector<const ProviderSpec*> providers_in_order(bool free_first) {
  std::vector<const ProviderSpec*> ordered;
  for (const ProviderSpec& spec : specs) ordered.push_back(&spec);
  const auto rank = free_first ? &ProviderSpec::free_order : &ProviderSpec::order;
  std::sort(ordered.begin(), ordered.end(),
            [rank](const ProviderSpec* a, const ProviderSpec* b) { return a->*rank < b->*rank; });
  return ordered;
}

}  // namespace weir::providers
