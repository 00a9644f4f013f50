// SPDX-License-Identifier: Apache-2.0
//
// The real file system behind the loader's port.

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "config/loader.hpp"

namespace weir::config {
namespace {

class Disk final : public Files {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& path,
                                         std::size_t bytes_max) const override {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
      return Error(ErrorCode::route_unknown, "there is no such file");
    }
    if (std::filesystem::is_directory(status)) {
      return Error(ErrorCode::store_unavailable, "it is a directory");
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return Error(ErrorCode::store_unavailable, std::generic_category().message(errno));
    }
    // Not the whole limit at once: that would be zeroed, page by page, before the first byte is
    // read.
    // A pipe can't tell its size.
    const bool is_sized = std::filesystem::is_regular_file(status);
    const auto size = is_sized ? std::filesystem::file_size(path, error) : bytes_max;
    const std::size_t expected = error ? bytes_max : static_cast<std::size_t>(size);
    std::string text(std::min(expected, bytes_max) + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad()) return Error(ErrorCode::store_unavailable, "reading failed");
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > bytes_max) return Error(ErrorCode::too_large, "the file is too big");
    return text;
  }
};

}  // namespace

const Files& disk() {
  static const Disk instance;
  return instance;
}

}  // namespace weir::config
