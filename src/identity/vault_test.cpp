// SPDX-License-Identifier: Apache-2.0
#include "identity/vault.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "store/files.hpp"

namespace weir::identity {
namespace {

class VaultFolder : public testing::Test {
 protected:
  VaultFolder() : folder_(testing::TempDir() + "/weir-vault-XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    open();
  }
  ~VaultFolder() override { std::filesystem::remove_all(folder_); }

  void open() {
    vault_.reset();
    database_.reset();
    auto opened = store::SqliteDatabase::open(folder_ + "/identity.db");
    ASSERT_TRUE(opened);
    database_.emplace(*std::move(opened));
    auto vault = Vault::open(*database_, folder_, {});
    ASSERT_TRUE(vault) << vault.error().message;
    vault_ = *std::move(vault);
  }
  std::string master() { return *store::read_file(folder_ + "/master-key", 1'000); }
  void expect_readable() {
    const auto text = vault_->get("openai");
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(*text, key);
  }

  static constexpr std::string_view key = "sk-a-provider-key-0123456789";
  std::string folder_;
  std::optional<store::SqliteDatabase> database_;
  std::unique_ptr<Vault> vault_;
};

TEST_F(VaultFolder, Y5_KeepsSecretsThatItsFilesDoNotTell) {
  ASSERT_TRUE(vault_->set("openai", key, 1));
  open();
  expect_readable();
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    const auto text = store::read_file(file.path(), 10'000'000);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->find(key), std::string::npos) << file.path();
  }
  EXPECT_EQ((*vault_->list()).at(0).last4, "6789");
}

TEST_F(VaultFolder, Y5_ASealedValueIsUnreadableInAnotherRow) {
  ASSERT_TRUE(vault_->set("openai", key, 1));
  ASSERT_TRUE(vault_->set("other", "another-provider-key-9876543210", 1));
  ASSERT_TRUE(
      database_->run("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE "
                     "name = 'openai') WHERE name = 'other'"));
  EXPECT_FALSE(vault_->get("other"));
  expect_readable();
}

// Putting back the row of yesterday must not bring back the key that was replaced.
TEST_F(VaultFolder, Y5_AnOlderValueIsUnreadableUnderANewerVersion) {
  ASSERT_TRUE(vault_->set("openai", "an-older-key-0123456789", 1));
  ASSERT_TRUE(database_->run("CREATE TEMP TABLE old AS SELECT sealed FROM secrets"));
  ASSERT_TRUE(vault_->set("openai", key, 2));
  expect_readable();
  ASSERT_TRUE(database_->run("UPDATE secrets SET sealed = (SELECT sealed FROM old)"));
  EXPECT_FALSE(vault_->get("openai"));
}

TEST_F(VaultFolder, Y6_SecretsOutliveTheRotationOfTheMasterKeyAndTheOldKeyOpensNothing) {
  ASSERT_TRUE(vault_->set("openai", key, 1));
  const std::string old = master();
  ASSERT_TRUE(vault_->rotate_master());
  expect_readable();
  EXPECT_NE(master(), old);
  open();
  expect_readable();
  ASSERT_TRUE(store::replace_file(folder_ + "/master-key", old));
  const auto opened = Vault::open(*database_, folder_, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid_request);
}

// A kill leaves the files as they are after any step; the next start must end the rotation.
TEST_F(VaultFolder, Y6_ARotationThatWasKilledAnywhereIsResumed) {
  ASSERT_TRUE(vault_->set("openai", key, 1));
  for (int steps = 1; steps <= 2; ++steps) {
    const std::string old = master();
    ASSERT_TRUE(vault_->begin_rotation());
    expect_readable();
    if (steps == 2) {
      ASSERT_TRUE(vault_->wrap_anew());
    }
    expect_readable();
    open();
    expect_readable();
    EXPECT_NE(master(), old);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/master-key.next"));
  }
}

// Killed between the two files: the new key is in the place of the old one and beside it.
TEST_F(VaultFolder, Y6_AKillBeforeTheLastStepChangesNothingAnyMore) {
  ASSERT_TRUE(vault_->set("openai", key, 1));
  ASSERT_TRUE(vault_->begin_rotation());
  ASSERT_TRUE(vault_->wrap_anew());
  const auto next = store::read_file(folder_ + "/master-key.next", 1'000);
  ASSERT_TRUE(next);
  ASSERT_TRUE(store::replace_file(folder_ + "/master-key", *next));
  open();
  expect_readable();
}

// A gateway that shares the folder and first needs the data key when the master key is another.
TEST_F(VaultFolder, Y6_AnotherGatewayFollowsARotation) {
  for (const bool has_data_key : {false, true}) {
    auto database = store::SqliteDatabase::open(folder_ + "/identity.db");
    ASSERT_TRUE(database);
    const auto other = Vault::open(*database, folder_, {});
    ASSERT_TRUE(other) << other.error().message;
    ASSERT_TRUE(vault_->rotate_master());
    if (has_data_key) {
      EXPECT_TRUE((*other)->get("openai"));
    } else {
      ASSERT_TRUE((*other)->set("openai", key, 1));
    }
    open();
    expect_readable();
  }
}

TEST_F(VaultFolder, AMasterKeyThatOthersCanReadIsRefused) {
  std::filesystem::permissions(folder_ + "/master-key", std::filesystem::perms(0644));
  EXPECT_FALSE(Vault::open(*database_, folder_, {}));
}

// Section 16: a new one would open nothing of what is there, and hide that the old one is missed.
TEST_F(VaultFolder, AMissingMasterKeyIsMadeOnlyWhereNothingIsSealed) {
  ASSERT_TRUE(store::remove_file(folder_ + "/master-key"));
  open();
  ASSERT_TRUE(vault_->content_key("ann"));
  const std::string text = master();
  ASSERT_TRUE(store::remove_file(folder_ + "/master-key"));
  const auto opened = Vault::open(*database_, folder_, {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid_request);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/master-key"));
  EXPECT_FALSE(Vault::open(*database_, folder_, {std::string(64, 'a'), "", ""}));
  ASSERT_TRUE(store::create_private_file(folder_ + "/master-key", text));
  open();
  EXPECT_TRUE(vault_->find_content_key("ann"));
}

TEST_F(VaultFolder, TheMasterKeyMayComeFromElsewhere) {
  const std::string text = master();
  ASSERT_TRUE(vault_->set("openai", key, 1));
  const std::string hex = text.substr(0, 64);
  for (const MasterKeySource& source :
       {MasterKeySource{hex, "", ""}, MasterKeySource{"", folder_ + "/master-key", ""},
        MasterKeySource{"", "", "echo " + hex}}) {
    const auto vault = Vault::open(*database_, folder_, source);
    ASSERT_TRUE(vault) << vault.error().message;
    EXPECT_EQ(*(*vault)->get("openai"), key);
    EXPECT_FALSE((*vault)->rotate_master());
  }
  EXPECT_FALSE(Vault::open(*database_, folder_, {"0123", "", ""}));
  EXPECT_FALSE(Vault::open(*database_, folder_, {"", "", "false"}));
}

}  // namespace
}  // namespace weir::identity
