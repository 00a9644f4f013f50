# SPDX-License-Identifier: Apache-2.0
"""The administration: what the program tells about itself, and lets be changed while it runs."""

import stat

import pytest

from harness import Client, Weir, eventually, user
from upstream import Upstream


@pytest.fixture
def upstream():
    with Upstream("openai") as made:
        yield made
        assert made.violations == []


@pytest.fixture
def weir(upstream):
    with Weir({"providers": {"up": upstream.provider}}) as running:
        yield running


def test_the_providers_page_tells_how_each_one_is(weir, upstream):
    assert weir.chat("up/m", "hello").status == 200
    answer = weir.admin("GET", "/api/llm-providers")
    assert answer.status == 200, answer.body
    providers = answer.json["providers"]
    up = next(provider for provider in providers if provider["name"] == "up")
    assert up["type"] == "openai"
    assert upstream.key not in answer.body.decode()
    assert {"models", "health", "circuit"} <= set(up)


def test_a_provider_shows_what_is_used_and_left_of_its_limits():
    limits = {"requests_per_minute": 5, "tokens_per_day": 100_000, "concurrency": 3}
    providers = {
        "up": {"type": "openai", "mock": True, "limits": limits, "budget": {"daily": 2}},
        "other": {"type": "openai", "mock": True, "limits": {"requests_per_hour": 9}},
    }
    with Weir({"providers": providers}) as weir:
        assert weir.chat("up/gpt-5.6-luna", "hello").status == 200
        shown = weir.admin("GET", "/api/llm-providers").json["providers"][0]
        usage = {row["unit"]: row for row in shown["limits"]["usage"]}
        assert (usage["requests"]["used"], usage["requests"]["left"]) == (1, 4)
        tokens = shown["today"]["input_tokens"] + shown["today"]["output_tokens"]
        assert usage["total_tokens"]["used"] == tokens == 100_000 - usage["total_tokens"]["left"]
        assert usage["concurrent_requests"]["left"] == 3
        assert float(usage["usd"]["used_usd"]) == shown["today"]["cost_usd"] > 0
        assert {row["name"] for row in usage.values()} == {"up"}


def test_metrics_count_what_happened(weir):
    assert weir.chat("up/m", "hello").status == 200
    answer = weir.admin("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert any(line.startswith("weir_") and 'provider="up"' in line for line in lines)
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in lines if line)


def test_providers_come_and_go_while_it_runs(weir):
    with Upstream("anthropic") as other:
        entry = {"name": "added", **other.provider, "allow_private": True}
        assert weir.admin("POST", "/api/llm-providers", entry).status == 401
        added = weir.admin("POST", "/api/llm-providers", entry, token=True)
        assert added.status in (200, 201), added.body
        assert weir.chat("added/m", "hello").status == 200
        removed = weir.admin("DELETE", "/api/llm-providers/added", token=True)
        assert removed.status in (200, 204), removed.body
        assert weir.chat("added/m", "hello").status == 404
        assert weir.chat("up/m", "hello").status == 200


def test_y8_the_admin_token_is_private(weir):
    file = weir.folder / "data" / "admin-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 32
    assert weir.admin_token() not in weir.log()


def test_v2_the_admin_listener_serves_no_models_and_no_other_name(weir):
    body = {"model": "up/m", "messages": user("hello")}
    assert weir.admin("POST", "/v1/chat/completions", body).status == 404
    with Client(weir.admin_port, {"host": "evil.example"}) as client:
        assert client.request("GET", "/api/llm-providers").status == 403


def test_y8_a_listener_for_everyone_without_keys_makes_one_and_shows_it_once(upstream):
    weir = Weir({"providers": {"up": upstream.provider}})
    weir.config = {**weir.config, "listen": f"0.0.0.0:{weir.port}"}
    with weir:
        file = weir.folder / "data" / "client-key"
        key = file.read_text().strip()
        assert key.startswith("sk-weir-")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        eventually(lambda: key in weir.log())
        assert weir.chat("up/m", "hello").status == 401
        assert weir.chat("up/m", "hello", headers={"authorization": f"Bearer {key}"}).status == 200
        weir.stop()
        weir.start()
        assert file.read_text().strip() == key
        eventually(lambda: weir.log().count("listens on") == 2)
        assert weir.log().count(key) == 1
        assert weir.chat("up/m", "hello", headers={"authorization": f"Bearer {key}"}).status == 200
