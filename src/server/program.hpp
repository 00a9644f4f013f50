// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/views.hpp"
#include "config/loader.hpp"
#include "identity/directory.hpp"
#include "engine/detection.hpp"
#include "engine/explanation.hpp"
#include "ledger/ledger.hpp"
#include "server/background.hpp"
#include "server/content_log.hpp"
#include "server/health_watch.hpp"
#include "server/idempotency.hpp"
#include "server/circuit_peers.hpp"
#include "server/identity_watch.hpp"
#include "server/usage_watch.hpp"
#include "server/local_servers.hpp"
#include "server/log.hpp"
#include "server/worker.hpp"
#include "shared_state/failovers.hpp"
#include "shared_state/gate.hpp"
#include "shared_state/limits.hpp"
#include "shared_state/occupancy.hpp"
#include "store/instance.hpp"

namespace weir::server {

class Administration;

/// The running gateway: configuration in, threads and listeners out.
///
/// Everything that changes the configuration reads files and changes anew, checks the whole, and
/// publishes a snapshot; on any problem nothing changes. All of it may be called from any thread
/// once `start` has succeeded.
class Program {
 public:
  struct Options {
    config::LoadOptions load;
    config::Environment environment;
    std::vector<FoundServer> local_servers;
    bool is_root = false;
  };

  /// Precondition: `loaded.ok()`.
  Program(Options options, config::Loaded loaded);
  ~Program();

  /// Opens the listeners and starts the threads. Errors: an address or a data directory in use, a
  /// file that can't be read or made.
  Result<> start();

  // ---- configuration

  /// Who changes something, and how the audit log calls it.
  struct Deed {
    std::optional<identity::Actor> actor;  ///< nothing: whoever has a hold of the process
    std::string_view action;
    std::string object = {};
  };

  // What can't be written down does not happen.

  /// Reads the files again; changes made at run time stay on top.
  Result<> reload(const Deed& deed);
  /// The same without them.
  Result<> discard_changes(const Deed& deed);
  /// Lays one more change over the files.
  Result<> change(config::Edit edit, const Deed& deed);
  /// What changes no configuration.
  Result<> write_down(const Deed& deed);
  /// Writes each change into the file that its entry stands in, new ones into the first; without
  /// any a file is made. The answer is their names. Errors also: an entry that several files have a
  /// part of.
  Result<std::string> save_changes(const Deed& deed);
  [[nodiscard]] std::size_t unsaved_changes() const;

  // ---- the end

  /// /readyz says no from now on; everything else goes on.
  void announce_drain();
  /// Takes no new work; threads end as theirs does.
  void drain();
  /// Ends what is left.
  void stop();
  /// Waits until all threads have ended.
  void join();

  // ---- what there is to tell

  [[nodiscard]] std::shared_ptr<const engine::Snapshot> snapshot() const {
    return snapshots_.get();
  }
  /// Calls `look` with this moment of `snapshot`.
  template <class Look>
  auto look_at(const engine::Snapshot& snapshot, Look look) {
    const std::lock_guard lock(day_mutex_);
    day_.advance(wall_.unix_ms(), snapshot.upstreams());
    const auto now = std::chrono::steady_clock::now();
    return look(admin::Moment{snapshot.resolver(), snapshot.upstreams(), gate_.status(now), day_,
                              snapshot.refused(), detection_.looks(), failovers_.list(),
                              failovers_.degradations(), detection_.probed(),
                              limits_.provider_status(now)});
  }
  [[nodiscard]] admin::ProcessFacts process_facts() const;
  [[nodiscard]] const shared_state::Limits& limits() const { return limits_; }
  /// To be called at midnight (UTC), so that figures of the day begin there, and what is over goes
  /// (J-4).
  void begin_day();
  /// Closes the provider's breakers and ends its cooldowns. False: there is no such provider.
  bool reset_provider(std::string_view name);
  /// Sets the breaker of a provider or of `provider/model`: closed, forced open or disabled; the
  /// last two hold until they are taken back, also over a restart (B-8). False: there is no such
  /// provider.
  bool set_circuit(std::string_view name, policy::CircuitBreaker::State order);
  /// Where a request would go now; see `engine::explain_request`.
  Result<std::string> explain(const engine::ExplainAsk& ask);
  /// Asks the provider for its models now; the answer shows in `look_at`. False: it is not one that
  /// is asked.
  bool detect_provider(std::string_view name);

