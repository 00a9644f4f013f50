// SPDX-License-Identifier: Apache-2.0
#include "identity/vault.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include <sodium.h>
#include <sys/stat.h>

#include "identity/credential.hpp"
#include "store/files.hpp"

namespace weir::identity {
namespace {

using store::DataKey;

constexpr std::size_t hex_size = 2 * DataKey::bytes_size;
constexpr std::size_t file_bytes_max = 4'096;
constexpr std::size_t last4_from = 16;  // shorter secrets show nothing of themselves

constexpr const char* schema = R"sql(
CREATE TABLE IF NOT EXISTS data_keys(
  tenant TEXT PRIMARY KEY,
  key_id TEXT NOT NULL,
  master_id TEXT NOT NULL,
  wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets(
  name TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  version INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  last4 TEXT NOT NULL,
  changed_ms INTEGER NOT NULL) WITHOUT ROWID;
)sql";

/// Provider keys are the gateway's own.
constexpr std::string_view own_tenant;

/// Apart from that: content of a listener without keys has an empty tenant.
std::string content_tenant(std::string_view tenant) { return "content:" + std::string(tenant); }

std::string to_hex(std::string_view bytes) {
  std::string hex(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
  hex.pop_back();
  return hex;
}

std::string make_master(const KeyEntropy& entropy) {
  return to_hex({reinterpret_cast<const char*>(entropy.data()), entropy.size()});
}

/// Tells one key from another without telling anything about it.
std::string fingerprint(std::string_view key, std::string_view purpose) {
  std::array<char, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size(),
                     reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return to_hex({hash.data(), hash.size()});
}

Result<std::shared_ptr<const DataKey>> master_from(std::string text, std::string_view where) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  std::string bytes(DataKey::bytes_size, '\0');
  std::size_t written = 0;
  const int code = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                  text.data(), text.size(), nullptr, &written, nullptr);
  const bool is_right = code == 0 && written == bytes.size() && text.size() == hex_size;
  sodium_memzero(text.data(), text.size());
  if (!is_right) {
    return Error(ErrorCode::invalid_request,
                 "the master key " + std::string(where) + " is not 64 hexadecimal digits");
  }
  auto key = std::make_shared<const DataKey>(fingerprint(bytes, "weir master key id"), bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return key;
}

Result<std::shared_ptr<const DataKey>> master_in(const std::string& file) {
  struct stat found{};
  const bool is_private = ::stat(file.c_str(), &found) != 0 || (found.st_mode & 077) == 0;
  if (!is_private) {
    return Error(ErrorCode::invalid_request,
                 "the master key in " + file + " can be read by others; its mode must be 0600");
  }
  WEIR_TRY_ASSIGN(text, store::read_file(file, file_bytes_max));
  return master_from(std::move(text), "in " + file);
}

Result<std::shared_ptr<const DataKey>> master_of_command(const std::string& command) {
  std::FILE* const pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return Error(ErrorCode::invalid_request, "the master key command can't run");
  std::string text(file_bytes_max, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), pipe));
  if (::pclose(pipe) != 0) {
    return Error(ErrorCode::invalid_request, "the master key command has failed");
  }
  return master_from(std::move(text), "that the command prints");
}

/// Names the place of a sealed value without any way to write another's name.
std::string place_name(std::string_view tenant, std::string_view table, std::string_view row,
                       std::int64_t version) {
  std::string place(table);
  for (const std::string_view part : {tenant, row}) {
    place.append(" ").append(std::to_string(part.size())).append(":").append(part);
  }
  return place.append(" v").append(std::to_string(version));
}

Error wrong_master(const std::string& what) {
  return {ErrorCode::invalid_request,
          what + ": what the data directory holds was sealed under a master key that is not here"};
}

