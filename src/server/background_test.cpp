// SPDX-License-Identifier: Apache-2.0
#include "server/background.hpp"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace weir::server {
namespace {

struct Large {
  explicit Large(std::thread::id& by) : destroyed_by(by) {}
  ~Large() { destroyed_by = std::this_thread::get_id(); }
  Large(const Large&) = delete;
  Large& operator=(const Large&) = delete;

  std::thread::id& destroyed_by;
};

// A loop that took a large object apart would hold up its requests meanwhile.
TEST(Background, WhatItLendsIsDestroyedByItsOwnThread) {
  const std::thread::id nobody;
  std::thread::id destroyed_by = nobody;
  {
    Background background;
    auto lent = background.lent(std::make_shared<const Large>(destroyed_by));
    auto second_holder = lent;
    lent.reset();
    EXPECT_EQ(destroyed_by, nobody);
    second_holder.reset();
  }
  EXPECT_NE(destroyed_by, nobody);
  EXPECT_NE(destroyed_by, std::this_thread::get_id());
}

}  // namespace
}  // namespace weir::server
