// SPDX-License-Identifier: Apache-2.0
#include "store/database/health_store.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::store {
namespace {

constexpr std::int64_t minute = 60'000;
constexpr std::int64_t hour = 60 * minute;

class HealthStoreTest : public testing::Test {
 public:
  HealthStoreTest(const HealthStoreTest&) = delete;
  HealthStoreTest& operator=(const HealthStoreTest&) = delete;

 protected:
  HealthStoreTest() {
    folder_ = testing::TempDir() + "/weir-health-XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    open();
  }
  ~HealthStoreTest() override {
    store_.reset();
    for (const char* end : {"", "-wal", "-shm"}) ::unlink((file() + end).c_str());
    ::rmdir(folder_.c_str());
  }
  [[nodiscard]] std::string file() const { return folder_ + "/health.db"; }
  void open() {
    store_.reset();
    auto opened = HealthStore::open(file());
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  void put(std::int64_t slot, const std::string& series, std::int64_t start,
           const std::string& figures) {
    const HealthRow row{slot, series, start, figures};
    ASSERT_TRUE(store_->put({&row, 1}));
  }
  [[nodiscard]] std::string found(const HealthStore::Question& question) {
    std::string text;
    const auto rows = store_->find(question);
    EXPECT_TRUE(rows);
    for (const HealthRow& row : *rows) {
      text += row.series + "@" + std::to_string(row.start_ms / minute) + "=" + row.figures + " ";
    }
    return text;
  }

  std::string folder_;
  std::unique_ptr<HealthStore> store_;
};

TEST_F(HealthStoreTest, RowsAreFoundByTimeAndSeriesAndOutliveTheProgram) {
  put(minute, "b", 2 * minute, "2");
  put(minute, "a", 2 * minute, std::string("\0\x80", 2));
  put(minute, "a", minute, "1");
  put(hour, "a", 0, "h");
  open();
  const HealthStore::Question all{.slot_ms = minute, .before_ms = hour, .rows_max = 10};
  EXPECT_EQ(found(all), "a@1=1 a@2=" + std::string("\0\x80", 2) + " b@2=2 ");
  EXPECT_EQ(found({.slot_ms = hour, .before_ms = 1, .rows_max = 10}), "a@0=h ");
  EXPECT_EQ(found({.slot_ms = minute, .series = "b", .before_ms = hour, .rows_max = 9}), "b@2=2 ");
  EXPECT_EQ(found({.slot_ms = minute, .before_ms = 2 * minute, .rows_max = 9}), "a@1=1 ");
  EXPECT_EQ(found({.slot_ms = minute, .before_ms = hour, .rows_max = 1}), "a@1=1 ");
}

TEST_F(HealthStoreTest, ALaterRowOfTheSameTimeReplacesAnEarlierOne) {
  put(minute, "a", minute, "1");
  put(minute, "a", minute, "2");
  EXPECT_EQ(found({.slot_ms = minute, .before_ms = hour, .rows_max = 9}), "a@1=2 ");
}

TEST_F(HealthStoreTest, OldRowsGoAndThoseThatAreTooMany) {
  for (int i = 0; i < 10; ++i) put(minute, "a", i * minute, "x");
  put(hour, "a", 0, "h");
  EXPECT_EQ(*store_->remove_old(minute, 3 * minute, 100, 2), 2U) << "a few at a time";
  EXPECT_EQ(*store_->remove_old(minute, 3 * minute, 100, 2), 1U);
  EXPECT_EQ(*store_->remove_old(minute, 3 * minute, 100, 2), 0U);
  EXPECT_EQ(*store_->remove_old(minute, 0, 2, 100), 5U);
  EXPECT_EQ(found({.slot_ms = minute, .before_ms = hour, .rows_max = 9}), "a@8=x a@9=x ");
  EXPECT_EQ(found({.slot_ms = hour, .before_ms = 1, .rows_max = 9}), "a@0=h ");
}

}  // namespace
}  // namespace weir::store
