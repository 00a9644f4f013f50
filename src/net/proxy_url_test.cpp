// SPDX-License-Identifier: Apache-2.0
#include "net/proxy_url.hpp"

#include <gtest/gtest.h>

namespace weir::net {
namespace {

TEST(ProxyUrlTest, IsReadAsTheUsualVariablesHaveIt) {
  EXPECT_EQ(*parse_proxy_url("http://proxy.example.com:3128"),
            (ProxyUrl{"proxy.example.com", 3128, ""}));
  EXPECT_EQ(*parse_proxy_url("http://proxy:3128/"), (ProxyUrl{"proxy", 3128, ""}));
  EXPECT_EQ(*parse_proxy_url("10.0.0.1:3128"), (ProxyUrl{"10.0.0.1", 3128, ""}));
}

TEST(ProxyUrlTest, TakesUserAndPasswordForTheProxyAlone) {
  EXPECT_EQ(*parse_proxy_url("http://ann:secret@proxy:3128"),
            (ProxyUrl{"proxy", 3128, "Basic YW5uOnNlY3JldA=="}));
  EXPECT_EQ(parse_proxy_url("ann:se%63ret@proxy:3128")->authorization, "Basic YW5uOnNlY3JldA==");
}

TEST(ProxyUrlTest, RefusesOthersWithoutRepeatingThePassword) {
  for (const auto* text : {"", "socks5://proxy:1080", "https://ann:hunter2@proxy:3128",
                           "http://ann:hunter2%zz@proxy", "http://ann:hunter2@", "proxy:3128/path",
                           "http://ann:hunter2@proxy:99999", "http://ann:hunter2/x@proxy:1\r\nx"}) {
    const auto proxy = parse_proxy_url(text);
    ASSERT_FALSE(proxy) << text;
    EXPECT_EQ(proxy.error().message.find("hunter2"), std::string::npos) << proxy.error().message;
  }
}

}  // namespace
}  // namespace weir::net
