// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <cstddef>
#include <span>
#include <string_view>

#include "net/block.hpp"
#include "net/loop.hpp"
#include "net/stream.hpp"

namespace weir::net {

/// Reads a stream through a buffer, with a read that may stand open while nobody waits for it.
///
/// The standing read is how a peer's leaving is noticed without a system call of its own: it
/// becomes the read of the next message, or ends with the error. Memory is taken when bytes arrive
/// and given back when all of them are consumed and the next read waits.
class BufferedReader final : private ReadWaiter, private Alarm {
 public:
  /// Told when something arrives on a standing read that nobody awaits.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void on_input(BufferedReader& reader) = 0;
  };

  BufferedReader(Loop& loop, Stream& stream) : loop_(loop), stream_(stream) {}
  ~BufferedReader() override { WEIR_ASSERT(!is_reading_); }
  BufferedReader(const BufferedReader&) = delete;
  BufferedReader& operator=(const BufferedReader&) = delete;

  /// What has arrived and is not consumed. The view holds until the next `stand` or `more`.
  [[nodiscard]] std::string_view data() const { return {block_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes);

  /// Leaves a read standing, if none does; `observer` may be null.
  void stand(Observer* observer);
  /// Nobody observes any more; the read goes on standing.
  void unobserve() noexcept { observer_ = nullptr; }

  [[nodiscard]] bool is_reading() const noexcept { return is_reading_; }
  /// Why no more bytes will come; `none` while they may.
  [[nodiscard]] NetError error() const noexcept { return error_; }

  /// Awaitable: waits until there are more bytes than now, or an error. `timeout` of zero or less
  /// means no limit; when it is over, nothing more is read here.
  class More {
   public:
    More(BufferedReader& reader, Duration timeout, bool begins)
        : reader_(reader), timeout_(timeout), begins_(begins) {}
    [[nodiscard]] bool await_ready() const noexcept { return reader_.error_ != NetError::none; }
    void await_suspend(std::coroutine_handle<> awaiting) {
      reader_.begins_ = begins_;
      reader_.wait(awaiting, timeout_);
    }
    /// `none` when there is more.
    [[nodiscard]] NetError await_resume() const noexcept { return reader_.error_; }

   private:
    BufferedReader& reader_;
    Duration timeout_;
    bool begins_;
  };
  [[nodiscard]] More more(Duration timeout) { return {*this, timeout, false}; }
  /// The same for the beginning of a message that nothing under way waits for.
  [[nodiscard]] More next(Duration timeout) { return {*this, timeout, true}; }

 private:
  void wait(std::coroutine_handle<> awaiting, Duration timeout);
  std::span<char> room() override;
  [[nodiscard]] bool begins() const override { return begins_; }
  void start();
  void on_io(IoResult result) override;
  void on_alarm() override;

  Loop& loop_;
  Stream& stream_;
  Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool is_reading_ = false;
  bool is_late_ = false;
  bool begins_ = false;
  NetError error_ = NetError::none;
  std::coroutine_handle<> awaiting_;
  Observer* observer_ = nullptr;
};

}  // namespace weir::net
