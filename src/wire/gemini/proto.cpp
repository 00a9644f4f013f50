// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/proto.hpp"

#include <algorithm>
#include <charconv>

namespace weir::wire::gemini {
namespace {

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

void to_snake(std::string_view camel, std::string& snake) {
  snake.clear();
  for (const char c : camel) {
    if (is_upper(c)) snake.push_back('_');
    snake.push_back(is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c);
  }
}

}  // namespace

bool ProtoReader::holds_snake_name(json::Value object) {
  if (!object.is_object()) return false;
  for (const json::Member member : object.members()) {
    // An escape hides what the name is.
    if (member.key.has_escape() || member.key.raw().find('_') != std::string_view::npos)
      return true;
  }
  return false;
}

std::string_view ProtoReader::used_of_both(std::string_view key) {
  if (std::none_of(key.begin(), key.end(), is_upper) || value_.find(key)) return key;
  to_snake(key, snake_);
  return value_.find(snake_) ? std::string_view(snake_) : key;
}

std::int64_t ProtoReader::told_count(std::string_view key, bool& is_impossible) {
  const std::string_view name = used_name(key);
  if (!reader_.may_hold(name)) return 0;
  const auto value = reader_.value(name);
  if (!value || !value->is_string()) return wire::told_count(value, is_impossible);
  const std::string text = value->as_string();
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && count >= 0 && count <= told_tokens_max) return count;
  is_impossible = true;
  return 0;
}

std::optional<std::int64_t> ProtoReader::integer(std::string_view key, std::int64_t min,
                                                 std::int64_t max) {
  const std::string_view name = used_name(key);
  if (!reader_.may_hold(name)) return std::nullopt;
  const auto found = value_.find(name);
  if (!found || !found->is_string()) return reader_.integer(name, min, max);
  const std::string text = reader_.string(name).value_or("");
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(key, "expected a whole number");
    return std::nullopt;
  }
  if (number < min || number > max) {
    fail(key, "must be between " + std::to_string(min) + " and " + std::to_string(max));
    return std::nullopt;
  }
  return number;
}

void write_nested_extra(json::Writer& json, const Extra& extra, std::string_view key) {
  if (const std::string* object = extra.find(key)) write_members_of(json, *object);
}

void write_extra_except(json::Writer& json, const Extra& extra,
                        std::initializer_list<std::string_view> skipped) {
  for (const auto& member : extra.members) {
    const bool is_skipped = std::find(skipped.begin(), skipped.end(), member.key) != skipped.end();
    if (!is_skipped) json.key(member.key).raw(member.json);
  }
}

}  // namespace weir::wire::gemini
