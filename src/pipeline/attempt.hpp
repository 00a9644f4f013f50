// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "net/exchange.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/date.hpp"
#include "pipeline/call.hpp"
#include "pipeline/delivery.hpp"
#include "pipeline/stream_recovery.hpp"
#include "policy/classify.hpp"

namespace weir::pipeline {

/// Makes the exchange that an attempt talks through: HTTP, or the mock's.
class ExchangeFactory {
 public:
  virtual ~ExchangeFactory() = default;
  virtual std::unique_ptr<net::Exchange> make(const Target& target,
                                              net::Cancellation& cancellation) = 0;
};

/// The wall clock, for what is written down and shown.
class WallClock {
 public:
  virtual ~WallClock() = default;
  [[nodiscard]] virtual std::int64_t unix_ms() const = 0;
};

struct AttemptLimits {
  std::size_t error_body_bytes_max = 64 * 1024;
};

/// How one attempt ended.
struct AttemptEnd {
  AttemptEnd() { set(policy::FailureClass::ok); }

  policy::Classified verdict;
  Error error;  ///< unless ok
  RelayFacts facts;
  std::optional<net::TimePoint> first_content_at;
  bool is_beaten = false;  ///< another attempt was faster; nothing of this one went out

  [[nodiscard]] bool is_ok() const { return verdict.failure == policy::FailureClass::ok; }
  [[nodiscard]] policy::FailureClass failure() const { return verdict.failure; }
  /// Sets the verdict that the table has for `failure`.
  void set(policy::FailureClass failure);
};

/// Hears of what an attempt brings while it goes on.
class AttemptListener {
 public:
  virtual ~AttemptListener() = default;
  /// Asked once, when there is something for the client. False: another attempt was faster, and
  /// this one is over.
  virtual bool may_answer() = 0;
  /// The first content of a stream has come.
  virtual void on_first_content(net::TimePoint now) = 0;
  /// More of a stream has come: a thousand tokens or so, or what came in five seconds.
  virtual void on_progress(const RelayFacts& facts) = 0;
  /// The answer is whole, and all but its end was handed over. True: `kept` is to be awaited before
  /// that is.
  virtual bool on_whole(const AttemptEnd& end) = 0;
  /// The attempt as it is written down: what it costs stands in it after `on_whole`.
  [[nodiscard]] virtual const AttemptRow& row() const = 0;
  virtual net::Task<void> kept() = 0;
};

/// One attempt: says the request to one target and brings its answer to the client, as far as it
/// goes. Decides nothing about what comes next.
class Attempt {
 public:
  /// `cancellation` ends this attempt alone. `continuation`, if not null, and all others outlive
  /// it. `reservation`: as `Accounting` knows it.
  Attempt(Call& call, net::Cancellation& cancellation, Operation& operation, const Target& target,
          Delivery& delivery, ExchangeFactory& exchanges, const WallClock& wall,
          const AttemptLimits& limits, const Continuation* continuation, std::uint64_t reservation);

  /// `deadline` is T-15's. `notes` goes into the answer's header. `listener` outlives the task. A
  /// stream that broke after its first content is left as it is: `relay` knows how to end it.
  net::Task<AttemptEnd> run(AnswerNotes notes, net::TimePoint deadline, AttemptListener& listener);

  /// Nobody reads any more: reads on without handing anything over, to learn the usage.
  void drain() noexcept { is_draining_ = true; }
  /// The target may act on the request.
  [[nodiscard]] bool is_sent() const { return exchange_ != nullptr && exchange_->is_sent(); }
  /// Null before the request was sent.
  [[nodiscard]] Relay* relay() const { return relay_.get(); }

 private:
  class Guards;
  Result<Outgoing> prepare();
  void make_head(const Outgoing& outgoing);
  [[nodiscard]] net::Duration attempt_total() const;
  net::Task<AttemptEnd> read_refusal();
  net::Task<AttemptEnd> read_whole(AttemptListener& listener);
  net::Task<AttemptEnd> read_stream(AttemptListener& listener);
  void judge(const net::Exchange::Piece& piece, std::string& out, AttemptEnd& end);
  /// `out` stays until the task has ended.
  net::Task<bool> hand_over(std::string_view out);
  net::Task<void> end_stream(AttemptEnd& end, bool is_body_over, AttemptListener& listener);
  /// False: another attempt was faster.
  bool note_content(AttemptEnd& end, AttemptListener& listener);
  [[nodiscard]] bool is_to_hold() const;
  Result<> relay_raw(const net::Exchange::Piece& piece,
                     std::optional<net::http::BodyInflater>& inflater, std::string& out);
  /// An answer that passes as it is.
  net::Task<AttemptEnd> read_bytes(AttemptListener& listener);
  /// Some servers answer a request for a stream with the whole answer.
  net::Task<AttemptEnd> read_whole_as_stream(AttemptListener& listener);
  net::Task<AttemptEnd> collect(std::string& body, std::size_t bytes_max);
  [[nodiscard]] AttemptEnd failed(net::ExchangeError error, std::string reason) const;
  [[nodiscard]] AttemptEnd faulted(const wire::UpstreamFault& fault) const;
  void remember_fields();
  void remember_limits(net::http::WallTime now);

  Call& call_;
  net::Cancellation& cancellation_;
  Operation& operation_;
  const Target& target_;
  Delivery& delivery_;
  ExchangeFactory& exchanges_;
  const WallClock& wall_;
  const AttemptLimits& limits_;
  const Continuation* continuation_;
  std::uint64_t reservation_;
  AnswerNotes notes_;  ///< for the header of the answer
  std::unique_ptr<net::Exchange> exchange_;
  std::unique_ptr<Relay> relay_;
  std::string head_;
  int status_ = 0;
  bool is_late_ = false;
  bool is_draining_ = false;
  net::TimePoint content_deadline_;
  // Header fields of the answer that are needed once its buffer is gone.
  std::string content_type_;
  std::string content_encoding_;
  std::optional<milliseconds> retry_after_;
  std::optional<bool> should_retry_;
};

}  // namespace weir::pipeline
