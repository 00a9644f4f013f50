// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/random.hpp"
#include "pipeline/call.hpp"
#include "shared_state/limits.hpp"
#include "sim/network.hpp"
#include "sim/retry_watch.hpp"

namespace weir::sim {

/// Told of the first rule that a request broke.
using Fail = std::function<void(std::string_view request_id, const std::string& rule)>;

/// The real limits and budgets, watched: whatever is taken is given back, once (I-1).
class WatchedLimits final : public pipeline::Accounting {
 public:
  /// `retries` is told of each attempt.
  WatchedLimits(shared_state::Limits& limits, RetryWatch& retries, Fail fail)
      : limits_(limits), retries_(retries), fail_(std::move(fail)) {}

  Result<> admit(pipeline::Call& call, const pipeline::Operation& operation) override;
  void release(const pipeline::Call& call, const pipeline::CallResult& result) override;
  Result<Reservation> reserve(const pipeline::Call& call, const pipeline::Operation& operation,
                              const pipeline::Target& target, bool is_last_resort) override;
  void settle(Reservation reservation, const pipeline::Call& call,
              const pipeline::AttemptRow& row) override;
  void give_back(Reservation reservation, const pipeline::Call& call) override;
  bool enter_line(pipeline::Call& call, const pipeline::Target& target,
                  std::function<void()> wake) override {
    return limits_.enter_line(call, target, std::move(wake));
  }
  void leave_line(pipeline::Call& call) override { limits_.leave_line(call); }

  /// Calls that were admitted and not released.
  [[nodiscard]] std::size_t calls() const { return calls_.size(); }
  /// Attempts neither settled nor given back.
  [[nodiscard]] std::size_t attempts() const { return attempts_open_; }
  /// A limit or a budget has kept an attempt of this call from starting; forgets it.
  bool was_refused(const std::string& request_id) { return refused_.erase(request_id) > 0; }

 private:
  void end_attempt(const pipeline::Call& call);

  shared_state::Limits& limits_;
  RetryWatch& retries_;
  Fail fail_;
  std::unordered_map<std::string, int> calls_;  ///< by id: attempts that are open
  std::size_t attempts_open_ = 0;
  std::unordered_map<std::string, bool> refused_;
};

/// The ledger: every call that is opened is closed, once, and all adds up (I-1, I-3, I-4).
class Ledger final : public pipeline::Journal {
 public:
  struct Sums {
    std::int64_t cost_nanousd = 0;
    std::int64_t exposure_nanousd = 0;
  };
  /// `is_slow`: what is written has to be waited for.
  Ledger(Fuse& fuse, Random& random, bool is_slow, Fail fail)
      : fuse_(fuse), random_(random), is_slow_(is_slow), fail_(std::move(fail)) {}

  Result<> open(pipeline::Call& call, const pipeline::Operation& operation) override;
  void note(const pipeline::Call& call, const pipeline::AttemptRow& row) override;
  void close(pipeline::Call& call, const pipeline::CallResult& result) override;
  [[nodiscard]] bool is_to_be_kept() const override { return is_slow_; }
  net::Task<bool> kept(net::Loop& loop) override;

  /// From now on the disk is well.
  void calm() { is_calm_ = true; }
  [[nodiscard]] std::size_t open() const { return open_.size(); }
  /// What was booked on each owner of limits so far.
  [[nodiscard]] const std::map<policy::LimitOwner, Sums>& sums() const { return sums_; }

 private:
  void book(const pipeline::Call& call, const pipeline::AttemptRow& row);

  Fuse& fuse_;
  Random& random_;
  bool is_slow_;
  bool is_calm_ = false;
  Fail fail_;
  std::unordered_map<std::string, std::uint64_t> open_;  ///< tickets by id
  std::uint64_t latest_ticket_ = 0;
  std::map<policy::LimitOwner, Sums> sums_;
};

}  // namespace weir::sim
