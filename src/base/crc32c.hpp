// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// CRC-32C (Castagnoli) of `bytes`, by the processor's own instruction where it has one.
/// Cost: about 0.1 ns per byte with it, 2.5 ns without.
std::uint32_t crc32c(std::string_view bytes) noexcept;

namespace detail {
/// The same without that instruction.
std::uint32_t crc32c_portable(std::string_view bytes) noexcept;
}  // namespace detail

}  // namespace weir
