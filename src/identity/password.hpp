// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Passwords of users: Argon2id with 64 MiB, three passes, one lane and a salt each (rule Y-7).
/// Each call takes that memory for about a tenth of a second.
namespace weir::identity {

inline constexpr std::size_t password_bytes_min = 12;
inline constexpr std::size_t password_bytes_max = 1'024;

/// What is kept of a password: `$argon2id$v=19$...`. Errors: `store_unavailable` where there is no
/// memory for it.
Result<std::string> hash_password(std::string_view password);

/// Whether this is the password that `hash` was made of. An empty hash is nobody's: that takes as
/// long as any. Errors as above.
Result<bool> is_password(std::string_view password, const std::string& hash);

}  // namespace weir::identity
