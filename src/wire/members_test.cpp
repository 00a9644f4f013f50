// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "wire/members.hpp"

namespace weir::wire {
namespace {

std::string arguments_object(std::string_view arguments) {
  std::string out;
  append_arguments_object(out, arguments);
  return out;
}

TEST(ArgumentsObject, KeepsNumbersAndEscapesButNoLineBreaks) {
  EXPECT_EQ(arguments_object("{\n \"a\": 1.0e2, \"b\": \"\\u00e4 x\"}"),
            "{\"a\":1.0e2,\"b\":\"\\u00e4 x\"}");
}

// A truncated or invented call must still give the target valid JSON.
TEST(ArgumentsObject, WrapsWhatIsNoObjectAndFillsWhatIsEmpty) {
  EXPECT_EQ(arguments_object(""), "{}");
  EXPECT_EQ(arguments_object(" \n"), "{}");
  EXPECT_EQ(arguments_object("[1]"), "{\"_raw\":\"[1]\"}");
  EXPECT_EQ(arguments_object("{\"a\":"), "{\"_raw\":\"{\\\"a\\\":\"}");
}

TEST(LogprobEntries, AreTheContentInOneLine) {
  EXPECT_EQ(logprob_entries("{\"content\":[\n{\"token\":\"a b\"}],\"refusal\":null}"),
            R"([{"token":"a b"}])");
  EXPECT_EQ(logprob_entries(R"({"content":null})"), "[]");
  EXPECT_EQ(logprob_entries(""), "[]");
}

// A conversation that goes back with its answers loses nothing that is worth a word.
TEST(Members, OfWhatIsReplayedOnlyWhatSaysSomethingIsMissed) {
  const Extra extra{{{"annotations", "[]"},
                     {"refusal", "null"},
                     {"status", "\"completed\""},
                     {"audio", "{\"id\":\"a\"}"}}};
  EncodeNotes replayed;
  drop_replayed(replayed, extra);
  EXPECT_EQ(replayed.dropped, std::vector<std::string>{"audio"});
  const Extra cut{{{"status", "\"incomplete\""}}};
  drop_replayed(replayed, cut);
  EXPECT_EQ(replayed.dropped, (std::vector<std::string>{"audio", "status"}));
  EncodeNotes named;
  drop_extra(named, extra);
  EXPECT_EQ(named.dropped.size(), 4U);
}

TEST(Members, WhatNoGetterAskedForComesBackRaw) {
  json::Document document;
  ASSERT_TRUE(document.parse(R"({"a":1,"b":null,"c":{"d":1.50,"e":2}})"));
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(document.root(), path, problem);
  reader.skip("a");
  const json::Path inner_path = reader.path("c");
  json::ObjectReader inner(*reader.object("c"), inner_path, problem);
  inner.skip("e");
  Extra extra;
  keep_unread(reader, extra);
  keep_unread_of(inner, "c", extra);

  std::string out;
  json::Writer json(out);
  json.begin_object();
  write_extra_except(json, extra, "c");
  json.key("c").begin_object().member("e", 3);
  write_members_of(json, *extra.find("c"));
  json.end_object().end_object();
  EXPECT_EQ(out, R"({"b":null,"c":{"e":3,"d":1.50}})");
}

}  // namespace
}  // namespace weir::wire
