// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"

/// Members of the admin API's answers, for tables.
namespace weir::cli {

using MemberPath = std::initializer_list<std::string_view>;

/// What a path of names leads to; nothing where a part of it is missing or null.
std::optional<json::Value> value_at(json::Value value, MemberPath path);
/// A text without what a terminal would obey, any other value as it stands; empty when missing.
std::string text_at(json::Value value, MemberPath path);
/// 0 for what is no integer.
std::int64_t number_at(json::Value value, MemberPath path);
/// `99.5%` of a part of 1, `-` for what is no number.
std::string percent_at(json::Value value, MemberPath path);
/// Milliseconds, whole or not, as `duration` writes them; `-` for what is no number.
std::string duration_at(json::Value value, MemberPath path);

/// Calls `tell` with each element of the list there; never where there is none.
template <class Tell>
void for_each_at(json::Value value, MemberPath path, Tell tell) {
  const auto list = value_at(value, path);
  if (!list || !list->is_array()) return;
  for (const json::Value element : list->elements()) tell(element);
}

}  // namespace weir::cli
