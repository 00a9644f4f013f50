// SPDX-License-Identifier: Apache-2.0
#include "server/routes.hpp"

#include <algorithm>
#include <vector>

namespace weir::server {
namespace {

// clang-format off
constexpr std::array routes{
    // OpenAI. Each path also stands without /v1: some tools leave it out.
    RouteSpec{Endpoint::chat,              "POST",   "/v1/chat/completions",                          Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::chat,              "POST",   "/chat/completions",                             Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::completions,       "POST",   "/v1/completions",                               Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::completions,       "POST",   "/completions",                                  Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::embeddings,        "POST",   "/v1/embeddings",                                Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::embeddings,        "POST",   "/embeddings",                                   Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_generations, "POST",   "/v1/images/generations",                        Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_generations, "POST",   "/images/generations",                           Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_edits,       "POST",   "/v1/images/edits",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_edits,       "POST",   "/images/edits",                                 Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_variations,  "POST",   "/v1/images/variations",                         Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::image_variations,  "POST",   "/images/variations",                            Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::speech,            "POST",   "/v1/audio/speech",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::speech,            "POST",   "/audio/speech",                                 Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::transcriptions,    "POST",   "/v1/audio/transcriptions",                      Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::transcriptions,    "POST",   "/audio/transcriptions",                         Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::translations,      "POST",   "/v1/audio/translations",                        Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::translations,      "POST",   "/audio/translations",                           Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::moderations,       "POST",   "/v1/moderations",                               Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::moderations,       "POST",   "/moderations",                                  Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::rerank,            "POST",   "/v1/rerank",                                    Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::rerank,            "POST",   "/rerank",                                       Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::rerank,            "POST",   "/v2/rerank",                                    Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::list_models,       "GET",    "/v1/models",                                    Permission::call_models, Surface::client, Door::shared},
    RouteSpec{Endpoint::list_models,       "GET",    "/models",                                       Permission::call_models, Surface::client, Door::shared},
    RouteSpec{Endpoint::get_model,         "GET",    "/v1/models/{*}",                                Permission::call_models, Surface::client, Door::shared},
    RouteSpec{Endpoint::get_model,         "GET",    "/models/{*}",                                   Permission::call_models, Surface::client, Door::shared},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/v1/tokenize",                                  Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/tokenize",                                     Permission::call_models, Surface::client, Door::openai},
    // Azure OpenAI: the deployment is the model; the newer paths are OpenAI's.
    RouteSpec{Endpoint::chat,              "POST",   "/openai/deployments/{*}/chat/completions",      Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::chat,              "POST",   "/openai/v1/chat/completions",                   Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::completions,       "POST",   "/openai/deployments/{*}/completions",           Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::completions,       "POST",   "/openai/v1/completions",                        Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::embeddings,        "POST",   "/openai/deployments/{*}/embeddings",            Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::embeddings,        "POST",   "/openai/v1/embeddings",                         Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::image_generations, "POST",   "/openai/deployments/{*}/images/generations",    Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::image_generations, "POST",   "/openai/v1/images/generations",                 Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::image_edits,       "POST",   "/openai/deployments/{*}/images/edits",          Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::image_edits,       "POST",   "/openai/v1/images/edits",                       Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::speech,            "POST",   "/openai/deployments/{*}/audio/speech",          Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::speech,            "POST",   "/openai/v1/audio/speech",                       Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::transcriptions,    "POST",   "/openai/deployments/{*}/audio/transcriptions",  Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::transcriptions,    "POST",   "/openai/v1/audio/transcriptions",               Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::translations,      "POST",   "/openai/deployments/{*}/audio/translations",    Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::translations,      "POST",   "/openai/v1/audio/translations",                 Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::list_models,       "GET",    "/openai/v1/models",                             Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::list_models,       "GET",    "/openai/models",                                Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::get_model,         "GET",    "/openai/v1/models/{*}",                         Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::get_model,         "GET",    "/openai/models/{*}",                            Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/openai/deployments/{*}/tokenize",              Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/openai/v1/tokenize",                           Permission::call_models, Surface::client, Door::azure},
    // OpenAI's Responses.
    RouteSpec{Endpoint::create_response,      "POST",   "/v1/responses",                                Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::count_response_input, "POST",   "/v1/responses/input_tokens",                   Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::compact_response,     "POST",   "/v1/responses/compact",                        Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::get_response,         "GET",    "/v1/responses/{}",                             Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::remove_response,      "DELETE", "/v1/responses/{}",                             Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::cancel_response,      "POST",   "/v1/responses/{}/cancel",                      Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::list_response_input,  "GET",    "/v1/responses/{}/input_items",                 Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::create_response,      "POST",   "/responses",                                   Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::count_response_input, "POST",   "/responses/input_tokens",                      Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::compact_response,     "POST",   "/responses/compact",                           Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::get_response,         "GET",    "/responses/{}",                                Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::remove_response,      "DELETE", "/responses/{}",                                Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::cancel_response,      "POST",   "/responses/{}/cancel",                         Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::list_response_input,  "GET",    "/responses/{}/input_items",                    Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::create_response,      "POST",   "/openai/v1/responses",                         Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::count_response_input, "POST",   "/openai/v1/responses/input_tokens",            Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::compact_response,     "POST",   "/openai/v1/responses/compact",                 Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::get_response,         "GET",    "/openai/v1/responses/{}",                      Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::remove_response,      "DELETE", "/openai/v1/responses/{}",                      Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::cancel_response,      "POST",   "/openai/v1/responses/{}/cancel",               Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::list_response_input,  "GET",    "/openai/v1/responses/{}/input_items",          Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::create_response,      "POST",   "/openai/responses",                            Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::count_response_input, "POST",   "/openai/responses/input_tokens",               Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::compact_response,     "POST",   "/openai/responses/compact",                    Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::get_response,         "GET",    "/openai/responses/{}",                         Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::remove_response,      "DELETE", "/openai/responses/{}",                         Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::cancel_response,      "POST",   "/openai/responses/{}/cancel",                  Permission::call_models, Surface::client, Door::azure},
    RouteSpec{Endpoint::list_response_input,  "GET",    "/openai/responses/{}/input_items",             Permission::call_models, Surface::client, Door::azure},
    // Anthropic.
    RouteSpec{Endpoint::chat,              "POST",   "/v1/messages",                                  Permission::call_models, Surface::client, Door::anthropic},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/v1/messages/count_tokens",                     Permission::call_models, Surface::client, Door::anthropic},
    // Gemini.
    RouteSpec{Endpoint::chat,              "POST",   "/v1beta/models/{*}:generateContent",            Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_stream,     "POST",   "/v1beta/models/{*}:streamGenerateContent",      Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_embed,      "POST",   "/v1beta/models/{*}:embedContent",               Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_embed_batch, "POST",   "/v1beta/models/{*}:batchEmbedContents",         Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/v1beta/models/{*}:countTokens",                Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::chat,              "POST",   "/v1/models/{*}:generateContent",                Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_stream,     "POST",   "/v1/models/{*}:streamGenerateContent",          Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_embed,      "POST",   "/v1/models/{*}:embedContent",                   Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::gemini_embed_batch, "POST",   "/v1/models/{*}:batchEmbedContents",             Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/v1/models/{*}:countTokens",                    Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::list_models,       "GET",    "/v1beta/models",                                Permission::call_models, Surface::client, Door::gemini},
    RouteSpec{Endpoint::get_model,         "GET",    "/v1beta/models/{*}",                            Permission::call_models, Surface::client, Door::gemini},
    // Ollama.
    RouteSpec{Endpoint::chat,              "POST",   "/api/chat",                                     Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::count_tokens,      "POST",   "/api/tokenize",                                 Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_generate,   "POST",   "/api/generate",                                 Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_embed,      "POST",   "/api/embed",                                    Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_embeddings, "POST",   "/api/embeddings",                               Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_tags,       "GET",    "/api/tags",                                     Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_show,       "POST",   "/api/show",                                     Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_ps,         "GET",    "/api/ps",                                       Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_pull,       "POST",   "/api/pull",                                     Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_delete,     "DELETE", "/api/delete",                                   Permission::write_admin, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_version,    "GET",    "/api/version",                                  Permission::call_models, Surface::client, Door::ollama},
    RouteSpec{Endpoint::ollama_liveness,   "GET",    "/",                                             Permission::open, Surface::client, Door::ollama},
    // What Weir does not know of a provider's API, where its configuration allows it.
    RouteSpec{Endpoint::passthrough,       "GET",    "/passthrough/{*}",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::passthrough,       "POST",   "/passthrough/{*}",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::passthrough,       "PUT",    "/passthrough/{*}",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::passthrough,       "PATCH",  "/passthrough/{*}",                              Permission::call_models, Surface::client, Door::openai},
    RouteSpec{Endpoint::passthrough,       "DELETE", "/passthrough/{*}",                              Permission::call_models, Surface::client, Door::openai},
    // Probes; they reveal nothing.
    RouteSpec{Endpoint::livez,             "GET",    "/livez",                                        Permission::open, Surface::both, Door::openai},
    RouteSpec{Endpoint::readyz,            "GET",    "/readyz",                                       Permission::open, Surface::both, Door::openai},
    // Administration.
    RouteSpec{Endpoint::metrics,           "GET",    "/metrics",                                      Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_providers,    "GET",    "/api/llm-providers",                            Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::add_provider,      "POST",   "/api/llm-providers",                            Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_provider,      "PUT",    "/api/llm-providers/{}",                         Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_provider,   "DELETE", "/api/llm-providers/{}",                         Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::reset_provider,    "POST",   "/api/llm-providers/{}/reset",                   Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::detect_provider,   "POST",   "/api/llm-providers/{}/detect",                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::health,            "GET",    "/api/health",                                   Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::export_health,     "GET",    "/api/health/export",                            Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::provider_health,   "GET",    "/api/health/{}",                                Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_alerts,       "GET",    "/api/alerts",                                   Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_failovers,    "GET",    "/api/failovers",                                Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::explain,           "POST",   "/api/explain",                                  Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_circuit,       "PUT",    "/api/llm-providers/{}/circuit",                 Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::usage,                "GET",    "/api/usage",                                     Permission::read_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::usage_forecast,       "GET",    "/api/usage/forecast",                            Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::usage_runway,         "GET",    "/api/usage/runway",                              Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::limits,            "GET",    "/api/limits",                                   Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_routes,       "GET",    "/api/routes",                                   Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_default_model, "PUT",    "/api/default-model",                            Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_route,         "PUT",    "/api/routes/{}",                                Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_route,      "DELETE", "/api/routes/{}",                                Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_tier,          "PUT",    "/api/tiers/{}",                                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_tier,       "DELETE", "/api/tiers/{}",                                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_task,          "PUT",    "/api/tasks/{}",                                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_task,       "DELETE", "/api/tasks/{}",                                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_strategy,      "PUT",    "/api/strategy",                                  Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_config,       "GET",    "/api/config",                                   Permission::read_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::save_config,       "POST",   "/api/config/save",                              Permission::write_admin, Surface::admin, Door::openai},
    RouteSpec{Endpoint::reload,            "POST",   "/api/reload",                                   Permission::write_admin, Surface::admin, Door::openai},
    // Users and keys.
    RouteSpec{Endpoint::log_in,            "POST",  "/api/login",                                   Permission::open, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_session,      "GET",   "/api/session",                                 Permission::own_account, Surface::admin, Door::openai},
    RouteSpec{Endpoint::end_session,       "DELETE","/api/session",                                 Permission::own_account, Surface::admin, Door::openai},
    RouteSpec{Endpoint::change_password,   "PUT",   "/api/password",                                Permission::own_account, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_keys,         "GET",   "/api/keys",                                    Permission::read_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::create_key,        "POST",  "/api/keys",                                    Permission::write_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_key,          "GET",   "/api/keys/{}",                                 Permission::read_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::change_key,        "PUT",   "/api/keys/{}",                                 Permission::write_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::rotate_key,        "POST",  "/api/keys/{}/rotate",                          Permission::write_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::revoke_key,        "DELETE","/api/keys/{}",                                 Permission::write_own, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_users,        "GET",   "/api/users",                                   Permission::read_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::add_user,          "POST",  "/api/users",                                   Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_user,         "GET",   "/api/users/{}",                                Permission::read_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_user,          "PUT",   "/api/users/{}",                                Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_user,       "DELETE","/api/users/{}",                                Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::create_token,      "POST",  "/api/users/{}/token",                          Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_password,      "PUT",   "/api/users/{}/password",                       Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_password,   "DELETE","/api/users/{}/password",                       Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::export_user_data,  "GET",   "/api/users/{}/data",                           Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::erase_user_data,   "DELETE","/api/users/{}/data",                           Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_teams,        "GET",   "/api/teams",                                   Permission::read_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_team,         "GET",   "/api/teams/{}",                                Permission::read_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_team,          "PUT",   "/api/teams/{}",                                Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_team,       "DELETE","/api/teams/{}",                                Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_secrets,      "GET",   "/api/secrets",                                 Permission::read_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::rotate_master_key, "POST",  "/api/secrets/rotate-master",                   Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::set_secret,        "PUT",   "/api/secrets/{}",                              Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::remove_secret,     "DELETE","/api/secrets/{}",                              Permission::write_users, Surface::admin, Door::openai},
    RouteSpec{Endpoint::list_audit,        "GET",   "/api/audit",                                   Permission::read_audit, Surface::admin, Door::openai},
    RouteSpec{Endpoint::show_content,      "GET",   "/api/content/{}",                              Permission::read_content, Surface::admin, Door::openai},
};
// clang-format on

std::string decoded(std::string_view segment) {
  return net::http::percent_decode(segment).value_or(std::string(segment));
}

using Segments = std::span<const std::string_view>;

/// Joins what `{*}` took. `verb` (with its colon, or empty) ends the last segment and is left out.
bool take_all(Segments segments, std::string_view verb, std::string& argument) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    std::string_view segment = segments[i];
    if (i + 1 == segments.size()) {
      if (!segment.ends_with(verb)) return false;
      segment.remove_suffix(verb.size());
    }
    if (i > 0) argument.push_back('/');
    argument.append(decoded(segment));
  }
  return !argument.empty();
}

