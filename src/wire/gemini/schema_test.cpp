// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/schema.hpp"

#include <gtest/gtest.h>

namespace weir::wire::gemini {
namespace {

Result<std::string> lowered(std::string_view schema) {
  json::Document document;
  WEIR_TRY(document.parse(schema));
  std::string out;
  WEIR_TRY(append_openapi_schema(out, document.root()));
  return out;
}

std::string json_schema_of(std::string_view openapi) {
  json::Document document;
  EXPECT_TRUE(document.parse(openapi));
  std::string out;
  append_json_schema(out, document.root());
  return out;
}

TEST(OpenapiSchema, WritesTypesInUpperCaseAndLeavesOutWhatTheSubsetLacks) {
  const auto out = lowered(R"({"$schema":"https://json-schema.org/draft/2020-12/schema",
      "type":"object","additionalProperties":false,"properties":{
      "mail":{"type":"string","format":"email","minLength":3},
      "at":{"type":"string","format":"date-time"}},"required":["mail","ghost"]})");
  ASSERT_TRUE(out);
  // A required property that is not described would be refused.
  EXPECT_EQ(*out, R"({"type":"OBJECT","properties":{"mail":{"type":"STRING","minLength":3},)"
                  R"("at":{"type":"STRING","format":"date-time"}},"required":["mail"]})");
}

TEST(OpenapiSchema, TurnsNullAmongTypesOrAlternativesIntoNullable) {
  EXPECT_EQ(*lowered(R"({"type":["string","null"]})"), R"({"type":"STRING","nullable":true})");
  EXPECT_EQ(*lowered(R"({"anyOf":[{"type":"integer"},{"type":"null"}],"title":"n"})"),
            R"({"type":"INTEGER","nullable":true,"title":"n"})");
  EXPECT_EQ(*lowered(R"({"type":["string","number"]})"),
            R"({"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]})");
}

TEST(OpenapiSchema, TurnsConstAndEveryEnumIntoStrings) {
  EXPECT_EQ(*lowered(R"({"const":"a"})"), R"({"type":"STRING","enum":["a"]})");
  EXPECT_EQ(*lowered(R"({"type":"integer","enum":[1,2,null]})"),
            R"({"type":"STRING","nullable":true,"enum":["1","2"]})");
}

TEST(OpenapiSchema, TurnsOneOfIntoAnyOfAndExclusiveBoundsIntoInclusiveOnes) {
  EXPECT_EQ(*lowered(R"({"oneOf":[{"type":"number","exclusiveMinimum":0},{"type":"boolean"}]})"),
            R"({"anyOf":[{"type":"NUMBER","minimum":0},{"type":"BOOLEAN"}]})");
}

TEST(OpenapiSchema, MergesAllOfAlsoWithinOneProperty) {
  EXPECT_EQ(*lowered(R"({"allOf":[
      {"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},
      {"properties":{"a":{"description":"first"},"b":{"type":"integer"}},"required":["b","a"]}]})"),
            R"({"type":"OBJECT","properties":{"a":{"type":"STRING","description":"first"},)"
            R"("b":{"type":"INTEGER"}},"required":["a","b"]})");
}

TEST(OpenapiSchema, InlinesReferencesWithEscapedNames) {
  EXPECT_EQ(*lowered(R"({"type":"array","items":{"$ref":"#/$defs/a~1b"},
      "$defs":{"a/b":{"type":"string"}}})"),
            R"({"type":"ARRAY","items":{"type":"STRING"}})");
}

TEST(OpenapiSchema, CutsRecursionAfterThreeRounds) {
  const auto out = lowered(R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object",
      "properties":{"next":{"$ref":"#/$defs/t"}}}}})");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, R"({"type":"OBJECT","properties":{"next":{"type":"OBJECT","properties":)"
                  R"({"next":{"type":"OBJECT","properties":{"next":{}}}}}}})");
}

TEST(OpenapiSchema, RefusesAReferenceThatLeadsNowhere) {
  const auto out = lowered(R"({"$ref":"#/$defs/none"})");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::invalid_request);
  EXPECT_FALSE(lowered(R"({"$ref":"https://example.com/schema"})"));
}

TEST(OpenapiSchema, SurvivesReferencesThatPointAtEachOther) {
  const auto out = lowered(R"({"$ref":"#/a","a":{"$ref":"#/b"},"b":{"$ref":"#/a"}})");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, "{}");
}

// Levels that each refer twice to the next are a small text and an endless one when inlined.
TEST(OpenapiSchema, RefusesASchemaThatExplodesWhenItsReferencesAreInlined) {
  std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
  for (int level = 0; level < 24; ++level) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(level + 1) + R"("})";
    schema += R"("d)" + std::to_string(level) + R"(":{"properties":{"a":)" + next + R"(,"b":)" +
              next + "}},";
  }
  schema += R"("d24":{"type":"string"}}})";
  EXPECT_FALSE(lowered(schema));
}

TEST(JsonSchemaOfOpenapi, GivesStandardTypesNullsAndCounts) {
  EXPECT_EQ(json_schema_of(R"({"type":"OBJECT","propertyOrdering":["a"],"properties":{
      "a":{"type":"STRING","nullable":true},"type":{"type":"ARRAY","items":{"type":"NUMBER"},
      "maxItems":"3"},"u":{"anyOf":[{"type":"BOOLEAN"}]}}})"),
            R"({"type":"object","properties":{"a":{"type":["string","null"]},)"
            R"("type":{"type":"array","items":{"type":"number"},"maxItems":3},)"
            R"("u":{"anyOf":[{"type":"boolean"}]}}})");
}

}  // namespace
}  // namespace weir::wire::gemini
