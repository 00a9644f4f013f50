// SPDX-License-Identifier: Apache-2.0
#include "config/document_reader.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "config/content_rules.hpp"
#include "base/ascii.hpp"
#include "base/http_url.hpp"
#include "base/ip_range.hpp"
#include "base/money.hpp"
#include "config/provider_reader.hpp"

namespace weir::config {
namespace {

constexpr std::size_t name_bytes_max = 200;

/// Route, tier and task names are free, but for what would break a header or a log line.
bool is_client_name(std::string_view name) {
  if (name.empty() || name.size() > name_bytes_max) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

std::optional<TargetRef> read_target(const Node& node, const std::string& path,
                                     SectionReader& reader) {
  TargetRef ref;
  if (node.kind == Node::Kind::scalar) {
    ref.target = node.text;
    return ref;
  }
  static constexpr std::int64_t weight_max = 1'000'000;
  struct Weighted {
    std::string target;
    std::int64_t weight = 1;
  };
  static constexpr std::array fields{
      field<&Weighted::target>("target", "Where to send requests"),
      field<&Weighted::weight>("weight", "Its share under `weighted`", {0, weight_max}),
  };
  Weighted weighted;
  reader.read(node, path, std::span<const Field<Weighted>>(fields), weighted);
  if (weighted.target.empty()) {
    reader.problem(node.place(), path, "needs a target");
    return std::nullopt;
  }
  return TargetRef{std::move(weighted.target), weighted.weight};
}

void read_targets(const Node& node, const std::string& path, SectionReader& reader,
                  RouteConfig& route) {
  const std::span<const Node> nodes =
      node.kind == Node::Kind::list ? std::span(node.items) : std::span(&node, 1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string full = path + "[" + std::to_string(i) + "]";
    reader.note_source(full, nodes[i].place());
    if (auto target = read_target(nodes[i], full, reader)) {
      route.targets.push_back(std::move(*target));
    }
  }
}

RouteConfig read_route(const Member& member, const std::string& path, SectionReader& reader) {
  RouteConfig route;
  route.name = member.key;
  const auto targets = [&](const Node& node, const std::string& at) {
    read_targets(node, at, reader, route);
  };
  // `smart: openai/gpt-5` is short for a route with one target.
  if (member.value.kind != Node::Kind::map) {
    targets(member.value, path + ".targets");
  } else {
    const auto timeouts = [&](const Node& node, const std::string& at) {
      reader.read_timeouts(node, at, TimeoutScope::provider_and_route, route.timeouts);
    };
    const auto retries = [&](const Node& node, const std::string& at) {
      reader.read_retries(node, at, route.retries);
    };
    const auto params = [&](const Node& node, const std::string& at) {
      read_params(node, at, reader, route.params);
    };
    const auto content_rules = [&](const Node& node, const std::string& at) {
      read_content_rules(node, at, reader, route.content_rules);
    };
    reader.read(member.value, path, route_fields(), route,
                {{"targets", targets},
                 {"timeouts", timeouts},
                 {"retries", retries},
                 {"params", params},
                 {"content_rules", content_rules}});
  }
  const RetrySettings& retries = route.retries;
  if (retries.retry_budget_ratio || retries.retry_budget_floor || retries.retry_budget_window) {
    reader.problem_at(path + ".retries",
                      "the retry budget is a provider's: set it there or for the whole");
  }
  if (route.targets.empty()) reader.problem(member.value.place(), path, "has no targets");
  if (!is_client_name(route.name) || std::count(route.name.begin(), route.name.end(), '*') > 1) {
    reader.problem(member.value.place(), path,
                   "a route's name is up to 200 bytes without blanks and with at most one *");
  }
  return route;
}

void read_routes(const Node& node, const std::string& path, SectionReader& reader, Config& config) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    reader.note_source(full, member.value.place());
    config.models.push_back(read_route(member, full, reader));
  }
}

/// `tiers:` and `tasks:`, maps from a name to a name.
void read_names(const Node& node, const std::string& path, SectionReader& reader,
                std::vector<std::pair<std::string, std::string>>& out) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    const auto text = reader.text_of(member.value, full);
    if (!text) continue;
    if (!is_client_name(member.key) || !is_client_name(*text)) {
      reader.problem(member.value.place(), full, "names are up to 200 bytes without blanks");
      continue;
    }
    reader.note_source(full, member.value.place());
    out.emplace_back(member.key, *text);
  }
}

