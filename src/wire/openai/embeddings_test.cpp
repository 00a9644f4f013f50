// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "wire/openai/embeddings.hpp"

namespace weir::wire::openai {
namespace {

Result<EmbeddingsCall> decode_text(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode_embeddings_request(document.root());
}

Result<EmbeddingsResponse> decode_answer(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode_embeddings_response(document.root());
}

std::string encoded_input(std::string_view input) {
  const auto call = decode_text(R"({"model":"m","input":)" + std::string(input) + "}");
  if (!call) return call.error().param + ": refused";
  std::string out;
  encode_embeddings_request(call->request, "t", 0, out);
  constexpr std::string_view head = R"({"model":"t","input":)";
  EXPECT_EQ(out.substr(0, head.size()), head);
  return out.substr(head.size(), out.find(",\"encoding_format\"") - head.size());
}

TEST(EmbeddingsRequest, TakesTextsAndTokensAloneAndInLists) {
  EXPECT_EQ(encoded_input(R"("a")"), R"(["a"])");
  EXPECT_EQ(encoded_input(R"(["a","b"])"), R"(["a","b"])");
  EXPECT_EQ(encoded_input("[1, 2]"), "[[1,2]]");
  EXPECT_EQ(encoded_input("[[1,2],[3]]"), "[[1,2],[3]]");
  for (const auto* wrong : {"[]", "7", "null", "[[]]", "[1,-2]", R"(["a",{}])", "[1.5]"}) {
    EXPECT_EQ(encoded_input(wrong), "input: refused") << wrong;
  }
}

TEST(EmbeddingsRequest, TakesAtMost2048Inputs) {
  std::string list = "[\"a\"";
  for (int i = 1; i < 2048; ++i) list.append(",\"a\"");
  EXPECT_NE(encoded_input(list + "]"), "input: refused");
  EXPECT_EQ(encoded_input(list + ",\"a\"]"), "input: refused");
}

// E-5: these go through to OpenAI as they came, so they must be stopped here.
TEST(EmbeddingsRequest, RefusesMembersThatRoute) {
  const auto refused_at = [](std::string_view text) { return decode_text(text).error().param; };
  EXPECT_EQ(refused_at(R"({"model":"m","input":"a","api_base":"x"})"), "api_base");
  EXPECT_EQ(refused_at(R"({"model":"m","input":"a","extra_body":{"api_key":"x"}})"),
            "extra_body.api_key");
}

TEST(EmbeddingsRequest, ReadsTheFormatAndKeepsWhatItDoesNotKnow) {
  const auto call = decode_text(R"({"model":"m","input":"a","encoding_format":"base64",
                                    "dimensions":8,"user":"u","task":"x"})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->format, EmbeddingFormat::base64);
  EXPECT_EQ(call->extra.members.size(), 1U);
  std::string out;
  const auto notes =
      encode_embeddings_request(call->request, "t", static_cast<Quirks>(Quirk::no_user), out);
  EXPECT_EQ(out, R"({"model":"t","input":["a"],"dimensions":8,"encoding_format":"float"})");
  EXPECT_EQ(notes.dropped, std::vector<std::string>{"user"});
  EXPECT_FALSE(decode_text(R"({"model":"m","input":"a","encoding_format":"hex"})"));
}

// 1.0 is 0x3F800000 and -2.5 is 0xC0200000, the lowest byte first.
constexpr std::string_view packed = "AACAPwAAIMA=";

TEST(EmbeddingsResponse, GivesFloatsOrTheirBytesWhicheverCameIn) {
  for (const std::string embedding : {"[1,-2.5]", "\"AACAPwAAIMA=\""}) {
    const auto response = decode_answer(R"({"object":"list","model":"m","data":[{"index":0,)"
                                        R"("embedding":)" +
                                        embedding + R"(}],"usage":{"prompt_tokens":4}})");
    ASSERT_TRUE(response) << response.error().message;
    std::string floats;
    encode_embeddings_response(*response, EmbeddingFormat::floats, floats);
    EXPECT_EQ(floats,
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,-2.5]}],)"
              R"("model":"m","usage":{"prompt_tokens":4,"total_tokens":4}})");
    std::string bytes;
    encode_embeddings_response(*response, EmbeddingFormat::base64, bytes);
    EXPECT_NE(bytes.find(packed), std::string::npos) << bytes;
  }
}

// A float32 written as a double would be 0.10000000149011612.
TEST(EmbeddingsResponse, WritesAFloatInItsShortestForm) {
  std::string out;
  encode_embeddings_response({.model = "m", .vectors = {{0.1F}}, .input_tokens = {}},
                             EmbeddingFormat::floats, out);
  EXPECT_NE(out.find("[0.1]"), std::string::npos) << out;
}

TEST(EmbeddingsResponse, PutsVectorsInOrderAndRefusesBrokenOnes) {
  const auto response =
      decode_answer(R"({"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->vectors, (std::vector<std::vector<float>>{{1}, {2}}));
  for (const auto* broken :
       {R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
        R"({"data":[{"index":1,"embedding":[1]}]})", R"({"data":[{"index":0}]})",
        R"({"data":[{"embedding":"AACAP"}]})", R"({"data":[{"embedding":"AADAfw=="}]})",
        R"({"data":[{"embedding":[1e300]}]})", R"({})"}) {
    const auto refused = decode_answer(broken);
    ASSERT_FALSE(refused) << broken;
    EXPECT_EQ(refused.error().code, ErrorCode::upstream_malformed);
  }
}

}  // namespace
}  // namespace weir::wire::openai
