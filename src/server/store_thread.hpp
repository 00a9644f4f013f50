// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "server/background.hpp"
#include "weir/result.hpp"

namespace weir::server {

/// A store that all threads use, on a thread of its own, so that nobody waits for its disk who
/// asked for nothing there. It is opened at first use.
template <class Store>
class StoreThread {
 public:
  using Open = std::function<Result<std::unique_ptr<Store>>()>;
  explicit StoreThread(Open open) : open_(std::move(open)) {}

  /// Has `question` asked of the store on its own thread and goes on on the loop's. What it refers
  /// to outlives the task. Errors: `store_unavailable` where the store can't be opened, and those
  /// of the question.
  using Question = std::function<Result<>(Store& store)>;
  net::Task<Result<>> ask(net::Loop& loop, Question question) {
    Result<> answer;
    InBackground work(thread_, loop, [&] { answer = ask_here(question); });
    co_await work;
    co_return answer;
  }
  /// The same for a thread that may wait, but nothing is asked unless `has_any` says, behind all
  /// that came before this, that there is something: a store is not made to find it empty.
  Result<> wait_if(const std::function<bool()>& has_any, const Question& question) {
    std::promise<Result<>> answer;
    thread_.submit([&] { answer.set_value(has_any() ? ask_here(question) : Result<>()); });
    return answer.get_future().get();
  }
  /// The same where nobody waits for it. `on_answer` is called on the store's thread.
  void tell(Question question, std::function<void(const Result<>&)> on_answer = {}) {
    thread_.submit([this, question = std::move(question), on_answer = std::move(on_answer)] {
      const Result<> answer = ask_here(question);
      if (on_answer) on_answer(answer);
    });
  }

  /// Removes what is over at `now_ms`, in pieces between which others are served (J-4), and then
  /// tells how much it was, if any.
  void remove_expired(std::int64_t now_ms, std::function<void(std::size_t)> on_removed,
                      std::size_t removed_before = 0) {
    tell([this, now_ms, on_removed = std::move(on_removed), removed_before](Store& store) {
      constexpr std::size_t at_once = 1'000;
      const auto removed = store.remove_expired(now_ms, at_once);
      if (!removed) return Result<>(removed.error());
      const std::size_t all = removed_before + *removed;
      if (*removed == at_once) {
        remove_expired(now_ms, on_removed, all);
      } else if (all > 0) {
        on_removed(all);
      }
      return Result<>();
    });
  }

 private:
  Result<> ask_here(const Question& question) {
    if (!store_) WEIR_TRY(open());
    return question(*store_);
  }

  Result<> open() {
    // One that can't be opened is tried again after this, not for every request.
    constexpr std::chrono::seconds reopen_after{1};
    const auto now = std::chrono::steady_clock::now();
    if (failure_ && now - failed_at_ < reopen_after) return *failure_;
    failure_.reset();
    auto opened = open_();
    if (opened) {
      store_ = *std::move(opened);
      return {};
    }
    failure_ = opened.error();
    failed_at_ = now;
    return *failure_;
  }

  const Open open_;
  // For the store's thread only.
  std::unique_ptr<Store> store_;
  std::optional<Error> failure_;  ///< why it could not be opened
  std::chrono::steady_clock::time_point failed_at_;

  Background thread_;  ///< last: its work uses the others
};

}  // namespace weir::server
