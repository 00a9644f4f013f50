// SPDX-License-Identifier: Apache-2.0
#include "store/temporary_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "store/files.hpp"

namespace weir::store {
namespace {

Error failed(std::string_view what, int error) {
  return {ErrorCode::store_unavailable, "can't " + std::string(what) + " a temporary file: " +
                                            std::generic_category().message(error)};
}

/// Not every file system knows files that never had a name; there it has one for a moment.
Descriptor open_unnamed(const std::string& directory) {
  Descriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.is_open()) return file;
  std::string name = directory + "/upload.XXXXXX";
  Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (named.is_open()) ::unlink(name.c_str());
  return named;
}

}  // namespace

Result<TemporaryFile> TemporaryFile::make(const std::string& directory) {
  WEIR_TRY(make_private_directory(directory));
  Descriptor file = open_unnamed(directory);
  if (!file.is_open()) return failed("create", errno);
  return TemporaryFile(std::move(file));
}

Result<> TemporaryFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<std::size_t> TemporaryFile::read(std::uint64_t offset, std::span<char> into) const {
  std::size_t size = 0;
  while (size < into.size()) {
    const ssize_t got = ::pread(file_.get(), into.data() + size, into.size() - size,
                                static_cast<off_t>(offset + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return size;
}

}  // namespace weir::store
