// SPDX-License-Identifier: Apache-2.0
//
// The real file system behind the loader's port.

#include <cerrno>
#include <cstring>
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
    if (!file) return Error(ErrorCode::store_unavailable, std::strerror(errno));
    std::string text(bytes_max + 1, '\0');
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
