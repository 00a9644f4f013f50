#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deliberate bugs in the policies and the attempt loop, and whether the simulator finds them.

usage: bugs.py --check                   every bug still has its place in the code
       bugs.py --source DIR --build DIR [--seeds N] [NAME...]

The second form works on a copy of the repository: puts in one bug at a time, builds weir-sim there
and runs seeds until an invariant breaks. Less than 95 % found is a failure.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

FOUND_MIN = 0.95


@dataclass(frozen=True)
class Bug:
    name: str
    file: str
    old: str  # stands there exactly once
    new: str


SUCCESSION = "src/pipeline/succession.cpp"
LOOP = "src/pipeline/attempt_loop.cpp"
FLIGHT = "src/pipeline/flight.cpp"
ATTEMPT = "src/pipeline/attempt.cpp"
DELIVERY = "src/pipeline/delivery.cpp"
RECOVERY = "src/pipeline/stream_recovery.cpp"
GATE = "src/shared_state/gate.cpp"
LIMITS = "src/shared_state/limits.cpp"
ACCOUNT = "src/shared_state/account.cpp"
BREAKER = "src/policy/circuit_breaker.cpp"
COOLDOWN = "src/policy/cooldown.cpp"
CHARGE = "src/pipeline/charge.cpp"

BUGS = [
    # ---- which target comes next
    Bug(
        "one more attempt at a target than allowed",
        SUCCESSION,
        "if (current.visits >= policy_.attempts_per_target) return false;",
        "if (current.visits > policy_.attempts_per_target) return false;",
    ),
    Bug(
        "retries use up the last target's attempt",
        SUCCESSION,
        "return !has_usable_untried(left);",
        "return left > 0;",
    ),
    Bug(
        "a target is tried again as if it were new",
        SUCCESSION,
        "if (candidate.visits > 0 || !candidate.skipped.empty()) return false;",
        "if (!candidate.skipped.empty()) return false;",
    ),
    Bug(
        "no failover after an answer that is broken",
        SUCCESSION,
        "    case policy::NextTarget::before_commit:\n",
        "      return true;\n    case policy::NextTarget::before_commit:\n      return false;\n",
    ),
    Bug(
        "slow whole answers are tried again and again",
        SUCCESSION,
        "if (!may_retry_ || counted_ >= policy_.max_attempts || is_spent) return {};",
        "static_cast<void>(is_spent);\n"
        "  if (!may_retry_ || counted_ >= policy_.max_attempts) return {};",
    ),
    Bug(
        "a permit that is not used is kept",
        SUCCESSION,
        "  gate_.report(*next.candidate->target, *next.permit, unused(), call_.loop.now());\n",
        "",
    ),
    Bug(
        "a reservation that is not used is kept",
        SUCCESSION,
        "  if (accounting_ != nullptr) accounting_->give_back(next.reservation, call_);\n",
        "",
    ),
    Bug(
        "a permit is kept when the limits refuse",
        SUCCESSION,
        "    gate_.report(*candidate.target, *next.permit, unused(), now);\n",
        "",
    ),
    # ---- the loop
    Bug(
        "what was lent is kept when the ledger refuses",
        LOOP,
        "    if (!opened) {\n      journey.succession.give_back(next);\n",
        "    if (!opened) {\n",
    ),
    Bug(
        "what was lent is kept when the client leaves in a wait",
        LOOP,
        "    if (!has_waited) {\n      journey.succession.give_back(next);\n",
        "    if (!has_waited) {\n",
    ),
    Bug(
        "another target after the first content",
        LOOP,
        "    if (!delivery.may_fail_over()) {\n      co_await go_on_with_stream(journey, flight);\n"
        "      co_return;\n    }\n",
        "",
    ),
    Bug(
        "a broken stream ends without an error",
        LOOP,
        "co_await journey.delivery.finish(frame);",
        "co_await journey.delivery.finish({});",
    ),
    Bug(
        "a stream is gone on with from its beginning",
        LOOP,
        "    continuation.begun = *std::move(so_far);\n",
        "",
    ),
    Bug(
        "the loser of a race goes on",
        FLIGHT,
        "  has_lost_ = true;\n  cancellation_.cancel();\n",
        "  has_lost_ = true;\n",
    ),
    # ---- one attempt
    Bug(
        "a call is booked twice",
        FLIGHT,
        "  if (journey.is_settled) return false;\n",
        "",
    ),
    Bug(
        "an attempt lands twice",
        FLIGHT,
        "  if (has_landed_) return;\n",
        "",
    ),
    Bug(
        "an attempt's permit is kept",
        FLIGHT,
        "  tools_.gate.report(target(), *plan_.next.permit, until_its_day_ends(end.verdict), now);\n",
        "",
    ),
    Bug(
        "an attempt's reservation is kept",
        FLIGHT,
        "    tools_.accounting->settle(plan_.next.reservation, journey_.call, row());\n",
        "",
    ),
    Bug(
        "an attempt counts as in flight for ever",
        FLIGHT,
        "  count_in_flight(target(), -1);\n",
        "",
    ),
    Bug(
        "who leaves pays nothing",
        FLIGHT,
        "row.is_charged = end.is_ok() || is_delivered || has_left;",
        "row.is_charged = end.is_ok() || (is_delivered && !has_left);",
    ),
    Bug(
        "what may be billed is not exposure",
        FLIGHT,
        "policy::traits(failure).maybe_billed || end.is_beaten ||",
        "end.is_beaten ||",
    ),
    Bug(
        "exposure is charged to the client",
        FLIGHT,
        "(row.is_charged ? row.cost_nanousd : row.exposure_nanousd) = charged.nanousd;",
        "row.cost_nanousd = charged.nanousd;",
    ),
    Bug(
        "a client pays before its request was sent",
        FLIGHT,
        "failure == FailureClass::client && !attempt_.is_sent();",
        "false;",
    ),
    Bug(
        "a repeated answer is not counted",
        FLIGHT,
        "text = text.substr(0, facts.content_bytes);",
        "text.remove_prefix(std::min(text.size(), continuation->begun.text.size()));",
    ),
    Bug(
        "attempts go on without their client",
        FLIGHT,
        "if (!may_drain || !begin_drain()) return cancellation_.cancel();",
        "if (!may_drain || !begin_drain()) return;",
    ),
    Bug(
        "the provider's own count is not believed",
        CHARGE,
        "out.usage = out.is_estimated ? estimate : *told;",
        "out.usage = estimate;",
    ),
    Bug(
        "a stream that just ends is whole",
        ATTEMPT,
        "} else if (piece.is_last && !facts.is_complete) {",
        "} else if (piece.is_last && !facts.has_content) {",
    ),
    Bug(
        "a stream that breaks off is whole",
        ATTEMPT,
        "} else if (is_broken && !facts.is_complete) {",
        "} else if (is_broken && !facts.has_content) {",
    ),
    Bug(
        "the end is missing",
        DELIVERY,
        "  if (is_taken) is_taken = co_await channel_.end();\n",
        "",
    ),
    Bug(
        "a stream is not known to have begun",
        DELIVERY,
        "  const bool is_early = state_ == State::early;\n  state_ = State::streaming;\n"
        "  is_holding_ = false;\n  bool is_taken = !is_gone_;\n",
        "  const bool is_early = state_ == State::early;\n"
        "  is_holding_ = false;\n  bool is_taken = !is_gone_;\n",
    ),
    Bug(
        "what was said is said again",
        RECOVERY,
        "    awaited_.remove_prefix(known);\n    text.remove_prefix(known);\n",
        "    awaited_.remove_prefix(known);\n",
    ),
    # ---- breakers and cooldowns
    Bug(
        "a refusal of the breaker keeps the cooldown's permit",
        GATE,
        "      target_.cooling.cooldown.give_back(*cooling.permit);\n      if (!endpoint",
        "      if (!endpoint",
    ),
    Bug(
        "a stream's success does not end the probation",
        GATE,
        "    target_.cooling.cooldown.succeed(tickets.target_cooldown, provider_.cooldowns, now_);\n"
        "    key_.cooling.cooldown.succeed(tickets.key_cooldown, provider_.cooldowns, now_);\n",
        "",
    ),
    Bug(
        "failures before the first content are not told",
        GATE,
        "      tell_target(tickets.target_breaker, row.breaker, {});\n",
        "",
    ),
    Bug(
        "any number of probes",
        BREAKER,
        "if (probes_ >= options_.half_open_permits) break;  // B-4\n",
        "",
    ),
    Bug(
        "an open breaker lets requests through",
        BREAKER,
        "  enter(State::open, cause);\n"
        "  open_until_ = now + open_time(options_, openings_, random);\n",
        "  enter(State::open, cause);\n  static_cast<void>(random);\n  open_until_ = now;\n",
    ),
    Bug(
        "failures in a row are not counted",
        BREAKER,
        "failures_in_row_ = counts.failures > 0 ? failures_in_row_ + 1 : 0;",
        "failures_in_row_ = 0;",
    ),
    Bug(
        "a failed probe changes nothing",
        BREAKER,
        "if (effect == BreakerEffect::failure) return open(Cause::probe_failed, now, random);",
        "if (effect == BreakerEffect::failure) return static_cast<void>(random);",
    ),
    Bug(
        "everybody comes back at once after a cooldown",
        COOLDOWN,
        "    if (in_flight_ >= allowed_) return {};\n",
        "",
    ),
    Bug(
        "a place on probation is never free again",
        COOLDOWN,
        "if (permit.generation == generation_ && state_ == State::probation) --in_flight_;",
        "static_cast<void>(permit);",
    ),
    # ---- limits and budgets
    Bug(
        "places are not given back",
        ACCOUNT,
        "  concurrency_.leave();\n",
        "",
    ),
    Bug(
        "money stays reserved",
        LIMITS,
        "account.spend(booking->nanousd, spent, share.epoch, now, events);",
        "account.spend(0, spent, share.epoch, now, events);",
    ),
    Bug(
        "a provider's budget forgets exposure",
        LIMITS,
        "row.cost_nanousd + (counts_exposure ? row.exposure_nanousd : 0);",
        "row.cost_nanousd + (counts_exposure ? 0 : row.exposure_nanousd);",
    ),
    Bug(
        "a hard budget lets all through",
        LIMITS,
        "if (!obstacle && share.has_money) obstacle = "
        "share.account->money_obstacle(nanousd, now);",
        "static_cast<void>(nanousd);",
    ),
]


