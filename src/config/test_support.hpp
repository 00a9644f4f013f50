// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "config/loader.hpp"

/// What the tests of this folder share.
namespace weir::config::test {

/// Files that exist in memory only.
class MemoryFiles final : public Files {
 public:
  MemoryFiles() = default;
  MemoryFiles(std::initializer_list<std::pair<const std::string, std::string>> files)
      : files_(files) {}

  [[nodiscard]] Result<std::string> read(const std::string& path,
                                         std::size_t bytes_max) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) return Error(ErrorCode::route_unknown, "there is no such file");
    if (found->second.size() > bytes_max) {
      return Error(ErrorCode::too_large, "the file is too big");
    }
    return found->second;
  }

 private:
  std::map<std::string, std::string> files_;
};

/// Loads `text` as weir.yaml.
inline Loaded load_yaml(std::string_view text, const Environment& environment = {},
                        const MemoryFiles& files = {}) {
  return load_text("weir.yaml", text, environment, files);
}

}  // namespace weir::config::test
