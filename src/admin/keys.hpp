// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Keys that the program makes by itself, and where it keeps them.
namespace weir::admin {

/// Bytes that nobody can guess; from the system's generator.
using KeyEntropy = std::array<unsigned char, 32>;
KeyEntropy key_entropy();

/// `sk-weir-<id>-<secret><check>`: a public id of 12 characters, a secret of 160 bits in 32, and a
/// checksum of 6, which tells a mistyped key from an unknown one without a look-up (rule Y-1).
std::string make_client_key(const KeyEntropy& entropy);
/// True for what `make_client_key` makes; says nothing about whether the key is in force.
bool is_client_key(std::string_view key);

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

}  // namespace weir::admin
