// SPDX-License-Identifier: Apache-2.0
#include "server/program.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "identity/credential.hpp"
#include "admin/config_difference.hpp"
#include "base/http_url.hpp"
#include "base/version.hpp"
#include "config/edits.hpp"
#include "config/limit_sets.hpp"
#include "config/values.hpp"
#include "engine/ledger_settings.hpp"
#include "engine/limit_entries.hpp"
#include "server/administration.hpp"
#include "server/callers.hpp"
#include "server/changes_file.hpp"
#include "server/content_keys.hpp"
#include "server/memory.hpp"

namespace weir::server {
namespace {

using config::Timeout;

net::ServerTimeouts server_timeouts(const config::Config& config) {
  const auto value = [&](Timeout id) { return config.timeouts.in_force(id, false); };
  net::ServerTimeouts timeouts;
  timeouts.tls_handshake = value(Timeout::client_tls_handshake);
  timeouts.headers = value(Timeout::client_headers);
  timeouts.body_idle = value(Timeout::client_body_idle);
  timeouts.body_total = value(Timeout::client_body_total);
  timeouts.keepalive_idle = value(Timeout::client_keepalive_idle);
  timeouts.write_stall = value(Timeout::client_write_stall);
  return timeouts;
}

net::ServerLimits server_limits(const config::Config& config) {
  net::ServerLimits limits;
  limits.head.request_line_bytes_max = static_cast<std::size_t>(config.limits.request_line.bytes);
  limits.head.field_bytes_max = static_cast<std::size_t>(config.limits.header_field.bytes);
  limits.head.fields_bytes_max = static_cast<std::size_t>(config.limits.header_bytes.bytes);
  limits.head.field_count_max = static_cast<std::size_t>(config.limits.header_count);
  limits.body_bytes_max = static_cast<std::size_t>(config.limits.body_bytes_max.bytes);
  limits.allows_half_close = config.allow_half_close;
  return limits;
}

std::uint64_t random_seed() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

/// Raises the soft limit of open files to the hard one and answers it.
std::int64_t raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  constexpr rlim_t files_max = 1 << 30;  // as good as none
  return static_cast<std::int64_t>(std::min(limit.rlim_cur, files_max));
}

shared_state::Occupancy::Limits occupancy_limits(const config::Limits& limits) {
  constexpr std::int64_t own_files = 256;
  constexpr std::int64_t connections_min = 128;
  // A client's connection may need one to an upstream.
  const std::int64_t by_files = std::max(connections_min, (raise_file_limit() - own_files) / 2);
  const std::int64_t memory = limits.memory.bytes > 0 ? limits.memory.bytes : memory_max();
  return {.connections_max = limits.max_connections > 0 ? limits.max_connections : by_files,
          .connections_per_address_max = limits.max_connections_per_ip,
          .calls_max = limits.max_inflight,
          .calls_per_key_max = limits.max_inflight_per_key,
          .memory_soft_bytes = memory / 1000 * limits.memory_soft.permille,
          .memory_hard_bytes = memory / 1000 * limits.memory_hard.permille};
}

Result<net::ListenAddress> listen_address(const std::string& text) {
  WEIR_TRY_ASSIGN(parsed, parse_host_port(text));
  return net::ListenAddress{parsed.host.empty() ? "0.0.0.0" : parsed.host, parsed.port};
}

/// Whoever reaches it is on this machine.
bool is_for_this_machine(const std::string& listen) {
  const auto address = listen_address(listen);
  return address && net::is_loopback(*address);
}

Error error_of(const config::Loaded& loaded) {
  Error error(ErrorCode::invalid_request, loaded.report());
  while (error.message.ends_with('\n')) error.message.pop_back();
  error.param = loaded.problems.front().path;
  return error;
}

config::DetectedModels detected_models(const std::vector<FoundServer>& servers) {
  config::DetectedModels models;
  for (const FoundServer& found : servers) {
    models.emplace(std::string(found.server.spec->name), found.models);
  }
  return models;
}

}  // namespace

