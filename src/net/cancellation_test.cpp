// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "net/loop.hpp"

namespace weir::net {
namespace {

class Waiter final : public Cancellable {
 public:
  explicit Waiter(std::function<void()> told) : told_(std::move(told)) {}
  void on_cancel() override { told_(); }

 private:
  std::function<void()> told_;
};

TEST(Cancellation, TellsEachWaiterOnceAndStaysCancelled) {
  Cancellation cancellation;
  int told = 0;
  Waiter first([&] { ++told; });
  Waiter second([&] { ++told; });
  cancellation.add(first);
  cancellation.add(second);
  cancellation.cancel();
  cancellation.cancel();
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(cancellation.is_cancelled());
}

// A back-off wait that is cancelled resumes its request, which then ends and takes its cancellation
// with it.
TEST(Cancellation, MayBeDestroyedByTheWaiterItTells) {
  auto cancellation = std::make_unique<Cancellation>();
  auto other = std::make_unique<Waiter>([] { FAIL() << "it had gone before it could be told"; });
  Waiter last([&] {
    other.reset();
    cancellation.reset();
  });
  cancellation->add(*other);
  cancellation->add(last);
  cancellation->cancel();
  EXPECT_EQ(cancellation, nullptr);
}

}  // namespace
}  // namespace weir::net
