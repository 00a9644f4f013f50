// SPDX-License-Identifier: Apache-2.0
#include "api/answer_pipe.hpp"

namespace weir::api {

void AnswerPipe::begin(Head head) {
  const std::lock_guard lock(mutex_);
  head_ = head;
  reader_.notify();
}

bool AnswerPipe::write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] {
    return is_closed_ || bytes_.empty() || bytes_.size() + bytes.size() <= bytes_max;
  });
  if (is_closed_) return false;
  bytes_.append(bytes);
  reader_.notify();
  return true;
}

void AnswerPipe::end() {
  const std::lock_guard lock(mutex_);
  is_ended_ = true;
  reader_.notify();
}

bool AnswerPipe::is_wanted() const {
  const std::lock_guard lock(mutex_);
  return !is_closed_;
}

AnswerPipe::Head AnswerPipe::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

bool AnswerPipe::take(std::string& out) {
  const std::lock_guard lock(mutex_);
  out.clear();
  out.swap(bytes_);
  has_room_.notify_one();
  return is_ended_;
}

void AnswerPipe::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  has_room_.notify_all();
}

}  // namespace weir::api
