// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "api/admission.hpp"
#include "api/answer_pipe.hpp"
#include "api/canonical_operation.hpp"
#include "pipeline/defaults.hpp"
#include "api/convert.hpp"
#include "api/options_text.hpp"
#include "api/stream_queue.hpp"
#include "net/epoll_loop.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;

/// Runs coroutines on a loop of its own until all have ended.
class OnLoop : public ::testing::Test {
 protected:
  void run(net::Task<void> task) {
    tasks_.spawn(run_to_end(std::move(task)));
    loop_.run();
  }
  net::EpollLoop loop_;
  net::Cancellation cancellation_;
  net::TaskSet tasks_;

 private:
  net::Task<void> run_to_end(net::Task<void> task) {
    co_await std::move(task);
    loop_.stop();
  }
};

class WakeupTest : public OnLoop {
 protected:
  net::Task<void> wait(net::Duration timeout, int waits) {
    Wakeup wakeup(loop_);
    sender_ = wakeup.sender();
    if (is_noticed_first_) sender_.notify();
    if (is_noticed_later_) {
      notifier_ = std::thread([sender = sender_] { sender.notify(); });
    }
    for (int i = 0; i < waits; ++i) {
      Wakeup::Wait waiting(wakeup, timeout, cancellation_);
      const bool is_woken = co_await waiting;
      results_.push_back(is_woken);
    }
    if (notifier_.joinable()) notifier_.join();
  }

  Wakeup::Sender sender_;
  std::thread notifier_;
  bool is_noticed_first_ = false;
  bool is_noticed_later_ = false;
  std::vector<bool> results_;
};

TEST_F(WakeupTest, IsWokenByAnotherThread) {
  is_noticed_later_ = true;
  run(wait(10s, 1));
  EXPECT_EQ(results_, std::vector<bool>{true});
}

TEST_F(WakeupTest, RemembersANoticeThatCameEarly) {
  is_noticed_first_ = true;
  run(wait(20ms, 2));
  EXPECT_EQ(results_, (std::vector<bool>{true, false}));  // one notice, one wait
}

TEST_F(WakeupTest, EndsAWaitThatIsCancelled) {
  loop_.post([this] { cancellation_.cancel(); });
  run(wait(10s, 1));
  EXPECT_EQ(results_, std::vector<bool>{false});
}

TEST_F(WakeupTest, TakesNoticesAfterItsEnd) {
  run(wait(20ms, 1));
  sender_.notify();
  Wakeup::Sender().notify();
}

TEST(AnswerPipe, HoldsTheProviderBackUntilItIsRead) {
  AnswerPipe pipe({});
  const std::string block(AnswerPipe::bytes_max, 'x');
  std::atomic<bool> is_second_in = false;
  std::thread provider([&] {
    EXPECT_TRUE(pipe.write(block));
    EXPECT_TRUE(pipe.write("y"));
    is_second_in = true;
    pipe.end();
  });
  std::string out;
  std::size_t read = 0;
  while (!pipe.take(out)) read += out.size();
  provider.join();
  EXPECT_EQ(read + out.size(), block.size() + 1);
}

TEST(AnswerPipe, LetsAProviderGoWhenNobodyReads) {
  AnswerPipe pipe({});
  EXPECT_TRUE(pipe.write(std::string(2 * AnswerPipe::bytes_max, 'x')));
  std::thread reader([&] { pipe.close(); });
  EXPECT_FALSE(pipe.write("y"));
  reader.join();
  EXPECT_FALSE(pipe.is_wanted());
}

