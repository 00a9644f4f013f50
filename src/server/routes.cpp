// SPDX-License-Identifier: Apache-2.0
#include "server/routes.hpp"

namespace weir::server {
namespace {

// clang-format off
constexpr std::array routes{
    // The client API, OpenAI's dialect. Each path also stands without /v1: some tools leave it out.
    RouteSpec{Endpoint::chat_completions, "POST",   "/v1/chat/completions",        Permission::call_models, Surface::client},
    RouteSpec{Endpoint::chat_completions, "POST",   "/chat/completions",           Permission::call_models, Surface::client},
    RouteSpec{Endpoint::completions,      "POST",   "/v1/completions",             Permission::call_models, Surface::client},
    RouteSpec{Endpoint::completions,      "POST",   "/completions",                Permission::call_models, Surface::client},
    RouteSpec{Endpoint::embeddings,       "POST",   "/v1/embeddings",              Permission::call_models, Surface::client},
    RouteSpec{Endpoint::embeddings,       "POST",   "/embeddings",                 Permission::call_models, Surface::client},
    RouteSpec{Endpoint::list_models,      "GET",    "/v1/models",                  Permission::call_models, Surface::client},
    RouteSpec{Endpoint::list_models,      "GET",    "/models",                     Permission::call_models, Surface::client},
    RouteSpec{Endpoint::get_model,        "GET",    "/v1/models/{*}",              Permission::call_models, Surface::client},
    RouteSpec{Endpoint::get_model,        "GET",    "/models/{*}",                 Permission::call_models, Surface::client},
    // Probes; they reveal nothing.
    RouteSpec{Endpoint::livez,            "GET",    "/livez",                      Permission::open,        Surface::both},
    RouteSpec{Endpoint::readyz,           "GET",    "/readyz",                     Permission::open,        Surface::both},
    // Administration.
    RouteSpec{Endpoint::metrics,          "GET",    "/metrics",                    Permission::read_admin,  Surface::admin},
    RouteSpec{Endpoint::list_providers,   "GET",    "/api/llm-providers",          Permission::read_admin,  Surface::admin},
    RouteSpec{Endpoint::add_provider,     "POST",   "/api/llm-providers",          Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::set_provider,     "PUT",    "/api/llm-providers/{}",       Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::remove_provider,  "DELETE", "/api/llm-providers/{}",       Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::reset_provider,   "POST",   "/api/llm-providers/{}/reset", Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::list_routes,      "GET",    "/api/routes",                 Permission::read_admin,  Surface::admin},
    RouteSpec{Endpoint::set_default_model, "PUT",   "/api/default-model",          Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::set_route,        "PUT",    "/api/routes/{}",              Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::remove_route,     "DELETE", "/api/routes/{}",              Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::show_config,      "GET",    "/api/config",                 Permission::read_admin,  Surface::admin},
    RouteSpec{Endpoint::save_config,      "POST",   "/api/config/save",            Permission::write_admin, Surface::admin},
    RouteSpec{Endpoint::reload,           "POST",   "/api/reload",                 Permission::write_admin, Surface::admin},
};
// clang-format on

std::string decoded(std::string_view segment) {
  return net::http::percent_decode(segment).value_or(std::string(segment));
}

/// True when the path fits `pattern`; `argument` then holds what its placeholder took.
bool fits(std::string_view pattern, const std::vector<std::string_view>& segments,
          std::string& argument) {
  argument.clear();
  std::size_t next = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the slash
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(wanted.size());
    if (wanted == "{*}") {
      if (next == segments.size()) return false;
      for (; next < segments.size(); ++next) {
        if (!argument.empty()) argument.push_back('/');
        argument.append(decoded(segments[next]));
      }
      return true;
    }
    if (next == segments.size()) return false;
    if (wanted == "{}") {
      argument = decoded(segments[next]);
    } else if (wanted != segments[next]) {
      return false;
    }
    ++next;
  }
  return next == segments.size();
}

bool stands_on(const RouteSpec& route, Surface surface) {
  return route.surface == Surface::both || surface == Surface::both || route.surface == surface;
}

}  // namespace

std::span<const RouteSpec> route_specs() noexcept { return routes; }

RouteMatch match_route(std::string_view method, const net::http::Target& target, Surface surface) {
  RouteMatch match;
  for (const RouteSpec& route : routes) {
    if (!stands_on(route, surface) || !fits(route.pattern, target.segments, match.argument))
      continue;
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
