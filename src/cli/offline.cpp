// SPDX-License-Identifier: Apache-2.0
#include "cli/offline.hpp"

#include "ledger/segment.hpp"
#include "store/files.hpp"

namespace weir::cli {

Result<> find_ledger(const std::string& data_directory) {
  if (store::exists(ledger::folder_of(data_directory))) return {};
  return Error(ErrorCode::invalid_request, "there is no ledger in " + data_directory);
}

Result<> Offline::open(config::Config config, const config::Environment& environment) {
  WEIR_TRY_ASSIGN(made, engine::Snapshot::make(std::move(config), environment, gate_, nullptr));
  snapshot_ = made;
  return {};
}

}  // namespace weir::cli
