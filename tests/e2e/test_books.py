# SPDX-License-Identifier: Apache-2.0
"""The same calls in the ledger, its sums, the limits and the metrics: every sum equal (I-3), whatever
providers answer and whenever prices change."""

import collections
import concurrent.futures
import decimal
import json

import pytest

import answers
import upstream as fault
from harness import Weir, eventually, run_weir
from upstream import Upstream

KEY = "sk-weir-test-0123456789abcdef0123456789"
HEADERS = {"authorization": "Bearer " + KEY}
PRICED = {"m": {"price": {"input": 1, "output": 10}}, "n": {"price": {"input": 3, "output": 7}}}
TEXT = "word " * 120
BOUNDS = {
    "budget": {"daily": "5", "monthly": "9"},
    "limits": {"requests_per_day": 1000, "tokens_per_month": 10_000_000},
}


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one


def config_of(upstream: Upstream, **more) -> dict:
    return {
        "providers": {"one": {**upstream.provider, "models": PRICED, **BOUNDS}},
        "keys": [{"key": KEY, "user": "ann", **BOUNDS}],
        "users": {"ann": BOUNDS},
        **BOUNDS,
        **more,
    }


def log_of(weir: Weir) -> list[dict]:
    run = run_weir("log", "--json", "--limit", "0", "--config", str(weir.config_file),
                   folder=weir.folder)  # fmt: skip
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def total(weir: Weir) -> dict:
    answer = weir.admin("GET", "/api/usage?by=all", token=True)
    return answer.json["total"] if answer.status == 200 else {"requests": -1}


def used(weir: Weir) -> dict[tuple, int]:
    """Of every window, by scope, name, unit and period."""
    shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
    return {
        (one["scope"], one.get("name", ""), one["unit"], one["period"]): one.get(
            "used_nanousd", one.get("used")
        )
        for one in shown
        if "period" in one
    }


def spent(weir: Weir) -> dict[str, set[int]]:
    amounts = collections.defaultdict(set)
    for (scope, _, unit, _), amount in used(weir).items():
        if unit == "usd":
            amounts[scope].add(amount)
    return dict(amounts)


def metrics(weir: Weir) -> dict[str, decimal.Decimal]:
    lines = weir.admin("GET", "/metrics").body.decode().splitlines()
    return {
        name: decimal.Decimal(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
        if value not in ("NaN", "+Inf")
    }


def check_after_restart(weir: Weir) -> None:
    before = used(weir)
    assert all(amount >= 0 for amount in before.values()), before
    weir.stop()
    weir.start()
    assert used(weir) == before


def check_books(weir: Weir, calls: int) -> list[dict]:
    """Ledger, sums and budgets agree on so many calls, now and after a restart."""
    eventually(lambda: total(weir)["requests"] == calls)
    log = log_of(weir)
    assert len(log) == calls
    cost = sum(row["cost_nanousd"] for row in log)
    exposure = sum(row.get("exposure_nanousd", 0) for row in log)
    for row in log:
        charged = [one for one in row["attempts"] if one["charged"]]
        assert row["cost_nanousd"] == sum(one["cost_nanousd"] for one in charged), row
    assert total(weir)["cost_nanousd"] == cost
    whole = {"key": {cost}, "user": {cost}, "global": {cost + exposure}}
    assert {scope: amounts for scope, amounts in spent(weir).items() if scope in whole} == whole
    check_after_restart(weir)
    return log


def input_of(usage: dict) -> int:
    return sum(usage.get(kind, 0) for kind in usage if kind.startswith("input"))


def output_of(usage: dict) -> int:
    return sum(usage.get(kind, 0) for kind in usage if kind.startswith("output"))


def test_i3_ledger_sums_budgets_and_metrics_agree_after_a_mixed_load_with_faults(upstream):
    with Upstream("openai") as second:
        config = config_of(upstream, threads=2)
        config["providers"]["two"] = {**second.provider, "models": PRICED, **BOUNDS}
        config["models"] = {"r": {"targets": ["one/m", "one/n", "two/m"], **BOUNDS}}
        faults = [fault.status(500), fault.cut_after(3), fault.hang_up(), fault.status(429),
                  fault.cut_after(2, True), fault.reset(), fault.error_event_after(2),
                  fault.no_terminator(), fault.broken_event_after(2), fault.status(400)]  # fmt: skip
        with Weir(config) as weir:
            upstream.script(*[one for each in faults for one in (each, fault.well())])
            second.script(fault.hang_up(), fault.cut_after(4), fault.status(503))
            names = ("r", "one/m", "two/n", "one/nobody")

            def ask(number: int) -> None:
                weir.chat(names[number % 4], TEXT, HEADERS, stream=number % 3 == 0, max_tokens=64)

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(ask, range(120)))
            eventually(lambda: metrics(weir)["weir_calls_in_flight"] == 0)
            counted = metrics(weir)
            eventually(lambda: total(weir)["requests"] == counted["weir_ledger_settlements_total"])
            log = log_of(weir)
            attempts = [one for row in log for one in row["attempts"]]
            assert counted["weir_ledger_intents_total"] == len(log)
            assert counted["weir_reservations_open"] == 0
            for provider in ("one", "two"):
                own = [one for one in attempts if one["provider"] == provider]
                charged = [one for one in own if one["charged"]]
                label = f'provider="{provider}"'
                said = {name: amount for name, amount in counted.items() if label in name}
                assert said[f"weir_attempts_total{{{label}}}"] == len(own)
                failed = said[f"weir_failures_total{{{label}}}"]
                refused = said[f"weir_refusals_total{{{label}}}"]
                assert failed + refused == sum(one["end"] != "ok" for one in own)
                cost = sum(one["cost_nanousd"] for one in charged)
                assert said[f"weir_cost_usd_total{{{label}}}"] * 10**9 == cost
                tokens = {way: amount for name, amount in said.items() for way in ("input", "output")
                          if name.startswith("weir_tokens_total") and f'"{way}"' in name}  # fmt: skip
                assert tokens["input"] == sum(input_of(one["usage"]) for one in charged)
                assert tokens["output"] == sum(output_of(one["usage"]) for one in charged)
                exposure = sum(one["exposure_nanousd"] for one in own)
                assert used(weir)["provider", provider, "usd", "day"] == cost + exposure
            assert len({one["end"] for one in attempts}) > 4, "it was not a load with faults"
            check_books(weir, len(log))


