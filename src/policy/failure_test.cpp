// SPDX-License-Identifier: Apache-2.0
#include "policy/failure.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace weir::policy {
namespace {

TEST(FailureTable, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (const auto& row : failure_table) names.insert(row.name);
  EXPECT_EQ(names.size(), failure_class_count);
}

// Section 4: a request that may have been billed is never repeated where it may be billed again.
TEST(FailureTable, NothingMaybeBilledIsRepeatedOnTheSameTarget) {
  for (const auto& row : failure_table) {
    if (row.maybe_billed) {
      EXPECT_EQ(row.same_target, SameTarget::no) << row.name;
    }
  }
}

// Section 5: the ends that say nothing about the request itself don't use up its attempts.
TEST(FailureTable, OnlyConnectRateAuthAndLocalAreFreeOfCharge) {
  std::set<std::string_view> free;
  for (const auto& row : failure_table) {
    if (!row.counts_as_attempt) free.insert(row.name);
  }
  EXPECT_EQ(free, (std::set<std::string_view>{"connect", "certificate", "rate", "auth", "forbidden",
                                              "local"}));
}

// Section 6: one bad model must not close a router of many.
TEST(FailureTable, OnlyTheWayToTheProviderCountsForItsBreaker) {
  std::set<std::string_view> counted;
  for (const auto& row : failure_table) {
    if (row.counts_for_provider && row.breaker == BreakerEffect::failure) counted.insert(row.name);
  }
  EXPECT_EQ(counted, (std::set<std::string_view>{"connect", "certificate", "reset_early"}));
}

// C-2: 401 and 403 always mean the client's own credentials.
TEST(FailureTable, ProviderCredentialTroubleIsNeverShownAsTheClients) {
  for (const auto& row : failure_table) {
    const int status = weir::traits(row.code).status;
    EXPECT_NE(status, 401) << row.name;
    EXPECT_NE(status, 403) << row.name;
  }
}

TEST(FailureTable, TellsTheClientWhatTheSemanticsSay) {
  const auto status = [](FailureClass failure) {
    return weir::traits(traits(failure).code).status;
  };
  EXPECT_EQ(status(FailureClass::connect), 502);
  EXPECT_EQ(status(FailureClass::reset_early), 502);
  EXPECT_EQ(status(FailureClass::reset_sent), 502);
  EXPECT_EQ(status(FailureClass::timeout_sent), 504);
  EXPECT_EQ(status(FailureClass::rate), 429);
  EXPECT_EQ(status(FailureClass::quota), 429);
  EXPECT_EQ(status(FailureClass::auth), 502);
  EXPECT_EQ(status(FailureClass::not_found), 404);
  EXPECT_EQ(status(FailureClass::context), 400);
  EXPECT_EQ(status(FailureClass::malformed), 502);
  EXPECT_EQ(status(FailureClass::redirect), 502);
  EXPECT_EQ(status(FailureClass::local), 503);
}

}  // namespace
}  // namespace weir::policy
