# SPDX-License-Identifier: Apache-2.0
"""OpenAI's Responses API in front of every dialect: what is answered, streamed and kept."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading

import pytest

import answers
import upstream as fault
from doors import own_gateway
from harness import Answer, Client, Weir, eventually

WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
KEPT_HERE = ["openai", "anthropic", "gemini", "ollama"]  # their servers keep no conversation


def ask(gateway, model: str, said, headers=None, **members) -> Answer:
    return gateway.post("/v1/responses", {"model": model, "input": said, **members}, headers)


def call(gateway, method: str, path: str, headers=None) -> Answer:
    with Client(gateway.port) as client:
        return client.request(method, path, None, headers)


def text_of(response: dict) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def test_a_plain_answer(gateway, dialect):
    answer = ask(gateway, f"{dialect}/m", "hello there", instructions="Be brief.")
    assert answer.status == 200, answer.body
    assert text_of(answer.json) == "echo: hello there"
    assert answer.json["object"] == "response"
    assert answer.json["status"] == "completed"
    assert answer.json["usage"]["output_tokens"] == 42
    if dialect != "responses":
        assert answer.json["id"].startswith("resp_")
        assert answer.json["instructions"] == "Be brief."


def test_a_streamed_answer_numbers_its_events(gateway, dialect):
    body = {"model": f"{dialect}/m", "input": "think of one", "stream": True}
    with Client(gateway.port) as client:
        stream = client.stream("/v1/responses", body)
    types = [event["type"] for event in stream.events]
    assert types[:2] == ["response.created", "response.in_progress"]
    assert types[-1] == "response.completed"
    assert [event["sequence_number"] for event in stream.events] == list(range(len(types)))
    deltas = [e["delta"] for e in stream.events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == text_of(stream.events[-1]["response"]) == "echo: think of one"


def chunks(*deltas: dict, finish: str) -> fault.Fault:
    """A chat target's stream of these pieces."""
    steps = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    steps.append({"index": 0, "delta": {}, "finish_reason": finish})
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    lines = [f"data: {json.dumps({**head, 'choices': [step]})}\n\n" for step in steps]
    return fault.ok_with("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")


def called(kind: str, **piece: str) -> dict:
    return {"tool_calls": [{"index": 0, "id": "call_1", "type": kind, kind: piece}]}


