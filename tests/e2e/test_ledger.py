# SPDX-License-Identifier: Apache-2.0
"""The ledger in the running program: every call once, whatever happens to the process (X-1, X-2).

WEIR_LEDGER_KILLS sets how often the gateway is killed; the long run takes 1,000."""

import collections
import contextlib
import http.client
import json
import os
import random
import signal
import sqlite3
import threading
import time

import pytest

import upstream as fault
from harness import Weir, eventually, run_weir, user
from upstream import Upstream

KILLS = int(os.environ.get("WEIR_LEDGER_KILLS", "50"))
CONFIG = {"providers": {"mock": {"type": "mock"}}, "ledger": {"segment_size": "1MiB"}}


def run_log(weir, *arguments):
    return run_weir("log", "--json", "--limit", "0", "--data-dir", str(weir.folder / "data"),
                    *arguments, folder=weir.folder)


def log_of(weir, *arguments) -> list[dict]:
    run = run_log(weir, *arguments)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def verify(weir) -> None:
    run = run_weir("ledger", "verify", "--data-dir", str(weir.folder / "data"),
                   folder=weir.folder)
    assert run.returncode == 0, run.stdout + run.stderr


# the entry is there before the client has the end of its answer, streamed or not.
@pytest.mark.parametrize("durability", ["process", "power"])
def test_x1_a_call_is_in_the_ledger_when_its_answer_is(durability):
    ledger = {**CONFIG["ledger"], "durability": durability}
    with Weir({**CONFIG, "ledger": ledger}) as weir:
        whole = weir.chat("mock", "hello", {"x-weir-task": "greeting", "x-weir-tags": "a, b"})
        stream = weir.stream("mock", "hello")
        rows = {row["request_id"]: row for row in log_of(weir)}
        row = rows[whole.headers["x-weir-request-id"]]
        assert row["outcome"] == "completed" and not row["stream"]
        assert (row["task"], row["tags"], row["endpoint"]) == ("greeting", ["a", "b"], "chat")
        assert row["usage"]["output"] == whole.json["usage"]["completion_tokens"]
        assert rows[stream.headers["x-weir-request-id"]]["stream"]
        verify(weir)


# S-11.2, S-10.2: whoever leaves in the middle pays for what had come, and the upstream is told.
@pytest.mark.parametrize(
    "wishes",
    [{}, {"response_format": {"type": "json_object"}}, {"logprobs": True}, {"n": 2}],
    ids=["plain", "json", "logprobs", "choices"],
)
def test_s11_2_a_client_that_leaves_after_the_first_content_pays_what_was_delivered(wishes):
    with Upstream("openai") as up:
        up.script(fault.stall(5))
        price = {"price": {"input": 1, "output": 1_000_000}}
        provider = {**up.provider, "models": {"m": price}}
        with Weir({"providers": {"up": provider}}) as weir:
            client = weir.client()
            body = {"model": "up/m", "stream": True, "messages": user("a b c d e f g h i j")}
            body.update(wishes)
            answer = client.open("POST", "/v1/chat/completions", body)
            text = b""
            while text.count(b'"content"') < 5:
                text += answer.readline()
            left_at = time.monotonic()
            answer.close()
            client.connection.close()
            call = up.calls[0]
            assert call.caller_gone.wait(10)
            row = eventually(lambda: log_of(weir))[0]
            assert row["outcome"] == "cancelled_client" and row["estimated"]
            assert 0 < row["usage"]["output"] <= 10
            assert row["usage"]["input"] > 0 and int(row["cost_nanousd"]) > 0
            assert call.gone_at - left_at < 1
            verify(weir)


# The index answers; what it does not know is looked for in the ledger itself.
def test_one_call_is_found_by_its_id_with_the_index_and_without():
    with Weir(CONFIG) as weir:
        ids = [weir.chat("mock", "hello").headers["x-weir-request-id"] for _ in range(3)]
        assert weir.stop() == 0
        index = weir.folder / "data" / "usage.db"

        def assert_found():
            for one in ids:
                assert [row["request_id"] for row in log_of(weir, "--id", one)] == [one]
            for other in (["--id", "req_nobody"], ["--id", ids[0], "--outcome", "failed"]):
                run = run_log(weir, *other)
                assert (run.returncode, run.stdout) == (1, ""), other
                assert run.stderr == "the ledger has no such call\n"

        assert_found()
        with contextlib.closing(sqlite3.connect(index)) as database, database:
            rows = database.execute("SELECT id, calls FROM places").fetchall()
            assert sum(calls[0] for _, calls in rows) == len(ids), "each begins with their number"
            for row, calls in rows:  # and ends with where the last of them stands
                database.execute(
                    "UPDATE places SET calls = ? WHERE id = ?", (calls[:-1] + b"\x01", row)
                )
        assert_found()
        with contextlib.closing(sqlite3.connect(index)) as database, database:
            database.execute("DELETE FROM places")
        assert_found()
        for file in index.parent.glob("usage.db*"):
            file.unlink()
        assert_found()
        assert not index.exists(), "looking makes no index"


