// SPDX-License-Identifier: Apache-2.0
#include "admin/views.hpp"

#include <gtest/gtest.h>

#include "config/loader.hpp"
#include "json/document.hpp"

namespace weir::admin {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

/// A program that isn't running, with counters to write to.
struct Fixture {
  explicit Fixture(std::string_view yaml) {
    config::Loaded loaded = config::load_text("weir.yaml", yaml, {});
    EXPECT_TRUE(loaded.ok()) << loaded.report();
    std::vector<config::Problem> problems;
    resolver = config::Resolver::make(
        std::make_shared<const config::Config>(std::move(loaded.config)), {}, problems);
    for (const auto& provider : resolver->config().providers) {
      auto upstream = std::make_shared<pipeline::Upstream>();
      upstream->name = provider.name;
      upstreams.push_back(std::move(upstream));
    }
  }
  [[nodiscard]] Moment moment() const { return {*resolver, upstreams, status, day}; }
  pipeline::TrafficCounters& counters(std::size_t index) { return *upstreams[index]->counters; }

  std::shared_ptr<const config::Resolver> resolver;
  std::vector<std::shared_ptr<const pipeline::Upstream>> upstreams;
  std::vector<shared_state::ProviderStatus> status;
  DayStart day;
};

constexpr std::string_view yaml = R"(
providers:
  openai:
    type: openai
    api_key: sk-test-0123456789abcdefwxyz
    limits: { requests_per_minute: 60, concurrency: 4 }
    models: { gpt-4.1: { price: { input: 1.25, output: 5 } } }
  off: { type: mock, enabled: false }
models:
  smart: { strategy: weighted, targets: [openai/gpt-4.1, { target: mock/echo, weight: 3 }] }
)";

/// The member at a dotted path.
std::string at(const std::string& text, std::initializer_list<std::string_view> path) {
  static json::Document document;
  EXPECT_TRUE(document.parse(text)) << text;
  json::Value value = document.root();
  for (const std::string_view key : path) {
    const auto next = value.find(key);
    if (!next) return "absent";
    value = *next;
  }
  return std::string(value.raw());
}

TEST(Views, ShowAProviderWithoutItsKey) {
  Fixture program(yaml);
  program.counters(0).in_flight = 1;
  const std::string text = provider_json(program.moment(), 0);
  EXPECT_EQ(text.find("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(at(text, {"api_keys"}), R"(["sk-te…wxyz"])");
  EXPECT_EQ(at(text, {"source"}), "\"weir.yaml:4\"");
  EXPECT_EQ(at(text, {"limits", "requests_per_minute", "limit"}), "60");
  EXPECT_EQ(at(text, {"limits", "concurrency"}), R"({"limit":4,"used":1,"left":3})");
  EXPECT_EQ(at(text, {"circuit", "state"}), "\"closed\"");
  EXPECT_EQ(at(text, {"success_rate"}), "null");
}

TEST(Views, TellWhereAPriceComesFrom) {
  Fixture program(yaml);
  const std::string text = provider_json(program.moment(), 0);
  EXPECT_NE(text.find(R"("usd_per_million_tokens":{"input":1.25,"output":5)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("prices_source":"weir.yaml:7")"), std::string::npos) << text;
}

TEST(Views, CallAProviderByWhatItDidLast) {
  Fixture program(yaml);
  const auto health = [&](std::size_t index) {
    return at(provider_json(program.moment(), index), {"health"});
  };
  EXPECT_EQ(health(0), "\"unused\"");
  EXPECT_EQ(health(1), "\"disabled\"");
  program.counters(0).attempts = 1;
  program.counters(0).last_success_ms = 5;
  EXPECT_EQ(health(0), "\"healthy\"");
  program.counters(0).last_failure_ms = 6;
  EXPECT_EQ(health(0), "\"failing\"");
  program.status.push_back({.name = "openai", .circuit = {}, .cooldown = {}, .targets = {}});
  program.status[0].circuit.state = policy::CircuitBreaker::State::open;
  EXPECT_EQ(health(0), "\"down\"");
}

TEST(Views, CountTheDayFromItsBeginning) {
  Fixture program(yaml);
  program.day.advance(10 * day_ms + 5, program.upstreams);
  program.counters(0).input_tokens = 100;
  program.counters(0).cost_nanousd = 1'500'000'000;
  const auto today = [&](std::string_view member) {
    return at(provider_json(program.moment(), 0), {"today", member});
  };
  EXPECT_EQ(today("input_tokens"), "100");
  EXPECT_EQ(today("cost_usd"), "1.5");
  program.day.advance(11 * day_ms - 1, program.upstreams);
  EXPECT_EQ(today("input_tokens"), "100");
  program.day.advance(11 * day_ms, program.upstreams);
  EXPECT_EQ(today("input_tokens"), "0");
  program.counters(0).input_tokens = 107;
  EXPECT_EQ(today("input_tokens"), "7");
  EXPECT_EQ(at(provider_json(program.moment(), 0), {"since_start", "input_tokens"}), "107");
}

TEST(Views, TellWhatARouteMeans) {
  Fixture program(yaml);
  const std::string text = routes_json(*program.resolver);
  EXPECT_EQ(at(text, {"default_model"}), "\"auto\"");
  EXPECT_NE(text.find(R"({"name":"smart","kind":"route","source":"weir.yaml:10")"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("model":"echo","weight":3)"), std::string::npos) << text;
}

TEST(Views, ShowSettingsWithTheirSource) {
  Fixture program(yaml);
  const std::string text = config_json(program.resolver->config());
  EXPECT_EQ(text.find("0123456789abcdef"), std::string::npos);
  EXPECT_NE(text.find(R"({"path":"providers.openai.limits.concurrency","value":"4",)"
                      R"("source":"weir.yaml:6"})"),
            std::string::npos)
      << text;
}

TEST(Metrics, HaveALinePerProvider) {
  Fixture program(yaml);
  program.counters(0).attempts = 3;
  program.counters(0).output_tokens = 21;
  const std::string text = metrics_text(program.moment(), {});
  EXPECT_NE(text.find("\nweir_attempts_total{provider=\"openai\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_tokens_total{provider=\"openai\",direction=\"output\"} 21\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nprocess_start_time_seconds "), std::string::npos);
}

// A metric with a line for each of ten thousand names brings down the system that watches it.
TEST(Metrics, G5SumUpTheProvidersBeyondTheFirstThousand) {
  std::string many = "providers:\n";
  for (int i = 0; i < 1'002; ++i) many += "  p" + std::to_string(i) + ": { type: mock }\n";
  Fixture program(many);
  ASSERT_EQ(program.upstreams.size(), 1'003u);  // and the built-in mock
  program.counters(1'000).attempts = 2;
  program.counters(1'001).attempts = 5;
  const std::string text = metrics_text(program.moment(), {});
  EXPECT_NE(text.find("weir_attempts_total{provider=\"other\"} 7\n"), std::string::npos);
  EXPECT_EQ(text.find("provider=\"p1001\""), std::string::npos);
}

}  // namespace
}  // namespace weir::admin
