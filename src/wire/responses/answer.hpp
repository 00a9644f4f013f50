// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"

/// The `response` object around the items: what whole answers and streams have in common.
namespace weir::wire::responses {

/// Reads the counters of `usage`. Cached tokens are told inside the input, reasoning inside the
/// output; both are taken out again.
Usage read_usage(json::Value value, const json::Path& path, json::Problem& problem);
void write_usage(json::Writer& json, const Usage& usage);

/// Why an answer ended. There is no reason for tool calls, so they are looked at.
Finish finish_of(std::string_view status, std::string_view incomplete_reason,
                 bool has_calls) noexcept;
std::string_view status_of(Finish finish) noexcept;

/// The reason in `incomplete_details` of a `response` object; empty when there is none.
std::string incomplete_reason(json::Value response);

struct AnswerHead {
  std::string_view id;
  std::int64_t created = 0;
  std::string_view model;
  Finish finish = Finish::none;
  const Usage* usage = nullptr;
  /// Raw JSON that is written in place of what `finish` and `usage` say; empty = they count.
  std::string_view status_json{};
  std::string_view usage_json{};
};

/// Writes the members that every answer has into the open object; `output` is a raw JSON array.
void write_answer(json::Writer& json, const AnswerHead& head, std::string_view output);
/// Writes the members that an answer of another dialect lacks and typed clients insist on: the
/// error of a failed answer, and the settings of the request. `echo` holds them; empty: they are
/// not known here, and it is as if nothing had been set.
void write_foreign_members(json::Writer& json, Finish finish, std::string_view echo);

}  // namespace weir::wire::responses
