// SPDX-License-Identifier: Apache-2.0
#include "pipeline/seals.hpp"

#include <gtest/gtest.h>

#include "pipeline/codecs.hpp"
#include "pipeline/loop_test_support.hpp"

namespace weir::pipeline {
namespace {

using wire::Dialect;
using wire::Vendor;

Target target_of(Dialect dialect, std::string type, std::string model, wire::Quirks quirks = 0) {
  auto upstream = std::make_shared<Upstream>();
  upstream->type = std::move(type);
  upstream->quirks = quirks;
  Target target;
  target.upstream = std::move(upstream);
  target.dialect = dialect;
  target.model = std::move(model);
  return target;
}

TEST(Seals, F8AVendorsOwnApiTakesThatVendorsSeals) {
  const auto taken = [](Dialect dialect) {
    return seals_taken(target_of(dialect, "x", "m"), Dialect::openai_chat);
  };
  EXPECT_EQ(taken(Dialect::anthropic), wire::set_of(Vendor::anthropic));
  EXPECT_EQ(taken(Dialect::gemini), wire::set_of(Vendor::google));
  EXPECT_EQ(taken(Dialect::openai_responses), wire::set_of(Vendor::openai));
  EXPECT_EQ(taken(Dialect::ollama), 0);
}

// Behind one chat API there are models of many vendors: the name tells, and where it does not, a
// server that could be a router may have made the seal itself.
TEST(Seals, F8BehindAChatApiTheModelsNameTells) {
  const auto taken = [](std::string type, std::string model, wire::Quirks quirks, Dialect client) {
    return seals_taken(target_of(Dialect::openai_chat, std::move(type), std::move(model), quirks),
                       client);
  };
  constexpr wire::Quirks router = wire::Quirks{} | wire::Quirk::replay_reasoning;
  const Dialect own = Dialect::openai_chat;
  EXPECT_EQ(taken("openrouter", "anthropic/claude-sonnet-5", router, Dialect::anthropic),
            wire::set_of(Vendor::anthropic));
  EXPECT_EQ(taken("openrouter", "openrouter/auto", router, own), wire::every_vendor);
  EXPECT_EQ(taken("custom", "google/gemini-3", 0, own), wire::set_of(Vendor::google));
  EXPECT_EQ(taken("custom", "mine", 0, own), wire::every_vendor);
  EXPECT_EQ(taken("custom", "mine", 0, Dialect::gemini), 0) << "such seals are not written there";
  EXPECT_EQ(taken("groq", "llama", 0, own), 0);
}

wire::RequestPeek peeked(Dialect client, std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  auto request = codec_of(client).peek_request(document.root());
  if (request) return *std::move(request);
  ADD_FAILURE() << request.error().message;
  return {};
}

TEST(Seals, F8EveryDialectsRequestTellsWhoseSealsItCarries) {
  const wire::VendorSet google = wire::set_of(Vendor::google);
  const wire::VendorSet anthropic = wire::set_of(Vendor::anthropic);
  const wire::RequestPeek messages = peeked(
      Dialect::anthropic,
      R"({"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[)"
      R"({"type":"thinking","thinking":"Hm.","signature":"EqQB"}]},{"role":"user","content":"a"}]})");
  EXPECT_EQ(messages.seals, anthropic);
  EXPECT_FALSE(messages.has_foreign_items);

  const wire::RequestPeek contents =
      peeked(Dialect::gemini,
             R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},)"
             R"("thoughtSignature":"CpQB"}]},{"role":"user","parts":[{"text":"a"}]}]})");
  EXPECT_EQ(contents.seals, google);