TEST(Answer, KeepsTheOrderAndTheSignaturesOfAStream) {
  using enum wire::StreamEvent::Type;
  Answer answer(true);
  answer.add({.type = start, .id = "r1", .model = "m"});
  answer.add({.type = reasoning, .text = "hm "});
  answer.add({.type = reasoning, .text = "yes"});
  answer.add({.type = reasoning_signature, .text = "sig", .sealed_by = wire::Vendor::anthropic});
  answer.add({.type = reasoning, .text = "next"});
  answer.add({.type = text, .text = "I "});
  answer.add({.type = text, .choice = 1, .text = "another choice"});
  answer.add({.type = text, .text = "look"});
  answer.add({.type = tool_call_begin, .tool = 0, .id = "c0", .name = "f"});
  answer.add({.type = tool_call_begin, .tool = 1, .id = "c1", .name = "g"});
  answer.add({.type = tool_call_delta, .tool = 0, .text = "{\"a\""});
  answer.add({.type = tool_call_delta, .tool = 1, .text = "{}"});
  answer.add({.type = tool_call_delta, .tool = 0, .text = ":1}"});
  answer.add({.type = tool_call_end, .tool = 0});
  answer.add({.type = tool_call_end, .tool = 1});
  answer.add({.type = finish, .finish = wire::Finish::tool_calls});
  EXPECT_EQ(answer.take_pieces().size(), 7U);
  EXPECT_TRUE(answer.take_pieces().empty());

  const ChatResponse response = answer.finish();
  EXPECT_EQ(response.id, "r1");
  EXPECT_EQ(response.text, "I look");
  EXPECT_EQ(response.finish, Finish::tool_calls);
  const std::vector<Item> items{
      Reasoning{.text = "hm yes", .signature = "sig", .sealed_by = "anthropic-claude-v1"},
      Reasoning{.text = "next"}, assistant_message("I look"),
      ToolCall{.id = "c0", .name = "f", .arguments = "{\"a\":1}"},
      ToolCall{.id = "c1", .name = "g", .arguments = "{}"}};
  EXPECT_EQ(response.items, items);
}

// Two attempts may write at once, and one of them for nobody.
TEST(ValueForm, EachStreamIsReadByItself) {
  using enum wire::StreamEvent::Type;
  const ValueForm form;
  const auto loser = form.make_stream_encoder({.id = "r1", .model = "slow"});
  const auto winner = form.make_stream_encoder({.id = "r2", .model = "fast"});
  std::string lost;
  std::string won;
  loser->encode({.type = text, .text = "never shown"}, lost);
  winner->encode({.type = reasoning, .text = "hm"}, won);
  winner->encode({.type = reasoning_signature, .text = "sig", .sealed_by = wire::Vendor::anthropic},
                 won);
  winner->encode({.type = text, .text = "shown"}, won);
  const wire::Usage told;
  winner->encode({.type = usage, .usage = &told}, won);
  winner->encode({.type = tool_call_begin, .tool = 0, .id = "c0", .name = "f", .signature = "s"},
                 won);
  winner->encode({.type = tool_call_end, .tool = 0}, won);
  winner->encode({.type = finish, .finish = wire::Finish::tool_calls}, won);
  winner->finish(won);

  Answer answer(true);
  ValueForm::read_events(won, answer);
  EXPECT_EQ(answer.take_pieces().size(), 3U);
  const ChatResponse response = answer.finish();
  EXPECT_EQ(response.id, "r2");
  EXPECT_EQ(response.model, "fast");
  EXPECT_EQ(response.finish, Finish::tool_calls);
  const std::vector<Item> items{
      Reasoning{.text = "hm", .signature = "sig", .sealed_by = "anthropic-claude-v1"},
      assistant_message("shown"), ToolCall{.id = "c0", .name = "f", .signature = "s"}};
  EXPECT_EQ(response.items, items);
}

TEST(ValueForm, FindsTheWholeAnswerThatWasHandedOver) {
  const ValueForm form;
  std::string first;
  std::string second;
  wire::ChatResponse response;
  response.id = "r1";
  form.encode_response(response, first);
  response.id = "r2";
  form.encode_response(response, second);
  ASSERT_NE(form.response(second), nullptr);
  EXPECT_EQ(form.response(second)->id, "r2");
  EXPECT_EQ(form.response(first)->id, "r1");
  EXPECT_EQ(form.response(""), nullptr);
  EXPECT_EQ(form.response("7"), nullptr);
  EXPECT_EQ(form.response("{}"), nullptr);
}

