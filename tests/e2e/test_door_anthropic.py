# SPDX-License-Identifier: Apache-2.0
"""Anthropic's clients, in front of a target of every dialect."""

import json
import re

import pytest

import answers
import upstream as faults
from doors import KEY, WEATHER_SCHEMA, get, locked, own_gateway, post, sse

VERSION = {"anthropic-version": "2023-06-01"}
LONG = "one two three four five six seven eight"
TOOL = {"name": "weather", "description": "The weather", "input_schema": WEATHER_SCHEMA}


def ask(model, text, **members):
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": text}],
            **members}  # fmt: skip


def test_a_plain_answer(gateway, dialect):
    answer = post(gateway, "/v1/messages", ask(f"{dialect}/m", "hello there"), VERSION)
    assert answer.status == 200, answer.body
    body = answer.json
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "m")
    assert re.fullmatch(r"msg_\w+", body["id"])
    assert "".join(block.get("text", "") for block in body["content"]) == "echo: hello there"
    assert body["stop_reason"] == "end_turn"
    assert body["usage"]["output_tokens"] == answers.OUTPUT_TOKENS
    assert answer.headers["request-id"] == answer.headers["x-weir-request-id"]
    assert answer.headers["x-weir-target"] == f"{dialect}/m"


def test_a_streamed_answer(gateway, dialect):
    body = ask(f"{dialect}/m", "one two three", stream=True)
    answer = post(gateway, "/v1/messages", body, VERSION)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = sse(answer.body)
    assert all(name == data["type"] for name, data in events)
    names = [name for name, _ in events if name != "ping"]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    assert re.fullmatch(r"msg_\w+", events[0][1]["message"]["id"])
    text = "".join(data["delta"].get("text", "") for name, data in events
                   if name == "content_block_delta")  # fmt: skip
    assert text == "echo: one two three"
    assert names.count("content_block_delta") >= 3
    last = next(data for name, data in events if name == "message_delta")
    assert last["delta"]["stop_reason"] == "end_turn"
    assert last["usage"]["output_tokens"] == answers.OUTPUT_TOKENS


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_call_and_its_result(gateway, upstreams, dialect, is_stream):
    body = ask(f"{dialect}/m", "use tool weather Oslo", tools=[TOOL], stream=is_stream)
    answer = post(gateway, "/v1/messages", body, VERSION)
    assert answer.status == 200, answer.body
    if is_stream:
        content = blocks_of(sse(answer.body))
    else:
        assert answer.json["stop_reason"] == "tool_use"
        content = answer.json["content"]
    call = next(block for block in content if block["type"] == "tool_use")
    assert (call["name"], call["input"]) == ("weather", {"city": "Oslo"}) and call["id"]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}
    body["messages"] += [{"role": "assistant", "content": content},
                         {"role": "user", "content": [result]}]  # fmt: skip
    second = post(gateway, "/v1/messages", {**body, "stream": False}, VERSION)
    assert second.status == 200, second.body
    assert second.json["content"][-1]["text"] == "tool said: rain"


def blocks_of(events):
    """The content blocks of a stream, put together as a client does."""
    blocks = []
    for name, data in events:
        if name == "content_block_start":
            blocks.append({**data["content_block"], "json": ""})
        elif name == "content_block_delta":
            delta = data["delta"]
            blocks[-1]["json"] += delta.get("partial_json", "")
            if "text" in delta:
                blocks[-1]["text"] += delta["text"]
    for block in blocks:
        arguments = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(arguments or "{}")
    return blocks


