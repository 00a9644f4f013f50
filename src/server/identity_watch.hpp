// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>

#include "identity/directory.hpp"
#include "server/log.hpp"

namespace weir::server {

/// Has the users, teams and keys that this gateway knows follow what others make of them that share
/// its data directory (Y-3), on a thread of its own: at once where they tell, and after half a
/// minute what one could not tell any more.
class IdentityWatch {
 public:
  explicit IdentityWatch(Log& log) : log_(log) {}
  ~IdentityWatch() { stop(); }
  IdentityWatch(const IdentityWatch&) = delete;
  IdentityWatch& operator=(const IdentityWatch&) = delete;

  /// Once. `directory` outlives this.
  void start(identity::Directory& directory);
  /// Ends the thread.
  void stop();

 private:
  void run();

  Log& log_;
  identity::Directory* directory_ = nullptr;  ///< null: not started
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::server