Error unreadable(std::string_view what) {
  return {ErrorCode::store_unavailable,
          std::string(what) + " was changed, or sealed under another master key"};
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::open(store::SqliteDatabase& database,
                                           const std::string& folder,
                                           const MasterKeySource& source) {
  const bool is_elsewhere =
      !source.value.empty() || !source.file.empty() || !source.command.empty();
  std::unique_ptr<Vault> vault(
      new Vault(database, is_elsewhere ? std::string() : folder + "/master-key"));
  WEIR_TRY(vault->prepare(source));
  return vault;
}

Result<> Vault::prepare(const MasterKeySource& source) {
  WEIR_TRY(database_.run(schema));
  Result<Key> master = Key();
  if (!source.value.empty()) {
    master = master_from(source.value, "of the environment");
  } else if (!source.file.empty()) {
    master = master_in(source.file);
  } else if (!source.command.empty()) {
    master = master_of_command(source.command);
  } else {
    WEIR_TRY_ASSIGN(has_sealed, has_data_keys_of_others());
    if (has_sealed && !store::exists(own_file_)) {
      return wrong_master("there is no " + own_file_ + ", the master key");
    }
    WEIR_TRY(read_or_create_secret(own_file_, make_master));
  }
  if (!master && master.error().code == ErrorCode::route_unknown) {
    return Error(ErrorCode::invalid_request, master.error().message + ", which has the master key");
  }
  if (!master) return std::move(master).error();
  master_ = *std::move(master);
  if (!own_file_.empty()) WEIR_TRY(read_own_masters());
  WEIR_TRY(expect_right_masters());
  if (next_master_ == nullptr) return {};
  WEIR_TRY(wrap_anew());
  return end_rotation();
}

/// What is sealed under another key could not be opened, and nobody would be told before it is
/// needed.
Result<> Vault::expect_right_masters() {
  constexpr int reads_max = 3;  // a gateway that shares the folder may be at a rotation
  for (int reads = 1;; ++reads) {
    WEIR_TRY_ASSIGN(has_others, has_data_keys_of_others());
    if (!has_others) return {};
    if (own_file_.empty()) return wrong_master("the given master key is another one");
    if (reads == reads_max) return wrong_master("the one in " + own_file_ + " is another one");
    WEIR_TRY(read_own_masters());
  }
}

/// True where a data key is wrapped by neither master key at hand.
Result<bool> Vault::has_data_keys_of_others() {
  WEIR_TRY_ASSIGN(row, database_.prepare("SELECT 1 FROM data_keys WHERE master_id NOT IN (?, ?) "
                                         "LIMIT 1"));
  const auto id_of = [](const Key& master) {
    return master == nullptr ? std::string_view() : std::string_view(master->id());
  };
  return row.bind(1, id_of(master_)).bind(2, id_of(next_master_)).step();
}

/// As they are now: another gateway that shares the folder may be at a rotation, or behind one. The
/// order counts: the next one becomes the master, and then is gone.
Result<> Vault::read_own_masters() {
  auto next = master_in(next_file());
  if (!next && next.error().code != ErrorCode::route_unknown) return std::move(next).error();
  WEIR_TRY_ASSIGN(master, master_in(own_file_));
  next_master_ = next ? *std::move(next) : nullptr;
  master_ = std::move(master);
  return {};
}

// ---- data keys ------------------------------------------------------------------------------

const Vault::Key* Vault::master_of(std::string_view id) const {
  if (master_->id() == id) return &master_;
  return next_master_ != nullptr && next_master_->id() == id ? &next_master_ : nullptr;
}

Result<> Vault::put_key(std::string_view tenant, const DataKey& key, const DataKey& master) {
  const std::string_view bytes(reinterpret_cast<const char*>(key.bytes().data()),
                               key.bytes().size());
  const std::string wrapped =
      store::seal(master, bytes, place_name(tenant, "data_keys", key.id(), 1));
  WEIR_TRY_ASSIGN(put, database_.prepare("INSERT OR REPLACE INTO data_keys(tenant, key_id, "
                                         "master_id, wrapped) VALUES(?, ?, ?, ?)"));
  return put.bind(1, tenant).bind(2, key.id()).bind(3, master.id()).bind_blob(4, wrapped).run();
}

/// Null where there is none.
Result<Vault::Key> Vault::stored_key(std::string_view tenant) {
  if (!own_file_.empty()) WEIR_TRY(read_own_masters());
  WEIR_TRY_ASSIGN(row, database_.prepare("SELECT key_id, master_id, wrapped FROM data_keys "
                                         "WHERE tenant = ?"));
  row.bind(1, tenant);
  WEIR_TRY_ASSIGN(has_row, row.step());
  if (!has_row) return Key();
  const Key* const master = master_of(row.text(1));
  if (master == nullptr) return unreadable("the data key");
  const std::string id(row.text(0));
  auto bytes = store::unseal(**master, row.text(2), place_name(tenant, "data_keys", id, 1));
  if (!bytes || bytes->size() != DataKey::bytes_size) return unreadable("the data key");
  auto key = std::make_shared<const DataKey>(id, *bytes);
  sodium_memzero(bytes->data(), bytes->size());
  return Key(std::move(key));
}

/// Made where there is none yet.
Result<Vault::Key> Vault::key_of(std::string_view tenant) {
  WEIR_TRY_ASSIGN(found, stored_key(tenant));
  if (found != nullptr) return std::move(found);
  const KeyEntropy entropy = key_entropy();
  const std::string_view bytes(reinterpret_cast<const char*>(entropy.data()), entropy.size());
  auto made = std::make_shared<const DataKey>(fingerprint(bytes, "weir data key id"), bytes);
  WEIR_TRY(put_key(tenant, *made, next_master_ != nullptr ? *next_master_ : *master_));
  return Key(std::move(made));
}

Result<Vault::Key> Vault::data_key() {
  if (data_key_ != nullptr) return data_key_;
  WEIR_TRY_ASSIGN(key, key_of(own_tenant));
  data_key_ = key;
  return std::move(key);
}

Result<Vault::Key> Vault::content_key(std::string_view tenant) {
  return key_of(content_tenant(tenant));
}

Result<Vault::Key> Vault::find_content_key(std::string_view tenant) {
  return stored_key(content_tenant(tenant));
}

Result<> Vault::remove_content_key(std::string_view tenant) {
  WEIR_TRY_ASSIGN(remove, database_.prepare("DELETE FROM data_keys WHERE tenant = ?"));
  return remove.bind(1, content_tenant(tenant)).run();
}

// ---- secrets --------------------------------------------------------------------------------

/// The version is part of what the value is sealed for, so that an older one can't be put back.
Result<> Vault::set(std::string_view name, std::string_view text, std::int64_t now_ms) {
  WEIR_TRY_ASSIGN(key, data_key());
  WEIR_TRY_ASSIGN(select, database_.prepare("SELECT version FROM secrets WHERE name = ?"));
  select.bind(1, name);
  WEIR_TRY_ASSIGN(has_row, select.step());
  const std::int64_t version = has_row ? select.integer(0) + 1 : 1;
  select.reset();
  const std::string sealed =
      store::seal(*key, text, place_name(own_tenant, "secrets", name, version));
  const std::string_view last4 =
      text.size() < last4_from ? std::string_view() : text.substr(text.size() - 4);
  WEIR_TRY_ASSIGN(put, database_.prepare("INSERT OR REPLACE INTO secrets(name, tenant, version, "
                                         "key_id, sealed, last4, changed_ms) "
                                         "VALUES(?, ?, ?, ?, ?, ?, ?)"));
  return put.bind(1, name)
      .bind(2, own_tenant)
      .bind(3, version)
      .bind(4, key->id())
      .bind_blob(5, sealed)
      .bind(6, last4)
      .bind(7, now_ms)
      .run();
}

Result<> Vault::remove(std::string_view name) {
  WEIR_TRY_ASSIGN(statement, database_.prepare("DELETE FROM secrets WHERE name = ?"));
  return statement.bind(1, name).run();
}

Result<std::string> Vault::get(std::string_view name) {
  WEIR_TRY_ASSIGN(row, database_.prepare("SELECT version, sealed FROM secrets WHERE name = ?"));
  row.bind(1, name);
  WEIR_TRY_ASSIGN(has_row, row.step());
  if (!has_row) {
    return Error(ErrorCode::route_unknown, "there is no secret " + std::string(name));
  }
  WEIR_TRY_ASSIGN(key, data_key());
  auto text =
      store::unseal(*key, row.text(1), place_name(own_tenant, "secrets", name, row.integer(0)));
  if (!text) return unreadable("the secret " + std::string(name));
  return *std::move(text);
}

Result<std::vector<SecretRecord>> Vault::list() {
  WEIR_TRY_ASSIGN(row, database_.prepare("SELECT name, last4, changed_ms FROM secrets "
                                         "ORDER BY name"));
  std::vector<SecretRecord> all;
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, row.step());
    if (!has_row) return all;
    all.push_back({std::string(row.text(0)), std::string(row.text(1)), row.integer(2)});
  }
}

