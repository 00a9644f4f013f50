// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/embeddings.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace weir::wire::gemini {
namespace {

Result<EmbeddingsResponse> decode(std::string_view text) {
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode_embeddings_response(document.root());
}

TEST(GeminiEmbeddings, SendsEveryInputAsARequestThatNamesTheModel) {
  EmbeddingsRequest request;
  request.inputs = {{.text = "a", .tokens = ""}, {.text = "b", .tokens = ""}};
  request.dimensions = 256;
  request.user = "u";
  std::string out;
  const auto notes = encode_embeddings_request(request, "emb-1", out);
  ASSERT_TRUE(notes);
  EXPECT_EQ(out, R"({"requests":[{"model":"models/emb-1","content":{"parts":[{"text":"a"}]},)"
                 R"("outputDimensionality":256},{"model":"models/emb-1","content":{"parts":)"
                 R"([{"text":"b"}]},"outputDimensionality":256}]})");
  EXPECT_EQ(notes->dropped, std::vector<std::string>{"user"});
  EXPECT_EQ(embeddings_path("models/emb-1"), "/models/emb-1:batchEmbedContents");
}

TEST(GeminiEmbeddings, RefusesTokensAndNothing) {
  EmbeddingsRequest request;
  std::string out;
  const auto empty = encode_embeddings_request(request, "emb-1", out);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ErrorCode::invalid_request);
  request.inputs = {{.text = "", .tokens = "[1,2]"}};
  const auto tokens = encode_embeddings_request(request, "emb-1", out);
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code, ErrorCode::unsupported_capability);
}

TEST(GeminiEmbeddings, ReadsManyVectorsOrOne) {
  const auto many = decode(R"({"embeddings":[{"values":[0.5,-1]},{"values":[]}],
      "usageMetadata":{"promptTokenCount":4}})");
  ASSERT_TRUE(many);
  EXPECT_EQ(many->vectors, (std::vector<std::vector<float>>{{0.5F, -1.0F}, {}}));
  EXPECT_EQ(many->input_tokens, 4);
  const auto one = decode(R"({"embedding":{"values":[2]}})");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->vectors, (std::vector<std::vector<float>>{{2.0F}}));
  EXPECT_EQ(one->input_tokens, std::nullopt);
}

// S-11.8: a negative count would be a negative price.
TEST(GeminiEmbeddings, S118BelievesNoCountThatCantBe) {
  const auto read = [](const std::string& count) {
    const auto response = decode(
        R"({"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":)" + count + "}}");
    EXPECT_TRUE(response) << count;
    return response ? *response : EmbeddingsResponse();
  };
  for (const char* count : {"-3", "1.5", "1000000000001", "1e30"}) {
    EXPECT_TRUE(read(count).is_impossible) << count;
  }
  EXPECT_EQ(read("4").input_tokens, 4);
  EXPECT_FALSE(read("4").is_impossible);
  EXPECT_FALSE(read("null").input_tokens);
}

TEST(GeminiEmbeddings, RefusesWhatIsNoVectorAndBoundsWhatNoFloatHolds) {
  EXPECT_FALSE(decode(R"({"embeddings":[{}]})"));
  EXPECT_FALSE(decode(R"({"embeddings":[{"values":["1"]}]})"));
  EXPECT_FALSE(decode(R"({"object":"list"})"));
  const auto huge = decode(R"({"embedding":{"values":[1e300]}})");
  ASSERT_TRUE(huge);
  EXPECT_TRUE(std::isfinite(huge->vectors[0][0]));
}

}  // namespace
}  // namespace weir::wire::gemini
