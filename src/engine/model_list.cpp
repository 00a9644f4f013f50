// SPDX-License-Identifier: Apache-2.0
#include "engine/model_list.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "json/document.hpp"

namespace weir::engine {
namespace {

using config::DetectedModel;
using providers::Capability;

constexpr std::size_t id_bytes_max = 256;
constexpr std::int64_t tokens_max = std::int64_t{1} << 40;

// ---- members --------------------------------------------------------------------------------

std::optional<json::Value> member(json::Value value, std::initializer_list<std::string_view> path) {
  for (const std::string_view key : path) {
    const auto next = value.find(key);
    if (!next) return std::nullopt;
    value = *next;
  }
  return value;
}

/// A plausible number of tokens there, else 0.
std::int64_t tokens_at(json::Value entry, std::initializer_list<std::string_view> path) {
  const auto value = member(entry, path);
  const auto tokens = value && value->is_number() ? value->as_int() : std::nullopt;
  return tokens && *tokens > 0 && *tokens <= tokens_max ? *tokens : 0;
}

bool lists(json::Value array, std::string_view word) {
  for (const json::Value element : array.elements()) {
    if (element.equals(word)) return true;
  }
  return false;
}

// ---- one entry ------------------------------------------------------------------------------

/// OpenAI and Anthropic say `data`, Google `models`, Together has no object around it.
std::optional<json::Value> list_in(json::Value root) {
  if (root.is_array()) return root;
  for (const char* name : {"data", "models"}) {
    const auto list = root.find(name);
    if (list && list->is_array()) return list;
  }
  return std::nullopt;
}

/// A model's id goes into URLs and onto terminals; one with control characters is none.
bool is_usable(std::string_view id) {
  return !id.empty() && id.size() <= id_bytes_max && std::all_of(id.begin(), id.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  });
}

std::string id_in(json::Value entry) {
  for (const char* name : {"id", "name"}) {
    const auto id = entry.find(name);
    if (!id || !id->is_string()) continue;
    std::string text = id->as_string();
    constexpr std::string_view google_prefix = "models/";
    if (text.starts_with(google_prefix)) text.erase(0, google_prefix.size());
    return is_usable(text) ? text : std::string();
  }
  return {};
}

/// The most exact first: what is loaded, what is served, what the model was made for.
std::int64_t context_in(json::Value entry) {
  for (const auto path : {
           std::initializer_list<std::string_view>{"loaded_context_length"},  // LM Studio
           {"max_model_len"},                                                 // vLLM
           {"top_provider", "context_length"},                                // OpenRouter
           {"context_length"},       // Together, OpenRouter
           {"context_window"},       // Groq
           {"max_context_length"},   // Mistral, LM Studio
           {"inputTokenLimit"},      // Gemini
           {"meta", "n_ctx"},        // llama.cpp: of one of its slots
           {"meta", "n_ctx_train"},  // its older versions
       }) {
    const std::int64_t tokens = tokens_at(entry, path);
    if (tokens > 0) return tokens;
  }
  return 0;
}

std::int64_t output_in(json::Value entry) {
  const std::int64_t tokens = tokens_at(entry, {"outputTokenLimit"});
  return tokens > 0 ? tokens : tokens_at(entry, {"top_provider", "max_completion_tokens"});
}

struct Word {
  std::string_view word;
  Capability capability;
};

/// Members that say yes or no: Mistral's, LM Studio's.
constexpr std::array flags{
    Word{"completion_chat", Capability::chat},
    Word{"function_calling", Capability::tools},
    Word{"trained_for_tool_use", Capability::tools},
    Word{"vision", Capability::vision},
};
/// Parameters whose absence in OpenRouter's list is a no.
constexpr std::array parameters{
    Word{"tools", Capability::tools},
    Word{"response_format", Capability::json_mode},
    Word{"structured_outputs", Capability::json_schema},
    Word{"reasoning", Capability::reasoning},
    Word{"logprobs", Capability::logprobs},
};
/// What goes in: OpenRouter's and llama.cpp's `input_modalities`.
constexpr std::array modalities{
    Word{"image", Capability::vision},
    Word{"audio", Capability::audio},
};

template <class Words>
void say_by_list(const std::optional<json::Value>& list, const Words& words, DetectedModel& model) {
  if (!list || !list->is_array()) return;
  for (const auto& [word, capability] : words)
    model.capabilities.say(capability, lists(*list, word));
}

/// LM Studio and Together tell the kind of a model in one word.
void say_by_type(json::Value entry, DetectedModel& model) {
  const auto type = entry.find("type");
  if (!type || !type->is_string()) return;
  const std::string kind = type->as_string();
  if (kind == "embedding" || kind == "embeddings") {
    model.capabilities.say(Capability::embeddings, true);
    model.capabilities.say(Capability::chat, false);
  } else if (kind == "chat" || kind == "llm" || kind == "vlm") {
    model.capabilities.say(Capability::chat, true);
    model.capabilities.say(Capability::embeddings, false);
    if (kind == "vlm") model.capabilities.say(Capability::vision, true);
  }
}

DetectedModel read_entry(json::Value entry) {
  DetectedModel model;
  model.id = id_in(entry);
  model.context_tokens = context_in(entry);
  model.output_tokens_max = output_in(entry);
  say_by_type(entry, model);
  say_by_list(entry.find("supported_parameters"), parameters, model);
  say_by_list(member(entry, {"architecture", "input_modalities"}), modalities, model);
  if (const auto methods = entry.find("supportedGenerationMethods");
      methods && methods->is_array()) {
    model.capabilities.say(Capability::chat, lists(*methods, "generateContent"));
    model.capabilities.say(Capability::embeddings, lists(*methods, "embedContent"));
  }
  const auto capabilities = entry.find("capabilities");
  if (!capabilities || !capabilities->is_object()) return model;
  for (const auto& [word, capability] : flags) {
    const auto flag = capabilities->find(word);
    if (flag && flag->is_boolean()) model.capabilities.say(capability, flag->as_bool());
  }
  return model;
}

// ---- Ollama ---------------------------------------------------------------------------------

Result<std::vector<DetectedModel>> read_tags(json::Value root) {
  WEIR_TRY_ASSIGN(tags, wire::ollama::decode_tags(root));
  std::vector<DetectedModel> models;
  for (const wire::ollama::ModelFacts& facts : tags) {
    if (models.size() == listed_models_max) break;
    if (is_usable(facts.name)) models.push_back(to_detected(facts));
  }
  return models;
}

}  // namespace

