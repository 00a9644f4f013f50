// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/background.hpp"
#include "pipeline/bell.hpp"
#include "pipeline/call.hpp"
#include "pipeline/completion_operation.hpp"
#include "pipeline/delivery.hpp"

namespace weir::pipeline {

/// Answers a completion of several prompts where no target takes them together: each prompt is a
/// call of its own, as if a client had sent it alone, and what they give becomes one answer.
///
/// Some are under way at the same time. A stream brings the pieces of all as they come, each with
/// the number of its choice. The first call that fails is the failure of the whole: no other is
/// begun then, and those under way are ended. Only a call for which there is no room beside the
/// others waits for one of them to end.
class PromptFan {
 public:
  /// One prompt as a call. What it refers to lives until the call has ended.
  struct Part {
    const std::string& request_id;  ///< that of the request for its first call
    Operation& operation;
    net::Cancellation& cancellation;
    ClientChannel& channel;
    CallResult& result;  ///< to be set before the task ends
  };
  using Ask = std::function<net::Task<void>(Part part)>;

  /// All outlive this. Nothing was delivered yet. `calls_before`: that the request has made.
  PromptFan(net::Loop& loop, net::Cancellation& cancellation, const CompletionOperation& operation,
            Delivery& delivery, Ask ask, std::size_t calls_before = 0);
  ~PromptFan();
  PromptFan(const PromptFan&) = delete;
  PromptFan& operator=(const PromptFan&) = delete;

  /// Answers the client, unless it has left. What all calls took together; its target is that of
  /// the last prompt that was answered.
  net::Task<CallResult> run();

 private:
  class Channel;
  struct Asked;

  /// Awaitable: until it is one's turn to write to the client.
  struct Turn {
    PromptFan& fan;
    [[nodiscard]] bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> awaiting) const;
    static void await_resume() noexcept {}
  };
  void end_turn();

  [[nodiscard]] bool is_over() const { return failed_ != nullptr || cancellation_.is_cancelled(); }
  [[nodiscard]] bool may_start() const;
  void start();
  Background ask(Asked& asked);
  void end_others();
  net::Task<void> one_ends(net::Cancellation& cancellation);
  net::Task<void> all_end();
  net::Task<bool> conclude(const CallResult& result);
  net::Task<bool> begin(std::string_view fields);
  net::Task<bool> write(std::string_view bytes);
  [[nodiscard]] CallResult joint_result() const;
  [[nodiscard]] AnswerNotes joint_notes(const CallResult& result) const;
  net::Task<bool> answer(const CallResult& result);
  net::Task<bool> tell_failure(const CallResult& result);
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> end_encoder(std::string_view model) const;
  [[nodiscard]] std::string stream_end() const;

  net::Loop& loop_;
  net::Cancellation& cancellation_;
  const CompletionOperation& operation_;
  Delivery& delivery_;
  const Ask ask_;
  const std::size_t calls_before_;
  const net::TimePoint started_;
  std::vector<std::unique_ptr<Asked>> asked_;  ///< in the order of the prompts
  std::deque<Asked*> crowded_out_;             ///< to be asked again once another has ended
  std::size_t under_way_ = 0;
  std::size_t under_way_max_;
  const Asked* failed_ = nullptr;  ///< first
  Bell bell_;                      ///< rung as one ends
  bool is_writing_ = false;
  std::deque<std::coroutine_handle<>> waiting_;  ///< to write
};

}  // namespace weir::pipeline
