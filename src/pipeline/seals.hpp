// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "pipeline/route.hpp"
#include "wire/passthrough.hpp"

/// F-8: who can read the sealed thoughts that a conversation carries.
namespace weir::pipeline {

/// What becomes of a conversation's newest seal at a target, the best first.
enum class SealFate : std::uint8_t {
  read,     ///< there is none, or a model of that vendor gets it
  unknown,  ///< it is sent, and nobody knows to whose model
  dropped,  ///< this target can't read it
};

/// Vendors whose seals may be sent to `target` by a client of `client`.
wire::VendorSet seals_taken(const Target& target, wire::Dialect client);
SealFate fate_of_seals(const wire::RequestPeek& request, const Target& target,
                       wire::Dialect client);

}  // namespace weir::pipeline
