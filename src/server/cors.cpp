// SPDX-License-Identifier: Apache-2.0
#include "server/cors.hpp"

#include <algorithm>

#include "net/http/head_writer.hpp"

namespace weir::server {
namespace {

constexpr std::string_view any_origin = "*";

/// How long a browser may keep the answer to a preflight; they cap it themselves at 2 hours.
constexpr std::uint64_t preflight_seconds = 600;

bool names(const config::Config& config, std::string_view origin) {
  const auto& origins = config.cors_origins;
  return std::find(origins.begin(), origins.end(), origin) != origins.end();
}

bool takes_any_origin(const config::Config& config) {
  return config.keys.empty() && names(config, any_origin);
}

}  // namespace

bool is_allowed_origin(const config::Config& config, std::string_view origin) {
  return takes_any_origin(config) || (origin != any_origin && names(config, origin));
}

std::string cors_fields(const config::Config& config, const net::http::RequestHead& head) {
  std::string fields;
  if (config.cors_origins.empty()) return fields;
  net::http::append_field(fields, "vary", "origin");
  const auto origin = head.fields.find("origin");
  if (!origin || !is_allowed_origin(config, *origin)) return fields;
  net::http::append_field(fields, "access-control-allow-origin", *origin);
  // Without credentials of the browser the star stands for all of them.
  net::http::append_field(fields, "access-control-expose-headers", "*");
  return fields;
}

std::optional<std::string_view> preflight_method(const config::Config& config,
                                                 const net::http::RequestHead& head) {
  if (head.method != "OPTIONS") return std::nullopt;
  const auto origin = head.fields.find("origin");
  if (!origin || !is_allowed_origin(config, *origin)) return std::nullopt;
  return head.fields.find("access-control-request-method");
}

std::string preflight_fields(const net::http::RequestHead& head, std::string_view method) {
  std::string fields;
  net::http::append_field(fields, "access-control-allow-methods", method);
  if (const auto wanted = head.fields.find("access-control-request-headers")) {
    net::http::append_field(fields, "access-control-allow-headers", *wanted);
    net::http::append_field(fields, "vary", "access-control-request-headers");
  }
  net::http::append_field(fields, "access-control-max-age", preflight_seconds);
  return fields;
}

}  // namespace weir::server
