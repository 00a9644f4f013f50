// SPDX-License-Identifier: Apache-2.0
//
// The configuration for people: what is in force, and the reference page.

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/content_rules.hpp"
#include "config/field_table.hpp"
#include "config/fields.hpp"

namespace weir::config {
namespace {

// ---- what is in force -----------------------------------------------------------------------

template <class Section>
void list_all(std::vector<SettingView>& out, const Config& config, const std::string& path,
              std::span<const Field<Section>> fields, const Section& section) {
  for (const Field<Section>& field : fields) {
    const std::string full = path + "." + std::string(field.path);
    out.push_back({full, field.show(section), std::string(config.source_of(full))});
  }
}

/// Without what nobody set.
template <class Section>
void list_set(std::vector<SettingView>& out, const Config& config, const std::string& path,
              std::span<const Field<Section>> fields, const Section& section) {
  std::vector<SettingView> all;
  list_all(all, config, path, fields, section);
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [&](const SettingView& view) { return config.sources.contains(view.path); });
}

/// `settings` with what they leave open decided, but for what depends on the route.
RetrySettings in_force(const RetrySettings& settings) {
  const RetryPolicy decided = decide(settings, 1);
  return {.enabled = decided.enabled,
          .backoff = settings.backoff.value_or(Backoff::jitter),
          .max_attempts = settings.max_attempts,
          .attempts_per_target = decided.attempts_per_target,
          .backoff_base = decided.backoff_base,
          .backoff_cap = decided.backoff_cap,
          .failover_jitter = decided.failover_jitter,
          .max_inline_wait = decided.max_inline_wait,
          .min_attempt_budget = decided.min_attempt_budget,
          .retry_budget_ratio = decided.retry_budget_ratio,
          .retry_budget_floor = decided.retry_budget_floor,
          .retry_budget_window = decided.retry_budget_window,
          .retry_on_total_timeout = decided.retry_on_total_timeout};
}

BreakerSettings in_force(const BreakerSettings& settings, const policy::BreakerOptions& standard) {
  const policy::BreakerOptions decided = decide(settings, standard);
  return {.enabled = settings.enabled.value_or(true),
          .preset = settings.preset.value_or(BreakerPreset::standard),
          .window = decided.window,
          .min_calls = decided.min_calls,
          .failure_rate = Ratio{decided.failure_permille},
          .consecutive_failures = decided.consecutive_failures,
          .failures_in_window = decided.failures_in_window,
          .slow_call = decided.slow_call,
          .slow_rate = Ratio{decided.slow_permille},
          .open_base = decided.open_base,
          .open_cap = decided.open_cap,
          .open_jitter = Ratio{decided.open_jitter_permille},
          .half_open_permits = decided.half_open_permits,
          .half_open_successes = decided.half_open_successes,
          .half_open_max = decided.half_open_max,
          .forgiven_after = decided.forgiven_after,
          .peer_min_calls = decided.peer_min_calls,
          .peer_window = decided.peer_window};
}

/// Without the steps that only repeat the last.
CooldownSteps steps_of(const policy::CooldownLadder& ladder) {
  CooldownSteps steps{.lengths = {ladder.lengths.begin(), ladder.lengths.end()}};
  auto& lengths = steps.lengths;
  while (lengths.size() > 1 && lengths.back() == lengths[lengths.size() - 2]) lengths.pop_back();
  return steps;
}

CooldownSettings in_force(const CooldownSettings& settings) {
  const policy::CooldownOptions decided = decide(settings);
  return {.after_error = WaitOrOff{decided.after_error},
          .rate_limit = steps_of(decided.rate_limit),
          .rate_limit_jitter = Ratio{decided.rate_limit.jitter_permille},
          .quota = decided.quota.lengths.front(),
          .auth = steps_of(decided.auth),
          .forbidden = decided.forbidden.lengths.front(),
          .not_found = decided.not_found.lengths.front(),
          .row_max = decided.row_max,
          .length_max = decided.length_max,
          .probation_max = decided.probation_max,
          .probation_calls = decided.probation_in_flight_max};
}

void list_timeouts(std::vector<SettingView>& out, const Config& config, const std::string& prefix,
                   const Timeouts& timeouts, bool with_defaults) {
  for (const TimeoutSpec& spec : timeout_specs) {
    if (!with_defaults && !timeouts.get(spec.id)) continue;
    const std::string path = prefix + "timeouts." + std::string(spec.name);
    out.push_back(
        {path, show_value(timeouts.in_force(spec.id, false)), std::string(config.source_of(path))});
  }
}

std::string show_targets(const RouteConfig& route) {
  std::string text;
  for (const TargetRef& target : route.targets) {
    if (!text.empty()) text += ", ";
    text += target.target;
    if (target.weight != 1) text += " (weight " + std::to_string(target.weight) + ")";
  }
  return text;
}

// ---- the reference page ---------------------------------------------------------------------

std::string cell(std::string_view text) {
  return text.empty() ? "" : "`" + std::string(text) + "`";
}

enum class Columns : std::uint8_t { plain, with_default, with_variable };

template <class Section>
void append_table(std::string& out, std::span<const Field<Section>> fields, const Section& unset,
                  Columns columns) {
  const bool has_variable = columns == Columns::with_variable;
  const bool has_default = has_variable || columns == Columns::with_default;
  out.append("| Setting | Type | ").append(has_default ? "Default | " : "");
  out.append(has_variable ? "Environment | " : "").append("|\n|---|---|");
  out.append(has_default ? "---|" : "").append(has_variable ? "---|" : "").append("---|\n");
  for (const Field<Section>& field : fields) {
    // They are the same in every section that has them.
    if (!has_variable && is_limit_row(field.path)) continue;
    out.append("| ").append(cell(field.path)).append(" | ");
    out.append(field.is_list ? "list of " : "").append(field.type).append(" | ");
    if (has_default) out.append(cell(field.show(unset))).append(" | ");
    if (has_variable) out.append(cell(environment_name(field.path))).append(" | ");
    out.append(field.doc).append(" |\n");
  }
}

void append_timeouts(std::string& out) {
  out +=
      "\n## Timeouts\n\n"
      "Under `timeouts:`, for the whole, a provider or a route; those marked *model* also under "
      "`providers.<name>.models.<id>`. `0` switches a timeout off where that is allowed. By "
      "environment: `WEIR_TIMEOUTS_CONNECT` and so on.\n\n"
      "| Timeout | Default | Local servers | Set for | |\n|---|---|---|---|---|\n";
  for (const TimeoutSpec& spec : timeout_specs) {
    out.append("| ").append(cell(spec.name));
    out.append(" | ").append(show_value(spec.standard));
    out.append(" | ").append(show_value(spec.local));
    out.append(" | ").append(spec.scope == TimeoutScope::server               ? "the whole"
                             : spec.scope == TimeoutScope::provider_and_route ? "provider, route"
                                                                              : "*model*");
    out.append(" | ").append(spec.doc).append(spec.may_be_off ? "" : "; can't be off");
    out += " |\n";
  }
}

}  // namespace

