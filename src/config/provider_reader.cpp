// SPDX-License-Identifier: Apache-2.0
#include "config/provider_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "base/http_url.hpp"
#include "config/document_reader.hpp"
#include "config/price_reader.hpp"
#include "config/values.hpp"

namespace weir::config {
namespace {

using providers::find_provider;
using providers::ProviderSpec;

// ---- parts of an entry ----------------------------------------------------------------------

bool is_provider_name(std::string_view name) {
  constexpr std::size_t bytes_max = 64;
  return !name.empty() && name.size() <= bytes_max &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return ascii::is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

/// A header that the operator may set: a token, and none that frames the message.
bool is_settable_header(std::string_view name) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  for (const std::string_view framing :
       {"host", "content-length", "transfer-encoding", "connection", "upgrade"}) {
    if (ascii::equals_ignoring_case(name, framing)) return false;
  }
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return ascii::is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

void read_headers(const Node& node, const std::string& path, SectionReader& reader,
                  ProviderConfig& provider) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    auto text = reader.text_of(member.value, full, true);
    if (!text) continue;
    Secret value;
    if (!is_settable_header(member.key)) {
      reader.problem(member.value.place(), full, "is no header that can be set");
    } else if (const Mismatch mismatch = read_value(*text, value, {})) {
      reader.problem(member.value.place(), full, "must be " + *mismatch);
    } else {
      provider.headers.emplace_back(member.key, std::move(value));
    }
  }
}

void read_deployments(const Node& node, const std::string& path, SectionReader& reader,
                      ProviderConfig& provider) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    auto text = reader.text_of(member.value, path + "." + member.key);
    if (text) provider.deployments.insert_or_assign(member.key, std::move(*text));
  }
}

/// The capability called `name`; nothing, with a problem, when there is none.
std::optional<providers::Capability> read_capability(const Node& node, const std::string& path,
                                                     std::string_view name, SectionReader& reader) {
  const auto capability = providers::parse_capability(name);
  if (capability) return capability;
  NearestNames nearest(name, 1);
  for (const auto& row : providers::capability_names) nearest.offer(row.name);
  const auto names = std::move(nearest).take();
  reader.problem(node.place(), path,
                 "unknown capability '" + std::string(name) + "'" +
                     (names.empty() ? "" : " (did you mean " + names.front() + "?)"));
  return std::nullopt;
}

/// A list says what is there and that the rest is not; a map of yes and no says just that.
void read_capabilities(const Node& node, const std::string& path, SectionReader& reader,
                       ModelOverride& model) {
  if (node.kind == Node::Kind::list) {
    providers::StatedCapabilities listed;
    for (const Node& item : node.items) {
      const auto capability = read_capability(item, path, item.text, reader);
      if (capability) listed.say(*capability, true);
    }
    // Whoever lists what a chat can do need not say that it is one.
    const bool is_for_chats = !has(listed.yes, providers::Capability::embeddings);
    if (is_for_chats && listed.yes != 0) listed.say(providers::Capability::chat, true);
    model.capabilities = providers::stated_by_list(listed.yes);
    return;
  }
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const std::string full = path + "." + member.key;
    const auto capability = read_capability(member.value, path, member.key, reader);
    const auto text = capability ? reader.text_of(member.value, full) : std::nullopt;
    if (!text) continue;
    bool is_there = false;
    if (const Mismatch mismatch = read_value(*text, is_there, {})) {
      reader.problem(member.value.place(), full, "must be " + *mismatch);
      continue;
    }
    model.capabilities.say(*capability, is_there);
  }
}

void read_models(const Node& node, const std::string& path, SectionReader& reader,
                 ProviderConfig& provider) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    ModelOverride model;
    model.id = member.key;
    const auto price = [&](const Node& value, const std::string& at) {
      read_prices(value, at, reader, model.prices);
    };
    const auto capabilities = [&](const Node& value, const std::string& at) {
      read_capabilities(value, at, reader, model);
    };
    const auto timeouts = [&](const Node& value, const std::string& at) {
      reader.read_timeouts(value, at, TimeoutScope::model, model.timeouts);
    };
    reader.read(member.value, path + "." + member.key, model_fields(), model,
                {{"price", price}, {"capabilities", capabilities}, {"timeouts", timeouts}});
    provider.models.push_back(std::move(model));
  }
  std::sort(provider.models.begin(), provider.models.end(),
            [](const ModelOverride& a, const ModelOverride& b) { return a.id < b.id; });
}

// ---- completing an entry --------------------------------------------------------------------

