// SPDX-License-Identifier: Apache-2.0
#include "cli/text.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/money.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::cli {
namespace {

/// Columns a text takes on a terminal: a code point each, which is right for what we print.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// One digit behind the point, none when it is 0.
std::string tenths(std::int64_t value_tenths) {
  std::string text = std::to_string(value_tenths / 10);
  if (value_tenths % 10 != 0) text.append(".").append(std::to_string(value_tenths % 10));
  return text;
}

std::string with_commas(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

/// A value or a level of a tree of assignments.
struct Assigned {
  std::string json;  ///< empty: a level
  std::map<std::string, Assigned> members;
};

bool assign(Assigned& level, std::string_view path, std::string json) {
  const std::size_t dot = path.find('.');
  const std::string key(path.substr(0, dot));
  if (key.empty() || !level.json.empty()) return false;
  Assigned& next = level.members[key];
  if (dot != std::string_view::npos) return assign(next, path.substr(dot + 1), std::move(json));
  if (!next.json.empty() || !next.members.empty()) return false;
  next.json = std::move(json);
  return true;
}

void append_json(json::Writer& json, const Assigned& level) {
  json.begin_object();
  for (const auto& [key, next] : level.members) {
    json.key(key);
    if (next.json.empty()) {
      append_json(json, next);
    } else {
      json.raw(next.json);
    }
  }
  json.end_object();
}

std::string value_json(std::string_view text) {
  json::Document document;
  if (document.parse(text)) return std::string(text);
  std::string quoted;
  json::append_string(quoted, text);
  return quoted;
}

}  // namespace

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool is_terminal_output() { return ::isatty(STDOUT_FILENO) != 0; }

void pause(std::chrono::milliseconds time) {
  static_cast<void>(::poll(nullptr, 0, static_cast<int>(time.count())));
}

std::string dim(std::string_view text) {
  if (!is_terminal_output()) return std::string(text);
  return "\x1b[2m" + std::string(text) + "\x1b[0m";
}

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too, two bytes each.
    const bool is_c1 =
        c == 0xC2U && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0U;
    if (is_c1) {
      ++i;
    } else if (c == '\n' || c == '\t' || (c >= 0x20U && c != 0x7FU)) {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string table(const std::vector<Row>& rows, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.append(row[i]);
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out.append(line).append("\n");
  }
  return out;
}

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string dollars(std::int64_t nanousd) {
  constexpr std::int64_t cent = 10'000'000;
  constexpr std::int64_t tenth_of_a_cent = cent / 10;
  if (nanousd == 0) return "$0";
  // From a cent on, hundredths of a cent; below, the first two digits that count.
  std::int64_t unit = tenth_of_a_cent / 10;
  while (nanousd < unit * 10 && unit > 1) unit /= 10;
  const std::int64_t rounded = (nanousd + unit / 2) / unit * unit;
  return "$" + to_usd_text(NanoUsd(rounded));
}

std::string duration(std::chrono::milliseconds time) {
  const std::int64_t ms = time.count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return tenths((ms + 50) / 100) + " s";
  const auto of_two = [](std::int64_t count, std::int64_t parts, const char* big,
                         const char* small) {
    const std::string rest = count % parts == 0 ? "" : " " + std::to_string(count % parts) + small;
    return std::to_string(count / parts) + big + rest;
  };
  constexpr std::int64_t minute_ms = 60'000;
  constexpr std::int64_t hour_ms = 60 * minute_ms;
  constexpr std::int64_t day_ms = 24 * hour_ms;
  if (ms < hour_ms) return of_two(ms / 1'000, 60, " min", " s");
  if (ms < day_ms) return of_two(ms / minute_ms, 60, " h", " min");
  return of_two(ms / hour_ms, 24, " d", " h");
}

std::string token_count(std::int64_t tokens) {
  constexpr std::int64_t thousand = 1'000;
  constexpr std::int64_t million = 1'000'000;
  if (tokens >= million && tokens % (million / 10) == 0)
    return tenths(tokens / (million / 10)) + "M";
  if (tokens >= thousand && tokens % thousand == 0) return std::to_string(tokens / thousand) + "k";
  return with_commas(tokens);
}

std::string assignments_json(const std::vector<std::string>& assignments) {
  Assigned root;
  for (const std::string& assignment : assignments) {
    const std::size_t sign = assignment.find('=');
    if (sign == std::string::npos) return {};
    const std::string_view text = assignment;
    if (!assign(root, text.substr(0, sign), value_json(text.substr(sign + 1)))) return {};
  }
  std::string out;
  json::Writer json(out);
  append_json(json, root);
  return out;
}

std::string read_line() {
  std::string line;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) {
    line.push_back(static_cast<char>(c));
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::string read_secret(std::string_view prompt) {
  termios shown{};
  if (::tcgetattr(STDIN_FILENO, &shown) != 0) return read_line();
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  // First: what is typed before that is thrown away.
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  print_error(prompt);
  std::string line = read_line();
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  print_error("\n");
  return line;
}

}  // namespace weir::cli
