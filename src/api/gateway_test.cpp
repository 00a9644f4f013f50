// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>

#include "api/test_support.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;

RouteOptions route(std::string name, std::vector<RouteTarget> targets) {
  RouteOptions options;
  options.name = std::move(name);
  options.targets = std::move(targets);
  return options;
}

GatewayOptions failing_first() {
  GatewayOptions options;
  options.routes.push_back(route("smart", {"mock/error-500", "mock/hello"}));
  return options;
}

TEST(Gateway, AnswersWithTheStandardResponse) {
  Gateway gateway = open_gateway({});
  const auto answer = gateway.chat(ask("mock/hello", "one two three"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "This is the mock provider. You said: one two three");
  EXPECT_EQ(answer->finish, Finish::stop);
  EXPECT_EQ(answer->model, "hello");
  EXPECT_EQ(answer->provider, "mock");
  EXPECT_EQ(answer->tried, std::vector<std::string>{"mock/hello"});
  EXPECT_EQ(answer->attempts, 1);
  EXPECT_EQ(answer->usage.input, 3);
  EXPECT_EQ(answer->usage.output, 10);
  ASSERT_EQ(answer->items.size(), 1U);
  EXPECT_EQ(std::get<Message>(answer->items[0]).role, Role::assistant);
  EXPECT_TRUE(answer->metadata.contains("request-id"));
  EXPECT_EQ(answer->metadata.at("target"), "mock/hello");
}

TEST(Gateway, GeneratesWithTheDefaultModel) {
  GatewayOptions options;
  options.default_model = "mock/echo";
  Gateway gateway = open_gateway(std::move(options));
  const auto answer = gateway.generate("say this");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "say this");
}

TEST(Gateway, EmbedsEachTextInItsPlace) {
  GatewayOptions options;
  options.default_model = "mock/vectors";
  Gateway gateway = open_gateway(std::move(options));
  const auto one = gateway.embed({"a", "b c"});
  ASSERT_TRUE(one) << one.error().message;
  ASSERT_EQ(one->vectors.size(), 2U);
  EXPECT_EQ(one->vectors[0].size(), 8U);
  EXPECT_EQ(one->input_tokens, 3);
  EXPECT_EQ(one->provider, "mock");
  const auto other = gateway.embed({"b c"});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->vectors[0], one->vectors[1]);
}

TEST(Gateway, StreamsPiecesThatTogetherAreTheAnswer) {
  Gateway gateway = open_gateway({});
  std::string text;
  int pieces = 0;
  const auto answer = gateway.stream(ask("mock/hello", "hi"), [&](const StreamPiece& piece) {
    text += piece.text;
    ++pieces;
  });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(text, "This is the mock provider. You said: hi");
  EXPECT_EQ(answer->text, text);
  EXPECT_EQ(pieces, 8);
  EXPECT_EQ(answer->usage.output, 8);
  EXPECT_EQ(answer->finish, Finish::stop);
}

// The queue holds 64 pieces: a longer answer passes only if the writer is woken again and again.
TEST(Gateway, StreamsIntoARangeHoweverLongTheAnswerIs) {
  Gateway gateway = open_gateway({});
  std::string words;
  for (int i = 0; i < 1'000; ++i) words += "word ";
  ChatStream stream = gateway.open_stream(ask("mock/echo", words));
  std::string text;
  for (const StreamPiece& piece : stream) text += piece.text;
  EXPECT_EQ(text, words);
  const auto answer = stream.finish();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, words);
}

TEST(Gateway, EndsAStreamWithItsErrorAndNoSecondAnswer) {
  Gateway gateway = open_gateway({});
  std::string text;
  const auto answer = gateway.stream(ask("mock/cut-after-5", "hi"),
                                     [&](const StreamPiece& piece) { text += piece.text; });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_unavailable);
  EXPECT_TRUE(text.starts_with("This is the mock"));
}

TEST(Gateway, CancelsAStreamThatIsDestroyed) {
  Gateway gateway = open_gateway({});
  {
    ChatStream stream = gateway.open_stream(ask("mock/stall-after-3", "hi"));
    ASSERT_TRUE(stream.next());
  }
  // The destructor of the gateway would wait for a call that nobody had cancelled.
}