/// What one rule is about.
std::size_t condition_count(const AlertRuleConfig& rule) {
  const bool conditions[] = {rule.error_rate.has_value(),    rule.latency.has_value(),
                             rule.first_content.has_value(), rule.circuit_open.value_or(false),
                             rule.limit_used.has_value(),    !rule.spend.empty()};
  return static_cast<std::size_t>(std::count(std::begin(conditions), std::end(conditions), true));
}

void read_alert_rules(const Node& node, const std::string& path, SectionReader& reader,
                      AlertSettings& alerts) {
  if (!reader.expect_map(node, path)) return;
  static constexpr std::array windows{"1m", "5m", "1h", "24h"};
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    AlertRuleConfig rule;
    rule.name = member.key;
    reader.note_source(full, member.value.place());
    reader.read(member.value, full, alert_rule_fields(), rule);
    const auto problem = [&](const std::string& at, std::string text) {
      reader.problem(member.value.place(), at, std::move(text));
    };
    if (!is_client_name(rule.name)) problem(full, "a name is up to 200 bytes without blanks");
    if (condition_count(rule) != 1) {
      problem(full,
              "needs exactly one of error_rate, latency, first_content, circuit_open, "
              "limit_used and spend");
    }
    if (std::find(windows.begin(), windows.end(), rule.window) == windows.end()) {
      problem(full + ".window", "must be 1m, 5m, 1h or 24h");
    }
    const auto dollars = rule.spend.empty() ? NanoUsd(1) : parse_usd(rule.spend);
    if (!dollars || *dollars <= NanoUsd(0)) {
      problem(full + ".spend", "must be dollars above 0, such as 50 or 0.25");
    }
    alerts.rules.push_back(std::move(rule));
  }
}

void read_breaker_variables(const std::string& path, SectionReader& reader, BreakerSettings& out) {
  for (const Field<BreakerSettings>& row : breaker_fields()) {
    reader.read_variable(path + "." + std::string(row.path), row, out);
  }
  static constexpr auto switch_row = field<&BreakerSettings::enabled>("breaker", "");
  reader.read_variable(environment_name(path), path + ".enabled", switch_row, out);
}

void read_environment_settings(SectionReader& reader, Config& config) {
  for (const Field<Config>& row : root_fields()) {
    reader.read_variable(std::string(row.path), row, config);
  }
  for (const Field<RetrySettings>& row : retry_fields()) {
    reader.read_variable("retries." + std::string(row.path), row, config.retries);
  }
  static constexpr auto switch_row = field<&RetrySettings::enabled>("retries", "");
  reader.read_variable("WEIR_RETRIES", "retries.enabled", switch_row, config.retries);
  read_breaker_variables("breaker", reader, config.breaker);
  read_breaker_variables("provider_breaker", reader, config.provider_breaker);
  for (const Field<CooldownSettings>& row : cooldown_fields()) {
    reader.read_variable("cooldown." + std::string(row.path), row, config.cooldown);
  }
  reader.read_variable("WEIR_COOLDOWN", "cooldown.after_error", cooldown_fields().front(),
                       config.cooldown);
  reader.read_timeout_variables(config.timeouts);
}

/// `users:`, `teams:` and `organisations:`, maps from a name to what `fields` say of it.
void read_clients(const Node& node, const std::string& path, SectionReader& reader,
                  std::span<const Field<ClientConfig>> fields, std::vector<ClientConfig>& out) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    ClientConfig& client = out.emplace_back();
    client.name = member.key;
    reader.note_source(full, member.value.place());
    reader.read(member.value, full, fields, client);
    const std::string& owner = client.organisation;
    if (!is_client_name(client.name) || !(owner.empty() || is_client_name(owner))) {
      reader.problem(member.value.place(), full, "names are up to 200 bytes without blanks");
    }
  }
}

/// Reads the entries of `keys` that say more than the key, and leaves the keys alone behind.
void read_key_settings(Node& keys, SectionReader& reader, Config& config) {
  for (std::size_t i = 0; i < keys.items.size(); ++i) {
    Node& item = keys.items[i];
    if (item.kind != Node::Kind::map) continue;
    const std::string path = "keys[" + std::to_string(i) + "]";
    ClientConfig& client = config.key_settings.emplace_back();
    reader.read(item, path, key_fields(), client);
    const Node* key = item.find("key");
    if (key == nullptr) reader.problem(item.place(), path, "needs a key");
    for (const std::string* name : {&client.user, &client.team}) {
      if (name->empty() || is_client_name(*name)) continue;
      reader.problem(item.place(), path, "names are up to 200 bytes without blanks");
    }
    item = key == nullptr ? Node{} : Node(*key);
  }
  std::erase_if(keys.items, [](const Node& item) { return item.kind == Node::Kind::null; });
}

