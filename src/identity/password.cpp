// SPDX-License-Identifier: Apache-2.0
#include "identity/password.hpp"

#include <array>
#include <cerrno>

#include <sodium.h>

#include "base/assert.hpp"

namespace weir::identity {
namespace {

constexpr unsigned long long passes = 3;
constexpr std::size_t memory_bytes = std::size_t{64} << 20;

void ensure_sodium() {
  const int started = sodium_init();
  WEIR_ASSERT(started >= 0);
}

Error no_memory() {
  return {ErrorCode::store_unavailable, "there is no memory to look at a password"};
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
  ensure_sodium();
  std::array<char, crypto_pwhash_STRBYTES> text{};
  if (crypto_pwhash_str_alg(text.data(), password.data(), password.size(), passes, memory_bytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return no_memory();
  }
  return std::string(text.data());
}

Result<bool> is_password(std::string_view password, const std::string& hash) {
  ensure_sodium();
  if (hash.empty()) {
    const std::array<unsigned char, crypto_pwhash_SALTBYTES> salt{};
    std::array<unsigned char, 32> unused{};
    const int made = crypto_pwhash(unused.data(), unused.size(), password.data(), password.size(),
                                   salt.data(), passes, memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
    if (made != 0) return no_memory();
    return false;
  }
  errno = 0;
  if (crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0) return true;
  if (errno == ENOMEM) return no_memory();
  return false;
}

}  // namespace weir::identity
