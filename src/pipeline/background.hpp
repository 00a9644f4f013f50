// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>

#include "base/assert.hpp"

namespace weir::pipeline {

/// A coroutine that runs beside its starter, who waits for it by other means before what it uses
/// goes. Resuming that waiter has to be its last act: the waiter may let its owner go.
struct Background {
  struct promise_type {
    static Background get_return_object() noexcept { return {}; }
    static std::suspend_never initial_suspend() noexcept { return {}; }
    static std::suspend_never final_suspend() noexcept { return {}; }
    static void return_void() noexcept {}
    static void unhandled_exception() noexcept { WEIR_ASSERT(false); }
  };
};

}  // namespace weir::pipeline
