// SPDX-License-Identifier: Apache-2.0
#include "base/http_url.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(HttpUrl, ReadsSchemeHostPortAndPath) {
  const auto url = parse_http_url("https://API.Example.com/v1/");
  ASSERT_TRUE(url);
  EXPECT_EQ(*url, (HttpUrl{true, "api.example.com", 443, "/v1"}));
  EXPECT_EQ(url->text(), "https://api.example.com/v1");
}

TEST(HttpUrl, WritesThePortOnlyWhereItIsNotTheSchemesOwn) {
  EXPECT_EQ(parse_http_url("http://localhost:8000")->text(), "http://localhost:8000");
  EXPECT_EQ(parse_http_url("http://localhost:80/x")->text(), "http://localhost/x");
  EXPECT_EQ(parse_http_url("http://[::1]:8000")->text(), "http://[::1]:8000");
}

TEST(HttpUrl, RefusesWhatCouldMisleadAConnector) {
  for (const auto* text :
       {"", "localhost:8000", "ftp://h", "http://", "http://h:0", "http://h:65536", "http://h:x",
        "http://h?q=1", "http://h/#f", "http://a b", "http://h\r\nX: y", "http://[::1",
        "http://[zz]", "http://h\\@evil", "http://ho st", "http://[::1]x"}) {
    EXPECT_FALSE(parse_http_url(text)) << text;
  }
}

TEST(HttpUrl, NeverRepeatsAPasswordInTheMessage) {
  const auto url = parse_http_url("https://user:hunter2@example.com");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos);
}

TEST(HttpUrl, KnowsTheMachineItself) {
  EXPECT_TRUE(parse_http_url("http://127.0.0.2:1")->is_loopback());
  EXPECT_TRUE(parse_http_url("http://[::1]")->is_loopback());
  EXPECT_TRUE(parse_http_url("http://localhost")->is_loopback());
  EXPECT_FALSE(parse_http_url("http://127.example.com")->is_loopback());
}

TEST(HostPort, TakesTheUsualForms) {
  EXPECT_EQ(*parse_host_port("127.0.0.1:9347"), (HostPort{"127.0.0.1", 9347}));
  EXPECT_EQ(*parse_host_port(":9347"), (HostPort{"0.0.0.0", 9347}));
  EXPECT_EQ(*parse_host_port("9347"), (HostPort{"127.0.0.1", 9347}));
  EXPECT_EQ(*parse_host_port("[::]:0"), (HostPort{"::", 0}));
  EXPECT_EQ(parse_host_port("[::1]:80")->text(), "[::1]:80");
  for (const auto* text : {"", "host", "host:", "host:99999", "::1:80", "a b:1"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

}  // namespace
}  // namespace weir