// U-9, S-9.12
TEST(CanonicalOperation, AsksForNoMoreThanIsPaidForAndForTheRestOfABegunAnswer) {
  wire::ChatRequest request;
  wire::Message question;
  question.parts.push_back(wire::Part::text_of("hi"));
  request.items.emplace_back(std::move(question));
  const ValueForm form;
  CanonicalOperation operation(std::move(request), true, form, "req_1");
  auto upstream = std::make_shared<pipeline::Upstream>();
  pipeline::Target target;
  target.upstream = upstream;
  target.model = "m";
  target.chat_stream_path = "/chat";
  operation.limit_output(7);
  const auto outgoing = operation.prepare(target);
  ASSERT_TRUE(outgoing) << outgoing.error().message;
  EXPECT_NE(outgoing->body.find(":7"), std::string::npos) << outgoing->body;
  const auto rest = operation.prepare_prefilled(target, {.text = "so far", .others = ""});
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->path, "/chat");
  EXPECT_LT(rest->body.find("\"hi\""), rest->body.find("\"so far\"")) << rest->body;
}

TEST(Convert, GivesBackTheSameItems) {
  const std::vector<Item> items{
      system_message("s"),
      Message{.role = Role::user,
              .parts = {Part::of_text("look"), Part::of_image_url("https://example.com/a.png")}},
      Reasoning{.text = "t",
                .summary = {"a"},
                .id = "i",
                .signature = "s",
                .encrypted = "e",
                .sealed_by = "google-gemini-v1"},
      ToolCall{.id = "c", .name = "f", .arguments = "{}", .signature = "g"},
      ToolResult{.call_id = "c", .text = "r", .is_error = true}};
  EXPECT_EQ(to_public(to_canonical(items)), items);
}

TEST(Convert, RefusesAResultWithoutItsCall) {
  ChatRequest request;
  request.items.emplace_back(ToolResult{.call_id = "lost", .text = "r"});
  EXPECT_EQ(to_canonical(request).error().param, "items");
}

TEST(FillDefaults, FillsOnlyWhatTheCallerLeftOpen) {
  wire::ChatRequest request;
  request.sampling.temperature = 0.1;
  ASSERT_TRUE(pipeline::fill_defaults(
      request, {{"temperature", "0.9"}, {"max_tokens", "100"}, {"custom_switch", "true"}}));
  EXPECT_EQ(request.sampling.temperature, 0.1);
  EXPECT_EQ(request.output_tokens_max, 100);
  ASSERT_EQ(request.extra.members.size(), 1U);
  EXPECT_EQ(request.extra.members[0].key, "custom_switch");
  EXPECT_FALSE(pipeline::fill_defaults(request, {{"temperature", "\"hot\""}}));
}

TEST(OptionsText, IsReadBackAsItWasMeant) {
  GatewayOptions options;
  options.providers.push_back({.name = "near",
                               .type = "custom",
                               .base_url = "http://127.0.0.1:9347/v1",
                               .headers = {{"x-team", "a \"b\" \\ c"}},
                               .models = {{.id = "m",
                                           .aliases = {"other"},
                                           .context_tokens = 1000,
                                           .capabilities = {{Capability::tools}},
                                           .input_price = "2.5",
                                           .output_price = "10"}},
                               .more = {{"local", "true"}}});
  options.routes.push_back({.name = "r",
                            .targets = {{"near/m", 3}},
                            .strategy = Strategy::weighted,
                            .may_fail_over = false});
  options.drain_timeout = 1500ms;
  const auto text = options_text(options);
  ASSERT_TRUE(text);
  const auto config = read_config(*text, {});
  ASSERT_TRUE(config) << config.error().message;
  const auto& near = config->providers.front();
  EXPECT_EQ(near.base_url, "http://127.0.0.1:9347/v1");  // a server on Weir's port is no loop here
  EXPECT_TRUE(near.local);
  EXPECT_EQ(near.headers.front().second.reveal(), "a \"b\" \\ c");
  EXPECT_EQ(near.models.front().context, 1000);
  const auto& route = config->models.front();
  EXPECT_EQ(route.strategy, config::Strategy::weighted);
  EXPECT_EQ(route.targets.front().weight, 3);
  EXPECT_EQ(route.failover, false);
  EXPECT_EQ(config->drain_timeout, 1500ms);
}

}  // namespace
}  // namespace weir::api
