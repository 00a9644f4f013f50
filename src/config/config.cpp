// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <algorithm>
#include <span>

namespace weir::config {
namespace {

/// The narrower scope wins where it says something.
template <class T>
void put_over(std::optional<T>& wide, const std::optional<T>& narrow) {
  if (narrow) wide = narrow;
}

void put_over(CooldownSteps& wide, const CooldownSteps& narrow) {
  if (!narrow.lengths.empty()) wide = narrow;
}

void put_steps(policy::CooldownLadder& ladder, std::span<const milliseconds> lengths) {
  for (std::size_t i = 0; !lengths.empty() && i < ladder.lengths.size(); ++i) {
    ladder.lengths[i] = lengths[std::min(i, lengths.size() - 1)];
  }
}

void put_length(policy::CooldownLadder& ladder, const std::optional<milliseconds>& length) {
  if (length) put_steps(ladder, std::span(&*length, 1));
}

}  // namespace

std::string Secret::to_display() const {
  constexpr std::size_t shown_from = 16;
  constexpr std::size_t prefix = 5;
  constexpr std::size_t suffix = 4;
  if (text_.size() < shown_from) return text_.empty() ? "" : "…";
  return text_.substr(0, prefix) + "…" + text_.substr(text_.size() - suffix);
}

Timeouts Timeouts::with(const Timeouts& narrower) const {
  Timeouts merged = *this;
  for (std::size_t i = 0; i < timeout_count; ++i) put_over(merged.values_[i], narrower.values_[i]);
  return merged;
}

milliseconds attempt_total(const Timeouts& timeouts, bool is_local, std::int64_t output_tokens) {
  constexpr Timeout id = Timeout::attempt_total;
  constexpr std::int64_t tokens_per_second = 30;
  constexpr milliseconds shortest{120'000};
  constexpr milliseconds longest{540'000};
  if (timeouts.get(id) || is_local) return timeouts.in_force(id, is_local);
  const std::int64_t tokens = std::clamp<std::int64_t>(output_tokens, 0, 1'000'000);
  return std::clamp(spec_of(id).standard + milliseconds(tokens * 1'000 / tokens_per_second),
                    shortest, longest);
}

milliseconds content_idle(const Timeouts& timeouts, bool is_local, bool reasons) {
  if (reasons && !timeouts.get(Timeout::content_idle)) return content_idle_reasoning;
  return timeouts.in_force(Timeout::content_idle, is_local);
}

RetrySettings RetrySettings::with(const RetrySettings& narrower) const {
  RetrySettings merged = *this;
  put_over(merged.enabled, narrower.enabled);
  put_over(merged.backoff, narrower.backoff);
  put_over(merged.retry_on_total_timeout, narrower.retry_on_total_timeout);
  put_over(merged.max_attempts, narrower.max_attempts);
  put_over(merged.attempts_per_target, narrower.attempts_per_target);
  put_over(merged.backoff_base, narrower.backoff_base);
  put_over(merged.backoff_cap, narrower.backoff_cap);
  put_over(merged.failover_jitter, narrower.failover_jitter);
  put_over(merged.max_inline_wait, narrower.max_inline_wait);
  put_over(merged.min_attempt_budget, narrower.min_attempt_budget);
  put_over(merged.retry_budget_ratio, narrower.retry_budget_ratio);
  put_over(merged.retry_budget_floor, narrower.retry_budget_floor);
  put_over(merged.retry_budget_window, narrower.retry_budget_window);
  return merged;
}

BreakerSettings BreakerSettings::with(const BreakerSettings& narrower) const {
  BreakerSettings merged = narrower.preset ? BreakerSettings{.enabled = enabled} : *this;
  put_over(merged.enabled, narrower.enabled);
  put_over(merged.preset, narrower.preset);
  put_over(merged.window, narrower.window);
  put_over(merged.min_calls, narrower.min_calls);
  put_over(merged.failure_rate, narrower.failure_rate);
  put_over(merged.consecutive_failures, narrower.consecutive_failures);
  put_over(merged.failures_in_window, narrower.failures_in_window);
  put_over(merged.slow_call, narrower.slow_call);
  put_over(merged.slow_rate, narrower.slow_rate);
  put_over(merged.open_base, narrower.open_base);
  put_over(merged.open_cap, narrower.open_cap);
  put_over(merged.open_jitter, narrower.open_jitter);
  put_over(merged.half_open_permits, narrower.half_open_permits);
  put_over(merged.half_open_successes, narrower.half_open_successes);
  put_over(merged.half_open_max, narrower.half_open_max);
  put_over(merged.forgiven_after, narrower.forgiven_after);
  put_over(merged.peer_min_calls, narrower.peer_min_calls);
  put_over(merged.peer_window, narrower.peer_window);
  return merged;
}

policy::BreakerOptions decide(const BreakerSettings& settings, policy::BreakerOptions standard) {
  policy::BreakerOptions options = standard;
  if (settings.preset == BreakerPreset::count) options = policy::breaker_by_count();
  if (settings.preset == BreakerPreset::threshold) options = policy::breaker_by_threshold();
  const auto put_ratio = [](std::int32_t& permille, const std::optional<Ratio>& said) {
    if (said) permille = said->permille;
  };
  options.window = settings.window.value_or(options.window);
  options.min_calls = settings.min_calls.value_or(options.min_calls);
  put_ratio(options.failure_permille, settings.failure_rate);
  options.consecutive_failures =
      settings.consecutive_failures.value_or(options.consecutive_failures);
  options.failures_in_window = settings.failures_in_window.value_or(options.failures_in_window);
  options.slow_call = settings.slow_call.value_or(options.slow_call);
  put_ratio(options.slow_permille, settings.slow_rate);
  options.open_base = settings.open_base.value_or(options.open_base);
  options.open_cap = settings.open_cap.value_or(options.open_cap);
  put_ratio(options.open_jitter_permille, settings.open_jitter);
  options.half_open_permits = settings.half_open_permits.value_or(options.half_open_permits);
  options.half_open_successes = settings.half_open_successes.value_or(options.half_open_successes);
  options.half_open_max = settings.half_open_max.value_or(options.half_open_max);
  options.forgiven_after = settings.forgiven_after.value_or(options.forgiven_after);
  options.peer_min_calls = settings.peer_min_calls.value_or(options.peer_min_calls);
  options.peer_window = settings.peer_window.value_or(options.peer_window);
  return settings.enabled.value_or(true) ? options : policy::breaker_that_never_opens(options);
}

CooldownSettings CooldownSettings::with(const CooldownSettings& narrower) const {
  CooldownSettings merged = *this;
  put_over(merged.after_error, narrower.after_error);
  put_over(merged.rate_limit, narrower.rate_limit);
  put_over(merged.rate_limit_jitter, narrower.rate_limit_jitter);
  put_over(merged.quota, narrower.quota);
  put_over(merged.auth, narrower.auth);
  put_over(merged.forbidden, narrower.forbidden);
  put_over(merged.not_found, narrower.not_found);
  put_over(merged.row_max, narrower.row_max);
  put_over(merged.length_max, narrower.length_max);
  put_over(merged.probation_max, narrower.probation_max);
  put_over(merged.probation_calls, narrower.probation_calls);
  return merged;
}

policy::CooldownOptions decide(const CooldownSettings& settings) {
  policy::CooldownOptions options;
  if (settings.after_error) options.after_error = settings.after_error->after;
  put_steps(options.rate_limit, settings.rate_limit.lengths);
  if (settings.rate_limit_jitter) {
    options.rate_limit.jitter_permille = settings.rate_limit_jitter->permille;
  }
  put_length(options.quota, settings.quota);
  put_steps(options.auth, settings.auth.lengths);
  put_length(options.forbidden, settings.forbidden);
  put_length(options.not_found, settings.not_found);
  options.row_max = settings.row_max.value_or(options.row_max);
  options.length_max = settings.length_max.value_or(options.length_max);
  options.probation_max = settings.probation_max.value_or(options.probation_max);
  options.probation_in_flight_max =
      settings.probation_calls.value_or(options.probation_in_flight_max);
  return options;
}

RetryPolicy decide(const RetrySettings& settings, std::size_t targets) {
  RetryPolicy policy;
  policy.enabled = settings.enabled.value_or(true);
  const bool is_classic = settings.backoff == Backoff::classic;
  if (is_classic) {
    policy.jitter = false;
    policy.attempts_per_target = 5;
    policy.backoff_base = milliseconds(1'000);
    policy.max_inline_wait = milliseconds(8'000);
  }
  const auto number = [](const std::optional<std::int64_t>& value, int fallback) {
    return value ? static_cast<int>(*value) : fallback;
  };
  policy.attempts_per_target = number(settings.attempts_per_target, policy.attempts_per_target);
  const int by_targets = static_cast<int>(std::clamp<std::size_t>(targets + 1, 3, 10));
  policy.max_attempts = number(settings.max_attempts, by_targets);
  if (is_classic) policy.max_attempts = std::max(policy.max_attempts, 5);
  policy.backoff_base = settings.backoff_base.value_or(policy.backoff_base);
  policy.backoff_cap = settings.backoff_cap.value_or(policy.backoff_cap);
  policy.failover_jitter = settings.failover_jitter.value_or(policy.failover_jitter);
  policy.max_inline_wait = settings.max_inline_wait.value_or(policy.max_inline_wait);
  policy.min_attempt_budget = settings.min_attempt_budget.value_or(policy.min_attempt_budget);
  policy.retry_budget_ratio = settings.retry_budget_ratio.value_or(policy.retry_budget_ratio);
  policy.retry_budget_floor = number(settings.retry_budget_floor, policy.retry_budget_floor);
  policy.retry_budget_window = settings.retry_budget_window.value_or(policy.retry_budget_window);
  policy.retry_on_total_timeout =
      settings.retry_on_total_timeout.value_or(policy.retry_on_total_timeout);
  if (!policy.enabled) {
    policy.max_attempts = 1;
    policy.attempts_per_target = 1;
  }
  return policy;
}

const ModelOverride* ProviderConfig::find_model(std::string_view id) const {
  const auto place = std::lower_bound(
      models.begin(), models.end(), id,
      [](const ModelOverride& model, std::string_view wanted) { return model.id < wanted; });
  if (place != models.end() && place->id == id) return &*place;
  for (const ModelOverride& model : models) {
    const auto& aliases = model.aliases;
    if (std::find(aliases.begin(), aliases.end(), id) != aliases.end()) return &model;
  }
  return nullptr;
}

namespace {

/// Enough of a key to know it by (I-8); empty for one that is too short to show any of it.
std::string ends_of(const Secret& secret) {
  constexpr std::size_t shown_of_bytes_min = 20;
  const std::string_view key = secret.reveal();
  if (key.size() < shown_of_bytes_min) return {};
  return std::string(key.substr(0, 3)) + "…" + std::string(key.substr(key.size() - 4));
}

}  // namespace

/// Limits and cooldowns go by it, so no two of them have the same.
std::string ProviderConfig::key_name(std::size_t place) const {
  if (api_keys.size() < 2) return {};
  std::string ends = ends_of(api_keys[place]);
  const auto alike = std::count_if(api_keys.begin(), api_keys.end(),
                                   [&](const Secret& other) { return ends_of(other) == ends; });
  return ends.empty() || alike > 1 ? "number " + std::to_string(place + 1) : ends;
}

const ClientConfig* Config::settings_of(const Secret& key) const {
  const auto found = std::find_if(key_settings.begin(), key_settings.end(),
                                  [&](const ClientConfig& one) { return one.key == key; });
  return found == key_settings.end() ? nullptr : &*found;
}

std::optional<std::size_t> Config::find_provider(std::string_view name) const {
  for (std::size_t i = 0; i < providers.size(); ++i) {
    if (providers[i].name == name) return i;
  }
  return std::nullopt;
}

std::string_view Config::source_of(std::string_view path) const {
  const auto found = sources.find(path);
  return found == sources.end() ? std::string_view("default") : found->second;
}

}  // namespace weir::config
