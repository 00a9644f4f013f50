# SPDX-License-Identifier: Apache-2.0
"""What servers are found to have, and what their models can do: lists that come late, change and
lie; capabilities that decide where a request goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import Weir, eventually, run_weir
from upstream import Upstream, status


def provider(weir: Weir, name: str) -> dict[str, Any]:
    listed = weir.admin("GET", "/api/llm-providers").json["providers"]
    return next(one for one in listed if one["name"] == name)


def model(weir: Weir, name: str) -> dict[str, Any]:
    return weir.get("/v1/models/" + name).json["weir"]


def is_found(weir: Weir, provider_name: str, count: int = 1):
    """The provider has told of so many models, and requests go by it."""
    shown = provider(weir, provider_name)
    found = (shown["detection"] or {}).get("models")
    return found is not None and found >= count and len(shown["models"]) >= count


def serving(dialect: str, *models: str) -> Upstream:
    upstream = Upstream(dialect)
    upstream.models = list(models)
    return upstream


def server(upstream: Upstream, kind: str) -> dict[str, Any]:
    return {"type": kind, "base_url": upstream.base_url, "api_key": upstream.key, "local": True}


@pytest.mark.parametrize("dialect, kind", [("openai", "vllm"), ("ollama", "ollama")])
def test_a_bare_name_means_the_server_that_lists_it(dialect: str, kind: str) -> None:
    with serving(dialect, "own-model:1b") as upstream:
        with Weir({"providers": {"here": server(upstream, kind)}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            answer = weir.chat("own-model:1b", "hello")
            assert answer.status == 200, answer.body
            assert answer.headers["x-weir-target"] == "here/own-model:1b"
            names = [entry["id"] for entry in weir.get("/v1/models").json["data"]]
            assert "here/own-model:1b" in names
            assert provider(weir, "here")["models"][0]["source"] == "detection"


def test_what_an_ollama_tells_is_shown_with_its_source() -> None:
    with serving("ollama", "m:1b") as upstream:
        with Weir({"providers": {"here": server(upstream, "ollama")}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            known = model(weir, "here/m:1b")
            assert known["context_tokens"] == {"value": 8192, "source": "detection"}
            assert known["capabilities"]["tools"] == {"value": "yes", "source": "detection"}
            assert known["capabilities"]["audio"] == {"value": "no", "source": "detection"}
            assert known["capabilities"]["prefill"]["value"] == "unknown"


# Z-2: looking must cost nothing.
def test_no_look_is_a_model_call() -> None:
    with serving("ollama", "m:1b") as upstream:
        with Weir({"providers": {"here": server(upstream, "ollama")}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            assert upstream.calls == []


def test_names_that_wait_for_a_local_server_are_honest_until_it_tells() -> None:
    with serving("openai") as upstream:
        config = {
            "providers": {"here": server(upstream, "vllm")},
            "default_model": "auto",
            "models": {"chain": ["local"]},
            "tiers": {"fast": "local"},
        }
        with Weir(config, arguments=("-m", "auto")) as weir:
            said = {"messages": [{"role": "user", "content": "hello"}]}
            bodies = [said, *({**said, "model": name} for name in ("auto", "chain", "fast"))]
            for body in bodies:
                refused = weir.post("/v1/chat/completions", body)
                assert refused.status == 404, refused.body
                assert refused.error["code"] == "model_unavailable"
            refused = weir.post("/v1/responses", {"input": "hello"})
            assert (refused.status, refused.error["code"]) == (404, "model_unavailable")
            upstream.models = ["m"]
            weir.admin("POST", "/api/llm-providers/here/detect", token=True)
            eventually(lambda: is_found(weir, "here"))
            for body in bodies:
                answer = weir.post("/v1/chat/completions", body)
                assert answer.status == 200, answer.body
                assert answer.headers["x-weir-target"] == "here/m"
            assert weir.post("/v1/responses", {"input": "hello"}).status == 200


def test_auto_can_be_made_the_default_before_any_model_is_known() -> None:
    with serving("openai") as upstream:
        with Weir({"providers": {"here": server(upstream, "vllm")}}) as weir:
            answer = weir.admin("PUT", "/api/default-model", {"model": "auto"}, token=True)
            assert answer.status == 200, answer.body
            refused = weir.admin("PUT", "/api/default-model", {"model": "nowhere"}, token=True)
            assert refused.status == 400, refused.body


def test_a_cloud_provider_is_not_asked() -> None:
    with Upstream("openai", key="sk-up") as upstream:
        cloud = {"type": "openai", "base_url": upstream.base_url, "api_key": "sk-up"}
        with Weir({"providers": {"cloud": cloud}}) as weir:
            assert provider(weir, "cloud")["detection"] is None
            refused = weir.admin("POST", "/api/llm-providers/cloud/detect", token=True)
            assert refused.status == 404


def test_a_server_that_comes_later_is_found_and_one_that_goes_keeps_its_list() -> None:
    with serving("openai", "late-model") as upstream:
        upstream.kill()
        with Weir({"providers": {"here": server(upstream, "vllm")}}) as weir:
            eventually(lambda: provider(weir, "here")["health"] == "unreachable")
            assert weir.chat("late-model", "hello").status == 404
            upstream.start()
            weir.admin("POST", "/api/llm-providers/here/detect", token=True)
            eventually(lambda: is_found(weir, "here"))
            assert provider(weir, "here")["health"] != "unreachable"
            assert weir.chat("late-model", "hello").status == 200
            upstream.kill()
            weir.admin("POST", "/api/llm-providers/here/detect", token=True)
            eventually(lambda: provider(weir, "here")["detection"]["error"])
            assert provider(weir, "here")["detection"]["models"] == 1
            assert weir.chat("late-model", "hello").status != 404


def test_limits_are_learnt_from_what_a_provider_tells() -> None:
    with serving("openai", "m") as upstream:
        upstream.headers = {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
        }
        with Weir({"providers": {"here": server(upstream, "vllm")}}) as weir:
            assert provider(weir, "here")["limits"]["reported"] is None
            assert weir.chat("here/m", "hello").status == 200
            told = provider(weir, "here")["limits"]["reported"]["requests"]
            assert told == {"limit": 60, "used": 1, "left": 59, "reset_ms": 1000}


def test_a_list_that_changes_changes_what_can_be_asked_for() -> None:
    with serving("openai", "first") as upstream:
        with Weir({"providers": {"here": server(upstream, "vllm")}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            upstream.models = ["second", "third"]
            weir.admin("POST", "/api/llm-providers/here/detect", token=True)
            eventually(lambda: is_found(weir, "here", 2))
            assert weir.chat("second", "hello").status == 200
            assert weir.chat("first", "hello").status == 404


@pytest.mark.parametrize("dialect, kind", [("openai", "vllm"), ("ollama", "ollama")])
def test_a_hostile_list_is_no_list(dialect: str, kind: str) -> None:
    with serving(dialect, "m") as upstream:
        with Weir({"providers": {"here": server(upstream, kind)}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            for body in (b'{"data":[', b"<html>", b"[" * (5 << 20), b'{"data":3}'):
                upstream.list_body = body
                before = provider(weir, "here")["detection"]["times_asked"]
                weir.admin("POST", "/api/llm-providers/here/detect", token=True)
                eventually(
                    lambda: (found := provider(weir, "here")["detection"])["times_asked"] > before
                    and found["error"]
                )
                assert provider(weir, "here")["detection"]["models"] == 1
                upstream.list_body = None
                weir.admin("POST", "/api/llm-providers/here/detect", token=True)
                eventually(lambda: not provider(weir, "here")["detection"]["error"])
            assert weir.chat("here/m", "hello").status == 200


def test_a_huge_list_is_cut() -> None:
    with serving("openai", *[f"m{i}" for i in range(20_000)]) as upstream:
        with Weir({"providers": {"here": server(upstream, "vllm")}}) as weir:
            eventually(lambda: is_found(weir, "here"))
            assert provider(weir, "here")["detection"]["models"] == 2000


# F-3: a refusal teaches what nobody knew, and the next request goes elsewhere at once.
def test_a_refused_capability_is_remembered() -> None:
    with Upstream("openai") as plain, Upstream("openai") as able:
        providers = {
            "plain": {"base_url": plain.base_url, "api_key": plain.key, "allow_private": True},
            "able": {"base_url": able.base_url, "api_key": able.key, "allow_private": True},
        }
        config = {"providers": providers, "models": {"r": ["plain/m", "able/m"]}}
        body = {"error": {"message": "tools are not supported", "type": "invalid_request_error",
                          "param": "tools", "code": "unsupported_parameter"}}  # fmt: skip
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        with Weir(config) as weir:
            plain.always(status(400, body=json.dumps(body).encode()))
            assert weir.chat("r", "hello", tools=tools).headers["x-weir-target"] == "able/m"
            assert len(plain.calls) == 1
            known = model(weir, "plain/m")["capabilities"]["tools"]
            assert known == {"value": "no", "source": "learnt"}
            assert weir.chat("r", "hello", tools=tools).headers["x-weir-target"] == "able/m"
            assert len(plain.calls) == 1, "the second request did not ask it again"


def test_the_command_line_shows_what_models_can_do(tmp_path: Any) -> None:
    (tmp_path / "weir.yaml").write_text("providers: {openai: {api_key: sk-1}}")
    shown = run_weir("models", "openai", "--capabilities", folder=tmp_path).stdout
    assert "yes c" in shown and "no r" in shown and "?" in shown
    told = json.loads(run_weir("models", "openai", "--json", folder=tmp_path).stdout)["models"]
    four = next(one for one in told if one["id"] == "openai/gpt-4o")
    assert four["capabilities"]["n"] == {"value": "yes", "source": "rule"}
    assert four["context_tokens"]["source"] == "catalog"
