// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/loader.hpp"
#include "server/admin.hpp"
#include "server/worker.hpp"
#include "shared_state/gate.hpp"

namespace weir::server {

/// The running gateway: configuration in, threads and listeners out.
class Program {
 public:
  struct Options {
    config::LoadOptions load;
    config::Environment environment;
  };

  Program(Options options, config::Loaded loaded);
  ~Program();

  /// Opens the listeners and starts the threads. Errors: an address in use, a file that can't be
  /// read.
  Result<> start();
  /// Reads the configuration again; on any problem nothing changes. For any thread.
  Result<> reload();
  /// Takes no new work and waits up to `drain_timeout` for what runs.
  void drain();
  /// Ends what is left.
  void stop();
  /// Waits until all threads have ended.
  void join();

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  /// Addresses as they really are, with ports filled in.
  [[nodiscard]] const net::ListenAddress& client_address() const { return client_address_; }
  [[nodiscard]] const net::ListenAddress& admin_address() const { return admin_address_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  Result<std::shared_ptr<const Snapshot>> make_snapshot(config::Config config);
  void publish(std::shared_ptr<const Snapshot> snapshot);

  Options options_;
  config::Loaded loaded_;
  std::vector<std::string> notes_;
  engine::SystemClock wall_;
  shared_state::Gate gate_;
  net::TlsClientContexts tls_;
  std::unique_ptr<Admin> admin_;
  Shared shared_;
  WorkerContext context_;
  net::ListenAddress client_address_;
  net::ListenAddress admin_address_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace weir::server
