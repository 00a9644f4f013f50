# SPDX-License-Identifier: Apache-2.0
"""What applications do with SDKs and frameworks beyond the first page of their manuals."""

import base64
import json
import os
import pathlib
import subprocess

import pytest

from harness import user
from test_chat import PIXEL, WEATHER

if os.environ.get("WEIR_E2E_NO_SDK") == "1":
    pytest.skip("WEIR_E2E_NO_SDK=1: no package registry", allow_module_level=True)

import anthropic  # noqa: E402  (only where they are installed)
from google.genai import types  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from answers import DIALECTS  # noqa: E402
from test_sdk_doors import (  # noqa: E402, F401  (fixtures)
    ORDER,
    SCHEMA,
    TOOL_ANSWER,
    asked,
    claude,
    google,
    gpt,
)

SCRIPT = pathlib.Path(__file__).parent / "sdk" / "uses.mjs"
PIXEL_BASE64 = PIXEL.split(",", 1)[1]


class Person(BaseModel):
    name: str
    age: int


ADA = Person(name="Ada", age=7)


def rain(arguments: str) -> str:
    return "rain in " + json.loads(arguments)["city"]


def test_frameworks_and_helpers_of_javascript(gateway, dialect):
    run = subprocess.run(
        ["node", str(SCRIPT), f"http://127.0.0.1:{gateway.port}", f"{dialect}/m"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    wrong = json.loads(run.stdout)
    if dialect == "anthropic":  # which has no embeddings
        assert "embeddings" in wrong.pop("frameworksEmbed")
    assert wrong == {}


# OpenAI's ----------------------------------------------------------------------------------------------


def test_openais_streams_parse_by_schema(gpt, dialect):  # noqa: F811
    with gpt.responses.stream(model=f"{dialect}/m", input="Ada", text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == ADA
    with gpt.chat.completions.stream(
        model=f"{dialect}/m", messages=user("Ada"), response_format=Person
    ) as chat:
        assert chat.get_final_completion().choices[0].message.parsed == ADA


def test_calls_of_one_target_are_answered_to_every_other(gpt, dialect):  # noqa: F811
    question = {"messages": user(ORDER), "tools": [WEATHER]}
    answer = gpt.chat.completions.create(model=f"{dialect}/m", **question)
    message = answer.choices[0].message
    results = [
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": [{"type": "text", "text": rain(call.function.arguments)}],
        }
        for call in message.tool_calls
    ]
    question["messages"] += [message, *results]
    for other in DIALECTS:
        answer = gpt.chat.completions.create(model=f"{other}/m", **question)
        assert answer.choices[0].message.content == TOOL_ANSWER, other


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "ollama"])
def test_items_of_one_target_go_on_at_every_other(gpt, dialect):  # noqa: F811
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    first = gpt.responses.create(model=f"{dialect}/m", input=ORDER, tools=tools, store=False)
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": rain(item.arguments)}
        for item in first.output
        if item.type == "function_call"
    ]
    items = [{"role": "user", "content": ORDER}, *first.output, *results]
    for other in DIALECTS:
        second = gpt.responses.create(model=f"{other}/m", input=items, tools=tools, store=False)
        assert second.output_text == TOOL_ANSWER, other


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "ollama"])
def test_streams_go_on_from_kept_answers(gpt, dialect):  # noqa: F811
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    target = {"model": f"{dialect}/m", "tools": tools}
    with gpt.responses.stream(input=ORDER, **target) as stream:
        first = stream.get_final_response()
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": rain(item.arguments)}
        for item in first.output
        if item.type == "function_call"
    ]
    with gpt.responses.stream(input=results, previous_response_id=first.id, **target) as stream:
        second = stream.get_final_response()
    assert second.output_text == TOOL_ANSWER
    third = {"input": "hello", "previous_response_id": second.id, "instructions": "be brief"}
    with gpt.responses.stream(**third, **target) as stream:
        assert stream.get_final_response().output_text.endswith("hello")


