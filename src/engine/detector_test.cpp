// SPDX-License-Identifier: Apache-2.0
#include "engine/detector.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <set>

#include "config/loader.hpp"
#include "engine/engine.hpp"

namespace weir::engine {
namespace {

/// One answer of a server that exists in the test only.
struct Scripted {
  int status = 200;
  std::string body{};
  net::ExchangeError error = net::ExchangeError::none;
};

class ScriptedExchange final : public net::Exchange {
 public:
  using Server = std::function<Scripted(std::string_view head, std::string_view body)>;
  explicit ScriptedExchange(const Server& server) : server_(server) {}

  net::Task<net::ExchangeResult> send(std::string_view, std::string_view head,
                                      std::string_view body, const net::ExchangeTimeouts&,
                                      const net::ExchangeLimits&) override {
    answer_ = server_(head, body);
    head_.status = answer_.status;
    co_return net::ExchangeResult{answer_.error, {}};
  }
  [[nodiscard]] const net::http::ResponseHead& head() const override { return head_; }
  net::Task<Piece> read(net::Duration) override {
    co_return Piece{.bytes = answer_.body, .is_last = true};
  }
  void finish(net::Duration) override {}
  void close() override {}

 private:
  const Server& server_;
  Scripted answer_;
  net::http::ResponseHead head_;
};

/// A detector on a real loop with servers in the test; time is short, nothing waits for real.
class DetectorTest : public ::testing::Test, public pipeline::ExchangeFactory {
 protected:
  std::unique_ptr<net::Exchange> make(const pipeline::Target& target, net::Cancellation&) override {
    return std::make_unique<ScriptedExchange>(servers_[target.upstream->name]);
  }

  void configure(std::string_view yaml, const Snapshot* previous = nullptr) {
    config::Loaded loaded = config::load_text("weir.yaml", yaml, {});
    ASSERT_TRUE(loaded.ok()) << loaded.report();
    auto made = Snapshot::make(std::move(loaded.config), {}, gate_, previous);
    ASSERT_TRUE(made) << made.error().message;
    snapshot_ = *std::move(made);
  }

  /// Runs `begin` on the loop, then the loop until `is_done` holds after a question or a change.
  void run(const std::function<void()>& begin, std::function<bool()> is_done) {
    is_done_ = std::move(is_done);
    engine_.loop().post([this, begin] {
      begin();
      check();
    });
    engine_.loop().run();
  }

  void check() {
    if (!is_done_ || !is_done_()) return;
    is_done_ = nullptr;
    engine_.loop().post([this] { detector_.stop([this] { engine_.finish(); }); });
  }

  void answer(const std::string& provider, std::deque<Scripted> script) {
    scripts_[provider] = std::move(script);
    servers_[provider] = [this, provider](std::string_view head, std::string_view body) {
      asked_.push_back(provider + " " + std::string(head.substr(0, head.find(" HTTP/"))));
      bodies_.emplace_back(body);
      engine_.loop().post([this] { check(); });
      auto& left = scripts_[provider];
      Scripted next = left.front();
      if (left.size() > 1) left.pop_front();
      return next;
    };
  }

  [[nodiscard]] std::string ids_of(const std::string& provider) const {
    const auto found = lists_.find(provider);
    if (found == lists_.end()) return "none";
    std::string text;
    for (const auto& model : found->second->models()) text += model.id + " ";
    return text;
  }

