// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/services.hpp"

#include <gtest/gtest.h>

namespace weir::wire::openai {
namespace {

Result<ServicePeek> peek(std::string_view text) {
  json::Document document;
  const auto parsed = document.parse(text);
  EXPECT_TRUE(parsed);
  return peek_service_request(document.root());
}

std::optional<Usage> usage(std::string_view text) {
  json::Document document;
  const auto parsed = document.parse(text);
  EXPECT_TRUE(parsed);
  return read_service_usage(document.root());
}

FormPart field(std::string name, std::string value) {
  FormPart part;
  part.name = std::move(name);
  part.size = value.size();
  part.value = std::move(value);
  return part;
}

FormPart file(std::string name) {
  FormPart part;
  part.name = std::move(name);
  part.is_file = true;
  part.size = 5;
  return part;
}

TEST(PeekServiceRequest, ReadsWhatRoutingNeeds) {
  const auto image = peek(R"({"model":"gpt-image-1","prompt":"a","n":3,"stream":true})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->model, "gpt-image-1");
  EXPECT_EQ(image->n, 3);
  EXPECT_TRUE(image->stream);
  const auto speech = peek(R"({"model":"tts","input":"a","stream_format":"sse"})");
  ASSERT_TRUE(speech);
  EXPECT_TRUE(speech->stream);
  const auto plain = peek(R"({"input":"a","stream_format":"audio"})");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->stream);
  EXPECT_EQ(plain->model, "");
}

TEST(PeekServiceRequest, RefusesWrongTypesDuplicatesAndRouting) {  // E-5
  for (const std::string_view text :
       {R"({"model":1})", R"({"model":"a","model":"b"})", R"({"model":"a","stream":"yes"})",
        R"({"model":"a","n":0})", R"({"model":"a","api_base":"http://10.0.0.1"})", R"([])"}) {
    const auto read = peek(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_request) << text;
  }
}

TEST(PeekServiceForm, FindsItsFieldsWhereverTheyStand) {
  const auto form =
      peek_service_form({file("file"), field("prompt", "model"), field("response_format", "srt"),
                         field("model", "whisper-1"), field("stream", "True"), field("n", "2")});
  ASSERT_TRUE(form);
  EXPECT_EQ(form->model, "whisper-1");
  EXPECT_EQ(form->response_format, "srt");
  EXPECT_TRUE(form->stream);
  EXPECT_EQ(form->n, 2);
}

TEST(PeekServiceForm, RefusesWhatTwoReadersCouldReadDifferently) {  // E-5
  EXPECT_FALSE(peek_service_form({field("model", "a"), field("model", "b")}));
  EXPECT_FALSE(peek_service_form({file("model")}));
  EXPECT_FALSE(peek_service_form({field("n", "2x")}));
  EXPECT_FALSE(peek_service_form({field("base_url", "http://10.0.0.1")}));
  FormPart cut = field("model", "a");
  cut.size = 5000;
  EXPECT_FALSE(peek_service_form({cut}));
  EXPECT_TRUE(peek_service_form({file("image[]"), file("image[]"), field("model", "a")}));
}

TEST(ReadServiceUsage, KnowsTheNamesInUse) {
  const auto image = usage(R"({"usage":{"input_tokens":12,"output_tokens":4160,
      "total_tokens":4172,"input_tokens_details":{"text_tokens":12,"image_tokens":0}}})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->input, 12);
  EXPECT_EQ(image->output, 4160);
  const auto spoken = usage(R"({"text":"a","usage":{"type":"tokens","input_tokens":14,
      "input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45}})");
  ASSERT_TRUE(spoken);
  EXPECT_EQ(spoken->input_audio, 14);
  const auto timed = usage(R"({"text":"a","usage":{"type":"duration","seconds":2.5}})");
  ASSERT_TRUE(timed);
  EXPECT_EQ(timed->audio_ms, 2500);
  EXPECT_EQ(timed->input, 0);
  const auto jina = usage(R"({"results":[],"usage":{"total_tokens":815}})");
  ASSERT_TRUE(jina);
  EXPECT_EQ(jina->input, 815);
  const auto cohere = usage(R"({"results":[],"meta":{"billed_units":{"search_units":1}}})");
  ASSERT_TRUE(cohere);
  EXPECT_EQ(cohere->search_units, 1);
}

TEST(ReadServiceUsage, SaysNothingWhereTheAnswerDoes) {
  EXPECT_FALSE(usage(R"({"results":[]})"));
  EXPECT_FALSE(usage(R"({"usage":null})"));
  EXPECT_FALSE(usage(R"({"usage":{"input_tokens":-5,"seconds":"long"},"meta":[]})"));
  EXPECT_EQ(usage(R"({"usage":{"input_tokens":1e300}})")->input, 1'000'000'000'000);
}

TEST(ClassifyServiceEvent, TellsTheEndOfAnAnswerFromItsPieces) {
  const auto classify = [](std::string_view text) {
    json::Document document;
    EXPECT_TRUE(document.parse(text));
    return classify_service_event(document.root());
  };
  EXPECT_EQ(classify(R"({"type":"speech.audio.delta","audio":"QQ=="})"), ServiceEvent::partial);
  EXPECT_EQ(classify(R"({"type":"speech.audio.done"})"), ServiceEvent::finished);
  EXPECT_EQ(classify(R"({"type":"transcript.text.segment"})"), ServiceEvent::partial);
  EXPECT_EQ(classify(R"({"type":"image_generation.completed"})"), ServiceEvent::finished);
  EXPECT_EQ(classify(R"({"text":"no type"})"), ServiceEvent::partial);
}

}  // namespace
}  // namespace weir::wire::openai
