// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <system_error>
#include <thread>
#include <utility>

namespace weir {

/// A thread that runs `work`; none, not joinable, where the system has none to give. For threads
/// that are started while requests are served (O-4): whoever asks says what becomes of the work.
template <class Work>
[[nodiscard]] std::thread try_thread(Work&& work) {
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error&) {
    return {};
  }
}

}  // namespace weir
