// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::wire::gemini {

/// Makes up ids for calls that came without one: `call_gem`, 16 hex digits of the answer's hash, 5
/// of the call's ordinal. The same answer gives the same ids, and the mark tells them from ids that
/// somebody else may know.
class CallIds {
 public:
  /// `seed` tells one answer from the others of a conversation: its id, or all its text.
  explicit CallIds(std::string_view seed, std::uint32_t choice = 0) noexcept;
  std::string next();

 private:
  std::uint64_t hash_;
  std::uint32_t ordinal_ = 0;
};

[[nodiscard]] bool is_made_up_call_id(std::string_view id) noexcept;

}  // namespace weir::wire::gemini
