// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/canonical.hpp"

/// Seals of one vendor's models on their way through the clients of another's dialect. Clients
/// carry seals back unread, so a seal travels as one of theirs with its maker's name inside, and no
/// server gets another's.
namespace weir::wire {

struct ForeignSeal {
  enum class Kind : std::uint8_t {
    signature,  ///< of thoughts
    encrypted,  ///< thoughts themselves
    call,       ///< of the tool call that follows
  };
  Vendor sealed_by = Vendor::unknown;
  Kind kind = Kind::signature;
  std::string seal;
  bool operator==(const ForeignSeal&) const = default;
};

/// In base64, since some clients read seals as bytes. Precondition: the vendor is known.
std::string wrap_seal(const ForeignSeal& seal);
/// Nothing for a seal of the dialect's own. Takes either alphabet: clients that read bytes write
/// them their own way.
std::optional<ForeignSeal> unwrap_seal(std::string_view text);

}  // namespace weir::wire
