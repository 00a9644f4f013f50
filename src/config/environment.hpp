// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/result.hpp"

namespace weir::config {

/// The environment variables as they were at one moment, so that a test can make its own and the
/// program reads the real ones once. Variables that are set but empty count as not set.
class Environment {
 public:
  Environment() = default;
  Environment(std::initializer_list<std::pair<const std::string, std::string>> variables)
      : variables_(variables) {}

  /// The process's own.
  static Environment of_process();

  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  /// The names of those that are set and begin with `prefix`, sorted.
  [[nodiscard]] std::vector<std::string> names_beginning(std::string_view prefix) const;
  void set(std::string name, std::string value) {
    variables_.insert_or_assign(std::move(name), std::move(value));
  }

  /// Clears a variable that is a secret and not needed any more, also in the process's own (Y-9).
  /// While there is no other thread that reads those.
  void forget(std::string_view name);

  /// Adds the variables of a `.env` file (`NAME=value`, quotes, comments, `export`), where they are
  /// not set yet: what the operator typed for this run goes over the file. Errors:
  /// `invalid_request` with `file:line`.
  Result<> add_env_file(std::string_view file, std::string_view text);

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace weir::config
