# SPDX-License-Identifier: Apache-2.0
"""The SDKs of every dialect, and frameworks above them, between an application and each target."""

import json
import os
import pathlib
import subprocess

import pytest

import answers
from harness import Weir, user
from test_chat import WEATHER

if os.environ.get("WEIR_E2E_NO_SDK") == "1":
    pytest.skip("WEIR_E2E_NO_SDK=1: no package registry", allow_module_level=True)

import anthropic  # noqa: E402  (only where they are installed)
import openai  # noqa: E402
from google import genai  # noqa: E402
from google.genai import types  # noqa: E402

SCRIPT = pathlib.Path(__file__).parent / "sdk" / "doors.mjs"
TOOL_ANSWER = "tool said: rain in Oslo, rain in Rome"
ORDER = "use tool weather Oslo Rome"
SCHEMA = WEATHER["function"]["parameters"]


def node(weir: Weir, model: str, check: str):
    run = subprocess.run(
        ["node", str(SCRIPT), f"http://127.0.0.1:{weir.port}", model, check],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# JavaScript --------------------------------------------------------------------------------------------


def test_openais_sdk_on_responses(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "responsesAnswer") == {
        "text": "echo: hello there", "status": "completed", "output": 42,
    }  # fmt: skip
    assert node(gateway, f"{dialect}/m", "responsesStream") == {
        "text": "echo: one two three", "same": True, "inPieces": True,
    }  # fmt: skip


# The scripted server of the dialect itself keeps no conversation.
@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "ollama"])
def test_openais_sdk_on_responses_with_tools(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "responsesTools") == {"text": TOOL_ANSWER}


def test_openais_sdk_on_azure(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "azureChat") == {
        "text": "echo: hello there", "streamed": "echo: hello there",
    }  # fmt: skip


def test_openais_sdk_on_azure_embeds(gateway):
    vectors = [answers.vector_of("abc"), answers.vector_of("x")]
    assert node(gateway, "openai/m", "azureEmbed") == vectors


def test_anthropics_sdk(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "anthropicChat") == {
        "text": "echo: hello there", "stop": "end_turn", "output": 42, "hasRequestId": True,
    }  # fmt: skip
    assert node(gateway, f"{dialect}/m", "anthropicStream") == {
        "text": "echo: one two three", "stop": "end_turn", "inPieces": True,
    }  # fmt: skip


def test_anthropics_sdk_with_tools(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "anthropicTools") == {
        "stop": "tool_use", "text": TOOL_ANSWER,
    }  # fmt: skip


def test_anthropics_sdk_beside_messages(gateway):
    assert 3 <= node(gateway, "openai/m", "anthropicCount") <= 40
    assert ["model", "smart"] in node(gateway, "openai/m", "anthropicModels")
    assert node(gateway, "openai/m", "anthropicError") == {
        "name": "NotFoundError", "status": 404, "type": "not_found_error",
    }  # fmt: skip


def test_googles_sdk(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "geminiChat") == {
        "text": "echo: hello there", "finish": "STOP", "total": 100,
    }  # fmt: skip
    assert node(gateway, f"{dialect}/m", "geminiStream") == {
        "text": "echo: one two three", "finish": "STOP", "inPieces": True,
    }  # fmt: skip


def test_googles_sdk_with_tools(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "geminiTools") == {"text": TOOL_ANSWER}


@pytest.mark.parametrize("dialect", ["openai", "gemini", "ollama"])
def test_googles_sdk_embeds(gateway, dialect):
    vectors = [answers.vector_of("abc"), answers.vector_of("x")]
    assert node(gateway, f"{dialect}/m", "geminiEmbed") == vectors


def test_googles_sdk_counts(gateway):
    assert 3 <= node(gateway, "openai/m", "geminiCount") <= 40


def test_ollamas_sdk(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "ollamaChat") == {
        "text": "echo: hello there", "done": "stop", "output": 42,
    }  # fmt: skip
    assert node(gateway, f"{dialect}/m", "ollamaStream") == {
        "text": "echo: one two three", "done": "stop", "inPieces": True,
    }  # fmt: skip
    # A target of Ollama's own is asked at its own path, and says so.
    own = "generated" if dialect == "ollama" else "echo"
    assert node(gateway, f"{dialect}/m", "ollamaGenerate") == f"{own}: hello there"


def test_ollamas_sdk_with_tools(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "ollamaTools") == {"text": TOOL_ANSWER}


def test_ollamas_sdk_beside_chat(gateway):
    vectors = [answers.vector_of("abc"), answers.vector_of("x")]
    assert node(gateway, "openai/m", "ollamaEmbed") == vectors
    names = node(gateway, "openai/m", "ollamaList")
    assert any(name.removesuffix(":latest") == "smart" for name in names)


@pytest.mark.parametrize("check", ["vercelResponses", "vercelChat", "vercelAnthropic"])
def test_vercels_framework_runs_its_tool_loop(gateway, dialect, check):
    assert node(gateway, f"{dialect}/m", check) == {
        "text": TOOL_ANSWER, "cities": ["Oslo", "Rome"], "input": 2 * answers.INPUT_TOKENS,
    }  # fmt: skip


