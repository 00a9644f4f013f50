// SPDX-License-Identifier: Apache-2.0
#include "config/fields.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "config/field_table.hpp"

namespace weir::config {
namespace {

constexpr std::int64_t kib = 1 << 10;
constexpr std::int64_t mib = 1 << 20;
constexpr std::int64_t gib = 1 << 30;
constexpr std::int64_t second = 1'000;
constexpr std::int64_t minute = 60'000;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t tokens_max = std::int64_t{1} << 40;

/// Its user and password are a secret, which proxy it is, is not.
constexpr auto proxy_row() {
  auto row = field<&ProviderConfig::proxy>(
      "proxy",
      "URL of an HTTP proxy, with user and password where it wants them, or `none`; default: "
      "HTTPS_PROXY and HTTP_PROXY");
  row.show = [](const ProviderConfig& provider) { return hide_login(provider.proxy.reveal()); };
  return row;
}

// clang-format off
/// What one may use. `limits` leads to it.
template <auto limits>
constexpr auto limit_rows() {
  using U = UsageLimits;
  constexpr std::int64_t billion = 1'000 * million;
  return std::array{
    field<limits, &U::requests_per_minute>("limits.requests_per_minute", "Requests per minute; 0 is no limit, here and below", {0, billion}),
    field<limits, &U::requests_per_hour>("limits.requests_per_hour", "Requests per hour", {0, billion}),
    field<limits, &U::requests_per_day>("limits.requests_per_day", "Requests per day", {0, billion}),
    field<limits, &U::requests_per_month>("limits.requests_per_month", "Requests per month", {0, billion}),
    field<limits, &U::tokens_per_minute>("limits.tokens_per_minute", "Input and output tokens per minute", {0, tokens_max}),
    field<limits, &U::tokens_per_hour>("limits.tokens_per_hour", "Input and output tokens per hour", {0, tokens_max}),
    field<limits, &U::tokens_per_day>("limits.tokens_per_day", "Input and output tokens per day", {0, tokens_max}),
    field<limits, &U::tokens_per_month>("limits.tokens_per_month", "Input and output tokens per month", {0, tokens_max}),
    field<limits, &U::input_tokens_per_minute>("limits.input_tokens_per_minute", "Input tokens per minute", {0, tokens_max}),
    field<limits, &U::input_tokens_per_hour>("limits.input_tokens_per_hour", "Input tokens per hour", {0, tokens_max}),
    field<limits, &U::input_tokens_per_day>("limits.input_tokens_per_day", "Input tokens per day", {0, tokens_max}),
    field<limits, &U::input_tokens_per_month>("limits.input_tokens_per_month", "Input tokens per month", {0, tokens_max}),
    field<limits, &U::output_tokens_per_minute>("limits.output_tokens_per_minute", "Output tokens per minute", {0, tokens_max}),
    field<limits, &U::output_tokens_per_hour>("limits.output_tokens_per_hour", "Output tokens per hour", {0, tokens_max}),
    field<limits, &U::output_tokens_per_day>("limits.output_tokens_per_day", "Output tokens per day", {0, tokens_max}),
    field<limits, &U::output_tokens_per_month>("limits.output_tokens_per_month", "Output tokens per month", {0, tokens_max}),
    field<limits, &U::burst>("limits.burst", "Requests at once, of those that a minute allows; 0 is all of them", {0, million}),
    field<limits, &U::concurrency>("limits.concurrency", "Requests in flight", {0, million}),
    field<limits, &U::algorithm>("limits.algorithm", "How minutes and hours are counted: `auto` is exact (a log) up to 1000 and a sliding window above; `fixed_window`, `sliding_window`, `sliding_log`, `token_bucket`"),
    field<limits, &U::time_zone>("limits.time_zone", "Whose days and months they are, such as `Europe/Berlin`; empty is UTC"),
    field<limits, &U::reset_at>("limits.reset_at", "How long after midnight these begin", {0, 24 * hour - 1}),
    field<limits, &U::spill_at>("limits.spill_at", "Share of a day's or month's limit from which on others are asked first", {1, 1'000}),
    field<limits, &U::reserve_normal>("limits.reserve.normal", "Share of every limit kept for requests of priority normal and above", {0, 900}),
    field<limits, &U::reserve_high>("limits.reserve.high", "The same for high and above", {0, 900}),
    field<limits, &U::reserve_critical>("limits.reserve.critical", "The same for critical", {0, 900}),
  };
}

/// What one may spend.
template <auto budget>
constexpr auto budget_rows() {
  using B = BudgetLimits;
  return std::array{
    field<budget, &B::daily>("budget.daily", "Dollars per day; 0 is no budget, here and below"),
    field<budget, &B::weekly>("budget.weekly", "Dollars per week, from Monday"),
    field<budget, &B::monthly>("budget.monthly", "Dollars per month"),
    field<budget, &B::total>("budget.total", "Dollars for ever"),
    field<budget, &B::soft_at>("budget.soft_at", "Share of a budget at which it is told that it will soon be spent", {1, 1'000}),
    field<budget, &B::is_hard>("budget.hard", "Refuse what a budget does not cover; off only tells"),
    field<budget, &B::downgrade>("budget.downgrade", "Route, tier or model that chats go to in place of theirs once `soft_at` is passed; not of a provider's budget"),
    field<budget, &B::time_zone>("budget.time_zone", "Whose days, weeks and months they are; empty is UTC"),
  };
}

template <class Row, std::size_t... sizes>
constexpr auto joined(const std::array<Row, sizes>&... tables) {
  std::array<Row, (sizes + ...)> all{};
  std::size_t next = 0;
  const auto append = [&](const auto& table) {
    for (const Row& row : table) all[next++] = row;
  };
  (append(tables), ...);
  return all;
}

constexpr std::array root_own{
    field<&Config::listen>("listen", "Where applications connect: host:port"),
    field<&Config::admin_listen>("admin.listen", "Where the dashboard, the admin API and the metrics are: host:port, `same` or `off`"),
    field<&Config::admin_session>("admin.session", "How long a user who logs in stays so", {minute, 30 * 24 * hour}),
    field<&Config::threads>("threads", "Event loops; 0 is one per core", {0, 1'024}),
    field<&Config::data_dir>("data_dir", "Ledger, keys and history; empty is the user's data directory"),
    field<&Config::keys>("keys", "Keys that clients may use; needed unless only loopback is listened on"),
    field<&Config::hosts>("hosts", "Host names under which a keyless or admin listener may be called, besides localhost and addresses"),
    field<&Config::cors_origins>("cors_origins", "Origins of web pages that may call"),
    field<&Config::trusted_proxies>("trusted_proxies", "Addresses whose X-Forwarded-For is believed"),
    field<&Config::env_providers>("env_providers", "Add the providers whose keys are in the environment, besides those of the file"),
    field<&Config::prefer>("prefer", "`free` puts providers with a free tier first in the default order"),
    field<&Config::default_model>("default_model", "Used when a request names no model; empty is `auto`"),
    field<&Config::failover>("failover", "Whether another target is tried when one fails"),
    field<&Config::strategy>("strategy", "How routes choose among their targets unless they say themselves"),
    field<&Config::hedge>("hedge", "When a second target is started beside a silent first one", {1, hour}),
    field<&Config::hedging, &HedgingSettings::p95_share>("hedging.p95_share", "`hedge: auto` starts a second target after this much of what the first one's slowest 5 % of first contents took in the last 5 min", {100, 100'000}),
    field<&Config::hedging, &HedgingSettings::delay_min>("hedging.delay_min", "Soonest it starts one", {1, hour}),
    field<&Config::hedging, &HedgingSettings::delay_max>("hedging.delay_max", "Latest it starts one", {1, hour}),
    field<&Config::hedging, &HedgingSettings::samples_min>("hedging.samples_min", "With fewer first contents known it goes by the next two", {1, million}),
    field<&Config::hedging, &HedgingSettings::unknown>("hedging.unknown", "When it starts one beside a model whose first contents are not known", {1, hour}),
    field<&Config::hedging, &HedgingSettings::unknown_reasoning>("hedging.unknown_reasoning", "The same of a model that reasons", {1, hour}),
    field<&Config::hedging, &HedgingSettings::requests_share>("hedging.requests_share", "Share of a route's requests in a minute that get a second target, however `hedge` is set; one in 10 s always may", {0, 1'000}),
    field<&Config::content_filter_failover>("content_filter_failover", "Whether an answer stopped by a provider's filter is tried elsewhere"),
    field<&Config::unknown_params>("unknown_params", "Members of a request that Weir does not know: `auto` forwards them where client and target speak the same dialect"),
    field<&Config::trim>("trim", "`auto` makes room where a prompt does not fit the model's window: the output limit is lowered where the client gave none, then the oldest turns are left out, which x-weir-dropped says"),
    field<&Config::budget_status>("budget_status", "HTTP status of what a budget refuses: 402 or 429", {402, 429}),
    field<&Config::unpriced>("unpriced", "Cloud models without a known price: `book` them at their provider's dearest, or `reject` them"),
    field<&Config::detect_local>("detect_local", "Look at the usual local ports when there is no configuration file"),
    field<&Config::detection_interval>("detection.interval", "How often servers are asked for their list of models, free of charge; `off` is never", {30 * second, 24 * hour}),
    field<&Config::load_interval>("detection.load_interval", "How often vLLM servers in use are asked how busy they are, for `least_busy` and `health`, and Ollama servers how much memory their models take; `off` is never", {second, hour}),
    field<&Config::tls, &TlsConfig::cert>("tls.cert", "PEM file with the listener's certificate chain"),
    field<&Config::tls, &TlsConfig::key>("tls.key", "PEM file with its private key"),
    field<&Config::log, &LogConfig::redact>("log.redact", "Replace card numbers, e-mail addresses, phone numbers and IBANs in log lines by the name of their kind; keys are never written out"),
    field<&Config::log, &LogConfig::level>("log.level", "Least level that is logged"),
    field<&Config::log, &LogConfig::format>("log.format", "`auto` is text on a terminal and JSON elsewhere"),
    field<&Config::access_log>("access_log", "Log a line per request; the ledger has them anyway"),
    field<&Config::expose_target>("expose_target", "Tell clients the target in x-weir-target"),
    field<&Config::reuse_port>("reuse_port", "Allow a second instance on the same port"),
    field<&Config::share_breakers>("share_breakers", "Heed circuits that open in gateways that share the data directory (`reuse_port`): for a while a breaker of that name judges by few calls already (`peer_min_calls`, `peer_window` of [breakers](#circuit-breakers))"),
    field<&Config::allow_half_close>("allow_half_close", "Answer clients that shut their sending side behind a request; who leaves is then noticed only when written to"),
    field<&Config::kill_on_revoke>("kill_on_revoke", "End calls under way within a second, with an error, where their key or their target is removed; otherwise they may end"),
    field<&Config::drain_grace>("drain_grace", "On SIGTERM, go on accepting this long after /readyz says no", {0, hour}),
    field<&Config::drain_timeout>("drain_timeout", "On SIGTERM, let running requests end within this", {0, hour}),
    field<&Config::alerts, &AlertSettings::webhook_url>("alerts.webhook.url", "Where alerts are posted to, as JSON"),
    field<&Config::alerts, &AlertSettings::webhook_secret>("alerts.webhook.secret", "What they are signed with: HMAC-SHA-256, in the header x-weir-signature; at least 16 bytes"),
    field<&Config::limits, &Limits::max_connections>("limits.max_connections", "Client connections; 0 is half of the open-file limit", {0, million}),
    field<&Config::limits, &Limits::max_connections_per_ip>("limits.max_connections_per_ip", "Connections of one public address; 0 is no limit", {0, million}),
    field<&Config::limits, &Limits::max_inflight>("limits.max_inflight", "Requests being worked on", {1, million}),
    field<&Config::limits, &Limits::max_inflight_per_key>("limits.max_inflight_per_key", "The same for one client key; 0 is no limit", {0, million}),
    field<&Config::limits, &Limits::provider_max_inflight>("limits.provider_max_inflight", "The same for one provider; 0 is no limit", {0, million}),
    field<&Config::limits, &Limits::queue_length>("limits.queue_length", "Requests waiting for one target", {0, million}),
    field<&Config::limits, &Limits::queue_wait>("limits.queue_wait", "Longest wait in that queue", {0, hour}),
    field<&Config::limits, &Limits::max_wait>("limits.max_wait", "How long a request waits in that queue before it goes to the next target; 0: only where every target is full", {0, hour}),
    field<&Config::limits, &Limits::default_output_reservation>("limits.default_output_reservation", "Tokens that limits set aside for an answer whose length is not limited", {0, million}),
    field<&Config::limits, &Limits::memory>("limits.memory", "Memory the process may use; 0 is the container's or the machine's", {0, 1024 * gib}),
    field<&Config::limits, &Limits::memory_soft>("limits.memory_soft", "Share of it at which caches shrink and queues close", {1, 1'000}),
    field<&Config::limits, &Limits::memory_hard>("limits.memory_hard", "Share of it at which new work is refused", {1, 1'000}),
    field<&Config::limits, &Limits::request_line>("limits.request_line", "Request line", {256, mib}),
    field<&Config::limits, &Limits::header_field>("limits.header_field", "One header field", {256, mib}),
    field<&Config::limits, &Limits::header_bytes>("limits.header_bytes", "All header fields", {kib, 16 * mib}),
    field<&Config::limits, &Limits::header_count>("limits.header_count", "Number of header fields", {10, 10'000}),
    field<&Config::limits, &Limits::body_bytes_max>("limits.body_bytes_max", "JSON body of a request, also when unpacked", {kib, gib}),
    field<&Config::limits, &Limits::multipart_bytes_max>("limits.multipart_bytes_max", "Multipart body of a request", {kib, 16 * gib}),
    field<&Config::limits, &Limits::json_depth>("limits.json_depth", "Nesting of JSON in a request", {8, 256}),
    field<&Config::limits, &Limits::upstream_header_bytes>("limits.upstream_header_bytes", "Header of a provider's answer", {kib, 16 * mib}),
    field<&Config::limits, &Limits::upstream_body_bytes_max>("limits.upstream_body_bytes_max", "JSON body of a provider's answer", {kib, 4 * gib}),
    field<&Config::limits, &Limits::event_bytes_max>("limits.event_bytes_max", "One event of a provider's stream", {kib, gib}),
    field<&Config::limits, &Limits::upstream_interim_responses>("limits.upstream_interim_responses", "1xx answers before a provider's real one", {0, 1'000}),
    field<&Config::limits, &Limits::hops_max>("limits.hops_max", "Gateways of this kind a request may pass", {1, 16}),
    field<&Config::stream, &StreamSettings::early_commit>("stream.early_commit", "Begin a stream's answer after this long without content, so that proxies in front wait on", {0, hour}),
    field<&Config::stream, &StreamSettings::heartbeat>("stream.heartbeat", "Send a comment after this long without content", {second, hour}),
    field<&Config::stream, &StreamSettings::recovery>("stream.recovery", "Go on with the next target when a begun stream breaks"),
    field<&Config::stream, &StreamSettings::recovery_attempts>("stream.recovery_attempts", "How often per request", {0, 10}),
    field<&Config::stream, &StreamSettings::hold_back_tokens>("stream.hold_back.tokens", "Keep a stream back until about this many tokens have come, so that an early break goes unseen; 0 is off", {0, 1'000}),
    field<&Config::stream, &StreamSettings::hold_back_max>("stream.hold_back.max", "Longest time they are kept back", {1, hour}),
    field<&Config::responses, &ResponseSettings::store>("responses.store", "Where answers of the Responses API are kept, so that a client can continue them: `disk` (encrypted, in data_dir), `memory` or `off`"),
    field<&Config::responses, &ResponseSettings::ttl>("responses.ttl", "How long after a conversation's last answer", {second, 365 * 24 * hour}),
    field<&Config::responses, &ResponseSettings::bytes_max>("responses.bytes_max", "Room for them; the conversations that end first go first", {mib, 1024 * gib}),
    field<&Config::idempotency, &IdempotencySettings::store>("idempotency.store", "Where requests with an `Idempotency-Key` and their answers are kept, so that none is made twice: `disk` (encrypted, in data_dir), `memory` (until the program ends) or `off`: the header is not looked at"),
    field<&Config::idempotency, &IdempotencySettings::ttl>("idempotency.ttl", "How long after a request", {second, 30 * 24 * hour}),
    field<&Config::idempotency, &IdempotencySettings::bytes_max>("idempotency.bytes_max", "Room for them; the oldest answers go first, but never that a request was made", {mib, 1024 * gib}),
    field<&Config::idempotency, &IdempotencySettings::answer_bytes_max>("idempotency.answer_bytes_max", "The longest answer that is kept", {kib, 256 * mib}),
    field<&Config::idempotency, &IdempotencySettings::stream_bytes_max>("idempotency.stream_bytes_max", "The longest answer that is kept of those that are streamed", {kib, 64 * mib}),
    field<&Config::content_log, &ContentLogSettings::bytes_max>("content_log.bytes_max", "Room for what is kept of those who have `log_content`, encrypted, in data_dir; what ends first goes first", {mib, 1024 * gib}),
    field<&Config::content_log, &ContentLogSettings::entry_bytes_max>("content_log.entry_bytes_max", "The longest question and the longest answer that are kept there; of longer ones the size is", {kib, 16 * mib}),
    field<&Config::ledger, &LedgerSettings::store>("ledger.store", "Where the sums of the ledger and its index are kept: empty is a file in data_dir; `postgres://user:password@host/database` puts them into PostgreSQL, with a row per call and attempt, for several gateways together"),
    field<&Config::ledger, &LedgerSettings::durability>("ledger.durability", "What each call's entry in the ledger outlives before the client gets the end of its answer: the end of the `process`, or a loss of `power`, which costs a wait for the disk"),
    field<&Config::ledger, &LedgerSettings::on_failure>("ledger.on_failure", "What becomes of calls while the ledger can't be written, on a full disk say: `refuse` answers 503 `ledger_unavailable`; `serve` makes them, and counts what could not be written down"),
    field<&Config::ledger, &LedgerSettings::on_store_failure>("ledger.on_store_failure", "What becomes of calls while the sums of the ledger can't be stored, as their database is away: `serve` makes them, and stores them when it is back; `refuse` answers 503 `ledger_unavailable`, so that nobody spends what others have spent"),
    field<&Config::ledger, &LedgerSettings::sync_interval>("ledger.sync_interval", "How much a loss of power may cost with durability `process`", {1, 60 * second}),
    field<&Config::ledger, &LedgerSettings::retention>("ledger.retention", "How long entries are kept; 0 is for ever", {0, 36'500 * 24 * hour}),
    field<&Config::ledger, &LedgerSettings::segment_size>("ledger.segment_size", "Size of its files; three are allocated per thread", {mib, gib}),
    field<&Config::ledger, &LedgerSettings::is_strict>("ledger.strict", "Refuse to start (exit code 74) when what was written down before is damaged"),
    field<&Config::retention, &RetentionSettings::audit>("retention.audit", "How long records of the audit log are kept, up to a signed checkpoint; 0 is for ever", {0, 36'500 * 24 * hour}),
    field<&Config::retention, &RetentionSettings::keys>("retention.keys", "How long keys that were revoked or have expired are kept as a record; 0 is for ever", {0, 36'500 * 24 * hour}),
    field<&Config::retention, &RetentionSettings::health>("retention.health", "How long the providers' history by the hour is kept; that by the minute a day", {24 * hour, 3'650 * 24 * hour}),
    field<&Config::retention, &RetentionSettings::usage>("retention.usage", "How long sums by the hour are kept, and in PostgreSQL a row per call; sums by the day stay", {32 * 24 * hour, 36'500 * 24 * hour}),
};

constexpr std::array retry_table{
    field<&RetrySettings::enabled>("enabled", "`retries: off` makes exactly one attempt"),
    field<&RetrySettings::backoff>("backoff", "`classic` is 5 attempts per target after 1, 2, 4 and 8 s"),
    field<&RetrySettings::max_attempts>("max_attempts", "Attempts per request; default max(3, targets + 1)", {1, 10}),
    field<&RetrySettings::attempts_per_target>("attempts_per_target", "Of these at one target", {1, 10}),
    field<&RetrySettings::backoff_base>("backoff_base", "First wait at most; doubles each time", {1, hour}),
    field<&RetrySettings::backoff_cap>("backoff_cap", "Longest wait", {1, hour}),
    field<&RetrySettings::failover_jitter>("failover_jitter", "Longest wait before another target is asked, drawn at random so that those who failed together do not arrive together; 0: at once", {0, minute}),
    field<&RetrySettings::max_inline_wait>("max_inline_wait", "Longest Retry-After that is waited for", {0, hour}),
    field<&RetrySettings::min_attempt_budget>("min_attempt_budget", "No attempt starts with less of request_total left", {0, hour}),
    field<&RetrySettings::retry_budget_ratio>("retry_budget_ratio", "Retries per first visit of a provider", {0, 1'000}),
    field<&RetrySettings::retry_budget_floor>("retry_budget_floor", "Retries that are always allowed within the window", {0, million}),
    field<&RetrySettings::retry_budget_window>("retry_budget_window", "How far back retries are counted", {second, hour}),
    field<&RetrySettings::retry_on_total_timeout>("retry_on_total_timeout", "Whether a whole answer that took longer than attempt_total is tried once more elsewhere"),
};

constexpr std::array breaker_table{
    field<&BreakerSettings::enabled>("enabled", "`breaker: off` never opens"),
    field<&BreakerSettings::preset>("preset", "Where the values below start from: `standard`; `count`: 5 failures in 60s open it for 30s; `threshold`: 5 failures in a row open it for 300s; in both one success closes it"),
    field<&BreakerSettings::window>("window", "Time that is looked back on", {second, 24 * hour}),
    field<&BreakerSettings::min_calls>("min_calls", "Calls within it before the rates count, 0: they never do; of an endpoint 20 by default", {0, million}),
    field<&BreakerSettings::failure_rate>("failure_rate", "Share of failures that opens it; of an endpoint 80% by default", {1, 1'000}),
    field<&BreakerSettings::consecutive_failures>("consecutive_failures", "Failures in a row that open it, 0: any number; of an endpoint 10 by default", {0, million}),
    field<&BreakerSettings::failures_in_window>("failures_in_window", "Failures within the window that open it, whatever the rate; 0: any number", {0, million}),
    field<&BreakerSettings::slow_call>("slow_call", "A first content later than this is slow; 0: none is", {0, hour}),
    field<&BreakerSettings::slow_rate>("slow_rate", "Share of slow calls that opens it", {1, 1'000}),
    field<&BreakerSettings::open_base>("open_base", "How long the first opening lasts; doubles with each", {1, 24 * hour}),
    field<&BreakerSettings::open_cap>("open_cap", "Longest opening", {1, 24 * hour}),
    field<&BreakerSettings::open_jitter>("open_jitter", "Of that time, either way", {0, 1'000}),
    field<&BreakerSettings::half_open_permits>("half_open_permits", "Attempts at once that find out whether it is over", {1, million}),
    field<&BreakerSettings::half_open_successes>("half_open_successes", "Successes in a row that close it", {1, million}),
    field<&BreakerSettings::half_open_max>("half_open_max", "Without a verdict for so long it opens again", {second, 24 * hour}),
    field<&BreakerSettings::forgiven_after>("forgiven_after", "Closed for so long, the next opening is a first one", {0, 24 * hour}),
    field<&BreakerSettings::peer_min_calls>("peer_min_calls", "With `share_breakers`, `min_calls` after a circuit of that name has opened in another gateway", {1, million}),
    field<&BreakerSettings::peer_window>("peer_window", "For so long", {0, hour}),
};

constexpr std::array cooldown_table{
    field<&CooldownSettings::after_error>("after_error", "How long a target rests after any error of its own or a 429, where the provider names no other wait; `off`: errors are the circuit breaker's affair, and 429 has `rate_limit`", {second, 24 * hour}),
    field<&CooldownSettings::rate_limit>("rate_limit", "After a 429 that names no wait: the 1st, 2nd, 3rd and later in a row", {second, 24 * hour}),
    field<&CooldownSettings::rate_limit_jitter>("rate_limit_jitter", "Of these, either way", {0, 1'000}),
    field<&CooldownSettings::quota>("quota", "When credit or a day's allowance is used up and nobody says until when", {second, 24 * hour}),
    field<&CooldownSettings::auth>("auth", "When the provider does not know the key (401); it rests with all its models", {second, 24 * hour}),
    field<&CooldownSettings::forbidden>("forbidden", "When the key may not use the model (403)", {second, 24 * hour}),
    field<&CooldownSettings::not_found>("not_found", "When there is no such model", {second, 24 * hour}),
    field<&CooldownSettings::row_max>("row_max", "A cooldown so soon after another is the next in a row, unless an answer came between; at least twice the last step", {0, 24 * hour}),
    field<&CooldownSettings::length_max>("length_max", "Longest cooldown, whatever wait the provider names", {second, 24 * hour}),
    field<&CooldownSettings::probation_calls>("probation_calls", "What comes back is asked by one call at a time first, then twice as many with each success, until so many", {1, million}),
    field<&CooldownSettings::probation_max>("probation_max", "Or until so long after the first success", {0, hour}),
};

constexpr std::array provider_own{
    field<&ProviderConfig::enabled>("enabled", "Off keeps the entry but sends nothing there"),
    field<&ProviderConfig::detect>("detect", "Ask the server for its list of models; `auto` asks local servers and those of type custom"),
    field<&ProviderConfig::dialect>("dialect", "What the server speaks, where it differs from its type"),
    field<&ProviderConfig::mock>("mock", "Answer by itself: same name, same models, same prices, no call"),
    field<&ProviderConfig::local>("local", "Runs on own machines: tokens cost nothing, timeouts are long"),
    field<&ProviderConfig::allow_private>("allow_private", "May connect to private addresses; default: on for an address that stands in a file or in the environment, off for one that came over the admin API"),
    field<&ProviderConfig::passthrough>("passthrough", "Clients may call any path of its API below `/passthrough/<name>/`, with the gateway's key"),
    field<&ProviderConfig::api_keys>("api_key", "The key; default: the environment variable of its type"),
    field<&ProviderConfig::api_keys>("api_keys", "Several keys, used in turn; each a text or a map of `key` and its own `limits` and `budget`"),
    field<&ProviderConfig::base_url>("base_url", "Address of the API; default: the type's own"),
    field<&ProviderConfig::organization>("organization", "OpenAI: organization the requests count for"),
    field<&ProviderConfig::project>("project", "OpenAI: project the requests count for"),
    field<&ProviderConfig::deployment>("deployment", "Azure: the deployment for any model"),
    field<&ProviderConfig::api_version>("api_version", "Azure: a date selects the classic URLs with this version"),
    field<&ProviderConfig::pull>("pull", "Ollama: `auto` has the server pull a model that is asked for and that it does not have"),
    field<&ProviderConfig::keep_alive>("keep_alive", "Ollama: how long a model stays loaded after an answer, where the request does not say: `10m`, 0 or -1 (always)"),
    field<&ProviderConfig::prompt_cache>("prompt_cache", "Anthropic: `auto` marks long beginnings of requests to be cached, where the client marked nothing"),
    field<&ProviderConfig::on_disconnect>("on_disconnect", "When a client leaves: `cancel` closes the connection; `drain` reads on for a while, to learn what a provider charges that bills anyway"),
    field<&ProviderConfig::drain_max>("drain_max", "How long `drain` reads on; default 30s", {1, hour}),
    field<&ProviderConfig::drains_max>("drains_max", "Calls at once that it reads on; those beyond are cancelled; default 16", {0, million}),
    field<&ProviderConfig::probe>("probe", "How often it is asked for its free list of models, a vLLM for its `/health`, to see that it answers: `1m`, give or take a fifth; default off. Changes no circuit breaker and no figure of the traffic", {30 * second, 24 * hour}),
    field<&ProviderConfig::ca_file>("ca_file", "PEM file with the authorities that may sign its certificate"),
    proxy_row(),
    field<&ProviderConfig::plan>("plan", "Which plan the account is on, `paid` or `free`: limits that are set nowhere are those that the catalog knows of it; `none`: none"),
};

constexpr std::array provider_key_own{
    field<&ProviderKeyConfig::key>("key", "The key itself"),
};

constexpr std::array model_own{
    field<&ModelOverride::context>("context", "Window in tokens, input and output together", {1, tokens_max}),
    field<&ModelOverride::max_output>("max_output", "Most output tokens of one answer", {1, tokens_max}),
    field<&ModelOverride::aliases>("alias", "Other names clients may use"),
};

constexpr std::array route_own{
    field<&RouteConfig::strategy>("strategy", "How one of the targets is chosen"),
    field<&RouteConfig::failover>("failover", "Whether another target is tried when one fails"),
    field<&RouteConfig::hedge>("hedge", "When a second target is started beside a silent first one", {1, hour}),
    field<&RouteConfig::stream_recovery>("stream_recovery", "Go on with the next target when a begun stream breaks"),
    field<&RouteConfig::content_filter_failover>("content_filter_failover", "Whether an answer stopped by a provider's filter is tried elsewhere"),
    field<&RouteConfig::early_commit>("early_commit", "Begin a stream's answer after this long without content", {0, hour}),
    field<&RouteConfig::unknown_params>("unknown_params", "Members of a request that Weir does not know"),
    field<&RouteConfig::trim>("trim", "`auto` makes room where a prompt does not fit the model's window"),
    field<&RouteConfig::max_wait>("max_wait", "How long a request waits for a full target before it goes to the next, over `limits.max_wait`", {0, hour}),
};

constexpr std::array alert_rule_table{
    field<&AlertRuleConfig::error_rate>("error_rate", "Alert at this share of failed attempts", {1, 1'000}),
    field<&AlertRuleConfig::latency>("latency", "Alert when 5 % of whole answers take this long", {1, 24 * hour}),
    field<&AlertRuleConfig::first_content>("first_content", "Alert when the first content of 5 % of streams takes this long", {1, 24 * hour}),
    field<&AlertRuleConfig::circuit_open>("circuit_open", "Alert while a circuit breaker lets nothing through"),
    field<&AlertRuleConfig::limit_used>("limit_used", "Alert when this share of a limit is used up", {1, 1'000}),
    field<&AlertRuleConfig::spend>("spend", "Alert when so many dollars were spent in the window"),
    field<&AlertRuleConfig::of>("of", "Providers, or `provider/model`; default: each provider"),
    field<&AlertRuleConfig::window>("window", "Time the figures are of: `1m`, `5m` (default), `1h` or `24h`"),
    field<&AlertRuleConfig::wait>("for", "So long it must be so before anybody is told; default 1m", {0, 24 * hour}),
    field<&AlertRuleConfig::clear_wait>("clear_for", "So long it must be over before that is told; default 1m", {0, 24 * hour}),
    field<&AlertRuleConfig::clears_at>("clears_at", "It is over below this part of the threshold; default 80%", {1, 1'000}),
    field<&AlertRuleConfig::calls_min>("min_calls", "With fewer calls in the window nothing is said; default 10", {1, million}),
};

constexpr std::array client_own{
    field<&ClientConfig::log_content>("log_content", "How long what is asked and answered is kept, for who may read it ([how](../guides/data-protection.md#logging-content)); 0 (default) is not at all", {0, 3'650 * 24 * hour}),
    field<&ClientConfig::expose_target>("expose_target", "Tell them the target in x-weir-target, where the setting of that name for the whole allows it; of a key, its user and its team each can say no"),
};

constexpr std::array team_own{
    field<&ClientConfig::organisation>("organisation", "Which it belongs to; limits of `organisations.<name>` hold for all its teams together"),
};

constexpr std::array key_own{
    field<&ClientConfig::key>("key", "The key itself"),
    field<&ClientConfig::name>("name", "How it is shown"),
    field<&ClientConfig::user>("user", "Whose it is; limits of `users.<name>` hold for all their keys together"),
    field<&ClientConfig::team>("team", "The same with `teams.<name>`"),
    field<&ClientConfig::priority>("priority", "Of its requests that name none: `low`, `normal`, `high` or `critical`; default normal"),
};
// clang-format on

constexpr auto root_table =
    joined(root_own, limit_rows<&Config::rates>(), budget_rows<&Config::budget>());
constexpr auto provider_table = joined(provider_own, limit_rows<&ProviderConfig::limits>(),
                                       budget_rows<&ProviderConfig::budget>());
constexpr auto model_table =
    joined(model_own, limit_rows<&ModelOverride::limits>(), budget_rows<&ModelOverride::budget>());
constexpr auto provider_key_table =
    joined(provider_key_own, limit_rows<&ProviderKeyConfig::limits>(),
           budget_rows<&ProviderKeyConfig::budget>());
constexpr auto route_table =
    joined(route_own, limit_rows<&RouteConfig::limits>(), budget_rows<&RouteConfig::budget>());
constexpr auto client_limit_rows =
    joined(limit_rows<&ClientConfig::limits>(), budget_rows<&ClientConfig::budget>());
constexpr auto client_table = joined(client_own, client_limit_rows);
constexpr auto team_table = joined(team_own, client_table);
constexpr auto key_table = joined(key_own, client_table);

}  // namespace

bool is_limit_row(std::string_view path) noexcept {
  return std::any_of(client_limit_rows.begin(), client_limit_rows.end(),
                     [&](const Field<ClientConfig>& row) { return row.path == path; });
}

std::span<const Field<Config>> root_fields() { return root_table; }
std::span<const Field<RetrySettings>> retry_fields() { return retry_table; }
std::span<const Field<BreakerSettings>> breaker_fields() { return breaker_table; }
std::span<const Field<CooldownSettings>> cooldown_fields() { return cooldown_table; }
std::span<const Field<ProviderConfig>> provider_fields() { return provider_table; }
std::span<const Field<ProviderKeyConfig>> provider_key_fields() { return provider_key_table; }
std::span<const Field<ModelOverride>> model_fields() { return model_table; }
std::span<const Field<RouteConfig>> route_fields() { return route_table; }
std::span<const Field<AlertRuleConfig>> alert_rule_fields() { return alert_rule_table; }
std::span<const Field<ClientConfig>> client_fields() { return client_table; }
std::span<const Field<ClientConfig>> team_fields() { return team_table; }
std::span<const Field<ClientConfig>> organisation_fields() { return client_limit_rows; }
std::span<const Field<ClientConfig>> key_fields() { return key_table; }

std::string environment_name(std::string_view path) {
  std::string name = "WEIR_";
  for (const char c : path) {
    const bool is_lower = c >= 'a' && c <= 'z';
    name += c == '.' ? '_' : is_lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

}  // namespace weir::config
