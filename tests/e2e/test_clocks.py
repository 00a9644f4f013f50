# SPDX-License-Identifier: Apache-2.0
"""The wall clock of the running program is set: windows of quotas and budgets go by it, and by
nothing else (section 19)."""

import concurrent.futures
import datetime
import pathlib
import zoneinfo

import pytest

from harness import Weir, eventually
from shims import make_shim
from upstream import Gate, Upstream, held_by

ZONE = zoneinfo.ZoneInfo("Europe/Berlin")
LIMITS = {"requests_per_day": 3, "time_zone": "Europe/Berlin"}


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> pathlib.Path:
    return make_shim("moved_clock", tmp_path_factory.mktemp("shim"))


class Clock:
    """What the gateway takes for the time."""

    def __init__(self, folder: pathlib.Path):
        self.file = folder / "clock"

    def set(self, local: str) -> None:
        """To a local time in `ZONE`: `2026-03-29 01:30`."""
        then = datetime.datetime.fromisoformat(local).replace(tzinfo=ZONE).timestamp()
        now = datetime.datetime.now(datetime.UTC).timestamp()
        new = self.file.with_suffix(".new")
        new.write_text(str(round(then - now)))
        new.replace(self.file)


@pytest.fixture
def clock(tmp_path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one


def gateway(upstream: Upstream, shim: pathlib.Path, clock: Clock, **more) -> Weir:
    config = {"providers": {"one": upstream.provider}, "limits": LIMITS, **more}
    return Weir(config, {"LD_PRELOAD": str(shim), "MOVED_CLOCK": str(clock.file)})


def quota(weir: Weir) -> dict:
    shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
    (limit,) = [one for one in shown if one.get("period") == "day" and one["unit"] == "requests"]
    return limit


def hours_left(weir: Weir) -> float:
    return quota(weir)["reset_ms"] / 3_600_000


def admitted(weir: Weir, count: int) -> int:
    return [weir.chat("one/m", "hi").status for _ in range(count)].count(200)


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-10", 24)]
)
def test_w4_a_days_quota_lasts_from_midnight_to_midnight_when_the_clocks_change(
    upstream, shim, clock, night, hours
):
    clock.set(night + " 00:00:30")
    with gateway(upstream, shim, clock) as weir:
        assert abs(hours_left(weir) - hours) < 0.1
        assert admitted(weir, 2) == 2
        clock.set(night + " 23:58")
        assert admitted(weir, 3) == 1, "it is the same day"
        day = datetime.date.fromisoformat(night) + datetime.timedelta(days=1)
        clock.set(f"{day} 00:00:30")
        assert admitted(weir, 4) == 3
        assert abs(hours_left(weir) - 24) < 0.1
        weir.stop()
        weir.start()
        assert quota(weir)["used"] == 3, "the ledger says the same"


def test_w2_a_clock_that_is_set_back_opens_no_window_that_is_over(upstream, shim, clock):
    clock.set("2026-06-10 00:10")
    with gateway(upstream, shim, clock) as weir:
        assert admitted(weir, 3) == 3
        clock.set("2026-06-09 23:00")
        assert admitted(weir, 2) == 0, "neither yesterday's nor today's"
        clock.set("2026-06-10 09:00")
        assert admitted(weir, 2) == 0
        clock.set("2026-06-11 09:00")
        assert admitted(weir, 2) == 2


def test_w3_a_clock_that_leaps_ahead_begins_one_window_and_ends_no_call(upstream, shim, clock):
    clock.set("2026-06-10 12:00")
    with gateway(upstream, shim, clock) as weir, Gate() as gate, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert admitted(weir, 2) == 2
        upstream.script(held_by(gate))
        held = pool.submit(weir.chat, "one/m", "hi")
        eventually(lambda: len(upstream.calls) == 3)
        clock.set("2026-06-11 12:00")
        assert admitted(weir, 2) == 2
        gate.open()
        assert held.result().status == 200
        assert quota(weir)["used"] == 2, "it is of the day in which it began (U-4)"
        assert admitted(weir, 2) == 1


def test_l13_limits_of_minutes_know_nothing_of_the_wall_clock(upstream, shim, clock):
    clock.set("2026-06-10 12:00")
    limits = {"requests_per_minute": 2, "requests_per_hour": 5}
    with gateway(upstream, shim, clock, limits=limits) as weir:
        assert admitted(weir, 3) == 2
        for local in ("2026-06-10 13:00", "2026-06-10 11:00", "2026-06-12 12:00"):
            clock.set(local)
            assert admitted(weir, 2) == 0, local