@pytest.mark.parametrize("check", ["vercelResponsesStream", "vercelAnthropicStream"])
def test_vercels_framework_streams(gateway, dialect, check):
    assert node(gateway, f"{dialect}/m", check) == {
        "text": "echo: one two three", "inPieces": True, "finish": "stop",
    }  # fmt: skip


def test_langchain_runs_tools(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "langchain") == {
        "text": TOOL_ANSWER, "cities": ["Oslo", "Rome"],
    }  # fmt: skip


def test_langchain_streams(gateway, dialect):
    assert node(gateway, f"{dialect}/m", "langchainStream") == {
        "text": "echo: one two three", "inPieces": True,
    }  # fmt: skip


# Python ------------------------------------------------------------------------------------------------


@pytest.fixture
def gpt(gateway):
    url = f"http://127.0.0.1:{gateway.port}/v1"
    with openai.OpenAI(base_url=url, api_key="sk-any", max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def claude(gateway):
    url = f"http://127.0.0.1:{gateway.port}"
    with anthropic.Anthropic(base_url=url, api_key="sk-any", max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def google(gateway):
    options = types.HttpOptions(base_url=f"http://127.0.0.1:{gateway.port}", timeout=20_000)
    return genai.Client(api_key="sk-any", http_options=options)


def asked(dialect: str, text: str) -> dict:
    messages = [{"role": "user", "content": text}]
    return {"model": f"{dialect}/m", "max_tokens": 1000, "messages": messages}


def test_openais_python_sdk_on_responses(gpt, dialect):
    answer = gpt.responses.create(model=f"{dialect}/m", input="hello there")
    assert (answer.output_text, answer.status) == ("echo: hello there", "completed")
    with gpt.responses.stream(model=f"{dialect}/m", input="one two three") as stream:
        pieces = [each.delta for each in stream if each.type == "response.output_text.delta"]
        assert "".join(pieces) == stream.get_final_response().output_text == "echo: one two three"


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini", "ollama"])
def test_openais_python_sdk_goes_on_from_a_kept_answer(gpt, dialect):
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    first = gpt.responses.create(model=f"{dialect}/m", input=ORDER, tools=tools)
    results = [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": f"rain in {json.loads(item.arguments)['city']}",
        }
        for item in first.output
        if item.type == "function_call"
    ]
    second = gpt.responses.create(
        model=f"{dialect}/m", input=results, previous_response_id=first.id, tools=tools
    )
    assert second.output_text == TOOL_ANSWER
    assert gpt.responses.retrieve(second.id).output_text == TOOL_ANSWER
    assert len(gpt.responses.input_items.list(second.id).data) >= 2
    gpt.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve(second.id)


def test_openais_python_sdk_on_azure(gateway, dialect):
    with openai.AzureOpenAI(
        azure_endpoint=f"http://127.0.0.1:{gateway.port}",
        api_key="sk-any",
        api_version="2024-10-21",
        max_retries=0,
    ) as azure:
        request = {"model": f"{dialect}/m", "messages": user("hello there")}
        whole = azure.chat.completions.create(**request)
        assert whole.choices[0].message.content == "echo: hello there"
        chunks = azure.chat.completions.create(**request, stream=True)
        deltas = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(deltas) == "echo: hello there"
        answer = azure.responses.create(model=request["model"], input="hello there")
        assert answer.output_text == "echo: hello there"


def test_anthropics_python_sdk(claude, dialect):
    message = claude.messages.create(**asked(dialect, "hello there"))
    assert (message.content[0].text, message.stop_reason) == ("echo: hello there", "end_turn")
    with claude.messages.stream(**asked(dialect, "one two three")) as stream:
        assert "".join(stream.text_stream) == "echo: one two three"
        assert stream.get_final_message().usage.output_tokens == answers.OUTPUT_TOKENS


def test_anthropics_python_sdk_with_tools(claude, dialect):
    request = asked(dialect, ORDER)
    request["tools"] = [{"name": "weather", "input_schema": SCHEMA}]
    first = claude.messages.create(**request)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": f"rain in {block.input['city']}"}
        for block in first.content
        if block.type == "tool_use"
    ]
    request["messages"] += [
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": results},
    ]
    assert claude.messages.create(**request).content[0].text == TOOL_ANSWER


def test_anthropics_python_sdk_tells_errors_apart(claude):
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(**{**asked("openai", "hello"), "model": "no-such-model"})


def test_googles_python_sdk(google, dialect):
    answer = google.models.generate_content(model=f"{dialect}/m", contents="hello there")
    assert answer.text == "echo: hello there"
    stream = google.models.generate_content_stream(model=f"{dialect}/m", contents="one two three")
    assert "".join(chunk.text or "" for chunk in stream) == "echo: one two three"


def test_googles_python_sdk_calls_functions_by_itself(google, dialect):
    cities = []

    def weather(city: str) -> str:
        """The weather of a city."""
        cities.append(city)
        return f"rain in {city}"

    config = types.GenerateContentConfig(tools=[weather])
    answer = google.models.generate_content(model=f"{dialect}/m", contents=ORDER, config=config)
    assert cities == ["Oslo", "Rome"]
    assert answer.text.startswith("tool said: ")