def test_what_weir_does_not_know_reaches_a_target_of_the_same_dialect(gateway, upstreams):
    body = ask("anthropic/m", "hello", container="c1", brand_new={"a": [1, 2]})
    headers = {**VERSION, "anthropic-beta": "new-2027-01-01", "cookie": "a=b"}
    answer = post(gateway, "/v1/messages?beta=true", body, headers)
    assert answer.status == 200, answer.body
    call = upstreams["anthropic"].calls[0]
    assert call.json == {**body, "model": "m"}
    assert call.header("anthropic-beta") == "new-2027-01-01"
    assert [value for name, value in call.headers if name == "anthropic-version"] == ["2023-06-01"]
    assert call.header("cookie") is None
    assert call.query == ""


def test_the_clients_api_version_replaces_the_providers(gateway, upstreams):
    post(gateway, "/v1/messages", ask("anthropic/m", "hi"), {"anthropic-version": "2026-10-21"})
    headers = upstreams["anthropic"].calls[0].headers
    assert [value for name, value in headers if name == "anthropic-version"] == ["2026-10-21"]


def test_errors_are_anthropics(gateway, upstreams):
    unknown = post(gateway, "/v1/messages", ask("no-such-model", "hi"), VERSION)
    assert (unknown.status, unknown.json["error"]["type"]) == (404, "not_found_error")
    assert unknown.json["type"] == "error"
    assert unknown.json["request_id"] == unknown.headers["request-id"]
    broken = post(gateway, "/v1/messages", b"{", VERSION)
    assert (broken.status, broken.json["error"]["type"]) == (400, "invalid_request_error")
    wrong = post(gateway, "/v1/messages", ask("anthropic/m", 5), VERSION)
    assert wrong.status == 400 and "messages[0].content" in wrong.json["error"]["message"]
    upstreams["anthropic"].always(faults.status(529, "Overloaded"))
    with own_gateway(upstreams) as other:
        full = post(other, "/v1/messages", ask("anthropic/m", "hi"), VERSION)
    assert (full.status, full.json["error"]["type"]) == (529, "overloaded_error")
    assert "retry-after" in full.headers


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_full_window_is_said_in_the_words_that_clients_look_for(upstreams, is_stream):
    said = {"message": "This model's maximum context length is 10 tokens.", "param": "messages",
            "type": "invalid_request_error", "code": "context_length_exceeded"}  # fmt: skip
    upstreams["openai"].always(faults.status(400, body=answers.encode({"error": said})))
    upstreams["gemini"].always(faults.status(413, "too much"))
    with own_gateway(upstreams) as gateway:
        refused = post(gateway, "/v1/messages", ask("openai/m", "hello", stream=is_stream))
        assert (refused.status, refused.json["error"]["type"]) == (400, "invalid_request_error")
        assert refused.json["error"]["message"].startswith("prompt is too long: ")
        large = post(gateway, "/v1/messages", ask("gemini/m", "hello", stream=is_stream))
        assert (large.status, large.json["error"]["type"]) == (413, "request_too_large")


def test_an_error_in_the_middle_of_a_stream_is_an_event(upstreams, dialect):
    upstreams[dialect].always(faults.error_event_after(4))
    with own_gateway(upstreams) as gateway:
        body = ask(f"{dialect}/m", LONG, stream=True)
        answer = post(gateway, "/v1/messages", body, VERSION)
    name, data = sse(answer.body)[-1]
    assert name == "error" and data["type"] == "error"
    assert not any(event == "message_stop" for event, _ in sse(answer.body))


def test_a_silent_stream_is_kept_open_by_pings(upstreams, dialect):
    """Anthropic's clients know them, whichever target makes them wait."""
    upstreams[dialect].always(faults.delay(1.5))
    with own_gateway(upstreams, stream={"early_commit": "0s", "heartbeat": "1s"}) as gateway:
        answer = post(gateway, "/v1/messages", ask(f"{dialect}/m", LONG, stream=True), VERSION)
    events = sse(answer.body)
    assert events[:2] == [("ping", {"type": "ping"})] * 2
    names = [name for name, _ in events if name != "ping"]
    assert names[0] == "message_start" and names[-1] == "message_stop"


