// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "providers/services.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"

/// One row per provider: everything that makes it different from the others. There is no class per
/// provider; what a row can't say belongs into its dialect's codec.
namespace weir::providers {

/// How the key travels.
enum class Auth : std::uint8_t {
  none,
  bearer,           ///< Authorization: Bearer
  x_api_key,        ///< Anthropic
  api_key,          ///< Azure
  x_goog_api_key,   ///< Gemini
  optional_bearer,  ///< bearer when a key is configured: local servers
};

/// The header that carries the key in lower case; empty for `none`.
std::string_view header_name(Auth auth) noexcept;

/// Family of response headers that report limits.
enum class LimitHeaders : std::uint8_t {
  none,
  x_ratelimit,         ///< x-ratelimit-remaining-requests and the like
  x_ratelimit_day,     ///< the same, and those of requests tell of a day, not of a minute
  anthropic_ratelimit  ///< anthropic-ratelimit-*
};

/// A short list of names inside a constexpr row.
class Names {
 public:
  static constexpr std::size_t capacity = 6;

  constexpr Names() = default;
  template <class... Text>
  constexpr Names(std::string_view first, Text... rest) : items_{first, rest...} {
    static_assert(sizeof...(rest) < capacity);
  }
  [[nodiscard]] constexpr const std::string_view* begin() const { return items_.data(); }
  [[nodiscard]] constexpr const std::string_view* end() const { return begin() + size(); }
  [[nodiscard]] constexpr bool empty() const { return items_[0].empty(); }
  [[nodiscard]] constexpr std::size_t size() const {
    std::size_t count = 0;
    while (count < capacity && !items_[count].empty()) ++count;
    return count;
  }
  [[nodiscard]] constexpr bool contains(std::string_view name) const {
    for (const std::string_view item : *this) {
      if (item == name) return true;
    }
    return false;
  }
  /// This list with the names of `more` behind it.
  [[nodiscard]] constexpr Names with(const Names& more) const {
    Names all = *this;
    std::size_t count = size();
    for (const std::string_view name : more) all.items_.at(count++) = name;
    return all;
  }

