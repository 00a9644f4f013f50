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
