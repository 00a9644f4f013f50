// SPDX-License-Identifier: Apache-2.0
#include "net/epoll_loop.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/reader.hpp"
#include "net/task.hpp"
#include "net/tcp.hpp"

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class EpollLoopTest : public testing::Test {
 public:
  EpollLoopTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    stream = make_tcp_stream(loop, Socket(ends[0]));
    peer = Socket(ends[1]);
  }

  void run(Task<void> task) {
    tasks.spawn(run_to_end(std::move(task)));
    loop.run();
  }
  Task<void> run_to_end(Task<void> task) {
    co_await std::move(task);
    loop.stop();
  }

  void say(std::string_view text) const {
    ASSERT_EQ(::send(peer.fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  /// Reads once; what came, or the name of the error, goes to `results`.
  Task<void> read(std::size_t size, Duration timeout) {
    std::string room(size, '\0');
    Read reading(loop, *stream, room, timeout);
    const IoResult result = co_await reading;
    results.push_back(result ? room.substr(0, result.bytes) : std::string(name(result.error)));
  }

  EpollLoop loop;
  std::unique_ptr<Stream> stream;
  Socket peer;
  TaskSet tasks;
  std::vector<std::string> results;
};

Task<void> both(Task<void> first, Task<void> second) {
  co_await std::move(first);
  co_await std::move(second);
}

TEST_F(EpollLoopTest, ReadsWhatCameBeforeTheReadBegan) {
  say("early");
  run(read(16, 1s));
  EXPECT_EQ(results, std::vector<std::string>{"early"});
}

TEST_F(EpollLoopTest, ReadsWhatComesLater) {
  loop.post([this] { say("late"); });
  run(read(16, 1s));
  EXPECT_EQ(results, std::vector<std::string>{"late"});
}

/// A connection whose next message begins something.
struct Beginner {
  explicit Beginner(EpollLoop& loop) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    stream = make_tcp_stream(loop, Socket(ends[0]));
    peer = Socket(ends[1]);
    reader = std::make_unique<BufferedReader>(loop, *stream);
  }
  Task<void> begin(const std::function<void(NetError)>& on_begin) const {
    const NetError error = co_await reader->next(10s);
    on_begin(error);
  }

  std::unique_ptr<Stream> stream;
  Socket peer;
  std::unique_ptr<BufferedReader> reader;
};

/// Once something has begun there, it stands in `order`.
Task<void> note_begin(const Beginner& one, std::vector<const Beginner*>& order) {
  const std::function<void(NetError)> note = [&](NetError) { order.push_back(&one); };
  co_await one.begin(note);
}

// However many want to begin at once, what has begun goes on first (O-3).
TEST_F(EpollLoopTest, BeginsSoManyInATurnAndGoesOnWithWhatHasBegunFirst) {
  constexpr std::size_t count = 100;
  constexpr std::size_t in_a_turn = 32;
  std::vector<std::unique_ptr<Beginner>> all;
  std::size_t begun = 0;
  std::size_t ended = 0;
  std::size_t begun_before = 0;  // the other could go on
  const std::function<void(NetError)> on_begin = [&](NetError error) {
    ++(error == NetError::none ? begun : ended);
    if (begun == 1) say("go on");
    if (begun == in_a_turn) all.back()->stream->close();  // that one stands in line
    if (begun + ended == count) loop.stop();
  };
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(std::make_unique<Beginner>(loop));
    ASSERT_EQ(::send(all.back()->peer.fd(), "hello", 5, MSG_NOSIGNAL), 5);
    tasks.spawn(all.back()->begin(on_begin));
  }
  const auto go_on = [&]() -> Task<void> {
    co_await read(16, 10s);
    begun_before = begun;
  };
  tasks.spawn(go_on());
  loop.run();
  EXPECT_EQ(begun_before, in_a_turn);
  EXPECT_EQ(begun, count - 1);
  EXPECT_EQ(ended, 1U);
}

// Whose memory is warm goes first, but nobody for ever (O-3).
TEST_F(EpollLoopTest, WhoHadItsTurnsStandsBehindTheNewButNotBehindAllOfThem) {
  constexpr std::size_t new_count = 60;
  constexpr std::size_t new_in_a_turn = 28;
  std::vector<std::unique_ptr<Beginner>> all;
  for (std::size_t i = 0; i <= new_count; ++i) all.push_back(std::make_unique<Beginner>(loop));
  const Beginner& old = *all.back();
  std::vector<const Beginner*> order;
  const auto begin = [&](const Beginner& one) {
    EXPECT_EQ(::send(one.peer.fd(), "hello", 5, MSG_NOSIGNAL), 5);
    return note_begin(one, order);
  };
  for (int i = 0; i < 3; ++i) {
    run(begin(old));
    old.reader->consume(old.reader->data().size());
  }
  order.clear();

  // It asks before all others.
  tasks.spawn(begin(old));
  for (std::size_t i = 0; i < new_count; ++i) tasks.spawn(begin(*all[i]));
  loop.run();
  ASSERT_EQ(order.size(), new_count + 1);
  EXPECT_EQ(std::find(order.begin(), order.end(), &old) - order.begin(), new_in_a_turn);
}

