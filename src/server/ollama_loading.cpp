// SPDX-License-Identifier: Apache-2.0
#include "server/ollama_loading.hpp"

#include <algorithm>

#include "base/duration_text.hpp"
#include "json/writer.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::server {
namespace {

bool has_words(json::Value root, bool is_generate) {
  if (is_generate) {
    const auto prompt = root.find("prompt");
    return prompt && !prompt->is_null() && !prompt->equals("");
  }
  const auto messages = root.find("messages");
  return messages && messages->is_array() && messages->size() > 0;
}

bool leads_to_ollama(const pipeline::Route& route) {
  return std::any_of(route.steps.begin(), route.steps.end(), [](const pipeline::Step& step) {
    return std::any_of(step.targets.begin(), step.targets.end(),
                       [](const auto& target) { return target->dialect == wire::Dialect::ollama; });
  });
}

/// `0`, also as a duration such as `0s`.
bool unloads(json::Value root) {
  const auto kept = root.find("keep_alive");
  if (!kept) return false;
  if (kept->is_number()) return kept->as_double() == 0;
  if (!kept->is_string()) return false;
  const auto wait = parse_go_duration(kept->as_string());
  return wait && wait->count() == 0;
}

}  // namespace

std::optional<std::string> loading_answer(const ClientRequest& request,
                                          const pipeline::Route& route, std::int64_t unix_seconds) {
  if (request.door != Door::ollama) return std::nullopt;
  const bool is_generate = request.route->endpoint == Endpoint::ollama_generate;
  if (!is_generate && request.route->endpoint != Endpoint::chat) return std::nullopt;
  const auto root = request.json();
  if (!root || has_words(*root, is_generate) || leads_to_ollama(route)) return std::nullopt;
  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", request.model.empty() ? route.name : request.model);
  json.member("created_at", wire::ollama::format_timestamp(unix_seconds));
  if (is_generate) {
    json.member("response", "");
  } else {
    json.key("message").begin_object().member("role", "assistant").member("content", "");
    json.end_object();
  }
  json.member("done", true).member("done_reason", unloads(*root) ? "unload" : "load");
  json.end_object();
  return body;
}

}  // namespace weir::server
