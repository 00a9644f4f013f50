// SPDX-License-Identifier: Apache-2.0
#include "identity/credential.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

#include <openssl/crypto.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "store/files.hpp"

namespace weir::identity {
namespace {

constexpr std::size_t id_chars = 12;
constexpr std::size_t secret_chars = 32;
constexpr std::size_t check_chars = 6;
constexpr std::size_t file_bytes_max = 4'096;

struct Form {
  CredentialKind kind;
  std::string_view prefix;
};
constexpr std::array forms{Form{CredentialKind::client_key, "sk-weir-"},
                           Form{CredentialKind::user_token, "weir-admin-"},
                           Form{CredentialKind::session, "weir-session-"}};

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

std::string checksum(std::string_view unchecked) {
  return base32(Sha256().add(unchecked).finish(), check_chars);
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

std::string make_credential(CredentialKind kind, std::string_view id, const KeyEntropy& entropy) {
  WEIR_ASSERT(is_credential_id(id));
  const auto* const form =
      std::find_if(forms.begin(), forms.end(), [&](const Form& one) { return one.kind == kind; });
  std::string text(form->prefix);
  text.append(id).append("-");
  text.append(base32(std::span<const unsigned char>(entropy).subspan(8, 20), secret_chars));
  return text + checksum(text);
}

std::string make_client_key(const KeyEntropy& entropy) {
  return make_credential(CredentialKind::client_key, base32(entropy, id_chars), entropy);
}

std::string make_user_token(const KeyEntropy& entropy) {
  return make_credential(CredentialKind::user_token, base32(entropy, id_chars), entropy);
}

std::string make_session(const KeyEntropy& entropy) {
  return make_credential(CredentialKind::session, base32(entropy, id_chars), entropy);
}

std::optional<CredentialKind> kind_of(std::string_view text) {
  for (const Form& form : forms) {
    if (text.starts_with(form.prefix)) return form.kind;
  }
  return std::nullopt;
}

std::optional<CredentialParts> parse_credential(std::string_view text) {
  for (const Form& form : forms) {
    const std::size_t unchecked_size = form.prefix.size() + id_chars + 1 + secret_chars;
    if (text.size() != unchecked_size + check_chars || !text.starts_with(form.prefix)) continue;
    const std::string_view unchecked = text.substr(0, unchecked_size);
    const std::string_view id = text.substr(form.prefix.size(), id_chars);
    if (!is_credential_id(id) || checksum(unchecked) != text.substr(unchecked_size)) return {};
    return CredentialParts{form.kind, id, unchecked};
  }
  return std::nullopt;
}

bool is_client_key(std::string_view key) {
  const auto parts = parse_credential(key);
  return parts && parts->kind == CredentialKind::client_key;
}

bool is_credential_id(std::string_view text) {
  return text.size() == id_chars && text.find_first_not_of(alphabet) == std::string_view::npos;
}

std::uint64_t id_number(std::string_view id) {
  std::uint64_t number = 1;  // above the 60 bits of the id
  for (const char c : id) number = (number << 5U) | alphabet.find(c);
  return number;
}

bool is_equal(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
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

}  // namespace weir::identity