/// True when the path fits `pattern`; `argument` then holds what its placeholder took.
bool fits(std::string_view pattern, Segments segments, std::string& argument) {
  constexpr std::string_view all = "{*}";
  argument.clear();
  if (pattern == "/") return segments.empty();
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the slash
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(wanted.size());
    if (segments.empty()) return false;
    if (wanted.starts_with(all)) {
      const auto after = static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '/'));
      if (segments.size() <= after) return false;
      const Segments taken = segments.first(segments.size() - after);
      if (!take_all(taken, wanted.substr(all.size()), argument)) return false;
      segments = segments.last(after);
      continue;
    }
    if (wanted == "{}") {
      argument = decoded(segments.front());
    } else if (wanted != segments.front()) {
      return false;
    }
    segments = segments.subspan(1);
  }
  return segments.empty();
}

/// What most paths differ in from a pattern.
struct Outline {
  std::string_view first;  ///< segment; empty where a placeholder takes it
  std::string_view last;   ///< likewise
  std::size_t segments = 0;
  bool takes_more = false;  ///< `{*}` stands in it
};

constexpr Outline outline_of(std::string_view pattern) {
  Outline outline;
  if (pattern == "/") return outline;
  pattern.remove_prefix(1);
  const std::string_view first = pattern.substr(0, pattern.find('/'));
  const std::string_view last = pattern.substr(pattern.rfind('/') + 1);
  if (!first.starts_with('{')) outline.first = first;
  if (!last.starts_with('{')) outline.last = last;
  outline.segments = 1 + static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '/'));
  outline.takes_more = pattern.find("{*}") != std::string_view::npos;
  return outline;
}

