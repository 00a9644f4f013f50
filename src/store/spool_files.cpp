// SPDX-License-Identifier: Apache-2.0
#include "store/spool_files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/descriptor.hpp"
#include "store/files.hpp"

namespace weir::store {
namespace {

Error failed(std::string_view what, const std::string& path, int error) {
  return {ErrorCode::store_unavailable, "can't " + std::string(what) + " " + path + ": " +
                                            std::generic_category().message(error)};
}

/// Where the page begins that `offset` lies in.
std::size_t page_at(std::size_t offset) {
  static const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return offset - offset % page_bytes;
}

class SystemMappedFile final : public MappedFile {
 public:
  SystemMappedFile(std::string path, Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  ~SystemMappedFile() override { unmap(); }

  Result<> map(std::size_t size) {
    unmap();
    if (size == 0) return {};
    void* const begin = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    if (begin == MAP_FAILED) return failed("map", path_, errno);
    bytes_ = {static_cast<char*>(begin), size};
    return {};
  }

  std::span<char> bytes() override { return bytes_; }

  Result<> sync() override {
    if (::fdatasync(file_.get()) != 0) return failed("sync", path_, errno);
    return {};
  }

  // Written first, each page would cost a fault of its own.
  void prepare(std::size_t offset, std::size_t size) override {
    const std::size_t from = page_at(offset);
    const std::size_t end = std::min(bytes_.size(), offset + size);
    if (end > from) ::madvise(bytes_.data() + from, end - from, MADV_POPULATE_WRITE);
  }

  // The pages stay dirty in the system's memory. A sync of those that are mapped would take them
  // away one by one, and interrupt the other cores for each.
  void let_go(std::size_t offset, std::size_t size) override {
    const std::size_t from = page_at(offset);
    const std::size_t end = page_at(std::min(bytes_.size(), offset + size));
    if (end > from) ::madvise(bytes_.data() + from, end - from, MADV_DONTNEED);
  }

  // A hole could not be filled any more once the disk is full, and the write would be a signal.
  Result<> grow(std::size_t size) override {
    if (size <= bytes_.size()) return {};
    int error = 0;
    do {
      error = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(size));
    } while (error == EINTR);
    if (error != 0) return failed("allocate", path_, error);
    return map(size);
  }

  Result<> finish(std::size_t size) override {
    unmap();
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
      return failed("cut", path_, errno);
    }
    if (::fsync(file_.get()) != 0) return failed("sync", path_, errno);
    return {};
  }

 private:
  void unmap() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
    bytes_ = {};
  }

  std::string path_;
  Descriptor file_;
  std::span<char> bytes_;
};

class SystemReadableFile final : public ReadableFile {
 public:
  SystemReadableFile(std::string path, Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  Result<std::size_t> read(std::uint64_t offset, std::span<char> room) override {
    std::size_t size = 0;
    while (size < room.size()) {
      const ssize_t got = ::pread(file_.get(), room.data() + size, room.size() - size,
                                  static_cast<off_t>(offset + size));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read", path_, errno);
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
    }
    return size;
  }

 private:
  std::string path_;
  Descriptor file_;
};

class SystemLock final : public SpoolFiles::Lock {
 public:
  explicit SystemLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;
};

class SystemSpoolFiles final : public SpoolFiles {
 public:
  Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    if (error == std::errc::no_such_file_or_directory) return names;
    for (const std::filesystem::directory_iterator end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return failed("list", directory, error.value());
    return names;
  }

  Result<> make_directory(const std::string& directory) override {
    return make_private_directory(directory);
  }

  Result<std::unique_ptr<MappedFile>> create(const std::string& path, std::size_t size) override {
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    Descriptor file(::open(path.c_str(), flags, 0600));
    if (!file.is_open() && errno == EEXIST) {
      return Error(ErrorCode::idempotency_mismatch, path + " is there already");
    }
    if (!file.is_open()) return failed("create", path, errno);
    Result<> made = take(file, path);
    auto mapped = std::make_unique<SystemMappedFile>(path, std::move(file));
    if (made) made = mapped->grow(size);
    if (made) return std::unique_ptr<MappedFile>(std::move(mapped));
    ::unlink(path.c_str());
    return made.error();
  }

  Result<std::unique_ptr<MappedFile>> adopt(const std::string& path) override {
    Descriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open()) return failed("open", path, errno);
    WEIR_TRY(take(file, path));
    struct stat found{};
    if (::fstat(file.get(), &found) != 0) return failed("open", path, errno);
    auto mapped = std::make_unique<SystemMappedFile>(path, std::move(file));
    WEIR_TRY(mapped->map(static_cast<std::size_t>(found.st_size)));
    return std::unique_ptr<MappedFile>(std::move(mapped));
  }

  Result<std::unique_ptr<ReadableFile>> open(const std::string& path) override {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file.is_open() && errno == ENOENT) {
      return Error(ErrorCode::route_unknown, "there is no " + path);
    }
    if (!file.is_open()) return failed("open", path, errno);
    return std::unique_ptr<ReadableFile>(
        std::make_unique<SystemReadableFile>(path, std::move(file)));
  }

  Result<std::uint64_t> size(const std::string& path) override {
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0) return static_cast<std::uint64_t>(found.st_size);
    if (errno == ENOENT) return Error(ErrorCode::route_unknown, "there is no " + path);
    return failed("look at", path, errno);
  }

  Result<> write(const std::string& path, std::string_view content) override {
    return replace_file(path, content);
  }

  Result<> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return {};
  }

  Result<> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path, errno);
    return {};
  }

  Result<std::unique_ptr<Lock>> lock(const std::string& path) override {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return failed("open", path, errno);
    while (::flock(file.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return failed("lock", path, errno);
    }
    return std::unique_ptr<Lock>(std::make_unique<SystemLock>(std::move(file)));
  }

 private:
  static Result<> take(const Descriptor& file, const std::string& path) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK) return failed("lock", path, errno);
    return Error(ErrorCode::idempotency_in_progress, path + " is being written");
  }
};

}  // namespace

Result<std::uint64_t> disk_bytes(const std::string& directory) {
  struct statvfs disk{};
  if (::statvfs(directory.c_str(), &disk) != 0) return failed("look at", directory, errno);
  return std::uint64_t{disk.f_blocks} * disk.f_frsize;
}

SpoolFiles& system_spool_files() {
  static SystemSpoolFiles files;
  return files;
}

}  // namespace weir::store
