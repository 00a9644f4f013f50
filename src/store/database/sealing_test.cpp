// SPDX-License-Identifier: Apache-2.0
#include "store/database/sealing.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/files.hpp"

namespace weir::store {
namespace {

const DataKey& key() {
  static const DataKey key("k1", std::string(DataKey::bytes_size, 'k'));
  return key;
}

TEST(Sealing, OpensWhatItSealed) {
  for (const std::string& content :
       {std::string(), std::string("text"), std::string(100'000, 'x')}) {
    EXPECT_EQ(unseal(key(), seal(key(), content, "row 1"), "row 1"), content);
  }
}

// Y-5: whoever can write to the database must not be able to give one tenant another's content.
TEST(Sealing, ContentMovedToAnotherPlaceIsUnreadable) {
  const std::string sealed = seal(key(), "secret", "responses/a/resp_1");
  EXPECT_FALSE(unseal(key(), sealed, "responses/b/resp_1"));
  EXPECT_FALSE(unseal(key(), sealed, ""));
}

TEST(Sealing, ChangedOrCutContentAndOtherKeysOpenNothing) {
  const std::string sealed = seal(key(), "secret", "place");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(unseal(key(), changed, "place")) << i;
    EXPECT_FALSE(unseal(key(), std::string_view(sealed).substr(0, i), "place")) << i;
  }
  const DataKey other("k2", std::string(DataKey::bytes_size, 'o'));
  EXPECT_FALSE(unseal(other, sealed, "place"));
}

// With one nonce twice the difference of two texts could be read.
TEST(Sealing, TheSameContentIsNeverSealedToTheSameBytes) {
  EXPECT_NE(seal(key(), "secret", "place"), seal(key(), "secret", "place"));
  EXPECT_EQ(seal(key(), "secret", "place").find("secret"), std::string::npos);
}

class KeyFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/weir-key-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path() const { return folder_ + "/data-key"; }
  std::string folder_;
};

TEST_F(KeyFile, IsMadeAtFirstUseForItsOwnerAloneAndFoundAgain) {
  FileDataKeys first(path());
  const auto made = first.current("");
  ASSERT_TRUE(made) << made.error().message;
  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);

  FileDataKeys second(path());
  const auto again = second.find("", (*made)->id());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->bytes(), (*made)->bytes());
}

TEST_F(KeyFile, AKeyThatIsGoneOrBrokenIsSaid) {
  FileDataKeys keys(path());
  ASSERT_TRUE(keys.current(""));
  EXPECT_EQ(keys.find("", "another").error().code, ErrorCode::store_unavailable);
  ASSERT_TRUE(replace_file(path(), "short"));
  EXPECT_EQ(FileDataKeys(path()).current("").error().code, ErrorCode::store_unavailable);
  EXPECT_FALSE(FileDataKeys(folder_ + "/none/data-key").current(""));
}

}  // namespace
}  // namespace weir::store