Program::Program(Options options, config::Loaded loaded)
    : options_(std::move(options)),
      loaded_(std::move(loaded)),
      started_unix_ms_(wall_.unix_ms()),
      log_(loaded_.config.log),
      gate_({.seed = random_seed(),
             .on_transition =
                 [this](const shared_state::Transition& change) {
                   log_.warn("circuit", "a circuit breaker changed its state",
                             {{"name", change.name},
                              {"from", policy::name(change.from)},
                              {"to", policy::name(change.to)},
                              {"cause", policy::name(change.cause)}});
                   if (change.to == policy::CircuitBreaker::State::open) peers_.tell(change.name);
                 }}),
      limits_(wall_, {.on_budget =
                          [this](const shared_state::BudgetEvent& event) {
                            log_.warn("budget", "a budget has passed a mark",
                                      {{"scope", policy::name(event.owner.scope)},
                                       {"name", event.owner.name},
                                       {"period", policy::name(event.period)},
                                       {"percent", static_cast<std::int64_t>(event.permille) / 10},
                                       {"spent_nanousd", event.spent_nanousd},
                                       {"budget_nanousd", event.budget_nanousd}});
                          },
                      .closes_lines = [this] { return occupancy_.is_tight(); }}),
      data_directory_(
          config::data_directory(loaded_.config, options_.environment, options_.is_root)),
      responses_(
          {loaded_.config.responses.store,
           static_cast<std::size_t>(loaded_.config.responses.bytes_max.bytes), "responses.db"},
          data_directory_, [this] { return make_content_keys(); }, removal_teller("conversations")),
      idempotency_(
          loaded_.config.idempotency, data_directory_,
          loaded_.config.ledger.durability == config::Durability::power,
          [this] { return make_content_keys(); }, removal_teller("idempotent requests")),
      contents_(
          loaded_.config.content_log, data_directory_, [this] { return make_content_keys(); },
          removal_teller("logged content"), log_),
      occupancy_({.resident_bytes = resident_bytes,
                  .on_pressure = [this](std::int64_t resident) { relieve(resident); }}),
      shared_{snapshots_,
              occupancy_,
              nullptr,
              &background_,
              &log_,
              &responses_,
              nullptr,
              nullptr,
              data_directory_,
              [this](std::string provider, std::function<void()> on_known) {
                detection_.look_now(std::move(provider), std::move(on_known));
              }},
      context_{wall_, gate_, tls_, limits_, shared_, {}, {}, nullptr, Surface::client},
      detection_({wall_, gate_, tls_}, random_seed(),
                 [this](config::DetectedModels detected) { adopt(std::move(detected)); }),
      identity_(log_),
      peers_(log_,
             [this](std::string_view name) {
               if (!gate_.heed_peer(name, std::chrono::steady_clock::now())) return;
               log_.info("circuit_peer", "a circuit has opened in another gateway",
                         {{"name", name}});
             }),
      health_(wall_, gate_, log_),
      usage_(wall_, log_,
             {.place = {data_directory_, loaded_.config.ledger.store},
              .closes_while_down =
                  loaded_.config.ledger.on_store_failure == config::LedgerFailure::refuse,
              .on_backlog =
                  [this](std::uint64_t calls, ledger::Intake intake) {
                    ledger_->spool().set_backlog(calls, intake);
                  }}),
      detected_(detected_models(options_.local_servers)),
      files_(loaded_.files) {
  shared_.failovers = &failovers_;
  shared_.limits = &limits_;
  shared_.pulse = &pulse_;
  if (idempotency_.is_on()) shared_.idempotency = &idempotency_;
  shared_.contents = &contents_;
  health_.add_limits(
      [this] { return used_limits(limits_.status(std::chrono::steady_clock::now())); });
  for (const FoundServer& found : options_.local_servers) {
    options_.load.local_servers.push_back(found.server);
  }
}

