// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weir/result.hpp"

namespace weir::store {

/// The folder of one running program in the data directory, and its word to others that the
/// directory is in use (rule H-8): held from `open` to the end of the object, or of the process,
/// however it ends.
///
/// `data_dir/lock` is held alone, or by several that all said they share; `data_dir/instances/<n>`
/// belongs to one of them.
class Instance {
 public:
  /// Errors: `invalid_request` when another process is there that does not share, or this one does
  /// not; `store_unavailable` when the folder can't be made.
  static Result<Instance> open(const std::string& data_directory, bool is_shared);

  Instance() = default;
  ~Instance();
  Instance(Instance&& other) noexcept;
  Instance& operator=(Instance&& other) noexcept;

  /// Empty: none was opened.
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  void close();

  std::string folder_;
  int directory_lock_ = -1;
  int folder_lock_ = -1;
};

/// The folders of all instances that there are or were, in the order of their numbers.
std::vector<std::string> instance_folders(const std::string& data_directory);

/// True while the program whose folder it is runs, in this process or another.
bool is_instance_running(const std::string& folder);

}  // namespace weir::store
