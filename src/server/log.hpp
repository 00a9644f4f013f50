// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "server/redactor.hpp"

// Another library's names.
// NOLINTBEGIN(readability-identifier-naming)
namespace spdlog {
class async_logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog
// NOLINTEND(readability-identifier-naming)

namespace weir::server {

/// A fact beside an event's message. Names are our own constants.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t> value;

  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text)
      : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, const char* text)
      : name(field_name), value(std::string_view(text)) {}
  LogField(std::string_view field_name, std::int64_t number) : name(field_name), value(number) {}
  LogField(std::string_view field_name, int number) : name(field_name), value(number) {}
};

using LogFields = std::initializer_list<LogField>;

/// One event before it becomes a line.
struct LogEvent {
  config::LogLevel level = config::LogLevel::info;
  std::int64_t unix_ms = 0;
  std::string_view name;  ///< what happened, a constant: `reload`, `call_failed`
  std::string_view message;
  LogFields fields;
};

inline constexpr std::size_t log_line_bytes_max = 16 << 10;

/// One line for `event`, without its line break: a JSON object, or text for people. However its
/// texts look, it is one line of valid UTF-8 with at most `log_line_bytes_max` bytes; longer texts
/// are cut and end in `…`. Secrets are gone before anything is put together.
std::string format_event(const LogEvent& event, bool is_json, const Redactor& redactor);

/// The only writer of log lines. Lines go to standard error by a thread of their own; when that
/// can't keep up the oldest are lost rather than requests held up.
///
/// `write` is for any thread.
class Log {
 public:
  explicit Log(const config::LogConfig& config);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] bool is_on(config::LogLevel level) const noexcept { return level >= level_; }
  void write(config::LogLevel level, std::string_view event, std::string_view message,
             LogFields fields = {});

  void info(std::string_view event, std::string_view message, LogFields fields = {}) {
    write(config::LogLevel::info, event, message, fields);
  }
  void warn(std::string_view event, std::string_view message, LogFields fields = {}) {
    write(config::LogLevel::warn, event, message, fields);
  }
  void error(std::string_view event, std::string_view message, LogFields fields = {}) {
    write(config::LogLevel::error, event, message, fields);
  }

  /// Secrets that no line may hold from now on.
  void set_secrets(std::vector<std::string> secrets) { redactor_.set_secrets(std::move(secrets)); }
  /// What takes them out, for what is written down elsewhere.
  [[nodiscard]] const Redactor& redactor() const { return redactor_; }

 private:
  config::LogLevel level_;
  bool is_json_;
  Redactor redactor_;
  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace weir::server