Program::~Program() { join(); }

// ---- start ----------------------------------------------------------------------------------

Result<> Program::start() {
  const config::Config& config = loaded_.config;
  const std::size_t threads = config.threads > 0
                                  ? static_cast<std::size_t>(config.threads)
                                  : std::max(1U, std::thread::hardware_concurrency());
  set_limits(config);
  if (!config.tls.cert.empty()) {
    WEIR_TRY_ASSIGN(tls, net::make_tls_server_context(config.tls.cert, config.tls.key));
    context_.listener_tls = tls;
  }
  ledger_ = make_ledger(config.ledger);
  for (std::size_t i = 0; i < threads; ++i) {
    ledger::LaneJournal& journal = ledger_->add_thread(random_seed());
    workers_.push_back(std::make_unique<Worker>(context_, random_seed(), journal));
  }
  WEIR_TRY(open_data_directory(config));
  idempotency_.start(instance_.folder());
  WEIR_TRY(ledger_->start());
  WEIR_TRY(open_listeners(config));
  WEIR_TRY(make_keys(config));
  // What is detected meanwhile waits until there is something to change.
  const std::lock_guard lock(change_mutex_);
  WEIR_TRY_ASSIGN(first, make_snapshot(config));
  WEIR_TRY(follow_content_log(config, {}));
  publish(first);
  restore_limits();
  begin_day();
  health_.start(instance_.folder());
  if (!instance_.folder().empty()) usage_.start();
  if (config.reuse_port && directory_ != nullptr) {
    identity_.start(*directory_);
    if (config.share_breakers) peers_.start(data_directory_, instance_.folder());
  }
  log_.info("start", "weir starts",
            {{"version", version()},
             {"pid", static_cast<std::int64_t>(::getpid())},
             {"threads", static_cast<std::int64_t>(threads)},
             {"providers", static_cast<std::int64_t>(first->config().providers.size())}});
  log_.info("listening", "clients",
            {{"host", client_address_.host}, {"port", client_address_.port}});
  if (admin_address_) {
    log_.info("listening", "administration",
              {{"host", admin_address_->host}, {"port", admin_address_->port}});
  }
  for (auto& worker : workers_) worker->start();
  return {};
}

void Program::set_limits(const config::Config& config) {
  context_.timeouts = server_timeouts(config);
  context_.limits = server_limits(config);
  context_.limits.bodies = &occupancy_;
  if (config.admin_listen == "same") context_.client_surface = Surface::both;
  context_.shares_port = config.reuse_port;
}

identity::MasterKeySource Program::master_key_source() const {
  const auto text = [&](const char* name) {
    return std::string(options_.environment.get(name).value_or(""));
  };
  return {text("WEIR_MASTER_KEY"), text("WEIR_MASTER_KEY_FILE"), text("WEIR_MASTER_KEY_COMMAND")};
}

Result<> Program::open_data_directory(const config::Config& config) {
  auto instance = store::Instance::open(data_directory_, config.reuse_port);
  if (instance) {
    instance_ = *std::move(instance);
    // Without the keys that were given out nobody can be told from anybody.
    WEIR_TRY_ASSIGN(directory, identity::Directory::open(data_directory_, master_key_source()));
    options_.environment.forget("WEIR_MASTER_KEY");
    directory_ = std::move(directory);
    WEIR_TRY(follow_settings());
    shared_.directory = directory_.get();
  } else if (instance.error().code == ErrorCode::invalid_request) {
    return instance.error();
  } else {
    // A gateway that can keep nothing still serves.
    log_.warn("data_dir", "the data directory can't be used",
              {{"reason", instance.error().message}});
  }
  return {};
}

