// SPDX-License-Identifier: Apache-2.0
#include "server/log.hpp"

#include <chrono>
#include <ctime>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "json/writer.hpp"

namespace weir::server {
namespace {

using config::LogFormat;
using config::LogLevel;

/// Lines waiting for the thread; the queue is allocated whole, about 350 bytes each.
constexpr std::size_t queue_lines_max = 512;
/// Keys have a redaction of their own, which leaves their beginning and end.
constexpr policy::PersonalKinds people_in_logs = policy::PersonalKinds()
                                                     .add(policy::PersonalKind::card)
                                                     .add(policy::PersonalKind::email)
                                                     .add(policy::PersonalKind::phone)
                                                     .add(policy::PersonalKind::iban);

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      break;
  }
  return "off";
}

/// RFC 3339 in UTC with milliseconds.
std::string time_text(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(1000 + unix_ms % 1000);
  return std::string(text, size) + "." + fraction.substr(1) + "Z";
}

/// At most `bytes_max` bytes of `text` without its secrets.
std::string cut(std::string_view text, std::size_t bytes_max, const Redactor& redactor) {
  std::string clean = redactor.clean(text);
  if (clean.size() <= bytes_max) return clean;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xC0U) == 0x80U) --end;
  clean.resize(end);
  return clean.append("…");
}

std::string json_line(const LogEvent& event, std::size_t text_bytes_max, const Redactor& redactor) {
  std::string line;
  json::Writer json(line);
  json.begin_object();
  json.member("time", time_text(event.unix_ms));
  json.member("level", name_of(event.level));
  json.member("event", event.name);
  json.member("message", cut(event.message, text_bytes_max, redactor));
  for (const LogField& field : event.fields) {
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      json.member(field.name, *number);
    } else {
      json.member(field.name,
                  cut(std::get<std::string_view>(field.value), text_bytes_max, redactor));
    }
  }
  json.end_object();
  return line;
}

/// `text` so that a terminal shows it and does nothing else: escapes as JSON has them.
void append_visible(std::string& out, std::string_view text, bool in_quotes) {
  std::string quoted;
  json::append_string(quoted, text);
  // Quotes are JSON's affair and read badly in a sentence.
  const bool is_plain = quoted.size() == text.size() + 2;
  if (in_quotes) {
    out.append(quoted);
  } else if (is_plain) {
    out.append(text);
  } else {
    out.append(quoted, 1, quoted.size() - 2);
  }
}

std::string text_line(const LogEvent& event, std::size_t text_bytes_max, const Redactor& redactor) {
  std::string line = time_text(event.unix_ms).substr(11, 12);
  line.append(" ").append(name_of(event.level)).append(" ");
  append_visible(line, cut(event.message, text_bytes_max, redactor), false);
  for (const LogField& field : event.fields) {
    line.append("  ").append(field.name).append("=");
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      line.append(std::to_string(*number));
      continue;
    }
    const std::string value =
        cut(std::get<std::string_view>(field.value), text_bytes_max, redactor);
    const bool has_blank = value.empty() || value.find(' ') != std::string::npos;
    append_visible(line, value, has_blank);
  }
  return line;
}

}  // namespace

std::string format_event(const LogEvent& event, bool is_json, const Redactor& redactor) {
  // An escaped byte takes up to six, so the bound of the line is kept by trying again.
  for (std::size_t text_bytes_max = 8 << 10;; text_bytes_max /= 2) {
    std::string line = is_json ? json_line(event, text_bytes_max, redactor)
                               : text_line(event, text_bytes_max, redactor);
    if (line.size() <= log_line_bytes_max) return line;
    WEIR_ASSERT(text_bytes_max > 0);
  }
}

Log::Log(const config::LogConfig& config)
    : level_(config.level),
      is_json_(config.format == LogFormat::json ||
               (config.format == LogFormat::automatic && ::isatty(STDERR_FILENO) == 0)),
      redactor_(config.redact ? people_in_logs : policy::PersonalKinds()),
      thread_(std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1)) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  logger_ = std::make_shared<spdlog::async_logger>("weir", std::move(sink), thread_,
                                                   spdlog::async_overflow_policy::overrun_oldest);
  logger_->set_pattern("%v");  // the line is whole when it gets there
  logger_->set_level(spdlog::level::trace);
}

// What is in the queue is written before the thread ends, and the thread ends before what it writes
// to goes.
Log::~Log() { thread_.reset(); }

void Log::write(LogLevel level, std::string_view event, std::string_view message,
                LogFields fields) {
  if (!is_on(level) || level == LogLevel::off) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const LogEvent whole{level, std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                       event, message, fields};
  logger_->log(spdlog::level::info,
               spdlog::string_view_t(format_event(whole, is_json_, redactor_)));
}

}  // namespace weir::server
