// SPDX-License-Identifier: Apache-2.0
//
// What a gateway with a data directory writes down, read back as `weir log` reads it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "api/test_support.hpp"
#include "ledger/reader.hpp"
#include "ledger/segment.hpp"
#include "ledger/verify.hpp"

namespace weir::api {
namespace {

using namespace std::chrono_literals;
using ledger::CallRecord;
using ledger::Outcome;

class Books : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string data(const std::string& name = "data") const {
    return folder_ + "/" + name;
  }
  [[nodiscard]] GatewayOptions options(const std::string& name = "data") const {
    GatewayOptions options;
    options.data_dir = data(name);
    options.more = {{"ledger", R"({"segment_size": "1MiB"})"}};
    return options;
  }
  [[nodiscard]] Gateway open(ProviderOptions provider) const {
    GatewayOptions all = options();
    all.providers.push_back(std::move(provider));
    return open_gateway(std::move(all));
  }
  [[nodiscard]] std::vector<CallRecord> records(const std::string& name = "data") const {
    std::vector<CallRecord> records;
    auto reader = ledger::Reader::open(data(name));
    EXPECT_TRUE(reader);
    for (auto next = reader->next(); next && *next; next = reader->next()) {
      records.push_back((*next)->call);
    }
    return records;
  }
  [[nodiscard]] CallRecord only_record() const {
    const auto all = records();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? CallRecord() : all.front();
  }
  [[nodiscard]] ledger::Verification verification() const {
    return *ledger::verify(store::system_spool_files(), data());
  }
  /// What a kill in this moment would leave behind.
  void copy_as_killed(const std::string& name) const {
    std::filesystem::copy(data(), data(name), std::filesystem::copy_options::recursive);
  }

