# SPDX-License-Identifier: Apache-2.0
"""Clients of Azure OpenAI, in front of a target of every dialect."""

import pytest

from doors import KEY, get, locked, post, sse
from harness import user
from test_chat import WEATHER


def classic(model, method):
    return f"/openai/deployments/{model}/{method}?api-version=2024-10-21"


def test_a_plain_answer(gateway, dialect):
    for path in (classic(f"{dialect}/m", "chat/completions"),
                 classic(f"{dialect}%2Fm", "chat/completions")):  # fmt: skip
        answer = post(gateway, path, {"messages": user("hello there")})
        assert answer.status == 200, answer.body
        assert answer.json["choices"][0]["message"]["content"] == "echo: hello there"
    newer = {"model": f"{dialect}/m", "messages": user("hello there")}
    assert post(gateway, "/openai/v1/chat/completions", newer).status == 200


def test_a_streamed_answer(gateway, dialect):
    body = {"messages": user("one two three"), "stream": True}
    events = sse(post(gateway, classic(f"{dialect}/m", "chat/completions"), body).body)
    assert events[-1] == ("", "[DONE]")
    deltas = [event["choices"][0]["delta"] for _, event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "echo: one two three"


def test_a_tool_call(gateway, dialect):
    body = {"messages": user("use tool weather Oslo"), "tools": [WEATHER]}
    answer = post(gateway, classic(f"{dialect}/m", "chat/completions"), body)
    call = answer.json["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "weather"


def test_the_deployment_goes_over_the_model_of_the_body(gateway, upstreams):
    body = {"model": "no-such-model", "messages": user("hi"), "brand_new": 1}
    assert post(gateway, classic("smart", "chat/completions"), body).status == 200
    assert upstreams["openai"].calls[0].json == {**body, "model": "m"}


def test_the_other_endpoints(gateway):
    embedded = post(gateway, classic("openai/m", "embeddings"), {"input": "hello"})
    assert embedded.status == 200 and len(embedded.json["data"]) == 1, embedded.body
    newer = {"model": "openai/m", "input": "hello"}
    assert post(gateway, "/openai/v1/embeddings", newer).json == embedded.json
    completed = post(gateway, classic("openai/m", "completions"), {"prompt": "hello"})
    assert completed.status == 200, completed.body
    for path in ("/openai/v1/models", "/openai/models?api-version=2024-10-21"):
        assert "smart" in [model["id"] for model in get(gateway, path).json["data"]]


def test_errors_are_openais(gateway):
    unknown = post(gateway, classic("none", "chat/completions"), {"messages": user("hi")})
    assert (unknown.status, unknown.error["code"]) == (404, "route_unknown")
    wrong = post(gateway, classic("smart", "chat/completions"), {"messages": 5})
    assert (wrong.status, wrong.error["param"]) == (400, "messages")


@pytest.mark.parametrize("headers", [{"api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_a_key_comes_either_way(upstreams, headers):
    with locked(upstreams) as gateway:
        body = {"messages": user("hi")}
        path = classic("openai/m", "chat/completions")
        assert post(gateway, path, body, headers).status == 200
        assert post(gateway, path, body).status == 401
        mixed = {"api-key": "wrong", "authorization": f"Bearer {KEY}"}
        assert post(gateway, path, body, mixed).status == 401
