// SPDX-License-Identifier: Apache-2.0
#include "api/wakeup.hpp"

#include <utility>

#include "base/assert.hpp"

namespace weir::api {

Wakeup::Wakeup(net::Loop& loop) : state_(std::make_shared<State>(loop)) {}

Wakeup::~Wakeup() {
  WEIR_ASSERT(state_->waiting == nullptr);
  const std::lock_guard lock(state_->mutex);
  state_->loop = nullptr;
}

bool Wakeup::State::take_notice() {
  const std::lock_guard lock(mutex);
  return std::exchange(is_notified, false);
}

void Wakeup::Sender::notify() const {
  if (!state_) return;
  // Posted under the lock: while `loop` is set, the loop is there.
  const std::lock_guard lock(state_->mutex);
  if (state_->loop == nullptr) return;
  state_->is_notified = true;
  if (std::exchange(state_->is_posted, true)) return;
  state_->loop->post([state = state_] {
    {
      const std::lock_guard inner(state->mutex);
      state->is_posted = false;
    }
    if (state->waiting != nullptr && state->take_notice()) state->waiting->end(true);
  });
}

bool Wakeup::Wait::await_ready() {
  is_notified_ = state_.take_notice();
  return is_notified_ || cancellation_.is_cancelled();
}

void Wakeup::Wait::await_suspend(std::coroutine_handle<> awaiting) {
  WEIR_ASSERT(state_.waiting == nullptr);
  awaiting_ = awaiting;
  state_.waiting = this;
  cancellation_.add(*this);
  if (timeout_ > net::Duration::zero()) {
    state_.thread_loop.arm_coarse(*this, state_.thread_loop.now() + timeout_);
  }
}

void Wakeup::Wait::end(bool is_notified) {
  is_notified_ = is_notified;
  state_.waiting = nullptr;
  disarm();
  cancellation_.remove(*this);
  awaiting_.resume();
}

}  // namespace weir::api
