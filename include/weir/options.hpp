// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What a gateway is made of, as plain data. The same settings, rules and messages as in the
/// configuration file: the options are read through the same door.
namespace weir {

class Provider;

enum class Capability : std::uint8_t {
  chat,
  streaming,
  tools,
  parallel_tools,
  vision,
  audio,
  json_mode,
  json_schema,
  reasoning,
  embeddings,
  prompt_cache,
  prefill,          ///< goes on from an unfinished assistant turn
  several_choices,  ///< `n` above 1
  logprobs,
};

/// How one target of a route is chosen.
enum class Strategy : std::uint8_t {
  priority,
  round_robin,
  weighted,
  least_recently_used,
  least_latency,
  least_cost,
  least_busy,
  health,
  sticky,
};

/// Facts about one model of a provider; they go over those of the built-in catalog.
struct ModelOptions {
  std::string id{};
  std::vector<std::string> aliases{};
  std::int64_t context_tokens = 0;     ///< 0 = as in the catalog
  std::int64_t output_tokens_max = 0;  ///< 0 = as in the catalog
  std::optional<std::vector<Capability>> capabilities{};
  std::string input_price{};  ///< dollars per million tokens, such as "2.5"; empty = catalog's
  std::string output_price{};
};

struct ProviderOptions {
  std::string name{};  ///< what stands before the slash in `provider/model`
  /// openai, anthropic, gemini, ollama, custom (any OpenAI-compatible server), ...; empty: `name`
  std::string type{};
  std::string api_key{};  ///< or `env:NAME`, `file:PATH`; empty: the type's environment variable
  std::string base_url{};
  bool is_mock = false;  ///< answers by itself: same name, same models, same prices, no call
  std::map<std::string, std::string> headers{};
  std::vector<ModelOptions> models{};
  /// Any other setting of a provider, by its name in the configuration, with its value as JSON
  /// text: `{"organization", "\"org-1\""}`.
  std::map<std::string, std::string> more{};
  /// Set: calls go to this object; `type`, `api_key` and `base_url` are not used.
  std::shared_ptr<Provider> implementation{};
};

struct RouteTarget {
  RouteTarget(std::string target_name, std::int64_t target_weight = 1)
      : target(std::move(target_name)), weight(target_weight) {}
  RouteTarget(const char* target_name) : target(target_name) {}
  std::string target;  ///< `provider/model`, a model id, or another route
  std::int64_t weight = 1;
};

/// A name that requests may ask for.
struct RouteOptions {
  std::string name{};
  std::vector<RouteTarget> targets{};
  std::optional<Strategy> strategy{};   ///< unset: the gateway's
  std::optional<bool> may_fail_over{};  ///< unset: the gateway's
  /// Any other setting of a route, in the same way: `{"hedge", "\"2s\""}`.
  std::map<std::string, std::string> more{};
};

struct GatewayOptions {
  std::vector<ProviderOptions> providers{};
  std::vector<RouteOptions> routes{};
  std::map<std::string, std::string> tiers{};  ///< name to route or target
  std::map<std::string, std::string> tasks{};  ///< name to route, tier or target
  std::string default_model{};                 ///< for requests that name none; empty: `auto`
  Strategy strategy = Strategy::priority;
  bool may_fail_over = true;
  bool prefers_free = false;  ///< providers with a free tier first in the default order
  /// Adds the providers whose keys or addresses are in the environment.
  bool has_environment_providers = false;
  std::int64_t calls_in_flight_max = 20'000;        ///< further calls wait, 30 s at most
  std::int64_t calls_waiting_max = 1'000;           ///< beyond these: `overloaded`
  std::chrono::milliseconds drain_timeout{25'000};  ///< how long the destructor lets calls end
  int threads = 1;           ///< event loops; one serves thousands of calls. 0 = one per core
  int provider_threads = 4;  ///< at most, for `Provider` objects; started when first needed
  /// Where the ledger is kept; empty: there is none, and nothing is written anywhere.
  std::string data_dir{};
  /// Any other setting, by its name in the configuration, with its value as JSON text:
  /// `{"ledger", R"({"durability": "power"})"}`, `{"budget", R"({"month": 20})"}`.
  std::map<std::string, std::string> more{};
};

}  // namespace weir