@pytest.mark.parametrize("headers", [{"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}])
def test_a_key_comes_either_way(upstreams, headers):
    with locked(upstreams) as gateway:
        body = ask("anthropic/m", "hi")
        assert post(gateway, "/v1/messages", body, {**VERSION, **headers}).status == 200
        refused = post(gateway, "/v1/messages", body, VERSION)
        assert (refused.status, refused.json["error"]["type"]) == (401, "authentication_error")
        both = {**VERSION, "x-api-key": "wrong", "authorization": f"Bearer {KEY}"}
        assert post(gateway, "/v1/messages", body, both).status == 401
    assert upstreams["anthropic"].calls[0].header("x-api-key") == upstreams["anthropic"].key


def test_tokens_are_counted_by_the_target_where_it_can(gateway, upstreams):
    body = ask("anthropic/m", "hello there")
    answer = post(gateway, "/v1/messages/count_tokens", body, VERSION)
    assert (answer.status, answer.json) == (200, {"input_tokens": answers.INPUT_TOKENS})
    assert upstreams["anthropic"].calls[0].json["model"] == "m"


def test_tokens_are_counted_by_weir_elsewhere(gateway, upstreams):
    body = ask("openai/m", "hello there")
    short = post(gateway, "/v1/messages/count_tokens", body, VERSION)
    assert short.status == 200 and 1 < short.json["input_tokens"] < 40, short.body
    body["messages"][0]["content"] = "hello there " * 100
    long = post(gateway, "/v1/messages/count_tokens", body, VERSION)
    assert long.json["input_tokens"] > 150
    assert upstreams["openai"].calls == []


def test_tokens_are_counted_by_weir_where_the_target_fails_to(upstreams):
    with own_gateway(upstreams, retries="off") as gateway:
        upstreams["anthropic"].always(faults.status(500))
        counted = post(gateway, "/v1/messages/count_tokens", ask("anthropic/m", "hello"), VERSION)
        assert counted.status == 200 and 1 < counted.json["input_tokens"] < 40, counted.body
        upstreams["anthropic"].always(faults.status(400))
        refused = post(gateway, "/v1/messages/count_tokens", ask("anthropic/m", "hello"), VERSION)
        assert refused.status == 400


def test_models_are_listed_page_by_page(gateway):
    everything = [model["id"] for model in get(gateway, "/v1/models", VERSION).json["data"]]
    pages, path = [], "/v1/models?limit=3"
    while True:
        page = get(gateway, path, VERSION).json
        pages.append([model["id"] for model in page["data"]])
        if not page["has_more"]:
            break
        path = f"/v1/models?limit=3&after_id={page['last_id']}"
    assert sum(pages, []) == everything and all(len(page) == 3 for page in pages[:-1])
    before = get(gateway, f"/v1/models?limit=2&before_id={everything[3]}", VERSION).json
    assert [model["id"] for model in before["data"]] == everything[1:3]
    assert get(gateway, "/v1/models?limit=0", VERSION).status == 400


def test_the_list_of_models_is_anthropics(gateway):
    listed = get(gateway, "/v1/models", VERSION).json
    assert listed["has_more"] is False and listed["first_id"] == listed["data"][0]["id"]
    assert {model["type"] for model in listed["data"]} == {"model"}
    one = get(gateway, "/v1/models/smart", VERSION).json
    assert one["id"] == "smart" and one["created_at"].endswith("Z")
    assert get(gateway, "/v1/models").json["object"] == "list"


def test_a_model_tells_its_window(gateway):
    one = get(gateway, "/v1/models/anthropic/claude-sonnet-5", VERSION).json
    assert (one["max_input_tokens"], one["max_tokens"]) == (1_000_000, 128_000)
    assert one in get(gateway, "/v1/models", VERSION).json["data"]
    unknown = get(gateway, "/v1/models/smart", VERSION).json
    assert (unknown["max_input_tokens"], unknown["max_tokens"]) == (None, None)
