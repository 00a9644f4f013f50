# SPDX-License-Identifier: Apache-2.0
"""A request that no target can take is told which of its fields asks for too much, in the words of
the API that was called."""

import contextlib
from typing import Any

import pytest

from doors import post
from harness import Weir
from upstream import Upstream

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TURNS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
DATA_URL = "data:image/png;base64," + PIXEL
TEXT = {"type": "text", "text": "see"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}


def chat(*parts: Any, **members: Any):
    content = list(parts) or "hello"
    messages = [*TURNS, {"role": "user", "content": content}]
    return "/v1/chat/completions", {"model": "up/m", "messages": messages, **members}


def responses(*parts: Any, **members: Any):
    content = list(parts) or "hello"
    asked = [{"role": "user", "content": content}]
    return "/v1/responses", {"model": "up/m", "input": asked, "store": False, **members}


def messages(*parts: Any, **members: Any):
    asked = [{"role": "user", "content": list(parts) or "hello"}]
    return "/v1/messages", {"model": "up/m", "max_tokens": 9, "messages": asked, **members}


def gemini(*parts: Any, **members: Any):
    asked = [{"role": "user", "parts": [{"text": "see"}, *parts]}]
    return "/v1beta/models/up%2Fm:generateContent", {"contents": asked, **members}


def ollama(images: list[str] | None = None, **members: Any):
    asked = {"role": "user", "content": "see", **({"images": images} if images else {})}
    return "/api/chat", {"model": "up/m", "messages": [asked], "stream": False, **members}


JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
INLINE = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
REFUSED = {
    "chat, tools": (chat(tools=[FUNCTION]), "tools"),
    "chat, schema": (chat(response_format=JSON_SCHEMA), "response_format"),
    "chat, image": (
        chat(TEXT, {"type": "image_url", "image_url": {"url": DATA_URL}}),
        "messages[2].content[1].image_url",
    ),
    "chat, sound": (
        chat({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        "messages[2].content[0].input_audio",
    ),
    "responses, tools": (
        responses(tools=[{"type": "function", "name": "f", "parameters": SCHEMA}]),
        "tools",
    ),
    "responses, schema": (
        responses(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}),
        "text.format",
    ),
    "responses, image": (
        responses({"type": "input_image", "image_url": DATA_URL}),
        "input[0].content[0].image_url",
    ),
    "anthropic, tools": (messages(tools=[{"name": "f", "input_schema": SCHEMA}]), "tools"),
    "anthropic, image": (
        messages(
            TEXT,
            {"type": "image",
             "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ),
        "messages[0].content[1].source",
    ),
    "gemini, tools": (
        gemini(tools=[{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}]),
        "tools",
    ),
    "gemini, image": (gemini(INLINE), "contents[0].parts[1].inlineData"),
    "ollama, tools": (ollama(tools=[FUNCTION]), "tools"),
    "ollama, image": (ollama([PIXEL]), "messages[0].images"),
    "ollama, schema": (ollama(format=SCHEMA), "format"),
}  # fmt: skip


@pytest.fixture(scope="module")
def weir():
    """In front of a model that can do nothing but write."""
    with Upstream("openai") as upstream:
        models = {"m": {"capabilities": ["chat", "streaming"]}}
        provider = {**upstream.provider, "type": "custom", "models": models}
        with Weir({"providers": {"up": provider}}) as running:
            yield running
        assert upstream.calls == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_field_that_asks_for_it(weir, name):
    (path, body), field = REFUSED[name]
    answer = post(weir, path, body, {"anthropic-version": "2023-06-01"})
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    if path.startswith(("/v1/chat", "/v1/responses")):
        assert (error["code"], error["param"]) == ("unsupported_capability", field)
    else:  # which have no place for it of their own
        said = error if isinstance(error, str) else error["message"]
        assert said.startswith(f"{field}: no target can take this request"), said


LINK = "https://example.com/a.png"
FILE = {"fileData": {"mimeType": "image/png", "fileUri": LINK}}
FAR_IMAGE = {"type": "image", "source": {"type": "url", "url": LINK}}
ASKED = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": [TEXT, FAR_IMAGE]}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = [{"type": "input_image", "image_url": LINK}]
UNSAYABLE = {
    "chat": (
        chat(TEXT, {"type": "image_url", "image_url": {"url": LINK}}),
        "messages[2].content[1]",
    ),
    "chat, sound": (
        chat({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        "messages[2].content[0]",
    ),
    "responses": (
        responses({"type": "input_text", "text": "see"}, *OUTPUT),
        "input[0].content[1]",
    ),
    "responses, result": (
        ("/v1/responses", {"model": "up/m", "store": False, "input": [
            {"role": "user", "content": "a"}, CALL,
            {"type": "function_call_output", "call_id": "c", "output": OUTPUT}]}),
        "input[2].output[0]",
    ),
    "responses, hosted": (
        ("/v1/responses", {"model": "up/m", "store": False, "input": [
            {"role": "user", "content": "a"}, {"type": "web_search_call", "id": "ws_1"}]}),
        "input[1]",
    ),
    "anthropic": (messages(FAR_IMAGE), "messages[0].content[0]"),
    "anthropic, result": (
        ("/v1/messages", {"model": "up/m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "a"}, ASKED, {"role": "user", "content": [RESULT]}]}),
        "messages[2].content[0].content[1]",
    ),
    "gemini": (gemini(FILE), "contents[0].parts[1]"),
    "gemini, code": (gemini({"executableCode": {"code": "1"}}), "contents[0].parts[1]"),
    "chat, tool": (
        chat(tools=[FUNCTION, {"type": "custom", "custom": {"name": "g"}}]),
        "tools[1]",
    ),
    "responses, tool": (
        responses(tools=[
            {"type": "function", "name": "f", "parameters": SCHEMA}, {"type": "web_search"}]),
        "tools[1]",
    ),
    "anthropic, tool": (
        messages(tools=[
            {"name": "f", "input_schema": SCHEMA},
            {"type": "web_search_20250305", "name": "web_search"}]),
        "tools[1]",
    ),
    "gemini, tool": (
        gemini(tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]),
        "tools[1].googleSearch",
    ),
}  # fmt: skip


ABLE = {"m": {"capabilities": ["chat", "streaming", "vision", "audio", "tools"]}}


@contextlib.contextmanager
def before(dialect: str):
    """In front of a model that can do everything, by an API that has no words for all of it."""
    with Upstream(dialect) as upstream:
        provider = {**upstream.provider, "models": ABLE}
        with Weir({"providers": {"up": provider}}) as running:
            yield running
        assert upstream.calls == []


@pytest.fixture(scope="module")
def before_ollama():
    with before("ollama") as running:
        yield running


@pytest.fixture(scope="module")
def before_anthropic():
    with before("anthropic") as running:
        yield running


def said_of(answer, path: str) -> tuple[str, str]:
    """The path and the words of a refusal, wherever the API puts them."""
    error = answer.json["error"]
    if path.startswith(("/v1/chat", "/v1/responses")):
        assert error["code"] == "unsupported_capability"
        return error["param"], error["message"]
    message = error if isinstance(error, str) else error["message"]
    return message.partition(": ")[0], message


@pytest.mark.parametrize("name", UNSAYABLE)
def test_a_refusal_names_the_part_that_the_targets_api_has_no_words_for(before_ollama, name):
    (path, body), field = UNSAYABLE[name]
    answer = post(before_ollama, path, body, {"anthropic-version": "2023-06-01"})
    assert answer.status == 400, answer.body
    assert said_of(answer, path)[0] == field, answer.body


def named(name: str):
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}


# Gemini takes dots and colons in the names of tools, Ollama any text; OpenAI has calls of tools
# that take no JSON.
UNCALLABLE = {
    "gemini": (
        gemini(tools=[{"functionDeclarations": [{"name": "f"}, {"name": "maps.find"}]}]),
        "tools[0].functionDeclarations[1]",
    ),
    "gemini, call": (
        ("/v1beta/models/up%2Fm:generateContent", {"contents": [
            {"role": "user", "parts": [{"text": "a"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "maps.find", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "maps.find", "response": {}}}]}]}),
        "contents[1].parts[0].functionCall",
    ),
    "ollama": (ollama(tools=[named("f"), named("find it")]), "tools[1]"),
    "ollama, call": (
        ("/api/chat", {"model": "up/m", "stream": False, "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "f", "arguments": {}}},
                {"function": {"name": "find it", "arguments": {}}}]},
            {"role": "tool", "tool_name": "f", "content": "1"},
            {"role": "tool", "tool_name": "find it", "content": "2"}]}),
        "messages[1].tool_calls[1]",
    ),
    "chat, function": (
        chat(functions=[{"name": "f"}, {"name": "find it"}]),
        "functions[1]",
    ),
    "chat, custom call": (
        ("/v1/chat/completions", {"model": "up/m", "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [
                {"type": "custom", "id": "c", "custom": {"name": "g", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "1"}]}),
        "messages[1].tool_calls[0]",
    ),
    "responses, custom call": (
        ("/v1/responses", {"model": "up/m", "store": False, "input": [
            {"role": "user", "content": "a"},
            {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "1"}]}),
        "input[1]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNCALLABLE)
def test_a_refusal_names_the_tool_or_the_call_that_the_targets_api_does_not_take(
    before_anthropic, name
):
    (path, body), field = UNCALLABLE[name]
    answer = post(before_anthropic, path, body)
    assert answer.status == 400, answer.body
    assert said_of(answer, path)[0] == field, answer.body


def test_a_refusal_counts_the_items_that_the_client_sent_itself():
    """Not those of the conversation that is kept for it."""
    with Upstream("ollama") as upstream:
        with Weir({"providers": {"up": {**upstream.provider, "models": ABLE}}}) as weir:
            first = post(weir, "/v1/responses", {"model": "up/m", "input": "hello"})
            assert first.status == 200, first.body
            asked = {"model": "up/m", "previous_response_id": first.json["id"]}
            turn = {"role": "user", "content": [{"type": "input_text", "text": "see"}, *OUTPUT]}
            answer = post(weir, "/v1/responses", {**asked, "input": [turn]})
            assert answer.status == 400, answer.body
            assert answer.json["error"]["param"] == "input[0].content[1]"
        assert len(upstream.calls) == 1
