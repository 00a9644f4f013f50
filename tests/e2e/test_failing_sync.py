# SPDX-License-Identifier: Apache-2.0
"""A disk that can't sync, under the running program (X-6): a file whose sync failed is left and
never synced again, its rows are written elsewhere, and no acknowledged call is lost or doubled."""

import collections
import contextlib
import json
import os
import pathlib
import signal
from typing import Iterator

import pytest

from harness import Weir, eventually, run_weir
from shims import make_shim


@pytest.fixture(scope="module")
def shim(tmp_path_factory) -> pathlib.Path:
    return make_shim("failing_sync", tmp_path_factory.mktemp("shim"))


class Disk:
    """What the shim and the test tell each other."""

    def __init__(self, weir: Weir):
        self.held = weir.folder / "held"
        self.fails = weir.folder / "fails"
        self.syncs = weir.folder / "syncs"

    @contextlib.contextmanager
    def no_sync_ends(self) -> Iterator[None]:
        os.mkfifo(self.held)
        yield
        gate = os.open(self.held, os.O_RDWR)  # does not wait for who reads
        self.held.unlink()
        eventually(lambda: any(result == "failed" for result, _ in self.results()))
        os.close(gate)

    def results(self) -> list[tuple[str, str]]:
        lines = self.syncs.read_text().splitlines() if self.syncs.exists() else []
        return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def sync_failures(weir: Weir) -> float:
    page = weir.admin("GET", "/metrics").body.decode()
    [line] = [
        line for line in page.splitlines() if line.startswith("weir_ledger_sync_failures_total")
    ]
    return float(line.split()[-1])


def cli(weir: Weir, *arguments: str) -> str:
    run = run_weir(*arguments, "--data-dir", str(weir.folder / "data"), folder=weir.folder)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def log_of(weir: Weir) -> dict[str, str]:
    rows = [json.loads(line) for line in cli(weir, "log", "--json", "--limit", "0").splitlines()]
    counts = collections.Counter(row["request_id"] for row in rows)
    assert [id for id, count in counts.items() if count > 1] == []
    return {row["request_id"]: row["outcome"] for row in rows}


def requests_added_up(weir: Weir) -> int:
    answer = weir.admin("GET", "/api/usage?by=all", token=True)
    return answer.json["total"]["requests"] if answer.status == 200 else -1


@pytest.mark.parametrize("durability", ["process", "power"])
def test_x6_a_failed_sync_loses_and_doubles_no_call(shim, durability):
    ledger = {"segment_size": "1MiB", "durability": durability}
    with Weir({"providers": {"mock": {"type": "mock"}}, "threads": 1, "ledger": ledger}) as weir:
        assert weir.stop() == 0  # the folders are there
        weir.environment = {"LD_PRELOAD": str(shim), "FAILING_SYNC": str(weir.folder)}
        weir.start()
        disk = Disk(weir)
        answered: list[str] = []

        def ask() -> int:
            answer = weir.chat("mock", "hello")
            if answer.status == 200:
                answered.append(answer.headers["x-weir-request-id"])
            return answer.status

        assert [ask() for _ in range(5)] == [200] * 5
        # Who is promised a sync is refused without one; who is not is served.
        if durability == "power":
            disk.fails.touch()
            assert [ask() for _ in range(5)] == [503] * 5
        else:
            with disk.no_sync_ends():
                disk.fails.touch()
                assert [ask() for _ in range(5)] == [200] * 5
        eventually(lambda: sync_failures(weir) > 0)
        eventually(lambda: "can't be kept as it should" in weir.log())
        assert weir.get("/livez").status == 200
        disk.fails.unlink()
        eventually(lambda: ask() == 200)
        assert [ask() for _ in range(5)] == [200] * 5
        # No call is missing in the sums either, whose own file could not be synced for a while.
        eventually(lambda: requests_added_up(weir) == len(log_of(weir)))

        weir.signal(signal.SIGKILL)
        weir.process.wait()
        given_up: set[str] = set()
        for result, path in disk.results():
            if path.endswith(".open"):
                assert path not in given_up, "it was synced again"
            if result == "failed":
                given_up.add(path)
        assert any(path.endswith(".open") for path in given_up)
        weir.environment = {}
        weir.start()
        rows = log_of(weir)
        assert [id for id in answered if rows.get(id) != "completed"] == []
        cli(weir, "ledger", "verify")
