// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace weir {

/// `req_` and 24 letters of base 32: the time, then 75 bits by chance. Ids sort by their time, so
/// that what is kept under them stands side by side. No secret.
std::string make_request_id(std::int64_t unix_ms, Random& random);

/// The time it was made of, in Unix milliseconds. Nothing: it was not made here.
std::optional<std::int64_t> time_of_request_id(std::string_view id);

}  // namespace weir