def misplaced(root: Path) -> list[str]:
    """The bugs that have no place, or more than one, in the code below `root`."""
    return [bug.name for bug in BUGS if (root / bug.file).read_text().count(bug.old) != 1]


def is_found(bug: Bug, source: Path, build: Path, seeds: int) -> str:
    """What the simulator says of the bug; empty: nothing."""
    path = source / bug.file
    text = path.read_text()
    path.write_text(text.replace(bug.old, bug.new))
    try:
        made = subprocess.run(
            ["ninja", "-C", build, "weir-sim"], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            print(f"{bug.name}: does not build\n{made.stdout[-3000:]}", flush=True)
            return ""
        try:
            run = subprocess.run(
                [build / "weir-sim", "--seeds", str(seeds)],
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "it hangs"
        if run.returncode == 0:
            return ""
        return run.stdout.strip().splitlines()[-1] if run.returncode == 1 else "it crashes"
    finally:
        path.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    root = arguments.source or Path(__file__).resolve().parents[2]
    lost = misplaced(root)
    for name in lost:
        print(f"has no place in the code any more: {name}")
    if arguments.check or lost:
        return 1 if lost else 0

    bugs = [bug for bug in BUGS if not arguments.names or bug.name in arguments.names]
    found = 0
    for bug in bugs:
        begun = time.monotonic()
        told = is_found(bug, root, arguments.build, arguments.seeds)
        found += 1 if told else 0
        seconds = time.monotonic() - begun
        print(f"{'found ' if told else 'MISSED'} {seconds:5.0f} s  {bug.name}: {told}", flush=True)
    print(f"{found} of {len(bugs)} deliberate bugs found")
    return 0 if found >= FOUND_MIN * len(bugs) else 1


if __name__ == "__main__":
    sys.exit(main())
