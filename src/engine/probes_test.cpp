// SPDX-License-Identifier: Apache-2.0
#include "engine/probes.hpp"

#include <gtest/gtest.h>

#include <set>

#include "config/loader.hpp"
#include "engine/engine.hpp"
#include "pipeline/loop_test_support.hpp"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;

/// A provider that says what it is asked for, and would bill anything but its list.
struct Provider {
  std::vector<std::string> asked{};
  std::vector<net::TimePoint> times{};
  bool is_there = true;
};

class ProviderExchange final : public net::Exchange {
 public:
  ProviderExchange(Provider& provider, net::Loop& loop) : provider_(provider), loop_(loop) {}
  net::Task<net::ExchangeResult> send(std::string_view method, std::string_view head,
                                      std::string_view, const net::ExchangeTimeouts&,
                                      const net::ExchangeLimits&) override {
    provider_.asked.push_back(std::string(head.substr(0, head.find(" HTTP/"))));
    provider_.times.push_back(loop_.now());
    EXPECT_EQ(method, "GET");
    head_.status = 200;
    const auto error = provider_.is_there ? net::ExchangeError::none : net::ExchangeError::connect;
    co_return net::ExchangeResult{error, {}};
  }
  [[nodiscard]] const net::http::ResponseHead& head() const override { return head_; }
  net::Task<Piece> read(net::Duration) override {
    co_return Piece{.bytes = R"({"data":[]})", .is_last = true};
  }
  void finish(net::Duration) override {}
  void close() override {}

 private:
  Provider& provider_;
  net::Loop& loop_;
  net::http::ResponseHead head_;
};

class ProbesTest : public ::testing::Test, public pipeline::ExchangeFactory {
 protected:
  std::unique_ptr<net::Exchange> make(const pipeline::Target& target, net::Cancellation&) override {
    return std::make_unique<ProviderExchange>(providers_[target.upstream->name], loop_);
  }
  void configure(std::string_view yaml) {
    config::Loaded loaded = config::load_text("weir.yaml", yaml, {});
    ASSERT_TRUE(loaded.ok()) << loaded.report();
    auto made = Snapshot::make(std::move(loaded.config), {}, gate_, nullptr);
    ASSERT_TRUE(made) << made.error().message;
    snapshot_ = *std::move(made);
  }

  pipeline::VirtualLoop loop_;
  SystemClock wall_;
  shared_state::Gate gate_{{}};
  SeededRandom random_{1};
  std::map<std::string, Provider, std::less<>> providers_;
  std::shared_ptr<const Snapshot> snapshot_;
  Probes probes_{loop_, *this, wall_, random_};
};

constexpr std::string_view two = R"(
providers:
  a: {base_url: 'https://a.example.com', probe: 1m}
  b: {base_url: 'https://b.example.com'}
)";

// Z-2: an hour in which nobody calls costs nothing.
TEST_F(ProbesTest, AskForFreeListingsOnlyAndCostNothingInAnIdleHour) {
  configure(two);
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(1h);
  const auto& asked = providers_["a"].asked;
  EXPECT_GE(asked.size(), 50U);
  EXPECT_LE(asked.size(), 75U);
  for (const std::string& line : asked) EXPECT_EQ(line, "GET /v1/models");
  EXPECT_EQ(probes_.figures().at("a").count, static_cast<std::int64_t>(asked.size()));
  EXPECT_EQ(probes_.figures().at("a").failures, 0);
}

// The list of models comes from the front, which outlives the engine behind it.
TEST_F(ProbesTest, AskAVllmForItsHealth) {
  configure("providers: {a: {type: vllm, base_url: 'https://a.example.com', probe: 1m}}");
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(5min);
  ASSERT_FALSE(providers_["a"].asked.empty());
  for (const std::string& line : providers_["a"].asked) EXPECT_EQ(line, "GET /health");
  EXPECT_EQ(probes_.figures().at("a").failures, 0);
}

TEST_F(ProbesTest, AreOffUnlessSet) {
  configure("providers: {b: {base_url: 'https://b.example.com'}}");
  EXPECT_FALSE(Probes::is_needed(*snapshot_));
  configure(two);
  EXPECT_TRUE(Probes::is_needed(*snapshot_));
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(1h);
  EXPECT_TRUE(providers_["b"].asked.empty());
  EXPECT_FALSE(probes_.figures().contains("b"));
}

// Z-2: at most one in 30 s, jitter or not, with a fifth of jitter so that no two run in step.
TEST_F(ProbesTest, ComeAtJitteredIntervalsOfHalfAMinuteAtLeast) {
  configure("providers: {a: {base_url: 'https://a.example.com', probe: 30s}}");
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(1h);
  const auto& times = providers_["a"].times;
  ASSERT_GE(times.size(), 90U);
  std::set<net::Duration> gaps;
  for (std::size_t i = 1; i < times.size(); ++i) gaps.insert(times[i] - times[i - 1]);
  EXPECT_GE(*gaps.begin(), 30s);
  EXPECT_LE(*gaps.rbegin(), 36s);
  EXPECT_GT(gaps.size(), 10U);
}

TEST_F(ProbesTest, RefuseAnIntervalBelowHalfAMinute) {
  const auto loaded =
      config::load_text("weir.yaml", "providers: {a: {base_url: 'https://a', probe: 29s}}", {});
  EXPECT_FALSE(loaded.ok());
}

// Who lists models need not be able to run one, and the other way round: B-3.
TEST_F(ProbesTest, CountFailuresApartAndTouchNeitherBreakerNorTraffic) {
  configure(two);
  providers_["a"].is_there = false;
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(1h);
  const health::ProbeFigures failed = probes_.figures().at("a");
  EXPECT_EQ(failed.failures, failed.count);
  EXPECT_FALSE(failed.error.empty());
  EXPECT_EQ(snapshot_->upstreams()[0]->counters->attempts.load(), 0U);
  for (const auto& provider : gate_.status(loop_.now())) {
    EXPECT_EQ(provider.circuit.state, policy::CircuitBreaker::State::closed);
    EXPECT_EQ(provider.cooldown.remaining, net::Duration::zero());
  }
  providers_["a"].is_there = true;
  loop_.run_for(2min);
  EXPECT_TRUE(probes_.figures().at("a").error.empty());
}

TEST_F(ProbesTest, GoOnCountingOverAReloadAndEndWhenStopped) {
  configure(two);
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(10min);
  const std::int64_t before = probes_.figures().at("a").count;
  probes_.set_snapshot(*snapshot_);
  loop_.run_for(2min);
  EXPECT_GT(probes_.figures().at("a").count, before);
  probes_.stop();
  EXPECT_TRUE(loop_.is_idle());
}

}  // namespace
}  // namespace weir::engine