std::unique_ptr<ledger::Ledger> Program::make_ledger(const config::LedgerSettings& settings) {
  ledger::Ledger::Options options = engine::ledger_options(settings, wall_);
  options.spool.on_problem = [this](const Error& error) {
    log_.error("ledger", "the ledger can't be kept as it should", {{"reason", error.message}});
  };
  options.spool.on_recovered = [this](const ledger::Recovered& found) {
    if (found.streams == 0) return;
    log_.warn("ledger_recovered", "an earlier process ended without a word",
              {{"unknown_calls", static_cast<std::int64_t>(found.unknown_calls)},
               {"damaged_segments", static_cast<std::int64_t>(found.damaged_segments)},
               {"records_missing", static_cast<std::int64_t>(found.records_missing)}});
  };
  options.spool.on_removal = [this](std::size_t segments, std::int64_t closed_ms) -> Result<> {
    const std::string what = R"({"segments":)" + std::to_string(segments) + R"(,"closed_ms":)" +
                             std::to_string(closed_ms) + "}";
    WEIR_TRY(write_down({{}, "ledger.expire", "ledger"}, what, {}));
    tell_removed("segments of the ledger", segments);
    return {};
  };
  return std::make_unique<ledger::Ledger>(store::system_spool_files(), data_directory_,
                                          std::move(options));
}

Result<std::unique_ptr<store::DataKeys>> Program::make_content_keys() {
  if (directory_ == nullptr) {
    return Error(ErrorCode::store_unavailable, "there is no data directory to keep it in");
  }
  return std::unique_ptr<store::DataKeys>(
      std::make_unique<ContentKeys>(*directory_, data_directory_));
}

/// Of keys, users and teams that were given out.
Result<> Program::follow_settings() {
  const auto listen = [this](identity::Holder holder, const std::string& name,
                             const identity::Settings& settings) {
    using identity::Holder;
    const auto scope = holder == Holder::key    ? policy::LimitScope::key
                       : holder == Holder::user ? policy::LimitScope::user
                                                : policy::LimitScope::team;
    take_limits({scope, name}, settings);
    take_content_log({scope, name}, settings.log_content);
  };
  return directory_->follow_settings(listen);
}

void Program::take_limits(const policy::LimitOwner& owner, const identity::Settings& settings) {
  const auto set = config::read_limit_set(settings.limits, settings.budgets);
  if (set) return limits_.set(owner, *set, std::chrono::steady_clock::now());
  log_.error("limits", set.error().message, {{"name", owner.name}, {"param", set.error().param}});
}

void Program::take_content_log(const policy::LimitOwner& owner, const std::string& kept) {
  std::chrono::milliseconds time{0};
  const auto mismatch = kept.empty() ? std::nullopt : config::read_value(kept, time, {});
  if (mismatch) log_.error("log_content", "expected " + *mismatch, {{"name", owner.name}});
  contents_.tenants().set(owner, time);
}

/// In force with the snapshot that comes next.
Result<> Program::follow_content_log(const config::Config& config,
                                     std::optional<identity::Actor> actor) {
  if (directory_ == nullptr) return {};  // there is no place to keep any
  return contents_.configure(config, [&](std::string before, std::string after) {
    return write_down({std::move(actor), "content_log.set", "configuration"}, std::move(before),
                      std::move(after));
  });
}

/// What was spent before the start goes on to count. The ledger is the record of it; its sums are
/// brought up to date first, which is little unless somebody took them away.
void Program::restore_limits() {
  if (instance_.folder().empty() || !limits_.has_windows()) return;
  Result<> restored = usage_.catch_up();
  if (restored) restored = restore_used();
  if (!restored && !loaded_.config.ledger.store.empty()) {
    // What others have spent that share the store is not known then.
    log_.warn("limits", "what was spent before the start is added up from this ledger alone",
              {{"reason", restored.error().message}});
    restored = usage_.catch_up_alone();
    if (restored) restored = restore_used();
  }
  if (restored) return;
  log_.error("limits", "what was spent before the start is not known",
             {{"reason", restored.error().message}});
}

Result<> Program::restore_used() {
  return engine::restore_limits(
      limits_, [this](const std::vector<std::string>& windows) { return usage_.used(windows); });
}

