// SPDX-License-Identifier: Apache-2.0
#include "cli/gateway.hpp"

#include <chrono>

#include <unistd.h>

#include "base/http_url.hpp"
#include "cli/text.hpp"
#include "json/document.hpp"
#include "net/http/head_writer.hpp"
#include "store/files.hpp"

namespace weir::cli {
namespace {

constexpr std::chrono::seconds admin_answer_max{30};
constexpr std::size_t secret_bytes_max = 4'096;

std::string url_of(const std::string& listen, bool is_tls) {
  const auto address = parse_host_port(listen);
  if (!address) return {};
  HostPort own = *address;
  if (own.host.empty() || own.is_any()) own.host = "127.0.0.1";
  return (is_tls ? "https://" : "http://") + own.text();
}

/// The first of these that is there.
std::string first_of(const Context& context, const std::string& option, const char* variable) {
  if (!option.empty()) return option;
  return std::string(context.environment.get(variable).value_or(""));
}

std::string secret_in(const Context& context, const config::Config& config, const char* name) {
  const std::string folder = config::data_directory(config, context.environment, ::geteuid() == 0);
  auto text = store::read_file(folder + "/" + name, secret_bytes_max);
  if (!text) return {};
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  return *text;
}

/// What could be read of it: a command for a running gateway must not fail over a file that the
/// gateway itself may never have seen.
config::Config readable_config(const Context& context) {
  return config::load(context.load, context.environment).config;
}

}  // namespace

GatewayAccess admin_access(const Context& context, const std::string& url) {
  const config::Config config = readable_config(context);
  GatewayAccess access{first_of(context, url, "WEIR_ADMIN_URL"),
                       first_of(context, "", "WEIR_ADMIN_TOKEN")};
  const bool is_same = config.admin_listen == "same";
  if (access.url.empty()) {
    access.url = is_same ? url_of(config.listen, !config.tls.cert.empty())
                         : url_of(config.admin_listen, false);
    if (is_same) access.ca_file = config.tls.cert;
  }
  if (!context.ca_file.empty()) access.ca_file = context.ca_file;
  if (access.secret.empty()) access.secret = secret_in(context, config, "admin-token");
  return access;
}

GatewayAccess client_access(const Context& context, const std::string& url) {
  const config::Config config = readable_config(context);
  GatewayAccess access{first_of(context, url, "WEIR_URL"), first_of(context, "", "WEIR_KEY")};
  // A key is for the gateway it belongs to, not for whatever address was typed.
  const bool is_own = access.url.empty();
  if (is_own) access.url = url_of(config.listen, !config.tls.cert.empty());
  if (is_own) access.ca_file = config.tls.cert;
  if (!context.ca_file.empty()) access.ca_file = context.ca_file;
  if (access.secret.empty() && is_own && !config.keys.empty()) {
    access.secret = config.keys.front().reveal();
  }
  if (access.secret.empty() && is_own) access.secret = secret_in(context, config, "client-key");
  return access;
}

Result<server::HttpCall> call_gateway(const GatewayAccess& access, std::string_view method,
                                      std::string_view path, std::string body) {
  WEIR_TRY_ASSIGN(call, server::call_to(access.url, path));
  call.origin.ca_file = access.ca_file;
  call.method = method;
  call.body = std::move(body);
  if (!call.body.empty()) {
    net::http::append_field(call.fields, "content-type", "application/json");
  }
  if (!access.secret.empty()) {
    net::http::append_field(call.fields, "authorization", "Bearer " + access.secret);
  }
  return call;
}

Result<std::string> ask_admin(const GatewayAccess& access, std::string_view method,
                              std::string_view path, std::string body) {
  WEIR_TRY_ASSIGN(call, call_gateway(access, method, path, std::move(body)));
  call.body_bytes_max = std::size_t{64} << 20;
  auto answer = server::call_one(std::move(call), admin_answer_max);
  if (!answer) {
    const bool is_absent = answer.error().code == ErrorCode::upstream_unreachable;
    if (is_absent) answer.error().message = not_running(access.url);
    return answer.error();
  }
  if (answer->status / 100 == 2) return std::move(answer->body);
  const bool is_unknown = answer->status == 401;
  return Error(is_unknown ? ErrorCode::invalid_api_key : ErrorCode::upstream_error,
               error_message(answer->body));
}

std::string error_message(std::string_view body) {
  constexpr std::size_t bytes_max = 400;
  json::Document document;
  if (document.parse(body)) {
    const auto error = document.root().find("error");
    const auto message = error ? error->find("message") : std::nullopt;
    const auto param = error ? error->find("param") : std::nullopt;
    if (message && message->is_string()) {
      const std::string text = harmless(message->as_string());
      const std::string of = param && param->is_string() ? harmless(param->as_string()) : "";
      return of.empty() || text.find(of) != std::string::npos ? text : of + ": " + text;
    }
    // Ollama's form.
    if (error && error->is_string()) return harmless(error->as_string());
  }
  return harmless(body.substr(0, bytes_max));
}

std::string not_running(std::string_view url) {
  return "nothing answers at " + std::string(url) + "; start the gateway with: weir serve";
}

}  // namespace weir::cli
