// SPDX-License-Identifier: Apache-2.0
#include "server/log.hpp"

#include <gtest/gtest.h>

#include "json/document.hpp"

namespace weir::server {
namespace {

constexpr std::int64_t noon = 1'763'726'400'007;  // 2025-11-21T12:00:00.007Z

std::string json_of(std::string_view message, LogFields fields = {}) {
  return format_event({config::LogLevel::warn, noon, "call_failed", message, fields}, true, {});
}

std::string text_of(std::string_view message, LogFields fields = {}) {
  return format_event({config::LogLevel::warn, noon, "call_failed", message, fields}, false, {});
}

TEST(Log, WritesAnEventAsOneJsonObject) {
  EXPECT_EQ(json_of("no answer", {{"target", "a/b"}, {"status", 503}}),
            R"({"time":"2025-11-21T12:00:00.007Z","level":"warn","event":"call_failed",)"
            R"("message":"no answer","target":"a/b","status":503})");
}

TEST(Log, WritesForPeopleWhatTheyRead) {
  EXPECT_EQ(text_of("no answer", {{"target", "a/b"}, {"status", 503}, {"why", "it \"broke\""}}),
            R"(12:00:00.007 warn no answer  target=a/b  status=503  why="it \"broke\"")");
}

// A client's text must not be able to make a second line, a field of its own, or move the cursor.
TEST(Log, G1LetsNoTextOutOfItsPlace) {
  const std::string evil = "x\",\"level\":\"info\"}\n{\"forged\":true}\r\x1b[2J\x7f\xff";
  const std::string line = json_of(evil, {{"model", evil}});
  json::Document document;
  ASSERT_TRUE(document.parse(line)) << line;
  EXPECT_EQ(document.root().size(), 5u);
  EXPECT_TRUE(document.root().find("level")->equals("warn"));
  for (const std::string& text : {line, text_of(evil, {{"model", evil}})}) {
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
    EXPECT_EQ(text.find('\xff'), std::string::npos);
  }
}

TEST(Log, G1KeepsALineWithinItsBoundHoweverItIsEscaped) {
  const std::string many(100'000, '\x01');
  const std::string line = json_of(many, {{"a", many}, {"b", many}, {"c", many}});
  EXPECT_LE(line.size(), log_line_bytes_max);
  EXPECT_GT(line.size(), log_line_bytes_max / 4);
  json::Document document;
  EXPECT_TRUE(document.parse(line));
  EXPECT_LE(text_of(std::string(100'000, 'x')).size(), log_line_bytes_max);
}

TEST(Log, CutsBetweenCharacters) {
  std::string text = "x";
  while (text.size() < 20'000) text += "€";
  const std::string line = json_of(text);
  json::Document document;
  ASSERT_TRUE(document.parse(line));
  EXPECT_EQ(line.find("\xEF\xBF\xBD"), std::string::npos);  // no half character became U+FFFD
  EXPECT_NE(line.find("€…\""), std::string::npos);
}

TEST(Log, G3TakesSecretsOutOfMessagesAndFields) {
  Redactor redactor;
  redactor.set_secrets({"configured-secret-value"});
  const LogEvent event{config::LogLevel::info,
                       noon,
                       "x",
                       "with configured-secret-value",
                       {{"url", "http://h/?key=configured-secret-value"}}};
  for (const bool is_json : {true, false}) {
    EXPECT_EQ(format_event(event, is_json, redactor).find("configured-secret-value"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace weir::server