/// The probe comes first: SO_REUSEPORT would let us share the port with a forgotten old process.
Result<> Program::open_listeners(const config::Config& config) {
  WEIR_TRY_ASSIGN(client, listen_address(config.listen));
  client_address_ = client;
  if (!config.reuse_port || client_address_.port == 0) WEIR_TRY(net::probe(client_address_));
  if (config.admin_listen == "same") {
    admin_address_ = client_address_;
  } else if (config.admin_listen != "off") {
    WEIR_TRY_ASSIGN(admin, listen_address(config.admin_listen));
    admin_address_ = admin;
    if (!config.reuse_port || admin_address_->port == 0) WEIR_TRY(net::probe(*admin_address_));
    WEIR_TRY(workers_.front()->listen(*admin_address_, Surface::admin));
  }
  for (auto& worker : workers_) {
    WEIR_TRY(worker->listen(client_address_, context_.client_surface));
  }
  return {};
}

Result<> Program::make_keys(const config::Config& config) {
  if (config.keys.empty() && !is_for_this_machine(config.listen)) {
    WEIR_TRY_ASSIGN(key, identity::read_or_create_secret(data_directory_ + "/client-key",
                                                         identity::make_client_key));
    client_key_ = key.text;
    if (key.is_new) new_client_key_ = key.text;
  }
  if (!admin_address_) return {};
  const auto token =
      identity::read_or_create_secret(data_directory_ + "/admin-token", identity::make_admin_token);
  if (token) {
    admin_token_ = token->text;
  } else {
    // A gateway that can't be changed at run time still serves.
    log_.warn("admin_token", "there is no admin token, so nothing can be changed at run time",
              {{"reason", token.error().message}});
  }
  admin_ = std::make_unique<Administration>(*this, directory_.get(), admin_token_,
                                            net::is_loopback(*admin_address_));
  shared_.admin = admin_.get();
  return {};
}

// ---- configuration --------------------------------------------------------------------------

Result<std::shared_ptr<const engine::Snapshot>> Program::make_snapshot(config::Config config) {
  if (config.keys.empty() && !client_key_.empty()) config.keys.emplace_back(client_key_);
  WEIR_TRY(open_secrets(config));
  std::vector<config::Problem> problems;
  auto resolver = config::Resolver::make(std::make_shared<const config::Config>(std::move(config)),
                                         detected_, problems);
  if (!resolver) {
    WEIR_ASSERT(!problems.empty());
    return Error(ErrorCode::invalid_request, problems.front().message(), problems.front().path);
  }
  const auto previous = snapshot();
  WEIR_TRY_ASSIGN(made, engine::Snapshot::make(std::move(resolver), options_.environment, gate_,
                                               previous.get()));
  // A large one takes milliseconds to be taken apart, and the last to hold it is most often a loop.
  return background_.lent(std::move(made));
}

/// Puts what is kept sealed in the place of `secret:NAME`.
Result<> Program::open_secrets(config::Config& config) {
  constexpr std::string_view prefix = "secret:";
  for (config::ProviderConfig& provider : config.providers) {
    for (config::Secret& key : provider.api_keys) {
      if (!key.reveal().starts_with(prefix)) continue;
      auto text = directory_ == nullptr
                      ? Error(ErrorCode::store_unavailable, "the data directory can't be used")
                      : directory_->secret(key.reveal().substr(prefix.size()));
      if (!text) {
        return Error(ErrorCode::invalid_request, text.error().message,
                     "providers." + provider.name + ".api_key");
      }
      key = config::Secret(*std::move(text));
    }
  }
  return {};
}

