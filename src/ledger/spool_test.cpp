// SPDX-License-Identifier: Apache-2.0
#include "ledger/spool.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zstd.h>

#include "base/hash.hpp"
#include "ledger/packing.hpp"
#include "ledger/reader.hpp"
#include "ledger/test_support.hpp"
#include "ledger/verify.hpp"

namespace weir::ledger {
namespace {

/// Files in memory that can be made to fail. What was not synced is lost with the power.
class FaultyFiles final : public store::SpoolFiles {
 public:
  struct Content {
    std::vector<char> now;
    std::vector<char> on_disk;
    bool is_locked = false;
  };
  using Contents = std::shared_ptr<Content>;

  /// The operation after so many more fails; none: nothing does.
  std::optional<int> fails_after;
  bool is_full = false;

  /// Every process ends; with `power`, what was not synced is gone.
  void crash(bool power = false) {
    for (auto& [path, content] : files_) {
      content->is_locked = false;
      if (!power) continue;
      content->on_disk.resize(content->now.size());
      content->now = content->on_disk;
    }
  }
  [[nodiscard]] std::map<std::string, Contents>& all() { return files_; }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    WEIR_TRY(act());
    std::vector<std::string> names;
    for (const auto& [path, content] : files_) {
      if (path.starts_with(directory + "/")) names.push_back(path.substr(directory.size() + 1));
    }
    return names;
  }
  Result<> make_directory(const std::string&) override { return act(); }
  Result<std::unique_ptr<store::MappedFile>> create(const std::string& path,
                                                    std::size_t size) override {
    WEIR_TRY(act());
    if (is_full) return Error(ErrorCode::store_unavailable, "no space left on device");
    auto content = std::make_shared<Content>();
    content->now.resize(size);
    content->is_locked = true;
    files_[path] = content;
    return std::unique_ptr<store::MappedFile>(std::make_unique<Mapped>(*this, content));
  }
  Result<std::unique_ptr<store::MappedFile>> adopt(const std::string& path) override {
    WEIR_TRY(act());
    const Contents& content = files_.at(path);
    if (content->is_locked) return Error(ErrorCode::idempotency_in_progress, "is being written");
    content->is_locked = true;
    return std::unique_ptr<store::MappedFile>(std::make_unique<Mapped>(*this, content));
  }
  Result<std::unique_ptr<store::ReadableFile>> open(const std::string& path) override {
    WEIR_TRY(act());
    const auto found = files_.find(path);
    if (found == files_.end()) return Error(ErrorCode::route_unknown, "there is no " + path);
    return std::unique_ptr<store::ReadableFile>(std::make_unique<Readable>(found->second));
  }
  Result<std::uint64_t> size(const std::string& path) override {
    WEIR_TRY(act());
    const auto found = files_.find(path);
    if (found == files_.end()) return Error(ErrorCode::route_unknown, "there is no " + path);
    return std::uint64_t{found->second->now.size()};
  }
  Result<> write(const std::string& path, std::string_view bytes) override {
    WEIR_TRY(act());
    auto content = std::make_shared<Content>();
    content->now.assign(bytes.begin(), bytes.end());
    content->on_disk = content->now;
    files_[path] = content;
    return {};
  }
  Result<> rename(const std::string& from, const std::string& to) override {
    WEIR_TRY(act());
    files_[to] = files_.at(from);
    files_.erase(from);
    return {};
  }
  Result<> remove(const std::string& path) override {
    WEIR_TRY(act());
    files_.erase(path);
    return {};
  }
  Result<std::unique_ptr<Lock>> lock(const std::string&) override {
    WEIR_TRY(act());
    return std::make_unique<Lock>();
  }

 private:
  class Mapped final : public store::MappedFile {
   public:
    Mapped(FaultyFiles& files, Contents content) : files_(files), content_(std::move(content)) {}
    ~Mapped() override { content_->is_locked = false; }
    std::span<char> bytes() override { return content_->now; }
    Result<> sync() override {
      WEIR_TRY(files_.act());
      content_->on_disk = content_->now;
      return {};
    }
    Result<> grow(std::size_t size) override {
      WEIR_TRY(files_.act());
      content_->now.resize(std::max(size, content_->now.size()));
      return {};
    }
    Result<> finish(std::size_t size) override {
      WEIR_TRY(files_.act());
      content_->now.resize(size);
      content_->on_disk = content_->now;
      return {};
    }