TEST(Gateway, CancelsACallThroughItsHandle) {
  Gateway gateway = open_gateway({});
  std::promise<Result<ChatResponse>> outcome;
  const CallHandle call = gateway.start_chat(
      ask("mock/slow-60000", "hi"),
      [&](Result<ChatResponse> answer) { outcome.set_value(std::move(answer)); });
  call.cancel();
  const auto answer = outcome.get_future().get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::cancelled);
  call.cancel();  // after the end: nothing
}

TEST(Gateway, CancelsWhatOutlastsTheDrain) {
  std::promise<Result<ChatResponse>> outcome;
  {
    GatewayOptions options;
    options.drain_timeout = 1ms;
    Gateway gateway = open_gateway(std::move(options));
    static_cast<void>(gateway.start_chat(
        ask("mock/slow-60000", "hi"),
        [&](Result<ChatResponse> answer) { outcome.set_value(std::move(answer)); }));
  }
  EXPECT_EQ(outcome.get_future().get().error().kind(), ErrorKind::cancelled);
}

TEST(Gateway, RefusesToBlockItsOwnThread) {
  Gateway gateway = open_gateway({});
  std::promise<ErrorKind> kind;
  static_cast<void>(gateway.start_chat(ask("mock/hello", "hi"), [&](Result<ChatResponse>) {
    kind.set_value(gateway.chat(ask("mock/hello", "again")).error().kind());
  }));
  EXPECT_EQ(kind.get_future().get(), ErrorKind::invalid_request);
}

TEST(Gateway, FailsOverAndSaysWhatWasTried) {
  Gateway gateway = open_gateway(failing_first());
  const auto answer = gateway.chat(ask("smart", "hi"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->tried, (std::vector<std::string>{"mock/error-500", "mock/hello"}));
  EXPECT_EQ(answer->metadata.at("target"), "mock/hello");
  const FailoverStatistics figures = gateway.failover();
  EXPECT_EQ(figures.calls, 1U);
  EXPECT_EQ(figures.answered, 1U);
  EXPECT_EQ(figures.failed_over, 1U);
  EXPECT_EQ(figures.rescued, 1U);
}

TEST(Gateway, StaysWithTheFirstTargetWhenToldSo) {
  Gateway gateway = open_gateway(failing_first());
  CallOptions options;
  options.may_fail_over = false;
  const auto answer = gateway.chat(ask("smart", "hi"), options);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().upstream_status, 500);
  EXPECT_EQ(gateway.failover().failed_over, 0U);
}

TEST(Gateway, MakesNoMoreAttemptsThanAllowed) {
  Gateway gateway = open_gateway(failing_first());
  CallOptions options;
  options.attempts_max = 1;
  EXPECT_FALSE(gateway.chat(ask("smart", "hi"), options));
  EXPECT_EQ(gateway.failover().attempts, 1U);
  options.attempts_max = 0;
  EXPECT_EQ(gateway.chat(ask("smart", "hi"), options).error().param, "attempts_max");
}

// A desk that has 800 ms still wants the second provider's answer.
TEST(Gateway, FailsOverWithinAShortDeadline) {
  Gateway gateway = open_gateway(failing_first());
  CallOptions options;
  options.timeout = 900ms;
  const auto answer = gateway.chat(ask("smart", "hi"), options);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->model, "hello");
}

TEST(Gateway, PrefersWhatTheCallPrefers) {
  GatewayOptions options;
  options.routes.push_back(route("smart", {"mock/one", "mock/two"}));
  Gateway gateway = open_gateway(std::move(options));
  CallOptions wishes;
  wishes.prefer = {"mock/two"};
  const auto answer = gateway.chat(ask("smart", "hi"), wishes);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->model, "two");
}

TEST(Gateway, KeepsTheTimeOfACall) {
  Gateway gateway = open_gateway({});
  CallOptions options;
  options.timeout = 30ms;
  EXPECT_EQ(gateway.chat(ask("mock/slow-60000", "hi"), options).error().code,
            ErrorCode::deadline_exceeded);
  options.timeout.reset();
  options.deadline = std::chrono::steady_clock::now() - 1ms;
  EXPECT_EQ(gateway.chat(ask("mock/hello", "hi"), options).error().code,
            ErrorCode::deadline_exceeded);
}

