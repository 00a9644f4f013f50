// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/random.hpp"

namespace weir {

/// `req_` and 24 letters of base 32: the time, then 75 bits by chance. Ids sort by their time, so
/// that what is kept under them stands side by side. No secret.
std::string make_request_id(std::int64_t unix_ms, Random& random);

}  // namespace weir
