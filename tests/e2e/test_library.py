# SPDX-License-Identifier: Apache-2.0
"""The ledger of a program that links the library, read by `weir`: every call once, whatever happens
to that program (X-1, X-2).

WEIR_LEDGER_KILLS sets how often it is killed."""

import collections
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

from harness import BINARY, Weir, clean_environment, eventually, run_weir

PROGRAM = pathlib.Path(BINARY).resolve().parent / "library_calls"
KILLS = int(os.environ.get("WEIR_LEDGER_KILLS", "30"))
CONFIG = {
    "providers": {
        "mock": {"type": "mock"},
        "priced": {
            "type": "mock",
            "models": {"hello": {"price": {"input": 1, "output": 5}}},
        },
    },
    "models": {"smart": ["mock/error-500", "priced/hello"]},
    "default_model": "smart",
    "ledger": {"segment_size": "1MiB"},
}

# Beside a program of another place it may be missing; where everything is built, it may not.
pytestmark = pytest.mark.skipif(
    not PROGRAM.exists() and "CI" not in os.environ, reason=f"there is no {PROGRAM}"
)


class Caller:
    """A program with the library, its configuration and its data directory."""

    def __init__(self, folder: pathlib.Path, config: dict):
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "library.yaml"
        self.config.write_text(json.dumps({"data_dir": str(self.data), **config}))

    def start(self, calls: int = 1_000_000_000) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, self.config, str(calls)], cwd=self.folder, text=True,
            env=clean_environment(self.folder), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def answers(self, calls: int) -> dict[str, int]:
        """Of a run to its end: the cost of each call by its request id."""
        process = self.start(calls)
        out, problems = process.communicate(timeout=60)
        assert process.returncode == 0, problems
        return read_answers(out.splitlines())

    def weir(self, *arguments: str) -> str:
        run = run_weir(*arguments, "--data-dir", str(self.data), folder=self.folder)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def rows(self) -> list[dict]:
        return [json.loads(line) for line in self.weir("log", "--json", "-n", "0").splitlines()]

    def usage(self, by: str = "provider") -> dict:
        return json.loads(self.weir("usage", "--by", by, "--format", "json"))


def read_answers(lines) -> dict[str, int]:
    return {id: int(cost) for id, cost in (line.split() for line in lines)}


@pytest.fixture(name="caller")
def make_caller(tmp_path) -> Caller:
    return Caller(tmp_path, CONFIG)


def test_what_a_program_with_the_library_wrote_is_shown(caller):
    answers = caller.answers(50)
    assert len(answers) == 50 and all(cost > 0 for cost in answers.values())
    rows = caller.rows()
    assert {row["request_id"]: row["cost_nanousd"] for row in rows} == answers
    for row in rows:
        assert (row["route"], row["target"], row["outcome"]) == (
            "smart", "priced/hello", "completed")  # fmt: skip
        assert [attempt["target"] for attempt in row["attempts"]][-1] == "priced/hello"
        assert row["stream"] == (row["tags"] == ["kind=stream"])
    assert "the ledger is sound" in caller.weir("ledger", "verify")
    one = rows[7]["request_id"]
    assert json.loads(caller.weir("log", "--id", one))["request_id"] == one


def test_its_usage_is_added_up_without_a_gateway(caller):
    costs: dict[str, int] = {}
    for round in (1, 2):
        costs |= caller.answers(20)
        total = caller.usage()["total"]
        assert total["requests"] == len(costs) == 20 * round
        assert total["cost_nanousd"] == sum(costs.values())
    tags = {row["tag"]: row["requests"] for row in caller.usage("tag")["rows"]}
    assert tags == {"kind=whole": 20, "kind=stream": 20}
    assert "20" in caller.weir("usage", "--by", "tag")
    assert json.loads(caller.weir("usage", "forecast", "--format", "json"))["spent_nanousd"] > 0
    assert "No provider with a free tier" in caller.weir("usage", "runway")
    for words in (["usage"], ["log"], ["ledger", "verify"]):
        run = run_weir(*words, "--data-dir", str(caller.folder / "none"), folder=caller.folder)
        assert run.returncode != 0 and "no ledger" in run.stderr, words


# I-12, X-2: no answer that was told is lost, none doubled, no repair needed; and the gateway's own
# program goes on with what the library left.
@pytest.mark.parametrize("durability, kills", [("process", KILLS), ("power", KILLS // 10)])
def test_x2_no_kill_of_it_loses_or_doubles_a_call(tmp_path, durability, kills):
    seed = int(os.environ.get("WEIR_LEDGER_SEED", str(time.time_ns() % 1_000_000)))
    print("seed", seed)
    chance = random.Random(seed)
    ledger = {**CONFIG["ledger"], "durability": durability}
    caller = Caller(tmp_path, {**CONFIG, "threads": 2, "ledger": ledger})
    answers: dict[str, int] = {}
    for _ in range(kills):
        process = caller.start()
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout))
        reader.start()
        eventually(lambda: lines)
        reader.join(chance.uniform(0.0, 0.15))  # it goes on until the end
        process.send_signal(signal.SIGKILL)
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
        answers |= read_answers(lines)
    answers |= caller.answers(1)  # what the last kill left is settled
    all_rows = caller.rows()
    count = collections.Counter(row["request_id"] for row in all_rows)
    assert [id for id in answers if count[id] == 0] == []
    assert [id for id in count if count[id] > 1] == []
    rows = {row["request_id"]: row for row in all_rows}
    assert {id: rows[id]["cost_nanousd"] for id in answers} == answers
    unknown = [row for row in rows.values() if row["outcome"] == "unknown"]
    assert unknown, "no call was under way at any kill"
    assert "the ledger is sound" in caller.weir("ledger", "verify")
    total = caller.usage()["total"]
    assert total["requests"] == len(rows)
    assert total["cost_nanousd"] == sum(row["cost_nanousd"] for row in rows.values())


# H-8: one at a time, and the other is told who it is.
def test_the_library_and_the_gateway_take_turns_in_one_directory(caller):
    with Weir({**CONFIG, "data_dir": str(caller.data)}) as weir:
        assert weir.chat("smart", "hello").status == 200
        process = caller.start(1)
        _, problems = process.communicate(timeout=60)
        assert process.returncode != 0
        assert f"in use by process {weir.process.pid}" in problems
    answers = caller.answers(10)
    with Weir({**CONFIG, "data_dir": str(caller.data)}) as weir:
        def usage():
            return weir.admin("GET", "/api/usage?by=provider", token=True)

        weir.admin_token = lambda: (caller.data / "admin-token").read_text().strip()
        eventually(lambda: usage().json["total"]["requests"] == 1 + len(answers))
    process = caller.start()
    with contextlib.closing(process.stdout), contextlib.closing(process.stderr):
        assert process.stdout.readline()
        total = caller.usage()["total"]["requests"]
        assert total > 11, "it may be added up while it is written"
        with pytest.raises(AssertionError, match="in use by process"):
            with Weir({**CONFIG, "data_dir": str(caller.data)}):
                pass
        process.kill()
        process.wait()


def test_budgets_of_the_library_outlive_its_process(tmp_path):
    budget = 0.01
    caller = Caller(tmp_path, {**CONFIG, "budget": {"monthly": budget}})
    first = caller.answers(400)
    assert 0 < len(first) < 400, "the budget is used up on the way"
    assert caller.answers(400) == {}
    assert sum(row["cost_nanousd"] for row in caller.rows()) <= budget * 1e9