  const wire::RequestPeek items = peeked(
      Dialect::openai_responses,
      R"({"model":"m","input":[{"type":"reasoning","encrypted_content":"gAAA","summary":[]},)"
      R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}","signature":"CpQB"}]})");
  EXPECT_EQ(items.seals, google | wire::set_of(Vendor::openai));
  EXPECT_EQ(items.last_seal, Vendor::google);

  const wire::RequestPeek chat = peeked(
      Dialect::openai_chat,
      R"({"model":"m","messages":[{"role":"assistant","content":"b","reasoning_details":[)"
      R"({"type":"reasoning.text","text":"Hm.","signature":"EqQB","format":"anthropic-claude-v1"}]},)"
      R"({"role":"user","content":"a"}]})");
  EXPECT_EQ(chat.seals, anthropic);
}

TEST(Seals, ThoughtsWithoutASealBindARequestToNobody) {
  const wire::RequestPeek contents = peeked(
      Dialect::gemini,
      R"({"contents":[{"role":"model","parts":[{"text":"Hm.","thought":true},{"functionCall":)"
      R"({"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"}]}]})");
  EXPECT_EQ(contents.seals, 0);
  const wire::RequestPeek messages = peeked(
      Dialect::anthropic,
      R"({"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[)"
      R"({"type":"thinking","thinking":"Hm.","signature":""}]},{"role":"user","content":"a"}]})");
  EXPECT_EQ(messages.last_seal, Vendor::unknown);
}

Script answers(std::string_view text) {
  return {.pieces = {{0ms, said(text)}, {0ms, stopped(), true}}};
}
Script refuses(int status, std::string_view message) {
  return {.status = status,
          .content_type = "application/json",
          .pieces = {{0ms, R"({"error":{"message":")" + std::string(message) + R"("}})", true}}};
}
constexpr std::string_view seal_refusal =
    "messages.1.content.0: Invalid `signature` in `thinking` block";

class SealedCallTest : public testing::Test {
 protected:
  SealedCallTest() {
    rig.operation.is_sealed = true;
    rig.operation.reader = "b";
  }
  Rig rig;
};

TEST_F(SealedCallTest, F8WhoCanReadTheSealIsAskedFirst) {
  rig.add("a/m", {answers("no")});
  rig.add("b/m", {answers("hi")});
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

TEST_F(SealedCallTest, F8AnotherAnswersWhereNobodyWhoReadsTheSealCan) {
  rig.add("a/m", {answers("hi")});
  rig.add("b/m", {refuses(500, "down")});
  rig.route().retries.attempts_per_target = 1;
  EXPECT_EQ(rig.finish().outcome, Outcome::completed);
  EXPECT_EQ(rig.operation.asked, (std::vector<std::string>{"b/m", "a/m"}));
}

TEST_F(SealedCallTest, F8ARefusedSealIsTakenOutAndTheSameTargetAskedOnceMore) {
  rig.add("b/m", {refuses(400, seal_refusal), answers("hi")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::completed);
  EXPECT_EQ(result.attempts, 2);
  EXPECT_FALSE(rig.operation.is_sealed);
}

TEST_F(SealedCallTest, F8ThereIsNoThirdAttemptWithoutTheSeal) {
  rig.add("b/m", {refuses(400, seal_refusal), refuses(400, seal_refusal), answers("no")});
  const CallResult& result = rig.finish();
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.attempts, 2);
}

TEST_F(SealedCallTest, R8WhoWantsNoRetryGetsTheRefusal) {
  rig.add("b/m", {refuses(400, seal_refusal), answers("no")});
  EXPECT_EQ(rig.finish({.no_retry = true}).attempts, 1);
}

// Being slow is no reason to go where the thoughts are lost.
TEST_F(SealedCallTest, F8NoSecondAttemptIsStartedWhereTheSealIsLost) {
  rig.add("a/m", {answers("no")});
  rig.add("b/m", {{.head_after = 50s, .pieces = {{0ms, said("hi")}, {0ms, stopped(), true}}}});
  EXPECT_EQ(rig.finish().attempts, 1);
  EXPECT_EQ(rig.operation.asked, std::vector<std::string>{"b/m"});
}

}  // namespace
}  // namespace weir::pipeline