  SystemClock wall_;
  shared_state::Gate gate_{{}};
  net::TlsClientContexts tls_;
  Engine engine_{{wall_, gate_, tls_}, 1};
  SeededRandom random_{1};
  std::map<std::string, ScriptedExchange::Server> servers_;
  std::map<std::string, std::deque<Scripted>> scripts_;
  std::vector<std::string> asked_;
  std::vector<std::string> bodies_;
  config::DetectedModels lists_;
  int changes_ = 0;
  std::function<void()> on_change_ = [] {};  ///< before it counts
  std::function<bool()> is_done_;
  std::shared_ptr<const Snapshot> snapshot_;
  Detector detector_{engine_.loop(),
                     *this,
                     wall_,
                     random_,
                     {.gap_min = std::chrono::milliseconds(2), .jitter_permille = 200},
                     [this](config::DetectedModels lists) {
                       on_change_();
                       lists_ = std::move(lists);
                       ++changes_;
                       engine_.loop().post([this] { check(); });
                     }};
};

constexpr std::string_view one_vllm = "providers: {v: {type: vllm, base_url: 'http://10.0.0.1'}}";

Scripted list_of(std::string_view ids) {
  std::string body = R"({"data":[)";
  for (const char id : ids) {
    if (body.back() == '}') body += ',';
    body += std::string(R"({"id":")") + id + R"("})";
  }
  return {.status = 200, .body = body + "]}"};
}

TEST_F(DetectorTest, AsksLocalAndCustomServersAndNobodyWhoMayCharge) {
  configure(R"(
providers:
  v: {type: vllm, base_url: 'http://10.0.0.1:8000'}
  mine: {base_url: 'https://models.example.com'}
  openai: {api_key: sk-1}
  groq: {api_key: gk-1, detect: on}
  quiet: {type: vllm, base_url: 'http://10.0.0.2:8000', detect: off}
  mocked: {type: vllm, mock: true}
)");
  for (const char* name : {"v", "mine", "openai", "groq", "quiet", "mocked"}) {
    answer(name, {list_of("a")});
  }
  run([&] { detector_.set_snapshot(snapshot_); }, [&] { return lists_.size() == 3; });
  const std::set<std::string> asked(asked_.begin(), asked_.end());
  EXPECT_EQ(asked, (std::set<std::string>{"v GET /v1/models", "mine GET /v1/models",
                                          "groq GET /openai/v1/models"}));
}

TEST_F(DetectorTest, TellsAChangeOnlyWhenThereIsOne) {
  configure(std::string(one_vllm) + "\ndetection: {interval: 30s}");
  answer("v", {list_of("a"), list_of("a"), list_of("a"), list_of("ab")});
  const auto again = [&] {
    engine_.loop().post([&] { detector_.look_now("v"); });
    return changes_ == 2;
  };
  run([&] { detector_.set_snapshot(snapshot_); }, again);
  EXPECT_EQ(ids_of("v"), "a b ");
  EXPECT_GE(asked_.size(), 4U);
}

// What it told may be older than what somebody wants to know, the end of a pull, say.
TEST_F(DetectorTest, WhoIsToBeAskedWhileItIsAskedIsAskedOnceMore) {
  configure(one_vllm);
  answer("v", {list_of("a"), list_of("ab")});
  servers_["v"] = [this, answers = servers_["v"]](std::string_view head, std::string_view body) {
    if (asked_.empty()) EXPECT_TRUE(detector_.look_now("v"));
    return answers(head, body);
  };
  run([&] { detector_.set_snapshot(snapshot_); }, [&] { return changes_ == 2; });
  EXPECT_EQ(ids_of("v"), "a b ");
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(DetectorTest, WhoWaitsIsToldWhenTheListCountsAndNotBefore) {
  configure(one_vllm);
  answer("v", {list_of("a"), list_of("ab")});
  std::string found;
  run([&] { detector_.set_snapshot(snapshot_); },
      [&] {
        if (changes_ == 1 && asked_.size() == 1) {
          detector_.look_now("v", [&] { found = ids_of("v"); });
        }
        return changes_ == 2;
      });
  EXPECT_EQ(found, "a b ");
}

TEST_F(DetectorTest, WhoWaitsForOneThatIsNotAskedDoesNotWait) {
  configure(one_vllm);
  bool is_told = false;
  EXPECT_FALSE(detector_.look_now("nobody", [&] { is_told = true; }));
  EXPECT_TRUE(is_told);
}

// Whoever sees that it was answered may ask for what was told.
TEST_F(DetectorTest, AnAnswerShowsWhenItsListCounts) {
  configure(one_vllm);
  answer("v", {list_of("a")});
  std::int64_t shown_ms = -1;
  on_change_ = [&] { shown_ms = detector_.looks().at("v").answered_unix_ms; };
  run([&] { detector_.set_snapshot(snapshot_); }, [&] { return changes_ == 1; });
  EXPECT_EQ(shown_ms, 0) << "it showed before the list counted";
  EXPECT_GT(detector_.looks().at("v").answered_unix_ms, 0);
}

// A server that is restarted has its models again in a minute.
TEST_F(DetectorTest, AServerThatVanishesKeepsItsListAndIsAskedSooner) {
  configure(one_vllm);
  const Scripted gone{.error = net::ExchangeError::connect};
  answer("v", {gone, list_of("a"), gone, gone});
  // Unanswered it is asked again after the gap; the regular interval is minutes.
  run([&] { detector_.set_snapshot(snapshot_); },
      [&] {
        if (changes_ == 1 && asked_.size() == 2) detector_.look_now("v");
        return asked_.size() >= 4;
      });
  EXPECT_EQ(ids_of("v"), "a ");
  EXPECT_EQ(changes_, 1);
  const config::Look look = detector_.looks().at("v");
  EXPECT_FALSE(look.error.empty());
  EXPECT_GT(look.answered_unix_ms, 0);
}

/// Exchanges in the test answer at once, so that this ends where it begins.
net::Task<void> ask(net::Loop& loop, pipeline::ExchangeFactory& exchanges, const Listing& listing,
                    std::optional<ListResult>& result) {
  net::Cancellation cancellation;
  ListResult told = co_await ask_for_models(loop, exchanges, listing, nullptr, true, cancellation);
  result = std::move(told);
}

TEST_F(DetectorTest, AHostileAnswerIsAnErrorAndNoList) {
  for (const Scripted& bad :
       {Scripted{.body = "{\"data\":["}, Scripted{.body = "<html>"},
        Scripted{.body = std::string(5 << 20, '[')}, Scripted{.status = 500, .body = "{}"},
        Scripted{.status = 302}, Scripted{.error = net::ExchangeError::malformed}}) {
    configure(one_vllm);
    answer("v", {bad});
    const auto listing = listing_of(*snapshot_, 0);
    ASSERT_TRUE(listing);
    std::optional<ListResult> result;
    net::TaskSet tasks;
    tasks.spawn(ask(engine_.loop(), *this, *listing, result));
    ASSERT_TRUE(result);
    EXPECT_FALSE(*result) << bad.body.substr(0, 20);
  }
}

TEST_F(DetectorTest, AnOldOllamaIsAskedForEachModelOnce) {
  configure("providers: {o: {type: ollama, base_url: 'http://10.0.0.1:11434'}}");
  const Scripted tags{.body = R"({"models":[{"name":"m:1b","digest":"d1"}]})"};
  const Scripted shown{.body =
                           R"({"model_info":{"general.architecture":"x","x.context_length":4096},
                                   "capabilities":["completion","tools"]})"};
  answer("o", {tags, shown, tags});
  run([&] { detector_.set_snapshot(snapshot_); },
      [&] {
        if (changes_ == 1 && asked_.size() == 2) detector_.look_now("o");
        return asked_.size() >= 3;
      });
  EXPECT_EQ(asked_,
            (std::vector<std::string>{"o GET /api/tags", "o POST /api/show", "o GET /api/tags"}));
  EXPECT_EQ(bodies_[1], R"({"model":"m:1b"})");
  EXPECT_EQ(lists_.at("o")->models().at(0).context_tokens, 4'096);
  EXPECT_EQ(changes_, 1) << "the description was kept";
}

TEST_F(DetectorTest, AnotherAddressIsAnotherServer) {
  configure(one_vllm);
  answer("v", {list_of("a"), {.error = net::ExchangeError::connect}});
  bool is_moved = false;
  run([&] { detector_.set_snapshot(snapshot_); },
      [&] {
        if (changes_ == 1 && !is_moved) {
          is_moved = true;
          configure("providers: {v: {type: vllm, base_url: 'http://10.0.0.9'}}");
          detector_.set_snapshot(snapshot_);
        }
        return changes_ == 2;
      });
  EXPECT_EQ(ids_of("v"), "none");
}

TEST_F(DetectorTest, SwitchedOffItAsksNobody) {
  configure(std::string(one_vllm) + "\ndetection: {interval: off}");
  EXPECT_FALSE(Detector::is_needed(*snapshot_));
  configure(one_vllm);
  EXPECT_TRUE(Detector::is_needed(*snapshot_));
}

}  // namespace
}  // namespace weir::engine
