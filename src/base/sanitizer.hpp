// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weir {

/// AddressSanitizer must see memory end, or it can't tell of its use after that: built with it,
/// nothing is kept to be given out again.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool is_address_sanitized = true;
#elif defined(__has_feature)
inline constexpr bool is_address_sanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool is_address_sanitized = false;
#endif

/// ThreadSanitizer learns from the C library's calls who waits for whom.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool is_thread_sanitized = true;
#elif defined(__has_feature)
inline constexpr bool is_thread_sanitized = __has_feature(thread_sanitizer);
#else
inline constexpr bool is_thread_sanitized = false;
#endif

}  // namespace weir
