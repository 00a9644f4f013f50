// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.hpp"
#include "pipeline/attempt.hpp"
#include "pipeline/flight.hpp"
#include "pipeline/target_gate.hpp"

namespace weir::pipeline {

/// The one loop that tries targets: every endpoint, streamed or not, goes through here.
///
/// Fails over while the client has seen nothing, starts a second attempt beside a silent one where
/// that is set, and goes on with streams that broke where their answers can be joined.
class AttemptLoop {
 public:
  /// `accounting` may be null: then nothing is limited; `journal`, too: then nothing is written
  /// down.
  AttemptLoop(ExchangeFactory& exchanges, TargetGate& gate, const WallClock& wall, Random& random,
              AttemptLimits limits, Accounting* accounting = nullptr, Journal* journal = nullptr)
      : tools_{exchanges, gate, wall, limits, accounting, journal, {}, nullptr}, random_(random) {}

  /// Answers `call` through `delivery`, whatever happens.
  net::Task<void> run(Call& call, Operation& operation, Delivery& delivery, CallResult& result);

  /// Takes a call that gets an answer which is there already into the limits of its client, and
  /// writes it down: it costs nothing (M-2, S-11.2). Errors: those of `Accounting::admit_replay`.
  net::Task<Result<>> book_replay(Call& call);

  /// Who brings the models that targets do not have yet; outlives this.
  void set_pulls(ModelPulls& pulls) { tools_.pulls = &pulls; }
  /// Null: nobody is told.
  void set_watch(CallWatch* watch) { tools_.watch = watch; }
  /// Ends what is only read for its usage, its client having left (S-10.5).
  void end_drains();

 private:
  class Race;
  net::Task<void> ask(Journey& journey);
  Result<> open(Journey& journey);
  net::Task<bool> wait(Journey& journey, Succession::Next& next);
  enum class Waits : std::uint8_t { for_the_first, for_any };
  net::Task<void> wait_in_line(Journey& journey, Succession::Next& next, Waits waits);
  net::Task<Succession::Next> pull_model(Journey& journey, Candidate& candidate,
                                         Succession::Next next);
  net::Task<void> answer_refused(Journey& journey);
  net::Task<void> go_on_with_stream(Journey& journey, Flight& broken);
  net::Task<bool> join_streams(Journey& journey, Flight& broken);

  FlightTools tools_;
  Random& random_;
};

}  // namespace weir::pipeline
