// SPDX-License-Identifier: Apache-2.0
#include "store/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/descriptor.hpp"

namespace weir::store {
namespace {

constexpr mode_t private_file = 0600;
constexpr mode_t private_directory = 0700;
constexpr std::size_t read_bytes_first = 4096;

Error failed(std::string_view what, const std::string& path, int error) {
  return {ErrorCode::store_unavailable, "can't " + std::string(what) + " " + path + ": " +
                                            std::generic_category().message(error)};
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A name made durable needs its directory synced too.
void sync_directory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) ::fsync(directory.get());
}

std::string without_links(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return Error(ErrorCode::route_unknown, "there is no " + path);
    return failed("read", path, errno);
  }
  // Grows with what is there: what is allowed is often far more. A small file is never moved, so
  // that of a secret no copy stays behind.
  std::string content(std::min(bytes_max + 1, read_bytes_first), '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size == content.size()) content.resize(std::min(bytes_max + 1, 2 * size));
  }
  if (size > bytes_max) return Error(ErrorCode::too_large, path + " is too big");
  content.resize(size);
  return content;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<> make_private_directory(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) {
    return S_ISDIR(found.st_mode) ? Result<>() : failed("use", path, ENOTDIR);
  }
  const std::string parent = directory_of(path);
  if (parent != "." && parent != "/") WEIR_TRY(make_private_directory(parent));
  if (::mkdir(path.c_str(), private_directory) != 0 && errno != EEXIST) {
    return failed("create", path, errno);
  }
  return {};
}

Result<> create_private_file(const std::string& path, std::string_view content) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Descriptor file(::open(path.c_str(), flags, private_file));
  if (!file.is_open()) {
    if (errno == EEXIST) return Error(ErrorCode::idempotency_mismatch, path + " is there already");
    return failed("create", path, errno);
  }
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return failed("write", path, error);
  }
  sync_directory(directory_of(path));
  return {};
}

Result<> append_private_file(const std::string& path, std::string_view content) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
  const Descriptor file(::open(path.c_str(), flags, private_file));
  if (!file.is_open()) return failed("open", path, errno);
  if (!write_all(file.get(), content) || ::fsync(file.get()) != 0) {
    return failed("write", path, errno);
  }
  return {};
}

Result<> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path, errno);
  sync_directory(directory_of(path));
  return {};
}

Result<> replace_file(const std::string& path, std::string_view content) {
  const std::string real = without_links(path);
  std::string temporary = real + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.is_open()) return failed("create a file beside", real, errno);
  struct stat old{};
  const mode_t mode = ::stat(real.c_str(), &old) == 0 ? old.st_mode & 07777 : private_file;
  const bool is_written = ::fchmod(file.get(), mode) == 0 && write_all(file.get(), content) &&
                          ::fsync(file.get()) == 0 &&
                          ::rename(temporary.c_str(), real.c_str()) == 0;
  if (!is_written) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return failed("write", real, error);
  }
  sync_directory(directory_of(real));
  return {};
}

}  // namespace weir::store
