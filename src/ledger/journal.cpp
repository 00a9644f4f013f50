// SPDX-License-Identifier: Apache-2.0
#include "ledger/journal.hpp"

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <memory>
#include <utility>

namespace weir::ledger {
namespace {

/// Ticket of a call whose intent found no room; segments are numbered from 1.
constexpr std::uint64_t no_intent = 0;

/// A database that takes longer is taken for one that is down; a disk is held to the same.
constexpr std::chrono::seconds sync_max{2};

Outcome outcome_of(pipeline::Outcome outcome) {
  switch (outcome) {
    case pipeline::Outcome::completed:
      return Outcome::completed;
    case pipeline::Outcome::rejected:
    case pipeline::Outcome::failed:
      return Outcome::failed;
    case pipeline::Outcome::aborted_upstream:
      return Outcome::aborted_upstream;
    case pipeline::Outcome::cancelled_client:
      return Outcome::cancelled_client;
    case pipeline::Outcome::shutdown:
      return Outcome::shutdown;
  }
  return Outcome::failed;
}

AttemptView view_of(const pipeline::AttemptRow& row) {
  AttemptView view;
  view.number = row.number;
  view.target = row.target->name;
  view.provider = row.target->upstream->name;
  view.model = row.target->model;
  view.failure = policy::name(row.failure);
  view.recovered_by = row.recovered_by;
  view.started_ms = row.started_ms;
  view.ended_ms = row.ended_ms;
  if (row.is_estimated) view.flags |= flag::estimated;
  if (row.is_hedge) view.flags |= flag::hedge;
  if (row.is_charged) view.flags |= flag::charged;
  if (row.flags.odd) view.flags |= flag::odd_usage;
  if (row.flags.impossible) view.flags |= flag::impossible_usage;
  if (row.flags.unpriced) view.flags |= flag::unpriced;
  if (row.flags.price_told) view.flags |= flag::price_told;
  view.usage = row.usage;
  view.cost_nanousd = row.cost_nanousd;
  view.exposure_nanousd = row.exposure_nanousd;
  view.windows = row.windows;
  return view;
}

/// Who asked for what: the same from the intent to the settlement.
CallView view_of(const pipeline::Call& call) {
  CallView view;
  view.request_id = call.request_id;
  auto priority = pipeline::Priority::normal;
  if (call.caller) {
    view.key = call.caller->key;
    view.user = call.caller->user;
    view.team = call.caller->team;
    view.organisation = call.caller->organisation;
    priority = call.caller->priority;
  }
  view.priority = static_cast<std::int64_t>(call.options.priority.value_or(priority));
  view.tags = call.options.tags;
  view.task = call.options.task;
  view.endpoint = call.endpoint;
  view.model = call.model;
  view.route = call.route->name;
  view.started_ms = call.started_ms;
  view.windows = call.windows;
  if (call.is_stream) view.flags |= flag::stream;
  if (call.is_replay) view.flags |= flag::cached | flag::replay;
  return view;
}

}  // namespace

Result<> LaneJournal::refuse(Intake intake) const {
  if (intake == Intake::closed) {
    return Error(ErrorCode::ledger_unavailable, "the sums of the ledger can't be stored now");
  }
  if (options_.serves_unwritten) return {};
  return Error(ErrorCode::ledger_unavailable, "too much of the ledger is not added up yet");
}

Result<> LaneJournal::open(pipeline::Call& call, const pipeline::Operation& operation) {
  if (const Intake intake = spool_.intake(); intake != Intake::open) WEIR_TRY(refuse(intake));
  CallView view = view_of(call);
  view.usage.input = operation.input_tokens_estimate();
  const bool is_written =
      lane_.append(Lane::Need::intent, [&](std::span<char> room, std::uint64_t sequence) {
        return write_call(room, Kind::intent, sequence, view);
      });
  if (is_written) {
    call.journal_ticket = lane_.open_call();
  } else if (options_.serves_unwritten) {
    call.journal_ticket = no_intent;
  } else {
    return Error(ErrorCode::ledger_unavailable, "the ledger can't be written now");
  }
  return {};
}

void LaneJournal::note(const pipeline::Call& call, const pipeline::AttemptRow& row) {
  if (!call.journal_ticket || *call.journal_ticket == no_intent) return;
  const AttemptView view = view_of(row);
  // What finds no room is only missed when the process ends before the call does.
  static_cast<void>(
      lane_.append(Lane::Need::checkpoint, [&](std::span<char> room, std::uint64_t sequence) {
        return write_checkpoint(room, sequence, call.request_id, view);
      }));
}

void LaneJournal::close(pipeline::Call& call, const pipeline::CallResult& result) {
  CallView view = view_of(call);
  view.target = result.target;
  view.provider = result.provider;
  view.ended_ms = call.started_ms + result.duration.count();
  view.first_content_ms = result.first_content.count();
  view.outcome = outcome_of(result.outcome);
  if (view.outcome != Outcome::completed) view.error = traits(result.error.code).name;
  view.usage = result.usage.value_or(wire::Usage());
  view.cost_nanousd = result.cost_nanousd;
  bool is_reported = false;
  bool is_estimated = false;
  attempts_.clear();
  for (const pipeline::AttemptRow& row : result.rows) {
    attempts_.push_back(view_of(row));
    view.exposure_nanousd += row.exposure_nanousd;
    if (!row.is_charged) continue;
    view.flags |= attempts_.back().flags & flag::of_usage;
    (row.is_estimated ? is_estimated : is_reported) = true;
    view.price_version = row.target->prices.version;
  }
  view.attempts = attempts_;
  if (is_estimated) view.flags |= flag::estimated;
  if (is_reported && is_estimated) {
    view.source = UsageSource::mixed;
  } else if (is_reported) {
    view.source = UsageSource::reported;
  } else if (is_estimated) {
    view.source = UsageSource::estimated;
  }
  static_cast<void>(
      lane_.append(Lane::Need::settlement, [&](std::span<char> room, std::uint64_t sequence) {
        return write_call(room, Kind::settlement, sequence, view);
      }));
  if (call.journal_ticket && *call.journal_ticket != no_intent) {
    lane_.close_call(*call.journal_ticket);
  }
  call.journal_ticket.reset();
}

/// Awaitable: until what was written is synced, or that took too long. The spool's thread may come
/// back to it after that, so the two share what is left of it.
class LaneJournal::Synced final : private net::Alarm {
 public:
  Synced(LaneJournal& journal, net::Loop& loop) : journal_(journal), loop_(loop) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    loop_.arm_coarse(*this, loop_.now() + sync_max);
    journal_.spool_.when_synced(journal_.lane_, [&loop = loop_, self = self_](bool is_synced) {
      loop.post([self, is_synced] {
        if (*self != nullptr) (*self)->end(is_synced);
      });
    });
  }
  [[nodiscard]] bool await_resume() const noexcept { return is_synced_; }

 private:
  void on_alarm() override { end(false); }
  void end(bool is_synced) {
    disarm();
    *self_ = nullptr;
    is_synced_ = is_synced;
    awaiting_.resume();
  }

  LaneJournal& journal_;
  net::Loop& loop_;
  std::coroutine_handle<> awaiting_;
  std::shared_ptr<Synced*> self_ = std::make_shared<Synced*>(this);
  bool is_synced_ = false;
};

net::Task<bool> LaneJournal::kept(net::Loop& loop) {
  // A segment that could not be synced is left, and copied: the second wait is for that.
  for (int tries = 0; tries < 2; ++tries) {
    Synced synced(*this, loop);
    const bool is_synced = co_await synced;
    if (is_synced) co_return true;
    lane_.leave_broken();
  }
  co_return false;
}

}  // namespace weir::ledger