constexpr auto outlines = [] {
  std::array<Outline, routes.size()> all;
  for (std::size_t i = 0; i < routes.size(); ++i) all[i] = outline_of(routes[i].pattern);
  return all;
}();

bool may_fit(const Outline& outline, Segments segments) {
  if (outline.takes_more ? segments.size() < outline.segments
                         : segments.size() != outline.segments) {
    return false;
  }
  return (outline.last.empty() || outline.last == segments.back()) &&
         (outline.first.empty() || outline.first == segments.front());
}

bool stands_on(const RouteSpec& route, Surface surface) {
  return route.surface == Surface::both || surface == Surface::both || route.surface == surface;
}

}  // namespace

std::span<const RouteSpec> route_specs() noexcept { return routes; }

std::optional<identity::EndpointGroup> group_of(Endpoint endpoint) noexcept {
  using identity::EndpointGroup;
  switch (endpoint) {
    case Endpoint::chat:
    case Endpoint::gemini_stream:
    case Endpoint::count_tokens:
      return EndpointGroup::chat;
    case Endpoint::completions:
    case Endpoint::ollama_generate:
      return EndpointGroup::completions;
    case Endpoint::embeddings:
    case Endpoint::gemini_embed:
    case Endpoint::gemini_embed_batch:
    case Endpoint::ollama_embed:
    case Endpoint::ollama_embeddings:
      return EndpointGroup::embeddings;
    case Endpoint::image_generations:
    case Endpoint::image_edits:
    case Endpoint::image_variations:
      return EndpointGroup::images;
    case Endpoint::speech:
    case Endpoint::transcriptions:
    case Endpoint::translations:
      return EndpointGroup::audio;
    case Endpoint::moderations:
      return EndpointGroup::moderations;
    case Endpoint::rerank:
      return EndpointGroup::rerank;
    case Endpoint::create_response:
    case Endpoint::get_response:
    case Endpoint::remove_response:
    case Endpoint::cancel_response:
    case Endpoint::list_response_input:
    case Endpoint::count_response_input:
    case Endpoint::compact_response:
      return EndpointGroup::responses;
    case Endpoint::passthrough:
      return EndpointGroup::passthrough;
    default:
      return std::nullopt;
  }
}

