// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "config/secret.hpp"
#include "config/timeouts.hpp"
#include "guard/rules.hpp"
#include "policy/circuit_breaker.hpp"
#include "policy/cooldown.hpp"
#include "policy/limiters.hpp"
#include "providers/capability_table.hpp"
#include "providers/pricing.hpp"
#include "providers/provider_table.hpp"

/// The whole configuration as plain data. Nothing here does anything: `loader.hpp` fills it from
/// files and environment through the tables of `fields.hpp`, `resolve.hpp` makes model names of it,
/// and the composition root hands its parts to whom they concern.
namespace weir::config {

using std::chrono::milliseconds;

/// A part of a whole; `0.2` and `20%` in the configuration.
struct Ratio {
  std::int32_t permille = 0;
  auto operator<=>(const Ratio&) const = default;
};

/// A number of bytes; `64MiB` in the configuration.
struct ByteSize {
  std::int64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

/// A wait that can be switched off: `20s`, `off`.
struct WaitOrOff {
  std::optional<milliseconds> after;
  bool operator==(const WaitOrOff&) const = default;
};

/// How one target is chosen among those of a step.
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

/// Which provider comes first where nothing else decides.
enum class Prefer : std::uint8_t { standard, free };

/// What happens to members of a request that Weir doesn't know.
enum class UnknownParams : std::uint8_t { automatic, drop, forward, reject };

/// What is done about a cloud model without a known price.
enum class Unpriced : std::uint8_t { book, reject };

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : std::uint8_t { automatic, json, text };
enum class Backoff : std::uint8_t { jitter, classic };
/// What a circuit breaker goes by where nothing narrower is said.
enum class BreakerPreset : std::uint8_t { standard, count, threshold };
/// What becomes of an attempt whose client has left.
enum class OnDisconnect : std::uint8_t { cancel, drain };
/// `auto`, `on`, `off` of settings that decide by themselves unless told.
enum class Choice : std::uint8_t { automatic, on, off };

/// Settings of the attempt loop; what is not set comes from the wider scope (route over provider
/// over the file's own section over the defaults).
struct RetrySettings {
  std::optional<bool> enabled{};  ///< `retries: off` is exactly one attempt
  std::optional<Backoff> backoff{};
  std::optional<std::int64_t> max_attempts{};  ///< unset: max(3, targets + 1)
  std::optional<std::int64_t> attempts_per_target{};
  std::optional<milliseconds> backoff_base{};
  std::optional<milliseconds> backoff_cap{};
  std::optional<milliseconds> failover_jitter{};
  std::optional<milliseconds> max_inline_wait{};
  std::optional<milliseconds> min_attempt_budget{};
  std::optional<Ratio> retry_budget_ratio{};
  std::optional<std::int64_t> retry_budget_floor{};
  std::optional<milliseconds> retry_budget_window{};
  std::optional<bool> retry_on_total_timeout{};

