// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/detection.hpp"

#include <array>

#include "json/object_reader.hpp"

namespace weir::wire::ollama {
namespace {

struct Capability {
  std::string_view word;
  bool ModelFacts::* flag;
};
constexpr std::array capabilities{
    Capability{"completion", &ModelFacts::completes}, Capability{"tools", &ModelFacts::takes_tools},
    Capability{"vision", &ModelFacts::takes_images},  Capability{"audio", &ModelFacts::takes_audio},
    Capability{"thinking", &ModelFacts::reasons},     Capability{"embedding", &ModelFacts::embeds},
};

void read_capabilities(json::ObjectReader& reader, ModelFacts& facts) {
  const auto list = reader.array("capabilities");
  if (!list) return;
  facts.has_capabilities = true;
  for (const json::Value element : list->elements()) {
    for (const auto& [word, flag] : capabilities) {
      if (element.equals(word)) facts.*flag = true;
    }
  }
}

/// Members that lists and descriptions of models share.
void read_common(json::ObjectReader& reader, ModelFacts& facts) {
  read_capabilities(reader, facts);
  facts.is_remote = !reader.string("remote_host").value_or("").empty() ||
                    !reader.string("remote_model").value_or("").empty();
  const auto details = reader.object("details");
  if (!details) return;
  const json::Path path = reader.path("details");
  json::ObjectReader inner(*details, path, reader.problem());
  facts.context_tokens = inner.integer("context_length", 1);
}

/// `model_info` names its members after the architecture, which it tells too.
std::optional<std::int64_t> context_of(json::Value model_info) {
  const auto architecture = model_info.find("general.architecture");
  if (!architecture || !architecture->is_string()) return std::nullopt;
  const auto length = model_info.find(architecture->as_string() + ".context_length");
  if (!length || !length->is_number()) return std::nullopt;
  const auto tokens = length->as_int();
  return tokens && *tokens > 0 ? tokens : std::nullopt;
}

Error malformed(const json::Problem& problem) {
  return {ErrorCode::upstream_malformed, problem.error().message, problem.error().param};
}

}  // namespace

Result<std::vector<ModelFacts>> decode_tags(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  std::vector<ModelFacts> models;
  const auto list = reader.array("models");
  // A server without models says null.
  if (!list && !root.find("models")) reader.fail("models", "is required");
  if (list) {
    const json::Path list_path = reader.path("models");
    std::size_t i = 0;
    for (const json::Value element : list->elements()) {
      const json::Path element_path{&list_path, {}, i++};
      json::ObjectReader model(element, element_path, problem);
      ModelFacts& facts = models.emplace_back();
      facts.name = model.required_string("name");
      facts.digest = model.string("digest").value_or("");
      read_common(model, facts);
    }
  }
  if (problem.is_set()) return malformed(problem);
  return models;
}

Result<ModelFacts> decode_show(json::Value root) {
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  ModelFacts facts;
  read_common(reader, facts);
  if (const auto info = reader.object("model_info")) {
    if (const auto tokens = context_of(*info)) facts.context_tokens = tokens;
  }
  if (problem.is_set()) return malformed(problem);
  return facts;
}

}  // namespace weir::wire::ollama
