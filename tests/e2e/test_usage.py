# SPDX-License-Identifier: Apache-2.0
"""What was used and what it cost: every sum is the ledger's, and the providers' own book."""

import csv
import io
import json
import re

import pytest

import answers
import upstream as fault
from harness import Weir, eventually, run_weir
from upstream import Upstream

PRICES = {"input": 1, "cache_read": 0.1, "output": 2}
# What the scripted upstream says of each answer, by hand: 48 plain and 10 cached tokens in, 42 out.
NANO_PER_CALL = 48 * 1_000 + 10 * 100 + 42 * 2_000
DIMENSIONS = ("provider", "model", "key", "user", "team", "organisation", "task", "route", "outcome")


@pytest.fixture
def first():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


@pytest.fixture
def second():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


def gateway(first: Upstream, second: Upstream) -> Weir:
    priced = {"models": {"m": {"price": PRICES}, "dear": {"price": {"input": 10, "output": 20}}}}
    return Weir({
        "providers": {"first": {**first.provider, **priced},
                      "second": {**second.provider, **priced}},
        "models": {"r": {"targets": ["first/m", "second/m"]},
                   "two": {"targets": ["first/m", "first/dear"]}},
    })  # fmt: skip


def usage(weir: Weir, by: str = "day,model", **only: str) -> dict:
    query = "&".join([f"by={by}", *(f"{name}={value}" for name, value in only.items())])
    answer = weir.admin("GET", f"/api/usage?{query}", token=True)
    assert answer.status == 200, answer.body
    return answer.json


def settled(weir: Weir, requests: int) -> dict:
    eventually(lambda: usage(weir)["total"]["requests"] == requests)
    return usage(weir)["total"]


def test_every_sum_is_the_providers_book_to_the_nano_dollar(first, second):
    assert (answers.INPUT_TOKENS, answers.CACHED_TOKENS, answers.OUTPUT_TOKENS) == (58, 10, 42)
    with gateway(first, second) as weir:
        told = 0
        for number in range(6):
            headers = {"x-weir-task": "t", "x-weir-tags": "a,b" if number % 2 else "a"}
            got = weir.chat("r", "hello", headers=headers)
            told += round(float(got.headers["x-weir-cost"]) * 1e9)
        assert weir.stream("r", "hello").finish == ["stop"]
        first.always(fault.status(503))
        for _ in range(3):
            assert weir.chat("r", "hello").status == 200
        total = settled(weir, 10)
        assert total["cost_nanousd"] == 10 * NANO_PER_CALL
        assert told == 6 * NANO_PER_CALL
        assert total["attempts"] == len(first.calls) + len(second.calls)
        for dimension in DIMENSIONS:
            for period in ("hour", "day", "month", "all"):
                rows = usage(weir, f"{period},{dimension}")["rows"]
                assert sum(row["cost_nanousd"] for row in rows) == total["cost_nanousd"]
                assert sum(row["requests"] for row in rows) == 10
        bills = {row["provider"]: row for row in usage(weir, "all,provider")["rows"]}
        assert bills["first"]["cost_nanousd"] == 7 * NANO_PER_CALL
        assert bills["second"]["cost_nanousd"] == 3 * NANO_PER_CALL
        assert bills["first"]["failures"]
        tags = {row["tag"]: row for row in usage(weir, "all,tag")["rows"]}
        assert (tags["a"]["requests"], tags["b"]["requests"]) == (6, 3)
        assert usage(weir, "all,tag", tag="b")["total"]["requests"] == 3
        assert usage(weir, "all", task="t")["total"]["requests"] == 6


def test_sums_survive_a_restart_and_are_not_doubled_by_it(first, second):
    with gateway(first, second) as weir:
        for _ in range(3):
            weir.chat("r", "hello")
        weir.stop()
        weir.start()
        assert settled(weir, 3)["cost_nanousd"] == 3 * NANO_PER_CALL
        weir.chat("r", "hello")
        assert settled(weir, 4)["cost_nanousd"] == 4 * NANO_PER_CALL


def test_the_sums_can_be_made_anew_of_the_ledger(first, second):
    with gateway(first, second) as weir:
        for _ in range(3):
            weir.chat("r", "hello")
        before = settled(weir, 3)
        where = ("--config", str(weir.config_file))
        run = run_weir("usage", "reindex", *where, folder=weir.folder)
        assert run.returncode == 0, run.stderr
        weir.chat("r", "hello")
        assert settled(weir, 4)["cost_nanousd"] == before["cost_nanousd"] + NANO_PER_CALL
        weir.stop()
        (weir.folder / "data/usage.db").unlink()
        weir.start()
        assert settled(weir, 4)["cost_nanousd"] == 4 * NANO_PER_CALL