ITEM = ["response.output_item.added", "response.output_item.done"]
PART = ["response.content_part.added", "response.content_part.done"]
STREAMED = {
    "text": (
        chunks({"content": "a"}, {"content": "b"}, finish="stop"),
        [ITEM[0], PART[0], "response.output_text.delta", "response.output_text.delta",
         "response.output_text.done", PART[1], ITEM[1], "response.completed"],
    ),
    "refusal": (
        chunks({"refusal": "I will "}, {"refusal": "not"}, finish="stop"),
        [ITEM[0], PART[0], "response.refusal.delta", "response.refusal.delta",
         "response.refusal.done", PART[1], ITEM[1], "response.completed"],
    ),
    "reasoning": (
        chunks({"reasoning_content": "hm"}, {"content": "a"}, finish="stop"),
        [ITEM[0], "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
         "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", ITEM[1],
         ITEM[0], PART[0], "response.output_text.delta", "response.output_text.done", PART[1],
         ITEM[1], "response.completed"],
    ),
    "call": (
        chunks(called("function", name="weather", arguments='{"a"'),
               {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}, finish="tool_calls"),
        [ITEM[0], "response.function_call_arguments.delta", "response.function_call_arguments.delta",
         "response.function_call_arguments.done", ITEM[1], "response.completed"],
    ),
    "custom call": (
        chunks(called("custom", name="shell", input="l"),
               {"tool_calls": [{"index": 0, "custom": {"input": "s"}}]}, finish="tool_calls"),
        [ITEM[0], "response.custom_tool_call_input.delta", "response.custom_tool_call_input.delta",
         "response.custom_tool_call_input.done", ITEM[1], "response.completed"],
    ),
    "cut by the limit": (
        chunks({"content": "a"}, finish="length"),
        [ITEM[0], PART[0], "response.output_text.delta", "response.output_text.done", PART[1],
         ITEM[1], "response.incomplete"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMED)
def test_a_streamed_answer_has_every_event_in_order(upstreams, name):
    scripted, expected = STREAMED[name]
    upstreams["openai"].always(scripted)
    tools = [WEATHER, {"type": "custom", "name": "shell"}]
    body = {"model": "openai/m", "input": "go", "stream": True, "store": False, "tools": tools}
    with own_gateway(upstreams) as gateway, Client(gateway.port) as client:
        events = client.stream("/v1/responses", body).events
    types = [event["type"] for event in events]
    assert types == ["response.created", "response.in_progress", *expected]
    assert [event["sequence_number"] for event in events] == list(range(len(types)))


def test_a_stream_that_fails_ends_in_an_error_event(upstreams, dialect):
    upstreams[dialect].always(fault.error_event_after(4))
    body = {"model": f"{dialect}/m", "input": "one two three four five", "stream": True}
    with own_gateway(upstreams) as gateway, Client(gateway.port) as client:
        events = client.stream("/v1/responses", body).events
    assert events[-1]["type"] in ("error", "response.failed")
    assert not any(event["type"] == "response.completed" for event in events)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@pytest.mark.parametrize("kept", KEPT_HERE)
def test_a_tool_loop_goes_on_from_what_was_kept(gateway, upstreams, kept):
    first = ask(gateway, f"{kept}/m", "use tool weather Oslo Rome", tools=[WEATHER])
    assert first.status == 200, first.body
    calls = [item for item in first.json["output"] if item["type"] == "function_call"]
    assert [json.loads(each["arguments"]) for each in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    results = [
        {"type": "function_call_output", "call_id": each["call_id"], "output": f"{place}"}
        for place, each in enumerate(calls)
    ]
    second = ask(
        gateway, f"{kept}/m", results, previous_response_id=first.json["id"], tools=[WEATHER]
    )
    assert second.status == 200, second.body
    assert text_of(second.json) == "tool said: 0, 1"
    assert second.json["previous_response_id"] == first.json["id"]
    third = ask(gateway, f"{kept}/m", "and now", previous_response_id=second.json["id"])
    assert text_of(third.json) == "echo: and now"
    turns = [turn.text for turn in upstreams[kept].calls[2].ask.turns if turn.text]
    assert "tool said: 0, 1" in turns


def test_a_conversation_changes_its_dialect(gateway, dialect):
    first = ask(gateway, "anthropic/m", "think hard")
    second = ask(gateway, f"{dialect}/m", "go on", previous_response_id=first.json["id"])
    assert second.status == 200, second.body
    assert text_of(second.json) == "echo: go on"


def test_a_target_that_keeps_the_conversation_is_asked_again(gateway, upstreams):
    first = ask(gateway, "responses/m", "hello")
    again = ask(gateway, "responses/m", "more", previous_response_id=first.json["id"])
    assert again.status == 200, again.body
    sent = upstreams["responses"].calls[1].json
    assert sent["previous_response_id"] == first.json["id"]
    assert sent["input"] == "more"
    elsewhere = ask(gateway, "openai/m", "more", previous_response_id=first.json["id"])
    assert elsewhere.status == 400
    assert elsewhere.error["param"] == "previous_response_id"


def test_an_answer_by_schema(gateway, dialect):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    asked = {"format": {"type": "json_schema", "name": "person", "schema": schema, "strict": True}}
    answer = ask(gateway, f"{dialect}/m", "Ada", text=asked)
    assert answer.status == 200, answer.body
    assert json.loads(text_of(answer.json)) == {"name": "Ada"}


def test_a_kept_answer_is_shown_listed_and_removed(gateway):
    made = ask(gateway, "openai/m", "hello").json
    path = "/v1/responses/" + made["id"]
    assert call(gateway, "GET", path).json == made
    items = call(gateway, "GET", path + "/input_items").json
    assert [item["content"] for item in items["data"]] == [[{"type": "input_text", "text": "hello"}]]
    assert call(gateway, "POST", path + "/cancel").status == 400
    assert call(gateway, "DELETE", path).json["deleted"] is True
    assert call(gateway, "GET", path).status == 404
    lost = ask(gateway, "openai/m", "more", previous_response_id=made["id"])
    assert lost.status == 404
    assert lost.error["param"] == "previous_response_id"


def test_nothing_is_kept_that_the_client_does_not_want_kept(gateway):
    made = ask(gateway, "openai/m", "hello", store=False).json
    assert made["store"] is False
    assert call(gateway, "GET", "/v1/responses/" + made["id"]).status == 404


def test_the_background_needs_a_target_that_has_one(gateway):
    answer = ask(gateway, "openai/m", "hello", background=True)
    assert answer.status == 400
    assert answer.error["code"] == "unsupported_capability"
    assert "background" in answer.error["message"]


def test_other_paths_lead_here_too(gateway):
    body = {"model": "openai/m", "input": "hello"}
    for path in ("/responses", "/openai/v1/responses", "/openai/responses?api-version=preview"):
        assert text_of(gateway.post(path, body).json) == "echo: hello"
    counted = gateway.post("/v1/responses/input_tokens", body).json
    assert counted["object"] == "response.input_tokens"
    assert counted["input_tokens"] > 0


def test_i9_conversations_outlive_a_restart_and_belong_to_one_key(upstreams):
    config = {"providers": {"openai": upstreams["openai"].provider}, "keys": ["key-a", "key-b"]}
    mine, other = ({"authorization": f"Bearer {key}"} for key in config["keys"])
    with Weir(config) as weir:
        made = ask(weir, "openai/m", "a secret", mine).json
        weir.stop()
        weir.start()
        path = "/v1/responses/" + made["id"]
        assert call(weir, "GET", path, mine).json == made
        assert call(weir, "GET", path, other).status == 404
        assert call(weir, "DELETE", path, other).status == 404
        stolen = ask(weir, "openai/m", "x", other, previous_response_id=made["id"])
        assert stolen.status == 404
        more = ask(weir, "openai/m", "more", mine, previous_response_id=made["id"])
        assert text_of(more.json) == "echo: more"
        data = weir.folder / "data"
        assert b"a secret" not in (data / "responses.db").read_bytes()


@pytest.mark.parametrize("kept", KEPT_HERE)
def test_items_that_are_kept_here_can_be_referred_to(gateway, upstreams, kept):
    first = ask(gateway, f"{kept}/m", "use tool weather Oslo", tools=[WEATHER])
    said = [{"role": "user", "content": "use tool weather Oslo"}]
    said += [{"type": "item_reference", "id": item["id"]} for item in first.json["output"]]
    calls = [item for item in first.json["output"] if item["type"] == "function_call"]
    said.append({"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "rain"})
    second = ask(gateway, f"{kept}/m", said, tools=[WEATHER])
    assert second.status == 200, second.body
    assert text_of(second.json) == "tool said: rain"
    # What was referred to is kept in full: it can be continued from there.
    third = ask(gateway, f"{kept}/m", "and now", previous_response_id=second.json["id"])
    assert third.status == 200 and text_of(third.json) == "echo: and now"


def test_an_item_that_is_not_kept_is_not_found(gateway):
    said = [{"type": "item_reference", "id": "msg_0123456789abcdefghijklmn_0"}]
    refused = ask(gateway, "openai/m", said)
    assert refused.status == 404 and refused.error["param"] == "input", refused.body


def test_answers_that_a_target_keeps_are_shown_listed_cancelled_and_removed_there(
    gateway, upstreams
):
    made = ask(gateway, "responses/m", "hello there").json
    upstream = upstreams["responses"]
    for method, rest in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        answer = call(gateway, method, f"/v1/responses/{made['id']}{rest}")
        assert answer.status == 200, answer.body
        last = upstream.received[-1]
        assert (last.method, last.path) == (method, f"/v1/responses/{made['id']}{rest}")
        assert answer.json["asked"] == f"{method} {rest}"
    assert call(gateway, "GET", f"/v1/responses/{made['id']}").status == 404


def test_who_is_told_that_an_answer_is_removed_finds_it_no_more(upstreams):
    with own_gateway(upstreams) as gateway:
        made = ask(gateway, "responses/m", "hello there").json
        path = f"/v1/responses/{made['id']}"
        told: list[Answer] = []
        asker = threading.Thread(target=lambda: told.append(call(gateway, "DELETE", path)))
        database = sqlite3.connect(gateway.folder / "data" / "responses.db", isolation_level=None)
        with contextlib.closing(database):
            database.execute("BEGIN IMMEDIATE")  # nothing can be removed here
            asker.start()
            eventually(lambda: upstreams["responses"].received[-1].method == "DELETE")
            asker.join(0.3)
            assert not told, "the client was told before it was so"
            database.execute("ROLLBACK")
        asker.join()
        assert told[0].status == 200, told[0].body
        assert call(gateway, "GET", path).status == 404


@pytest.mark.parametrize("other", KEPT_HERE)
def test_groups_of_tools_are_left_out_where_nobody_knows_them_and_named(gateway, upstreams, other):
    group = {"type": "namespace", "name": "mcp__files", "tools": [{**WEATHER, "name": "list"}]}
    answer = ask(gateway, f"{other}/m", "hello there", tools=[WEATHER, group])
    assert answer.status == 200, answer.body
    assert "tools.namespace" in answer.headers["x-weir-dropped"]
    assert b"mcp__files" not in upstreams[other].calls[-1].body
    assert b"weather" in upstreams[other].calls[-1].body
    own = ask(gateway, "responses/m", "hello there", tools=[WEATHER, group])
    assert own.status == 200 and upstreams["responses"].calls[-1].json["tools"] == [WEATHER, group]


def test_a_conversation_is_made_shorter_by_a_target_of_the_dialect(gateway, upstreams):
    said = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    body = {"model": "responses/m", "input": said, "instructions": "Be brief."}
    answer = gateway.post("/v1/responses/compact", body)
    assert answer.status == 200, answer.body
    assert answer.headers["x-weir-target"] == "responses/m"
    assert answer.json["object"] == "response.compaction"
    assert float(answer.headers["x-weir-cost"]) >= 0
    sent = upstreams["responses"].calls[0]
    assert sent.path == "/v1/responses/compact"
    assert sent.json == {**body, "model": "m"}
    # What came of it is sent on by the client, and taken.
    followed = ask(gateway, "responses/m", [*answer.json["output"], *said[:1]])
    assert followed.status == 200, followed.body
    assert upstreams["responses"].calls[1].json["input"][0] == answer.json["output"][0]


def test_a_conversation_that_is_kept_at_a_target_is_made_shorter_there(gateway, upstreams):
    first = ask(gateway, "responses/m", "one")
    body = {"model": "responses/m", "previous_response_id": first.json["id"]}
    assert gateway.post("/v1/responses/compact", body).status == 200
    assert upstreams["responses"].calls[1].json["previous_response_id"] == first.json["id"]


@pytest.mark.parametrize("kept", KEPT_HERE)
def test_what_no_target_can_make_shorter_is_refused_by_name(gateway, upstreams, kept):
    answer = gateway.post("/v1/responses/compact", {"model": f"{kept}/m", "input": "one"})
    assert answer.status == 400
    assert answer.error["code"] == "unsupported_capability"
    assert "no compaction of responses here" in answer.error["message"]
    assert not upstreams[kept].calls


def test_tokens_are_counted_by_the_target_where_it_can(gateway, upstreams):
    body = {"model": "responses/m", "input": "hello there"}
    answer = gateway.post("/v1/responses/input_tokens", body)
    told = {"object": "response.input_tokens", "input_tokens": answers.INPUT_TOKENS}
    assert (answer.status, answer.json) == (200, told)
    assert upstreams["responses"].calls[0].json == {**body, "model": "m"}


@pytest.mark.parametrize("kept", KEPT_HERE)
def test_tokens_are_counted_by_weir_elsewhere(gateway, upstreams, kept):
    def count(said: str, **members) -> int:
        body = {"model": f"{kept}/m", "input": said, **members}
        answer = gateway.post("/v1/responses/input_tokens", body)
        assert answer.status == 200 and answer.json["object"] == "response.input_tokens"
        return answer.json["input_tokens"]

    assert 1 < count("hello") < 40 < count("hello " * 200)
    assert not upstreams[kept].calls
    # The turns that are kept here count as well.
    first = ask(gateway, f"{kept}/m", "hello " * 200)
    assert count("hello", previous_response_id=first.json["id"]) > 200


def test_tokens_are_counted_by_weir_where_the_target_fails_to(upstreams):
    with own_gateway(upstreams) as gateway:
        upstreams["responses"].always(fault.status(404))  # a server without that path
        body = {"model": "responses/m", "input": "hello"}
        answer = gateway.post("/v1/responses/input_tokens", body)
        assert answer.status == 200 and 1 < answer.json["input_tokens"] < 40
        upstreams["responses"].forget()
        assert gateway.chat("responses/m", "hello").status == 200


def test_a_server_without_compaction_goes_on_with_its_chats(upstreams):
    with own_gateway(upstreams) as gateway:
        upstreams["responses"].always(fault.status(404))
        body = {"model": "responses/m", "input": "hello"}
        refused = gateway.post("/v1/responses/compact", body)
        assert (refused.status, refused.error["retryable"]) == (404, False)
        upstreams["responses"].forget()
        assert gateway.chat("responses/m", "hello").status == 200
