// SPDX-License-Identifier: Apache-2.0
#include "pipeline/schema_example.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::pipeline {
namespace {

std::string example_of(std::string_view schema) {
  json::Document document;
  EXPECT_TRUE(document.parse(schema)) << schema;
  std::string out;
  append_example(document.root(), out);
  json::Document written;
  EXPECT_TRUE(written.parse(out)) << out;
  return out;
}

TEST(SchemaExample, HasTheRequiredMembersAndNoOthers) {
  EXPECT_EQ(example_of(R"({"type":"object","properties":{"city":{"type":"string"},
      "days":{"type":"integer"},"note":{"type":"string"}},"required":["city","days"]})"),
            R"({"city":"mock","days":1})");
  EXPECT_EQ(example_of(R"({"type":"object","properties":{"a":{"type":"string"}}})"), "{}");
  EXPECT_EQ(example_of("{}"), "null");
}

TEST(SchemaExample, TakesTheFirstWordOfAnEnumeration) {
  EXPECT_EQ(example_of(R"({"type":"string","enum":["celsius","fahrenheit"]})"), R"("celsius")");
  EXPECT_EQ(example_of(R"({"const":[1,2]})"), "[1,2]");
  EXPECT_EQ(example_of(R"({"anyOf":[{"type":"boolean"},{"type":"null"}]})"), "true");
  EXPECT_EQ(example_of(R"({"type":["string","null"]})"), R"("mock")");
}

TEST(SchemaExample, KeepsWithinBounds) {
  EXPECT_EQ(example_of(R"({"type":"integer","minimum":5,"maximum":9})"), "5");
  EXPECT_EQ(example_of(R"({"type":"number","maximum":-2})"), "-2");
  EXPECT_EQ(example_of(R"({"type":"integer","exclusiveMinimum":1})"), "2");
  EXPECT_EQ(example_of(R"({"type":"integer","exclusiveMaximum":1})"), "0");
  EXPECT_EQ(example_of(R"({"type":"string","maxLength":2})"), R"("mo")");
  EXPECT_EQ(example_of(R"({"type":"string","minLength":6})"), R"("mockkk")");
  EXPECT_EQ(example_of(R"({"type":"string","format":"date"})"), R"("2026-01-01")");
  EXPECT_EQ(example_of(R"({"type":"array","items":{"type":"boolean"},"minItems":2})"),
            "[true,true]");
  EXPECT_EQ(example_of(R"({"type":"array","items":{"type":"boolean"}})"), "[]");
}

TEST(SchemaExample, FollowsReferencesWithinTheSchema) {
  EXPECT_EQ(example_of(R"({"type":"object","properties":{"at":{"$ref":"#/$defs/place"}},
      "required":["at"],"$defs":{"place":{"type":"object","properties":{"x":{"type":"number"}},
      "required":["x"]}}})"),
            R"({"at":{"x":1}})");
}

// Tools come from clients: a schema may refer to itself, or multiply with every level.
TEST(SchemaExample, IsBoundedWhateverTheSchema) {
  EXPECT_LT(example_of(R"({"$ref":"#"})").size(), 10U);
  const std::string twins = example_of(
      R"({"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}})");
  EXPECT_LT(twins.size(), 128U << 10);
  EXPECT_LT(example_of(R"({"type":"array","minItems":1000000,"items":{"$ref":"#"}})").size(),
            256U << 10);
  EXPECT_EQ(example_of(R"({"type":"object","required":[1,"missing"],"properties":{}})"),
            R"({"missing":null})");
  EXPECT_EQ(example_of(R"({"$ref":"https://example.com/schema"})"), "null");
}

}  // namespace
}  // namespace weir::pipeline
