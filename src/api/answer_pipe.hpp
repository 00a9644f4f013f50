// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/wakeup.hpp"
#include "weir/error.hpp"

namespace weir::api {

/// The bytes of one answer on their way from a thread of the user's provider to the loop: bounded,
/// so that a provider faster than its reader waits.
class AnswerPipe {
 public:
  static constexpr std::size_t bytes_max = 64 * 1024;

  explicit AnswerPipe(Wakeup::Sender reader) : reader_(std::move(reader)) {}

  // ---- the provider's side ----

  struct Head {
    int status{};  ///< 0: not known yet
    std::string_view media_type{};
    std::optional<std::chrono::milliseconds> retry_after{};
  };
  /// The answer begins. Before any `write`.
  void begin(Head head);
  /// Waits for room; a piece may be larger than the bound and then stands alone. False: nobody
  /// reads any more.
  bool write(std::string_view bytes);
  void end();
  [[nodiscard]] bool is_wanted() const;

  // ---- the loop's side ----

  [[nodiscard]] Head head() const;
  /// Replaces `out` by what has come; answers whether that was the last of it.
  bool take(std::string& out);
  /// Nobody reads any more.
  void close();

 private:
  mutable std::mutex mutex_;
  std::condition_variable has_room_;
  Wakeup::Sender reader_;
  Head head_;
  std::string bytes_;
  bool is_ended_ = false;
  bool is_closed_ = false;
};

}  // namespace weir::api
