// SPDX-License-Identifier: Apache-2.0
#include "base/ip_range.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

bool contains(std::string_view range, std::string_view address) {
  const auto parsed = parse_ip_range(range);
  const auto inside = parse_ip_address(address);
  EXPECT_TRUE(parsed && inside) << range << " " << address;
  return parsed && inside && parsed->contains(*inside);
}

TEST(IpRange, HoldsTheAddressesThatAgreeInItsBits) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("172.16.0.0/12", "172.31.255.255"));
  EXPECT_FALSE(contains("172.16.0.0/12", "172.32.0.0"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.7"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("::/0", "203.0.113.7"));
}

TEST(IpRange, IsOneAddressWithoutASlash) {
  EXPECT_TRUE(contains("203.0.113.7", "203.0.113.7"));
  EXPECT_FALSE(contains("203.0.113.7", "203.0.113.6"));
}

// A dual-stack listener gives IPv4 peers in their mapped form.
TEST(IpRange, TakesBothWritingsOfAnIpv4Address) {
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(contains("::ffff:10.1.2.3", "10.1.2.3"));
}

TEST(IpRange, RefusesWhatIsNone) {
  for (const char* text : {"", "localhost", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
                           "10.0.0.0/8x", "::1/129", "1.2.3.4:80", "[::1]"}) {
    EXPECT_FALSE(parse_ip_range(text)) << text;
  }
  EXPECT_FALSE(parse_ip_address(std::string(1000, '1')));
}

TEST(IpAddress, IsPrivateInsideAHouseOnly) {
  for (const char* text : {"127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"}) {
    EXPECT_TRUE(is_private_address(*parse_ip_address(text))) << text;
  }
  for (const char* text : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:4860::1", "::2"}) {
    EXPECT_FALSE(is_private_address(*parse_ip_address(text))) << text;
  }
}

}  // namespace
}  // namespace weir
