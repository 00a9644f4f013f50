# SPDX-License-Identifier: Apache-2.0
"""Names and strategies change while the gateway runs, and are written back to where they stand."""

import json

import pytest

from harness import Weir
from upstream import Upstream

PROVIDERS = {"mock": {}, "second": {"type": "mock"}}


@pytest.fixture
def weir():
    with Weir({"providers": PROVIDERS, "models": {"smart": ["mock/a"]}}) as running:
        yield running


def change(weir, method, path, body=None):
    answer = weir.admin(method, path, body, token=True)
    assert answer.status == 200, answer.body
    return answer.json


def routes(weir) -> dict:
    return {route["name"]: route for route in weir.admin("GET", "/api/routes").json["routes"]}


@pytest.mark.parametrize("section", ["tiers", "tasks"])
def test_tiers_and_tasks_can_be_set_and_removed(weir, section):
    path = f"/api/{section}/cheap"
    assert weir.admin("PUT", path, {"model": "mock/a"}).status == 401
    assert weir.chat("cheap", "hello").status == 404
    change(weir, "PUT", path, {"model": "second/b"})
    assert "cheap" in routes(weir)
    assert weir.chat("cheap", "hello").headers["x-weir-target"] == "second/b"
    assert change(weir, "DELETE", path)["removed"] == "cheap"
    assert weir.chat("cheap", "hello").status == 404
    assert weir.admin("DELETE", path, token=True).status == 404


def test_a_tier_that_means_nothing_is_refused_and_changes_nothing(weir):
    answer = weir.admin("PUT", "/api/tiers/cheap", {"model": "nowhere/b"}, token=True)
    assert answer.status == 400, answer.body
    assert "cheap" not in routes(weir)


def test_the_default_strategy_can_be_set(weir):
    change(weir, "PUT", "/api/routes/spread", {"targets": ["mock/a", "second/b"]})
    assert {weir.chat("spread", "x").headers["x-weir-target"] for _ in range(4)} == {"mock/a"}
    change(weir, "PUT", "/api/strategy", {"strategy": "round_robin"})
    targets = {weir.chat("spread", "x").headers["x-weir-target"] for _ in range(4)}
    assert targets == {"mock/a", "second/b"}
    assert weir.admin("PUT", "/api/strategy", {"strategy": "best"}, token=True).status == 400


def test_weights_can_be_changed(weir):
    for first, second, target in ((1, 0, "mock/a"), (0, 1, "second/b")):
        targets = [{"target": "mock/a", "weight": first}, {"target": "second/b", "weight": second}]
        route = {"strategy": "weighted", "targets": targets}
        change(weir, "PUT", "/api/routes/weighted", route)
        assert weir.chat("weighted", "x").headers["x-weir-target"] == target


@pytest.fixture
def overlaid():
    weir = Weir({"providers": PROVIDERS, "models": {"smart": ["mock/a"]}, "tiers": {"low": "mock/a"}})
    weir.environment = {"WEIR_ENV": "production"}
    overlay = {"models": {"deep": ["second/b"]}, "tiers": {"low": "second/b"}}
    (weir.folder / "weir.production.yaml").write_text(json.dumps(overlay, indent=1))
    with weir:
        yield weir


def files_of(weir) -> tuple[str, str]:
    return weir.config_file.read_text(), (weir.folder / "weir.production.yaml").read_text()


def test_changes_are_written_into_the_file_they_stand_in(overlaid):
    change(overlaid, "PUT", "/api/routes/smart", {"targets": ["mock/base"]})
    change(overlaid, "PUT", "/api/routes/deep", {"targets": ["mock/over"]})
    change(overlaid, "PUT", "/api/routes/new", {"targets": ["mock/new"]})
    saved = change(overlaid, "POST", "/api/config/save", {})
    assert "weir.yaml" in saved["file"] and "weir.production.yaml" in saved["file"]
    base, over = files_of(overlaid)
    assert "mock/base" in base and "mock/new" in base and "mock/over" in over
    assert "mock/over" not in base and "mock/base" not in over
    change(overlaid, "POST", "/api/reload", {"discard_changes": True})
    for name in ("smart", "deep", "new"):
        assert overlaid.chat(name, "x").headers["x-weir-target"].startswith("mock/")


def test_n2_an_address_from_the_network_stays_one_when_it_is_saved(weir):
    """A private address that nobody allowed in words is no more allowed for being written down."""
    with Upstream("openai") as private:
        provider = {"name": "private", **private.provider}
        change(weir, "POST", "/api/llm-providers", provider)
        assert weir.chat("private/m", "x").error["code"] == "upstream_unreachable"
        change(weir, "POST", "/api/config/save", {})
        change(weir, "POST", "/api/reload", {"discard_changes": True})
        assert weir.chat("private/m", "x").error["code"] == "upstream_unreachable"
        assert private.received == []
        change(weir, "PUT", "/api/llm-providers/private", {"allow_private": True})
        assert weir.chat("private/m", "x").status == 200


def test_what_came_and_went_leaves_nothing_in_the_file(weir):
    before = weir.config_file.read_text()
    provider = {"name": "brief", "type": "mock"}
    change(weir, "POST", "/api/llm-providers", provider)
    change(weir, "PUT", "/api/llm-providers/brief", {"limits": {"concurrency": 3}})
    change(weir, "DELETE", "/api/llm-providers/brief")
    change(weir, "PUT", "/api/routes/brief", {"targets": ["mock/a"]})
    change(weir, "DELETE", "/api/routes/brief")
    change(weir, "POST", "/api/config/save", {})
    assert weir.config_file.read_text() == before


def test_what_the_environment_brings_is_switched_off_in_the_file():
    weir = Weir({"providers": PROVIDERS, "env_providers": True})
    weir.environment = {"OPENAI_API_KEY": "sk-0123456789abcdef0123"}
    with weir:
        change(weir, "DELETE", "/api/llm-providers/openai")
        change(weir, "POST", "/api/config/save", {})
        written = weir.config_file.read_text()
        assert "openai" in written
        assert "enabled" in written
        change(weir, "POST", "/api/reload", {"discard_changes": True})
        shown = weir.admin("GET", "/api/llm-providers", token=True).json
        assert "openai" not in [one["name"] for one in shown["providers"] if one["enabled"]]


def test_a_change_to_what_two_files_say_is_refused_and_writes_nothing(overlaid):
    before = files_of(overlaid)
    change(overlaid, "PUT", "/api/tiers/low", {"model": "mock/c"})
    change(overlaid, "PUT", "/api/routes/new", {"targets": ["mock/new"]})
    answer = overlaid.admin("POST", "/api/config/save", {}, token=True)
    assert answer.status == 400
    assert "tiers.low" in answer.error["message"]
    assert "weir.production.yaml" in answer.error["message"]
    assert files_of(overlaid) == before
    assert overlaid.chat("low", "x").headers["x-weir-target"] == "mock/c"  # still in force
