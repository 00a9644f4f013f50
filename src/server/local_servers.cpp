// SPDX-License-Identifier: Apache-2.0
#include "server/local_servers.hpp"

#include <optional>
#include <utility>

#include "json/document.hpp"
#include "server/http_call.hpp"

namespace weir::server {
namespace {

constexpr std::size_t models_max = 10'000;
constexpr std::size_t id_bytes_max = 256;

/// OpenAI and Anthropic say `data`, Ollama and Google `models`, Together has no object around it.
std::optional<json::Value> list_in(json::Value root) {
  if (root.is_array()) return root;
  for (const char* name : {"data", "models"}) {
    const auto list = root.find(name);
    if (list && list->is_array()) return list;
  }
  return std::nullopt;
}

std::string id_in(json::Value entry) {
  for (const char* name : {"id", "name"}) {
    const auto id = entry.find(name);
    if (!id || !id->is_string()) continue;
    std::string text = id->as_string();
    constexpr std::string_view google_prefix = "models/";
    if (text.starts_with(google_prefix)) text.erase(0, google_prefix.size());
    return text.size() > id_bytes_max ? std::string() : text;
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> listed_models(std::string_view body) {
  json::Document document;
  const auto parsed = document.parse(body);
  const auto list = parsed ? list_in(document.root()) : std::nullopt;
  if (!list) return Error(ErrorCode::upstream_malformed, "the answer is no list of models");
  std::vector<std::string> ids;
  for (const json::Value entry : list->elements()) {
    std::string id = id_in(entry);
    if (!id.empty() && ids.size() < models_max) ids.push_back(std::move(id));
  }
  return ids;
}

std::vector<FoundServer> find_local_servers(const std::vector<config::LocalServer>& candidates,
                                            std::chrono::milliseconds time_max) {
  std::vector<const config::LocalServer*> asked;
  std::vector<HttpCall> calls;
  for (const config::LocalServer& candidate : candidates) {
    const std::string path = providers::operation_path(*candidate.spec, {candidate.base_url, {}},
                                                       providers::Operation::models, {});
    auto call = call_to(candidate.base_url, path);
    if (path.empty() || !call) continue;
    asked.push_back(&candidate);
    calls.push_back(*std::move(call));
  }
  const auto answers = call_all(std::move(calls), time_max);
  std::vector<FoundServer> found;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i] || answers[i]->status != 200) continue;
    auto models = listed_models(answers[i]->body);
    if (models) found.push_back({*asked[i], *std::move(models)});
  }
  return found;
}

}  // namespace weir::server
