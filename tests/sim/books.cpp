// SPDX-License-Identifier: Apache-2.0
#include "sim/books.hpp"

#include <chrono>

namespace weir::sim {

using pipeline::AttemptRow;
using pipeline::Call;
using pipeline::CallResult;
using policy::LimitOwner;
using policy::LimitScope;

// ---- limits -------------------------------------------------------------------------------------

Result<> WatchedLimits::admit(Call& call, const pipeline::Operation& operation) {
  auto admitted = limits_.admit(call, operation);
  if (admitted && !calls_.emplace(call.request_id, 0).second) {
    fail_(call.request_id, "admitted twice (I-1)");
  }
  return admitted;
}

void WatchedLimits::release(const Call& call, const CallResult& result) {
  const auto found = calls_.find(call.request_id);
  if (found == calls_.end()) return fail_(call.request_id, "released, but not admitted (I-1)");
  calls_.erase(found);
  retries_.forget(call.request_id);
  limits_.release(call, result);
}

Result<pipeline::Accounting::Reservation> WatchedLimits::reserve(
    const Call& call, const pipeline::Operation& operation, const pipeline::Target& target,
    bool is_last_resort) {
  if (!calls_.contains(call.request_id)) fail_(call.request_id, "an attempt of nobody's (I-1)");
  auto reserved = limits_.reserve(call, operation, target, is_last_resort);
  if (reserved) {
    calls_[call.request_id] += 1;
    attempts_open_ += 1;
    retries_.on_start(call, target);
  } else {
    refused_[call.request_id] = true;
  }
  return reserved;
}

void WatchedLimits::end_attempt(const Call& call) {
  if (attempts_open_ == 0) return fail_(call.request_id, "settled more often than reserved (I-1)");
  attempts_open_ -= 1;
  const auto found = calls_.find(call.request_id);
  if (found != calls_.end() && --found->second < 0) {
    fail_(call.request_id, "settled more often than reserved (I-1)");
  }
}

void WatchedLimits::settle(Reservation reservation, const Call& call, const AttemptRow& row) {
  end_attempt(call);
  limits_.settle(reservation, call, row);
  retries_.on_end(call, row);
}

void WatchedLimits::give_back(Reservation reservation, const Call& call) {
  end_attempt(call);
  limits_.give_back(reservation, call);
}

// ---- ledger -------------------------------------------------------------------------------------

Result<> Ledger::open(Call& call, const pipeline::Operation& operation) {
  static_cast<void>(operation);
  // Now and then the disk says no.
  if (fuse_.blows() || (!is_calm_ && random_.uniform(0, 499) == 0)) {
    return Error(ErrorCode::ledger_unavailable, "the ledger can't be written");
  }
  call.journal_ticket = ++latest_ticket_;
  if (!open_.emplace(call.request_id, latest_ticket_).second) {
    fail_(call.request_id, "opened twice in the ledger (I-1)");
  }
  return {};
}

void Ledger::note(const Call& call, const AttemptRow& row) {
  if (!open_.contains(call.request_id)) fail_(call.request_id, "noted, but not open (I-1)");
  if (row.cost_nanousd < 0 || row.exposure_nanousd < 0) {
    fail_(call.request_id, "a negative cost was noted (I-4)");
  }
}

void Ledger::close(Call& call, const CallResult& result) {
  const auto found = open_.find(call.request_id);
  if (found == open_.end() || found->second != call.journal_ticket) {
    return fail_(call.request_id, "closed, but not open (I-1)");
  }
  open_.erase(found);
  std::int64_t cost = 0;
  int number = 0;
  for (const AttemptRow& row : result.rows) {
    if (row.number != ++number) fail_(call.request_id, "attempts out of order (S-11.4)");
    if (row.is_charged) cost += row.cost_nanousd;
    if (!row.is_charged && row.cost_nanousd != 0) {
      fail_(call.request_id, "a cost that nobody is charged (S-11.2)");
    }
    book(call, row);
  }
  if (cost != result.cost_nanousd) {
    fail_(call.request_id, "its cost is not the sum of its attempts (I-3)");
  }
}

void Ledger::book(const Call& call, const AttemptRow& row) {
  const wire::Usage& usage = row.usage;
  if (row.cost_nanousd < 0 || row.exposure_nanousd < 0 || usage.input_total() < 0 ||
      usage.output_total() < 0) {
    fail_(call.request_id, "a negative figure (I-4)");
  }
  const auto add = [&](LimitScope scope, const std::string& name) {
    Sums& sums = sums_[LimitOwner{scope, name}];
    sums.cost_nanousd += row.cost_nanousd;
    sums.exposure_nanousd += row.exposure_nanousd;
  };
  add(LimitScope::global, {});
  add(LimitScope::route, call.route->name);
  add(LimitScope::provider, row.target->upstream->name);
  if (call.caller == nullptr) return;
  add(LimitScope::key, call.caller->key);
  add(LimitScope::user, call.caller->user);
  add(LimitScope::team, call.caller->team);
  add(LimitScope::organisation, call.caller->organisation);
}

net::Task<bool> Ledger::kept(net::Loop& loop) {
  if (fuse_.blows()) co_return false;
  net::Cancellation nobody_cancels;
  const auto wait = std::chrono::milliseconds(random_.uniform(0, 20));
  net::Sleep sync(loop, loop.now() + wait, nobody_cancels);
  co_return co_await sync;
}

}  // namespace weir::sim
