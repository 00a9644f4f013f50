# SPDX-License-Identifier: Apache-2.0
"""F-8: a conversation that carries a vendor's sealed thoughts goes to who can read them."""

import pytest

import upstream as fault
from harness import Weir, user
from upstream import Upstream

BAD_SEAL = (
    b'{"type":"error","error":{"type":"invalid_request_error",'
    b'"message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}'
)

# A conversation with Claude's thoughts, as clients of three dialects send it back.
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
MESSAGES = {
    "max_tokens": 2000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "messages": [
        *user("first"),
        {"role": "assistant", "content": [THINKING, {"type": "text", "text": "one"}]},
        *user("second"),
    ],
}
CHAT = {
    "messages": [
        *user("first"),
        {
            "role": "assistant",
            "content": "one",
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "text": "Hm.",
                    "signature": "EqQB",
                    "format": "anthropic-claude-v1",
                }
            ],
        },
        *user("second"),
    ]
}
RESPONSES = {
    "input": [
        {"role": "user", "content": "first"},
        {
            "type": "reasoning",
            "id": "rs_7ab_0",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "content": [{"type": "reasoning_text", "text": "Hm."}],
            "signature": "EqQB",
            "format": "anthropic-claude-v1",
        },
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "second"},
    ],
}
CLIENTS = {
    "anthropic": ("/v1/messages", MESSAGES),
    "chat": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", RESPONSES),
}


@pytest.fixture
def upstreams():
    with Upstream("openai") as plain, Upstream("anthropic") as claude:
        yield plain, claude


@pytest.fixture
def gateway(upstreams):
    plain, claude = upstreams
    config = {
        "providers": {"plain": plain.provider, "claude": claude.provider},
        "models": {"r": {"targets": ["plain/m", "claude/m"]}},
    }
    with Weir(config) as weir:
        yield weir


@pytest.mark.parametrize("client", CLIENTS)
def test_f8_who_can_read_the_seal_is_asked_first(gateway, upstreams, client):
    path, body = CLIENTS[client]
    answer = gateway.post(path, {"model": "r", **body})
    assert answer.status == 200, answer.body
    assert answer.headers["x-weir-target"] == "claude/m"
    assert "sealed reasoning" not in answer.headers.get("x-weir-dropped", "")
    blocks = upstreams[1].calls[0].json["messages"][1]["content"]
    assert blocks[0] == THINKING
    assert not upstreams[0].calls


def test_without_a_seal_the_route_is_as_written(gateway):
    assert gateway.chat("r", "hello").headers["x-weir-target"] == "plain/m"


@pytest.mark.parametrize("client", CLIENTS)
def test_f8_the_seal_is_left_out_where_nobody_can_read_it(gateway, upstreams, client):
    plain, claude = upstreams
    claude.always(fault.status(500))
    path, body = CLIENTS[client]
    answer = gateway.post(path, {"model": "r", **body})
    assert answer.status == 200, answer.body
    assert answer.headers["x-weir-target"] == "plain/m"
    assert "sealed reasoning" in answer.headers["x-weir-dropped"]
    sent = plain.calls[0].body
    assert b"EqQB" not in sent and b"Hm." not in sent
    assert [turn["content"] for turn in plain.calls[0].json["messages"]] == ["first", "one", "second"]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("is_stream", [False, True])
def test_f8_a_refused_seal_is_taken_out_once(gateway, upstreams, client, is_stream):
    claude = upstreams[1]
    claude.script(fault.status(400, body=BAD_SEAL))
    path, body = CLIENTS[client]
    answer = gateway.post(path, {"model": "r", "stream": is_stream, **body})
    assert answer.status == 200, answer.body
    assert answer.headers["x-weir-target"] == "claude/m"
    assert answer.headers["x-weir-attempts"] == "2"
    assert "sealed reasoning" in answer.headers["x-weir-dropped"]
    refused, taken = claude.calls
    assert b"EqQB" in refused.body and b"EqQB" not in taken.body
    assert taken.json["messages"][-1]["content"] in ("second", [{"type": "text", "text": "second"}])


def test_f8_a_seal_that_is_refused_without_reason_is_refused(gateway, upstreams):
    claude = upstreams[1]
    claude.always(fault.status(400, body=BAD_SEAL))
    answer = gateway.post("/v1/messages", {"model": "r", **MESSAGES})
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert len(claude.calls) == 2


def test_f8_a_tool_loop_without_its_thoughts_goes_on_without_thinking(gateway, upstreams):
    """Anthropic refuses `thinking` where the turn that called the tool has no thought."""
    claude = upstreams[1]
    claude.script(fault.status(400, body=BAD_SEAL))
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "4 C"}
    body = {
        **MESSAGES,
        "model": "r",
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "messages": [
            *user("first"),
            {"role": "assistant", "content": [THINKING, call]},
            {"role": "user", "content": [result]},
        ],
    }
    answer = gateway.post("/v1/messages", body)
    assert answer.status == 200, answer.body
    taken = claude.calls[1].json
    assert "thinking" not in taken
    assert taken["messages"][1]["content"] == [call]
    assert taken["messages"][2]["content"] == [result]


def test_a_preference_in_words_outweighs_the_seal(gateway):
    answer = gateway.post("/v1/messages", {"model": "r", **MESSAGES}, {"x-weir-prefer": "plain"})
    assert answer.headers["x-weir-target"] == "plain/m"
    assert "sealed reasoning" in answer.headers["x-weir-dropped"]
