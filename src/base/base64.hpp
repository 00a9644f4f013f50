// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir {

/// Standard alphabet, padded.
/// Source: RFC 4648, section 4.
std::string base64_encode(std::string_view bytes);

/// The bytes that `text` stands for; nothing when it is not base64 of the standard alphabet.
/// Missing padding is accepted, white space is not.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace weir
