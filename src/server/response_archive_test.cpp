// SPDX-License-Identifier: Apache-2.0
#include "server/response_archive.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "store/database/sealing.hpp"

namespace weir::server {
namespace {

class ResponseArchiveTest : public ::testing::Test {
 protected:
  ~ResponseArchiveTest() override { std::filesystem::remove_all(folder_); }

  static std::string make_folder() {
    std::string folder = testing::TempDir() + "/weir-archive-XXXXXX";
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    return folder;
  }

  const std::string folder_ = make_folder();
  ResponseArchive archive_{
      {.store = config::ContentStorage::disk, .bytes_max = 1'000'000, .file = "content.db"},
      folder_,
      [this]() -> Result<std::unique_ptr<store::DataKeys>> {
        return std::unique_ptr<store::DataKeys>(
            std::make_unique<store::FileDataKeys>(folder_ + "/key"));
      },
      [](std::size_t) {}};
};

// G-2: the first entry of all is there for who asks behind it, who may be erasing it.
TEST_F(ResponseArchiveTest, G2WhatWasHandedOverFirstOfAllIsFound) {
  archive_.put_later(
      [] {
        store::StoredResponse response;
        response.id = "req_1";
        response.tenant = "key:1";
        return response;
      },
      0, std::chrono::hours(1), [](const Result<>&) {});
  std::string tenant;
  const auto found = archive_.wait([&](store::ResponseStore& store) -> Result<> {
    WEIR_TRY_ASSIGN(owner, store.tenant_of("req_1"));
    tenant = std::move(owner);
    return {};
  });
  EXPECT_TRUE(found);
  EXPECT_EQ(tenant, "key:1");
}

TEST_F(ResponseArchiveTest, NothingIsMadeToFindItEmpty) {
  bool is_asked = false;
  EXPECT_TRUE(archive_.wait([&](store::ResponseStore&) -> Result<> {
    is_asked = true;
    return {};
  }));
  EXPECT_FALSE(is_asked);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/content.db"));
}

}  // namespace
}  // namespace weir::server
