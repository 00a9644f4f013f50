// SPDX-License-Identifier: Apache-2.0
#include "guard/request_filter.hpp"

#include <string>
#include <variant>
#include <vector>

#include "guard/text_filter.hpp"

namespace weir::guard {
namespace {

Result<> filter_text(std::string& text, const Rules& rules) {
  WEIR_TRY_ASSIGN(held, hold_text_to(text, &rules));
  if (held) text = *std::move(held);
  return {};
}

Result<> filter_parts(std::vector<wire::Part>& parts, const Rules& rules) {
  for (wire::Part& part : parts) {
    if (part.kind == wire::PartKind::text) WEIR_TRY(filter_text(part.text, rules));
  }
  return {};
}

}  // namespace

Result<std::optional<std::string>> hold_text_to(std::string_view text, const Rules* rules) {
  if (rules == nullptr || !rules->has(Side::input)) return std::optional<std::string>();
  TextFilter filter(*rules, Side::input);
  std::string out;
  if (!filter.feed(text, out) || !filter.finish(out)) {
    return Error(ErrorCode::content_filtered,
                 "the request was " + refusal_text(*filter.stopped_by()));
  }
  if (!filter.has_changed()) return std::optional<std::string>();
  return std::optional<std::string>(std::move(out));
}

Result<> hold_chat_to(wire::ChatRequest& request, const Rules* rules) {
  if (rules == nullptr || !rules->has(Side::input)) return {};
  for (wire::Item& item : request.items) {
    if (auto* message = std::get_if<wire::Message>(&item)) {
      WEIR_TRY(filter_parts(message->parts, *rules));
    } else if (auto* result = std::get_if<wire::ToolResult>(&item)) {
      WEIR_TRY(filter_parts(result->parts, *rules));
    }
  }
  return {};
}

}  // namespace weir::guard
