// SPDX-License-Identifier: Apache-2.0
#include "config/environment.hpp"

#include <cstring>
#include <utility>

#include <unistd.h>

#include "base/ascii.hpp"
#include "base/wipe.hpp"

namespace weir::config {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || ascii::is_digit(name.front())) return false;
  for (const char c : name) {
    if (!ascii::is_alnum(c) && c != '_') return false;
  }
  return true;
}

/// What stands behind the `=`; nothing when a quote is not closed. Single quotes keep everything;
/// double quotes know \n, \" and \\; without quotes ` #` begins a comment.
std::optional<std::string> env_file_value(std::string_view text) {
  if (text.empty()) return std::string();
  const char quote = text.front();
  if (quote != '\'' && quote != '"') {
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '#' && (text[i - 1] == ' ' || text[i - 1] == '\t')) {
        return std::string(trimmed(text.substr(0, i)));
      }
    }
    return text.front() == '#' ? std::string() : std::string(text);
  }
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      const std::string_view rest = trimmed(text.substr(i + 1));
      if (rest.empty() || rest.starts_with('#')) return value;
      return std::nullopt;
    }
    const bool is_escape = quote == '"' && text[i] == '\\' && i + 1 < text.size();
    if (!is_escape) {
      value += text[i];
      continue;
    }
    ++i;
    value += text[i] == 'n' ? '\n' : text[i];
  }
  return std::nullopt;
}

}  // namespace

Environment Environment::of_process() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.set(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return environment;
}

std::optional<std::string_view> Environment::get(std::string_view name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Environment::names_beginning(std::string_view prefix) const {
  std::vector<std::string> names;
  for (auto entry = variables_.lower_bound(prefix);
       entry != variables_.end() && entry->first.starts_with(prefix); ++entry) {
    if (!entry->second.empty()) names.push_back(entry->first);
  }
  return names;
}

void Environment::forget(std::string_view name) {
  if (const auto found = variables_.find(name); found != variables_.end()) {
    wipe(found->second);
    variables_.erase(found);
  }
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool is_it = text.starts_with(name) && text.substr(name.size()).starts_with('=');
    if (is_it) ::explicit_bzero(*entry + name.size() + 1, text.size() - name.size() - 1);
  }
}

Result<> Environment::add_env_file(std::string_view file, std::string_view text) {
  constexpr std::string_view export_word = "export ";
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const auto line_end = text.find('\n');
    std::string_view line = trimmed(text.substr(0, line_end));
    text.remove_prefix(line_end == std::string_view::npos ? text.size() : line_end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with(export_word)) line = trimmed(line.substr(export_word.size()));
    const auto equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    const auto value = equals == std::string_view::npos
                           ? std::nullopt
                           : env_file_value(trimmed(line.substr(equals + 1)));
    if (!value || !is_variable_name(name)) {
      // The line may hold a secret, so it is not repeated.
      return Error(ErrorCode::invalid_request,
                   std::string(file) + ":" + std::to_string(line_number) + ": expected NAME=value");
    }
    if (!get(name)) set(std::string(name), *value);
  }
  return {};
}

}  // namespace weir::config
