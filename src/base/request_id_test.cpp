// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.hpp"

#include <set>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(RequestId, SortsByItsTime) {
  SeededRandom random(1);
  std::string before;
  for (const std::int64_t time : {0LL, 1LL, 31LL, 32LL, 1'793'491'200'000LL, 1'793'491'200'001LL,
                                  1'825'000'000'000LL, 35'000'000'000'000LL}) {
    const std::string id = make_request_id(time, random);
    EXPECT_EQ(id.size(), 28U);
    EXPECT_LT(before, id) << time;
    EXPECT_EQ(time_of_request_id(id), time);
    before = id;
  }
}

// So that those who look calls up by their time find it where the request stands.
TEST(RequestId, OfOneMoreCallStandsBehindThatOfItsRequestAndTellsTheSameTime) {
  SeededRandom random(1);
  const std::string id = make_request_id(1'793'491'200'000, random);
  const std::string second = request_id_of_call(id, 2);
  EXPECT_EQ(second, id + "-2");
  EXPECT_LT(id, second);
  EXPECT_EQ(time_of_request_id(second), time_of_request_id(id));
}

TEST(RequestId, OfAnotherMakingTellsNoTime) {
  SeededRandom random(1);
  std::string id = make_request_id(1'793'491'200'000, random);
  EXPECT_EQ(time_of_request_id(id + "0"), std::nullopt);
  EXPECT_EQ(time_of_request_id("req-nobody"), std::nullopt);
  id[6] = 'z';
  EXPECT_EQ(time_of_request_id(id), std::nullopt);
}

TEST(RequestId, IsAnotherEachTimeWithinOneMillisecond) {
  SeededRandom random(1);
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(make_request_id(1'793'491'200'000, random));
  EXPECT_EQ(ids.size(), 10'000U);
}

}  // namespace
}  // namespace weir
