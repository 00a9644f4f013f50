// SPDX-License-Identifier: Apache-2.0
#include "server/identity_watch.hpp"

#include <chrono>
#include <cstdint>

namespace weir::server {

void IdentityWatch::start(identity::Directory& directory) {
  directory_ = &directory;
  thread_ = std::thread([this] { run(); });
}

void IdentityWatch::stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  directory_->changes().advance();
  thread_.join();
}

void IdentityWatch::run() {
  constexpr std::chrono::seconds look_every{30};
  constexpr std::chrono::seconds again_after{1};
  bool is_behind = false;
  while (!is_stopping_) {
    const std::uint32_t seen = directory_->changes().value();
    const auto done = directory_->refresh();
    if (!done && !is_behind) {
      log_.error("identity", "users and keys may have changed elsewhere and can't be read",
                 {{"reason", done.error().message}});
    }
    is_behind = !done;
    directory_->changes().wait(seen, is_behind ? again_after : look_every);
  }
}

}  // namespace weir::server