 private:
  std::array<std::string_view, capacity> items_{};
};

struct FixedHeader {
  std::string_view name;
  std::string_view value;
};

/// What a plan's limits are counted for, each on its own.
enum class PlanUnit : std::uint8_t {
  account,
  model,
  family,  ///< the models that one row of `ModelLimits` is for; all the others are one, too
};

/// Limits a plan grants, as the catalog knows them; 0 = unknown or none.
struct PlanLimits {
  std::string_view basis;  ///< which plan the figures belong to
  std::int64_t requests_per_minute = 0;
  std::int64_t requests_per_day = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t tokens_per_day = 0;
  std::int64_t input_tokens_per_minute = 0;
  std::int64_t output_tokens_per_minute = 0;
  std::int64_t concurrency = 0;
  std::int64_t requests_per_month = 0;
  std::int64_t tokens_per_month = 0;
  std::int64_t tokens_per_hour = 0;
  std::int64_t requests_per_second = 0;  ///< at once, of those that a minute allows
  std::string_view time_zone = {};       ///< of its days and months; empty: UTC
  PlanUnit per = PlanUnit::account;
};

/// The limits of the models that `pattern` stands for: an id, or a part of it with one star for any
/// text.
struct ModelLimits {
  std::string_view provider;
  bool is_free;  ///< of the free plan
  std::string_view pattern;
  PlanLimits limits;
};

/// What the catalog knows of one model's own limits under the plan; null: those of all hold.
const ModelLimits* limits_of_model(std::string_view provider, bool is_free,
                                   std::string_view model) noexcept;
/// The same by the row's own pattern.
const ModelLimits* limits_of_pattern(std::string_view provider, bool is_free,
                                     std::string_view pattern) noexcept;

inline constexpr std::uint8_t rank_last = 255;

struct ProviderSpec {
  std::string_view name;  ///< what `type:` in the configuration says
  std::string_view display_name;
  wire::Dialect dialect;            ///< `openai_responses` where Chat Completions is gone
  std::string_view base_url;        ///< `{resource}` is the user's; empty: must be configured
  std::string_view chat_path;       ///< appended to the base URL; `{model}` is replaced
  std::string_view stream_path;     ///< where streaming has a path of its own, else empty
  std::string_view responses_path;  ///< empty: no Responses API
  bool keeps_responses;             ///< that API keeps conversations, so its clients are sent there
  std::string_view completions_path;
  std::string_view embeddings_path;
  std::string_view models_path;  ///< lists the models; free of charge
  Services services;             ///< beside text
  Auth auth;
  FixedHeader header;  ///< required on each request; may be empty
  Names key_env;       ///< environment variables of the key, best first
  Names url_env;       ///< environment variables that replace the base URL
  Names organization_env;
  Names project_env;
  Names deployment_env;   ///< Azure
  Names api_version_env;  ///< Azure
  bool is_local;          ///< runs on the user's machine: free of charge, long timeouts
  bool has_free_tier;
  LimitHeaders limit_headers;
  wire::Quirks quirks;
  PlanLimits free_limits;
  PlanLimits paid_limits;
  std::uint8_t order;              ///< place in the default failover order, 0 first
  std::uint8_t free_order;         ///< the same under `prefer: free`
  std::uint16_t local_port;        ///< usual port to look at; 0 = not a local server
  std::string_view default_model;  ///< used by `auto`; empty: whatever the server has
  std::string_view fast_model;     ///< used by the built-in route `fast`
};

/// All rows, sorted by name.
std::span<const ProviderSpec> provider_specs() noexcept;

/// The row of `name`, or null.
const ProviderSpec* find_provider(std::string_view name) noexcept;

/// All rows in the default failover order, or in the one of `prefer: free`.
std::vector<const ProviderSpec*> providers_in_order(bool free_first);

/// The name of a row that means any server speaking OpenAI's chat API.
inline constexpr std::string_view custom_provider = "custom";
/// The built-in provider that answers without a network.
inline constexpr std::string_view mock_provider = "mock";

/// Brings a base URL that a user wrote into the form that the row's paths are appended to: adds the
/// API's own path where only the server was named (`http://localhost:8000` for vLLM), takes away
/// what belongs to the paths (`/v1` for Anthropic), understands Ollama's short forms (`host`,
/// `host:port`) and Azure's resource names. `0.0.0.0`, the address of servers that listen
/// everywhere, becomes 127.0.0.1. `api_version` is Azure's, see `Endpoint`. Errors:
/// `invalid_request`.
Result<std::string> normalize_base_url(const ProviderSpec& spec, std::string_view text,
                                       std::string_view api_version = {});

/// What a request to a provider is for.
enum class Operation : std::uint8_t {
  chat,
  chat_stream,
  completions,
  responses,
  embeddings,
  models,
};

/// Where requests to one configured provider go.
struct Endpoint {
  std::string_view base_url{};     ///< normalized
  std::string_view api_version{};  ///< Azure: a date means the classic URLs with this version
};

/// The URL's part behind the base URL for `operation` on `model`, with query. Empty when the
/// provider has no such operation. Azure's classic form has the deployment, that is `model`, in
/// its path; its base URL then ends in `/openai` instead of `/openai/v1`.
std::string operation_path(const ProviderSpec& spec, const Endpoint& endpoint, Operation operation,
                           std::string_view model);

/// The URL's whole path for `service` on `model`, with query. Empty when the provider has no such
/// service. Cohere's rerank lies beside its base URL, not below it.
std::string service_path(const ProviderSpec& spec, const Endpoint& endpoint, Service service,
                         std::string_view model);

/// The page about providers for the documentation, from the table.
std::string providers_markdown();

}  // namespace weir::providers
