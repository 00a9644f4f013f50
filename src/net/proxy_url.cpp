// SPDX-License-Identifier: Apache-2.0
#include "net/proxy_url.hpp"

#include <utility>

#include "base/base64.hpp"
#include "base/http_url.hpp"
#include "net/http/target.hpp"

namespace weir::net {

Result<ProxyUrl> parse_proxy_url(std::string_view text) {
  constexpr std::string_view separator = "://";
  const auto scheme_end = text.find(separator);
  std::string scheme = "http";
  if (scheme_end != std::string_view::npos) {
    scheme = text.substr(0, scheme_end);
    text.remove_prefix(scheme_end + separator.size());
  }
  ProxyUrl proxy;
  // A password may hold an `@` that somebody did not encode; a host can not.
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    const auto login = http::percent_decode(text.substr(0, at));
    if (!login) return Error(ErrorCode::invalid_request, "user or password has a broken escape");
    proxy.authorization = "Basic " + base64_encode(*login);
    text.remove_prefix(at + 1);
  }
  WEIR_TRY_ASSIGN(url, parse_http_url(scheme + std::string(separator) + std::string(text)));
  if (url.is_tls) return Error(ErrorCode::invalid_request, "a proxy is asked by http://");
  if (!url.path.empty()) return Error(ErrorCode::invalid_request, "a proxy's URL has no path");
  proxy.host = std::move(url.host);
  proxy.port = url.port;
  return proxy;
}

}  // namespace weir::net