// One place: the call that holds it is slow, so both others wait and the urgent one goes first.
TEST(Gateway, LetsTheUrgentGoFirst) {
  GatewayOptions options;
  options.calls_in_flight_max = 1;
  Gateway gateway = open_gateway(std::move(options));
  std::mutex mutex;
  std::vector<int> order;
  std::promise<void> all_done;
  const auto start = [&](int priority, const char* model) {
    CallOptions wishes;
    wishes.priority = priority;
    static_cast<void>(gateway.start_chat(
        ask(model, "hi"),
        [&, priority](Result<ChatResponse> answer) {
          EXPECT_TRUE(answer);
          const std::lock_guard lock(mutex);
          order.push_back(priority);
          if (order.size() == 3) all_done.set_value();
        },
        wishes));
  };
  start(0, "mock/slow-50");
  start(1, "mock/hello");
  start(9, "mock/hello");
  all_done.get_future().get();
  EXPECT_EQ(order, (std::vector<int>{0, 9, 1}));
}

TEST(Gateway, RefusesMoreThanMayWait) {
  GatewayOptions options;
  options.calls_in_flight_max = 1;
  options.calls_waiting_max = 0;
  Gateway gateway = open_gateway(std::move(options));
  std::promise<void> ended;
  const CallHandle first = gateway.start_chat(ask("mock/slow-60000", "hi"),
                                              [&](Result<ChatResponse>) { ended.set_value(); });
  EXPECT_EQ(gateway.chat(ask("mock/hello", "hi")).error().code, ErrorCode::overloaded);
  first.cancel();
  ended.get_future().get();
  EXPECT_TRUE(gateway.chat(ask("mock/hello", "hi")));
}

TEST(Gateway, CountsUsageByProviderAndTag) {
  Gateway gateway = open_gateway({});
  CallOptions options;
  options.tags = {{"desk", "fx"}};
  ASSERT_TRUE(gateway.chat(ask("mock/hello", "one two"), options));
  ASSERT_TRUE(gateway.chat(ask("mock/hello", "three")));
  const UsageStatistics usage = gateway.usage();
  EXPECT_EQ(usage.total.calls, 2U);
  EXPECT_EQ(usage.total.input_tokens, 3);
  EXPECT_EQ(usage.by_provider.at("mock").input_tokens, 3);
  EXPECT_EQ(usage.by_tag.at("desk=fx").input_tokens, 2);
  EXPECT_EQ(gateway.health().at("mock").state, HealthState::healthy);
  EXPECT_EQ(gateway.health().at("mock").successes, 2U);
}

TEST(Gateway, SaysEverythingThatIsWrongWithItsOptions) {
  GatewayOptions options;
  options.providers.push_back({.name = "one", .type = "opnai"});
  options.providers.push_back({.name = "two", .type = "openai", .more = {{"limits", "{"}}});
  EXPECT_EQ(Gateway::from_options(options).error().param, "providers.two.more.limits");
  options.providers.pop_back();
  const auto gateway = Gateway::from_options(options);
  ASSERT_FALSE(gateway);
  EXPECT_EQ(gateway.error().kind(), ErrorKind::invalid_request);
  EXPECT_NE(gateway.error().message.find("did you mean openai"), std::string::npos)
      << gateway.error().message;
}

TEST(Gateway, IsMadeFromTheTextOfAConfiguration) {
  auto gateway = Gateway::from_text("default_model: mock/echo\nmodels: {smart: mock/hello}\n");
  ASSERT_TRUE(gateway) << gateway.error().message;
  EXPECT_EQ(gateway->generate("x")->text, "x");
  EXPECT_EQ(gateway->chat(ask("smart", "x"))->model, "hello");
  EXPECT_FALSE(Gateway::from_text("modls: {}\n"));
  EXPECT_FALSE(Gateway::from_file("/nowhere/weir.yaml"));
}

TEST(Gateway, NamesWhatIsWrongWithARequest) {
  Gateway gateway = open_gateway({});
  EXPECT_EQ(gateway.chat({}).error().param, "items");
  ChatRequest request = ask("mock/hello", "hi");
  request.tools.push_back({.name = "f", .parameters = "[1]"});
  EXPECT_EQ(gateway.chat(request).error().param, "tools[0].parameters");
  EXPECT_EQ(gateway.chat(ask("nobody/knows", "hi")).error().kind(), ErrorKind::not_found);
}

