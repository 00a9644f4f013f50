// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "api/test_support.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;

Gateway with(ProviderOptions provider, GatewayOptions options = {}) {
  options.providers.push_back(std::move(provider));
  return open_gateway(std::move(options));
}

TEST(OwnProvider, GetsTheRequestAsItWasAsked) {
  ChatRequest seen;
  Gateway gateway = with(own_provider("mine", [&](const ChatRequest& request) {
    seen = request;
    return text_answer("done");
  }));
  ChatRequest request = ask("mine/tiny", "hello");
  request.items.insert(request.items.begin(), Item(system_message("be brief")));
  request.items.emplace_back(ToolCall{.id = "c1", .name = "look", .arguments = R"({"a":1})"});
  request.items.emplace_back(ToolResult{.call_id = "c1", .text = "seen"});
  request.tools.push_back({"look", "looks", R"({"type":"object"})"});
  request.temperature = 0.5;
  request.output_tokens_max = 7;
  request.stop = {"END"};
  request.format = {OutputFormat::Kind::json_schema, "shape", R"({"type":"object"})"};
  const auto answer = gateway.chat(request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->text, "done");
  EXPECT_EQ(answer->provider, "mine");
  EXPECT_EQ(seen.model, "tiny");
  EXPECT_EQ(seen.items, request.items);
  EXPECT_EQ(seen.tools.at(0).parameters, R"({"type":"object"})");
  EXPECT_EQ(seen.temperature, 0.5);
  EXPECT_EQ(seen.output_tokens_max, 7);
  EXPECT_EQ(seen.stop, request.stop);
  EXPECT_EQ(seen.format.kind, OutputFormat::Kind::json_schema);
}

TEST(OwnProvider, AnswersWithCallsReasoningAndUsage) {
  Gateway gateway = with(own_provider("mine", [](const ChatRequest&) {
    ChatResponse response;
    response.items.emplace_back(Reasoning{.text = "hm"});
    response.items.emplace_back(ToolCall{.id = "c1", .name = "f", .arguments = "{}"});
    response.usage.input = 4;
    response.usage.output = 2;
    return response;
  }));
  const auto answer = gateway.chat(ask("mine/m", "hi"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->finish, Finish::tool_calls);
  EXPECT_EQ(answer->tool_calls().at(0).name, "f");
  EXPECT_EQ(answer->usage.input, 4);
  EXPECT_EQ(std::get<Reasoning>(answer->items.at(0)).text, "hm");
}

TEST(OwnProvider, StreamsThroughItsSink) {
  const auto stream = [](const ChatRequest&, AnswerSink& sink) -> Result<ChatResponse> {
    EXPECT_TRUE(sink.reasoning("thinking"));
    EXPECT_TRUE(sink.text("a "));
    EXPECT_TRUE(sink.text("b"));
    EXPECT_TRUE(sink.tool_call({.id = "c1", .name = "f", .arguments = R"({"x":1})"}));
    ChatResponse end;
    end.usage.output = 5;
    return end;
  };
  Gateway gateway = with(own_provider("mine", {}, stream));
  std::string text;
  std::vector<StreamPiece::Kind> kinds;
  const auto answer = gateway.stream(ask("mine/m", "hi"), [&](const StreamPiece& piece) {
    if (piece.kind == StreamPiece::Kind::text) text += piece.text;
    kinds.push_back(piece.kind);
  });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(text, "a b");
  EXPECT_EQ(kinds.front(), StreamPiece::Kind::reasoning);
  EXPECT_EQ(kinds.back(), StreamPiece::Kind::tool_call);
  EXPECT_EQ(answer->tool_calls().at(0).arguments, R"({"x":1})");
  EXPECT_EQ(answer->usage.output, 5);
  EXPECT_EQ(answer->finish, Finish::tool_calls);
}

TEST(OwnProvider, StreamsAWholeAnswerInOnePieceUnlessItCanMore) {
  Gateway gateway =
      with(own_provider("mine", [](const ChatRequest&) { return text_answer("all"); }));
  std::string text;
  const auto answer =
      gateway.stream(ask("mine/m", "hi"), [&](const StreamPiece& piece) { text += piece.text; });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(text, "all");
}

TEST(OwnProvider, IsFailedOverLikeAnyOther) {
  GatewayOptions options;
  options.routes.push_back({.name = "smart", .targets = {"mine/m", "mock/hello"}});
  Gateway gateway = with(own_provider("mine",
                                      [](const ChatRequest&) -> Result<ChatResponse> {
                                        return Error(ErrorCode::overloaded, "not now");
                                      }),
                         std::move(options));
  const auto answer = gateway.chat(ask("smart", "hi"));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->provider, "mock");
  EXPECT_EQ(answer->tried.front(), "mine/m");
  EXPECT_GT(gateway.health().at("mine").failures, 0U);
}

TEST(OwnProvider, RefusesWhatIsTheCallersFaultForGood) {
  int calls = 0;
  GatewayOptions options;
  options.routes.push_back({.name = "smart", .targets = {"mine/m", "mock/hello"}});
  Gateway gateway = with(own_provider("mine",
                                      [&](const ChatRequest&) -> Result<ChatResponse> {
                                        ++calls;
                                        return Error(ErrorCode::invalid_request, "no such thing");
                                      }),
                         std::move(options));
  const auto answer = gateway.chat(ask("smart", "hi"));
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("no such thing"), std::string::npos);
  EXPECT_EQ(calls, 1);
}

