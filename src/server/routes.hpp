// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "identity/roles.hpp"
#include "identity/scopes.hpp"
#include "net/http/target.hpp"
#include "providers/services.hpp"
#include "server/door.hpp"

namespace weir::server {

/// What an HTTP path is for.
enum class Endpoint : std::uint8_t {
  chat,  ///< a chat in the dialect of the door; Gemini's without streaming
  completions,
  embeddings,
  image_generations,
  image_edits,
  image_variations,
  speech,
  transcriptions,
  translations,
  moderations,
  rerank,
  passthrough,
  list_models,
  get_model,
  count_tokens,
  gemini_stream,
  gemini_embed,
  gemini_embed_batch,
  ollama_generate,
  ollama_embed,
  ollama_embeddings,
  ollama_tags,
  ollama_show,
  ollama_ps,
  ollama_pull,
  ollama_delete,
  ollama_version,
  ollama_liveness,
  create_response,
  get_response,
  remove_response,
  cancel_response,
  list_response_input,
  count_response_input,
  compact_response,
  livez,
  readyz,
  metrics,
  list_providers,
  add_provider,
  set_provider,
  remove_provider,
  reset_provider,
  detect_provider,
  health,
  export_health,
  provider_health,
  list_alerts,
  list_failovers,
  explain,
  set_circuit,
  usage,
  usage_forecast,
  usage_runway,
  limits,
  list_routes,
  set_default_model,
  set_route,
  remove_route,
  set_tier,
  remove_tier,
  set_task,
  remove_task,
  set_strategy,
  show_config,
  save_config,
  reload,
  log_in,
  show_session,
  end_session,
  change_password,
  list_keys,
  create_key,
  show_key,
  change_key,
  rotate_key,
  revoke_key,
  list_users,
  add_user,
  show_user,
  set_user,
  remove_user,
  create_token,
  set_password,
  remove_password,
  list_teams,
  show_team,
  set_team,
  remove_team,
  list_secrets,
  rotate_master_key,
  set_secret,
  remove_secret,
  list_audit,
  export_user_data,
  erase_user_data,
  show_content,
};

using identity::Permission;

/// On which listener it stands.
enum class Surface : std::uint8_t { client, admin, both };

struct RouteSpec {
  Endpoint endpoint;
  std::string_view method;
  /// Segments; `{}` takes one, decoded, `{*}` one or more, joined by slashes. `{*}:verb` takes what
  /// stands before the last colon, where `verb` follows it (E-6).
  std::string_view pattern;
  Permission permission;
  Surface surface;
  Door door;  ///< whose dialect errors speak
};

/// Every path the program answers. A path that isn't here does not exist; one without a permission
/// can't be written.
std::span<const RouteSpec> route_specs() noexcept;

struct RouteMatch {
  const RouteSpec* route = nullptr;  ///< null: no such path, or not with this method
  Door door = Door::shared;          ///< of the path, also where the method is another
  std::string allow;                 ///< then the methods that the path takes: `GET, HEAD`
  std::string argument;              ///< what `{}` or `{*}` took
};

/// The kind of call that keys can be kept to; nothing for what any key may do.
std::optional<identity::EndpointGroup> group_of(Endpoint endpoint) noexcept;

/// A stream of Gemini's without `alt=sse`: its answer is one JSON array.
bool is_json_array(Endpoint endpoint, const net::http::Query& query);

/// What `endpoint` offers beside text; nothing for the others.
std::optional<providers::Service> service_of(Endpoint endpoint) noexcept;

/// Finds the route of a request that came in on `surface`.
RouteMatch match_route(std::string_view method, const net::http::Target& target, Surface surface);

}  // namespace weir::server