def test_tells_what_it_could_have_cost(first, second):
    with gateway(first, second) as weir:
        weir.chat("two", "hello")
        total = settled(weir, 1)
        assert total["cheapest_nanousd"] == NANO_PER_CALL
        assert total["dearest_nanousd"] == 58 * 10_000 + 42 * 20_000
        assert total["cache_savings_nanousd"] == 10 * 900
        run = run_weir("usage", "--config", str(weir.config_file), folder=weir.folder)
        head, row, _ = (re.split("  +", line.strip()) for line in run.stdout.splitlines())
        told = dict(zip(head, row, strict=True))
        assert (told["CHEAPEST"], told["DEAREST"]) == ("$0.000133", "$0.00142")


def test_the_command_line_shows_the_same_as_a_table_json_and_csv(first, second):
    with gateway(first, second) as weir:
        for _ in range(2):
            weir.chat("r", "hello")
        settled(weir, 2)
        where = ("--config", str(weir.config_file))
        run = run_weir("usage", *where, "--by", "day,model", folder=weir.folder)
        assert run.returncode == 0, run.stderr
        assert "TIME" in run.stdout and "$0.000266" in run.stdout
        run = run_weir("usage", *where, "--by", "route", "--format", "csv", folder=weir.folder)
        rows = list(csv.DictReader(io.StringIO(run.stdout)))
        assert [row["cost_nanousd"] for row in rows] == [str(2 * NANO_PER_CALL)]
        run = run_weir("usage", *where, "--format", "json", folder=weir.folder)
        assert json.loads(run.stdout)["total"]["cost_nanousd"] == 2 * NANO_PER_CALL
        for question in ("forecast", "runway"):
            run = run_weir("usage", question, *where, folder=weir.folder)
            assert run.returncode == 0, run.stderr
        spent = weir.admin("GET", "/api/usage/forecast", token=True).json
        assert spent["spent_nanousd"] == 2 * NANO_PER_CALL <= spent["expected_nanousd"]


def test_a_question_that_means_nothing_is_refused(first, second):
    with gateway(first, second) as weir:
        for query in ("by=colour", "since=soon", "until=2026-01-01T00:30", "format=xml"):
            assert weir.admin("GET", f"/api/usage?{query}", token=True).status == 400, query


def test_whatif_replays_the_ledger_against_other_routes(first, second):
    with gateway(first, second) as weir:
        for _ in range(4):
            weir.chat("two", "hello")
        settled(weir, 4)
        other = weir.folder / "other.yaml"
        other.write_text("models: { two: { targets: [first/dear] } }\n")
        arguments = ("whatif", "--config", str(weir.config_file), "--route", str(other))
        run = run_weir(*arguments, "--json", folder=weir.folder)
        assert run.returncode == 0, run.stderr
        total = json.loads(run.stdout)["total"]
        assert total["requests"] == 4 and total["unserved"] == 0
        assert total["cost_nanousd"] == 4 * NANO_PER_CALL
        assert total["projected_cost_nanousd"] == 4 * (58 * 10_000 + 42 * 20_000)
        assert total["targets"] == {"first/dear": 4}
        assert "+967.7%" in run_weir(*arguments, folder=weir.folder).stdout
        price = "{ input: 20, output: 40, cache_read: 20 }"
        other.write_text(
            "providers: { first: { models: { dear: { price: %s } } } }\n"
            "models: { two: { targets: [first/dear] } }\n" % price
        )
        for _ in range(2):  # of calls that went elsewhere, and of one that went there already
            run = run_weir(*arguments, "--json", folder=weir.folder)
            total = json.loads(run.stdout)["total"]
            assert total["projected_cost_nanousd"] == total["requests"] * (58 + 42 * 2) * 20_000
            assert weir.chat("first/dear", "hello").status == 200


# S-11.4: what asks several servers is written down more than once under one id.
def test_a_request_to_several_servers_does_not_hold_up_what_comes_behind_it():
    with Upstream("ollama") as one, Upstream("ollama") as other:
        with Weir({"providers": {"one": one.provider, "other": other.provider}}) as weir:
            assert weir.get("/api/ps").status == 200
            for count in (2, 3):
                assert weir.chat("mock", "hello").status == 200
                settled(weir, count)