  std::string folder_ = ::testing::TempDir() + "booksXXXXXX";
};

/// Of two dollars a million tokens, and eight for those of answers.
ProviderOptions priced(FunctionProvider::Chat on_chat, FunctionProvider::Stream on_stream = {}) {
  ProviderOptions provider = own_provider("mine", std::move(on_chat), std::move(on_stream));
  provider.models.push_back({.id = "m", .input_price = "2", .output_price = "8"});
  return provider;
}

ChatResponse answer_of(std::int64_t input, std::int64_t output) {
  ChatResponse answer = text_answer("so be it");
  answer.usage.input = input;
  answer.usage.output = output;
  return answer;
}

ProviderOptions answering(std::int64_t input, std::int64_t output) {
  return priced([=](const ChatRequest&) { return answer_of(input, output); });
}

template <class Response>
void expect_same(const CallRecord& record, const Response& answer) {
  EXPECT_EQ(record.request_id, answer.metadata.at("request-id"));
  EXPECT_EQ(record.target, answer.metadata.at("target"));
  EXPECT_EQ(record.provider, answer.provider);
  EXPECT_EQ(record.cost_nanousd, answer.cost_nanousd);
  EXPECT_EQ(record.attempts.size(), static_cast<std::size_t>(answer.attempts));
}

void expect_same_usage(const CallRecord& record, const Usage& usage) {
  EXPECT_EQ(record.usage.input_total(), usage.input_total());
  EXPECT_EQ(record.usage.output_total(), usage.output_total());
}

TEST_F(Books, AreNotKeptWithoutADataDirectory) {
  Gateway gateway = open_gateway({});
  ASSERT_TRUE(gateway.chat(ask("mock/hello", "hi")));
  EXPECT_FALSE(gateway.ledger().is_kept);
  EXPECT_EQ(gateway.ledger().calls, 0U);
}

TEST_F(Books, HaveWhatAChatToldItsCaller) {
  Gateway gateway = open(answering(1'000, 50));
  CallOptions call;
  call.tags = {{"team", "blue"}, {"job", "night"}};
  const auto answer = gateway.chat(ask("mine/m", "hi"), call);
  ASSERT_TRUE(answer) << answer.error().message;
  const CallRecord record = only_record();
  expect_same(record, *answer);
  expect_same_usage(record, answer->usage);
  EXPECT_EQ(record.cost_nanousd, 1'000 * 2'000 + 50 * 8'000);
  EXPECT_EQ(record.outcome, Outcome::completed);
  EXPECT_EQ(record.endpoint, "chat");
  EXPECT_EQ(record.model, "mine/m");
  EXPECT_EQ(record.tags, (std::vector<std::string>{"job=night", "team=blue"}));
  EXPECT_FALSE(record.has(ledger::flag::stream));
  EXPECT_EQ(gateway.ledger().calls, 1U);
  EXPECT_TRUE(gateway.ledger().is_kept);
}

TEST_F(Books, HaveCallsOfEveryKind) {
  GatewayOptions all = options();
  all.default_model = "mock/hello";
  Gateway gateway = open_gateway(std::move(all));
  const auto generated = gateway.generate("one");
  const auto streamed = gateway.stream(ask("mock/hello", "two"), [](const StreamPiece&) {});
  ChatStream range = gateway.open_stream(ask("mock/hello", "three"));
  const auto ranged = range.finish();
  EmbeddingRequest texts;
  texts.model = "mock/vectors";
  texts.texts = {"a", "b c"};
  const auto embedded = gateway.embed(std::move(texts));
  const auto direct = gateway.provider("mock").chat(ask("hello", "five"));
  ASSERT_TRUE(generated && streamed && ranged && embedded && direct);
  const auto written = records();
  ASSERT_EQ(written.size(), 5U);
  expect_same(written[0], *generated);
  expect_same_usage(written[0], generated->usage);
  expect_same(written[1], *streamed);
  expect_same_usage(written[1], streamed->usage);
  EXPECT_TRUE(written[1].has(ledger::flag::stream));
  expect_same(written[2], *ranged);
  expect_same(written[3], *embedded);
  EXPECT_EQ(written[3].usage.input_total(), embedded->input_tokens);
  EXPECT_EQ(written[3].endpoint, "embeddings");
  expect_same(written[4], *direct);
  EXPECT_TRUE(verification().is_sound());
}

// X-1: the intent before the provider hears of it, the settlement before the caller has the end.
TEST_F(Books, AreWrittenBeforeWhatTheyTellOf) {
  ledger::Verification asked;
  Gateway gateway = open(priced([&](const ChatRequest&) {
    asked = verification();
    return answer_of(3, 1);
  }));
  ledger::Verification answered;
  std::promise<void> done;
  static_cast<void>(gateway.start_chat(ask("mine/m", "hi"), [&](const Result<ChatResponse>&) {
    answered = verification();
    done.set_value();
  }));
  done.get_future().get();
  EXPECT_EQ(asked.under_way, 1U);
  EXPECT_EQ(asked.calls, 0U);
  EXPECT_EQ(answered.under_way, 0U);
  EXPECT_EQ(answered.calls, 1U);
}

TEST_F(Books, HaveEachAttempt) {
  GatewayOptions all = options();
  RouteOptions route;
  route.name = "smart";
  route.targets = {"mock/error-500", "mock/hello"};
  all.routes.push_back(route);
  Gateway gateway = open_gateway(std::move(all));
  const auto answer = gateway.chat(ask("smart", "hi"));
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_FALSE(gateway.chat(ask("mock/error-500", "hi")));
  const auto written = records();
  ASSERT_EQ(written.size(), 2U);
  expect_same(written[0], *answer);
  EXPECT_EQ(written[0].route, "smart");
  EXPECT_EQ(written[0].attempts.front().target, "mock/error-500");
  EXPECT_EQ(written[0].attempts.front().failure, "server");
  EXPECT_EQ(written[0].attempts.back().failure, "ok");
  EXPECT_EQ(written[1].outcome, Outcome::failed);
  EXPECT_EQ(written[1].error, "upstream_error");
}

TEST_F(Books, HaveEachRoundOfToolsAsACall) {
  int rounds = 0;
  Gateway gateway = open(priced([&rounds](const ChatRequest&) {
    ChatResponse answer = answer_of(100 + rounds, 10);
    if (++rounds < 3) answer.items = {ToolCall{.id = "c", .name = "more", .arguments = "{}"}};
    return answer;
  }));
  ASSERT_TRUE(gateway.register_tool("more", "", "", [](std::string_view) -> Result<std::string> {
    return std::string("go on");
  }));
  const auto answer = gateway.chat_with_tools(ask("mine/m", "hi"));
  ASSERT_TRUE(answer) << answer.error().message;
  const auto written = records();
  ASSERT_EQ(written.size(), 3U);
  Usage usage;
  std::int64_t cost = 0;
  for (const CallRecord& record : written) {
    usage.input += record.usage.input_total();
    usage.output += record.usage.output_total();
    cost += record.cost_nanousd;
  }
  EXPECT_EQ(usage, answer->usage);
  EXPECT_EQ(cost, answer->cost_nanousd);
}

TEST_F(Books, TellHowCallsEnded) {
  {
    GatewayOptions all = options();
    all.drain_timeout = 1ms;
    Gateway gateway = open_gateway(std::move(all));
    CallOptions call;
    call.timeout = 20ms;
    EXPECT_EQ(gateway.chat(ask("mock/slow-60000", "late"), call).error().code,
              ErrorCode::deadline_exceeded);
    ChatStream left = gateway.open_stream(ask("mock/stall-after-3", "left"));
    ASSERT_TRUE(left.next());
    left.cancel();
    EXPECT_EQ(left.finish().error().kind(), ErrorKind::cancelled);
    EXPECT_FALSE(gateway.stream(ask("mock/cut-after-5", "cut"), [](const StreamPiece&) {}));
    CallOptions short_stream;
    short_stream.timeout = 500ms;  // its first pieces come before that on any machine
    EXPECT_EQ(
        gateway.stream(
                   ask("mock/stall-after-3", "late"), [](const StreamPiece&) {}, short_stream)
            .error()
            .code,
        ErrorCode::deadline_exceeded);
    static_cast<void>(gateway.start_chat(ask("mock/slow-60000", "closed"),
                                         [&](const Result<ChatResponse>& answer) {
                                           EXPECT_EQ(answer.error().kind(), ErrorKind::cancelled);
                                         }));
  }
  const auto written = records();
  ASSERT_EQ(written.size(), 5U);
  EXPECT_EQ(written[0].outcome, Outcome::failed);
  EXPECT_EQ(written[0].error, "deadline_exceeded");
  EXPECT_EQ(written[1].outcome, Outcome::cancelled_client);
  EXPECT_EQ(written[2].outcome, Outcome::aborted_upstream);
  EXPECT_EQ(written[3].outcome, Outcome::aborted_upstream);
  EXPECT_EQ(written[3].error, "deadline_exceeded");
  EXPECT_EQ(written[4].outcome, Outcome::shutdown);
  EXPECT_TRUE(verification().is_sound());
}

TEST_F(Books, GoOnWhereAnEarlierGatewayStopped) {
  for (int round = 0; round < 3; ++round) {
    Gateway gateway = open_gateway(options());
    ASSERT_TRUE(gateway.chat(ask("mock/hello", "hi")));
    EXPECT_EQ(gateway.ledger().calls_recovered, 0U);
  }
  EXPECT_EQ(records().size(), 3U);
  EXPECT_EQ(verification().under_way, 0U);
  EXPECT_TRUE(verification().is_sound());
}

// X-2: what a kill left is booked by estimate, once, and the ledger goes on.
TEST_F(Books, SettleWhatAKillLeft) {
  {
    Gateway gateway = open(priced([&](const ChatRequest& request) {
      if (std::get<Message>(request.items.front()).text() == "last") copy_as_killed("killed");
      return answer_of(10, 1);
    }));
    ASSERT_TRUE(gateway.chat(ask("mine/m", "first")));
    ASSERT_TRUE(gateway.chat(ask("mine/m", "last")));
  }
  {
    Gateway gateway = open_gateway(options("killed"));
    EXPECT_EQ(gateway.ledger().calls_recovered, 1U);
    ASSERT_TRUE(gateway.chat(ask("mock/hello", "after")));
  }
  const auto written = records("killed");
  ASSERT_EQ(written.size(), 3U);
  EXPECT_EQ(written[0].outcome, Outcome::completed);
  EXPECT_EQ(written[1].outcome, Outcome::unknown);
  EXPECT_EQ(written[1].target, "mine/m");
  EXPECT_TRUE(written[1].has(ledger::flag::estimated));
  EXPECT_EQ(written[2].outcome, Outcome::completed);
}

TEST_F(Books, RefuseDamageWhereTheyAreStrict) {
  {
    Gateway gateway = open_gateway(options());
    std::string second;
    for (int i = 0; i < 3; ++i) {
      const auto answer = gateway.chat(ask("mock/hello", "hi"));
      ASSERT_TRUE(answer);
      if (i == 1) second = answer->metadata.at("request-id");
    }
    copy_as_killed("damaged");
    for (const auto& file : std::filesystem::directory_iterator(data("damaged") + "/ledger")) {
      std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      std::string content(std::istreambuf_iterator<char>(stream), {});
      const auto at = content.rfind(second);
      if (at == std::string::npos) continue;
      stream.seekp(static_cast<std::streamoff>(at)).put('#');
    }
  }
  GatewayOptions strict = options("damaged");
  strict.more = {{"ledger", R"({"strict": true, "segment_size": "1MiB"})"}};
  for (int i = 0; i < 2; ++i) {  // who tries again is told the same
    const auto refused = Gateway::from_options(strict);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::ledger_unavailable);
  }
  Gateway gateway = open_gateway(options("damaged"));
  EXPECT_GT(gateway.ledger().segments_damaged + gateway.ledger().records_missing, 0U);
}

TEST_F(Books, AreOneGatewaysUnlessTheyAreShared) {
  {
    const Gateway first = open_gateway(options());
    const auto second = Gateway::from_options(options());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::invalid_request);
    EXPECT_NE(second.error().message.find("is in use by process"), std::string::npos);
  }
  GatewayOptions shared = options();
  shared.more.emplace("reuse_port", "true");
  Gateway first = open_gateway(shared);
  Gateway second = open_gateway(shared);
  ASSERT_TRUE(first.chat(ask("mock/hello", "hi")));
  ASSERT_TRUE(second.chat(ask("mock/hello", "hi")));
  EXPECT_EQ(records().size(), 2U);
}

TEST_F(Books, NeedADirectoryThatCanBeMade) {
  std::ofstream(data()) << "a file";
  const auto gateway = Gateway::from_options(options());
  ASSERT_FALSE(gateway);
  EXPECT_EQ(gateway.error().code, ErrorCode::store_unavailable);
}

TEST_F(Books, WaitForTheDiskWhereCallsAreToOutliveALossOfPower) {
  GatewayOptions all = options();
  all.more = {{"ledger", R"({"durability": "power", "segment_size": "1MiB"})"}};
  all.threads = 2;
  Gateway gateway = open_gateway(std::move(all));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(gateway.chat(ask("mock/hello", "hi")));
  ASSERT_TRUE(gateway.stream(ask("mock/hello", "hi"), [](const StreamPiece&) {}));
  EXPECT_EQ(records().size(), 11U);
}

// U-1: what was spent is the sum of the ledger, whoever began to spend it.
TEST_F(Books, LetBudgetsAndQuotasGoOn) {
  GatewayOptions all = options();
  all.providers.push_back(answering(1'000'000, 0));  // two dollars a call
  all.more.emplace("budget", R"({"monthly": 5, "total": 100})");
  {
    Gateway gateway = open_gateway(all);
    ASSERT_TRUE(gateway.chat(ask("mine/m", "hi")));
    ASSERT_TRUE(gateway.chat(ask("mine/m", "hi")));
    ASSERT_TRUE(gateway.chat(ask("mine/m", "hi")));
  }
  Gateway gateway = open_gateway(all);
  EXPECT_EQ(gateway.chat(ask("mine/m", "hi")).error().code, ErrorCode::budget_exceeded);
  all.data_dir = data("another");
  Gateway anew = open_gateway(all);
  EXPECT_TRUE(anew.chat(ask("mine/m", "hi")));
}

TEST_F(Books, LoseNothingOfManyCallsAtOnce) {
  constexpr std::size_t calls = 400;
  std::set<std::string> answered;
  std::int64_t cost = 0;
  {
    GatewayOptions all = options();
    all.threads = 4;
    all.providers.push_back(answering(10, 5));
    Gateway gateway = open_gateway(std::move(all));
    std::vector<std::future<Result<ChatResponse>>> under_way;
    for (std::size_t i = 0; i < calls; ++i) {
      auto outcome = std::make_shared<std::promise<Result<ChatResponse>>>();
      under_way.push_back(outcome->get_future());
      static_cast<void>(gateway.start_chat(
          ask(i % 2 == 0 ? "mine/m" : "mock/hello", "hi"),
          [outcome](Result<ChatResponse> answer) { outcome->set_value(std::move(answer)); }));
    }
    for (auto& one : under_way) {
      const auto answer = one.get();
      ASSERT_TRUE(answer) << answer.error().message;
      answered.insert(answer->metadata.at("request-id"));
      cost += answer->cost_nanousd;
    }
    EXPECT_EQ(gateway.usage().total.cost_nanousd, cost);
  }
  std::set<std::string> written;
  for (const CallRecord& record : records()) {
    EXPECT_TRUE(written.insert(record.request_id).second);
    cost -= record.cost_nanousd;
  }
  EXPECT_EQ(written, answered);
  EXPECT_EQ(answered.size(), calls);
  EXPECT_EQ(cost, 0);
  EXPECT_TRUE(verification().is_sound());
}

}  // namespace
}  // namespace weir::api