void Program::publish(const std::shared_ptr<const engine::Snapshot>& snapshot) {
  forget_secrets(snapshot->config());
  occupancy_.set_limits(occupancy_limits(snapshot->config().limits));
  const auto name_of_key = [](const config::Secret& key) { return public_id(key.reveal()); };
  limits_.set_budget_status(static_cast<int>(snapshot->config().budget_status));
  limits_.set_line_length(snapshot->config().limits.queue_length);
  limits_.set_default_output_reservation(snapshot->config().limits.default_output_reservation);
  limits_.configure(engine::limit_entries(snapshot->config(), name_of_key),
                    std::chrono::steady_clock::now());
  snapshots_.set(snapshot);
  for (auto& worker : workers_) worker->look_at_snapshot();
  std::set<std::string, std::less<>> providers;
  for (const auto& upstream : snapshot->upstreams()) providers.insert(upstream->name);
  gate_.keep_only(providers);
  detection_.set_snapshot(snapshot);
  health_.set_snapshot(snapshot);
  usage_.set_snapshot(snapshot);
}

/// Gives the system back what the allocator keeps of the memory that was let go.
void Program::relieve(std::int64_t resident) {
  log_.warn("memory", "memory is above its soft limit", {{"resident_bytes", resident}});
  background_.submit([] { ::malloc_trim(0); });
}

/// Tells the log what it must never write.
void Program::forget_secrets(const config::Config& config) {
  std::vector<std::string> secrets{client_key_, admin_token_};
  const auto add = [&](const config::Secret& secret) { secrets.emplace_back(secret.reveal()); };
  for (const config::Secret& key : config.keys) add(key);
  add(config.alerts.webhook_secret);
  for (const config::ProviderConfig& provider : config.providers) {
    for (const config::Secret& key : provider.api_keys) add(key);
    for (const auto& [name, value] : provider.headers) add(value);
  }
  log_.set_secrets(std::move(secrets));
}

Result<> Program::write_down(const Deed& deed) { return write_down(deed, {}, {}); }

Result<> Program::write_down(const Deed& deed, std::string before, std::string after) {
  if (directory_ == nullptr) {
    if (!deed.actor) return {};  // who can signal the process can do worse
    return Error(ErrorCode::store_unavailable, "there is no audit log to write the change down");
  }
  const identity::Actor actor = deed.actor.value_or(identity::Actor{"process"});
  return directory_->record(actor, {deed.action, deed.object, std::move(before), std::move(after)},
                            wall_.unix_ms());
}

Result<> Program::apply(std::vector<config::Edit> edits, const Deed& deed) {
  config::LoadOptions load = options_.load;
  load.edits = std::move(edits);
  config::Loaded loaded = config::load(load, options_.environment);
  if (!loaded.ok()) return error_of(loaded);
  // A file that is gone must not turn into a gateway with other providers.
  if (loaded.files.empty() && !files_.empty()) {
    return Error(ErrorCode::invalid_request, files_.front() + ": there is no such file any more");
  }
  WEIR_TRY_ASSIGN(made, make_snapshot(std::move(loaded.config)));
  admin::ConfigDifference change = admin::difference(snapshot()->config(), made->config());
  WEIR_TRY(write_down(deed, std::move(change.before), std::move(change.after)));
  WEIR_TRY(follow_content_log(made->config(), deed.actor));
  warn_of_restart(made->config());
  publish(made);
  detection_.look_again();
  // A provider that comes back may be another one.
  std::erase_if(detected_, [&](const auto& entry) {
    return !made->config().find_provider(entry.first).has_value();
  });
  options_.load.edits = std::move(load.edits);
  files_ = std::move(loaded.files);
  return {};
}

/// Providers told of other models than before.
void Program::adopt(config::DetectedModels detected) {
  const std::lock_guard lock(change_mutex_);
  std::swap(detected_, detected);
  const auto made = make_snapshot(snapshot()->config());
  if (!made) {
    // A route names a model that is listed nowhere any more: what was known goes on to count.
    log_.warn("detection", made.error().message);
    std::swap(detected_, detected);
    return;
  }
  publish(*made);
  for (const auto& [name, list] : detected_) {
    const auto before = detected.find(name);
    if (before != detected.end() && *before->second == *list) continue;
    log_.info("detection", "a provider told its models",
              {{"provider", name}, {"models", static_cast<std::int64_t>(list->models().size())}});
  }
}