// ---- a new master key -----------------------------------------------------------------------

Result<> Vault::rotate_master() {
  WEIR_TRY(begin_rotation());
  WEIR_TRY(wrap_anew());
  return end_rotation();
}

/// From here on a start finds both keys and goes on.
Result<> Vault::begin_rotation() {
  if (own_file_.empty()) {
    return Error(
        ErrorCode::invalid_request,
        "the master key comes from outside; only one in the data directory can be rotated");
  }
  WEIR_TRY(read_or_create_secret(next_file(), make_master));
  WEIR_TRY_ASSIGN(next, master_in(next_file()));
  next_master_ = std::move(next);
  return {};
}

Result<> Vault::wrap_anew() {
  for (;;) {
    WEIR_TRY_ASSIGN(is_more, wrap_some_anew());
    if (!is_more) return {};
  }
}

/// Whoever makes a data key meanwhile either is seen here or sees the next master key. False: all
/// are wrapped by that.
Result<bool> Vault::wrap_some_anew() {
  constexpr std::int64_t at_once = 500;
  WEIR_TRY_ASSIGN(transaction, store::SqliteTransaction::begin(database_));
  WEIR_TRY_ASSIGN(row, database_.prepare("SELECT tenant FROM data_keys WHERE master_id <> ? "
                                         "LIMIT ?"));
  row.bind(1, next_master_->id()).bind(2, at_once);
  std::vector<std::string> tenants;
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, row.step());
    if (!has_row) break;
    tenants.emplace_back(row.text(0));
  }
  for (const std::string& tenant : tenants) {
    WEIR_TRY_ASSIGN(key, stored_key(tenant));
    WEIR_TRY(put_key(tenant, *key, *next_master_));
  }
  WEIR_TRY(transaction.commit());
  return !tenants.empty();
}

/// The log beside the database still has what was wrapped by the old key; it is emptied before that
/// key is gone for good.
Result<> Vault::end_rotation() {
  WEIR_TRY(database_.purge());
  WEIR_TRY_ASSIGN(text, store::read_file(next_file(), file_bytes_max));
  WEIR_TRY(store::replace_file(own_file_, text));
  sodium_memzero(text.data(), text.size());
  WEIR_TRY(store::remove_file(next_file()));
  master_ = std::exchange(next_master_, nullptr);
  return {};
}

}  // namespace weir::identity