/// The document with a plain list of keys.
Node with_plain_keys(Node root, SectionReader& reader, Config& config) {
  for (Member& member : root.members) {
    if (member.key == "keys") read_key_settings(member.value, reader, config);
  }
  return root;
}

void check_zone(SectionReader& reader, const std::string& path, const std::string& zone) {
  if (zone.empty()) return;
  if (const auto made = policy::Calendar::make(policy::Period::day, zone); !made) {
    reader.problem_at(path + ".time_zone", made.error().message);
  }
}

template <class Section>
void check_zones(SectionReader& reader, const std::string& path, const Section& section) {
  check_zone(reader, path + "limits", section.limits.time_zone);
  check_zone(reader, path + "budget", section.budget.time_zone);
}

void check_all_zones(SectionReader& reader, const Config& config) {
  check_zone(reader, "limits", config.rates.time_zone);
  check_zone(reader, "budget", config.budget.time_zone);
  for (const auto& route : config.models) {
    check_zones(reader, "models." + route.name + ".", route);
  }
  for (const auto& provider : config.providers) {
    check_zones(reader, "providers." + provider.name + ".", provider);
    for (const ProviderKeyConfig& key : provider.key_settings) {
      const std::string place = "api_keys[" + std::to_string(key.place) + "].";
      check_zones(reader, "providers." + provider.name + "." + place, key);
    }
    for (const ModelOverride& model : provider.models) {
      check_zones(reader, "providers." + provider.name + ".models." + model.id + ".", model);
    }
  }
  for (const auto& user : config.users) check_zones(reader, "users." + user.name + ".", user);
  for (const auto& team : config.teams) check_zones(reader, "teams." + team.name + ".", team);
  for (const auto& organisation : config.organisations) {
    check_zones(reader, "organisations." + organisation.name + ".", organisation);
  }
  for (std::size_t i = 0; i < config.key_settings.size(); ++i) {
    check_zones(reader, "keys[" + std::to_string(i) + "].", config.key_settings[i]);
  }
}

void check_listeners(SectionReader& reader, const Config& config) {
  const auto clients = parse_host_port(config.listen);
  if (!clients) reader.problem_at("listen", "must be host:port, such as 127.0.0.1:9347");
  if (config.admin_listen == "same" || config.admin_listen == "off") return;
  const auto admin = parse_host_port(config.admin_listen);
  if (!admin) return reader.problem_at("admin.listen", "must be host:port, same or off");
  // Since workers share ports, two listeners on one would each get connections by chance.
  const bool has_one_port = clients && clients->port == admin->port && admin->port != 0;
  if (has_one_port && (clients->host == admin->host || clients->is_any() || admin->is_any())) {
    reader.problem_at("admin.listen",
                      "is where clients are served: write `same` to have both there");
  }
}

/// Also refuses what a reader of URLs would take apart differently than it was meant, so that a
/// piece of a password never passes for the name of a host.
void check_ledger_store(SectionReader& reader, std::string_view url) {
  if (url.empty()) return;
  const auto fail = [&reader](std::string problem) {
    reader.problem_at("ledger.store", std::move(problem));
  };
  if (!url.starts_with("postgres://") && !url.starts_with("postgresql://")) {
    return fail("must begin with postgres:// or postgresql://");
  }
  url.remove_prefix(url.find("//") + 2);
  const auto at = url.find_last_of('@');
  if (at != std::string_view::npos && url.substr(0, at).find_first_of("@/?#") != url.npos) {
    return fail("must have @, /, ? and # of the password as %40, %2F, %3F and %23");
  }
  if (url.find("password=") != url.npos) fail("must have the password before the host");
}