bool is_json_array(Endpoint endpoint, const net::http::Query& query) {
  return endpoint == Endpoint::gemini_stream && query.find("alt") != "sse";
}

std::optional<providers::Service> service_of(Endpoint endpoint) noexcept {
  using providers::Service;
  switch (endpoint) {
    case Endpoint::image_generations:
      return Service::image_generations;
    case Endpoint::image_edits:
      return Service::image_edits;
    case Endpoint::image_variations:
      return Service::image_variations;
    case Endpoint::speech:
      return Service::speech;
    case Endpoint::transcriptions:
      return Service::transcriptions;
    case Endpoint::translations:
      return Service::translations;
    case Endpoint::moderations:
      return Service::moderations;
    case Endpoint::rerank:
      return Service::rerank;
    default:
      return std::nullopt;
  }
}

RouteMatch match_route(std::string_view method, const net::http::Target& target, Surface surface) {
  RouteMatch match;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const RouteSpec& route = routes[i];
    if (!may_fit(outlines[i], target.segments) || !stands_on(route, surface)) continue;
    if (!fits(route.pattern, target.segments, match.argument)) continue;
    match.door = route.door;
    // HEAD is GET without the body, which the connection leaves out.
    if (method == route.method || (method == "HEAD" && route.method == "GET")) {
      match.route = &route;
      match.allow.clear();
      return match;
    }
    if (!match.allow.empty()) match.allow.append(", ");
    match.allow.append(route.method == "GET" ? "GET, HEAD" : route.method);
  }
  return match;
}

}  // namespace weir::server
