// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "net/http/scanner.hpp"

/// What a browser is told about web pages of other origins (rule E-9). Without `cors_origins`
/// nothing is; credentials of the browser's own, such as cookies, are never asked for.
namespace weir::server {

/// True for an origin that `cors_origins` names. `*` there names every one, but only as long as
/// there are no keys.
[[nodiscard]] bool is_allowed_origin(const config::Config& config, std::string_view origin);

/// The header lines that go with every answer: leave for the page to read it, and for caches the
/// word that the answer depends on who asked. Empty where `cors_origins` is.
[[nodiscard]] std::string cors_fields(const config::Config& config,
                                      const net::http::RequestHead& head);

/// The method of the request that a page is about to send, when the browser asks ahead of it
/// whether it may.
[[nodiscard]] std::optional<std::string_view> preflight_method(const config::Config& config,
                                                               const net::http::RequestHead& head);

/// The header lines that answer yes, to go with `cors_fields`. `method`: that of the path. A page
/// may send any field it names: whatever Weir reads of them, each client may send.
[[nodiscard]] std::string preflight_fields(const net::http::RequestHead& head,
                                           std::string_view method);

}  // namespace weir::server