TEST(Gateway, TalksToOneProviderDirectly) {
  GatewayOptions options;
  options.providers.push_back({.name = "deepseek", .is_mock = true});
  Gateway gateway = open_gateway(std::move(options));
  const auto named = gateway.provider("deepseek").chat(ask("deepseek-reasoner", "hi"));
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->provider, "deepseek");
  EXPECT_TRUE(gateway.provider("deepseek").chat(ask("", "hi")));
  EXPECT_EQ(gateway.provider("nobody").chat(ask("", "hi")).error().kind(), ErrorKind::not_found);
}

TEST(Gateway, TakesProvidersAndRoutesWhileItRuns) {
  Gateway gateway = open_gateway({});
  const std::vector<ProviderOptions> batch{{.name = "openai", .is_mock = true},
                                           {.name = "anthropic", .is_mock = true}};
  ASSERT_TRUE(gateway.register_providers(batch));
  ASSERT_TRUE(gateway.set_route(route("smart", {"openai/gpt-5", "anthropic/claude-sonnet-4"})));
  EXPECT_EQ(gateway.chat(ask("smart", "hi"))->provider, "openai");

  ASSERT_TRUE(gateway.set_default_provider("anthropic"));
  EXPECT_EQ(gateway.chat(ask("smart", "hi"))->provider, "anthropic");
  ASSERT_TRUE(gateway.set_default_model("smart"));
  EXPECT_EQ(gateway.generate("hi")->provider, "anthropic");

  // A route would be left without its targets: nothing changes.
  ASSERT_FALSE(gateway.remove_provider("nobody"));
  ASSERT_TRUE(gateway.set_route(route("smart", {"openai/gpt-5"})));
  ASSERT_TRUE(gateway.remove_provider("anthropic"));
  EXPECT_EQ(gateway.generate("hi")->provider, "openai");
  const auto names = gateway.providers();
  EXPECT_EQ(std::count(names.begin(), names.end(), "anthropic"), 0);
}

TEST(Gateway, ChangesStrategiesWhileItRuns) {
  GatewayOptions options;
  options.routes.push_back(route("turns", {"mock/one", "mock/two"}));
  Gateway gateway = open_gateway(std::move(options));
  EXPECT_EQ(gateway.chat(ask("turns", "hi"))->model, "one");
  EXPECT_EQ(gateway.chat(ask("turns", "hi"))->model, "one");
  ASSERT_TRUE(gateway.set_strategy("turns", Strategy::round_robin));
  const std::string first = gateway.chat(ask("turns", "hi"))->model;
  EXPECT_NE(gateway.chat(ask("turns", "hi"))->model, first);
  ASSERT_TRUE(gateway.set_strategy(Strategy::least_cost));
  EXPECT_EQ(gateway.set_strategy("nobody", Strategy::priority).error().kind(),
            ErrorKind::not_found);
}

TEST(Gateway, KnowsWhatModelsCanDo) {
  GatewayOptions options;
  ModelOptions seeing;
  seeing.id = "seeing";
  seeing.capabilities = {Capability::chat, Capability::vision};
  options.providers.push_back({.name = "blind",
                               .type = "custom",
                               .is_mock = true,
                               .models = {{.id = "m", .capabilities = {{Capability::chat}}}}});
  options.providers.push_back(
      {.name = "sighted", .type = "custom", .is_mock = true, .models = {seeing}});
  options.routes.push_back(route("smart", {"blind/m", "sighted/seeing"}));
  options.tasks = {{"look", "smart"}};
  Gateway gateway = open_gateway(std::move(options));
  EXPECT_EQ(*gateway.best_provider(Capability::chat), "blind");
  EXPECT_EQ(*gateway.best_provider(Capability::vision), "sighted");
  EXPECT_EQ(gateway.best_provider(Capability::audio).error().code,
            ErrorCode::unsupported_capability);
  EXPECT_EQ(*gateway.supports("blind/m", Capability::vision), Support::no);
  EXPECT_EQ(*gateway.supports("smart", Capability::vision), Support::yes);
  EXPECT_EQ(*gateway.supports("mock/anything", Capability::vision), Support::unknown);
  EXPECT_FALSE(gateway.supports("nobody/knows", Capability::vision));
  EXPECT_EQ(*gateway.model_for_task("look"), "blind/m");
  EXPECT_FALSE(gateway.model_for_task("smart"));
}

