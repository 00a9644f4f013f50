// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "health/meter.hpp"
#include "guard/rules.hpp"
#include "net/exchange.hpp"
#include "pipeline/accounts_memo.hpp"
#include "policy/backoff.hpp"
#include "policy/calendar.hpp"
#include "policy/circuit_breaker.hpp"
#include "policy/cooldown.hpp"
#include "policy/rate_headers.hpp"
#include "policy/hedging.hpp"
#include "policy/retry_budget.hpp"
#include "providers/capability_table.hpp"
#include "providers/pricing.hpp"
#include "providers/services.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"

namespace weir::shared_state {
struct KeyState;
struct ProviderState;
struct TargetState;
}  // namespace weir::shared_state

/// What a request may be sent to, as the attempt loop needs it: plain data, made from a
/// configuration snapshot and never changed.
namespace weir::pipeline {

using std::chrono::milliseconds;

using providers::Capability;
using providers::Tri;

/// An operation beside chats, which has a path of its own that a server may lack: a service, by its
/// number, or one of those behind them.
struct OwnPath {
  std::size_t place = 0;
  std::string_view name;  ///< as said to people
};
inline constexpr std::size_t own_path_count = providers::service_count + 2;
inline OwnPath own_path_of(providers::Service service) {
  return {static_cast<std::size_t>(service), providers::name(service)};
}
inline constexpr OwnPath embeddings_own_path{providers::service_count, "embeddings"};
inline constexpr OwnPath completions_own_path{providers::service_count + 1, "completions"};

/// What refusals taught about a target; written by every thread.
struct Learnt {
  std::atomic<providers::Capabilities> refused{0};
  /// By `OwnPath::place`: Unix time until which the target is not asked for it again.
  std::array<std::atomic<std::int64_t>, own_path_count> lacks_path_until_ms{};

  void forget() {
    refused.store(0, std::memory_order_relaxed);
    for (auto& until : lacks_path_until_ms) until.store(0, std::memory_order_relaxed);
  }
};

/// The limits that a provider told of with its latest answer. For any thread.
class ReportedLimits {
 public:
  struct Reading {
    policy::RateSnapshot limits;
    std::int64_t unix_ms = 0;       ///< 0 = nothing was ever told
    std::uint64_t reservation = 0;  ///< of the attempt that it was told; 0 = it had none
  };
  void set(const policy::RateSnapshot& limits, std::int64_t unix_ms,
           std::uint64_t reservation = 0) {
    const std::lock_guard lock(mutex_);
    reading_ = {limits, unix_ms, reservation};
  }
  [[nodiscard]] Reading get() const {
    const std::lock_guard lock(mutex_);
    return reading_;
  }

 private:
  mutable std::mutex mutex_;
  Reading reading_;
};

/// Running figures of one provider entry or one target; written by every thread, so each member is
/// its own atomic.
struct TrafficCounters {
  // What strategies look at in each of a thousand targets stands together.
  std::atomic<std::int32_t> in_flight{0};
  // What the server itself told of its load; 0 where it tells nothing.
  std::atomic<std::int32_t> queued{0};            ///< requests that wait there
  std::atomic<std::int32_t> cache_permille{0};    ///< of its KV cache in use
  std::atomic<bool> is_unwell{false};             ///< it can't serve: asked for where it can tell
  std::atomic<std::int64_t> failing_permille{0};  ///< moving average of attempts that fail
  std::atomic<std::int64_t> first_content_us{0};  ///< moving average
  std::atomic<std::int64_t> last_used_ms{0};      ///< Unix time
  std::atomic<std::int64_t> last_failure_ms{0};