Result<> Program::reload(const Deed& deed) {
  const std::lock_guard lock(change_mutex_);
  const auto done = apply(options_.load.edits, deed);
  if (!done) {
    log_.error("reload_failed", "the configuration was not changed");
    std::string_view rest = done.error().message;
    while (!rest.empty()) {
      const std::string_view problem = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), problem.size() + 1));
      log_.error("reload_failed", problem);
    }
    return done.error();
  }
  log_.info("reload", "the configuration was read again",
            {{"providers", static_cast<std::int64_t>(snapshot()->config().providers.size())}});
  return {};
}

Result<> Program::discard_changes(const Deed& deed) {
  const std::lock_guard lock(change_mutex_);
  return apply({}, deed);
}

Result<> Program::change(config::Edit edit, const Deed& deed) {
  const std::lock_guard lock(change_mutex_);
  std::vector<config::Edit> edits = options_.load.edits;
  WEIR_TRY(config::add_edit(edits, std::move(edit)));
  return apply(std::move(edits), deed);
}

std::size_t Program::unsaved_changes() const {
  const std::lock_guard lock(change_mutex_);
  return options_.load.edits.size();
}

void Program::warn_of_restart(const config::Config& next) {
  const auto warn = [&](std::string_view setting, bool is_changed) {
    if (!is_changed) return;
    log_.warn("restart_needed", "a setting takes effect at the next start", {{"setting", setting}});
  };
  const config::Config& now = loaded_.config;
  warn("listen", next.listen != now.listen);
  warn("admin.listen", next.admin_listen != now.admin_listen);
  warn("threads", next.threads != now.threads);
  warn("reuse_port", next.reuse_port != now.reuse_port);
  warn("share_breakers", next.share_breakers != now.share_breakers);
  warn("allow_half_close", next.allow_half_close != now.allow_half_close);
  warn("data_dir", next.data_dir != now.data_dir);
  warn("ledger.store", next.ledger.store != now.ledger.store);
  warn("responses", next.responses.store != now.responses.store ||
                        next.responses.bytes_max != now.responses.bytes_max);
  warn("idempotency", next.idempotency.store != now.idempotency.store ||
                          next.idempotency.bytes_max != now.idempotency.bytes_max);
  warn("content_log.bytes_max", next.content_log.bytes_max != now.content_log.bytes_max);
  warn("tls", next.tls.cert != now.tls.cert || next.tls.key != now.tls.key);
  const net::ServerLimits old_limits = server_limits(now);
  const net::ServerLimits new_limits = server_limits(next);
  warn("limits", new_limits.head.request_line_bytes_max != old_limits.head.request_line_bytes_max ||
                     new_limits.head.field_bytes_max != old_limits.head.field_bytes_max ||
                     new_limits.head.fields_bytes_max != old_limits.head.fields_bytes_max ||
                     new_limits.head.field_count_max != old_limits.head.field_count_max ||
                     new_limits.body_bytes_max != old_limits.body_bytes_max);
  warn("log", next.log.level != now.log.level || next.log.format != now.log.format ||
                  next.log.redact != now.log.redact);
}

Result<std::string> Program::save_changes(const Deed& deed) {
  const std::lock_guard lock(change_mutex_);
  if (options_.load.edits.empty() && !files_.empty()) return files_.front();
  WEIR_TRY(write_down(deed));
  const std::shared_ptr<const engine::Snapshot> in_force = snapshot();
  WEIR_TRY_ASSIGN(written, write_changes({options_.load, options_.environment, options_.is_root,
                                          files_, in_force->config()}));
  // What was laid over the files is in them now. Reading them must give the same, and says where
  // from.
  WEIR_TRY(apply({}, {deed.actor, "config.reload", written}));
  return written;
}

// ---- the end --------------------------------------------------------------------------------

void Program::announce_drain() {
  log_.info("drain", "going to stop");
  for (auto& worker : workers_) worker->announce_drain();
}

