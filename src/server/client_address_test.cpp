// SPDX-License-Identifier: Apache-2.0
#include "server/client_address.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

std::vector<IpRange> proxies(std::vector<std::string> texts) {
  config::Config config;
  config.trusted_proxies = std::move(texts);
  return proxies_of(config);
}

std::string address(std::string_view peer, std::initializer_list<std::string_view> forwarded,
                    const std::vector<IpRange>& trusted) {
  net::http::RequestHead head;
  for (const std::string_view value : forwarded) head.fields.add({"X-Forwarded-For", value});
  return client_address(peer, head, trusted);
}

// E-8: whoever connects by himself may write what he likes into the field.
TEST(ClientAddress, IsThePeerUnlessThatIsAProxy) {
  EXPECT_EQ(address("203.0.113.9", {"198.51.100.1"}, {}), "203.0.113.9");
  EXPECT_EQ(address("203.0.113.9", {"198.51.100.1"}, proxies({"10.0.0.0/8"})), "203.0.113.9");
}

TEST(ClientAddress, IsTheRightMostHopThatIsNoProxy) {
  const auto trusted = proxies({"10.0.0.0/8", "2001:db8::5"});
  EXPECT_EQ(address("10.0.0.1", {"198.51.100.1"}, trusted), "198.51.100.1");
  EXPECT_EQ(address("10.0.0.1", {"1.1.1.1, 198.51.100.1 , 10.0.0.2"}, trusted), "198.51.100.1");
  EXPECT_EQ(address("10.0.0.1", {"1.1.1.1", "198.51.100.1, 2001:db8::5"}, trusted), "198.51.100.1");
  EXPECT_EQ(address("::ffff:10.0.0.1", {"2001:db8::6"}, trusted), "2001:db8::6");
}

TEST(ClientAddress, GoesNoFurtherThanWhatIsNoAddress) {
  const auto trusted = proxies({"10.0.0.0/8"});
  EXPECT_EQ(address("10.0.0.1", {}, trusted), "10.0.0.1");
  EXPECT_EQ(address("10.0.0.1", {"10.0.0.3"}, trusted), "10.0.0.3");
  EXPECT_EQ(address("10.0.0.1", {"1.1.1.1, unknown"}, trusted), "10.0.0.1");
  EXPECT_EQ(address("10.0.0.1", {"1.1.1.1, , 10.0.0.2"}, trusted), "10.0.0.2");
}

TEST(CountedAddress, IsNoneWhereManyShareIt) {
  const auto trusted = proxies({"203.0.113.0/24"});
  EXPECT_EQ(counted_address("127.0.0.1", trusted), "");
  EXPECT_EQ(counted_address("192.168.3.4", trusted), "");
  EXPECT_EQ(counted_address("203.0.113.5", trusted), "");
  EXPECT_EQ(counted_address("", trusted), "");
  EXPECT_NE(counted_address("198.51.100.1", trusted), "");
}

TEST(CountedAddress, IsTheSameForAllOfOneIpv6Network) {
  EXPECT_EQ(counted_address("2a00:1:2:3::1", {}), counted_address("2a00:1:2:3:ffff::9", {}));
  EXPECT_NE(counted_address("2a00:1:2:3::1", {}), counted_address("2a00:1:2:4::1", {}));
  EXPECT_NE(counted_address("8.8.8.8", {}), counted_address("8.8.8.9", {}));
  EXPECT_EQ(counted_address("8.8.8.8", {}), counted_address("::ffff:8.8.8.8", {}));
}

}  // namespace
}  // namespace weir::server
