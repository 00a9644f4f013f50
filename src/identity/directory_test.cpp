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

TEST_F(DirectoryFolder, Y3_FindsAKeyOnlyByItsWholeText) {
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

// G-2: who is logged is not asked.
TEST_F(DirectoryFolder, G2_MembersDoNotSwitchTheLoggingOfWhatTheySay) {
  ASSERT_TRUE(directory_->add_user(root, user_named("ann"), now));
  const Actor ann{"user:ann", Role::member, "ann"};
  KeyWish logged = wish_for("ann");
  logged.settings.log_content = "7d";
  EXPECT_EQ(directory_->create_key(ann, logged, now).error().param, "log_content");
  const auto key = directory_->create_key(root, logged, now);
  ASSERT_TRUE(key) << key.error().message;
  const auto set = [&](const Actor& actor, const char* kept) {
    KeyChange change;
    change.settings = key->record.settings;
    change.settings->log_content = kept;
    return directory_->change_key(actor, key->record.id, change, now);
  };
  EXPECT_EQ(set(ann, "").error().code, ErrorCode::not_allowed);
  EXPECT_EQ(set(ann, "1d").error().code, ErrorCode::not_allowed);
  EXPECT_TRUE(set(ann, "7d")) << "other settings are hers";
  EXPECT_TRUE(set(root, ""));
}

TEST_F(DirectoryFolder, G2_WhoFollowsTheSettingsHearsOfEachChange) {
  std::vector<std::string> heard;
  ASSERT_TRUE(
      directory_->follow_settings([&](Holder, const std::string& name, const Settings& settings) {
        heard.push_back(name + " " + settings.log_content);
      }));
  TeamRecord red;
  red.name = "red";
  red.settings.log_content = "7d";
  ASSERT_TRUE(directory_->put_team(root, red, now));
  red.settings.log_content.clear();
  ASSERT_TRUE(directory_->put_team(root, red, now));
  EXPECT_EQ(heard, (std::vector<std::string>{"red 7d", "red "}));
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

TEST_F(DirectoryFolder, KeysAreOfTheOrganisationThatTheirTeamIsOf) {
  TeamRecord red{"red", {}, 0};
  red.organisation = "two words";
  const auto refused = directory_->put_team(root, red, now);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "organisation");
  red.organisation = "acme";
  ASSERT_TRUE(directory_->put_team(root, red, now));
  KeyWish wish;
  wish.team = "red";
  const NewCredential key = make(wish);
  const auto organisation = [&] {
    return (*directory_->find(key.text, CredentialKind::client_key, now))->caller.organisation;
  };
  EXPECT_EQ(organisation(), "acme");
  reopen();
  EXPECT_EQ(organisation(), "acme");
  EXPECT_EQ(directory_->team("red")->organisation, "acme");
  red.organisation.clear();
  ASSERT_TRUE(directory_->put_team(root, red, now));
  EXPECT_EQ(organisation(), "");
}

TEST_F(DirectoryFolder, OnceThereWasAKeyTheDoorStaysShut) {
  EXPECT_TRUE(directory_->is_empty());
  const NewCredential made = make({});
  ASSERT_TRUE(directory_->revoke_key(root, made.record.id, now));
  reopen();
  EXPECT_TRUE(directory_->has_client_keys());
}

// J-4: the record of a key goes when it has been over for long enough.
TEST_F(DirectoryFolder, J4_KeysThatEndedLongAgoAreRemoved) {
  const NewCredential revoked = make({});
  const NewCredential expired = make(ending_at(now + 20));
  const NewCredential later = make(ending_at(now + 21));
  const auto endless = directory_->create_key(root, {}, now + 1);
  ASSERT_TRUE(endless);
  ASSERT_TRUE(directory_->revoke_key(root, revoked.record.id, now + 20));
  EXPECT_EQ(*directory_->remove_ended_keys(now + 20, now + 100), 0U);
  EXPECT_EQ(*directory_->remove_ended_keys(now + 21, now + 100), 2U);
  for (const NewCredential& gone : {revoked, expired}) {
    EXPECT_FALSE(directory_->key(root, gone.record.id));
    EXPECT_EQ(refusal(gone.text), ErrorCode::invalid_api_key);
  }
  EXPECT_TRUE(directory_->key(root, later.record.id));
  EXPECT_EQ(refusal(endless->text), std::nullopt);
  std::vector<std::string> removals;
  ASSERT_TRUE(directory_->for_each_record(
      0, 100, [&](std::int64_t, std::string_view record, std::string_view) {
        if (record.find("key.remove") != std::string_view::npos) removals.emplace_back(record);
      }));
  EXPECT_EQ(removals.size(), 2U);
}

// Otherwise the next start would let everyone in.
TEST_F(DirectoryFolder, J4_TheLastClientKeyStaysKnown) {
  const NewCredential made = make({});
  ASSERT_TRUE(directory_->revoke_key(root, made.record.id, now));
  EXPECT_EQ(*directory_->remove_ended_keys(now + 1'000, now + 1'000), 0U);
  reopen();
  EXPECT_TRUE(directory_->has_client_keys());
}

// Y-5: a key for each tenant, and none for who was erased: a copy of the files opens nothing then.
TEST_F(DirectoryFolder, Y5_ATenantsContentHasAKeyOfItsOwnThatCanBeRemoved) {
  const auto one = directory_->content_key("one");
  const auto two = directory_->content_key("two");
  const auto nobodys = directory_->content_key("");
  ASSERT_TRUE(one && two && nobodys);
  EXPECT_NE((*one)->bytes(), (*two)->bytes());
  EXPECT_NE((*one)->bytes(), (*nobodys)->bytes());
  reopen();
  const auto again = directory_->find_content_key("one");
  ASSERT_TRUE(again);
  ASSERT_NE(*again, nullptr);
  EXPECT_EQ((*again)->bytes(), (*one)->bytes());

  ASSERT_TRUE(directory_->rotate_master(root, now));
  ASSERT_TRUE(directory_->remove_content_keys(root, {"one"}, "ann", now));
  reopen();
  EXPECT_EQ(*directory_->find_content_key("one"), nullptr);
  const auto other = directory_->find_content_key("two");
  ASSERT_TRUE(other);
  ASSERT_NE(*other, nullptr);
  EXPECT_EQ((*other)->bytes(), (*two)->bytes());
  const auto anew = directory_->content_key("one");
  ASSERT_TRUE(anew);
  EXPECT_NE((*anew)->bytes(), (*one)->bytes());
}

/// What one gateway changes, seen by another that shares the folder (Y-3).
class DirectoryOfTwo : public DirectoryFolder {
 protected:
  DirectoryOfTwo() {
    auto opened = Directory::open(folder_);
    EXPECT_TRUE(opened) << opened.error().message;
    other_ = *std::move(opened);
  }
  [[nodiscard]] bool other_takes(const std::string& text,
                                 CredentialKind kind = CredentialKind::client_key) {
    EXPECT_TRUE(other_->refresh());
    return other_->find(text, kind, now).has_value();
  }

  std::unique_ptr<Directory> other_;
};

TEST_F(DirectoryOfTwo, Y3_AKeyIsMadeRotatedAndRevokedForBoth) {
  EXPECT_TRUE(other_->is_empty());
  const std::uint32_t before = other_->changes().value();
  const NewCredential made = make({});
  EXPECT_NE(other_->changes().value(), before);
  EXPECT_TRUE(other_takes(made.text));
  EXPECT_TRUE(other_->has_client_keys());
  const auto rotated = directory_->rotate_key(root, made.record.id, 0, now);
  ASSERT_TRUE(rotated);
  EXPECT_FALSE(other_takes(made.text));
  EXPECT_TRUE(other_takes(rotated->text));
  ASSERT_TRUE(directory_->revoke_key(root, made.record.id, now));
  EXPECT_FALSE(other_takes(rotated->text));
}

TEST_F(DirectoryOfTwo, Y3_AKeyThatWasRemovedIsTakenByNeither) {
  const NewCredential made = make(ending_at(now + 10));
  ASSERT_TRUE(directory_->create_key(root, {}, now + 1));
  EXPECT_TRUE(other_takes(made.text));
  EXPECT_EQ(*directory_->remove_ended_keys(now + 11, now), 1U);
  EXPECT_FALSE(other_takes(made.text));
}

TEST_F(DirectoryOfTwo, Y3_UsersAndTeamsHoldForBoth) {
  ASSERT_TRUE(directory_->put_team(root, {"red", {}, 0}, now));
  UserRecord ann = user_named("ann");
  ann.team = "red";
  ASSERT_TRUE(directory_->add_user(root, ann, now));
  const NewCredential key = make(wish_for("ann"));
  const auto token = directory_->create_token(root, "ann", now);
  ASSERT_TRUE(token);
  EXPECT_TRUE(other_takes(key.text));
  EXPECT_TRUE(other_takes(token->text, CredentialKind::user_token));

  TeamRecord red{"red", {}, 0};
  red.settings.priority = pipeline::Priority::low;
  red.organisation = "acme";
  ASSERT_TRUE(directory_->put_team(root, red, now));
  ASSERT_TRUE(other_->refresh());
  const auto bounded = other_->find(key.text, CredentialKind::client_key, now);
  ASSERT_TRUE(bounded);
  EXPECT_EQ((*bounded)->caller.priority, pipeline::Priority::low);
  EXPECT_EQ((*bounded)->caller.organisation, "acme");

  ann.is_disabled = true;
  ASSERT_TRUE(directory_->set_user(root, ann, now));
  EXPECT_FALSE(other_takes(key.text));
  ann.is_disabled = false;
  ASSERT_TRUE(directory_->set_user(root, ann, now));
  EXPECT_TRUE(other_takes(key.text));
  ASSERT_TRUE(directory_->remove_user(root, "ann", now));
  EXPECT_FALSE(other_takes(key.text));
  EXPECT_FALSE(other_takes(token->text, CredentialKind::user_token));
}

// His name is on none of his keys any more when the other one looks.
TEST_F(DirectoryOfTwo, Y3_AnErasedUsersKeysEndForBoth) {
  ASSERT_TRUE(directory_->add_user(root, user_named("ann"), now));
  const NewCredential key = make(wish_for("ann"));
  EXPECT_TRUE(other_takes(key.text));
  ASSERT_TRUE(directory_->erase_user(root, "ann", now));
  EXPECT_FALSE(other_takes(key.text));
  EXPECT_TRUE(directory_->add_user(root, user_named("ann"), now));
  EXPECT_FALSE(other_takes(key.text));
}

// Otherwise the other one would seal with a key that nobody has any more.
TEST_F(DirectoryOfTwo, Y5_ARemovedKeyOfContentIsUsedByNeither) {
  const auto before = other_->content_key("one");
  ASSERT_TRUE(before);
  ASSERT_TRUE(directory_->remove_content_keys(root, {"one"}, "ann", now));
  ASSERT_TRUE(other_->refresh());
  const auto after = other_->content_key("one");
  ASSERT_TRUE(after);
  EXPECT_NE((*after)->bytes(), (*before)->bytes());
  EXPECT_EQ((*directory_->content_key("one"))->bytes(), (*after)->bytes());
}

// A revoked key whose change could not be read must not count as seen.
TEST_F(DirectoryOfTwo, Y3_WhatCouldNotBeReadIsReadLater) {
  const NewCredential key = make({});
  EXPECT_TRUE(other_takes(key.text));
  ASSERT_TRUE(directory_->revoke_key(root, key.record.id, now));
  auto third = store::SqliteDatabase::open(folder_ + "/identity.db");
  ASSERT_TRUE(third);
  ASSERT_TRUE(third->run("ALTER TABLE keys RENAME TO hidden"));
  EXPECT_FALSE(other_->refresh());
  ASSERT_TRUE(third->run("ALTER TABLE hidden RENAME TO keys"));
  EXPECT_FALSE(other_takes(key.text));
}

// A change that can't be written down is not made (I-11).
TEST_F(DirectoryFolder, I11_WithoutItsRecordNothingChanges) {
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
