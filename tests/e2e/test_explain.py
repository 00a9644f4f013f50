# SPDX-License-Identifier: Apache-2.0
"""Decisions explain themselves, and what was decided about a target outlives the program."""

import json
import subprocess

import pytest

import upstream as fault
from harness import BINARY, Weir, clean_environment, eventually, run_weir
from upstream import Upstream


@pytest.fixture
def pair():
    with Upstream("openai") as first, Upstream("openai") as second:
        models = {"smart": {"targets": ["a/m", "b/m"]}}
        config = {"providers": {"a": first.provider, "b": second.provider}, "models": models}
        with Weir(config) as weir:
            yield weir, first, second


def explain(weir: Weir, **body) -> dict:
    answer = weir.admin("POST", "/api/explain", body)
    assert answer.status == 200, answer.body
    return answer.json


def states(explanation: dict) -> dict[str, str]:
    return {one["target"]: one["state"] for one in explanation["decision"]["targets"]}


def test_a_name_is_explained_without_a_call(pair):
    weir, first, second = pair
    shown = explain(weir, model="smart")
    assert (shown["model"], shown["kind"], shown["failover"]) == ("smart", "route", True)
    assert states(shown) == {"a/m": "chosen", "b/m": "untried"}
    assert states(explain(weir, model="smart", prefer=["b"])) == {"a/m": "untried", "b/m": "chosen"}
    assert first.calls == [] and second.calls == []
    assert weir.admin("POST", "/api/explain", {"model": "nothing-like-it"}).status == 404
    assert weir.admin("POST", "/api/explain", {"models": "smart"}).status == 400


def test_a_target_that_is_off_is_passed_over_with_the_reason(pair):
    """F-2"""
    weir, _, _ = pair
    order = weir.admin("PUT", "/api/llm-providers/a/circuit", {"state": "forced_open"}, token=True)
    assert order.status == 200, order.body
    shown = explain(weir, model="smart")
    assert states(shown) == {"a/m": "refused", "b/m": "chosen"}
    assert "forced_open" in shown["decision"]["targets"][0]["why"]


def test_the_request_decides_what_fits(pair):
    """F-3: what is needed is read from the request, as clients send it."""
    weir, _, _ = pair
    change = {"models": {"m": {"capabilities": {"vision": False}}}}
    assert weir.admin("PUT", "/api/llm-providers/a", change, token=True).status == 200
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    request = {"model": "smart", "messages": [{"role": "user", "content": [picture]}]}
    shown = explain(weir, request=json.dumps(request))
    assert states(shown)["a/m"] == "skipped"


def test_b8_orders_and_k4_long_cooldowns_outlive_a_restart(pair):
    weir, first, second = pair
    first.script(fault.status(429, retry_after="600"))
    assert weir.chat("smart", "hello").headers["x-weir-target"] == "b/m"
    order = weir.admin("PUT", "/api/llm-providers/b/circuit", {"state": "disabled"}, token=True)
    assert order.status == 200
    assert weir.stop() == 0
    weir.start()
    assert weir.chat("smart", "hello").headers["x-weir-target"] == "b/m"
    assert len(first.calls) == 1, "600 s are not over"
    providers = weir.admin("GET", "/api/llm-providers").json["providers"]
    circuits = {one["name"]: one["circuit"]["state"] for one in providers}
    assert circuits["b"] == "disabled"
    assert weir.admin("POST", "/api/llm-providers/a/reset", token=True).status == 200
    assert weir.chat("smart", "hello").headers["x-weir-target"] == "a/m"


def test_failovers_are_counted_by_where_from_where_to_and_why(pair):
    weir, first, _ = pair
    first.script(fault.status(401))
    assert weir.chat("smart", "hello").status == 200
    rows = weir.admin("GET", "/api/failovers").json["failovers"]
    assert rows == [
        {"route": "smart", "from": "a/m", "to": "b/m", "why": "auth", "kind": "failover", "count": 1}
    ]
    page = weir.admin("GET", "/metrics").body.decode()
    assert 'weir_failovers_total{from="a",to="b",why="auth",kind="failover"} 1' in page


def test_the_command_line_explains_with_and_without_a_gateway(pair, tmp_path):
    weir, _, _ = pair
    place = ("--config", str(weir.config_file))
    shown = run_weir("explain", "smart", *place, folder=weir.folder)
    assert shown.returncode == 0, shown.stderr
    assert "chosen" in shown.stdout and "a/m" in shown.stdout
    request = tmp_path / "chat.json"
    request.write_text('{"model": "smart", "messages": [{"role": "user", "content": "Hi"}]}')
    shown = run_weir(
        "explain", "--offline", "--json", "--request", str(request), *place, folder=weir.folder
    )
    assert states(json.loads(shown.stdout)) == {"a/m": "chosen", "b/m": "untried"}
    shown = run_weir("explain", "--offline", "none-such", *place, folder=weir.folder)
    assert shown.returncode == 1


def test_the_command_line_sets_a_circuit_and_watches(pair):
    weir, _, _ = pair
    place = ("--config", str(weir.config_file))
    done = run_weir("providers", "circuit", "a", "forced_open", *place, folder=weir.folder)
    assert done.returncode == 0, done.stderr
    watcher = subprocess.Popen(
        [BINARY, "providers", "--watch", *place],
        env=clean_environment(weir.folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        tables = [watcher.stdout.readline() for _ in range(8)]
        assert sum(line.startswith("NAME") for line in tables) == 2, "each second anew"
        assert any("forced_open" in line for line in tables)
    finally:
        watcher.kill()
        watcher.wait()
        watcher.stdout.close()
