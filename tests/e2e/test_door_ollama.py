# SPDX-License-Identifier: Apache-2.0
"""Ollama's clients, in front of a target of every dialect."""

import pytest

import answers
import upstream as faults
from doors import KEY, WEATHER_SCHEMA, get, lines, locked, own_gateway, post

TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}


def ask(model, text, **members):
    return {"model": model, "messages": [{"role": "user", "content": text}], **members}


def test_a_plain_answer(gateway, dialect):
    answer = post(gateway, "/api/chat", ask(f"{dialect}/m", "hello there", stream=False))
    assert answer.status == 200, answer.body
    body = answer.json
    assert body["message"]["content"] == "echo: hello there"
    assert (body["done"], body["done_reason"]) == (True, "stop")
    assert body["prompt_eval_count"] == answers.INPUT_TOKENS


@pytest.mark.parametrize("path", ["chat", "generate"])
def test_durations_are_measured_where_the_target_tells_none(gateway, path):
    wish = ask("anthropic/m", "hello there", prompt="hello there")
    last = lines(post(gateway, f"/api/{path}", wish).body)[-1]
    assert last["total_duration"] > 0
    assert last["prompt_eval_duration"] + last["eval_duration"] == last["total_duration"]
    whole = post(gateway, f"/api/{path}", {**wish, "stream": False}).json
    assert whole["total_duration"] > 0
    assert whole["prompt_eval_duration"] + whole["eval_duration"] == whole["total_duration"]
    assert last["eval_count"] / last["eval_duration"] > 0, "as clients tell tokens per second"
    assert whole["eval_count"] / whole["eval_duration"] > 0


