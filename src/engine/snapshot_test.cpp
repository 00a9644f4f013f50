// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "config/loader.hpp"

namespace weir::engine {
namespace {

class SnapshotTest : public testing::Test {
 protected:
  std::shared_ptr<const Snapshot> make(const Snapshot* previous) {
    config::Loaded loaded = config::load_text("weir.yaml", R"(
providers: { up: { base_url: "http://127.0.0.1:9/v1" } }
models: { r: { targets: [up/m] }, wide: { targets: [up/m, up/n] } }
)",
                                              environment_);
    EXPECT_TRUE(loaded.ok()) << loaded.report();
    auto made = Snapshot::make(std::move(loaded.config), environment_, gate_, previous);
    EXPECT_TRUE(made);
    return *made;
  }

  static const pipeline::Target& target_of(const Snapshot& snapshot) {
    return *(*snapshot.route("r"))->steps.front().targets.front();
  }

  config::Environment environment_;
  shared_state::Gate gate_{{}};
};

// H-3: a request may go by the old configuration for as long as it lasts.
TEST_F(SnapshotTest, KnowsWhatARequestLearnsThatStillGoesByTheOneBefore) {
  const auto old = make(nullptr);
  const auto next = make(old.get());
  const pipeline::Target& used = target_of(*old);
  used.learnt->refused.fetch_or(1);
  used.counters->attempts.fetch_add(1);
  EXPECT_EQ(next->refused().count("up/m"), 1U);
  EXPECT_EQ(target_of(*next).learnt->refused.load(), 1U);
  EXPECT_EQ(target_of(*next).counters->attempts.load(), 1U);
}

// H-2: a reload stalls no request.
TEST_F(SnapshotTest, HasBuiltTheWideRoutesThatAreInUseBeforeItIsAskedForThem) {
  const auto old = make(nullptr);
  ASSERT_TRUE(old->route("wide"));
  ASSERT_TRUE(old->route("r"));
  EXPECT_EQ(make(old.get())->wide_routes_in_use(), std::vector<std::string>{"wide"});
  EXPECT_TRUE(make(nullptr)->wide_routes_in_use().empty());
}

// Those that end an attempt are in the tests of the attempt; here is that they get there.
TEST_F(SnapshotTest, T21EveryWaitIsItsProvidersAndItsRoutesToSet) {
  const config::Loaded loaded = config::load_text("weir.yaml", R"(
providers:
  up: { base_url: "http://127.0.0.1:9/v1", timeouts: { connect: 2s, dns: 700ms, request_total: 50s, pool_idle: 3s } }
timeouts: { connect: 4s, request_write_stall: 6s, request_total: 100s }
models:
  r: { targets: [up/m], timeouts: { connect: 1s, request_write_stall: 500ms, stream_total: 9s, after_finish: 800ms } }
  late: { targets: [up/m], timeouts: { request_total: 20s, pool_idle: 1s, dns: 100ms } }
)",
                                                  environment_);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto snapshot = *Snapshot::make(loaded.config, environment_, gate_, nullptr);
  using std::chrono::seconds;
  const auto& of_route = target_of(*snapshot).timeouts;
  EXPECT_EQ(of_route.connect.connect, seconds(1));
  EXPECT_EQ(of_route.connect.dns, pipeline::milliseconds(700));
  EXPECT_EQ(of_route.request_write_stall, pipeline::milliseconds(500));
  EXPECT_EQ(of_route.stream_total, seconds(9));
  EXPECT_EQ(of_route.pool_idle, seconds(3));
  EXPECT_EQ(of_route.after_finish, pipeline::milliseconds(800));
  EXPECT_EQ((*snapshot->route("r"))->request_total, seconds(50));
  const auto late = *snapshot->route("late");
  const auto& of_late = late->steps.front().targets.front()->timeouts;
  EXPECT_EQ(late->request_total, seconds(20));
  EXPECT_EQ(of_late.connect.connect, seconds(2));
  EXPECT_EQ(of_late.connect.dns, pipeline::milliseconds(100));
  EXPECT_EQ(of_late.request_write_stall, seconds(6));
  EXPECT_EQ(of_late.pool_idle, seconds(1));
}

