// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weir {

/// The 16 bytes of an IPv6 address; an IPv4 address stands there as it is mapped into IPv6, so that
/// both writings of it are one.
using IpAddress = std::array<std::uint8_t, 16>;

/// Reads `203.0.113.7`, `2001:db8::1`, `::ffff:203.0.113.7`. Nothing for anything else.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);

/// An address or a block of them, as in `10.0.0.0/8`.
struct IpRange {
  IpAddress first{};
  int bits = 128;  ///< that must agree

  [[nodiscard]] bool contains(const IpAddress& address) const;
};

/// Reads an address or a block. Nothing for anything else.
[[nodiscard]] std::optional<IpRange> parse_ip_range(std::string_view text);

/// Loopback, link-local and the blocks that are nobody's on the internet (RFC 1918, RFC 6598, RFC
/// 4193): many clients behind one such address are usual.
[[nodiscard]] bool is_private_address(const IpAddress& address);

}  // namespace weir
