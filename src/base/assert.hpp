// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weir {

/// Prints the condition and its place to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace weir

/// States what the code relies on; checked in every build. One condition each, never about input
/// from outside: a failed assertion is a bug of ours.
#define WEIR_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::weir::assertion_failed(#condition, __FILE__, __LINE__))