def streamed(usage: dict | None) -> bytes:
    """A stream of three words that says this of its usage."""

    def chunk(**members) -> bytes:
        whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}
        return b"data: " + json.dumps(whole).encode() + b"\n\n"

    def choice(delta: dict, reason: str | None = None) -> dict:
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    text = b"".join(chunk(**choice({"content": word})) for word in ("hello", " there", " friend"))
    text += chunk(**choice({}, "stop"))
    return text + (b"" if usage is None else chunk(choices=[], usage=usage)) + b"data: [DONE]\n\n"


ODD = [
    None,
    {},
    {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": 7, "completion_tokens": None},
    {"prompt_tokens": "7", "completion_tokens": 3},
    {"prompt_tokens": -1, "completion_tokens": 3},
    {"prompt_tokens": 2.5, "completion_tokens": 3},
    {"prompt_tokens": 1e30, "completion_tokens": 3},
    {"prompt_tokens": 2**62, "completion_tokens": 2**62},
    {"prompt_tokens": 10, "completion_tokens": 2**63 - 1},
    {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -5}},
]


def test_s11_8_usage_that_makes_no_sense_costs_what_was_delivered(upstream):
    """Neither nothing nor a fortune, and all books say the same."""
    with Weir(config_of(upstream)) as weir:
        for usage in ODD:
            upstream.script(fault.ok_with(streamed(usage), "text/event-stream"))
            assert weir.chat("one/m", TEXT, HEADERS, stream=True).status == 200
        log = check_books(weir, len(ODD))
        for row in log:
            assert output_of(row["usage"]) > 0, row  # S-11.1: content was delivered
            assert 0 < row["cost_nanousd"] < 10_000_000, row
            assert row["attempts"][0]["estimated"], row


# Where a whole answer of each dialect tells of its output, and how it is asked for in that dialect.
OWN = {
    "openai": ("usage", "completion_tokens", "/v1/chat/completions", {"messages": "turns"}),
    "responses": ("usage", "output_tokens", "/v1/responses", {"input": "text"}),
    "anthropic": ("usage", "output_tokens", "/v1/messages", {"messages": "turns", "max_tokens": 64}),
    "gemini": ("usageMetadata", "candidatesTokenCount", "/v1beta/models/r:generateContent",
               {"contents": "parts"}),
    "ollama": (None, "eval_count", "/api/chat", {"messages": "turns", "stream": False}),
}  # fmt: skip
WISHES = {"text": TEXT, "turns": [{"role": "user", "content": TEXT}],
          "parts": [{"role": "user", "parts": [{"text": TEXT}]}]}  # fmt: skip