/// The first of `names` that the environment holds.
struct Variable {
  std::string_view name;
  std::string_view value;
};
std::optional<Variable> first_of(const providers::Names& names, const Environment& environment) {
  for (const std::string_view name : names) {
    if (const auto value = environment.get(name)) return Variable{name, *value};
  }
  return std::nullopt;
}

std::string source_of(const Variable& variable) { return "env " + std::string(variable.name); }

bool needs_own_address(const ProviderSpec& spec) {
  return spec.base_url.empty() || spec.base_url.find('{') != std::string_view::npos;
}

const ProviderSpec* row_of_dialect(wire::Dialect dialect) {
  switch (dialect) {
    case wire::Dialect::openai_chat:
      return find_provider(providers::custom_provider);
    case wire::Dialect::openai_responses:
      return find_provider("openai");
    case wire::Dialect::anthropic:
      return find_provider("anthropic");
    case wire::Dialect::gemini:
      return find_provider("gemini");
    case wire::Dialect::ollama:
      return find_provider("ollama");
  }
  return nullptr;
}

/// Completes one entry; `path` is where its problems are reported.
class ProviderCompletion {
 public:
  ProviderCompletion(SectionReader& reader, const Config& config, std::string path,
                     ProviderConfig& provider)
      : reader_(reader),
        environment_(reader.environment()),
        config_(config),
        path_(std::move(path)),
        provider_(provider) {}

  /// False, with a problem, when there is no such type; the rest then has nothing to go by.
  bool find_type(std::string_view type) {
    const bool is_free_form = type.empty() && !provider_.base_url.empty();
    const std::string_view wanted = type.empty() ? std::string_view(provider_.name) : type;
    provider_.spec = find_provider(wanted);
    if (provider_.spec) return true;
    provider_.spec = find_provider(providers::custom_provider);
    provider_.api = provider_.spec;
    if (is_free_form) return true;
    NearestNames nearest(wanted, 1);
    for (const ProviderSpec& spec : providers::provider_specs()) nearest.offer(spec.name);
    const auto names = std::move(nearest).take();
    std::string text = "unknown provider type '" + std::string(wanted) + "'";
    text += names.empty() ? "; say `type:`, for example custom"
                          : " (did you mean " + names.front() + "?)";
    reader_.problem_at(type.empty() ? path_ : path_ + ".type", std::move(text));
    return false;
  }

  void apply_row(bool has_dialect, bool has_local) {
    const ProviderSpec& spec = *provider_.spec;
    if (!has_dialect) provider_.dialect = spec.dialect;
    if (!has_local) provider_.local = spec.is_local;
    const bool row_can =
        provider_.dialect == spec.dialect ||
        (provider_.dialect == wire::Dialect::openai_responses && !spec.responses_path.empty());
    provider_.api = row_can ? &spec : row_of_dialect(provider_.dialect);
  }

  /// A key is sent only to the address it was meant for: where an entry writes its own address, no
  /// key from the environment is used, and where it writes its own key, no address, unless the type
  /// has none of its own.
  void take_environment() {
    const ProviderSpec& spec = *provider_.spec;
    const bool has_key = !provider_.api_keys.empty();
    if (!provider_.base_url.empty()) return;
    if (!has_key || needs_own_address(spec)) take_address();
    if (!has_key) take_key();
    take_text(spec.organization_env, "organization", provider_.organization);
    take_text(spec.project_env, "project", provider_.project);
    if (provider_.deployments.empty()) {
      take_text(spec.deployment_env, "deployment", provider_.deployment);
    }
    take_text(spec.api_version_env, "api_version", provider_.api_version);
  }

  void normalize_address(bool says_private) {
    const bool is_written = !provider_.base_url.empty();
    if (!is_written && provider_.mock) return;
    if (!is_written && needs_own_address(*provider_.spec)) {
      if (provider_.spec->name != providers::mock_provider) {
        reader_.problem_at(path_, "needs base_url" + alternatives(provider_.spec->url_env));
      }
      return;
    }
    const std::string_view text =
        is_written ? std::string_view(provider_.base_url) : provider_.spec->base_url;
    auto url = providers::normalize_base_url(*provider_.api, text, provider_.api_version);
    if (!url) {
      reader_.problem_at(path_ + ".base_url", url.error().message);
      return;
    }
    if (is_own_address(config_, *url)) {
      reader_.problem_at(path_ + ".base_url", *url + " is Weir's own address");
    }
    provider_.base_url = std::move(*url);
    provider_.address_is_operators = !says_private || provider_.allow_private;
  }

