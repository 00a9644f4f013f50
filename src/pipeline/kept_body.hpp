// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.hpp"
#include "net/task.hpp"
#include "weir/result.hpp"

/// Request bodies that do not stand in memory.
namespace weir::pipeline {

/// A request's body, kept so that every attempt can send it from its start.
class KeptBody {
 public:
  virtual ~KeptBody() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Reads from `offset` on; fewer bytes than `into` holds only at the end. `into` stays until the
  /// task ends. Errors: `store_unavailable`.
  virtual net::Task<Result<std::size_t>> read(std::uint64_t offset, std::span<char> into) = 0;
};

/// A body to send: ranges of a kept one, with words of our own between them.
class ComposedBody final : public net::BodySource {
 public:
  static constexpr std::size_t piece_bytes_max = 128 * 1024;

  /// `kept` outlives this.
  explicit ComposedBody(KeptBody& kept) : kept_(kept) {}

  void add_text(std::string text);
  /// Precondition: the range lies inside the kept body.
  void add_range(std::uint64_t offset, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void rewind() override;
  net::Task<Result<std::string_view>> next() override;

 private:
  struct Part {
    std::string text;  ///< empty: a range
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  KeptBody& kept_;
  std::vector<Part> parts_;
  std::uint64_t size_ = 0;
  std::size_t at_ = 0;      ///< the part that comes next
  std::uint64_t done_ = 0;  ///< bytes of it that have been given
  std::unique_ptr<char[]> buffer_;
};

}  // namespace weir::pipeline
