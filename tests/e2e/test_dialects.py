# SPDX-License-Identifier: Apache-2.0
"""The same requests of an OpenAI client, through an upstream of every dialect.

The client must not be able to tell which one answered.
"""

import base64
import json
import struct

import pytest

import answers
from harness import Weir, user
from test_chat import PIXEL, WEATHER

TOOL_USERS = [*user("use tool weather Oslo Rome")]


def test_a_plain_answer(gateway, dialect):
    answer = gateway.chat(f"{dialect}/m", "hello there", max_tokens=50)
    assert answer.status == 200, answer.body
    body = answer.json
    assert body["object"] == "chat.completion" and body["id"] and body["created"] > 0
    assert body["model"] == "m"
    choice = body["choices"][0]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] == "echo: hello there"
    assert answer.headers["x-weir-target"] == f"{dialect}/m"


def test_a_streamed_answer(gateway, dialect):
    stream = gateway.stream(
        f"{dialect}/m", "one two three", stream_options={"include_usage": True}
    )
    assert stream.text == "echo: one two three"
    assert sum(bool(delta.get("content")) for delta in stream.deltas) >= 4  # not merged into one
    assert stream.deltas[0].get("role") == "assistant"
    assert stream.finish == ["stop"]
    assert stream.has_done
    assert stream.usage["total_tokens"] == 100
    assert stream.events[-1]["choices"] == []
    assert len({event["id"] for event in stream.events}) == 1
    assert {event["object"] for event in stream.events} == {"chat.completion.chunk"}
    assert {event["model"] for event in stream.events} == {"m"}


def test_a_stream_without_usage_has_none(gateway, dialect):
    stream = gateway.stream(f"{dialect}/m", "hello")
    assert stream.usage is None and stream.has_done
    assert all(event["choices"] for event in stream.events)


def test_usage_counts_the_same_things(gateway, dialect):
    usage = gateway.chat(f"{dialect}/m", "think hard").json["usage"]
    assert usage["prompt_tokens"] == answers.INPUT_TOKENS
    assert usage["completion_tokens"] == answers.OUTPUT_TOKENS
    assert usage["total_tokens"] == answers.INPUT_TOKENS + answers.OUTPUT_TOKENS
    if dialect != "ollama":  # which counts neither
        assert usage["prompt_tokens_details"]["cached_tokens"] == answers.CACHED_TOKENS
        reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
        assert reasoning == answers.REASONING_TOKENS


def test_reasoning_never_becomes_text(gateway, dialect):
    assert gateway.stream(f"{dialect}/m", "think hard").text == "echo: think hard"
    message = gateway.chat(f"{dialect}/m", "think hard").json["choices"][0]["message"]
    assert message["content"] == "echo: think hard"


def test_system_text_stands_where_the_dialect_wants_it(gateway, upstreams, dialect):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer one"},
        {"role": "user", "content": "second"},
    ]
    body = {"model": f"{dialect}/m", "messages": messages}
    answer = gateway.post("/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "echo: second"
    turns = [turn for turn in upstreams[dialect].calls[0].ask.turns if turn.text]
    assert [(turn.role, turn.text) for turn in turns] == [
        ("system", "Be brief."), ("user", "first"), ("assistant", "answer one"), ("user", "second"),
    ]  # fmt: skip


def test_tools_in_parallel_and_their_results(gateway, upstreams, dialect):
    body = {"model": f"{dialect}/m", "messages": TOOL_USERS, "tools": [WEATHER]}
    first = gateway.post("/v1/chat/completions", body)
    assert first.status == 200, first.body
    choice = first.json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    calls = choice["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [
        {"city": "Oslo"}, {"city": "Rome"},
    ]  # fmt: skip
    assert len({call["id"] for call in calls}) == 2 and all(call["id"] for call in calls)

    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"rain {index}"}
        for index, call in enumerate(calls)
    ]
    body["messages"] = [*TOOL_USERS, choice["message"], *results]
    second = gateway.post("/v1/chat/completions", body)
    assert second.status == 200, second.body
    assert second.json["choices"][0]["message"]["content"] == "tool said: rain 0, rain 1"
    assert upstreams[dialect].calls[1].ask.tools.keys() == {"weather"}


def test_streamed_tool_calls(gateway, dialect):
    stream = gateway.stream(f"{dialect}/m", "use tool weather Oslo Rome", tools=[WEATHER])
    assert [(name, json.loads(arguments)) for _, name, arguments in stream.calls] == [
        ("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"}),
    ]  # fmt: skip
    assert len({identity for identity, _, _ in stream.calls}) == 2
    assert stream.text == "Checking."
    assert stream.finish == ["tool_calls"] and stream.has_done


def test_a_tool_without_parameters(gateway, dialect):
    tool = {"type": "function", "function": {"name": "now", "description": "The time"}}
    answer = gateway.chat(f"{dialect}/m", "use tool now", tools=[tool])
    assert answer.status == 200, answer.body
    call = answer.json["choices"][0]["message"]["tool_calls"][0]
    assert (call["function"]["name"], call["function"]["arguments"]) == ("now", "{}")
    stream = gateway.stream(f"{dialect}/m", "use tool now", tools=[tool])
    assert [(name, arguments) for _, name, arguments in stream.calls] == [("now", "{}")]