TEST(OwnProvider, IsToldWhenNobodyWaitsAnyMore) {
  std::promise<void> noticed;
  const auto stream = [&](const ChatRequest&, AnswerSink& sink) -> Result<ChatResponse> {
    while (sink.text("more ")) {
    }
    EXPECT_FALSE(sink.is_wanted());
    noticed.set_value();
    return ChatResponse{};
  };
  Gateway gateway = with(own_provider("mine", {}, stream));
  {
    ChatStream reading = gateway.open_stream(ask("mine/m", "hi"));
    ASSERT_TRUE(reading.next());
  }
  noticed.get_future().get();
}

TEST(OwnProvider, MayBlockWhileOthersAreServed) {
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  Gateway gateway = with(own_provider("mine", [released](const ChatRequest&) {
    released.get();
    return text_answer("late");
  }));
  std::promise<Result<ChatResponse>> outcome;
  static_cast<void>(gateway.start_chat(ask("mine/m", "hi"), [&](Result<ChatResponse> answer) {
    outcome.set_value(std::move(answer));
  }));
  EXPECT_TRUE(gateway.chat(ask("mock/hello", "hi")));
  release.set_value();
  EXPECT_EQ(outcome.get_future().get()->text, "late");
}

TEST(OwnProvider, KeepsTheTimeOfACallAlsoWhenItBlocks) {
  std::promise<void> release;
  std::shared_future<void> released(release.get_future());
  Gateway gateway = with(own_provider("mine", [released](const ChatRequest&) {
    released.get();
    return text_answer("too late");
  }));
  CallOptions options;
  options.timeout = 20ms;
  EXPECT_EQ(gateway.chat(ask("mine/m", "hi"), options).error().code, ErrorCode::deadline_exceeded);
  release.set_value();
}

TEST(OwnProvider, ComesAndGoesWhileTheGatewayRuns) {
  Gateway gateway = open_gateway({});
  ASSERT_TRUE(gateway.register_provider(
      own_provider("mine", [](const ChatRequest&) { return text_answer("here"); })));
  EXPECT_EQ(gateway.provider("mine").chat(ask("", "hi"))->text, "here");
  ASSERT_TRUE(gateway.remove_provider("mine"));
  EXPECT_EQ(gateway.chat(ask("mine/m", "hi")).error().kind(), ErrorKind::not_found);
}

// A provider that asks others: what it starts while the gateway is being destroyed is refused, and
// its thread is waited for.
TEST(OwnProvider, MayMakeCallsItselfUntilTheGatewayCloses) {
  Gateway* inner = nullptr;
  std::promise<void> entered;
  std::promise<Result<ChatResponse>> late;
  std::promise<void> release;
  {
    GatewayOptions options;
    options.drain_timeout = 1ms;
    options.providers.push_back(own_provider("outer", [&](const ChatRequest& request) {
      if (request.model == "late") {
        entered.set_value();
        release.get_future().get();
        late.set_value(inner->chat(ask("mock/echo", "late")));
      }
      return inner->chat(ask("mock/echo", "passed on"));
    }));
    Gateway gateway = open_gateway(std::move(options));
    inner = &gateway;
    EXPECT_EQ(gateway.chat(ask("outer/m", "hi"))->text, "passed on");
    static_cast<void>(gateway.start_chat(ask("outer/late", "hi"), [&](Result<ChatResponse> answer) {
      EXPECT_EQ(answer.error().kind(), ErrorKind::cancelled);
      release.set_value();
    }));
    entered.get_future().get();
  }
  EXPECT_EQ(late.get_future().get().error().code, ErrorCode::draining);
}

class Loading final : public Provider {
 public:
  Result<ChatResponse> chat(const ChatRequest&) override { return text_answer("x"); }
  Result<EmbeddingResponse> embed(const EmbeddingRequest& request) override {
    EmbeddingResponse response;
    for (const auto& text : request.texts) {
      response.vectors.push_back({static_cast<float>(text.size())});
    }
    response.input_tokens = 9;
    return response;
  }
  Result<> connect() override { return Error(ErrorCode::upstream_unreachable, "no model file"); }
};

TEST(OwnProvider, ConnectsAndEmbeds) {
  ProviderOptions provider;
  provider.name = "mine";
  provider.implementation = std::make_shared<Loading>();
  Gateway gateway = with(std::move(provider));
  EXPECT_EQ(gateway.connect({"mine"}).error().message, "no model file");
  EXPECT_TRUE(gateway.connect({"mock"}));
  EXPECT_EQ(gateway.connect({"nobody"}).error().kind(), ErrorKind::not_found);
  EmbeddingRequest request;
  request.model = "mine/m";
  request.texts = {"a", "bcd"};
  const auto answer = gateway.embed(std::move(request));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->vectors, (std::vector<std::vector<float>>{{1}, {3}}));
  EXPECT_EQ(answer->input_tokens, 9);
}

}  // namespace
}  // namespace weir::api