/// What no single field can tell.
void check_whole(SectionReader& reader, const Config& config) {
  if (config.budget_status != 402 && config.budget_status != 429) {
    reader.problem_at("budget_status", "must be 402 or 429");
  }
  check_listeners(reader, config);
  if (config.tls.cert.empty() != config.tls.key.empty()) {
    reader.problem_at("tls", "needs both cert and key");
  }
  check_ledger_store(reader, config.ledger.store.reveal());
  if (config.hedging.delay_min > config.hedging.delay_max) {
    reader.problem_at("hedging.delay_min", "must not be above hedging.delay_max");
  }
  if (config.limits.memory_soft > config.limits.memory_hard) {
    reader.problem_at("limits.memory_soft", "must not be above limits.memory_hard");
  }
  const std::string& webhook = config.alerts.webhook_url;
  const bool is_url = parse_http_url(webhook.substr(0, webhook.find('?'))).has_value();
  if (!webhook.empty() && !is_url) {
    reader.problem_at("alerts.webhook.url", "must be an http or https URL");
  }
  constexpr std::size_t secret_bytes_min = 16;
  if (!webhook.empty() && config.alerts.webhook_secret.reveal().size() < secret_bytes_min) {
    reader.problem_at("alerts.webhook.secret", "must have at least 16 bytes");
  }
  for (const std::string& proxy : config.trusted_proxies) {
    if (!parse_ip_range(proxy)) {
      reader.problem_at("trusted_proxies", "must be addresses or blocks, such as 10.0.0.0/8");
    }
  }
  for (const std::string& origin : config.cors_origins) {
    if (origin == "*" && !config.keys.empty()) {
      reader.problem_at("cors_origins", "must name the origins: * is not allowed with keys");
    }
  }
}

}  // namespace

void read_document(const Node& document, SectionReader& reader, Config& config) {
  const Node root = with_plain_keys(document, reader, config);
  std::vector<std::pair<const Member*, std::string>> provider_entries;
  const auto providers = [&](const Node& node, const std::string& path) {
    if (!reader.expect_map(node, path)) return;
    for (const Member& member : node.members) {
      provider_entries.emplace_back(&member, path + "." + member.key);
    }
  };
  const auto routes = [&](const Node& node, const std::string& path) {
    read_routes(node, path, reader, config);
  };
  const auto tiers = [&](const Node& node, const std::string& path) {
    read_names(node, path, reader, config.tiers);
  };
  const auto tasks = [&](const Node& node, const std::string& path) {
    read_names(node, path, reader, config.tasks);
  };
  const auto users = [&](const Node& node, const std::string& path) {
    read_clients(node, path, reader, client_fields(), config.users);
  };
  const auto teams = [&](const Node& node, const std::string& path) {
    read_clients(node, path, reader, team_fields(), config.teams);
  };
  const auto organisations = [&](const Node& node, const std::string& path) {
    read_clients(node, path, reader, organisation_fields(), config.organisations);
  };
  const auto timeouts = [&](const Node& node, const std::string& path) {
    reader.read_timeouts(node, path, TimeoutScope::server, config.timeouts);
  };
  const auto retries = [&](const Node& node, const std::string& path) {
    reader.read_retries(node, path, config.retries);
  };
  const auto breaker = [&](const Node& node, const std::string& path) {
    reader.read_breaker(node, path, config.breaker);
  };
  const auto provider_breaker = [&](const Node& node, const std::string& path) {
    reader.read_breaker(node, path, config.provider_breaker);
  };
  const auto cooldown = [&](const Node& node, const std::string& path) {
    reader.read_cooldown(node, path, config.cooldown);
  };
  const auto content_rules = [&](const Node& node, const std::string& path) {
    read_content_rules(node, path, reader, config.content_rules);
  };
  const auto alert_rules = [&](const Node& node, const std::string& path) {
    read_alert_rules(node, path, reader, config.alerts);
  };
  reader.read(root, "", root_fields(), config,
              {{"providers", providers},
               {"alerts.rules", alert_rules},
               {"models", routes},
               {"tiers", tiers},
               {"tasks", tasks},
               {"users", users},
               {"teams", teams},
               {"organisations", organisations},
               {"timeouts", timeouts},
               {"retries", retries},
               {"breaker", breaker},
               {"provider_breaker", provider_breaker},
               {"cooldown", cooldown},
               {"content_rules", content_rules}});
  read_environment_settings(reader, config);
  check_whole(reader, config);
  // Providers come last: whether an address is our own depends on where we listen.
  for (const auto& [member, path] : provider_entries) {
    reader.note_source(path, member->value.place());
    config.providers.push_back(read_provider(*member, path, reader, config));
  }
  check_all_zones(reader, config);
}

}  // namespace weir::config
