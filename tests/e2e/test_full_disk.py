# SPDX-License-Identifier: Apache-2.0
"""A data directory on a disk that fills up (section 16, D-3, D-4): new calls are refused, those
under way are written down, nothing is damaged, and all goes on by itself when there is room again."""

import contextlib
import json
import pathlib
import sqlite3

import pytest

import upstream as fault
from disk import LEDGER, bulky, fill, small_disk
from harness import Weir, eventually, run_weir, user
from upstream import Upstream

DISK_MIB = 24


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", DISK_MIB) as place:
        yield place


def gateway(upstream: Upstream, disk: pathlib.Path) -> Weir:
    weir = Weir({"providers": {"up": upstream.provider}, "threads": 1, "ledger": LEDGER})
    (disk / "data").mkdir(mode=0o700)
    (weir.folder / "data").symlink_to(disk / "data")
    return weir


def ask(weir: Weir) -> tuple[int, str]:
    """The status and the id of the request."""
    answer = weir.chat("up/m", "hello", bulky())
    return answer.status, answer.headers["x-weir-request-id"]


def fill_until_refused(weir: Weir, answered: list[str]) -> None:
    """Calls until the ledger has no room; as long as it has, they are served."""
    for _ in range(5_000):
        status, request = ask(weir)
        if status == 503:
            return
        assert status == 200
        answered.append(request)
    pytest.fail("the ledger goes on on a full disk")


def cli(weir: Weir, *arguments: str):
    return run_weir(*arguments, "--config", str(weir.config_file), folder=weir.folder)


def log_of(weir: Weir) -> dict[str, dict]:
    run = cli(weir, "log", "--json", "--limit", "0")
    assert run.returncode == 0, run.stderr
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert len({row["request_id"] for row in rows}) == len(rows)
    return {row["request_id"]: row for row in rows}


def check_stores(weir: Weir) -> None:
    """D-4: every store opens and passes its own check."""
    for of in ("ledger", "audit"):
        run = cli(weir, of, "verify")
        assert run.returncode == 0, run.stdout + run.stderr
    files = list((weir.folder / "data").resolve().rglob("*.db"))
    assert files
    for file in files:
        with contextlib.closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file


def metric(weir: Weir, name: str) -> float:
    lines = weir.admin("GET", "/metrics").body.decode().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(name + " ")]
    return float(value)


def requests(weir: Weir) -> int:
    answer = weir.admin("GET", "/api/usage?by=all", token=True)
    return answer.json["total"]["requests"] if answer.status == 200 else -1


def test_d4_a_full_disk_refuses_new_calls_and_damages_nothing(disk):
    with Upstream("openai") as upstream, gateway(upstream, disk) as weir:
        answered = [ask(weir)[1]]
        with weir.client() as slow:
            # Under way when the disk is full: its end has its place.
            upstream.script(fault.stall(3))
            body = {"model": "up/m", "messages": user("one two three four five"), "stream": True}
            stream = slow.open("POST", "/v1/chat/completions", body)
            stream.readline()
            ballast = fill(disk)
            fill_until_refused(weir, answered)
            # D-3: nothing can be served, and whoever sends calls here is to know.
            eventually(lambda: weir.get("/readyz").status == 503)
            answer = weir.chat("up/m", "hi")
            assert (answer.status, answer.error["code"]) == (503, "ledger_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            served = len(upstream.calls)
            assert ask(weir)[0] == 503
            assert len(upstream.calls) == served, "nothing is sent that can't be written down"
            answered.append(stream.headers["x-weir-request-id"])
        assert metric(weir, "weir_ledger_lost_total") == 0
        ballast.unlink()
        eventually(lambda: weir.get("/readyz").status == 200)
        eventually(lambda: ask(weir)[0] == 200)
        eventually(lambda: requests(weir) == len(upstream.calls))
        rows = log_of(weir)
        assert [request for request in answered if request not in rows] == []
        assert len(rows) == len(upstream.calls)
        check_stores(weir)
        weir.stop()
        check_stores(weir)
        weir.start()
        assert ask(weir)[0] == 200
        eventually(lambda: requests(weir) == len(upstream.calls))


# X-2, D-4: killed on a full disk it opens again there, and knows what it has acknowledged.
def test_i12_killed_on_a_full_disk_it_opens_again_with_all_it_acknowledged(disk):
    with Upstream("openai") as upstream, gateway(upstream, disk) as weir:
        answered = [ask(weir)[1]]
        ballast = fill(disk)
        fill_until_refused(weir, answered)
        weir.process.kill()
        weir.process.wait()
        ballast.unlink()
        weir.start()
        eventually(lambda: ask(weir)[0] == 200)
        assert [request for request in answered if request not in log_of(weir)] == []
        check_stores(weir)


# Changes are refused where they can't be written down; calls go on (section 16, the audit log).
def test_a_full_disk_refuses_changes_and_keeps_what_there_was(disk):
    with Upstream("openai") as upstream, gateway(upstream, disk) as weir:

        def make(name: str):
            return weir.admin("POST", "/api/keys", {"name": name}, token=True)

        assert make("first").status in (200, 201)
        ballast = fill(disk)
        refused = eventually(lambda: (answer := make("second")).status >= 500 and answer)
        assert (refused.status, refused.error["code"]) == (503, "store_unavailable")
        ballast.unlink()
        assert make("third").status in (200, 201)
        names = [key["name"] for key in weir.admin("GET", "/api/keys", token=True).json["keys"]]
        assert sorted(names) == ["first", "third"]
        check_stores(weir)