def test_the_choice_of_a_tool_is_said_in_the_dialects_way(gateway, upstreams, dialect):
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = gateway.chat(
        f"{dialect}/m", "use tool weather Oslo", tools=[WEATHER], tool_choice=choice
    )
    if dialect == "ollama" and answer.status == 400:  # has no way to say it, and says so
        assert answer.error["code"] == "unsupported_capability"
        return
    assert answer.status == 200, answer.body
    sent = upstreams[dialect].calls[0].json
    wanted = {
        "openai": lambda: sent["tool_choice"] == choice,
        "responses": lambda: sent["tool_choice"] == {"type": "function", "name": "weather"},
        "anthropic": lambda: sent["tool_choice"].items() >= {"type": "tool", "name": "weather"}.items(),
        "gemini": lambda: sent["toolConfig"]["functionCallingConfig"]
        == {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        "ollama": lambda: len(sent["tools"]) == 1,
    }
    assert wanted[dialect](), sent


def test_an_image(gateway, dialect):
    content = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = gateway.chat(f"{dialect}/m", content)
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "echo: what is it [1 images]"


def test_a_text_file(gateway, upstreams, dialect):
    text = "Grüße aus der Datei"
    data = base64.b64encode(text.encode()).decode()
    content = [
        {"type": "text", "text": "what does it say"},
        {"type": "file", "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{data}"}},
    ]
    answer = gateway.chat(f"{dialect}/m", content)
    assert answer.status == 200, answer.body
    sent = json.dumps(upstreams[dialect].calls[-1].json, ensure_ascii=False)
    assert text in sent or data in sent
    if dialect == "ollama":
        [message] = upstreams[dialect].calls[-1].json["messages"]
        assert message == {"role": "user", "content": "what does it say\n" + text}
        assert answer.headers["x-weir-dropped"] == "filename"


def test_a_pdf_is_refused_where_messages_are_text(gateway):
    pdf = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    answer = gateway.chat("ollama/m", [{"type": "file", "file": pdf}])
    assert answer.status == 400 and "files that are no text" in answer.json["error"]["message"]


def test_an_answer_by_schema(gateway, dialect):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["name", "tags"],
        "additionalProperties": False,
    }  # fmt: skip
    asked = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}
    answer = gateway.chat(f"{dialect}/m", "Ada", response_format=asked)
    assert answer.status == 200, answer.body
    content = answer.json["choices"][0]["message"]["content"]
    assert json.loads(content) == {"name": "Ada", "tags": ["Ada"]}


def test_the_output_limit_is_kept_and_told(gateway, upstreams, dialect):
    answer = gateway.chat(f"{dialect}/m", "one two three four", max_completion_tokens=2)
    assert answer.status == 200, answer.body
    choice = answer.json["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("length", "echo: one ")
    assert upstreams[dialect].calls[0].ask.max_tokens == 2
    stream = gateway.stream(f"{dialect}/m", "one two three four", max_completion_tokens=2)
    assert (stream.finish, stream.text) == (["length"], "echo: one ")


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "gemini"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_refusal_by_the_providers_filter_is_an_answer_not_an_error(gateway, dialect, is_stream):
    if is_stream:
        stream = gateway.stream(f"{dialect}/m", "refuse this")
        assert stream.finish == ["content_filter"] and stream.has_done
    else:
        answer = gateway.chat(f"{dialect}/m", "refuse this")
        assert answer.status == 200, answer.body
        assert answer.json["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("dialect", ["openai", "responses", "gemini", "ollama"])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(gateway, dialect, encoding):
    body = {"model": f"{dialect}/m", "input": ["abc", "x"], "encoding_format": encoding}
    answer = gateway.post("/v1/embeddings", body)
    assert answer.status == 200, answer.body
    assert [entry["index"] for entry in answer.json["data"]] == [0, 1]
    vectors = [entry["embedding"] for entry in answer.json["data"]]
    if encoding == "base64":
        vectors = [list(struct.unpack("<4f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [answers.vector_of("abc"), answers.vector_of("x")]


def test_embeddings_where_there_are_none_are_refused_by_name(gateway, upstreams):
    answer = gateway.post("/v1/embeddings", {"model": "anthropic/m", "input": "abc"})
    assert answer.status == 400
    assert answer.error["code"] == "unsupported_capability"
    assert upstreams["anthropic"].calls == []


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "gemini"])
def test_a_wrong_key_of_the_gateway_is_not_the_clients(upstreams, dialect):
    provider = {**upstreams[dialect].provider, "api_key": "sk-wrong-0123456789abcdef"}
    with Weir({"providers": {"up": provider}}) as weir:
        answer = weir.chat("up/m", "hello")
        assert (answer.status, answer.error["code"]) == (502, "upstream_auth")
        assert b"sk-wrong" not in answer.body


def test_text_of_every_kind_survives(gateway, dialect):
    text = 'quote " backslash \\ newline \n tab \t null \u0000 é 中 🙂 \u2028 </script> data: x'
    assert gateway.stream(f"{dialect}/m", text).text == "echo: " + text
    answer = gateway.chat(f"{dialect}/m", text)
    assert answer.json["choices"][0]["message"]["content"] == "echo: " + text
