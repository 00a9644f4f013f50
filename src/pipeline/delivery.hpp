// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/background.hpp"
#include "weir/error.hpp"
#include "wire/canonical.hpp"

namespace weir::pipeline {

struct CallResult;

/// Where an answer goes: an HTTP client, or a caller of the library. Each answers whether the bytes
/// were taken; false means that the client is gone.
class ClientChannel {
 public:
  virtual ~ClientChannel() = default;
  /// A whole answer. `fields`: header lines, each ended by CRLF.
  virtual net::Task<bool> respond(int status, std::string_view fields, std::string_view body) = 0;
  virtual net::Task<bool> begin(int status, std::string_view fields) = 0;
  /// May write before the task is awaited.
  virtual net::Task<bool> write(std::string_view bytes) = 0;
  virtual net::Task<bool> end() = 0;
  /// Silence tells something to whoever stands between: bytes that mean nothing are welcome.
  [[nodiscard]] virtual bool takes_heartbeats() const { return true; }
  /// How the call has ended, once that is certain: what comes now is the end of its answer.
  virtual void on_settled(const CallResult& result) { static_cast<void>(result); }
};

/// Passes all of an answer on to another, which outlives it: for those that care for some of it.
class PassingChannel : public ClientChannel {
 public:
  explicit PassingChannel(ClientChannel& inner) : inner_(inner) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override {
    return inner_.respond(status, fields, body);
  }
  net::Task<bool> begin(int status, std::string_view fields) override {
    return inner_.begin(status, fields);
  }
  net::Task<bool> write(std::string_view bytes) override { return inner_.write(bytes); }
  net::Task<bool> end() override { return inner_.end(); }
  [[nodiscard]] bool takes_heartbeats() const override { return inner_.takes_heartbeats(); }
  void on_settled(const CallResult& result) override { inner_.on_settled(result); }

 protected:
  [[nodiscard]] ClientChannel& inner() { return inner_; }

 private:
  ClientChannel& inner_;
};

/// The facts about an answer that its header tells.
struct AnswerNotes {
  std::string target;  ///< provider/model; empty: none, or not to be shown
  int attempts = 0;
  std::string cost;  ///< dollars; empty: not known yet
  std::vector<std::string> dropped;
  std::vector<std::string> warnings;  ///< a retired model, say
  std::string allow;                  ///< methods that the path takes, where it was another
  std::string explanation;            ///< how the target was chosen, where the client asked
};

/// How a stream is kept alive while nothing comes (S-9.5).
struct Pacing {
  std::optional<std::chrono::milliseconds> early_commit;  ///< nothing: never
  std::chrono::milliseconds heartbeat{15'000};
};

/// Appends the header lines that name a request, as clients of `dialect` look for them.
void append_request_id(std::string& fields, wire::Dialect dialect, std::string_view request_id);

/// Appends the header lines and the body of an error, and answers its status. `fields` should hold
/// nothing that says what the body is.
int describe_error(const Error& error, wire::Dialect dialect, std::string_view request_id,
                   std::string& fields, std::string& body);

/// What the body of an error is: the object that describes it, or, as Google's servers answer
/// whoever asked for a stream as one JSON array, an array that holds nothing else.
enum class ErrorBody : std::uint8_t { object, array };

/// What may stand in a stream of `media_type` without meaning anything; empty: nothing.
std::string_view heartbeat_of(wire::Dialect dialect, std::string_view media_type) noexcept;

/// Owns status, content and end of one request's answer. No other code writes to the client, so
/// that "was anything sent yet" has one answer, and a second answer can't follow a first byte.
///
/// Some of what it sends comes by the clock, between what its caller sends: the status before the
/// first content, heartbeats, and what was held back. Only one of both is written at a time.
class Delivery final : private net::Alarm {
 public:
  Delivery(ClientChannel& channel, wire::Dialect dialect, std::string_view request_id,
           ErrorBody error_body = ErrorBody::object)
      : channel_(channel), dialect_(dialect), request_id_(request_id), error_body_(error_body) {}

