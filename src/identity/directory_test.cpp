// SPDX-License-Identifier: Apache-2.0
#include "identity/directory.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace weir::identity {
namespace {

constexpr std::int64_t now = 1'800'000'000'000;
const Actor root{"admin-token", Role::admin};

KeyWish wish_for(std::string user) {
  KeyWish wish;
  wish.user = std::move(user);
  return wish;
}
KeyWish ending_at(std::int64_t ms) {
  KeyWish wish;
  wish.expires_ms = ms;
  return wish;
}
UserRecord user_named(std::string name) {
  UserRecord user;
  user.name = std::move(name);
  return user;
}

class DirectoryFolder : public testing::Test {
 protected:
  DirectoryFolder() : folder_(testing::TempDir() + "/weir-directory-XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    reopen();
  }
  ~DirectoryFolder() override { std::filesystem::remove_all(folder_); }

  void reopen() {
    directory_.reset();
    auto opened = Directory::open(folder_);
    ASSERT_TRUE(opened) << opened.error().message;
    directory_ = *std::move(opened);
  }
  NewCredential make(KeyWish wish) {
    auto made = directory_->create_key(root, std::move(wish), now);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *std::move(made) : NewCredential{};
  }
  [[nodiscard]] std::optional<ErrorCode> refusal(const std::string& text,
                                                 std::int64_t at = now) const {
    const auto found = directory_->find(text, CredentialKind::client_key, at);
    return found ? std::nullopt : std::optional(found.error().code);
  }

  std::string folder_;
  std::unique_ptr<Directory> directory_;
};

TEST_F(DirectoryFolder, FindsAKeyOnlyByItsWholeText) {
  const NewCredential made = make({});
  EXPECT_EQ(refusal(made.text), std::nullopt);
  // The same id with a secret that is well formed, and with a right checksum.
  const std::string other =
      make_credential(CredentialKind::client_key, made.record.id, key_entropy());
  EXPECT_EQ(refusal(other), ErrorCode::invalid_api_key);
  EXPECT_EQ(refusal(make_client_key(key_entropy())), ErrorCode::invalid_api_key);
  EXPECT_EQ(refusal(""), ErrorCode::invalid_api_key);
  EXPECT_FALSE(directory_->find(made.text, CredentialKind::user_token, now));
}

TEST_F(DirectoryFolder, AKeyEndsAtItsMoment) {
  const NewCredential made = make(ending_at(now + 10));
  EXPECT_EQ(refusal(made.text, now + 9), std::nullopt);
  EXPECT_EQ(refusal(made.text, now + 10), ErrorCode::expired_api_key);
}

TEST_F(DirectoryFolder, TheOldSecretOfARotatedKeyEndsWithItsGrace) {
  const NewCredential made = make({});
  const auto rotated = directory_->rotate_key(root, made.record.id, 100, now);
  ASSERT_TRUE(rotated);
  reopen();
  EXPECT_EQ(refusal(rotated->text), std::nullopt);
  EXPECT_EQ(refusal(made.text, now + 99), std::nullopt);
  EXPECT_EQ(refusal(made.text, now + 100), ErrorCode::invalid_api_key);
}

TEST_F(DirectoryFolder, Y4_AMembersKeyIsHisOwnAndWithinHisBounds) {
  UserRecord ann = user_named("ann");
  ann.settings.scopes.models = {{"openai/*"}};
  ASSERT_TRUE(directory_->add_user(root, ann, now));
  const Actor member{"user:ann", Role::member, "ann"};
  KeyWish wider;
  wider.settings.scopes.models = {{"*"}};
  EXPECT_EQ(directory_->create_key(member, wider, now).error().param, "models");
  KeyWish urgent;
  urgent.settings.priority = pipeline::Priority::critical;
  EXPECT_EQ(directory_->create_key(member, urgent, now).error().param, "priority");
  EXPECT_EQ(directory_->create_key(member, wish_for("bob"), now).error().param, "user");
  const auto own = directory_->create_key(member, {}, now);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->record.user, "ann");
  EXPECT_EQ(own->record.settings.scopes.models, ann.settings.scopes.models);
}

TEST_F(DirectoryFolder, Y4_NumbersOfLimitsAreBoundedByTheOwners) {
  UserRecord ann = user_named("ann");
  ann.settings.limits = R"({"requests_per_minute":10})";
  ASSERT_TRUE(directory_->add_user(root, ann, now));
  KeyWish wish = wish_for("ann");
  wish.settings.limits = R"({"requests_per_minute":11})";
  EXPECT_EQ(directory_->create_key(root, wish, now).error().param, "limits");
  wish.settings.limits = R"({"requests_per_minute":10,"tokens_per_minute":5})";
  EXPECT_TRUE(directory_->create_key(root, wish, now));
}

TEST_F(DirectoryFolder, AUserTakesHisKeysWithHim) {
  ASSERT_TRUE(directory_->add_user(root, user_named("ann"), now));
  const NewCredential made = make(wish_for("ann"));
  EXPECT_EQ(refusal(made.text), std::nullopt);
  ASSERT_TRUE(directory_->remove_user(root, "ann", now));
  EXPECT_EQ(refusal(made.text), ErrorCode::invalid_api_key);
  reopen();
  EXPECT_EQ(refusal(made.text), ErrorCode::invalid_api_key);
}

TEST_F(DirectoryFolder, OnceThereWasAKeyTheDoorStaysShut) {
  EXPECT_TRUE(directory_->is_empty());
  const NewCredential made = make({});
  ASSERT_TRUE(directory_->revoke_key(root, made.record.id, now));
  reopen();
  EXPECT_TRUE(directory_->has_client_keys());
}

// A change that can't be written down is not made (J-1).
TEST_F(DirectoryFolder, J1_WithoutItsRecordNothingChanges) {
  const NewCredential made = make({});
  auto other = store::SqliteDatabase::open(folder_ + "/identity.db");
  ASSERT_TRUE(other);
  ASSERT_TRUE(
      other->run("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN "
                 "SELECT RAISE(FAIL, 'broken'); END"));
  EXPECT_FALSE(directory_->revoke_key(root, made.record.id, now));
  EXPECT_FALSE(directory_->create_key(root, {}, now));
  EXPECT_EQ(refusal(made.text), std::nullopt);
  ASSERT_TRUE(other->run("DROP TRIGGER broken"));
  reopen();
  EXPECT_EQ(refusal(made.text), std::nullopt);
  const auto keys = directory_->keys(root, {});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 1u);
}

}  // namespace
}  // namespace weir::identity
