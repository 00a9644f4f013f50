// SPDX-License-Identifier: Apache-2.0
#include "ledger/record.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "ledger/test_support.hpp"

namespace weir::ledger {
namespace {

struct Room {
  alignas(8) std::array<char, record_bytes_max> bytes{};
};

std::string written(const CallRecord& call, std::uint64_t sequence = 1) {
  Room room;
  std::vector<AttemptView> attempts;
  const std::size_t size =
      write_call(room.bytes, Kind::settlement, sequence, view_of(call, attempts));
  return {room.bytes.data(), size};
}

TEST(LedgerRecord, CallComesBackAsItWasWritten) {
  const CallRecord call = full_call();
  const std::string bytes = written(call, 7);
  EXPECT_EQ(bytes.size() % 8, 0U);
  const auto frame = read_frame(bytes);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, Kind::settlement);
  EXPECT_EQ(frame->sequence, 7U);
  EXPECT_EQ(frame->size, bytes.size());
  EXPECT_EQ(read_call(frame->payload), call);
}

// Earlier versions knew no organisations, and a record is read into one that was read before.
TEST(LedgerRecord, ACallWithoutAnOrganisationIsWrittenAsItAlwaysWas) {
  const CallRecord before = full_call();
  CallRecord call = before;
  call.organisation.clear();
  const std::string bytes = written(call);
  const std::string longer = written(before);
  const std::string_view payload = read_frame(bytes)->payload;
  EXPECT_TRUE(read_frame(longer)->payload.starts_with(payload));
  CallRecord read = before;
  ASSERT_TRUE(read_call(payload, read));
  EXPECT_EQ(read, call);
}

TEST(LedgerRecord, CheckpointComesBackAsItWasWritten) {
  Room room;
  const AttemptRecord attempt = full_call().attempts[0];
  const std::size_t size = write_checkpoint(room.bytes, 3, "req-1", view_of(attempt));
  const auto frame = read_frame({room.bytes.data(), size});
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->kind, Kind::checkpoint);
  const auto checkpoint = read_checkpoint(frame->payload);
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->request_id, "req-1");
  EXPECT_EQ(checkpoint->attempt, attempt);
}

TEST(LedgerRecord, NumbersKeepTheirWholeRange) {
  CallRecord call;
  call.cost_nanousd = std::numeric_limits<std::int64_t>::max();
  call.exposure_nanousd = std::numeric_limits<std::int64_t>::min();
  call.usage.output = std::numeric_limits<std::int64_t>::max();
  call.usage.cost_nanousd = 0;
  const std::string bytes = written(call);
  EXPECT_EQ(read_call(read_frame(bytes)->payload), call);
}

// What clients choose (tags, names) must not be able to make a record that no longer fits.
TEST(LedgerRecord, WhatIsTooLongIsCutSoThatTheRecordFits) {
  CallRecord call = full_call();
  const std::string longest = "\xe2\x82\xac" + std::string(5000, 'x');
  call.request_id = call.key = call.user = call.team = call.task = call.model = longest;
  call.organisation = longest;
  call.tags.assign(1000, longest);
  call.windows.assign(1000, longest);
  call.attempts.assign(1000, call.attempts[0]);
  for (auto& attempt : call.attempts) attempt.target = attempt.model = longest;
  const std::string bytes = written(call);
  EXPECT_LE(bytes.size(), record_bytes_max);
  const auto read = read_call(read_frame(bytes)->payload);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cost_nanousd, call.cost_nanousd);
  EXPECT_EQ(read->tags.size(), 32U);
  EXPECT_GE(read->attempts.size(), 8U);
}

TEST(LedgerRecord, CutTextsEndWithAWholeCharacter) {
  CallRecord call;
  call.user = std::string(255, 'x') + "\xe2\x82\xac";
  const auto read = read_call(read_frame(written(call))->payload);
  EXPECT_EQ(read->user, std::string(255, 'x'));
}

// a torn record is none, wherever it was torn.
TEST(LedgerRecord, CutAtAnyByteItIsNone) {
  const std::string bytes = written(full_call());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read_frame(std::string_view(bytes).substr(0, size))) << size;
    std::string torn = bytes;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(size), torn.end(), '\0');
    // The padding is zero anyway.
    EXPECT_EQ(read_frame(torn).has_value(), torn == bytes) << size;
  }
}

TEST(LedgerRecord, AnyFlippedBitIsFound) {
  const std::string bytes = written(full_call());
  const auto frame = read_frame(bytes);
  const std::size_t meant = frame_bytes + frame->payload.size();
  for (std::size_t bit = 0; bit < meant * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(read_frame(flipped)) << bit;
  }
}

// A later version adds members at the end.
TEST(LedgerRecord, LaterVersionsMayAddToThePayload) {
  const std::string bytes = written(full_call());
  std::string payload(read_frame(bytes)->payload);
  payload[0] = 2;
  payload.append("something new");
  EXPECT_EQ(read_call(payload), full_call());
}

TEST(LedgerRecord, PayloadsOfNonsenseAreRefusedOrReadWithinTheirBounds) {
  SeededRandom random(42);
  const std::string bytes = written(full_call());
  const std::string good(read_frame(bytes)->payload);
  const auto below = [&](std::size_t end) {
    return static_cast<std::size_t>(random.uniform(0, static_cast<std::int64_t>(end) - 1));
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string payload = good;
    for (int i = 0; i < 4; ++i) payload[below(good.size())] = static_cast<char>(below(256));
    payload.resize(below(payload.size() + 1));
    static_cast<void>(read_call(payload));
    static_cast<void>(read_checkpoint(payload));
  }
}

TEST(LedgerRecord, OutcomesAreFoundByTheirNames) {
  for (int number = 1; number <= 6; ++number) {
    const auto outcome = static_cast<Outcome>(number);
    EXPECT_EQ(parse_outcome(name(outcome)), outcome);
  }
  EXPECT_FALSE(parse_outcome("finished"));
}

}  // namespace
}  // namespace weir::ledger
