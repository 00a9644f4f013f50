// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "net/http/scanner.hpp"
#include "net/http/target.hpp"
#include "wire/canonical.hpp"

namespace weir::server {

/// Whose API a request speaks: decides the dialect of its errors and ids, and where its clients put
/// their key.
enum class Door : std::uint8_t {
  openai,
  azure,  ///< OpenAI's dialect under Azure's paths
  anthropic,
  gemini,
  ollama,
  /// Paths that several APIs have, and those nobody has: the request's header and path tell.
  shared,
};

/// Precondition: not `shared`.
wire::Dialect dialect_of(Door door) noexcept;

/// The door a request came to, whose route says `door`. Never `shared`: OpenAI's where nothing
/// tells otherwise.
Door door_of(Door door, const net::http::RequestHead& head, const net::http::Target& target);

/// The key a client sent: in the door's own place, else as a bearer token, else in the place of any
/// other door. Empty when there is none.
std::string credential_of(Door door, const net::http::RequestHead& head,
                          const net::http::Target& target);

/// A query, `?` included, without what clients of some dialects sign in with; empty: nothing is
/// left.
std::string without_credential(std::string_view query);

}  // namespace weir::server
