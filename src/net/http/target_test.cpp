// SPDX-License-Identifier: Apache-2.0
#include "net/http/target.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::net::http {
namespace {

using Segments = Target::Segments;

RequestHead head_of(std::string_view target, std::string_view method = "GET") {
  RequestHead head;
  head.method = method;
  head.target = target;
  head.host = "api.example:8080";
  return head;
}

bool is_accepted(std::string_view text, std::string_view method = "GET") {
  Target target;
  return parse_target(head_of(text, method), target).has_value();
}

Segments segments_of(std::string_view text) {
  Target target;
  if (!parse_target(head_of(text), target)) return {"refused"};
  return target.segments;
}

TEST(Target, IsSplitIntoRawSegmentsAndQuery) {
  Target target;
  ASSERT_TRUE(parse_target(head_of("/v1/models/a%2Fb:c?x=1?2"), target));
  EXPECT_EQ(target.path, "/v1/models/a%2Fb:c");
  EXPECT_EQ(target.segments, (Segments{"v1", "models", "a%2Fb:c"}));
  EXPECT_FALSE(target.ends_in_slash);
  EXPECT_EQ(target.query.raw(), "x=1?2");
}

// E-6: `//admin//keys` must not reach a handler that the check for `/admin` did not see.
TEST(Target, E6FoldsDoubleSlashes) {
  EXPECT_EQ(segments_of("//v1///models"), (Segments{"v1", "models"}));
  EXPECT_EQ(segments_of("/"), Segments{});
  Target target;
  ASSERT_TRUE(parse_target(head_of("/v1/"), target));
  EXPECT_EQ(target.segments, Segments{"v1"});
  EXPECT_TRUE(target.ends_in_slash);
}

TEST(Target, ReusedHoldsNothingOfTheOneBefore) {
  Target target;
  ASSERT_TRUE(parse_target(head_of("/a/b/?q=1"), target));
  ASSERT_TRUE(parse_target(head_of("*", "OPTIONS"), target));
  EXPECT_EQ(target.path, "*");
  EXPECT_TRUE(target.segments.empty());
  EXPECT_FALSE(target.ends_in_slash);
  EXPECT_EQ(target.query.raw(), "");
}

TEST(Target, E6RefusesPathsThatTwoReadersReadDifferently) {
  for (const char* path :
       {"/a/../b",  "/..",         "/a/..",       "/./a",  "/a/.",   "/%2e%2e/a", "/a/.%2E",
        "/a/%2e",   "/a%2F..%2Fb", "/a%2f%2e%2e", "/a\\b", "/a%5Cb", "/a%5cb",    "/a%00",
        "/a%0d%0a", "/a%1F",       "/a%7f",       "/a%",   "/a%4",   "/a%4g",     "/a%%41",
        "/a%u0041", "/a%ff",       "/a%C3",       "/a#b",  "/a?b#c"}) {
    EXPECT_FALSE(is_accepted(path)) << path;
  }
}

TEST(Target, TakesDotsAndEscapesThatAreHarmless) {
  for (const char* path : {"/...", "/.well-known", "/a..b", "/a/..b", "/gpt-4.1", "/%252e%252e",
                           "/a%20b", "/%C3%A4", "/a?x=../..&y=%00", "/a+b"}) {
    EXPECT_TRUE(is_accepted(path)) << path;
  }
}

TEST(Target, E1WantsTheAuthorityOfAnAbsoluteUrlToBeTheHost) {
  EXPECT_EQ(segments_of("http://api.example:8080/v1/x"), (Segments{"v1", "x"}));
  EXPECT_EQ(segments_of("HTTPS://API.example:8080"), Segments{});
  Target target;
  ASSERT_TRUE(parse_target(head_of("http://api.example:8080?a=b"), target));
  EXPECT_EQ(target.path, "/");
  EXPECT_EQ(target.query.find("a"), std::optional<std::string>("b"));
  for (const char* url : {"http://other/v1", "http://api.example/v1", "http://api.example:80/v1",
                          "http://u@api.example:8080/", "http:///v1", "ftp://api.example:8080/",
                          "http:/v1", "api.example:8080", "http://api.example:8080\\@x/"}) {
    EXPECT_FALSE(is_accepted(url)) << url;
  }
}

TEST(Target, TheWholeServerIsATargetOfOptionsOnly) {
  EXPECT_TRUE(is_accepted("*", "OPTIONS"));
  EXPECT_FALSE(is_accepted("*", "GET"));
  EXPECT_FALSE(is_accepted("*a", "OPTIONS"));
}

TEST(Target, ConnectIsRefusedInEveryForm) {
  EXPECT_FALSE(is_accepted("api.example:8080", "CONNECT"));
  EXPECT_FALSE(is_accepted("/", "CONNECT"));
}

TEST(Query, FindsTheFirstParameterDecoded) {
  const Query query("a=1&b=x%20y+z&a=2&empty=&bare&%63=d&e==f&=g");
  const auto value = [&](std::string_view name) { return query.find(name).value_or("(absent)"); };
  EXPECT_EQ(value("a"), "1");
  EXPECT_EQ(value("b"), "x y z");
  EXPECT_EQ(value("empty"), "");
  EXPECT_EQ(value("bare"), "");
  EXPECT_EQ(value("c"), "d");
  EXPECT_EQ(value("e"), "=f");
  EXPECT_EQ(value(""), "g");
  EXPECT_EQ(value("x"), "(absent)");
}

TEST(Query, TreatsAMalformedEscapeAsAbsent) {
  const Query query("a=%4&%=1&b=2");
  EXPECT_EQ(query.find("a"), std::nullopt);
  EXPECT_EQ(query.find("%"), std::nullopt);
  EXPECT_EQ(query.find("b"), std::optional<std::string>("2"));
}

TEST(PercentCoding, GoesThereAndBackForEveryByte) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  const std::string encoded = percent_encode(bytes);
  EXPECT_EQ(percent_decode(encoded), std::optional<std::string>(bytes));
  EXPECT_EQ(percent_encode("a/b c~_.-"), "a%2Fb%20c~_.-");
  EXPECT_EQ(percent_encode("\xC3\xA4%"), "%C3%A4%25");
}

TEST(PercentCoding, DecodesOnce) {
  EXPECT_EQ(percent_decode("a%252Fb+c"), std::optional<std::string>("a%2Fb+c"));
  for (const char* text : {"%", "%4", "a%4", "%g0", "%0g", "%%41"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace weir::net::http