std::string_view found_at(const Config& config, const ProviderConfig& provider) {
  constexpr std::array by_key{"", ".api_key", ".base_url"};
  constexpr std::array by_address{"", ".base_url", ".api_key"};
  for (const char* key : provider.spec->is_local ? by_address : by_key) {
    const std::string_view source = config.source_of("providers." + provider.name + key);
    if (source != "default") return source;
  }
  return "built in";
}

std::vector<SettingView> list_settings(const Config& config) {
  std::vector<SettingView> out;
  for (const Field<Config>& field : root_fields()) {
    const std::string path(field.path);
    out.push_back({path, field.show(config), std::string(config.source_of(path))});
  }
  list_timeouts(out, config, "", config.timeouts, true);
  list_all(out, config, "retries", retry_fields(), in_force(config.retries));
  list_all(out, config, "breaker", breaker_fields(),
           in_force(config.breaker, policy::target_breaker()));
  list_all(out, config, "provider_breaker", breaker_fields(),
           in_force(config.provider_breaker, policy::provider_breaker()));
  list_all(out, config, "cooldown", cooldown_fields(), in_force(config.cooldown));
  for (const ProviderConfig& provider : config.providers) {
    const std::string path = "providers." + provider.name;
    out.push_back({path, std::string(provider.spec->name) + " at " + provider.base_url,
                   std::string(config.source_of(path))});
    list_set(out, config, path, provider_fields(), provider);
    for (const ProviderKeyConfig& key : provider.key_settings) {
      list_set(out, config, path + ".api_keys[" + std::to_string(key.place) + "]",
               provider_key_fields(), key);
    }
    list_timeouts(out, config, path + ".", provider.timeouts, false);
    list_set(out, config, path + ".retries", retry_fields(), provider.retries);
    list_set(out, config, path + ".breaker", breaker_fields(), provider.breaker);
    list_set(out, config, path + ".provider_breaker", breaker_fields(), provider.provider_breaker);
    list_set(out, config, path + ".cooldown", cooldown_fields(), provider.cooldown);
  }
  for (const RouteConfig& route : config.models) {
    const std::string path = "models." + route.name;
    out.push_back({path, show_targets(route), std::string(config.source_of(path))});
    list_set(out, config, path, route_fields(), route);
    list_timeouts(out, config, path + ".", route.timeouts, false);
    list_set(out, config, path + ".retries", retry_fields(), route.retries);
  }
  for (const AlertRuleConfig& rule : config.alerts.rules) {
    list_set(out, config, "alerts.rules." + rule.name, alert_rule_fields(), rule);
  }
  for (std::size_t i = 0; i < config.key_settings.size(); ++i) {
    list_set(out, config, "keys[" + std::to_string(i) + "]", key_fields(), config.key_settings[i]);
  }
  for (const ClientConfig& user : config.users) {
    list_set(out, config, "users." + user.name, client_fields(), user);
  }
  for (const ClientConfig& team : config.teams) {
    list_set(out, config, "teams." + team.name, team_fields(), team);
  }
  for (const ClientConfig& organisation : config.organisations) {
    list_set(out, config, "organisations." + organisation.name, organisation_fields(),
             organisation);
  }
  for (const auto& [section, names] :
       {std::pair("tiers.", &config.tiers), std::pair("tasks.", &config.tasks)}) {
    for (const auto& [name, target] : *names) {
      const std::string path = section + name;
      out.push_back({path, target, std::string(config.source_of(path))});
    }
  }
  return out;
}

