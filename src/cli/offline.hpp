// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"
#include "config/environment.hpp"
#include "engine/snapshot.hpp"
#include "shared_state/gate.hpp"

namespace weir::cli {

/// Errors: `invalid_request` where none was ever written there.
Result<> find_ledger(const std::string& data_directory);

/// The configuration as a gateway would see it, without one: names are resolved and origins known,
/// nothing is connected.
class Offline {
 public:
  /// Errors: as for a snapshot.
  Result<> open(config::Config config, const config::Environment& environment);

  /// Precondition: `open` succeeded.
  [[nodiscard]] const engine::Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] std::shared_ptr<const engine::Snapshot> shared_snapshot() const {
    return snapshot_;
  }
  [[nodiscard]] const config::Resolver& resolver() const { return snapshot_->resolver(); }
  [[nodiscard]] const config::Config& config() const { return snapshot_->config(); }

 private:
  shared_state::Gate gate_{{}};
  std::shared_ptr<const engine::Snapshot> snapshot_;
};

}  // namespace weir::cli