   private:
    FaultyFiles& files_;
    Contents content_;
  };
  class Readable final : public store::ReadableFile {
   public:
    explicit Readable(Contents content) : content_(std::move(content)) {}
    Result<std::size_t> read(std::uint64_t offset, std::span<char> room) override {
      if (offset >= content_->now.size()) return std::size_t{0};
      const std::size_t size = std::min(room.size(), content_->now.size() - offset);
      std::copy_n(content_->now.begin() + static_cast<std::ptrdiff_t>(offset), size, room.begin());
      return size;
    }

   private:
    Contents content_;
  };

  Result<> act() {
    if (!fails_after) return {};
    if (*fails_after > 0) {
      --*fails_after;
      return {};
    }
    fails_after.reset();
    return Error(ErrorCode::store_unavailable, "an operation fails");
  }

  std::map<std::string, Contents> files_;
};

class SpoolTest : public testing::Test {
 protected:
  static Spool::Options options() {
    Spool::Options options;
    options.segment_bytes = std::size_t{128} << 10;
    options.unix_ms = [] { return std::int64_t{1'790'000'000'000}; };
    return options;
  }

  void start() {
    spool_ = std::make_unique<Spool>(files_, folder_of("data"), options());
    lane_ = &spool_->add_lane(++stream_);
    static_cast<void>(spool_->tend());
  }
  void crash(bool power = false) {
    // A process that is killed puts nothing away.
    std::map<std::string, FaultyFiles::Contents> before;
    for (const auto& [path, content] : files_.all()) {
      before[path] = std::make_shared<FaultyFiles::Content>(*content);
    }
    spool_.reset();
    files_.all() = std::move(before);
    files_.crash(power);
  }

  static CallRecord call(int number) {
    CallRecord call;
    call.request_id = "req-" + std::to_string(number);
    call.started_ms = number;
    call.ended_ms = number + 1;
    call.outcome = Outcome::completed;
    return call;
  }
  bool write(Lane::Need need, const CallRecord& call) {
    const Kind kind = need == Lane::Need::intent ? Kind::intent : Kind::settlement;
    std::vector<AttemptView> attempts;
    const CallView view = view_of(call, attempts);
    return lane_->append(need, [&](std::span<char> room, std::uint64_t sequence) {
      return write_call(room, kind, sequence, view);
    });
  }
  bool open(int number) {
    if (!write(Lane::Need::intent, call(number))) return false;
    tickets_[number] = lane_->open_call();
    return true;
  }
  void close(int number) {
    static_cast<void>(write(Lane::Need::settlement, call(number)));
    lane_->close_call(tickets_.at(number));
  }
  void make(int from, int to) {
    for (int number = from; number < to; ++number) {
      ASSERT_TRUE(open(number)) << number;
      close(number);
      static_cast<void>(spool_->tend());
    }
  }

  std::vector<CallRecord> read(Position from = {}) {
    auto reader = Reader::open(files_, "data", std::move(from));
    std::vector<CallRecord> calls;
    while (reader) {
      auto entry = reader->next();
      if (!entry || !*entry) break;
      calls.push_back((*entry)->call);
    }
    return calls;
  }