def test_what_few_clients_send(gpt, dialect):  # noqa: F811
    answer = gpt.chat.completions.create(
        model=f"{dialect}/m",
        messages=[
            {"role": "developer", "content": "be brief"},
            {"role": "user", "name": "bob", "content": "hi"},
            {"role": "assistant", "content": None, "refusal": "no"},
            {"role": "user", "content": [{"type": "text", "text": w} for w in ("hello", "there")]},
        ],
        max_completion_tokens=100,
        temperature=0,
        user="u",
        seed=1,
        stop=None,
        presence_penalty=0,
        frequency_penalty=0,
        n=1,
        logit_bias={},
        store=False,
        metadata={"a": "b"},
        service_tier="auto",
        response_format={"type": "text"},
    )
    assert "hello" in answer.choices[0].message.content


# Anthropic's -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_stream", [False, True])
def test_anthropics_tool_runner(claude, dialect, is_stream):  # noqa: F811
    """It begins with a conversation that the server keeps, and is told that this one doesn't."""

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    runner = claude.beta.messages.tool_runner(
        **asked(dialect, ORDER), tools=[weather], stream=is_stream
    )
    last = None
    for answer in runner:
        last = answer.get_final_message() if is_stream else answer
    assert last.content[-1].text == TOOL_ANSWER


def test_a_conversation_on_anthropics_side_is_refused_in_its_words(claude):  # noqa: F811
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.beta.messages.create(**asked("anthropic", "hello"), thread={"type": "create"})
    details = refused.value.body["error"]["details"]
    assert details["error_code"] == "thread_unsupported_request"


def test_anthropics_sdk_parses_by_schema(claude, dialect):  # noqa: F811
    assert claude.messages.parse(**asked(dialect, "Ada"), output_format=Person).parsed_output == ADA


def test_a_tool_result_with_a_picture(claude, dialect):  # noqa: F811
    question = {**asked(dialect, ORDER), "tools": [{"name": "weather", "input_schema": SCHEMA}]}
    answer = claude.messages.create(**question)
    picture = {"type": "base64", "media_type": "image/png", "data": PIXEL_BASE64}
    results = [
        {
            "type": "tool_result",
            "tool_use_id": block.id,
            "content": [
                {"type": "text", "text": f"rain in {block.input['city']}"},
                {"type": "image", "source": picture},
            ],
        }
        for block in answer.content
        if block.type == "tool_use"
    ]
    question["messages"] += [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": results},
    ]
    assert "rain in Rome" in claude.messages.create(**question).content[0].text


def test_thoughts_are_given_back(claude, dialect):  # noqa: F811
    question = {**asked(dialect, "think hard"), "max_tokens": 4000}
    question["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    with claude.messages.stream(**question) as stream:
        answer = stream.get_final_message()
    assert answer.content[-1].type == "text"
    question["messages"] += [{"role": "assistant", "content": answer.content}, *user("hello")]
    assert claude.messages.create(**question).content[-1].text.startswith("echo")


# Google's ----------------------------------------------------------------------------------------------


def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def test_googles_sdk_calls_functions_by_itself(google, dialect):  # noqa: F811
    config = types.GenerateContentConfig(tools=[weather])
    answer = google.models.generate_content(model=f"{dialect}/m", contents=ORDER, config=config)
    assert "rain in Rome" in answer.text


# The scripted server of the dialect itself ends its streams with an empty content, which this SDK
# leaves out of its history together with the calls before it.
@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "ollama"])
def test_googles_chat_streams_and_calls_functions_by_itself(google, dialect):  # noqa: F811
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    config = types.GenerateContentConfig(tools=[weather], thinking_config=thinking)
    chat = google.chats.create(model=f"{dialect}/m", config=config)
    pieces = [chunk.text or "" for chunk in chat.send_message_stream(ORDER)]
    assert "rain in Rome" in "".join(pieces)
    assert "hello" in chat.send_message("hello").text


def test_googles_sdk_parses_by_schema(google, dialect):  # noqa: F811
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_schema=Person
    )
    answer = google.models.generate_content(model=f"{dialect}/m", contents="Ada", config=config)
    assert answer.parsed == ADA


def test_googles_sdk_sends_a_picture(google, dialect):  # noqa: F811
    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL_BASE64), mime_type="image/png")
    answer = google.models.generate_content(model=f"{dialect}/m", contents=[picture, "what"])
    assert "1 images" in answer.text