  /// Addresses as they really are, with ports filled in.
  [[nodiscard]] const net::ListenAddress& client_address() const { return client_address_; }
  /// Nothing: there is no administration. May be the clients' own.
  [[nodiscard]] const std::optional<net::ListenAddress>& admin_address() const {
    return admin_address_;
  }
  [[nodiscard]] const std::string& data_directory() const { return data_directory_; }
  /// The client key that this start made, to be shown once; empty otherwise.
  [[nodiscard]] const std::string& new_client_key() const { return new_client_key_; }
  [[nodiscard]] Log& log() { return log_; }
  [[nodiscard]] HealthWatch& health() { return health_; }
  [[nodiscard]] UsageWatch& usage() { return usage_; }
  [[nodiscard]] ResponseArchive& responses() { return responses_; }
  [[nodiscard]] Idempotency& idempotency() { return idempotency_; }
  [[nodiscard]] ContentLog& contents() { return contents_; }
  [[nodiscard]] const pipeline::WallClock& wall() const { return wall_; }
  [[nodiscard]] const shared_state::Failovers& failovers() const { return failovers_; }

 private:
  Result<> make_keys(const config::Config& config);
  Result<> open_data_directory(const config::Config& config);
  [[nodiscard]] std::unique_ptr<ledger::Ledger> make_ledger(const config::LedgerSettings& settings);
  Result<> follow_settings();
  void take_limits(const policy::LimitOwner& owner, const identity::Settings& settings);
  void take_content_log(const policy::LimitOwner& owner, const std::string& kept);
  Result<> follow_content_log(const config::Config& config, std::optional<identity::Actor> actor);
  void restore_limits();
  Result<> restore_used();
  Result<> open_listeners(const config::Config& config);
  void set_limits(const config::Config& config);
  Result<std::shared_ptr<const engine::Snapshot>> make_snapshot(config::Config config);
  Result<> open_secrets(config::Config& config);
  [[nodiscard]] identity::MasterKeySource master_key_source() const;
  void publish(const std::shared_ptr<const engine::Snapshot>& snapshot);
  Result<> apply(std::vector<config::Edit> edits, const Deed& deed);
  Result<> write_down(const Deed& deed, std::string before, std::string after);
  void adopt(config::DetectedModels detected);
  void warn_of_restart(const config::Config& next);
  void forget_secrets(const config::Config& config);
  Result<std::unique_ptr<store::DataKeys>> make_content_keys();
  void relieve(std::int64_t resident);
  void tell_removed(std::string_view what, std::size_t count);
  [[nodiscard]] std::function<void(std::size_t)> removal_teller(std::string_view what);
  void remove_old_identities(const config::RetentionSettings& kept);

  Options options_;
  config::Loaded loaded_;
  engine::SystemClock wall_;
  std::int64_t started_unix_ms_;
  Log log_;
  shared_state::Gate gate_;
  shared_state::Limits limits_;
  net::TlsClientContexts tls_;
  std::string data_directory_;
  store::Instance instance_;
  std::string client_key_;  ///< of a listener for everyone that has no other; empty: none needed
  std::string new_client_key_;
  std::string admin_token_;
  std::unique_ptr<identity::Directory> directory_;  ///< null: there is no place to keep one
  std::unique_ptr<Administration> admin_;
  Background background_;
  engine::CurrentSnapshot snapshots_;
  ResponseArchive responses_;
  Idempotency idempotency_;
  ContentLog contents_;
  shared_state::Occupancy occupancy_;
  shared_state::Failovers failovers_;
  Pulse pulse_;
  Shared shared_;
  WorkerContext context_;
  engine::Detection detection_;
  IdentityWatch identity_;
  CircuitPeers peers_;
  HealthWatch health_;
  UsageWatch usage_;
  net::ListenAddress client_address_;
  std::optional<net::ListenAddress> admin_address_;

  mutable std::mutex change_mutex_;  ///< held while the configuration is changed
  config::DetectedModels detected_;  ///< what providers told, as the snapshot in force has it
  std::vector<std::string> files_;   ///< that the configuration in force was read from
  std::mutex day_mutex_;
  admin::DayStart day_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace weir::server
