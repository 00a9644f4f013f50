// SPDX-License-Identifier: Apache-2.0
#include "identity/audit_log.hpp"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "identity/audit_checkpoints.hpp"
#include "identity/directory.hpp"
#include "store/files.hpp"

namespace weir::identity {
namespace {

const Actor root{"admin-token", Role::admin, "", "127.0.0.1", "req_1"};

class AuditFolder : public testing::Test {
 protected:
  AuditFolder() : folder_(testing::TempDir() + "/weir-audit-XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~AuditFolder() override { std::filesystem::remove_all(folder_); }

  /// Ten records, with a checkpoint behind the one with the number `checkpoint`.
  void write(int checkpoint) {
    const auto directory = Directory::open(folder_);
    ASSERT_TRUE(directory) << directory.error().message;
    for (int i = 1; i <= 10; ++i) {
      const AuditEntry entry{"route.set", "route-" + std::to_string(i)};
      // The first record would get a checkpoint of its own if time began far from zero.
      ASSERT_TRUE((*directory)->record(root, entry, 1'000 + i));
      if (i == checkpoint) ASSERT_TRUE((*directory)->check_point(1'000 + i, true));
    }
  }
  void run(const char* sql) {
    auto database = store::SqliteDatabase::open(folder_ + "/identity.db");
    ASSERT_TRUE(database);
    const auto done = database->run(sql);
    ASSERT_TRUE(done) << done.error().message;
  }
  AuditVerdict verify() {
    const auto verdict = verify_audit_log(folder_);
    EXPECT_TRUE(verdict) << verdict.error().message;
    return verdict ? *verdict : AuditVerdict{};
  }

  std::string folder_;
};

TEST_F(AuditFolder, J1_AWholeLogIsFoundWhole) {
  write(7);
  const AuditVerdict verdict = verify();
  EXPECT_EQ(verdict.first_bad, 0) << verdict.problem;
  EXPECT_EQ(verdict.records, 10);
  EXPECT_EQ(verdict.checkpoints, 1);
}

TEST_F(AuditFolder, J2_AChangedRecordIsFound) {
  write(0);
  run("UPDATE audit SET record = replace(record, 'route-4', 'route-5') WHERE seq = 4");
  EXPECT_EQ(verify().first_bad, 4);
}

TEST_F(AuditFolder, J2_AChangedHashIsFound) {
  write(0);
  run("UPDATE audit SET hash = randomblob(32) WHERE seq = 6");
  EXPECT_EQ(verify().first_bad, 6);
}

TEST_F(AuditFolder, J2_ARemovedRecordIsFound) {
  write(0);
  run("DELETE FROM audit WHERE seq = 5");
  EXPECT_EQ(verify().first_bad, 5);
}

TEST_F(AuditFolder, J2_ARemovedRecordIsFoundBehindNewNumbers) {
  write(0);
  run("DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5");
  EXPECT_EQ(verify().first_bad, 5);
}

TEST_F(AuditFolder, J2_AnInsertedRecordIsFound) {
  write(0);
  run("UPDATE audit SET seq = seq + 1001 WHERE seq > 3;"
      "UPDATE audit SET seq = seq - 1000 WHERE seq > 1000;"
      "INSERT INTO audit(seq, record, hash) SELECT 4, record, hash FROM audit WHERE seq = 3");
  EXPECT_EQ(verify().first_bad, 4);
}

TEST_F(AuditFolder, J2_ReorderedRecordsAreFound) {
  write(0);
  run("UPDATE audit SET seq = -1 WHERE seq = 8; UPDATE audit SET seq = 8 WHERE seq = 9;"
      "UPDATE audit SET seq = 9 WHERE seq = -1");
  EXPECT_EQ(verify().first_bad, 8);
}

TEST_F(AuditFolder, J2_ACutTailIsFoundAgainstTheLastCheckpoint) {
  write(9);
  run("DELETE FROM audit WHERE seq > 6");
  EXPECT_EQ(verify().first_bad, 7);
}

// Who can write the database can compute hashes; he can't sign.
TEST_F(AuditFolder, J2_ALogThatWasWrittenAnewIsFoundAgainstItsCheckpoint) {
  write(10);
  run("DELETE FROM audit WHERE seq > 0");
  {
    const auto directory = Directory::open(folder_);
    ASSERT_TRUE(directory);
    for (int i = 1; i <= 10; ++i) ASSERT_TRUE((*directory)->record(root, {"x", "y"}, 1'000 + i));
  }
  EXPECT_EQ(verify().first_bad, 10);
}

TEST_F(AuditFolder, J2_AForgedCheckpointIsFound) {
  write(10);
  const auto text = store::read_file(folder_ + "/audit-checkpoints", 10'000);
  ASSERT_TRUE(text);
  std::string forged = *text;
  forged.replace(forged.find("\"seq\":10"), 8, "\"seq\":3 ");
  ASSERT_TRUE(store::replace_file(folder_ + "/audit-checkpoints", forged));
  EXPECT_EQ(verify().first_bad, 1);
}

// J-4: what is left begins where the gateway signed that it may.
TEST_F(AuditFolder, J4_OldRecordsGoUpToACheckpointAndTheRestIsFoundWhole) {
  write(7);
  auto directory = Directory::open(folder_);
  ASSERT_TRUE(directory);
  const auto too_young = (*directory)->remove_old_records(1'007, 2'000);
  ASSERT_TRUE(too_young);
  EXPECT_EQ(*too_young, 0U);
  const auto removed = (*directory)->remove_old_records(1'008, 2'000);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(*removed, 7U);
  std::vector<std::int64_t> left;
  ASSERT_TRUE(
      (*directory)
          ->for_each_record(0, 100, [&](std::int64_t seq, std::string_view, std::string_view) {
            left.push_back(seq);
          }));
  EXPECT_EQ(left, (std::vector<std::int64_t>{8, 9, 10, 11}));  // the last is of the removal itself
  EXPECT_EQ(*(*directory)->remove_old_records(1'008, 2'000), 0U);
  directory = Directory::open(folder_);
  ASSERT_TRUE(directory);
  ASSERT_TRUE((*directory)->record(root, {"x", "y"}, 2'001));
  const AuditVerdict verdict = verify();
  EXPECT_EQ(verdict.first_bad, 0) << verdict.problem;
  EXPECT_EQ(verdict.records, 5);
}

// Who can write the database must not get rid of records the way the gateway does.
TEST_F(AuditFolder, J2_ABeginningThatTheGatewayDidNotSignIsFound) {
  write(7);
  run("DELETE FROM audit WHERE seq < 7; UPDATE audit SET record = '' WHERE seq = 7");
  EXPECT_EQ(verify().first_bad, 1);
}

TEST_F(AuditFolder, J2_RecordsThatGoBehindASignedBeginningAreFound) {
  write(7);
  {
    const auto directory = Directory::open(folder_);
    ASSERT_TRUE(directory);
    ASSERT_TRUE((*directory)->remove_old_records(1'008, 2'000));
  }
  run("DELETE FROM audit WHERE seq < 8");
  EXPECT_EQ(verify().first_bad, 1);
}

// What was not as it was signed is evidence, and stays.
TEST_F(AuditFolder, J4_NothingIsRemovedOfALogThatWasWrittenAnew) {
  write(7);
  run("UPDATE audit SET hash = randomblob(32) WHERE seq = 7");
  {
    const auto directory = Directory::open(folder_);
    ASSERT_TRUE(directory);
    EXPECT_FALSE((*directory)->remove_old_records(1'008, 2'000));
  }
  EXPECT_EQ(verify().first_bad, 7);
}

// Power went in the middle of a line: what stands before it is right, and the next start goes on.
TEST_F(AuditFolder, ATornCheckpointIsDropped) {
  write(10);
  ASSERT_TRUE(store::append_private_file(folder_ + "/audit-checkpoints", "{\"seq\":"));
  ASSERT_TRUE(Directory::open(folder_));
  EXPECT_EQ(verify().first_bad, 0);
}

TEST_F(AuditFolder, ThereIsNothingToLookAtWhereNoGatewayRan) {
  EXPECT_FALSE(verify_audit_log(folder_));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/identity.db"));
}

}  // namespace
}  // namespace weir::identity
