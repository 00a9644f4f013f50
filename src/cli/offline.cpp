// SPDX-License-Identifier: Apache-2.0
#include "cli/offline.hpp"

namespace weir::cli {

Result<> Offline::open(config::Config config, const config::Environment& environment) {
  WEIR_TRY_ASSIGN(made, engine::Snapshot::make(std::move(config), environment, gate_, nullptr));
  snapshot_ = made;
  return {};
}

}  // namespace weir::cli
