// SPDX-License-Identifier: Apache-2.0
#include "pipeline/service_operation.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "pipeline/service_relay.hpp"

namespace weir::pipeline {
namespace {

using providers::Service;

/// A body kept in a string; reads never wait.
class TextBody final : public KeptBody {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
  net::Task<Result<std::size_t>> read(std::uint64_t offset, std::span<char> into) override {
    const auto size = text_.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
    co_return Result<std::size_t>(size);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

net::Task<void> read_into(net::BodySource& source, std::string& out) {
  for (;;) {
    const Result<std::string_view> piece = co_await source.next();
    if (!piece || piece->empty()) co_return;
    out.append(*piece);
  }
}

/// Everything a source gives from its start.
std::string all_of(net::BodySource& source) {
  std::string out;
  source.rewind();
  net::TaskSet tasks;
  tasks.spawn(read_into(source, out));
  return out;
}

Target target_with(std::string model) {
  Target target;
  target.model = std::move(model);
  target.service_paths[static_cast<std::size_t>(Service::transcriptions)] = "/v1/transcribe";
  target.service_paths[static_cast<std::size_t>(Service::rerank)] = "/v1/rerank";
  return target;
}

std::string form_of(std::string_view fields) {
  return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" +
         std::string(300'000, 'x') + "\r\n" + std::string(fields) + "--b--\r\n";
}

std::string field(std::string_view name, std::string_view value) {
  return "--b\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" +
         std::string(value) + "\r\n";
}

/// What goes out for a form that came in.
struct Sent {
  std::string body;
  std::string again;
  std::uint64_t size = 0;
  std::string content_type;
};

Sent send(const std::string& text, const Target& target) {
  TextBody body(text);
  wire::MultipartScanner scanner("b");
  EXPECT_TRUE(scanner.feed(text));
  auto operation =
      ServiceOperation::make(Service::transcriptions, Form{"b", scanner.parts(), body});
  EXPECT_TRUE(operation);
  auto outgoing = (*operation)->prepare(target);
  EXPECT_TRUE(outgoing);
  Sent sent;
  sent.body = all_of(*outgoing->source);
  sent.again = all_of(*outgoing->source);
  sent.size = outgoing->source->size();
  sent.content_type = outgoing->content_type;
  return sent;
}

TEST(ServiceOperation, SendsAFormWithTheTargetsModelAsOftenAsAsked) {
  const std::string text = form_of(field("prompt", "hi") + field("model", "smart"));
  std::string expected = text;
  expected.replace(expected.rfind("smart"), 5, "whisper-large-v3");
  const Sent sent = send(text, target_with("whisper-large-v3"));
  EXPECT_EQ(sent.body, expected);
  EXPECT_EQ(sent.again, expected);
  EXPECT_EQ(sent.size, expected.size());
  EXPECT_EQ(sent.content_type, "multipart/form-data; boundary=b");
}

TEST(ServiceOperation, AddsAModelToAFormThatNamesNone) {
  const std::string text = form_of(field("language", "de"));
  const Sent sent = send(text, target_with("whisper-1"));
  EXPECT_EQ(sent.body, field("model", "whisper-1") + text);
  EXPECT_EQ(sent.size, sent.body.size());
}

TEST(ServiceOperation, SkipsTargetsWithoutTheServiceAndNamesIt) {  // F-3
  json::Document document;
  ASSERT_TRUE(document.parse(R"({"model":"m","input":"a"})"));
  const auto operation = ServiceOperation::make(Service::moderations, document.root());
  ASSERT_TRUE(operation);
  const auto lack = (*operation)->lacks(target_with("m"));
  ASSERT_TRUE(lack.has_value());
  EXPECT_EQ(lack->reason, "no moderation here");
  const auto rerank = ServiceOperation::make(Service::rerank, document.root());
  ASSERT_TRUE(rerank);
  EXPECT_FALSE((*rerank)->lacks(target_with("m")).has_value());
}

TEST(ServiceOperation, ChangesOnlyTheModelOfAJsonRequest) {
  json::Document document;
  ASSERT_TRUE(document.parse(R"({ "query":"a", "model" : "smart","x_new":[1e2] })"));
  const auto operation = ServiceOperation::make(Service::rerank, document.root());
  ASSERT_TRUE(operation);
  const Target target = target_with("rerank-v4");
  const auto outgoing = (*operation)->prepare(target);
  ASSERT_TRUE(outgoing);
  EXPECT_EQ(outgoing->path, "/v1/rerank");
  EXPECT_EQ(outgoing->body, R"({ "query":"a", "model" : "rerank-v4","x_new":[1e2] })");
}

TEST(ServiceOperation, PassesOnlyBytesThatCanBeWhatWasAsked) {
  const auto passes = [](Service service, std::string_view request, std::string_view type) {
    json::Document document;
    EXPECT_TRUE(document.parse(request));
    const auto operation = ServiceOperation::make(service, document.root());
    return operation && (*operation)->passes_bytes(type);
  };
  EXPECT_TRUE(passes(Service::speech, R"({"model":"m"})", "audio/mpeg"));
  EXPECT_TRUE(passes(Service::speech, R"({"model":"m"})", ""));
  EXPECT_FALSE(passes(Service::speech, R"({"model":"m"})", "text/html"));
  EXPECT_FALSE(passes(Service::speech, R"({"model":"m"})", "application/json"));
  EXPECT_TRUE(passes(Service::transcriptions, R"({"response_format":"srt"})", "text/plain"));
  EXPECT_FALSE(passes(Service::transcriptions, R"({"response_format":"srt"})", "text/html"));
  EXPECT_FALSE(passes(Service::transcriptions, R"({"model":"m"})", "text/plain"));
  EXPECT_FALSE(passes(Service::moderations, R"({"model":"m"})", "text/plain"));
}

TEST(ServiceRelay, PassesJsonAndReadsItsUse) {
  const auto relay = make_service_relay({.answer_members = {"results", "data"}, .answers = 1});
  std::string out;
  const std::string answer = R"({"results":[],"usage":{"total_tokens":7}})";
  ASSERT_TRUE(relay->whole(answer, out));
  EXPECT_EQ(out, answer);
  EXPECT_EQ(relay->facts().usage->input, 7);
}

TEST(ServiceRelay, TellsFaultsAndEmptyAnswersFromAnswers) {  // C-1
  const auto whole = [](std::string_view text) {
    const auto relay = make_service_relay({.answer_members = {"data", "data"}, .answers = 1});
    std::string out;
    const bool is_taken = relay->whole(text, out).has_value();
    return relay->facts().fault ? "fault" : is_taken ? "answer" : "malformed";
  };
  EXPECT_STREQ(whole(R"({"data":[]})"), "answer");
  EXPECT_STREQ(whole(R"({"error":{"message":"no"}})"), "fault");
  EXPECT_STREQ(whole(R"({})"), "malformed");
  EXPECT_STREQ(whole("<html>"), "malformed");
}

// Which events come is the provider's matter; they keep their names and every byte of their data.
TEST(ServiceRelay, PassesAStreamHoweverItIsCut) {
  const std::string stream =
      ": hello\n\nevent: image_generation.partial_image\n"
      "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"QQ==\"}\n\n"
      "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\","
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n\n";
  for (std::size_t stride = 1; stride <= stream.size(); ++stride) {
    const auto relay = make_service_relay({.answer_members = {"data", "data"}, .answers = 1});
    std::string out;
    for (std::size_t at = 0; at < stream.size(); at += stride) {
      ASSERT_TRUE(relay->feed(std::string_view(stream).substr(at, stride), out));
    }
    ASSERT_TRUE(relay->end(out));
    relay->finish(out);
    EXPECT_EQ(out, stream.substr(9)) << stride;
    EXPECT_TRUE(relay->facts().is_complete);
    EXPECT_EQ(relay->facts().usage->output, 4);
  }
}

TEST(ServiceRelay, KnowsAStreamThatBrokeOff) {  // S-9: no end, no answer
  const auto relay = make_service_relay({.answer_members = {}, .answers = 1});
  std::string out;
  ASSERT_TRUE(relay->feed("data: {\"type\":\"speech.audio.delta\",\"audio\":\"QQ==\"}\n\n", out));
  ASSERT_TRUE(relay->end(out));
  EXPECT_FALSE(relay->facts().is_complete);
}

TEST(RawRelay, PassesEverythingAndReadsUseWhereItCan) {
  std::string out;
  const auto json = make_raw_relay("application/json");
  ASSERT_TRUE(json->feed(R"({"usage":{"input)", out));
  ASSERT_TRUE(json->feed(R"(_tokens":9}})", out));
  ASSERT_TRUE(json->end(out));
  EXPECT_EQ(out, R"({"usage":{"input_tokens":9}})");
  EXPECT_EQ(json->facts().usage->input, 9);

  out.clear();
  const auto sound = make_raw_relay("audio/mpeg");
  ASSERT_TRUE(sound->feed(std::string_view("\0\xff{", 3), out));
  ASSERT_TRUE(sound->end(out));
  EXPECT_EQ(out, std::string_view("\0\xff{", 3));
  EXPECT_FALSE(sound->facts().usage);
}

}  // namespace
}  // namespace weir::pipeline