  /// Nothing of an answer was handed to the client: another target may still be tried.
  [[nodiscard]] bool may_fail_over() const noexcept {
    return state_ == State::open || state_ == State::early;
  }
  /// The status went out before any content: only a stream can follow.
  [[nodiscard]] bool is_early() const noexcept { return state_ == State::early; }
  [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
  [[nodiscard]] wire::Dialect dialect() const noexcept { return dialect_; }
  [[nodiscard]] std::string_view request_id() const noexcept { return request_id_; }

  /// Awaitable: until nothing is being sent by the clock.
  struct Turn {
    Delivery& delivery;
    [[nodiscard]] bool await_ready() const noexcept { return !delivery.is_sending_; }
    void await_suspend(std::coroutine_handle<> awaiting) const { delivery.waiting_ = awaiting; }
    static void await_resume() noexcept {}
  };

  /// Begins to watch over a stream's silence. `loop` and `media_type` outlive this; `quiet` ends
  /// it.
  void keep_alive(net::Loop& loop, const Pacing& pacing, std::string_view media_type);
  /// Sends nothing by the clock any more, and waits for what is being sent so. After it the
  /// delivery may be destroyed.
  [[nodiscard]] Turn quiet();

  void tell_settled(const CallResult& result) { channel_.on_settled(result); }

  /// Sends a whole answer. Precondition: may_fail_over(), not is_early().
  net::Task<bool> whole(int status, std::string_view media_type, const AnswerNotes& notes,
                        std::string_view body);
  /// Sends the head of a stream and its first bytes. Precondition: may_fail_over().
  net::Task<bool> commit(std::string_view media_type, const AnswerNotes& notes,
                         std::string_view first, int status = 200);
  /// Keeps the first bytes of a stream back until `commit`, `drop_held` or this long has passed
  /// (S-9.13). Precondition: keep_alive was called, may_fail_over().
  void hold(AnswerNotes notes, std::string_view bytes, std::chrono::milliseconds longest);
  [[nodiscard]] bool is_holding() const noexcept { return is_holding_; }
  /// Sends what is held back.
  net::Task<bool> release();
  /// What was held back came from an attempt that failed.
  void drop_held();
  /// Sends more of a stream. Precondition: committed.
  net::Task<bool> more(std::string_view bytes);
  /// Ends a stream in good order, after `last`.
  net::Task<bool> finish(std::string_view last);
  /// Ends a stream whose status went out early, with an error in the client's own words.
  /// Precondition: is_early().
  net::Task<bool> fail_early(std::string_view frame);
  /// Answers with an error that came before anything was sent. Precondition: may_fail_over(), not
  /// is_early().
  net::Task<bool> refuse(const Error& error, const AnswerNotes& notes);

 private:
  enum class State : std::uint8_t { open, early, streaming, done };

  void start_fields(std::string_view media_type, const AnswerNotes& notes);
  net::Task<bool> begin(std::string_view media_type, const AnswerNotes& notes, int status = 200);
  /// While one lives, the stream itself is being written.
  struct Writing {
    explicit Writing(Delivery& owner) : delivery(owner) { delivery.is_writing_ = true; }
    ~Writing() { delivery.is_writing_ = false; }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    Delivery& delivery;
  };
  void on_alarm() override;
  void arm();
  net::Task<bool> more_in_turn(std::string_view bytes);
  net::Task<bool> more_later(net::Task<bool> sending);
  Background send_by_clock(net::Task<bool> sending);
  net::Task<bool> send_early();
  net::Task<bool> send_held();

  ClientChannel& channel_;
  wire::Dialect dialect_;
  std::string_view request_id_;
  ErrorBody error_body_;
  std::string fields_;
  State state_ = State::open;

  net::Loop* loop_ = nullptr;  ///< set: silence is watched over
  Pacing pacing_;
  std::string_view media_type_;
  net::TimePoint sent_at_;  ///< the last time anything was; before, the beginning
  net::TimePoint hold_until_;
  AnswerNotes held_notes_;
  std::string held_;
  bool is_holding_ = false;
  bool is_writing_ = false;  ///< the stream itself
  bool is_sending_ = false;  ///< by the clock
  bool is_gone_ = false;     ///< the client, as a sending by the clock found out
  std::coroutine_handle<> waiting_;
};

}  // namespace weir::pipeline
