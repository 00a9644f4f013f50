// SPDX-License-Identifier: Apache-2.0
#include "pipeline/kept_body.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace weir::pipeline {

void ComposedBody::add_text(std::string text) {
  if (text.empty()) return;
  const std::uint64_t size = text.size();
  size_ += size;
  parts_.push_back({.text = std::move(text), .offset = 0, .size = size});
}

void ComposedBody::add_range(std::uint64_t offset, std::uint64_t size) {
  WEIR_ASSERT(offset <= kept_.size() && size <= kept_.size() - offset);
  if (size == 0) return;
  size_ += size;
  parts_.push_back({.text = {}, .offset = offset, .size = size});
}

void ComposedBody::rewind() {
  at_ = 0;
  done_ = 0;
}

net::Task<Result<std::string_view>> ComposedBody::next() {
  Result<std::string_view> piece{std::string_view()};
  if (at_ == parts_.size()) co_return piece;
  const Part& part = parts_[at_];
  if (!part.text.empty()) {
    ++at_;
    piece = std::string_view(part.text);
    co_return piece;
  }
  // Not zeroed: it is written before it is read.
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(piece_bytes_max);
  const auto wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(part.size - done_, piece_bytes_max));
  const std::span<char> into(buffer_.get(), wanted);
  const Result<std::size_t> got = co_await kept_.read(part.offset + done_, into);
  if (!got) {
    piece = got.error();
  } else if (*got < wanted) {
    piece = Error(ErrorCode::store_unavailable, "a kept request body has become shorter");
  } else {
    done_ += wanted;
    if (done_ == part.size) {
      ++at_;
      done_ = 0;
    }
    piece = std::string_view(buffer_.get(), wanted);
  }
  co_return piece;
}

}  // namespace weir::pipeline
