// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "store/descriptor.hpp"
#include "weir/result.hpp"

namespace weir::store {

/// A file without a name: nobody else can open it, and it goes when it is closed, also by a crash.
///
/// Errors of all functions: `store_unavailable` with the system's reason. One thread at a time.
class TemporaryFile {
 public:
  /// Makes one of mode 0600 in `directory`, which is made where it is missing.
  static Result<TemporaryFile> make(const std::string& directory);

  /// All of it, or an error.
  Result<> append(std::string_view bytes);
  /// Reads from `offset` on; fewer bytes than `into` holds only at the end.
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) const;
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  explicit TemporaryFile(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace weir::store
