// SPDX-License-Identifier: Apache-2.0
#include "server/usage_store.hpp"

#include "identity/credential.hpp"
#include "store/files.hpp"
#include "usage/postgres_store.hpp"
#include "usage/sqlite_store.hpp"

namespace weir::server {
namespace {

std::string sums_file(const UsagePlace& place) { return place.data_directory + "/usage.db"; }

/// Where the ledger's own name stands, by which a database of several tells them apart.
std::string id_file(const UsagePlace& place) { return place.data_directory + "/ledger-id"; }

std::string make_ledger_id(const identity::KeyEntropy& entropy) {
  constexpr std::size_t chars = 26;  // 130 bits
  return identity::make_admin_token(entropy).substr(0, chars);
}

}  // namespace

Result<std::unique_ptr<usage::Store>> open_usage_store(const UsagePlace& place) {
  if (!place.is_remote()) return usage::SqliteStore::open(sums_file(place));
  WEIR_TRY_ASSIGN(id, identity::read_or_create_secret(id_file(place), make_ledger_id));
  return usage::PostgresStore::open(std::string(place.postgres.reveal()), id.text);
}

Result<std::unique_ptr<usage::Store>> find_usage_store(const UsagePlace& place) {
  if (!store::exists(place.is_remote() ? id_file(place) : sums_file(place))) {
    return std::unique_ptr<usage::Store>();
  }
  return open_usage_store(place);
}

}  // namespace weir::server