// What they do is in the tests of the gate, the attempt loop and hedging.
TEST_F(SnapshotTest, CooldownsDrainsAndHedgingAreAsIsSet) {
  const config::Loaded loaded = config::load_text("weir.yaml", R"(
cooldown: { quota: 4s }
hedging: { p95_share: 3.0, delay_min: 1s, delay_max: 9s, samples_min: 5, unknown: 3s,
           unknown_reasoning: 7s, requests_share: 10% }
providers:
  up: { base_url: "http://127.0.0.1:9/v1", cooldown: 6s, drain_max: 2s, drains_max: 3 }
models:
  r: { targets: [up/m], hedge: 5s }
)",
                                                  environment_);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto snapshot = *Snapshot::make(loaded.config, environment_, gate_, nullptr);
  using pipeline::milliseconds;
  const pipeline::Upstream& upstream = *target_of(*snapshot).upstream;
  EXPECT_EQ(upstream.cooldowns.quota.lengths.front(), milliseconds(4'000));
  EXPECT_EQ(upstream.cooldowns.after_error, milliseconds(6'000));
  EXPECT_EQ(upstream.drain_max, milliseconds(2'000));
  EXPECT_EQ(upstream.drains_max, 3);
  const pipeline::HedgePolicy& hedge = (*snapshot->route("r"))->hedge;
  EXPECT_EQ(hedge.mode, pipeline::HedgePolicy::Mode::after);
  EXPECT_EQ(hedge.after, milliseconds(5'000));
  const policy::HedgeOptions wanted{.p95_permille = 3'000,
                                    .delay_min = milliseconds(1'000),
                                    .delay_max = milliseconds(9'000),
                                    .samples_min = 5,
                                    .unknown = milliseconds(3'000),
                                    .unknown_reasoning = milliseconds(7'000),
                                    .share_permille = 100};
  EXPECT_EQ(hedge.options, wanted);
}

TEST_F(SnapshotTest, K6AProvidersDayIsWhereItIsSaidOrKnownToBe) {
  const config::Loaded loaded = config::load_text("weir.yaml", R"(
providers:
  gemini: { api_key: a }
  said: { base_url: "http://127.0.0.1:9/v1", limits: { time_zone: Asia/Kolkata } }
  nobody: { base_url: "http://127.0.0.1:8/v1" }
)",
                                                  environment_);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto snapshot = *Snapshot::make(loaded.config, environment_, gate_, nullptr);
  std::map<std::string, std::string> zones;
  for (const auto& upstream : snapshot->upstreams()) {
    if (upstream->quota_day) zones.emplace(upstream->name, upstream->quota_day->zone_name());
  }
  EXPECT_EQ(zones, (std::map<std::string, std::string>{{"gemini", "America/Los_Angeles"},
                                                       {"said", "Asia/Kolkata"}}));
}

// Limits are looked up by this name; where there is none, those of the whole provider hold.
TEST_F(SnapshotTest, ATargetOfAPlanThatCountsModelsKnowsWhatItCountsWith) {
  const config::Loaded loaded = config::load_text("weir.yaml", R"(
providers:
  groq: { api_key: gsk-0123456789-abcdef, plan: free }
  openai: { api_keys: [sk-0123456789-abcdef, sk-0123456789-zyxwvu] }
  cohere:
    api_key: co-0123456789
    plan: free
    models: { command-a-03-2025: { limits: { requests_per_minute: 3 } } }
)",
                                                  environment_);
  ASSERT_TRUE(loaded.ok()) << loaded.report();
  const auto made = Snapshot::make(loaded.config, environment_, gate_, nullptr);
  ASSERT_TRUE(made);
  const auto target = [&](const char* name) {
    return (*(*made)->route(name))->steps.front().targets.front();
  };
  EXPECT_EQ(target("groq/llama-3.1-8b-instant")->limit_pool, "groq/llama-3.1-8b-instant");
  EXPECT_EQ(target("groq/never-heard-of")->limit_pool, "groq/*");
  EXPECT_EQ(target("cohere/command-a-03-2025")->limit_pool, "");
  EXPECT_EQ(target("cohere/command-a-03-2025")->limited_model, "cohere/command-a-03-2025");
  EXPECT_EQ(target("openai/gpt-4o")->limited_model, "");
  const auto keyed = target("openai/gpt-4o");
  EXPECT_EQ(keyed->limit_pool, "openai/gpt-4o sk-…cdef");
  ASSERT_EQ(keyed->other_keys.size(), 1U);
  EXPECT_EQ(keyed->other_keys[0]->limit_pool, "openai/gpt-4o sk-…xwvu");
  EXPECT_NE(keyed->other_keys[0]->reported, keyed->reported);
}

TEST_F(SnapshotTest, ForgetsWhatWasRefusedWhenAProviderIsReset) {
  const auto snapshot = make(nullptr);
  target_of(*snapshot).learnt->refused.fetch_or(1);
  snapshot->forget_refused("other");
  EXPECT_EQ(snapshot->refused().size(), 1U);
  snapshot->forget_refused("up");
  EXPECT_EQ(snapshot->refused().size(), 0U);
}

// Clients may ask for any model of a provider.
TEST_F(SnapshotTest, KeepsABoundedNumberOfNamesThatClientsChose) {
  const auto snapshot = make(nullptr);
  constexpr int names = 30'000;
  for (int i = 0; i < names; ++i) ASSERT_TRUE(snapshot->route("up/m" + std::to_string(i)));
  EXPECT_LT(snapshot->names_counted(), std::size_t{21'000});
}

}  // namespace
}  // namespace weir::engine
