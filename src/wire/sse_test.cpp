// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/sse.hpp"

namespace weir::wire {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

void drain(SseParser& parser, Events& events) {
  SseParser::Event event;
  while (parser.next(event)) events.emplace_back(event.type, event.data);
}

Events parse_pieces(const std::vector<std::string_view>& pieces) {
  SseParser parser;
  Events events;
  for (const auto piece : pieces) {
    parser.feed(piece);
    drain(parser, events);
  }
  parser.finish();
  drain(parser, events);
  return events;
}

const std::string stream =
    "\xEF\xBB\xBF: hello\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\n"
    "data: x\rid: 7\r\rretry: 5\n\ndata\n\nevent: lost\n\ndata: \xC3\xA4\n\n";
const Events expected{{"a", "1\n2"}, {"", "x"}, {"", ""}, {"", "\xC3\xA4"}};

TEST(SseParser, ReadsEveryFormOfLineEndAndField) { EXPECT_EQ(parse_pieces({stream}), expected); }

// S-9.6: the same events for every way of cutting the input.
TEST(SseParser, GivesTheSameEventsHoweverTheInputIsCut) {
  const std::string_view whole = stream;
  for (std::size_t a = 0; a <= whole.size(); ++a) {
    for (std::size_t b = a; b <= whole.size(); ++b) {
      ASSERT_EQ(parse_pieces({whole.substr(0, a), whole.substr(a, b - a), whole.substr(b)}),
                expected)
          << a << " " << b;
    }
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < whole.size(); ++i) bytes.push_back(whole.substr(i, 1));
  EXPECT_EQ(parse_pieces(bytes), expected);
}

TEST(SseParser, GivesAnEventWithoutItsBlankLineAtTheEnd) {
  EXPECT_EQ(parse_pieces({"data: a\n"}), (Events{{"", "a"}}));
}

// The first line of an event is not copied while its buffer stays; here it has to move.
TEST(SseParser, KeepsALineOfAnEventThatOutlivesItsBuffer) {
  const std::string filler(5000, 'f');
  const std::string begun = "data: " + filler + "\n\nevent: late\ndata: first\n";
  EXPECT_EQ(parse_pieces({begun, filler + ": \n", "data: second\n\n"}),
            (Events{{"", filler}, {"late", "first\nsecond"}}));
  EXPECT_EQ(parse_pieces({begun, "\n"}), (Events{{"", filler}, {"late", "first"}}));
}

TEST(SseParser, CountsTheBytesItHolds) {
  SseParser parser;
  SseParser::Event event;
  parser.feed("data: 12345\ndat");
  EXPECT_FALSE(parser.next(event));
  EXPECT_EQ(parser.held_bytes(), 8u);
  parser.feed("a: 6\n\n");
  ASSERT_TRUE(parser.next(event));
  EXPECT_EQ(event.data, "12345\n6");
  EXPECT_EQ(parser.held_bytes(), 0u);
}

TEST(SseParser, StopsAtAnEventOverTheLimit) {
  SseParser parser(8);
  parser.feed("data: 123456789\n\n");
  SseParser::Event event;
  EXPECT_FALSE(parser.next(event));
  EXPECT_TRUE(parser.is_overflowing());
}

// However it comes: at once, in pieces, or as the last line of a body.
TEST(LineParser, S96GivesNoLineAboveItsLimit) {
  constexpr std::size_t limit = 8;
  const std::string fits = std::string(limit, 'a') + "\n";
  const std::string large = std::string(limit + 1, 'a');
  for (const std::string& rest : {large + "\n" + fits, large}) {
    for (std::size_t cut = 0; cut <= rest.size(); ++cut) {
      LineParser parser(limit);
      std::string_view line;
      parser.feed(fits);
      EXPECT_TRUE(parser.next(line));
      parser.feed(rest.substr(0, cut));
      EXPECT_FALSE(parser.next(line));
      parser.feed(rest.substr(cut));
      parser.finish();
      EXPECT_FALSE(parser.next(line)) << line;
      EXPECT_TRUE(parser.is_overflowing());
    }
  }
}

TEST(LineParser, SkipsBlankLinesAndTakesALastLineWithoutNewline) {
  LineParser parser;
  std::vector<std::string> lines;
  std::string_view line;
  parser.feed("\n{\"a\":1}\r\n \n{\"b\"");
  while (parser.next(line)) lines.emplace_back(line);
  parser.feed(":2}");
  while (parser.next(line)) lines.emplace_back(line);
  parser.finish();
  while (parser.next(line)) lines.emplace_back(line);
  EXPECT_EQ(lines, (std::vector<std::string>{"{\"a\":1}", "{\"b\":2}"}));
}

// S-9.8: a payload can neither end its event nor start another one.
TEST(AppendSse, NoPayloadForgesAnEvent) {
  std::string out;
  append_sse(out, "m", "a\n\nevent: x\r\ndata: b\r");
  EXPECT_EQ(parse_pieces({out}), (Events{{"m", "a\n\nevent: x\ndata: b\n"}}));
}

}  // namespace
}  // namespace weir::wire
