// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipeline/attempt.hpp"
#include "pipeline/charge.hpp"
#include "pipeline/model_pulls.hpp"
#include "pipeline/succession.hpp"

namespace weir::pipeline {

class Flight;

/// What all attempts of one thread use. Outlives them.
struct FlightTools {
  ExchangeFactory& exchanges;
  TargetGate& gate;
  const WallClock& wall;
  AttemptLimits limits;
  Accounting* accounting = nullptr;  ///< null: nothing is reserved
  Journal* journal = nullptr;        ///< null: nothing is written down
  std::vector<Flight*> draining;     ///< whose clients have left (S-10.5)
  ModelPulls* pulls = nullptr;       ///< null: models come from elsewhere
  CallWatch* watch = nullptr;        ///< null: nobody else is told
};

/// One request on its way through its attempts.
struct Journey {
  Call& call;
  Operation& operation;
  Delivery& delivery;
  net::TimePoint started;
  net::TimePoint deadline;  ///< T-15's
  Succession succession;
  CallResult& result;
  bool is_admitted = false;
  bool is_settled = false;  ///< the sums of `result` are made, and it is written down
};

/// Books the call as it has ended, once: its sums are made, its limits settled, and it is written
/// down. True: `Journal::kept` is to be awaited before the client gets the last byte.
bool settle(FlightTools& tools, Journey& journey);

/// Decides between two attempts of one request that run side by side.
class Referee {
 public:
  virtual ~Referee() = default;
  /// True for the first that asks, and ends the other.
  virtual bool may_answer(Flight& flight) = 0;
};

/// One attempt with all that belongs to it: its permit, its place in the counts, its reservation,
/// its row. It can be ended alone, and goes on for a while without its client where that is set.
class Flight final : private AttemptListener, private net::Cancellable, private net::Alarm {
 public:
  struct Plan {
    Succession::Next next;  ///< with its permit and its reservation
    bool is_hedge = false;
    const Continuation* continuation = nullptr;
    Referee* referee = nullptr;  ///< null: it is alone
  };
  Flight(FlightTools& tools, Journey& journey, Plan plan);
  ~Flight() override;

  /// Once.
  net::Task<void> fly();
  /// Ends it early, since another was faster, or since nobody waits for it; `fly` may return within
  /// the call.
  void lose();
  void cancel() { cancellation_.cancel(); }
  /// Puts what came of it into the call's result. Precondition: `fly` has ended.
  void report() { report(end_); }

  [[nodiscard]] const AttemptEnd& end() const { return end_; }
  [[nodiscard]] Candidate& candidate() const { return *plan_.next.candidate; }
  [[nodiscard]] const Target& target() const { return *candidate().target; }
  [[nodiscard]] Relay* relay() const { return attempt_.relay(); }
  [[nodiscard]] bool has_content() const { return end_.first_content_at.has_value(); }
  [[nodiscard]] net::TimePoint started() const { return started_; }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] AttemptRow& row() const override;

 private:
  bool may_answer() override;
  void on_first_content(net::TimePoint now) override;
  void on_progress(const RelayFacts& facts) override;
  bool on_whole(const AttemptEnd& end) override;
  net::Task<void> kept() override;
  void on_cancel() override;
  void on_alarm() override { cancellation_.cancel(); }
  [[nodiscard]] AnswerNotes notes() const;
  void note_degradation(AnswerNotes& notes) const;
  [[nodiscard]] wire::Usage estimated_usage(const RelayFacts& facts) const;
  [[nodiscard]] bool is_partial(const RelayFacts& facts) const;
  [[nodiscard]] Charge charge_for(const RelayFacts& facts, const wire::Usage& estimate) const;
  void note(const RelayFacts& facts);
  bool begin_drain();
  void stop_draining();
  [[nodiscard]] health::AttemptFigures figures(const AttemptEnd& end, net::TimePoint ended) const;
  void count(const AttemptEnd& end, net::TimePoint ended);
  void report(const AttemptEnd& end);
  void book(const AttemptEnd& end);
  void land(const AttemptEnd& end);
  [[nodiscard]] policy::Classified until_its_day_ends(policy::Classified verdict) const;

  FlightTools& tools_;
  Journey& journey_;
  Plan plan_;
  net::Cancellation cancellation_;
  Attempt attempt_;
  AttemptEnd end_;
  bool has_lost_ = false;
  bool is_booked_ = false;
  bool has_landed_ = false;
  bool is_draining_ = false;
  net::TimePoint started_;
  int number_ = 0;
};

}  // namespace weir::pipeline