def ask_until_killed(weir, answered: list[str]) -> None:
    try:
        with weir.client() as client:
            while True:
                body = {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}
                answer = client.request("POST", "/v1/chat/completions", body)
                if answer.status == 200:
                    answered.append(answer.headers["x-weir-request-id"])
    except (OSError, http.client.HTTPException):
        return


# X-2, I-12: no acknowledged settlement lost, none doubled, no repair needed.
@pytest.mark.parametrize("durability, kills", [("process", KILLS), ("power", KILLS // 10)])
def test_x2_no_kill_loses_or_doubles_a_call(durability, kills):
    seed = int(os.environ.get("WEIR_LEDGER_SEED", str(time.time_ns() % 1_000_000)))
    print("seed", seed)
    chance = random.Random(seed)
    answered: list[str] = []
    ledger = {**CONFIG["ledger"], "durability": durability}
    with Weir({**CONFIG, "ledger": ledger}) as weir:
        for _ in range(kills):
            threads = [
                threading.Thread(target=ask_until_killed, args=(weir, answered)) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            threads[0].join(chance.uniform(0.0, 0.15))  # it goes on until the end
            weir.signal(signal.SIGKILL)
            weir.process.wait()
            for thread in threads:
                thread.join()
            weir.start()
        rows = collections.Counter(row["request_id"] for row in log_of(weir))
        assert [id for id in answered if rows[id] == 0] == []
        assert [id for id, count in rows.items() if count > 1] == []
        verify(weir)


# what is damaged before the end is passed over and told, or refused where the operator asks so.
def test_x4_damage_is_told_at_the_start_and_refused_where_it_is_to_be():
    with Weir({**CONFIG, "threads": 1}) as weir:
        ids = [weir.chat("mock", "hello").headers["x-weir-request-id"] for _ in range(5)]
        weir.signal(signal.SIGKILL)
        weir.process.wait()
        [segment] = [
            path for path in (weir.folder / "data" / "ledger").glob("*.open")
            if ids[0].encode() in path.read_bytes()
        ]  # fmt: skip
        content = bytearray(segment.read_bytes())
        content[content.rindex(ids[2].encode()) + 8] ^= 1  # within the third call's settlement
        segment.write_bytes(content)

        config = weir.config
        weir.config = {**config, "ledger": {**CONFIG["ledger"], "strict": True}}
        for _ in range(2):  # a supervisor tries again, and is told the same
            with pytest.raises(AssertionError, match="status 74"):
                weir.start()
        assert "the ledger is damaged" in weir.log()
        weir.config = config
        weir.start()
        assert weir.chat("mock", "hello").status == 200
        outcomes = {row["request_id"]: row["outcome"] for row in log_of(weir)}
        assert [outcomes[one] for one in ids] == ["completed"] * 2 + ["unknown"] + ["completed"] * 2
        run = run_weir("ledger", "verify", "--data-dir", str(weir.folder / "data"),
                       folder=weir.folder)
        assert run.returncode == 1 and "records missing" in run.stdout


# of a stream that a kill cut off, what had come by the last checkpoint is booked, as an estimate.
def test_x3_a_killed_streams_tokens_are_booked_up_to_its_last_checkpoint():
    text = " ".join(f"word{i}" for i in range(4000))
    with Upstream("openai") as upstream, Weir({"providers": {"up": upstream.provider}}) as weir:
        upstream.script(fault.stall(3000))
        body = {"model": "up/m", "messages": user(text), "stream": True}
        with weir.client() as client:
            stream = client.open("POST", "/v1/chat/completions", body)
            while b"word2500" not in stream.readline():
                pass
            weir.signal(signal.SIGKILL)
            weir.process.wait()
        weir.start()
        [row] = eventually(lambda: log_of(weir))
        assert (row["outcome"], row["estimated"]) == ("unknown", True)
        [attempt] = row["attempts"]
        assert attempt["charged"] and 1_000 <= row["usage"]["output"] <= 12_000
        assert attempt["usage"]["output"] == row["usage"]["output"]
        verify(weir)
