// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// Usages as people have them: answers of any provider, their usage objects, or plain counts.
namespace weir::cli {

struct UsageLine {
  std::string model;  ///< empty: not said
  wire::Usage usage;
  bool is_batch = false;
  std::optional<std::chrono::sys_seconds> at;
};

/// Reads one JSON object: a whole answer, `{"model", "usage"}`, a usage object with a `model` in
/// it, or `{"model", "input", "output", "cached", ...}`, where `cached` and the other kinds are
/// parts of `input`. `batch` and `at` are understood in each. Errors: `invalid_request`.
Result<UsageLine> read_usage_line(json::Value line);

}  // namespace weir::cli
