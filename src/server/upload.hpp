// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/byte_buffer.hpp"
#include "net/server.hpp"
#include "pipeline/kept_body.hpp"
#include "server/background.hpp"
#include "store/temporary_file.hpp"
#include "wire/multipart.hpp"

namespace weir::server {

/// A request's body that may be too large for memory: up to a MiB it is kept there, beyond that in
/// an unlinked temporary file, so that it can be sent again and leaves nothing behind.
class Upload final : public pipeline::KeptBody {
 public:
  static constexpr std::size_t memory_bytes_max = std::size_t{1} << 20;

  /// `directory` is where the file is made. Both references outlive this.
  Upload(Background& background, net::Loop& loop, std::string directory)
      : background_(background), loop_(loop), directory_(std::move(directory)) {}

  /// Reads the body of `exchange` to its end, through `scanner` where that is not null. Errors:
  /// those of `ServerExchange::read_body_piece` and of the scanner; `store_unavailable`.
  net::Task<Result<>> receive(net::ServerExchange& exchange, std::uint64_t bytes_max,
                              wire::MultipartScanner* scanner);

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  net::Task<Result<std::size_t>> read(std::uint64_t offset, std::span<char> into) override;

 private:
  /// What is written to the file at once.
  static constexpr std::size_t batch_bytes = 256 * 1024;

  net::Task<Result<>> write_out();
  Result<> append_to_file();

  Background& background_;
  net::Loop& loop_;
  std::string directory_;
  ByteBuffer memory_;  ///< all of a small body; of a large one what still has to be written
  std::optional<store::TemporaryFile> file_;
  std::uint64_t size_ = 0;
};

}  // namespace weir::server
