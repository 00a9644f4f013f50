// SPDX-License-Identifier: Apache-2.0
#include "base/ip_range.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include <arpa/inet.h>

namespace weir {
namespace {

constexpr std::array private_blocks{
    std::string_view("127.0.0.0/8"),   std::string_view("10.0.0.0/8"),
    std::string_view("172.16.0.0/12"), std::string_view("192.168.0.0/16"),
    std::string_view("100.64.0.0/10"), std::string_view("169.254.0.0/16"),
    std::string_view("::1"),           std::string_view("fc00::/7"),
    std::string_view("fe80::/10"),
};

constexpr int v4_offset_bits = 96;
constexpr std::size_t v4_offset = v4_offset_bits / 8;

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  constexpr std::size_t chars_max = 45;
  if (text.size() > chars_max) return std::nullopt;
  const std::string terminated(text);
  IpAddress address{};
  if (::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (::inet_pton(AF_INET, terminated.c_str(), address.data() + v4_offset) == 1) return address;
  return std::nullopt;
}

bool IpRange::contains(const IpAddress& address) const {
  for (int bit = 0; bit < bits; bit += 8) {
    const auto i = static_cast<std::size_t>(bit / 8);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - std::min(8, bits - bit)));
    if (((first[i] ^ address[i]) & mask) != 0) return false;
  }
  return true;
}

std::optional<IpRange> parse_ip_range(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const auto first = parse_ip_address(address);
  if (!first) return std::nullopt;
  IpRange range{.first = *first};
  if (slash == std::string_view::npos) return range;
  const std::string_view digits = text.substr(slash + 1);
  const bool is_v4 = address.find(':') == std::string_view::npos;
  int bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (bits < 0 || bits > (is_v4 ? 32 : 128)) return std::nullopt;
  range.bits = is_v4 ? v4_offset_bits + bits : bits;
  return range;
}

bool is_private_address(const IpAddress& address) {
  return std::any_of(private_blocks.begin(), private_blocks.end(), [&](std::string_view block) {
    return parse_ip_range(block)->contains(address);
  });
}

}  // namespace weir