void Program::drain() {
  for (auto& worker : workers_) worker->drain();
}

void Program::stop() {
  for (auto& worker : workers_) worker->stop();
}

void Program::join() {
  for (auto& worker : workers_) worker->join();
  if (ledger_) ledger_->stop();
  detection_.stop();
  detection_.join();
  health_.stop();
  health_.join();
  // After the ledger: what was written last is added up, too.
  usage_.stop();
  usage_.join();
  identity_.stop();
  peers_.stop();
  if (directory_ != nullptr) {
    static_cast<void>(directory_->check_point(wall_.unix_ms(), true));  // the next start signs it
  }
}

// ---- what there is to tell ------------------------------------------------------------------

admin::ProcessFacts Program::process_facts() const {
  admin::ProcessFacts facts;
  facts.start_unix_ms = started_unix_ms_;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    facts.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  facts.resident_bytes = resident_bytes();
  facts.connections = occupancy_.connections();
  facts.calls = occupancy_.calls();
  facts.body_bytes = occupancy_.body_bytes();
  facts.calls_shed = occupancy_.refused();
  facts.reservations_open = limits_.open_reservations();
  facts.reservations_leaked = limits_.leaked();
  if (ledger_) facts.ledger = &ledger_->spool().figures();
  facts.is_usage_store_down = usage_.is_down();
  return facts;
}

void Program::begin_day() {
  const auto now = snapshot();
  const std::lock_guard lock(day_mutex_);
  day_.advance(wall_.unix_ms(), now->upstreams());
  responses_.remove_expired(wall_.unix_ms());
  idempotency_.remove_expired(wall_.unix_ms());
  contents_.archive().remove_expired(wall_.unix_ms());
  if (directory_ == nullptr) return;
  background_.submit([this, kept = now->config().retention] { remove_old_identities(kept); });
}

void Program::tell_removed(std::string_view what, std::size_t count) {
  log_.info("retention", "removed what was over",
            {{"what", what}, {"count", static_cast<std::int64_t>(count)}});
}

/// `what` is a constant.
std::function<void(std::size_t)> Program::removal_teller(std::string_view what) {
  return [this, what](std::size_t count) { tell_removed(what, count); };
}

/// May wait for the disk.
void Program::remove_old_identities(const config::RetentionSettings& kept) {
  const std::int64_t now = wall_.unix_ms();
  const auto remove = [&](std::string_view what, std::chrono::milliseconds age, auto how) {
    if (age == std::chrono::milliseconds::zero()) return;
    const auto removed = (*directory_.*how)(now - age.count(), now);
    if (!removed) {
      log_.error("retention", "what is over could not be removed",
                 {{"what", what}, {"reason", removed.error().message}});
    } else if (*removed > 0) {
      tell_removed(what, *removed);
    }
  };
  remove("keys", kept.keys, &identity::Directory::remove_ended_keys);
  remove("audit records", kept.audit, &identity::Directory::remove_old_records);
}

bool Program::detect_provider(std::string_view name) {
  if (!detection_.looks().contains(name)) return false;
  detection_.look_now(std::string(name), {});
  return true;
}

bool Program::set_circuit(std::string_view name, policy::CircuitBreaker::State order) {
  using State = policy::CircuitBreaker::State;
  const auto now = std::chrono::steady_clock::now();
  if (order == State::forced_open) return gate_.force_open(name, now);
  if (order == State::disabled) return gate_.disable(name, now);
  return gate_.reset(name, now);
}

Result<std::string> Program::explain(const engine::ExplainAsk& ask) {
  SeededRandom random(random_seed());
  return engine::explain_request(*snapshot(), gate_, &limits_, ask, random, wall_.unix_ms());
}

bool Program::reset_provider(std::string_view name) {
  snapshot()->forget_refused(name);
  return gate_.reset(name, std::chrono::steady_clock::now());
}

}  // namespace weir::server
