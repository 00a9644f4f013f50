// SPDX-License-Identifier: Apache-2.0
#include "server/upload.hpp"

#include <cstring>
#include <utility>

namespace weir::server {

net::Task<Result<>> Upload::receive(net::ServerExchange& exchange, std::uint64_t bytes_max,
                                    wire::MultipartScanner* scanner) {
  Result<> result;
  for (;;) {
    const Result<std::string_view> piece = co_await exchange.read_body_piece(bytes_max);
    if (!piece) {
      result = piece.error();
      co_return result;
    }
    if (piece->empty()) break;
    if (scanner != nullptr) result = scanner->feed(*piece);
    if (!result) co_return result;
    size_ += piece->size();
    if (!memory_.append(*piece)) {
      result = Error(ErrorCode::overloaded, "there is no memory left for the request body");
      co_return result;
    }
    if (memory_.size() < (file_ ? batch_bytes : memory_bytes_max)) continue;
    result = co_await write_out();
    if (!result) co_return result;
  }
  if (scanner != nullptr) result = scanner->finish();
  if (result && file_) {
    result = co_await write_out();
    memory_.reset();
  }
  co_return result;
}

// The file is touched in the background only: a disk that is slow must not hold up the loop.
net::Task<Result<>> Upload::write_out() {
  Result<> result;
  InBackground work(background_, loop_, [&] { result = append_to_file(); });
  co_await work;
  memory_.clear();
  co_return result;
}

Result<> Upload::append_to_file() {
  if (!file_) {
    WEIR_TRY_ASSIGN(file, store::TemporaryFile::make(directory_));
    file_ = std::move(file);
  }
  return file_->append(memory_.view());
}

net::Task<Result<std::size_t>> Upload::read(std::uint64_t offset, std::span<char> into) {
  Result<std::size_t> result{std::size_t{0}};
  if (file_) {
    InBackground work(background_, loop_, [&] { result = file_->read(offset, into); });
    co_await work;
  } else if (offset < memory_.size()) {
    const std::string_view bytes =
        memory_.view().substr(static_cast<std::size_t>(offset), into.size());
    std::memcpy(into.data(), bytes.data(), bytes.size());
    result = bytes.size();
  }
  co_return result;
}

}  // namespace weir::server
