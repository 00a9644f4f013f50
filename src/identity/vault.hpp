// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database/sealing.hpp"
#include "store/database/sqlite.hpp"

namespace weir::identity {

/// Where the master key comes from, the first of these that is set; none: the file `master-key` in
/// the data directory, made where it is missing.
struct MasterKeySource {
  std::string value;    ///< 64 hexadecimal digits
  std::string file;     ///< of mode 0600, with the same
  std::string command;  ///< whose output is the same
};

/// A secret as it may be shown.
struct SecretRecord {
  std::string name;
  std::string last4;  ///< empty for a short one
  std::int64_t changed_ms = 0;
};

/// Secrets that the database alone does not tell: each sealed with a data key for its name and
/// version (rule Y-5), the data key wrapped by a master key that lies elsewhere. For one thread at
/// a time.
///
/// Errors of all: `store_unavailable`, also when something can't be opened with the keys at hand.
class Vault {
 public:
  /// `database` outlives the vault. A rotation that was interrupted is brought to its end (Y-6).
  /// Errors also: `invalid_request` for a master key that is none, or not the one that what is here
  /// was sealed under; where there is such, none is made in the place of a missing one.
  static Result<std::unique_ptr<Vault>> open(store::SqliteDatabase& database,
                                             const std::string& folder,
                                             const MasterKeySource& source);

  /// To be called within a transaction.
  Result<> set(std::string_view name, std::string_view text, std::int64_t now_ms);
  Result<> remove(std::string_view name);
  /// Errors also: `route_unknown`.
  Result<std::string> get(std::string_view name);
  Result<std::vector<SecretRecord>> list();

  // What tenants' content is sealed with: a key for each, so that nothing opens what one of them
  // left once his is removed, in copies of the files neither.

  /// Made where there is none; to be called within a transaction.
  Result<std::shared_ptr<const store::DataKey>> content_key(std::string_view tenant);
  /// Null where there is none.
  Result<std::shared_ptr<const store::DataKey>> find_content_key(std::string_view tenant);
  /// To be called within a transaction.
  Result<> remove_content_key(std::string_view tenant);

  /// Puts a new master key in the place of the old one: writes it beside, wraps every data key
  /// anew, then lets the old one go. Secrets can be read all the while. Errors also:
  /// `invalid_request` where the master key is not in the data directory.
  Result<> rotate_master();

  // The steps of a rotation, to be stopped between (for tests).
  Result<> begin_rotation();
  Result<> wrap_anew();
  Result<> end_rotation();

 private:
  using Key = std::shared_ptr<const store::DataKey>;

  Vault(store::SqliteDatabase& database, std::string own_file)
      : database_(database), own_file_(std::move(own_file)) {}
  Result<> prepare(const MasterKeySource& source);
  Result<> read_own_masters();
  Result<> expect_right_masters();
  Result<bool> has_data_keys_of_others();
  [[nodiscard]] std::string next_file() const { return own_file_ + ".next"; }
  Result<Key> data_key();
  Result<Key> stored_key(std::string_view tenant);
  Result<Key> key_of(std::string_view tenant);
  Result<bool> wrap_some_anew();
  [[nodiscard]] const Key* master_of(std::string_view id) const;
  Result<> put_key(std::string_view tenant, const store::DataKey& key,
                   const store::DataKey& master);

  store::SqliteDatabase& database_;
  std::string own_file_;  ///< empty: the master key comes from elsewhere
  Key master_;
  Key next_master_;  ///< of a rotation that is not at its end
  Key data_key_;     ///< once it was needed
};

}  // namespace weir::identity
