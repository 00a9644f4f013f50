# SPDX-License-Identifier: Apache-2.0
"""OpenAI's SDK for Python between an application and each dialect."""

import json
import os

import pytest

import answers
import upstream as fault
from harness import Weir, user
from test_chat import PIXEL, WEATHER
from upstream import Upstream

if os.environ.get("WEIR_E2E_NO_SDK") == "1":
    pytest.skip("WEIR_E2E_NO_SDK=1: no package registry", allow_module_level=True)

import openai  # noqa: E402  (only where it is installed)


def sdk(weir: Weir, retries: int = 0, key: str = "sk-any") -> openai.OpenAI:
    base_url = f"http://127.0.0.1:{weir.port}/v1"
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=retries, timeout=20)


@pytest.fixture
def client(gateway):
    with sdk(gateway) as made:
        yield made


def test_chat(client, dialect):
    answer = client.chat.completions.create(model=f"{dialect}/m", messages=user("hello there"))
    assert answer.choices[0].message.content == "echo: hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 100
    assert answer._request_id


def test_stream(client, dialect):
    stream = client.chat.completions.create(
        model=f"{dialect}/m",
        messages=user("one two three"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(piece or "" for piece in pieces) == "echo: one two three"
    assert chunks[-1].usage.total_tokens == 100


def test_tools_and_their_results(client, dialect):
    messages = user("use tool weather Oslo Rome")
    asked = {"model": f"{dialect}/m", "tools": [WEATHER]}
    message = client.chat.completions.create(messages=messages, **asked).choices[0].message
    cities = [json.loads(call.function.arguments)["city"] for call in message.tool_calls]
    assert cities == ["Oslo", "Rome"]
    messages = [*messages, message] + [
        {"role": "tool", "tool_call_id": call.id, "content": f"rain {index}"}
        for index, call in enumerate(message.tool_calls)
    ]
    second = client.chat.completions.create(messages=messages, **asked)
    assert second.choices[0].message.content == "tool said: rain 0, rain 1"


def test_streamed_tools(client, dialect):
    with client.chat.completions.stream(
        model=f"{dialect}/m", messages=user("use tool weather Oslo Rome"), tools=[WEATHER]
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = [json.loads(call.function.arguments) for call in message.tool_calls]
    assert calls == [{"city": "Oslo"}, {"city": "Rome"}]


def test_an_image(client, dialect):
    content = [
        {"type": "text", "text": "what"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = client.chat.completions.create(model=f"{dialect}/m", messages=user(content))
    assert answer.choices[0].message.content == "echo: what [1 images]"


def test_an_answer_parsed_by_schema(client, dialect):
    from pydantic import BaseModel

    class Person(BaseModel):
        name: str
        age: int

    answer = client.chat.completions.parse(
        model=f"{dialect}/m", messages=user("Ada"), response_format=Person
    )
    assert answer.choices[0].message.parsed == Person(name="Ada", age=7)


@pytest.mark.parametrize("dialect", ["openai", "responses", "gemini", "ollama"])
def test_embeddings(client, dialect):
    """Without encoding_format the SDK asks for base64 and decodes it."""
    answer = client.embeddings.create(model=f"{dialect}/m", input=["abc", "x"])
    vectors = [entry.embedding for entry in answer.data]
    assert vectors == [answers.vector_of("abc"), answers.vector_of("x")]


def test_legacy_completions_and_models(client):
    assert client.completions.create(model="openai/m", prompt="Once").choices[0].text == "echo: Once"
    assert "smart" in [model.id for model in client.models.list()]
    assert client.models.retrieve("smart").id == "smart"


ERRORS = {
    "rate limit": (fault.status(429, retry_after="60"), openai.RateLimitError),
    "wrong key of the gateway": (fault.status(401), openai.InternalServerError),
    "bad request": (fault.status(400), openai.BadRequestError),
    "unprocessable": (fault.status(422), openai.UnprocessableEntityError),
    "garbage": (fault.ok_with(b"{"), openai.InternalServerError),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_upstream_become_the_sdks_classes(name):
    played, kind = ERRORS[name]
    with Upstream("openai") as upstream, Weir({"providers": {"up": upstream.provider}}) as weir:
        upstream.always(played)
        with pytest.raises(kind) as raised, sdk(weir) as client:
            client.chat.completions.create(model="up/m", messages=user("hello"))
        assert type(raised.value) is kind
        assert raised.value.request_id and raised.value.code


def test_errors_of_the_client_become_the_sdks_classes():
    with Upstream("openai") as upstream:
        config = {"providers": {"up": upstream.provider}, "keys": ["sk-right-0123456789"]}
        with Weir(config) as weir, sdk(weir) as stranger:
            with pytest.raises(openai.AuthenticationError):
                stranger.chat.completions.create(model="up/m", messages=user("hello"))
            with sdk(weir, key="sk-right-0123456789") as client:
                assert client.chat.completions.create(model="up/m", messages=user("hello"))
                with pytest.raises(openai.NotFoundError):
                    client.chat.completions.create(model="up-m", messages=user("hello"))


def test_a_stream_that_breaks_is_an_error_and_not_a_short_answer():
    with Upstream("openai") as upstream:
        upstream.always(fault.cut_after(2))
        config = {"providers": {"up": upstream.provider}, "stream": {"recovery": "off"}}
        with Weir(config) as weir, sdk(weir) as client:
            stream = client.chat.completions.create(
                model="up/m", messages=user("one two three"), stream=True
            )
            with pytest.raises(openai.APIError):
                list(stream)


def test_the_sdk_does_not_repeat_what_the_gateway_has_repeated():
    with Upstream("openai") as upstream:
        upstream.always(fault.status(500))
        with Weir({"providers": {"up": upstream.provider}}) as weir, sdk(weir, retries=4) as client:
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(model="up/m", messages=user("hello"))
            assert len(upstream.calls) <= 3
