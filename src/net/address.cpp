// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "net/connector.hpp"

namespace weir::net {
namespace {

struct Range4 {
  std::uint32_t network;
  int bits;
};
constexpr std::uint32_t ip4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}
constexpr std::array special_ip4{
    Range4{ip4(0, 0, 0, 0), 8},      Range4{ip4(10, 0, 0, 0), 8},
    Range4{ip4(100, 64, 0, 0), 10},  Range4{ip4(127, 0, 0, 0), 8},
    Range4{ip4(169, 254, 0, 0), 16}, Range4{ip4(172, 16, 0, 0), 12},
    Range4{ip4(192, 0, 0, 0), 24},   Range4{ip4(192, 0, 2, 0), 24},
    Range4{ip4(192, 88, 99, 0), 24}, Range4{ip4(192, 168, 0, 0), 16},
    Range4{ip4(198, 18, 0, 0), 15},  Range4{ip4(198, 51, 100, 0), 24},
    Range4{ip4(203, 0, 113, 0), 24}, Range4{ip4(224, 0, 0, 0), 4},
    Range4{ip4(240, 0, 0, 0), 4},
};

std::uint32_t to_ip4(std::span<const std::uint8_t> bytes) {
  return ip4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool is_public_ip4(std::uint32_t address) {
  return std::none_of(special_ip4.begin(), special_ip4.end(), [&](const Range4& range) {
    return ((address ^ range.network) >> (32 - range.bits)) == 0;
  });
}

struct Range6 {
  std::array<std::uint8_t, 16> network;
  int bits;
};
constexpr std::array special_ip6{
    Range6{{}, 127},                                         // :: and ::1
    Range6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96},  // IPv4-mapped
    Range6{{0x00, 0x64, 0xFF, 0x9B}, 96},                    // NAT64
    Range6{{0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}, 48},        // NAT64, local
    Range6{{0x01, 0x00}, 64},                                // discard
    Range6{{0x20, 0x01, 0x00, 0x00}, 32},                    // Teredo
    Range6{{0x20, 0x01, 0x0D, 0xB8}, 32},                    // documentation
    Range6{{0x20, 0x02}, 16},                                // 6to4
    Range6{{0xFC, 0x00}, 7},                                 // unique local
    Range6{{0xFE, 0x80}, 10},                                // link-local
    Range6{{0xFE, 0xC0}, 10},                                // site-local
    Range6{{0xFF, 0x00}, 8},                                 // multicast
};

bool is_in(std::span<const std::uint8_t> bytes, const Range6& range) {
  for (int bit = 0; bit < range.bits; bit += 8) {
    const auto i = static_cast<std::size_t>(bit / 8);
    const int left = std::min(8, range.bits - bit);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - left));
    if (((bytes[i] ^ range.network[i]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

bool is_public_address(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 4) return is_public_ip4(to_ip4(bytes));
  return std::none_of(special_ip6.begin(), special_ip6.end(),
                      [&](const Range6& range) { return is_in(bytes, range); });
}

bool is_link_local_address(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 4) return bytes[0] == 169 && bytes[1] == 254;
  constexpr Range6 mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96};
  if (is_in(bytes, mapped)) return bytes[12] == 169 && bytes[13] == 254;
  // fd00:ec2::254 is Amazon's metadata service.
  constexpr Range6 amazon{{0xFD, 0x00, 0x0E, 0xC2}, 32};
  return (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) || is_in(bytes, amazon);
}

}  // namespace weir::net
