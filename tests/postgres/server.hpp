// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "store/database/postgres.hpp"

namespace weir::test {

/// The database that `tests/e2e/postgres.py` has made for this run. Without it nothing passes.
inline std::string postgres_url() {
  const char* const url = std::getenv("WEIR_TEST_POSTGRES");
  EXPECT_NE(url, nullptr) << "run it by ctest, or by tests/e2e/postgres.py";
  return url != nullptr ? url : "postgres://nobody@127.0.0.1:1/none";
}

inline store::PostgresDatabase open_database() {
  auto opened = store::PostgresDatabase::open(postgres_url());
  EXPECT_TRUE(opened) << opened.error().message;
  return *std::move(opened);
}

/// Removes what a test has left.
inline void drop_tables() {
  auto database = open_database();
  const auto dropped = database.run_all("DROP SCHEMA IF EXISTS weir CASCADE");
  EXPECT_TRUE(dropped) << dropped.error().message;
}

}  // namespace weir::test
