// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "config/secret.hpp"
#include "usage/store.hpp"

namespace weir::server {

/// Whose sums, and where they are kept.
struct UsagePlace {
  std::string data_directory;  ///< of the ledger
  config::Secret postgres{};   ///< URL; empty: a file in the data directory

  [[nodiscard]] bool is_remote() const { return !postgres.empty(); }
  bool operator==(const UsagePlace&) const = default;
};

/// Errors: `store_unavailable`.
Result<std::unique_ptr<usage::Store>> open_usage_store(const UsagePlace& place);

/// The same, to look something up: makes nothing where nothing is. Null: there is nothing.
Result<std::unique_ptr<usage::Store>> find_usage_store(const UsagePlace& place);

}  // namespace weir::server