TEST_F(EpollLoopTest, AfterTheLongLineOneIsAsWarmAsTheNew) {
  std::vector<std::unique_ptr<Beginner>> all;
  for (std::size_t i = 0; i < 2; ++i) all.push_back(std::make_unique<Beginner>(loop));
  std::vector<const Beginner*> order;
  const auto begin = [&](const Beginner& one) {
    EXPECT_EQ(::send(one.peer.fd(), "hello", 5, MSG_NOSIGNAL), 5);
    return note_begin(one, order);
  };
  for (int i = 0; i < 4; ++i) {  // the fourth from the long line, where nobody else stands
    run(begin(*all[0]));
    all[0]->reader->consume(all[0]->reader->data().size());
  }
  order.clear();
  tasks.spawn(begin(*all[0]));
  tasks.spawn(begin(*all[1]));
  loop.run();
  EXPECT_EQ(order, (std::vector<const Beginner*>{all[0].get(), all[1].get()}));
}

// Edge-triggered: the kernel says once that there are bytes, so the loop must remember the rest.
TEST_F(EpollLoopTest, GoesOnReadingWhatDidNotFitIntoTheRoom) {
  say("abcdef");
  run(both(read(3, 1s), read(3, 1s)));
  EXPECT_EQ(results, (std::vector<std::string>{"abc", "def"}));
}

// A short read has drained the socket; what comes after it is a new edge.
TEST_F(EpollLoopTest, HearsOfBytesAfterAShortRead) {
  say("one");
  Task<void> second = read(16, 1s);
  run(both(read(16, 1s), [](EpollLoopTest& test, Task<void> next) -> Task<void> {
    test.say("two");
    co_await std::move(next);
  }(*this, std::move(second))));
  EXPECT_EQ(results, (std::vector<std::string>{"one", "two"}));
}

TEST_F(EpollLoopTest, GivesTheBytesBeforeTheEndOfAHalfClosedStream) {
  say("last");
  ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
  run(both(read(16, 1s), read(16, 1s)));
  EXPECT_EQ(results, (std::vector<std::string>{"last", "end_of_stream"}));
}

TEST_F(EpollLoopTest, StillWritesToAPeerThatSaidItsLast) {
  ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
  run(read(16, 1s));
  const IoResult written = stream->try_write({"a", "", "b"});
  EXPECT_EQ(written.error, NetError::none);
  std::array<char, 8> got{};
  EXPECT_EQ(::recv(peer.fd(), got.data(), got.size(), 0), 2);
}