DetectedModel to_detected(const wire::ollama::ModelFacts& facts) {
  DetectedModel model;
  model.id = facts.name;
  model.revision = facts.digest;
  model.context_tokens = facts.context_tokens.value_or(0);
  if (!facts.has_capabilities) return model;
  model.capabilities.say(Capability::chat, facts.completes);
  model.capabilities.say(Capability::tools, facts.takes_tools);
  model.capabilities.say(Capability::vision, facts.takes_images);
  model.capabilities.say(Capability::audio, facts.takes_audio);
  model.capabilities.say(Capability::reasoning, facts.reasons);
  model.capabilities.say(Capability::embeddings, facts.embeds);
  return model;
}

Result<std::vector<DetectedModel>> read_model_list(wire::Dialect dialect, std::string_view body) {
  json::Document document;
  const Error malformed(ErrorCode::upstream_malformed, "the answer is no list of models");
  if (!document.parse(body)) return malformed;
  if (dialect == wire::Dialect::ollama) return read_tags(document.root());
  const auto list = list_in(document.root());
  if (!list) return malformed;
  std::vector<DetectedModel> models;
  for (const json::Value entry : list->elements()) {
    if (models.size() == listed_models_max) break;
    if (!entry.is_object()) continue;
    DetectedModel model = read_entry(entry);
    if (!model.id.empty()) models.push_back(std::move(model));
  }
  return models;
}

}  // namespace weir::engine