  FaultyFiles files_;
  std::uint64_t stream_ = 0;
  std::unique_ptr<Spool> spool_;
  Lane* lane_ = nullptr;
  std::map<int, std::uint64_t> tickets_;
};

TEST_F(SpoolTest, WhatIsWrittenIsReadAtOnceAndAfterTheEnd) {
  start();
  make(0, 3);
  EXPECT_EQ(read().size(), 3U);
  spool_->stop();
  EXPECT_EQ(read().size(), 3U);
  EXPECT_TRUE(verify(files_, "data")->is_sound());
}

TEST_F(SpoolTest, ReaderGoesOnOverManySegmentsPackedOrNot) {
  start();
  auto reader = Reader::open(files_, "data");
  std::size_t count = 0;
  for (int round = 0; round < 20; ++round) {
    make(round * 100, round * 100 + 100);
    if (round % 2 == 0) static_cast<void>(spool_->tidy_up());
    // Every other time another reader goes on from the text of the position.
    if (round % 3 == 0) {
      const auto position = Position::parse(reader->position().text());
      ASSERT_TRUE(position);
      reader = Reader::open(files_, "data", *position);
    }
    for (auto entry = reader->next(); entry && *entry; entry = reader->next()) {
      EXPECT_EQ((*entry)->call.request_id, "req-" + std::to_string(count));
      ++count;
    }
  }
  EXPECT_EQ(count, 2000U);
  EXPECT_EQ(reader->damage(), Reader::Damage{});
}

TEST_F(SpoolTest, EachCallIsReadWhereItStandsPackedOrNot) {
  start();
  make(0, 1000);
  std::vector<Reader::Entry> entries;
  auto reader = Reader::open(files_, "data");
  for (auto entry = reader->next(); entry && *entry; entry = reader->next()) {
    entries.push_back(std::move(**entry));
  }
  ASSERT_EQ(entries.size(), 1000U);
  for (const bool is_packed : {false, true}) {
    while (is_packed && spool_->tidy_up()) {
    }
    for (const Reader::Entry& entry : entries) {
      const auto call = read_at(files_, "data", entry.place);
      ASSERT_TRUE(call) << call.error().message;
      EXPECT_EQ(*call, entry.call);
    }
  }
  EXPECT_FALSE(read_at(files_, "data", {999, header_bytes}));
}

// A segment made ahead that nothing was written into goes at the end, and its number comes again.
TEST_F(SpoolTest, ReaderGoesOnWhereTheNextProcessUsesANumberAgain) {
  start();
  auto reader = Reader::open(files_, "data");
  EXPECT_EQ(*reader->next(), nullptr);
  spool_->stop();
  EXPECT_EQ(*reader->next(), nullptr);
  EXPECT_EQ(*reader->next(), nullptr);
  start();
  make(0, 3);
  EXPECT_EQ(read(reader->position()).size(), 3U);
  ASSERT_NE(*reader->next(), nullptr);
}

// a kill may come before a full segment was closed, also when no call is under way.
TEST_F(SpoolTest, X2SegmentsThatWereNotClosedYetAreKeptWhole) {
  start();
  make(0, 1);  // and the next segments are there
  int number = 1;
  for (; spool_->figures().segments < 2; ++number) {
    ASSERT_TRUE(open(number));
    close(number);
  }
  crash();
  start();
  EXPECT_EQ(read().size(), static_cast<std::size_t>(number));
  EXPECT_TRUE(verify(files_, "data")->is_sound());
}

// of a process that was killed nothing is lost, and what was under way becomes `unknown`,
// once.
TEST_F(SpoolTest, X2CallsUnderWayAtACrashBecomeUnknownOnce) {
  start();
  make(0, 400);
  ASSERT_TRUE(open(1000));
  crash();
  start();
  make(1001, 1002);
  auto calls = read();
  EXPECT_EQ(calls.size(), 402U);
  const auto unknown = std::count_if(calls.begin(), calls.end(), [](const CallRecord& call) {
    return call.outcome == Outcome::unknown;
  });
  EXPECT_EQ(unknown, 1);
  crash();
  start();
  EXPECT_EQ(read().size(), 402U);
  EXPECT_TRUE(verify(files_, "data")->is_sound());
}

// Recovery that is cut short anywhere, and done again, books each call once.
TEST_F(SpoolTest, RecoveryMayFailAtEachOfItsSteps) {
  for (int step = 0; step < 200; ++step) {
    files_.all().clear();
    start();
    make(0, 3);
    ASSERT_TRUE(open(10));
    crash();
    files_.fails_after = step;
    static_cast<void>(recover(files_, folder_of("data"), 5));
    files_.crash();
    const bool is_through = files_.fails_after.has_value();
    files_.fails_after.reset();
    ASSERT_TRUE(recover(files_, folder_of("data"), 5));
    EXPECT_EQ(read().size(), 4U) << step;
    EXPECT_TRUE(verify(files_, "data")->is_sound()) << step;
    if (is_through) return;
  }
  FAIL() << "recovery takes more steps than expected";
}

// power is lost after a sync; what was synced is there, the rest is no damage.
TEST_F(SpoolTest, X2WhatWasSyncedSurvivesALossOfPower) {
  start();
  make(0, 5);  // each round syncs
  ASSERT_TRUE(open(50));
  close(50);
  crash(true);
  start();
  EXPECT_EQ(read().size(), 5U);
  EXPECT_TRUE(verify(files_, "data")->is_sound());
}

// Section 16: on a full disk calls are refused, those under way are still written down.
TEST_F(SpoolTest, FullDiskRefusesNewCallsAndKeepsThoseUnderWay) {
  start();
  files_.is_full = true;
  int number = 0;
  while (open(number)) {
    ++number;
    static_cast<void>(spool_->tend());
    ASSERT_LT(number, 10'000);
  }
  ASSERT_GT(number, 100);
  for (int i = 0; i < number; ++i) close(i);
  EXPECT_EQ(spool_->figures().lost, 0U);
  files_.is_full = false;
  static_cast<void>(spool_->tend());
  EXPECT_TRUE(open(number));  // space came back
  close(number);
  static_cast<void>(spool_->tend());
  EXPECT_EQ(read().size(), static_cast<std::size_t>(number) + 1);
  EXPECT_TRUE(verify(files_, "data")->is_sound());
}

// a file whose sync failed is left and copied; nothing is lost or doubled, power included.
TEST_F(SpoolTest, X6EachOperationMayFailOnce) {
  for (int step = 0; step < 60; ++step) {
    files_.all().clear();
    start();
    make(0, 2);
    files_.fails_after = step;
    for (int number = 2; number < 8; ++number) {
      if (!open(number)) continue;
      close(number);
      static_cast<void>(spool_->tend());
    }
    files_.fails_after.reset();
    lane_->leave_broken();
    while (spool_->tend()) {
    }
    crash(true);
    start();
    EXPECT_EQ(read().size(), 8U) << step;
    EXPECT_TRUE(verify(files_, "data")->is_sound()) << step;
  }
}

TEST_F(SpoolTest, DamageInTheMiddleIsToldAndPassedOver) {
  start();
  make(0, 20);
  spool_->stop();
  for (auto& [path, content] : files_.all()) {
    if (path.ends_with(".closed")) content->now[content->now.size() / 2] ^= 0x10;
  }
  EXPECT_EQ(read().size(), 19U);
  const auto found = verify(files_, "data");
  EXPECT_FALSE(found->is_sound());
  EXPECT_EQ(found->records_missing, 1U);
}

// Whoever asks for what is new does not read what is old.
TEST_F(SpoolTest, ReadingBeginsWhereThatTimeIs) {
  start();
  make(0, 1000);
  spool_->stop();
  const auto segments = list_segments(files_, folder_of("data"));
  const SegmentName& last = segments->back();
  ASSERT_GT(segments->size(), 1U);
  const auto all = position_of(files_, "data", last.closed_ms);
  EXPECT_EQ(read(*all).size(), 1000U) << "they were all closed at one time";
  const auto none = position_of(files_, "data", last.closed_ms + 1);
  EXPECT_EQ(none->segments_read, last.number + 1);
  EXPECT_EQ(read(*none).size(), 0U);
}

// also damage at the very beginning costs nothing of what stands behind it.
TEST_F(SpoolTest, X4ASegmentWithADamagedHeaderIsKept) {
  start();
  make(0, 5);
  crash();
  for (auto& [path, content] : files_.all()) {
    if (path.ends_with(".open") && content->now[0] != 0) content->now[20] ^= 0x10;
  }
  start();
  EXPECT_EQ(read().size(), 5U);
}

TEST_F(SpoolTest, OldSegmentsGoAndTheLastStays) {
  Spool::Options options = SpoolTest::options();
  std::int64_t now = 1'000'000;
  options.unix_ms = [&now] { return now; };
  options.retention_ms = 1'000;
  std::size_t told = 0;
  bool is_audit_down = true;
  options.on_removal = [&](std::size_t segments, std::int64_t closed_ms) -> Result<> {
    EXPECT_GE(closed_ms, 1'000'000);
    EXPECT_LE(closed_ms, 1'000'500);
    if (is_audit_down) return Error(ErrorCode::store_unavailable, "no audit log");
    told += segments;
    return {};
  };
  spool_ = std::make_unique<Spool>(files_, folder_of("data"), std::move(options));
  lane_ = &spool_->add_lane(1);
  static_cast<void>(spool_->tend());
  make(0, 1000);
  now += 500;
  spool_->stop();
  while (spool_->tidy_up()) {
  }
  EXPECT_EQ(read().size(), 1000U);
  now += 100'000;
  const std::size_t before = list_segments(files_, folder_of("data"))->size();
  while (spool_->tidy_up()) {
  }
  EXPECT_EQ(read().size(), 1000U) << "J-4: nothing goes that is not written down";
  is_audit_down = false;
  while (spool_->tidy_up()) {
  }
  EXPECT_EQ(told, before - list_segments(files_, folder_of("data"))->size());
  EXPECT_LT(read().size(), 1000U);
  EXPECT_FALSE(list_segments(files_, folder_of("data"))->empty());
}

std::string varied(std::size_t size) {
  std::string text;
  for (std::uint64_t i = 0; text.size() < size; ++i) text += std::to_string(mixed(i) % 100'000);
  return text.substr(0, size);
}

/// `content`, packed.
std::string packed_of(FaultyFiles& files, const std::string& content) {
  EXPECT_TRUE(files.write("a/0", content));
  return *pack(**files.open("a/0"));
}

TEST(LedgerPacking, GivesBackWhatWasPackedAndRefusesWhatWasNot) {
  FaultyFiles files;
  for (const std::size_t size : {0U, 1U, 262'143U, 262'144U, 262'145U, 900'000U}) {
    const std::string content = varied(size);
    const std::string packed = packed_of(files, content);
    ASSERT_TRUE(files.write("a/1", packed));
    EXPECT_EQ(unpack(**files.open("a/1"))->bytes, content);
    // Also where nothing but the last piece is missing.
    for (std::size_t cut = 1; cut < packed.size(); cut += packed.size() / 16 + 1) {
      ASSERT_TRUE(files.write("a/2", packed.substr(0, packed.size() - cut)));
      EXPECT_FALSE(cut + 8 < packed.size() && unpack(**files.open("a/2"))) << size << " - " << cut;
    }
  }
}

TEST(LedgerPacking, APartIsUnpackedWithoutTheRest) {
  FaultyFiles files;
  const std::string content = varied(2'000'000);
  ASSERT_TRUE(files.write("a/1", packed_of(files, content)));
  for (std::size_t at = 0; at < content.size(); at += 99'991) {
    const auto part = unpack_part(**files.open("a/1"), at, 32'768);
    ASSERT_TRUE(part);
    EXPECT_LE(part->bytes.size(), 2U * 262'144);
    const std::string_view bytes = part->bytes;
    EXPECT_EQ(bytes.substr(at - part->offset, 32'768), content.substr(at, 32'768)) << at;
  }
  EXPECT_EQ(unpack_part(**files.open("a/1"), content.size() + 300'000, 10)->bytes, "");
}

TEST(LedgerPacking, WhatEarlierVersionsPackedInOnePieceIsRead) {
  FaultyFiles files;
  const std::string content = varied(600'000);
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 3));
  ASSERT_TRUE(files.write("a/1", packed));
  EXPECT_EQ(unpack(**files.open("a/1"))->bytes, content);
  EXPECT_EQ(unpack_part(**files.open("a/1"), 400'000, 10)->bytes, content);
  ASSERT_TRUE(files.write("a/2", packed.substr(0, packed.size() / 2)));
  EXPECT_FALSE(unpack(**files.open("a/2")));
}

// A damaged table of pieces leads to an error, not outside of the file or of memory.
TEST(LedgerPacking, AnyDamagedByteOfItsHeadIsTolerated) {
  FaultyFiles files;
  const std::string packed = packed_of(files, varied(600'000));
  for (std::size_t at = 0; at < 40; ++at) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    ASSERT_TRUE(files.write("a/1", damaged));
    EXPECT_FALSE(unpack(**files.open("a/1"))) << at;
  }
}

}  // namespace
}  // namespace weir::ledger
