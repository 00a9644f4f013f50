# SPDX-License-Identifier: Apache-2.0
"""How many tokens a request has, asked in every dialect: the target says it where it can, else
Weir's own counter does."""

import pytest

import answers
import upstream as faults
from doors import own_gateway, post
from harness import Weir, user
from upstream import Upstream

LONG = "hello there " * 100


def chat(model, text):
    return {"model": model, "messages": user(text)}


# What each dialect's clients ask, and where the count stands in the answer.
DOORS = {
    "openai": (lambda model, text: ("/v1/tokenize", chat(model, text)), "count"),
    "azure": (
        lambda model, text: (
            f"/openai/deployments/{model}/tokenize?api-version=2024-10-21",
            {"messages": user(text)},
        ),
        "count",
    ),
    "responses": (
        lambda model, text: ("/v1/responses/input_tokens", {"model": model, "input": text}),
        "input_tokens",
    ),
    "anthropic": (
        lambda model, text: ("/v1/messages/count_tokens", chat(model, text)),
        "input_tokens",
    ),
    "gemini": (
        lambda model, text: (
            f"/v1beta/models/{model}:countTokens",
            {"contents": [{"role": "user", "parts": [{"text": text}]}]},
        ),
        "totalTokens",
    ),
    "ollama": (lambda model, text: ("/api/tokenize", chat(model, text)), "count"),
}  # fmt: skip
COUNTING = {"responses", "anthropic", "gemini"}  # dialects whose servers have a path for it


@pytest.mark.parametrize("client", DOORS)
def test_every_dialect_counts_in_front_of_every_target(gateway, upstreams, client, dialect):
    ask, member = DOORS[client]
    short, long = (post(gateway, *ask(f"{dialect}/m", text)) for text in ("hello there", LONG))
    assert (short.status, long.status) == (200, 200), short.body
    if client == dialect and dialect in COUNTING:
        assert short.json[member] == long.json[member] == answers.INPUT_TOKENS
        assert len(upstreams[dialect].calls) == 2
    else:
        assert 1 < short.json[member] < 40 < 150 < long.json[member]
        assert upstreams[dialect].calls == []


def test_a_count_of_our_own_says_how_far_it_can_be_trusted(upstreams):
    models = {"gpt-4o": {}, "unheard-of": {}}
    providers = {"up": {**upstreams["openai"].provider, "models": models}}
    with Weir({"providers": providers}) as gateway:
        exact = post(gateway, "/v1/tokenize", chat("up/gpt-4o", "hello there"))
        told = {"count": 9, "method": "exact", "max_model_len": 128_000}
        assert (exact.status, exact.json) == (200, told)
        guessed = post(gateway, "/v1/tokenize", chat("up/unheard-of", "hello there"))
        assert guessed.json["method"] == "unmeasured" and "max_model_len" not in guessed.json


@pytest.mark.parametrize("path", ["/v1/tokenize", "/tokenize", "/openai/v1/tokenize", "/api/tokenize"])
def test_text_by_itself_is_counted_without_what_a_message_costs(upstreams, path):
    providers = {"up": {**upstreams["openai"].provider, "models": {"gpt-4o": {}}}}
    with Weir({"providers": providers}) as gateway:
        answer = post(gateway, path, {"model": "up/gpt-4o", "prompt": "hello there"})
        assert (answer.status, answer.json["count"]) == (200, 2)
        refused = post(gateway, path, {"model": "up/gpt-4o", "prompt": 7})
        assert refused.status == 400 and b"prompt" in refused.body
        unknown = post(gateway, path, {"model": "nowhere", "prompt": "hello"})
        assert unknown.status == 404


@pytest.mark.parametrize("body", [chat("vllm/m", "hello"), {"model": "vllm/m", "prompt": "hello"}])
def test_a_vllm_counts_for_clients_of_openais_chat(body):
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "type": "vllm", "detect": "off"}
        with Weir({"providers": {"vllm": provider}}) as gateway:
            answer = post(gateway, "/v1/tokenize", body)
            assert (answer.status, answer.json["count"]) == (200, answers.INPUT_TOKENS)
            asked = upstream.received[-1]
            assert (asked.path, asked.json) == ("/tokenize", {**body, "model": "m"})
            upstream.always(faults.status(404))  # an older server without that path
            answer = post(gateway, "/v1/tokenize", body)
            assert (answer.status, answer.json["method"]) == (200, "unmeasured")


def test_a_count_needs_a_key_where_keys_are_asked_for(upstreams):
    with own_gateway(upstreams, keys=["sk-weir-test-key"]) as gateway:
        body = chat("openai/m", "hello")
        assert post(gateway, "/v1/tokenize", body).status == 401
        key = {"authorization": "Bearer sk-weir-test-key"}
        assert post(gateway, "/v1/tokenize", body, key).status == 200
