// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.hpp"
#include "weir/result.hpp"

/// Keys and tokens that the program makes by itself: their text, what is kept of it, and the files
/// of those that are in no database.
namespace weir::identity {

/// Bytes that nobody can guess; from the system's generator.
using KeyEntropy = std::array<unsigned char, 32>;
KeyEntropy key_entropy();

enum class CredentialKind : std::uint8_t {
  client_key,  ///< `sk-weir-…`: calls models
  user_token,  ///< `weir-admin-…`: a user's own, for the administration
  session,     ///< `weir-session-…`: the same, for as long as he is logged in
};

/// What kind of credential begins like this; nothing: none of ours.
std::optional<CredentialKind> kind_of(std::string_view text);

/// `sk-weir-<id>-<secret><check>`: a public id of 12 characters, a secret of 160 bits in 32, and a
/// checksum of 6, which tells a mistyped key from an unknown one without a look-up (rule Y-1).
std::string make_client_key(const KeyEntropy& entropy);
/// The same for a user, as `weir-admin-…`.
std::string make_user_token(const KeyEntropy& entropy);
/// The same for one who has logged in, as `weir-session-…`.
std::string make_session(const KeyEntropy& entropy);
/// The same as either with the id given, for a new secret in the place of an old one. Precondition:
/// `id` is one of a credential of ours.
std::string make_credential(CredentialKind kind, std::string_view id, const KeyEntropy& entropy);

/// A credential of ours, taken apart. Views into its text.
struct CredentialParts {
  CredentialKind kind = CredentialKind::client_key;
  std::string_view id;
  std::string_view unchecked;  ///< the whole without its checksum
};
/// Nothing for a text that has another form or a wrong checksum; says nothing about whether it is
/// in force.
std::optional<CredentialParts> parse_credential(std::string_view text);
/// True for what `make_client_key` makes.
bool is_client_key(std::string_view key);

/// The id as a number that is never 0. Precondition: it was parsed.
std::uint64_t id_number(std::string_view id);
/// True for a text that can be the id of a credential.
bool is_credential_id(std::string_view text);

/// What is kept of a credential: its HMAC-SHA-256 under the server's pepper (rule Y-1).
using Digest = Sha256Digest;

/// The secret that digests are made under, so that the database alone lets no one try keys.
class Pepper {
 public:
  explicit Pepper(std::string_view secret) : keyed_(secret) {}
  /// Of the whole credential but its checksum. For any thread.
  [[nodiscard]] Digest digest(std::string_view unchecked) const { return keyed_.of(unchecked); }

 private:
  HmacSha256 keyed_;
};

/// Compares in a time that tells nothing.
bool is_equal(const Digest& a, const Digest& b);

/// 256 bits as text.
std::string make_admin_token(const KeyEntropy& entropy);

struct StoredSecret {
  std::string text;
  bool is_new = false;  ///< made by this call
};
/// The secret in the file, or a new one that `make` makes of fresh entropy. The file has mode 0600
/// and its directory, where it is made here, 0700. Errors: `store_unavailable`, also for a file
/// without a secret in it.
Result<StoredSecret> read_or_create_secret(const std::string& file,
                                           std::string (*make)(const KeyEntropy&));

/// Compares without telling by its time where they differ.
bool is_equal_secret(std::string_view a, std::string_view b);

}  // namespace weir::identity
