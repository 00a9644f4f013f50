// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cli/commands.hpp"
#include "server/http_call.hpp"

/// The running gateway, as commands find and ask it.
namespace weir::cli {

struct GatewayAccess {
  std::string url;
  std::string secret;  ///< admin token or client key; may be empty
  /// PEM file of who may sign its certificate; empty: the system's authorities.
  std::string ca_file = {};
};

/// The admin API: `url` when it is not empty, else WEIR_ADMIN_URL, else where the configuration
/// says; the token of WEIR_ADMIN_TOKEN, else the one in the data directory. Certificates are
/// trusted that `--ca` names the signer of, else the configuration's own.
GatewayAccess admin_access(const Context& context, const std::string& url);
/// The client API: `url`, else WEIR_URL, else where the configuration says; the key of WEIR_KEY,
/// else one of the configuration, else the one in the data directory. Certificates as above.
GatewayAccess client_access(const Context& context, const std::string& url);

/// A call to `access` with its secret. Errors: `invalid_request` for a URL that is none.
Result<server::HttpCall> call_gateway(const GatewayAccess& access, std::string_view method,
                                      std::string_view path, std::string body);

/// Asks the admin API; the answer is the body. Errors: what the gateway says, or that nothing
/// answers there.
Result<std::string> ask_admin(const GatewayAccess& access, std::string_view method,
                              std::string_view path, std::string body = {});

/// The message in a body that reports an error; the body itself, cut, when it is none of ours.
std::string error_message(std::string_view body);

/// What to say when nothing answers.
std::string not_running(std::string_view url);

}  // namespace weir::cli
