// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "wire/fault.hpp"

namespace weir::wire {
namespace {

bool is_fault_text(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  return is_fault(document.root());
}

TEST(ReadFault, ReadsTheObjectOfOpenAi) {
  const auto fault =
      read_fault(429, R"({"error":{"message":"Slow. Please try again in 1.2s.",)"
                      R"("type":"tokens","param":null,"code":"rate_limit_exceeded"}})");
  EXPECT_EQ(fault.status, 429);
  EXPECT_EQ(fault.type, "tokens");
  EXPECT_EQ(fault.code, "rate_limit_exceeded");
  EXPECT_EQ(fault.param, "");
  EXPECT_EQ(fault.retry_after_ms, 1200);
}

TEST(ReadFault, TakesTheStatusFromTheBodyOnlyWhereHttpGaveNone) {
  constexpr std::string_view body = R"({"error":{"code":503,"message":"Loading model"}})";
  EXPECT_EQ(read_fault(0, body).status, 503);
  EXPECT_EQ(read_fault(0, body).code, "503");
  EXPECT_EQ(read_fault(500, body).status, 500);
  EXPECT_EQ(read_fault(0, R"({"error":{"code":"401","message":"x"}})").status, 401);
  EXPECT_EQ(read_fault(0, R"({"error":{"code":3051,"message":"x"}})").status, 0);
  EXPECT_EQ(read_fault(0, R"({"error":{"message":"x"},"status_code":529})").status, 529);
}

TEST(ReadFault, ReadsGooglesDetailsAlsoInsideAnArray) {
  const auto fault = read_fault(
      0, R"([{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED"},
        {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
          {"quotaId":"RequestsPerMinute"},{"quotaId":"RequestsPerDay"},{"quotaId":"Tokens"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}])");
  EXPECT_EQ(fault.status, 429);
  EXPECT_EQ(fault.type, "RESOURCE_EXHAUSTED");
  EXPECT_EQ(fault.reason, "RequestsPerDay");
  EXPECT_EQ(fault.retry_after_ms, 34070);
}

TEST(ReadFault, ReadsAnErrorThatIsAStringWithItsNeighbours) {
  const auto xai =
      read_fault(400, R"({"code":"Client specified an invalid argument","error":"no"})");
  EXPECT_EQ(xai.message, "no");
  EXPECT_EQ(xai.code, "Client specified an invalid argument");
  const auto tgi = read_fault(422, R"({"error":"too long","error_type":"validation"})");
  EXPECT_EQ(tgi.message, "too long");
  EXPECT_EQ(tgi.type, "validation");
}

TEST(ReadFault, ReadsValidationListsWithTheFirstPlace) {
  const auto fault =
      read_fault(422, R"({"detail":[{"loc":["body","messages",0,"role"],"msg":"bad"},)"
                      R"({"loc":["body","n"],"msg":"worse"}]})");
  EXPECT_EQ(fault.message, "bad; worse");
  EXPECT_EQ(fault.param, "messages.0.role");
  EXPECT_EQ(read_fault(401, R"({"detail":"Unauthorized"})").message, "Unauthorized");
  EXPECT_EQ(read_fault(422, R"({"object":"error","message":{"detail":[{"msg":"m"}]}})").message,
            "m");
}

TEST(ReadFault, FindsTheFinerCodeWhereverItHides) {
  EXPECT_EQ(read_fault(429, R"({"error":{"message":"m","metadata":{"error_type":"a"}}})").reason,
            "a");
  EXPECT_EQ(read_fault(403, R"({"error":{"message":"m","metadata":{"reasons":["hate"]}}})").reason,
            "moderation");
  EXPECT_EQ(read_fault(429, R"({"error":{"message":"m","details":{"error_code":"b"}}})").reason,
            "b");
  EXPECT_EQ(read_fault(400, R"({"error":{"message":"m","innererror":{"code":"c"}}})").reason, "c");
}

TEST(ReadFault, ReadsTheWaitInWords) {
  EXPECT_EQ(read_fault(429, "Please retry after 45 seconds.").retry_after_ms, 45'000);
  EXPECT_EQ(read_fault(429, "Please retry after a while").retry_after_ms, std::nullopt);
}

// The rest of a page of HTML helps nobody and may be megabytes.
TEST(ReadFault, CutsWhatItCannotReadAtACharacter) {
  std::string page = " <html>" + std::string(504, 'x') + "\xC3\xA4 and more";
  const auto fault = read_fault(502, page);
  EXPECT_EQ(fault.message, "<html>" + std::string(504, 'x') + "\xC3\xA4");
  page.insert(8, "y");
  EXPECT_EQ(read_fault(502, page).message.size(), 511U);
  EXPECT_EQ(read_fault(500, "").message, "");
  EXPECT_EQ(read_fault(500, R"({"weird":1})").message, R"({"weird":1})");
}

TEST(FindFault, C1AReasonToFinishMayBeAFailure) {
  const auto of = [](std::string_view body) {
    json::Document document;
    EXPECT_TRUE(document.parse(body));
    return find_fault(document.root(), body);
  };
  EXPECT_EQ(of(R"({"choices":[{"finish_reason":"error"}]})")->type, "server_error");
  EXPECT_EQ(of(R"({"choices":[{"finish_reason":"stop"},
                  {"finish_reason":"insufficient_system_resource"}]})")
                ->type,
            "overloaded_error");
  EXPECT_EQ(of(R"({"error":{"message":"m","type":"t"}})")->type, "t");
  EXPECT_EQ(of(R"({"choices":[{"finish_reason":"content_filter"}]})"), std::nullopt);
  EXPECT_EQ(of(R"({"choices":[{"finish_reason":null},7]})"), std::nullopt);
  EXPECT_EQ(of(R"({"content":[]})"), std::nullopt);
}

TEST(IsFault, TellsErrorsFromAnswers) {
  EXPECT_TRUE(is_fault_text(R"({"error":{"message":"x"}})"));
  EXPECT_TRUE(is_fault_text(R"({"code":"x","error":"y"})"));
  EXPECT_TRUE(is_fault_text(R"({"object":"error","message":"x"})"));
  EXPECT_FALSE(is_fault_text(R"({"error":null,"choices":[]})"));
  EXPECT_FALSE(is_fault_text(R"([1])"));
}

}  // namespace
}  // namespace weir::wire
