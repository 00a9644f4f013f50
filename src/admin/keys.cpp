// SPDX-License-Identifier: Apache-2.0
#include "admin/keys.hpp"

#include <cstdint>
#include <span>

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "store/files.hpp"

namespace weir::admin {
namespace {

constexpr std::string_view prefix = "sk-weir-";
constexpr std::size_t id_chars = 12;
constexpr std::size_t secret_chars = 32;
constexpr std::size_t check_chars = 6;
constexpr std::size_t file_bytes_max = 4'096;

/// Without letters that are read as others (i, l, o, u): people read keys to each other.
constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
static_assert(alphabet.size() == 32);

/// The first `chars` groups of five bits. Precondition: there are as many.
std::string base32(std::span<const unsigned char> bytes, std::size_t chars) {
  WEIR_ASSERT(bytes.size() * 8 >= chars * 5);
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::size_t next = 0; text.size() < chars;) {
    if (count < 5) {
      bits = (bits << 8U) | bytes[next++];
      count += 8;
    }
    count -= 5;
    text.push_back(alphabet[(bits >> static_cast<unsigned>(count)) & 31U]);
  }
  return text;
}

std::string checksum(std::string_view key_without_check) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key_without_check.data()), key_without_check.size(),
         digest.data());
  return base32(digest, check_chars);
}

}  // namespace

KeyEntropy key_entropy() {
  KeyEntropy entropy{};
  // OpenSSL's generator draws from the same source, but costs two megabytes once it is woken.
  const bool is_filled = ::getentropy(entropy.data(), entropy.size()) == 0;
  // Without a source of chance there is no safe way on, and no input from outside leads here.
  WEIR_ASSERT(is_filled);
  return entropy;
}

std::string make_client_key(const KeyEntropy& entropy) {
  const std::span<const unsigned char> bytes(entropy);
  std::string key(prefix);
  key.append(base32(bytes.first(8), id_chars)).append("-");
  key.append(base32(bytes.subspan(8, 20), secret_chars));
  return key + checksum(key);
}

bool is_client_key(std::string_view key) {
  constexpr std::size_t size = prefix.size() + id_chars + 1 + secret_chars + check_chars;
  if (key.size() != size || !key.starts_with(prefix)) return false;
  return checksum(key.substr(0, size - check_chars)) == key.substr(size - check_chars);
}

std::string make_admin_token(const KeyEntropy& entropy) {
  constexpr std::size_t chars = 51;  // 255 bits
  return base32(entropy, chars);
}

Result<StoredSecret> read_or_create_secret(const std::string& file,
                                           std::string (*make)(const KeyEntropy&)) {
  if (const auto slash = file.rfind('/'); slash != std::string::npos && slash > 0) {
    WEIR_TRY(store::make_private_directory(file.substr(0, slash)));
  }
  auto text = store::read_file(file, file_bytes_max);
  const bool is_missing = !text && text.error().code == ErrorCode::route_unknown;
  if (is_missing) {
    StoredSecret made{make(key_entropy()), true};
    const auto created = store::create_private_file(file, made.text + "\n");
    if (created) return made;
    if (created.error().code != ErrorCode::idempotency_mismatch) return created.error();
    // Another process has made it in this moment.
    text = store::read_file(file, file_bytes_max);
  }
  if (!text) return text.error();
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  constexpr std::size_t bytes_min = 16;
  if (text->size() < bytes_min) {
    return Error(ErrorCode::store_unavailable,
                 file + " holds no secret; remove it and a new one is made");
  }
  return StoredSecret{*std::move(text), false};
}

bool is_equal_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace weir::admin
