// SPDX-License-Identifier: Apache-2.0
//
// Where a provider's requests go: what users write as a base URL, and the paths behind it.

#include <utility>

#include "base/ascii.hpp"
#include "base/http_url.hpp"
#include "providers/provider_table.hpp"

namespace weir::providers {
namespace {

constexpr std::string_view azure = "azure";
constexpr std::string_view cohere = "cohere";
constexpr std::string_view ollama_port = ":11434";

/// Azure's versions are dates; `v1` and `preview` belong to the URLs that need none.
bool is_classic_azure(const ProviderSpec& spec, std::string_view api_version) {
  return spec.name == azure && !api_version.empty() && ascii::is_digit(api_version.front());
}

void remove_suffix(std::string& path, std::string_view suffix) {
  if (!suffix.empty() && path.ends_with(suffix)) path.resize(path.size() - suffix.size());
}

/// The path of the row's own base URL; a server that has none is taken to follow OpenAI's habit.
std::string usual_path(const ProviderSpec& spec) {
  const auto url = parse_http_url(spec.base_url);
  return url ? url->path : "/v1";
}

/// A name or address without a scheme, as Ollama's own variable has it.
std::string with_ollama_scheme(std::string_view text) {
  std::string url = "http://";
  if (text.starts_with(':')) url += "127.0.0.1";
  url += text;
  const std::string_view authority = text.substr(0, text.find('/'));
  const auto last_colon = authority.rfind(':');
  const auto bracket = authority.rfind(']');
  const bool has_port = last_colon != std::string_view::npos &&
                        (bracket == std::string_view::npos || last_colon > bracket);
  if (!has_port) url.insert(std::string_view("http://").size() + authority.size(), ollama_port);
  return url;
}

std::string with_scheme(const ProviderSpec& spec, std::string_view text) {
  if (text.find("://") != std::string_view::npos) return std::string(text);
  if (spec.dialect == wire::Dialect::ollama) return with_ollama_scheme(text);
  const bool is_resource_name = text.find_first_of(".:/") == std::string_view::npos;
  if (spec.name == azure && is_resource_name && !text.empty()) {
    return "https://" + std::string(text) + ".openai.azure.com";
  }
  return std::string(text);
}

std::string api_path(const ProviderSpec& spec, std::string path, bool is_classic) {
  switch (spec.dialect) {
    case wire::Dialect::ollama:
      remove_suffix(path, spec.chat_path);
      remove_suffix(path, "/v1");
      remove_suffix(path, "/api");
      return path;
    case wire::Dialect::anthropic:
      remove_suffix(path, spec.chat_path);
      remove_suffix(path, "/v1");
      return path;
    case wire::Dialect::gemini:
      remove_suffix(path, "/openai");
      return path.empty() ? usual_path(spec) : path;
    case wire::Dialect::openai_chat:
    case wire::Dialect::openai_responses:
      break;
  }
  if (spec.name == azure) {
    path.resize(std::min(path.size(), path.find("/openai")));
    return path + (is_classic ? "/openai" : "/openai/v1");
  }
  remove_suffix(path, spec.chat_path);
  return path.empty() ? usual_path(spec) : path;
}

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    if (ascii::is_alnum(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
}

std::string_view path_of(const ProviderSpec& spec, Operation operation) {
  switch (operation) {
    case Operation::chat:
      return spec.chat_path;
    case Operation::chat_stream:
      return spec.stream_path.empty() ? spec.chat_path : spec.stream_path;
    case Operation::completions:
      return spec.completions_path;
    case Operation::responses:
      return spec.dialect == wire::Dialect::openai_responses ? spec.chat_path : spec.responses_path;
    case Operation::embeddings:
      return spec.embeddings_path;
    case Operation::models:
      return spec.models_path;
  }
  return {};
}

/// Azure's first form of URLs names the deployment in the path of those operations that have one;
/// it is empty for the others.
std::string classic_azure_path(std::string_view path, const Endpoint& endpoint,
                               std::string_view deployment) {
  std::string out;
  if (!deployment.empty()) {
    out += "/deployments/";
    append_escaped(out, deployment);
  }
  out.append(path).append("?api-version=");
  append_escaped(out, endpoint.api_version);
  return out;
}

}  // namespace

Result<std::string> normalize_base_url(const ProviderSpec& spec, std::string_view text,
                                       std::string_view api_version) {
  WEIR_TRY_ASSIGN(url, parse_http_url(with_scheme(spec, text)));
  if (url.host == "0.0.0.0" || url.host == "::") url.host = "127.0.0.1";
  url.path = api_path(spec, std::move(url.path), is_classic_azure(spec, api_version));
  return url.text();
}

std::string operation_path(const ProviderSpec& spec, const Endpoint& endpoint, Operation operation,
                           std::string_view model) {
  const std::string_view path = path_of(spec, operation);
  if (path.empty()) return {};
  if (is_classic_azure(spec, endpoint.api_version)) {
    const bool has_deployment = operation != Operation::responses && operation != Operation::models;
    return classic_azure_path(path, endpoint, has_deployment ? model : std::string_view());
  }
  constexpr std::string_view placeholder = "{model}";
  const auto at = path.find(placeholder);
  if (at == std::string_view::npos) return std::string(path);
  std::string out(path.substr(0, at));
  append_escaped(out, model);
  return out.append(path.substr(at + placeholder.size()));
}

std::string service_path(const ProviderSpec& spec, const Endpoint& endpoint, Service service,
                         std::string_view model) {
  const auto url = parse_http_url(endpoint.base_url);
  if (!url || !spec.services.has(service)) return {};
  std::string path = url->path;
  if (spec.name == cohere) {
    remove_suffix(path, "/compatibility/v1");
    path += "/v2";
  }
  if (is_classic_azure(spec, endpoint.api_version)) {
    return path + classic_azure_path(path_of(service), endpoint, model);
  }
  return path.append(path_of(service));
}

}  // namespace weir::providers
