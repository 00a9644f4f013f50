// SPDX-License-Identifier: Apache-2.0
#include "store/database/sealing.hpp"

#include <algorithm>

#include <sodium.h>

#include "base/assert.hpp"
#include "store/files.hpp"

namespace weir::store {
namespace {

constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(DataKey::bytes_size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(nonce_size == 24);

/// libsodium's random numbers need this once; it is cheap afterwards and safe from any thread.
void ensure_sodium() {
  const int started = sodium_init();
  WEIR_ASSERT(started >= 0);
}

unsigned char* bytes_of(char* text) { return reinterpret_cast<unsigned char*>(text); }
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Tells one key from another without telling anything about it.
std::string fingerprint(std::string_view key) {
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
  constexpr std::string_view purpose = "weir data key id";
  crypto_generichash(hash.data(), hash.size(), bytes_of(purpose), purpose.size(), bytes_of(key),
                     key.size());
  std::string hex(hash.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  hex.pop_back();
  return hex;
}

/// The file's key; made where there is no file. Two who start at once end with the same one.
Result<std::string> read_or_make(const std::string& path) {
  auto found = read_file(path, DataKey::bytes_size);
  if (found || found.error().code != ErrorCode::route_unknown) return found;
  std::string made(DataKey::bytes_size, '\0');
  randombytes_buf(made.data(), made.size());
  const auto created = create_private_file(path, made);
  if (created) return made;
  if (created.error().code != ErrorCode::idempotency_mismatch) return created.error();
  return read_file(path, DataKey::bytes_size);
}

}  // namespace

DataKey::DataKey(std::string id, std::string_view bytes) : id_(std::move(id)), bytes_{} {
  WEIR_ASSERT(bytes.size() == bytes_.size());
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

DataKey::~DataKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

Result<std::shared_ptr<const DataKey>> FileDataKeys::current(std::string_view /*tenant*/) {
  if (key_) return key_;
  ensure_sodium();
  WEIR_TRY_ASSIGN(bytes, read_or_make(path_));
  if (bytes.size() != DataKey::bytes_size) {
    return Error(ErrorCode::store_unavailable,
                 path_ + " holds no key of " + std::to_string(DataKey::bytes_size) + " bytes");
  }
  key_ = std::make_shared<const DataKey>(fingerprint(bytes), bytes);
  sodium_memzero(bytes.data(), bytes.size());
  return key_;
}

Result<std::shared_ptr<const DataKey>> FileDataKeys::find(std::string_view tenant,
                                                          std::string_view key_id) {
  WEIR_TRY_ASSIGN(key, current(tenant));
  if (key->id() == key_id) return key;
  return Error(ErrorCode::store_unavailable,
               "this was sealed with another key than the one in " + path_);
}

std::string seal(const DataKey& key, std::string_view content, std::string_view place) {
  ensure_sodium();
  std::string out(nonce_size + content.size() + tag_size, '\0');
  unsigned char* const nonce = bytes_of(out.data());
  randombytes_buf(nonce, nonce_size);
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_size, nullptr, bytes_of(content),
                                             content.size(), bytes_of(place), place.size(), nullptr,
                                             nonce, key.bytes().data());
  return out;
}

std::optional<std::string> unseal(const DataKey& key, std::string_view sealed,
                                  std::string_view place) {
  if (sealed.size() < nonce_size + tag_size) return std::nullopt;
  const std::string_view nonce = sealed.substr(0, nonce_size);
  const std::string_view box = sealed.substr(nonce_size);
  std::string content(box.size() - tag_size, '\0');
  const int opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
      bytes_of(content.data()), nullptr, nullptr, bytes_of(box), box.size(), bytes_of(place),
      place.size(), bytes_of(nonce), key.bytes().data());
  if (opened != 0) return std::nullopt;
  return content;
}

}  // namespace weir::store