  void check_key() {
    const bool is_told =
        reader_.has_problem_at(path_ + ".api_key") || reader_.has_problem_at(path_ + ".api_keys");
    if (is_told || !needs_key() || !provider_.api_keys.empty()) return;
    reader_.problem_at(path_, "needs api_key" + alternatives(provider_.spec->key_env));
  }

  void check_rest() {
    if (!is_provider_name(provider_.name)) {
      reader_.problem_at(path_, "a provider's name is made of letters, digits, - _ and .");
    }
    const std::string_view proxy = provider_.proxy.reveal();
    if (!proxy.empty() && proxy != "none" && !parse_http_url(without_login(proxy))) {
      reader_.problem_at(path_ + ".proxy", "must be the URL of a proxy, or none");
    }
  }

 private:
  /// A server at an address of the operator's own may do without.
  [[nodiscard]] bool needs_key() const {
    const bool is_optional = provider_.api->auth == providers::Auth::none ||
                             provider_.api->auth == providers::Auth::optional_bearer;
    // Azure has no address but the operator's own, so that it tells nothing there.
    const bool is_always_written = provider_.spec->base_url.find('{') != std::string_view::npos;
    const bool has_written_address =
        config_.source_of(path_ + ".base_url") != "default" && !is_always_written;
    return provider_.enabled && !provider_.mock && !is_optional && !has_written_address;
  }

  static std::string alternatives(const providers::Names& names) {
    return names.empty() ? std::string()
                         : ", or " + std::string(*names.begin()) + " in the environment";
  }

  /// The first address that is not our own: users set these variables to reach us.
  void take_address() {
    for (const std::string_view name : provider_.spec->url_env) {
      const auto value = environment_.get(name);
      if (!value) continue;
      const auto url = providers::normalize_base_url(*provider_.api, *value);
      if (url && is_own_address(config_, *url)) continue;
      provider_.base_url = *value;
      reader_.note_source(path_ + ".base_url", "env " + std::string(name));
      return;
    }
  }

  void take_key() {
    const auto key = first_of(provider_.spec->key_env, environment_);
    if (!key) return;
    Secret secret;
    if (const Mismatch mismatch = read_value(key->value, secret, {})) {
      reader_.problem(source_of(*key), path_ + ".api_key", "must be " + *mismatch);
      return;
    }
    provider_.api_keys.push_back(std::move(secret));
    reader_.note_source(path_ + ".api_key", source_of(*key));
  }

  void take_text(const providers::Names& names, std::string_view key, std::string& out) {
    const auto variable = out.empty() ? first_of(names, environment_) : std::nullopt;
    if (!variable) return;
    out = variable->value;
    reader_.note_source(path_ + "." + std::string(key), source_of(*variable));
  }

  SectionReader& reader_;
  const Environment& environment_;
  const Config& config_;
  std::string path_;
  ProviderConfig& provider_;
};

void complete(SectionReader& reader, const Config& config, const std::string& path,
              std::string_view type, ProviderConfig& provider) {
  const auto is_set = [&](const char* key) {
    return config.source_of(path + "." + key) != "default";
  };
  ProviderCompletion completion(reader, config, path, provider);
  if (!completion.find_type(type)) return;
  completion.apply_row(is_set("dialect"), is_set("local"));
  completion.take_environment();
  completion.check_key();
  completion.normalize_address(is_set("allow_private"));
  completion.check_rest();
}

}  // namespace

void read_params(const Node& node, const std::string& path, SectionReader& reader,
                 std::vector<DefaultParam>& out) {
  if (!reader.expect_map(node, path)) return;
  for (const Member& member : node.members) {
    const bool is_ours = member.key == "model" || member.key == "messages" ||
                         member.key == "stream" || member.key == "input";
    if (is_ours) {
      reader.problem(member.value.place(), path + "." + member.key,
                     "is not a setting that can have a default");
      continue;
    }
    out.push_back({member.key, to_json(member.value)});
  }
}

