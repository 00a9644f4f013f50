// SPDX-License-Identifier: Apache-2.0
#include "wire/answer_id.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"

namespace weir::wire {
namespace {

constexpr std::array<std::string_view, 6> known_prefixes{
    "chatcmpl-", completion_id_prefix, "msg_", "resp_", "gen-", "req_"};

std::string_view without_prefix(std::string_view id) {
  for (const std::string_view prefix : known_prefixes) {
    if (id.starts_with(prefix) && id.size() > prefix.size()) return id.substr(prefix.size());
  }
  return id;
}

}  // namespace

std::string with_id_prefix(std::string_view prefix, std::string_view id) {
  if (id.empty()) return {};
  std::string made(prefix);
  made.append(without_prefix(id));
  // Some are put into URLs, as `previous_response_id` is.
  std::replace_if(
      made.begin(), made.end(), [](char c) { return !ascii::is_alnum(c) && c != '-' && c != '_'; },
      '_');
  return made;
}

std::string answer_id_for(Dialect client, std::string_view id) {
  switch (client) {
    case Dialect::openai_chat:
      return with_id_prefix("chatcmpl-", id);
    case Dialect::openai_responses:
      return with_id_prefix("resp_", id);
    case Dialect::anthropic:
      return with_id_prefix("msg_", id);
    case Dialect::gemini:
      return with_id_prefix({}, id);
    case Dialect::ollama:
      break;
  }
  return std::string(id);
}

}  // namespace weir::wire