TEST(Gateway, RunsToolsUntilTheModelAnswers) {
  Gateway gateway = open_gateway({});
  int runs = 0;
  ASSERT_TRUE(gateway.register_tool("weather", "What the sky does", R"({"type":"object"})",
                                    [&](std::string_view arguments) -> Result<std::string> {
                                      ++runs;
                                      EXPECT_EQ(arguments, "{}");
                                      return std::string("sunny");
                                    }));
  const auto answer = gateway.chat_with_tools(ask("mock/echo", "How is it outside?"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "sunny");  // the mock echoes the last message: the tool's result
  EXPECT_EQ(answer->rounds, 2);
  EXPECT_EQ(answer->attempts, 2);
  EXPECT_EQ(runs, 1);
  ASSERT_EQ(answer->items.size(), 3U);  // the call, its result, the message
  EXPECT_EQ(std::get<ToolResult>(answer->items[1]).text, "sunny");
  EXPECT_EQ(answer->usage.output, 2);  // one for the call, one for the word
}

TEST(Gateway, StopsTheToolLoopAtItsBound) {
  GatewayOptions options;
  options.providers.push_back(own_provider("eager", [](const ChatRequest&) {
    ChatResponse response;
    response.items.emplace_back(ToolCall{.id = "call_1", .name = "more", .arguments = "{}"});
    return response;
  }));
  Gateway gateway = open_gateway(std::move(options));
  int runs = 0;
  ASSERT_TRUE(gateway.register_tool("more", "", "", [&](std::string_view) -> Result<std::string> {
    ++runs;
    return std::string("again");
  }));
  const auto answer = gateway.chat_with_tools(ask("eager/m", "go"), {}, 3);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->rounds, 3);
  EXPECT_EQ(answer->finish, Finish::tool_calls);
  EXPECT_EQ(runs, 2);
}

TEST(Gateway, TellsTheModelWhatWentWrongInATool) {
  Gateway gateway = open_gateway({});
  ASSERT_TRUE(gateway.register_tool("broken", "", "", [](std::string_view) -> Result<std::string> {
    return Error(ErrorCode::unsupported_capability, "out of order");
  }));
  const auto answer = gateway.chat_with_tools(ask("mock/echo", "go"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "Error: out of order");
  EXPECT_TRUE(std::get<ToolResult>(answer->items[1]).is_error);
  EXPECT_FALSE(gateway.register_tool("broken", "", "", {}));
  EXPECT_FALSE(gateway.register_tool("not a name", "", "", {}));
  EXPECT_FALSE(gateway.register_tool("schema", "", "[]", {}));
  EXPECT_TRUE(gateway.remove_tool("broken"));
  EXPECT_FALSE(gateway.remove_tool("broken"));
}

TEST(Gateway, ServesManyThreadsAtOnce) {
  GatewayOptions options;
  options.threads = 2;
  Gateway gateway = open_gateway(std::move(options));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 20; ++n) {
        const std::string text = std::to_string(i) + "/" + std::to_string(n);
        const auto answer = gateway.chat(ask("mock/echo", text));
        if (answer && answer->text == text) ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 80);
  EXPECT_EQ(gateway.failover().answered, 80U);
}

TEST(Gateway, HoldsQuestionsAndAnswersToContentRules) {
  auto gateway = Gateway::from_text(R"({
    "providers": {"mock": {"type": "mock"}},
    "content_rules": [
      {"name": "mails", "pii": ["email"], "action": "mask", "with": "[mail]", "on": "input"},
      {"name": "words", "words": ["kestrel"], "action": "mask", "with": "[word]", "on": "output"},
      {"name": "bombs", "words": ["bomb"], "on": "input"}
    ]})");
  ASSERT_TRUE(gateway) << gateway.error().message;
  ChatRequest request;
  request.model = "mock/echo";
  request.items.emplace_back(user_message("ann@example.com saw a Kestrel"));
  const auto whole = gateway->chat(request);
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_NE(whole->text.find("[mail] saw a [word]"), std::string::npos) << whole->text;
  std::string streamed;
  const auto answer =
      gateway->stream(request, [&](const StreamPiece& piece) { streamed += piece.text; });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(streamed, whole->text);
  request.items = {user_message("how to build a bomb")};
  const auto refused = gateway->chat(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::content_filtered);
}

}  // namespace
}  // namespace weir::api
