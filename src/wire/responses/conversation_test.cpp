// SPDX-License-Identifier: Apache-2.0
#include "wire/responses/conversation.hpp"

#include <array>

#include <gtest/gtest.h>

#include "wire/responses/codec.hpp"

namespace weir::wire::responses {
namespace {

/// A parsed text that keeps its document.
class Parsed {
 public:
  explicit Parsed(std::string text) : text_(std::move(text)) {
    EXPECT_TRUE(document_.parse(text_)) << text_;
  }
  [[nodiscard]] json::Value root() const { return document_.root(); }

 private:
  std::string text_;
  json::Document document_;
};

constexpr std::array turns{
    Turn{R"([{"type":"message","role":"user","content":"a"}])",
         R"({"id":"resp_1","output":[{"type":"message","role":"assistant","content":"b"}]})"},
    Turn{R"([])", R"({"id":"resp_2","output":[{"type":"function_call","call_id":"c"}]})"},
};

TEST(ResponsesConversation, AStringIsTheMessageOfAUser) {
  EXPECT_EQ(added_items(Parsed(R"({"input":"h\u0069"})").root()),
            R"([{"type":"message","role":"user","content":"h\u0069"}])");
  EXPECT_EQ(added_items(Parsed(R"({"input":[ {"a":1} , {"b":2}]})").root()),
            R"([{"a":1},{"b":2}])");
  EXPECT_EQ(added_items(Parsed("{}").root()), "[]");
}

TEST(ResponsesConversation, EarlierTurnsStandBeforeTheNewItemsAndTheRestStaysAsItIs) {
  const Parsed request(
      R"({"previous_response_id":"resp_2", "x": [1 , 2],"input":[{"d":1}],"model":"m"})");
  EXPECT_EQ(with_turns(request.root(), turns),
            R"({"previous_response_id":null, "x": [1 , 2],"input":[)"
            R"({"type":"message","role":"user","content":"a"},)"
            R"({"type":"message","role":"assistant","content":"b"},)"
            R"({"type":"function_call","call_id":"c"},{"d":1}],"model":"m"})");
}

TEST(ResponsesConversation, ARequestWithoutItemsOfItsOwnGoesOnAllTheSame) {
  const std::string text =
      with_turns(Parsed(R"({"model":"m","previous_response_id":"resp_2"})").root(), turns);
  const Parsed expanded(text);
  EXPECT_EQ(expanded.root().find("input")->size(), 3u) << text;
  EXPECT_TRUE(expanded.root().find("previous_response_id")->is_null());
}

// A refusal must not name an item that the client did not send.
TEST(ResponsesConversation, AnEmptyRequestGetsItsMembersAllTheSame) {
  EXPECT_EQ(with_turns(Parsed("{}").root(), {}), R"({"input":[],"previous_response_id":null})");
}

TEST(ResponsesConversation, APathIsToldAsTheClientCounts) {
  const Parsed request(R"({"input":[{"role":"user","content":"d"}]})");
  const Parsed expanded(with_turns(request.root(), turns));
  const std::size_t before = items_before(request.root(), expanded.root());
  EXPECT_EQ(before, 3U);
  EXPECT_EQ(own_path("input[3].content[1]", before), "input[0].content[1]");
  EXPECT_EQ(own_path("input[4]", before), "input[1]");
  EXPECT_EQ(own_path("input[2].content[1]", before), "previous_response_id");
  EXPECT_EQ(own_path("input", before), "input");
  EXPECT_EQ(own_path("tools[1]", before), "tools[1]");
  EXPECT_EQ(own_path("input[1]", 0), "input[1]");

  const Parsed text(R"({"input":"d"})");
  EXPECT_EQ(items_before(text.root(), Parsed(with_turns(text.root(), turns)).root()), 3U);
  const Parsed nothing(R"({"previous_response_id":"resp_2"})");
  EXPECT_EQ(items_before(nothing.root(), Parsed(with_turns(nothing.root(), turns)).root()), 3U);
}

TEST(ResponsesConversation, WishesHaveTheDefaultsOfTheFormat) {
  const auto plain = read_state_wishes(Parsed("{}").root());
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->store);
  EXPECT_FALSE(plain->background);
  EXPECT_EQ(plain->previous_response_id, "");
  EXPECT_FALSE(read_state_wishes(Parsed(R"({"store":"yes"})").root()));
  EXPECT_EQ(read_state_wishes(Parsed(R"({"store":false,"background":true})").root()).error().param,
            "store");
}

/// The ids of a page, in order.
std::string ids_of(const PageWishes& wishes, bool* has_more = nullptr) {
  std::string out;
  append_input_items(R"([{"role":"user","content":"a"},{"id":"x","type":"y"},{"role":"user"}])",
                     "resp_7", wishes, out);
  const Parsed page(out);
  std::string ids;
  for (const json::Value item : page.root().find("data")->elements()) {
    ids += item.find("id")->as_string() + " ";
  }
  if (has_more != nullptr) *has_more = page.root().find("has_more")->as_bool();
  return ids;
}

TEST(ResponsesInputItems, ComeNewestFirstInPages) {
  bool has_more = true;
  EXPECT_EQ(ids_of({}, &has_more), "msg_7in_2 x msg_7in_0 ");
  EXPECT_FALSE(has_more);
  EXPECT_EQ(ids_of({.limit = 2, .is_ascending = true, .after = {}}, &has_more), "msg_7in_0 x ");
  EXPECT_TRUE(has_more);
  EXPECT_EQ(ids_of({.limit = 2, .is_ascending = true, .after = "x"}), "msg_7in_2 ");
  EXPECT_EQ(ids_of({.limit = 2, .is_ascending = true, .after = "unknown"}), "");
}

TEST(ResponsesInputItems, ShowTextAsParts) {
  std::string out;
  append_input_items(R"([{"role":"assistant","content":"a\n"}])", "resp_7", {}, out);
  EXPECT_EQ(
      out,
      R"({"object":"list","data":[{"id":"msg_7in_0","type":"message","status":"completed",)"
      R"("role":"assistant","content":[{"type":"output_text","text":"a\n","annotations":[]}]}],)"
      R"("first_id":"msg_7in_0","last_id":"msg_7in_0","has_more":false})");
}

TEST(ResponsesEcho, RepeatsWhatWasSaidAndWhatHoldsWhereNothingWas) {
  const Parsed echo(request_echo(
      Parsed(R"({"temperature":0.5,"tools":[ {"a": 1} ],"metadata":null,"input":"x"})").root()));
  EXPECT_EQ(echo.root().find("temperature")->raw(), "0.5");
  EXPECT_EQ(echo.root().find("tools")->raw(), R"([{"a":1}])");
  EXPECT_EQ(echo.root().find("metadata")->raw(), "{}");
  EXPECT_EQ(echo.root().find("store")->raw(), "true");
  EXPECT_FALSE(echo.root().find("input"));
}

}  // namespace
}  // namespace weir::wire::responses
