// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"
#include "identity/directory.hpp"
#include "server/health_watch.hpp"
#include "server/idempotency.hpp"
#include "server/response_archive.hpp"

namespace weir::server {

/// What the gateway keeps of one person: shown as a whole, or erased (J-3). What is under way
/// meanwhile is neither. May wait for a disk.
class PersonalData {
 public:
  /// All references outlive this.
  PersonalData(identity::Directory& directory, ResponseArchive& responses, Idempotency& idempotency,
               ResponseArchive& contents, HealthWatch& health)
      : directory_(directory),
        responses_(responses),
        idempotency_(idempotency),
        contents_(contents),
        health_(health) {}

  /// JSON. Errors: `store_unavailable`; `too_large` for more than one answer can hold.
  Result<std::string> exported(const identity::Actor& actor, const std::string& user,
                               const config::Config& config, std::int64_t now_ms);
  /// What was removed, as JSON. Errors: `store_unavailable`; to be asked again then.
  Result<std::string> erase(const identity::Actor& actor, const std::string& user,
                            const config::Config& config, std::int64_t now_ms);

 private:
  identity::Directory& directory_;
  ResponseArchive& responses_;
  Idempotency& idempotency_;
  ResponseArchive& contents_;
  HealthWatch& health_;
};

}  // namespace weir::server
