// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace weir {

/// `req_` and 24 letters of base 32: the time, then 75 bits by chance. Ids sort by their time, so
/// that what is kept under them stands side by side. No secret.
std::string make_request_id(std::int64_t unix_ms, Random& random);

/// The id of one more call that a request makes: that of the request, and the call's number,
/// from 2.
std::string request_id_of_call(std::string_view request_id, std::size_t number);

/// The time it was made of, in Unix milliseconds. Nothing: it was not made here.
std::optional<std::int64_t> time_of_request_id(std::string_view id);

}  // namespace weir