  /// These settings with what `narrower` sets put over them.
  [[nodiscard]] RetrySettings with(const RetrySettings& narrower) const;
  bool operator==(const RetrySettings&) const = default;
};

/// Retry settings with every value decided.
struct RetryPolicy {
  bool enabled = true;
  bool jitter = true;
  int max_attempts = 3;
  int attempts_per_target = 2;
  milliseconds backoff_base{250};
  milliseconds backoff_cap{8'000};
  milliseconds failover_jitter{50};
  milliseconds max_inline_wait{5'000};
  milliseconds min_attempt_budget{1'000};
  Ratio retry_budget_ratio{200};
  int retry_budget_floor = 10;
  milliseconds retry_budget_window{10'000};
  bool retry_on_total_timeout = true;
};

/// Decides what `settings` leaves open, for a route of `targets` targets; applies the presets
/// (`backoff: classic`, `retries: off`).
RetryPolicy decide(const RetrySettings& settings, std::size_t targets);

/// Settings of circuit breakers; what is not set comes from the wider scope, then from the preset.
struct BreakerSettings {
  std::optional<bool> enabled{};  ///< `breaker: off` never opens
  std::optional<BreakerPreset> preset{};
  std::optional<milliseconds> window{};
  std::optional<std::int64_t> min_calls{};
  std::optional<Ratio> failure_rate{};
  std::optional<std::int64_t> consecutive_failures{};
  std::optional<std::int64_t> failures_in_window{};
  std::optional<milliseconds> slow_call{};
  std::optional<Ratio> slow_rate{};
  std::optional<milliseconds> open_base{};
  std::optional<milliseconds> open_cap{};
  std::optional<Ratio> open_jitter{};
  std::optional<std::int64_t> half_open_permits{};
  std::optional<std::int64_t> half_open_successes{};
  std::optional<milliseconds> half_open_max{};
  std::optional<milliseconds> forgiven_after{};
  std::optional<std::int64_t> peer_min_calls{};
  std::optional<milliseconds> peer_window{};

  /// These settings with what `narrower` sets put over them. A preset begins anew.
  [[nodiscard]] BreakerSettings with(const BreakerSettings& narrower) const;
  bool operator==(const BreakerSettings&) const = default;
};

/// Decides what `settings` leaves open: by its preset, else by `standard`.
policy::BreakerOptions decide(const BreakerSettings& settings, policy::BreakerOptions standard);

/// The lengths of a first, second, third and later cooldown in a row; of fewer the last goes on.
/// Empty: not set.
struct CooldownSteps {
  static constexpr std::size_t count_max = 4;
  std::vector<milliseconds> lengths{};
  bool operator==(const CooldownSteps&) const = default;
};

/// Settings of cooldowns; what is not set comes from the wider scope.
struct CooldownSettings {
  std::optional<WaitOrOff> after_error{};  ///< `cooldown: 5m` is short for it
  CooldownSteps rate_limit{};
  std::optional<Ratio> rate_limit_jitter{};
  std::optional<milliseconds> quota{};
  CooldownSteps auth{};
  std::optional<milliseconds> forbidden{};
  std::optional<milliseconds> not_found{};
  std::optional<milliseconds> row_max{};
  std::optional<milliseconds> length_max{};
  std::optional<milliseconds> probation_max{};
  std::optional<std::int64_t> probation_calls{};

  /// These settings with what `narrower` sets put over them.
  [[nodiscard]] CooldownSettings with(const CooldownSettings& narrower) const;
  bool operator==(const CooldownSettings&) const = default;
};

/// Decides what `settings` leaves open.
policy::CooldownOptions decide(const CooldownSettings& settings);

/// What may be used of one thing, or by one: a provider, a route, a key, the whole; 0 = no limit.
struct UsageLimits {
  std::int64_t requests_per_minute = 0;
  std::int64_t requests_per_hour = 0;
  std::int64_t requests_per_day = 0;
  std::int64_t requests_per_month = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t tokens_per_hour = 0;
  std::int64_t tokens_per_day = 0;
  std::int64_t tokens_per_month = 0;
  std::int64_t input_tokens_per_minute = 0;
  std::int64_t input_tokens_per_hour = 0;
  std::int64_t input_tokens_per_day = 0;
  std::int64_t input_tokens_per_month = 0;
  std::int64_t output_tokens_per_minute = 0;
  std::int64_t output_tokens_per_hour = 0;
  std::int64_t output_tokens_per_day = 0;
  std::int64_t output_tokens_per_month = 0;
  std::int64_t burst = 0;        ///< requests at once; 0 = a minute's worth
  std::int64_t concurrency = 0;  ///< requests in flight
  policy::Algorithm algorithm = policy::Algorithm::automatic;
  std::string time_zone;     ///< of days and months; empty: UTC
  milliseconds reset_at{0};  ///< after midnight there
  Ratio spill_at{950};       ///< of a day's or month's limit
  Ratio reserve_normal{0};   ///< kept for requests of this priority and above
  Ratio reserve_high{0};
  Ratio reserve_critical{0};
  bool operator==(const UsageLimits&) const = default;
};

/// What may be spent; 0 = no budget.
struct BudgetLimits {
  NanoUsd daily;
  NanoUsd weekly;
  NanoUsd monthly;
  NanoUsd total;
  Ratio soft_at{800};
  bool is_hard = true;
  std::string
      downgrade;  ///< what calls ask for in effect once `soft_at` is passed; empty: the same
  std::string time_zone;
  bool operator==(const BudgetLimits&) const = default;
};

/// How urgent requests are to their client.
enum class Priority : std::uint8_t { low, normal, high, critical };

/// Which of its provider's plans an account is on.
enum class Plan : std::uint8_t { paid, free, none };

/// Facts about one model of a provider, said by the operator; they go over the catalog's.
struct ModelOverride {
  std::string id;
  std::vector<std::string> aliases;
  providers::OwnPrices prices;
  std::int64_t context = 0;  ///< tokens; 0 = as in the catalog
  std::int64_t max_output = 0;
  providers::StatedCapabilities capabilities;
  Timeouts timeouts;  ///< T-10 to T-13
  UsageLimits limits;
  BudgetLimits budget;
};

/// A value that requests get when the client gives none; raw JSON.
struct DefaultParam {
  std::string name;
  std::string json;
};

/// An entry of `api_keys` that says more than the key.
struct ProviderKeyConfig {
  std::size_t place = 0;  ///< in `api_keys`
  Secret key;             ///< as it was written
  UsageLimits limits;
  BudgetLimits budget;
};

/// One provider entry. Its name is what clients write before the slash.
struct ProviderConfig {
  std::string name;
  /// What it is: names, prices, quirks. Never null in a loaded configuration.
  const providers::ProviderSpec* spec = nullptr;
  /// The row whose paths and authentication hold: `spec`, unless `dialect:` says else.
  const providers::ProviderSpec* api = nullptr;
  wire::Dialect dialect = wire::Dialect::openai_chat;
  bool enabled = true;
  Choice detect = Choice::automatic;  ///< ask it for its list of models
  bool mock = false;                  ///< answers by itself, under this name, with these models
  bool local = false;                 ///< free of charge, long timeouts
  bool allow_private = false;  ///< may connect to private addresses although added over the API
  bool passthrough = false;    ///< paths that Weir does not know may be called
  /// The address stands in the operator's file or environment, so that it may be private.
  bool address_is_operators = false;
  std::vector<Secret> api_keys;
  std::vector<ProviderKeyConfig> key_settings;  ///< of those among them that have any
  std::string base_url;                         ///< normalized
  std::string organization;
  std::string project;
  std::string deployment;  ///< Azure: one deployment for whatever model is asked for
  std::map<std::string, std::string, std::less<>> deployments;  ///< Azure: model to deployment
  std::string api_version;                                      ///< Azure: set = classic URLs
  Choice pull = Choice::off;  ///< Ollama: get models it does not have; `auto` is on
  WaitOrOff probe;            ///< how often its free listing is asked for, as a health check
  std::string keep_alive;     ///< Ollama: for requests that do not say; empty: its own
  Choice prompt_cache = Choice::off;  ///< Anthropic: mark what is worth caching; `auto` is on
  std::vector<std::pair<std::string, Secret>> headers;
  std::vector<DefaultParam> params;
  UsageLimits limits;
  BudgetLimits budget;
  Plan plan = Plan::paid;
  Timeouts timeouts;
  RetrySettings retries;
  BreakerSettings breaker;           ///< of its targets
  BreakerSettings provider_breaker;  ///< of its endpoint
  CooldownSettings cooldown;
  OnDisconnect on_disconnect = OnDisconnect::cancel;
  milliseconds drain_max{30'000};  ///< under `drain`: how long a call is read on
  std::int64_t drains_max = 16;    ///< the same: how many at once
  std::string ca_file;
  Secret proxy;  ///< with its login; empty: HTTPS_PROXY and HTTP_PROXY; `none`: no proxy
  std::vector<ModelOverride> models;  ///< sorted by id

  /// How one of several keys is shown; empty where there is no other.
  [[nodiscard]] std::string key_name(std::size_t place) const;
  /// What is said about `id` (or the model it is an alias of), or null.
  [[nodiscard]] const ModelOverride* find_model(std::string_view id) const;
};

/// One target of a route, as written: a route, tier or task, `provider/model`, or a bare model id.
struct TargetRef {
  std::string target;
  std::int64_t weight = 1;
  bool operator==(const TargetRef&) const = default;
};

/// `hedge: auto | off | <duration>`
struct Hedge {
  Choice mode = Choice::automatic;
  milliseconds after{0};  ///< with `on`
  bool operator==(const Hedge&) const = default;
};

/// What `hedge: auto` goes by.
struct HedgingSettings {
  Ratio p95_share{2'000};  ///< of the p95 of a target's time to the first content
  milliseconds delay_min{2'000};
  milliseconds delay_max{60'000};
  std::int64_t samples_min = 20;
  milliseconds unknown{8'000};
  milliseconds unknown_reasoning{45'000};
  Ratio requests_share{50};  ///< of a route's requests in a minute; holds for every `hedge`
};

/// A name that clients ask for.
struct RouteConfig {
  std::string name;  ///< may hold one `*`
  std::optional<Strategy> strategy;
  std::vector<TargetRef> targets;
  std::optional<bool> failover;
  Timeouts timeouts;
  RetrySettings retries;
  std::optional<Hedge> hedge;
  std::optional<Choice> stream_recovery;
  std::optional<bool> content_filter_failover;
  std::optional<WaitOrOff> early_commit;
  std::optional<UnknownParams> unknown_params;
  std::optional<Choice> trim;
  std::optional<milliseconds> max_wait;
  std::vector<guard::RuleSpec> content_rules;  ///< after those of the whole
  std::vector<DefaultParam> params;
  UsageLimits limits;
  BudgetLimits budget;
};

/// An entry of `keys` that says more than the key, or one of `users`, `teams` or
/// `organisations`.
struct ClientConfig {
  std::string name;  ///< of the user, team, ...; of a key only how it is shown
  Secret key;        ///< of an entry of `keys`
  std::string user;  ///< the same: whose it is
  std::string team;
  std::string organisation;              ///< of an entry of `teams`: which it belongs to
  Priority priority = Priority::normal;  ///< of requests that name none
  milliseconds log_content{0};           ///< how long their content is kept; 0 = not at all
  bool expose_target = true;             ///< their answers may name the target
  UsageLimits limits;
  BudgetLimits budget;
};

struct TlsConfig {
  std::string cert;
  std::string key;
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
  bool redact = true;
};

/// Sizes and numbers that bound the edge; sections 15 and 21 of the failure semantics.
struct Limits {
  std::int64_t max_connections = 0;  ///< 0 = (open-file limit - 256) / 2
  std::int64_t max_connections_per_ip = 1'000;
  std::int64_t max_inflight = 20'000;
  std::int64_t max_inflight_per_key = 0;
  std::int64_t provider_max_inflight = 0;
  std::int64_t queue_length = 1'000;
  milliseconds queue_wait{30'000};
  milliseconds max_wait{0};                         ///< for a full target, before the next is asked
  std::int64_t default_output_reservation = 1'024;  ///< tokens
  ByteSize memory{0};  ///< 0 = the container's limit, else the machine's memory
  Ratio memory_soft{750};
  Ratio memory_hard{900};
  ByteSize request_line{8 << 10};
  ByteSize header_field{8 << 10};
  ByteSize header_bytes{32 << 10};
  std::int64_t header_count = 100;
  ByteSize body_bytes_max{64 << 20};
  ByteSize multipart_bytes_max{512 << 20};
  std::int64_t json_depth = 64;
  ByteSize upstream_header_bytes{64 << 10};
  ByteSize upstream_body_bytes_max{256 << 20};
  ByteSize event_bytes_max{32 << 20};
  std::int64_t upstream_interim_responses = 10;
  std::int64_t hops_max = 4;
};

struct StreamSettings {
  WaitOrOff early_commit{milliseconds(20'000)};
  milliseconds heartbeat{15'000};
  Choice recovery = Choice::automatic;
  std::int64_t recovery_attempts = 2;
  std::int64_t hold_back_tokens = 0;  ///< 0 = off
  milliseconds hold_back_max{300};
};

/// What the ledger outlives at once: the process, or the machine's power.
enum class Durability : std::uint8_t { process, power };
/// What becomes of calls that the ledger, or the store of its sums, can't take.
enum class LedgerFailure : std::uint8_t { refuse, serve };

struct LedgerSettings {
  Secret store{};  ///< URL of a PostgreSQL database; empty: a file in the data directory
  Durability durability = Durability::process;
  LedgerFailure on_failure = LedgerFailure::refuse;
  LedgerFailure on_store_failure = LedgerFailure::serve;
  milliseconds sync_interval{50};
  milliseconds retention{400LL * 24 * 3'600'000};  ///< 0 = for ever
  ByteSize segment_size{std::int64_t{8} << 20};
  bool is_strict = false;
};

/// Where content is kept for later requests.
enum class ContentStorage : std::uint8_t { disk, memory, off };

struct ResponseSettings {
  ContentStorage store = ContentStorage::disk;
  milliseconds ttl{24 * 3'600'000};
  ByteSize bytes_max{std::int64_t{1} << 30};
};

/// Requests with an `Idempotency-Key`, and what they were answered.
struct IdempotencySettings {
  ContentStorage store = ContentStorage::disk;
  milliseconds ttl{24 * 3'600'000};
  ByteSize bytes_max{std::int64_t{1} << 30};
  ByteSize answer_bytes_max{std::int64_t{16} << 20};
  ByteSize stream_bytes_max{std::int64_t{1} << 20};
};

/// What clients ask and are answered, kept of those who are set to it.
struct ContentLogSettings {
  ByteSize bytes_max{std::int64_t{1} << 30};
  ByteSize entry_bytes_max{std::int64_t{1} << 20};  ///< of a question, and of an answer
};

/// How long is kept what has no setting beside its own.
struct RetentionSettings {
  static constexpr milliseconds day{24 * 3'600'000};

  milliseconds audit = 2'190 * day;  ///< 0 = for ever
  milliseconds keys = 400 * day;     ///< those that have ended; 0 = for ever
  milliseconds health = 90 * day;
  milliseconds usage = 92 * day;
};

/// A rule that an alert comes of. Exactly one of the first six is set.
struct AlertRuleConfig {
  std::string name;
  std::optional<Ratio> error_rate;
  std::optional<milliseconds> latency;        ///< p95 of whole answers
  std::optional<milliseconds> first_content;  ///< p95
  std::optional<bool> circuit_open;
  std::optional<Ratio> limit_used;
  std::string spend;  ///< dollars
  std::vector<std::string> of;
  std::string window = "5m";
  milliseconds wait{60'000};
  milliseconds clear_wait{60'000};
  Ratio clears_at{800};
  std::int64_t calls_min = 10;
};

struct AlertSettings {
  std::string webhook_url;
  Secret webhook_secret;
  std::vector<AlertRuleConfig> rules;
};

struct Config {
  std::string listen = "127.0.0.1:9347";
  std::string admin_listen = "127.0.0.1:9348";  ///< `same`: on the client listener; `off`: none
  milliseconds admin_session{12 * 3'600'000};
  std::int64_t threads = 0;  ///< 0 = one per core
  std::string data_dir;      ///< empty: the user's data directory
  std::vector<Secret> keys;
  std::vector<std::string> hosts;
  std::vector<std::string> cors_origins;
  std::vector<std::string> trusted_proxies;
  bool env_providers = false;
  Prefer prefer = Prefer::standard;
  std::string default_model;  ///< empty: `auto`
  bool failover = true;
  Strategy strategy = Strategy::priority;
  Hedge hedge;
  HedgingSettings hedging;
  bool content_filter_failover = false;
  UnknownParams unknown_params = UnknownParams::automatic;
  Choice trim = Choice::off;  ///< make prompts fit the window; `auto` is on
  Unpriced unpriced = Unpriced::book;
  std::int64_t budget_status = 402;  ///< HTTP status of what a budget refuses
  bool detect_local = true;          ///< look at the usual local ports when there is no file
  WaitOrOff detection_interval{milliseconds(300'000)};
  WaitOrOff load_interval{milliseconds(5'000)};
  TlsConfig tls;
  LogConfig log;
  bool access_log = false;
  bool expose_target = true;
  bool reuse_port = false;
  bool share_breakers = false;
  bool allow_half_close = false;
  bool kill_on_revoke = false;
  milliseconds drain_grace{0};
  milliseconds drain_timeout{25'000};
  Timeouts timeouts;
  RetrySettings retries;
  BreakerSettings breaker;
  BreakerSettings provider_breaker;
  CooldownSettings cooldown;
  Limits limits;
  UsageLimits rates;  ///< of the whole; under `limits`, too
  BudgetLimits budget;
  StreamSettings stream;
  ResponseSettings responses;
  IdempotencySettings idempotency;
  ContentLogSettings content_log;
  std::vector<guard::RuleSpec> content_rules;  ///< for every route
  LedgerSettings ledger;
  RetentionSettings retention;
  AlertSettings alerts;

  std::vector<ProviderConfig> providers;  ///< in the order they were written
  std::vector<RouteConfig> models;
  std::vector<std::pair<std::string, std::string>> tiers;
  std::vector<std::pair<std::string, std::string>> tasks;
  std::vector<ClientConfig> key_settings;  ///< of those among `keys` that have any
  std::vector<ClientConfig> users;
  std::vector<ClientConfig> teams;
  std::vector<ClientConfig> organisations;

  /// Where each value that is not a default comes from, by path: `file:line` or `env NAME`.
  std::map<std::string, std::string, std::less<>> sources;

  /// Index in `providers`, nothing when there is no such provider.
  [[nodiscard]] std::optional<std::size_t> find_provider(std::string_view name) const;
  /// What is said of one of `keys`; null: nothing.
  [[nodiscard]] const ClientConfig* settings_of(const Secret& key) const;
  /// `sources` of `path`, or "default".
  [[nodiscard]] std::string_view source_of(std::string_view path) const;
};

}  // namespace weir::config
