// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "guard/rules.hpp"
#include "json/document.hpp"
#include "weir/result.hpp"

namespace weir::guard {

/// What came of looking at a document.
struct Screened {
  const Rule* stopped_by = nullptr;   ///< null: none
  std::string path{};                 ///< of the text that it stopped
  std::optional<std::string> text{};  ///< the whole with what was found masked; nothing: unchanged
};

/// Looks at every text of a request in any dialect: each string but those that are no words of
/// anyone's (names, ids, media, seals of thoughts). Arguments of tools are looked at inside.
Screened screen_request(json::Value root, const Rules& rules);

/// The request `root` as `rules` leave it; nothing: as it is. `rules` may be null. Errors:
/// `content_filtered` with the path of what a rule stopped.
Result<std::optional<std::string>> hold_request_to(json::Value root, const Rules* rules);

/// True for the name of a member whose texts are not looked at, in any dialect.
bool is_silent_member(std::string_view name);

/// Looks at every string of `root`: the arguments of a tool call in an answer.
Screened screen_arguments(json::Value root, const Rules& rules);

}  // namespace weir::guard
