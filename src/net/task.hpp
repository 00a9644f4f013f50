// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.hpp"
#include "base/recycled.hpp"

namespace weir::net {

template <class T = void>
class Task;

namespace detail {

/// Its memory is the frame's.
struct PromiseBase : Recycled {
  std::coroutine_handle<> continuation = std::noop_coroutine();

  // The end of a task resumes whoever awaits it, without growing the stack.
  struct Final {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  static std::suspend_always initial_suspend() noexcept { return {}; }
  static Final final_suspend() noexcept { return {}; }
  // Our code does not throw; what a library throws is caught at its door.
  [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
};

/// Out of line, so that no compiler lays a task's frame into that of its awaiter: the frames of all
/// the tasks a call might run, one beside the other, take 55 KiB for each call under way in the
/// place of 10, of which most are never used, and none is warm.
[[gnu::noinline]] inline void destroy_frame(std::coroutine_handle<> frame) noexcept {
  frame.destroy();
}

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return *std::move(value); }
};

/// So little is kept beside a task's handle.
template <class T>
concept Small = std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(void*);

struct Nothing {};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  static void return_void() noexcept {}
  static void take() noexcept {}
};

}  // namespace detail

/// A coroutine that starts when it is awaited and resumes its awaiter when it ends. It stays on the
/// thread of the loop that runs it. Destroying a task that has not ended destroys its frame: only
/// allowed while it waits for nothing (asserted by what it waits for).
///
/// Where nothing has to be waited for, as when a socket takes all at once, a task of a small result
/// needs no coroutine: see `ready`. Functions that do so begin their work when they are called.
template <class T>
class [[nodiscard]] Task {
  static constexpr bool may_be_ready = detail::Small<T>;
  using Kept = std::conditional_t<may_be_ready, std::optional<T>, detail::Nothing>;

 public:
  using promise_type = detail::Promise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), kept_(std::exchange(other.kept_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) detail::destroy_frame(handle_);
      handle_ = std::exchange(other.handle_, nullptr);
      kept_ = std::exchange(other.kept_, {});
    }
    return *this;
  }
  ~Task() {
    if (handle_) detail::destroy_frame(handle_);
  }

  /// One that has ended.
  template <detail::Small U = T>
  static Task ready(U result) noexcept {
    Task task;
    task.kept_ = result;
    return task;
  }
  /// The result is there without a wait.
  [[nodiscard]] bool is_ready() const noexcept {
    if constexpr (may_be_ready) return kept_.has_value();
    return false;
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> handle;
      [[no_unique_address]] Kept kept;
      [[nodiscard]] bool await_ready() const noexcept { return !handle; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle.promise().continuation = awaiting;
        return handle;
      }
      T await_resume() {
        if constexpr (may_be_ready) {
          if (kept) return *kept;
        }
        return handle.promise().take();
      }
    };
    WEIR_ASSERT(handle_ || is_ready());
    return Awaiter{handle_, kept_};
  }

 private:
  std::coroutine_handle<promise_type> handle_;
  [[no_unique_address]] Kept kept_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

/// Owns tasks that nobody awaits: they start at once and their frames go when they end. Everything
/// spawned here must have ended before the set is destroyed.
class TaskSet {
 public:
  TaskSet() = default;
  TaskSet(const TaskSet&) = delete;
  TaskSet& operator=(const TaskSet&) = delete;
  ~TaskSet() { WEIR_ASSERT(running_ == 0); }

  void spawn(Task<void> task) {
    ++running_;
    run(*this, std::move(task));
  }
  [[nodiscard]] std::size_t running() const noexcept { return running_; }

 private:
  struct Runner {
    struct promise_type {
      static Runner get_return_object() noexcept { return {}; }
      static std::suspend_never initial_suspend() noexcept { return {}; }
      static std::suspend_never final_suspend() noexcept { return {}; }
      static void return_void() noexcept {}
      [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); }
    };
  };
  static Runner run(TaskSet& set, Task<void> task) {
    co_await std::move(task);
    --set.running_;
  }

  std::size_t running_ = 0;
};

}  // namespace weir::net