std::string config_reference_markdown() {
  std::string out =
      "# Configuration reference\n\n"
      "Made from the program's own tables by `weir docs`; don't edit. The file is YAML or JSON. "
      "Durations are written with a unit (`250ms`, `30s`, `1h30m`), sizes too (`64MiB`), shares as "
      "`20%` or `0.2`. Any value may be `env:NAME`, a secret also `file:PATH`. Every setting of "
      "the first table and of `timeouts`, `retries`, `breaker` and `cooldown` can be given by an "
      "environment "
      "variable, "
      "which goes over the file; lists are separated by commas there.\n\n"
      "## The whole\n\n";
  append_table(out, root_fields(), Config{}, Columns::with_variable);
  append_timeouts(out);
  out +=
      "\n## Retries\n\nUnder `retries:`, for the whole, a provider or a route; or `retries: off`. "
      "By environment: `WEIR_RETRIES=off`, `WEIR_RETRIES_MAX_ATTEMPTS` and so on.\n\n";
  append_table(out, retry_fields(), in_force(RetrySettings{}), Columns::with_default);
  out +=
      "\n## Circuit breakers\n\nUnder `breaker:`, of each target, and under `provider_breaker:`, "
      "of a provider's endpoint, which counts only what concerns the way there; both for the whole "
      "or a provider. In the place of the map stands `off`, `on` or a preset. By environment: "
      "`WEIR_BREAKER=off`, `WEIR_BREAKER_PRESET`, `WEIR_PROVIDER_BREAKER_WINDOW` and so on.\n\n";
  append_table(out, breaker_fields(), in_force(BreakerSettings{}, policy::target_breaker()),
               Columns::with_default);
  out +=
      "\n## Cooldowns\n\nUnder `cooldown:`, for the whole or a provider: how long a target, or a "
      "key with all its models, is left alone after an error that says so. A wait that the "
      "provider names goes before. `cooldown: 5m` is short for `after_error`. By environment: "
      "`WEIR_COOLDOWN=5m`, `WEIR_COOLDOWN_RATE_LIMIT=5s,30s` and so on.\n\n";
  append_table(out, cooldown_fields(), in_force(CooldownSettings{}), Columns::with_default);
  out +=
      "\n## Providers\n\nUnder `providers.<name>:`; the name is what clients write before the "
      "slash. `type` is one of the [providers](providers.md) and may be left out where the name "
      "says it. Further: `headers` and `params` (maps: sent with each request, unless the client "
      "sets the parameter), `deployments` (Azure: model to deployment), `timeouts`, `retries`, "
      "`breaker`, `provider_breaker`, `cooldown`, `models`.\n\n";
  append_table(out, provider_fields(), ProviderConfig{}, Columns::plain);
  out +=
      "\n### Models of a provider\n\nUnder `providers.<name>.models.<id>:`, over what the catalog "
      "knows. Further: `price` (a map, dollars per million tokens: `input`, `output`, "
      "`cache_read`, `cache_write`, ...), `capabilities` (a list of what there is, or a map such "
      "as "
      "`{tools: on, vision: off}` that leaves the rest as it is known), `timeouts`, `limits` and "
      "`budget` of the model alone.\n\n";
  append_table(out, model_fields(), ModelOverride{}, Columns::plain);
  out +=
      "\n## Routes\n\nUnder `models.<name>:`, names that clients ask for; one `*` makes a "
      "wildcard, "
      "and a `*` in a target stands for the same text. `targets` is a list of routes, tiers, "
      "`provider/model` or model ids, each a text or `{target: ..., weight: ...}`. Further: "
      "`timeouts`, `retries`, `params`, `content_rules`.\n\n";
  append_table(out, route_fields(), RouteConfig{}, Columns::plain);
  out +=
      "\n## Content rules\n\n`content_rules:` is a list, for the whole or for a route, which has "
      "both; see [the guide](../guides/content-rules.md).\n\n";
  append_table(out, content_rule_fields(), ContentRuleText{}, Columns::plain);
  out +=
      "\n## Alerts\n\nUnder `alerts.rules.<name>:`, each with exactly one of the first six "
      "([how they work](../guides/health-and-alerts.md)).\n\n";
  append_table(out, alert_rule_fields(), AlertRuleConfig{}, Columns::plain);
  out +=
      "\n## Keys, users, teams and organisations\n\nAn entry of `keys` is a key, or a map of these "
      "settings; "
      "`users.<name>` and `teams.<name>` have `log_content`, `expose_target`, limits and budgets "
      "only; of a team, `organisation` says which it belongs to, and `organisations.<name>` has "
      "limits and budgets that hold for all its teams together.\n\n";
  append_table(out, key_fields(), ClientConfig{}, Columns::plain);
  out +=
      "\n## Limits and budgets\n\nUnder `limits:` and `budget:` of the whole, of a provider, "
      "one of its `api_keys`, a route, an entry of `keys`, a user, a team or an organisation, each "
      "by the "
      "names that the first table has "
      "for the whole. See [limits and budgets](../guides/limits-and-budgets.md).\n"
      "\n## Tiers and tasks\n\n`tiers:` and `tasks:` map a name to a route, a tier or a model. "
      "Routes, tiers and tasks share one set of names.\n";
  return out;
}

}  // namespace weir::config