// Connections that wait for their next request cost nothing meanwhile.
TEST_F(EpollLoopTest, SleepsUntilTheNextDeadline) {
  const auto waits = [] {
    rusage usage{};
    EXPECT_EQ(::getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
  };
  const auto before = waits();
  run(read(16, 400ms));
  EXPECT_EQ(results, std::vector<std::string>{"timed_out"});
  EXPECT_LE(waits() - before, 10) << "a look every 20 ms would be twenty";
}

TEST_F(EpollLoopTest, EndsAReadThatTakesTooLong) {
  run(read(16, 1ms));
  EXPECT_EQ(results, std::vector<std::string>{"timed_out"});
}

TEST_F(EpollLoopTest, ReadsAfterAReadThatTookTooLong) {
  loop.post([] {});
  run(both(read(16, 1ms), [](EpollLoopTest& test, Task<void> next) -> Task<void> {
    test.say("after all");
    co_await std::move(next);
  }(*this, read(16, 1s))));
  EXPECT_EQ(results, (std::vector<std::string>{"timed_out", "after all"}));
}

TEST_F(EpollLoopTest, EndsAReadOnAStreamThatIsClosed) {
  loop.post([this] { stream->close(); });
  run(both(read(16, 1s), read(16, 1s)));
  EXPECT_EQ(results, (std::vector<std::string>{"cancelled", "cancelled"}));
}

TEST_F(EpollLoopTest, TellsOfAReaderAndAWriterThatAreCancelledTogether) {
  const std::string much(std::size_t{4} << 20, 'x');
  const auto write = [](EpollLoopTest& test, std::string_view text) -> Task<void> {
    Write writing(test.loop, *test.stream, {text, {}, {}}, 1s);
    const IoResult result = co_await writing;
    test.results.emplace_back(name(result.error));
  };
  tasks.spawn(write(*this, much));
  loop.post([this] { stream->cancel(); });
  run(read(16, 1s));
  std::sort(results.begin(), results.end());
  EXPECT_EQ(results, (std::vector<std::string>{"cancelled", "cancelled"}));
}

TEST_F(EpollLoopTest, WritesMoreThanThePeerTakesAtOnce) {
  const std::string much(std::size_t{4} << 20, 'x');
  std::thread reading([this] {
    std::array<char, 65536> got;
    for (std::size_t left = std::size_t{4} << 20; left > 0;) {
      const ssize_t bytes = ::recv(peer.fd(), got.data(), got.size(), 0);
      if (bytes > 0) left -= static_cast<std::size_t>(bytes);
    }
  });
  run([](EpollLoopTest& test, std::string_view text) -> Task<void> {
    Write writing(test.loop, *test.stream, {text.substr(0, 7), text.substr(7), {}}, 10s);
    const IoResult result = co_await writing;
    EXPECT_EQ(result.error, NetError::none);
    EXPECT_EQ(result.bytes, text.size());
  }(*this, much));
  reading.join();
}

// A reader that waits holds no memory, so what it was given must come from `room`, asked in time.
TEST_F(EpollLoopTest, ABufferedReaderKeepsWhatIsNotConsumed) {
  const auto task = [](EpollLoopTest& test) -> Task<void> {
    BufferedReader reader(test.loop, *test.stream);
    test.say("first ");
    NetError error = co_await reader.more(1s);
    EXPECT_EQ(error, NetError::none);
    reader.consume(1);
    test.say("second");
    error = co_await reader.more(1s);
    EXPECT_EQ(error, NetError::none);
    EXPECT_EQ(reader.data(), "irst second");
    reader.consume(reader.data().size());
    test.say("third");
    error = co_await reader.more(1s);
    EXPECT_EQ(error, NetError::none);
    EXPECT_EQ(reader.data(), "third");
  };
  run(task(*this));
}

TEST_F(EpollLoopTest, RunsWhatOtherThreadsPost) {
  constexpr int posts = 1000;
  int done = 0;
  std::thread other([this, &done] {
    for (int i = 0; i < posts; ++i) loop.post([&done] { ++done; });
    loop.stop();
  });
  loop.run();
  other.join();
  EXPECT_EQ(done, posts);
}

TEST_F(EpollLoopTest, RunsWhatIsPostedFromWithinAPost) {
  int done = 0;
  loop.post([&] {
    loop.post([&] {
      ++done;
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(done, 1);
}

TEST_F(EpollLoopTest, RunsOnUntilTheOperationUnderWayHasEnded) {
  tasks.spawn(read(16, 0s));
  loop.stop();
  loop.post([this] { say("done"); });
  loop.run();
  EXPECT_EQ(results, std::vector<std::string>{"done"});
}

TEST_F(EpollLoopTest, FiresAlarmsInTheOrderOfTheirTimesAndNotTheDisarmedOnes) {
  std::vector<int> fired;
  const TimePoint now = loop.now();
  CallbackAlarm late([&] {
    fired.push_back(3);
    loop.stop();
  });
  CallbackAlarm soon([&] { fired.push_back(1); });
  CallbackAlarm coarse([&] { fired.push_back(2); });
  CallbackAlarm never([&] { fired.push_back(4); });
  loop.arm_exact(late, now + 100ms);
  loop.arm_exact(soon, now + 1ms);
  loop.arm_coarse(coarse, now + 5ms);
  loop.arm_exact(never, now + 2ms);
  never.disarm();
  loop.run();
  EXPECT_EQ(fired, (std::vector<int>{1, 2, 3}));
}

TEST_F(EpollLoopTest, NeverFiresAnExactAlarmEarly) {
  const TimePoint when = std::chrono::steady_clock::now() + 3ms;
  TimePoint fired;
  CallbackAlarm alarm([&] {
    fired = std::chrono::steady_clock::now();
    loop.stop();
  });
  loop.arm_exact(alarm, when);
  loop.run();
  EXPECT_GE(fired, when);
}

// Both streams have an event in the same turn; the first one's reader destroys the second.
TEST_F(EpollLoopTest, ForgetsTheEventsOfAStreamThatIsDestroyed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  auto other = make_tcp_stream(loop, Socket(ends[0]));
  const Socket other_peer(ends[1]);
  ASSERT_EQ(::send(other_peer.fd(), "x", 1, MSG_NOSIGNAL), 1);
  say("x");
  run([](EpollLoopTest& test, std::unique_ptr<Stream>& doomed) -> Task<void> {
    Task<void> reading = test.read(16, 1s);
    co_await std::move(reading);
    doomed.reset();
  }(*this, other));
  EXPECT_EQ(results, std::vector<std::string>{"x"});
}

}  // namespace
}  // namespace weir::net
