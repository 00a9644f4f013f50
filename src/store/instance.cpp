// SPDX-License-Identifier: Apache-2.0
#include "store/instance.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/files.hpp"

namespace weir::store {
namespace {

constexpr int instances_max = 64;
constexpr std::size_t pid_bytes_max = 32;

Error failed(const std::string& path) {
  return {ErrorCode::store_unavailable,
          "can't lock " + path + ": " + std::generic_category().message(errno)};
}

/// The descriptor that holds the lock; -1 when another holds it.
Result<int> lock(const std::string& path, int how) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return failed(path);
  if (::flock(file, how | LOCK_NB) == 0) return file;
  const bool is_held = errno == EWOULDBLOCK;
  const Error error = failed(path);
  ::close(file);
  if (is_held) return -1;
  return error;
}

/// For whoever finds the directory in use; the lock itself does not need it.
void write_pid(int file) {
  const std::string text = std::to_string(::getpid()) + "\n";
  const bool is_written =
      ::ftruncate(file, 0) == 0 && ::pwrite(file, text.data(), text.size(), 0) > 0;
  static_cast<void>(is_written);
}

Error in_use(const std::string& directory, const std::string& lock_file) {
  std::string holder = "another process";
  if (auto pid = read_file(lock_file, pid_bytes_max); pid && pid->ends_with('\n')) {
    pid->pop_back();
    holder = "process " + *pid;
  }
  return {ErrorCode::invalid_request,
          "the data directory " + directory + " is in use by " + holder +
              "; stop that, set another data_dir, or let both share it with reuse_port: true"};
}

std::string folder_of(const std::string& data_directory, int number) {
  return data_directory + "/instances/" + std::to_string(number);
}

}  // namespace

Result<Instance> Instance::open(const std::string& data_directory, bool is_shared) {
  WEIR_TRY(make_private_directory(data_directory + "/instances"));
  Instance instance;
  const std::string directory_lock = data_directory + "/lock";
  WEIR_TRY_ASSIGN(whole, lock(directory_lock, is_shared ? LOCK_SH : LOCK_EX));
  if (whole < 0) return in_use(data_directory, directory_lock);
  instance.directory_lock_ = whole;
  write_pid(whole);
  for (int number = 0; number < instances_max; ++number) {
    std::string folder = folder_of(data_directory, number);
    WEIR_TRY(make_private_directory(folder));
    WEIR_TRY_ASSIGN(own, lock(folder + "/lock", LOCK_EX));
    if (own < 0) continue;
    instance.folder_lock_ = own;
    instance.folder_ = std::move(folder);
    return instance;
  }
  return in_use(data_directory, directory_lock);
}

Instance::~Instance() { close(); }

Instance::Instance(Instance&& other) noexcept
    : folder_(std::exchange(other.folder_, {})),
      directory_lock_(std::exchange(other.directory_lock_, -1)),
      folder_lock_(std::exchange(other.folder_lock_, -1)) {}

Instance& Instance::operator=(Instance&& other) noexcept {
  if (this == &other) return *this;
  close();
  folder_ = std::exchange(other.folder_, {});
  directory_lock_ = std::exchange(other.directory_lock_, -1);
  folder_lock_ = std::exchange(other.folder_lock_, -1);
  return *this;
}

void Instance::close() {
  for (int* file : {&folder_lock_, &directory_lock_}) {
    if (*file >= 0) ::close(std::exchange(*file, -1));
  }
}

// The first that is free is taken, so that there are no gaps.
std::vector<std::string> instance_folders(const std::string& data_directory) {
  std::vector<std::string> folders;
  for (int number = 0; number < instances_max; ++number) {
    std::string folder = folder_of(data_directory, number);
    if (!exists(folder)) break;
    folders.push_back(std::move(folder));
  }
  return folders;
}

bool is_instance_running(const std::string& folder) {
  const auto own = lock(folder + "/lock", LOCK_SH);
  if (own && *own >= 0) ::close(*own);
  return own && *own < 0;
}

}  // namespace weir::store
