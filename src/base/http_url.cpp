// SPDX-License-Identifier: Apache-2.0
#include "base/http_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/ascii.hpp"

namespace weir {
namespace {

Error refused(std::string_view text, std::string_view why) {
  return Error(ErrorCode::invalid_request,
               "'" + std::string(text.substr(0, 200)) + "' " + std::string(why));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return port;
}

bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return ascii::is_alnum(c) || c == '.' || c == '-' || c == '_';
  });
}

bool is_ipv6_literal(std::string_view host) {
  return host.find(':') != std::string_view::npos &&
         std::all_of(host.begin(), host.end(),
                     [](char c) { return ascii::hex_value(c) >= 0 || c == ':' || c == '.'; });
}

struct Authority {
  std::string host;
  std::optional<std::uint16_t> port;
};

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6_literal(text.substr(1, close - 1))) {
      return std::nullopt;
    }
    authority.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
  } else {
    const auto colon = text.find(':');
    if (!is_host(text.substr(0, colon))) return std::nullopt;
    authority.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (!rest.empty()) {
    authority.port = parse_port(rest.substr(1));
    if (!authority.port) return std::nullopt;
  }
  for (char& c : authority.host) c = ascii::to_lower(c);
  return authority;
}

bool is_loopback_host(std::string_view host) {
  const bool is_dotted =
      std::all_of(host.begin(), host.end(), [](char c) { return ascii::is_digit(c) || c == '.'; });
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (is_dotted && host.starts_with("127."));
}

void append_host(std::string& out, std::string_view host) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  if (is_v6) out += '[';
  out += host;
  if (is_v6) out += ']';
}

}  // namespace

std::string HttpUrl::text() const {
  std::string url = is_tls ? "https://" : "http://";
  append_host(url, host);
  if (port != (is_tls ? 443 : 80)) url.append(":").append(std::to_string(port));
  return url + path;
}

bool HttpUrl::is_loopback() const { return is_loopback_host(host); }

Result<HttpUrl> parse_http_url(std::string_view text) {
  const bool has_odd_bytes = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\';
  });
  if (has_odd_bytes) return refused(text, "has blanks or control characters in it");
  const auto scheme_end = text.find("://");
  const std::string_view scheme = text.substr(0, scheme_end);
  HttpUrl url;
  url.is_tls = ascii::equals_ignoring_case(scheme, "https");
  if (scheme_end == std::string_view::npos ||
      (!url.is_tls && !ascii::equals_ignoring_case(scheme, "http"))) {
    return refused(text, "is no URL that begins with http:// or https://");
  }
  const std::string_view rest = text.substr(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return refused(text, "may not have a query or fragment");
  }
  const auto path_begin = rest.find('/');
  const std::string_view authority_text = rest.substr(0, path_begin);
  // The message must not repeat a password.
  if (authority_text.find('@') != std::string_view::npos) {
    return Error(ErrorCode::invalid_request, "a URL may not hold a user name or password");
  }
  auto authority = parse_authority(authority_text);
  if (!authority || authority->port == 0) return refused(text, "has no valid host and port");
  url.host = std::move(authority->host);
  url.port = authority->port.value_or(url.is_tls ? 443 : 80);
  if (path_begin != std::string_view::npos) url.path = rest.substr(path_begin);
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

std::string HostPort::text() const {
  std::string out;
  append_host(out, host);
  return out.append(":").append(std::to_string(port));
}

bool HostPort::is_loopback() const { return is_loopback_host(host); }

bool HostPort::is_any() const { return host == "0.0.0.0" || host == "::"; }

Result<HostPort> parse_host_port(std::string_view text) {
  if (const auto bare = parse_port(text)) return HostPort{"127.0.0.1", *bare};
  if (text.starts_with(':')) {
    if (const auto port = parse_port(text.substr(1))) return HostPort{"0.0.0.0", *port};
  }
  auto authority = parse_authority(text);
  if (!authority || !authority->port) return refused(text, "is not of the form host:port");
  return HostPort{std::move(authority->host), *authority->port};
}

}  // namespace weir