namespace {

/// A provider is chosen after the route; one above its soft mark is no reason to leave it.
constexpr const char* no_route_to_leave = "a provider's budget has no route to leave";

/// Reads the entries of `api_keys` that say more than the key, and leaves the keys alone behind.
void read_key_settings(Node& keys, const std::string& path, SectionReader& reader,
                       ProviderConfig& provider) {
  for (std::size_t i = 0; i < keys.items.size(); ++i) {
    Node& item = keys.items[i];
    if (item.kind != Node::Kind::map) continue;
    const std::string full = path + "[" + std::to_string(i) + "]";
    ProviderKeyConfig& key = provider.key_settings.emplace_back();
    key.place = i;
    reader.read(item, full, provider_key_fields(), key);
    const Node* text = item.find("key");
    if (text == nullptr) reader.problem(item.place(), full, "needs a key");
    if (!key.budget.downgrade.empty()) {
      reader.problem_at(full + ".budget.downgrade", no_route_to_leave);
    }
    item = text == nullptr ? Node{} : Node(*text);
  }
  std::erase_if(keys.items, [](const Node& item) { return item.kind == Node::Kind::null; });
}

/// The entry with a plain list of keys.
Node with_plain_keys(Node entry, const std::string& path, SectionReader& reader,
                     ProviderConfig& provider) {
  for (Member& member : entry.members) {
    if (member.key == "api_keys") {
      read_key_settings(member.value, path + ".api_keys", reader, provider);
    }
  }
  return entry;
}

}  // namespace

ProviderConfig read_provider(const Member& member, const std::string& path, SectionReader& reader,
                             const Config& config) {
  ProviderConfig provider;
  provider.name = member.key;
  std::string type;
  const auto read_type = [&](const Node& node, const std::string& at) {
    type = reader.text_of(node, at).value_or("");
  };
  const auto headers = [&](const Node& node, const std::string& at) {
    read_headers(node, at, reader, provider);
  };
  const auto params = [&](const Node& node, const std::string& at) {
    read_params(node, at, reader, provider.params);
  };
  const auto deployments = [&](const Node& node, const std::string& at) {
    read_deployments(node, at, reader, provider);
  };
  const auto models = [&](const Node& node, const std::string& at) {
    read_models(node, at, reader, provider);
  };
  const auto timeouts = [&](const Node& node, const std::string& at) {
    reader.read_timeouts(node, at, TimeoutScope::provider_and_route, provider.timeouts);
  };
  const auto retries = [&](const Node& node, const std::string& at) {
    reader.read_retries(node, at, provider.retries);
  };
  const auto breaker = [&](const Node& node, const std::string& at) {
    reader.read_breaker(node, at, provider.breaker);
  };
  const auto provider_breaker = [&](const Node& node, const std::string& at) {
    reader.read_breaker(node, at, provider.provider_breaker);
  };
  const auto cooldown = [&](const Node& node, const std::string& at) {
    reader.read_cooldown(node, at, provider.cooldown);
  };
  const Node entry = with_plain_keys(member.value, path, reader, provider);
  reader.read(entry, path, provider_fields(), provider,
              {{"type", read_type},
               {"headers", headers},
               {"params", params},
               {"deployments", deployments},
               {"models", models},
               {"timeouts", timeouts},
               {"retries", retries},
               {"breaker", breaker},
               {"provider_breaker", provider_breaker},
               {"cooldown", cooldown}});
  complete(reader, config, path, type, provider);
  if (!provider.budget.downgrade.empty()) {
    reader.problem_at(path + ".budget.downgrade", no_route_to_leave);
  }
  return provider;
}

void add_environment_providers(SectionReader& reader, Config& config,
                               std::vector<std::string>& notes) {
  const Environment& environment = reader.environment();
  for (const ProviderSpec* spec : providers::providers_in_order(false)) {
    const bool is_there = std::any_of(
        config.providers.begin(), config.providers.end(),
        [&](const auto& provider) { return provider.spec == spec || provider.name == spec->name; });
    if (is_there) continue;
    const bool has_key = first_of(spec->key_env, environment).has_value();
    const bool has_address = first_of(spec->url_env, environment).has_value();
    const bool is_wanted = spec->is_local ? has_address : has_key;
    if (!is_wanted) continue;
    if (needs_own_address(*spec) && !has_address) {
      notes.push_back(std::string(spec->name) +
                      " is left out: " + std::string(*spec->key_env.begin()) + " is set, but not " +
                      std::string(*spec->url_env.begin()));
      continue;
    }
    ProviderConfig provider;
    provider.name = spec->name;
    const std::string path = "providers." + provider.name;
    complete(reader, config, path, spec->name, provider);
    const bool is_ourselves = spec->is_local && config.source_of(path + ".base_url") == "default";
    if (!is_ourselves) config.providers.push_back(std::move(provider));
  }
}

void add_mock_provider(Config& config) {
  if (config.find_provider(providers::mock_provider)) return;
  ProviderConfig mock;
  mock.name = providers::mock_provider;
  mock.spec = find_provider(providers::mock_provider);
  mock.api = mock.spec;
  mock.dialect = mock.spec->dialect;
  mock.mock = true;
  mock.local = true;
  config.providers.push_back(std::move(mock));
}

}  // namespace weir::config