def test_answers_are_streamed_unless_told_otherwise(gateway, dialect):
    answer = post(gateway, "/api/chat", ask(f"{dialect}/m", "one two three"))
    assert answer.headers["content-type"] == "application/x-ndjson"
    chunks = lines(answer.body)
    assert "".join(chunk["message"]["content"] for chunk in chunks) == "echo: one two three"
    assert [chunk["done"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1]["eval_count"] == answers.OUTPUT_TOKENS


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_call_and_its_result(gateway, dialect, is_stream):
    body = ask(f"{dialect}/m", "use tool weather Oslo", tools=[TOOL], stream=is_stream)
    answer = post(gateway, "/api/chat", body)
    assert answer.status == 200, answer.body
    messages = [chunk["message"] for chunk in lines(answer.body)]
    calls = [call for message in messages for call in message.get("tool_calls", [])]
    assert [call["function"]["arguments"] for call in calls] == [{"city": "Oslo"}]
    body["messages"] += [
        {"role": "assistant", "content": "Checking.", "tool_calls": calls},
        {"role": "tool", "tool_name": "weather", "content": "rain"},
    ]
    second = post(gateway, "/api/chat", {**body, "stream": False})
    assert second.status == 200, second.body
    assert second.json["message"]["content"] == "tool said: rain"


def test_what_weir_does_not_know_reaches_a_target_of_the_same_dialect(gateway, upstreams):
    body = ask("ollama/m", "hello", stream=False, keep_alive="10m", brand_new=[1],
               options={"num_ctx": 4096, "mirostat": 2})  # fmt: skip
    assert post(gateway, "/api/chat", body).status == 200
    assert upstreams["ollama"].calls[0].json == {**body, "model": "m"}


def test_an_error_in_the_middle_of_a_stream_is_a_line(upstreams, dialect):
    upstreams[dialect].always(faults.error_event_after(4))
    with own_gateway(upstreams) as gateway:
        answer = post(gateway, "/api/chat", ask(f"{dialect}/m", "one two three four five six"))
    last = lines(answer.body)[-1]
    assert isinstance(last["error"], str) and "done" not in last


def test_errors_are_ollamas(gateway):
    unknown = post(gateway, "/api/chat", ask("no-such-model", "hi"))
    assert unknown.status == 404 and "no-such-model" in unknown.json["error"]
    broken = post(gateway, "/api/chat", b"{")
    assert broken.status == 400 and isinstance(broken.json["error"], str)
    wrong = post(gateway, "/api/chat", {"model": "smart", "messages": 5})
    assert wrong.status == 400 and "messages" in wrong.json["error"]


def test_a_key_comes_as_a_bearer_token(upstreams):
    with locked(upstreams) as gateway:
        headers = {"authorization": f"Bearer {KEY}"}
        body = ask("ollama/m", "hi", stream=False)
        assert post(gateway, "/api/chat", body, headers).status == 200
        assert post(gateway, "/api/chat", body).status == 401
        assert get(gateway, "/").status == 200


def test_the_tag_latest_may_be_left_out_or_added(gateway):
    assert post(gateway, "/api/chat", ask("smart:latest", "hi", stream=False)).status == 200
    assert post(gateway, "/api/show", {"model": "smart:latest"}).status == 200
    assert post(gateway, "/api/show", {"model": "none"}).status == 404


@pytest.mark.parametrize("is_stream", [False, True])
def test_generate(gateway, upstreams, dialect, is_stream):
    body = {"model": f"{dialect}/m", "prompt": "hello", "system": "Be brief.", "stream": is_stream}
    answer = post(gateway, "/api/generate", body)
    assert answer.status == 200, answer.body
    chunks = lines(answer.body)
    text = "".join(chunk["response"] for chunk in chunks)
    assert text == ("generated: hello" if dialect == "ollama" else "echo: hello")
    assert chunks[-1]["done"] and not any("message" in chunk for chunk in chunks)
    if dialect != "ollama":
        turns = upstreams[dialect].calls[0].ask.turns
        assert [(turn.role, turn.text) for turn in turns] == [
            ("system", "Be brief."), ("user", "hello"),
        ]  # fmt: skip


def test_what_only_ollama_completes_goes_to_ollama_only(gateway, upstreams):
    body = {"model": "ollama/m", "prompt": "a", "suffix": "b", "stream": False, "raw": True}
    assert post(gateway, "/api/generate", body).json["context"] == [1, 2]
    assert upstreams["ollama"].calls[0].json == {**body, "model": "m"}
    refused = post(gateway, "/api/generate", {**body, "model": "openai/m"})
    assert refused.status == 400 and "suffix" in refused.json["error"]


@pytest.mark.parametrize("path, more", [("generate", {}), ("generate", {"prompt": ""}),
                                        ("chat", {}), ("chat", {"messages": []})])  # fmt: skip
def test_what_needs_no_loading_is_loaded_already(gateway, upstreams, path, more):
    for wish, reason in (({}, "load"), ({"keep_alive": 0}, "unload"), ({"stream": False}, "load")):
        answer = post(gateway, f"/api/{path}", {"model": "openai/m", **more, **wish})
        assert answer.status == 200, answer.body
        assert answer.json["model"] == "openai/m" and answer.json["done"] is True
        assert answer.json["done_reason"] == reason
        said = answer.json["message"]["content"] if path == "chat" else answer.json["response"]
        assert said == ""
    assert upstreams["openai"].calls == []
    unknown = post(gateway, f"/api/{path}", {"model": "openai-m", **more})
    assert unknown.status == 404, unknown.body


@pytest.mark.parametrize("dialect", ["openai", "gemini", "ollama"])
def test_embeddings(gateway, dialect):
    body = {"model": f"{dialect}/m", "input": ["hello", "you"]}
    many = post(gateway, "/api/embed", body)
    assert many.status == 200, many.body
    assert many.json["embeddings"][0] == pytest.approx(answers.vector_of("hello"))
    assert len(many.json["embeddings"]) == 2
    one = post(gateway, "/api/embeddings", {"model": f"{dialect}/m", "prompt": "hello"})
    assert one.json == {"embedding": many.json["embeddings"][0]}


def test_the_pages_that_ollamas_tools_look_at(gateway):
    assert get(gateway, "/").body == b"Ollama is running"
    assert get(gateway, "/api/version").json["version"].count(".") == 2
    names = [model["name"] for model in get(gateway, "/api/tags").json["models"]]
    assert "smart" in names
    shown = post(gateway, "/api/show", {"name": "smart"}).json
    assert "completion" in shown["capabilities"] and shown["details"]["family"]
    known = post(gateway, "/api/show", {"model": "openai/gpt-5.6-sol"}).json["model_info"]
    assert known[known["general.architecture"] + ".context_length"] == 1_050_000