  std::atomic<std::int64_t> last_success_ms{0};
  std::atomic<std::int64_t> latency_us{0};  ///< moving average of whole answers
  std::atomic<std::uint64_t> attempts{0};
  std::atomic<std::uint64_t> successes{0};
  std::atomic<std::uint64_t> failures{0};          ///< by the provider's or the network's fault
  std::atomic<std::uint64_t> refusals{0};          ///< by the caller's fault
  std::atomic<std::uint64_t> unpriced{0};          ///< attempts without a known price (U-5)
  std::atomic<std::uint64_t> impossible_usage{0};  ///< attempts of which it told what can't be
  std::atomic<std::uint64_t> input_tokens{0};
  std::atomic<std::uint64_t> output_tokens{0};
  std::atomic<std::int64_t> cost_nanousd{0};
  std::atomic<std::int64_t> drains{0};  ///< calls whose clients have left (S-10.5)
  ReportedLimits reported;              ///< of a provider entry
  // Of a server that holds models in memory and tells of it: an Ollama. -1: not known.
  std::atomic<std::int32_t> models_loaded{-1};
  std::atomic<std::int64_t> memory_bytes{0};       ///< all of what they take
  std::atomic<std::int64_t> memory_vram_bytes{0};  ///< the share of it that graphics cards hold
  policy::LatencyWindow first_contents;
  health::Meter meter;
};

/// One configured provider, with one of its keys.
struct Upstream {
  std::shared_ptr<TrafficCounters> counters = std::make_shared<TrafficCounters>();
  bool is_local = false;
  std::string name;
  std::string key_name;                ///< how the key is shown where there are several: `sk-…wxyz`
  bool tells_requests_of_day = false;  ///< where its headers don't say of what time they tell
  std::string type;                    ///< the table row: openai, azure, custom, ...
  bool is_mock = false;
  net::Origin origin;
  std::string pool_key;   ///< equal for entries that may share connections
  std::string authority;  ///< for the Host field and, behind a proxy, the target
  std::string fields;     ///< header lines sent with each request: host, key, fixed ones
  wire::Quirks quirks = 0;
  net::ConnectTimeouts connect_timeouts;  ///< where no route says else, as of `pool_idle`
  net::ExchangeLimits limits;
  std::size_t body_bytes_max = std::size_t{256} << 20;  ///< of an answer that is not streamed
  std::size_t event_bytes_max = wire::event_bytes_max_default;  ///< of one that is
  milliseconds pool_idle{50'000};
  policy::RetryBudget::Options retry_budget;
  policy::BreakerOptions target_breaker = policy::target_breaker();  ///< of each of its targets
  policy::BreakerOptions endpoint_breaker = policy::provider_breaker();
  policy::CooldownOptions cooldowns;
  std::optional<policy::Calendar> quota_day;  ///< in which it counts what it allows per day (K-6)
  std::int64_t in_flight_max = 0;             ///< attempts at all its keys together; 0 = no limit
  bool drains_on_disconnect = false;          ///< S-10.5
  milliseconds drain_max{30'000};             ///< for so long
  std::int64_t drains_max = 16;               ///< calls at once
  bool pulls_models = false;                  ///< an Ollama that gets the models it is asked for
  bool marks_prompt_cache = false;  ///< Anthropic: long beginnings are marked to be cached
  std::string keep_alive;           ///< Ollama: raw JSON for requests without; empty: none
  std::shared_ptr<shared_state::ProviderState> state;  ///< the gate's own
  std::shared_ptr<shared_state::KeyState> key_state;   ///< the gate's own
  /// Whose turn it is among the keys.
  std::shared_ptr<std::atomic<std::uint64_t>> key_turn =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

/// Waits of one target, decided over all scopes (route over model over provider over defaults).
struct TargetTimeouts {
  net::ConnectTimeouts connect;              ///< T-7, T-8
  milliseconds request_write_stall{15'000};  ///< T-9
  milliseconds first_byte{60'000};           ///< T-10
  milliseconds first_content{120'000};       ///< T-11
  milliseconds stream_idle{60'000};          ///< T-12
  milliseconds content_idle{180'000};        ///< T-13
  milliseconds attempt_total_min{120'000};   ///< T-14 is between these two, growing with the output
  milliseconds attempt_total_max{540'000};
  milliseconds stream_total{3'600'000};  ///< T-17
  milliseconds pool_idle{50'000};        ///< T-16
  milliseconds after_finish{2'000};      ///< S-9.4
};

/// What happens to members of a request that the client's dialect does not know (E-5).
enum class UnknownParams : std::uint8_t { automatic, drop, forward, reject };

/// One provider, one model of it, one key.
struct Target {
  // What strategies look at in each of a thousand targets stands together.
  std::shared_ptr<const Upstream> upstream;
  std::shared_ptr<TrafficCounters> counters = std::make_shared<TrafficCounters>();
  std::int64_t weight = 1;
  std::uint64_t name_hash = 0;  ///< `hash_of(name)`, which `sticky` goes by
  providers::PriceBook prices;

  std::string name;   ///< provider/model, as shown
  std::string model;  ///< id on the wire
  wire::Dialect dialect = wire::Dialect::openai_chat;
  std::string base_path;  ///< of its URL, before every path
  std::string chat_path;  ///< URL path with query; empty: no such operation here
  std::string chat_stream_path;
  std::string completions_path;
  std::string embeddings_path;
  std::array<std::string, providers::service_count> service_paths;  ///< by providers::Service
  wire::ModelTraits traits;
  providers::CapabilityTable capabilities;
  std::int64_t context_tokens = 0;            ///< 0 = unknown
  const providers::Model* catalog = nullptr;  ///< null = not listed
  std::string notice;  ///< said with each answer: the model was retired, use another
  TargetTimeouts timeouts;
  /// Members added to a request that lacks them: name and raw JSON, by OpenAI's names.
  std::vector<std::pair<std::string, std::string>> params;
  UnknownParams unknown_params = UnknownParams::automatic;
  bool trims = false;  ///< makes room where a prompt does not fit the window
  std::shared_ptr<Learnt> learnt = std::make_shared<Learnt>();
  std::shared_ptr<shared_state::TargetState> state;  ///< the gate's own
  /// Set where Chat Completions does not take function tools: the same model on the Responses API.
  std::shared_ptr<const Target> with_tools;
  /// The same model on the Responses API, where the provider has it and keeps its conversations:
  /// what clients of that API are served by.
  std::shared_ptr<const Target> on_responses;
  /// The same model under the provider's other keys.
  std::vector<std::shared_ptr<const Target>> other_keys;
  /// `provider/model` where the configuration limits the model itself; empty: it doesn't.
  std::string limited_model;
  /// Whose limits hold where the provider's plan has some of its models count on their own.
  std::string limit_pool;
  /// What was told of limits with the latest answer.
  std::shared_ptr<ReportedLimits> reported = std::make_shared<ReportedLimits>();
  mutable AccountsMemo<4> memo{};  ///< of the model, the pool, the key and the provider

  /// What is known of the capability, or was learnt where nothing was.
  [[nodiscard]] Tri can(Capability capability) const {
    const Tri known = capabilities.can(capability);
    if (known != Tri::unknown) return known;
    const auto refused = learnt->refused.load(std::memory_order_relaxed);
    return providers::has(refused, capability) ? Tri::no : Tri::unknown;
  }
};

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

struct Step {
  Strategy strategy = Strategy::priority;
  std::vector<std::shared_ptr<const Target>> targets;
  std::string of = {};  ///< the route or tier that it is of; empty: the asked route's own
};

struct RetryPolicy {
  bool is_enabled = true;
  int max_attempts = 3;
  int attempts_per_target = 2;
  bool retry_on_total_timeout = true;  ///< T-14
  policy::BackoffOptions backoff = {};
};

/// When a second target is started beside a silent first one (F-7).
struct HedgePolicy {
  enum class Mode : std::uint8_t { automatic, off, after };
  Mode mode = Mode::automatic;
  milliseconds after{0};
  policy::HedgeOptions options{};
};

/// How a stream is brought to the client (section 9).
struct StreamPolicy {
  std::optional<milliseconds> early_commit = milliseconds(20'000);  ///< nothing: never
  milliseconds heartbeat{15'000};
  std::int64_t hold_back_tokens = 0;  ///< 0 = off
  milliseconds hold_back_max{300};
  bool recovers = true;
  int recovery_attempts = 2;
};

/// What a name means.
struct Route {
  std::string name;      ///< as configured: that of a wildcard route has its star
  std::string found_as;  ///< what stood for it where it was asked for
  std::vector<Step> steps;
  bool failover = true;
  bool content_filter_failover = false;
  bool rejects_unpriced = false;
  HedgePolicy hedge;
  StreamPolicy stream;
  RetryPolicy retries;
  milliseconds request_total{590'000};                ///< T-15
  milliseconds queue_wait{0};                         ///< longest wait where all targets are full
  milliseconds max_wait{0};                           ///< for the first, before the next is asked
  std::shared_ptr<const guard::Rules> content_rules;  ///< null: none
  std::shared_ptr<policy::HedgeQuota> hedges = std::make_shared<policy::HedgeQuota>();
  std::shared_ptr<std::atomic<std::uint64_t>> turn =
      std::make_shared<std::atomic<std::uint64_t>>(0);

  [[nodiscard]] std::size_t target_count() const {
    std::size_t count = 0;
    for (const Step& step : steps) count += step.targets.size();
    return count;
  }

  /// What an answer of this step is a degradation to: the steps of one route or tier are as good as
  /// each other, those of the next are second best. Empty: to nothing.
  [[nodiscard]] std::string degraded_to(std::size_t step) const {
    const std::string& of = steps[step].of;
    if (of == steps.front().of) return {};
    return of.empty() ? "step " + std::to_string(step + 1) : of;
  }
};

}  // namespace weir::pipeline