@pytest.mark.parametrize("dialect", OWN)
def test_s11_8_an_impossible_count_is_passed_on_and_marked_but_never_charged(dialect):
    """A client of the provider's own dialect gets every byte as it came; no book believes them."""
    place, count, path, wish = OWN[dialect]
    model = {} if dialect == "gemini" else {"model": "r"}
    wish = {**model, **{key: WISHES.get(what, what) for key, what in wish.items()}}
    ask = answers.Ask("m", [], {})
    with Upstream(dialect) as upstream:
        with Weir(config_of(upstream, models={"r": {"targets": ["one/m"]}})) as weir:
            for odd in (-3, 2**53 + 1, 10**20, 2.5):
                told = upstream.dialect.write(ask, answers.Reply("hello there"))
                (told[place] if place else told)[count] = odd
                body = json.dumps(told).encode()
                upstream.script(fault.ok_with(body), fault.ok_with(body))
                same = weir.post(path, wish, HEADERS)
                other = weir.chat("one/m", TEXT, HEADERS)
                for got in (same, other):
                    assert got.status == 200, (odd, got.body)
                    assert got.headers["x-weir-warning"] == "impossible_usage", odd
                    assert 0 < nanousd_of(got) < 10_000_000, odd
                if dialect != "ollama":  # its numbers are written anew
                    assert (same.json[place] if place else same.json)[count] == odd
            for row in check_books(weir, 8):
                assert row["impossible_usage"] and row["attempts"][0]["estimated"], row
                assert 0 < output_of(row["usage"]) < 1_000, row
                assert 0 < row["cost_nanousd"] < 10_000_000, row


# Where each dialect's vectors say how many tokens they took.
EMBEDDED = {
    "openai": lambda odd: {"object": "list", "model": "m", "usage": {"prompt_tokens": odd},
                           "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}]},
    "gemini": lambda odd: {"embeddings": [{"values": [1.0]}],
                           "usageMetadata": {"promptTokenCount": odd}},
    "ollama": lambda odd: {"model": "m", "embeddings": [[1.0]], "prompt_eval_count": odd},
}  # fmt: skip


@pytest.mark.parametrize("dialect", EMBEDDED)
def test_s11_8_an_impossible_count_of_embeddings_is_never_charged(dialect):
    with Upstream(dialect) as upstream, Weir(config_of(upstream)) as weir:
        for odd in (-3, 2**53 + 1, 10**20, 2.5):
            upstream.script(fault.ok_with(json.dumps(EMBEDDED[dialect](odd)).encode()))
            got = weir.post("/v1/embeddings", {"model": "one/m", "input": TEXT}, HEADERS)
            assert got.status == 200, (odd, got.body)
            assert got.headers["x-weir-warning"] == "impossible_usage", odd
            assert 0 < nanousd_of(got) < 10_000_000, odd
        for row in check_books(weir, 4):
            assert row["impossible_usage"] and 0 < input_of(row["usage"]) < 1_000, row


def test_s11_8_impossible_counts_are_counted(upstream):
    with Weir(config_of(upstream)) as weir:
        usage = {"prompt_tokens": -1, "completion_tokens": 3}
        upstream.script(fault.ok_with(streamed(usage), "text/event-stream"))
        assert weir.chat("one/m", TEXT, HEADERS, stream=True).status == 200
        assert weir.chat("one/m", TEXT, HEADERS).status == 200
        name = 'weir_impossible_usage_total{provider="one"}'
        eventually(lambda: metrics(weir)[name] == 1)


def nanousd_of(answer) -> int:
    return int(decimal.Decimal(answer.headers["x-weir-cost"]) * 10**9)


def test_a_call_costs_what_its_price_was_when_it_was_admitted(upstream):
    config = config_of(upstream)
    with Weir(config) as weir, concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = weir.chat("one/m", TEXT, HEADERS)
        gate = fault.Gate()
        upstream.script(fault.held_by(gate))
        held = pool.submit(weir.chat, "one/m", TEXT, HEADERS)
        eventually(lambda: len(upstream.calls) == 2)
        config["providers"]["one"]["models"] = {"m": {"price": {"input": 100, "output": 1000}}}
        weir.write_config(config)
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        dear = weir.chat("one/m", TEXT, HEADERS)
        gate.open()
        costs = [decimal.Decimal(answer.headers["x-weir-cost"]) * 10**9
                 for answer in (first, held.result(), dear)]  # fmt: skip
        assert costs[0] == costs[1] and costs[2] == costs[0] * 100
        log = check_books(weir, 3)
        assert sorted(row["cost_nanousd"] for row in log) == sorted(costs)
