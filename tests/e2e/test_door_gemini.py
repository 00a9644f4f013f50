# SPDX-License-Identifier: Apache-2.0
"""Gemini's clients, in front of a target of every dialect."""

import json

import pytest

import answers
import upstream as faults
from doors import KEY, WEATHER_SCHEMA, get, locked, own_gateway, post, sse

TOOL = {"functionDeclarations": [{"name": "weather", "parametersJsonSchema": WEATHER_SCHEMA}]}


def ask(text, **members):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **members}


def path(model, method, version="v1beta"):
    return f"/{version}/models/{model}:{method}"


def text_of(chunks):
    parts = [part for chunk in chunks for candidate in chunk.get("candidates", [])
             for part in candidate.get("content", {}).get("parts", [])]  # fmt: skip
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def test_a_plain_answer(gateway, dialect):
    for version in ("v1beta", "v1"):
        for model in (f"{dialect}/m", f"{dialect}%2Fm"):
            answer = post(gateway, path(model, "generateContent", version), ask("hello there"))
            assert answer.status == 200, answer.body
            assert text_of([answer.json]) == "echo: hello there"
            assert answer.json["candidates"][0]["finishReason"] == "STOP"
            assert answer.json["usageMetadata"]["promptTokenCount"] == answers.INPUT_TOKENS


def test_a_streamed_answer(gateway, dialect):
    answer = post(
        gateway, path(f"{dialect}/m", "streamGenerateContent?alt=sse"), ask("one two three")
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    chunks = [data for _, data in sse(answer.body)]
    assert text_of(chunks) == "echo: one two three" and len(chunks) >= 4
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


def test_a_stream_as_one_array(gateway, dialect):
    answer = post(gateway, path(f"{dialect}/m", "streamGenerateContent"), ask("one two three"))
    assert answer.headers["content-type"] == "application/json"
    chunks = answer.json
    assert text_of(chunks) == "echo: one two three" and len(chunks) >= 4


def test_a_broken_stream_as_one_array_is_still_json(upstreams, dialect):
    upstreams[dialect].always(faults.error_event_after(4))
    text = "one two three four five six seven eight"
    with own_gateway(upstreams) as gateway:
        answer = post(gateway, path(f"{dialect}/m", "streamGenerateContent"), ask(text))
    assert answer.json[-1]["error"]["status"] in ("UNAVAILABLE", "INTERNAL"), answer.body


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_call_and_its_result(gateway, dialect, is_stream):
    body = ask("use tool weather Oslo", tools=[TOOL])
    method = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
    answer = post(gateway, path(f"{dialect}/m", method), body)
    assert answer.status == 200, answer.body
    chunks = [data for _, data in sse(answer.body)] if is_stream else [answer.json]
    parts = [part for chunk in chunks for candidate in chunk["candidates"]
             for part in candidate.get("content", {}).get("parts", [])]  # fmt: skip
    call = next(part["functionCall"] for part in parts if "functionCall" in part)
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    response = {"name": "weather", "response": {"output": "rain"}}
    if "id" in call:
        response["id"] = call["id"]
    spoken = [part for part in parts if "functionCall" in part or part.get("text")]
    body["contents"] += [{"role": "model", "parts": spoken},
                         {"role": "user", "parts": [{"functionResponse": response}]}]  # fmt: skip
    second = post(gateway, path(f"{dialect}/m", "generateContent"), body)
    assert second.status == 200, second.body
    assert text_of([second.json]).startswith("tool said: ") and "rain" in text_of([second.json])


def test_what_weir_does_not_know_reaches_a_target_of_the_same_dialect(gateway, upstreams):
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    body = ask("hello", safetySettings=settings, cachedContent="cachedContents/x")
    answer = post(gateway, path("gemini/m", "generateContent"), body)
    assert answer.status == 200, answer.body
    assert upstreams["gemini"].calls[0].json == body


def test_errors_are_googles(gateway):
    unknown = post(gateway, path("no-such-model", "generateContent"), ask("hi"))
    assert unknown.status == 404
    assert (unknown.json["error"]["code"], unknown.json["error"]["status"]) == (404, "NOT_FOUND")
    broken = post(gateway, path("gemini/m", "generateContent"), b"{")
    assert (broken.status, broken.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    wrong = post(gateway, path("gemini/m", "generateContent"), {"contents": 5})
    assert wrong.status == 400 and "contents" in wrong.json["error"]["message"]


def test_an_error_before_a_stream_as_one_array_is_an_array(upstreams):
    """As Google's servers answer: whoever reads an array of chunks finds it in there."""
    upstreams["gemini"].always(faults.status(400))
    with own_gateway(upstreams) as gateway:
        for model, body, code in [("gemini/m", ask("hi"), 400), ("gemini/m", b"{", 400),
                                  ("gemini/m", {"contents": 5}, 400), ("none", ask("hi"), 404)]:
            plain = post(gateway, path(model, "generateContent"), body)
            events = post(gateway, path(model, "streamGenerateContent?alt=sse"), body)
            array = post(gateway, path(model, "streamGenerateContent"), body)
            for answer in (plain, events, array):
                assert answer.status == code, answer.body
                assert answer.headers["content-type"] == "application/json"
            assert plain.json["error"]["code"] == events.json["error"]["code"] == code
            (only,) = array.json
            assert only["error"]["status"] == plain.json["error"]["status"]
    with locked(upstreams) as gateway:
        refused = post(gateway, path("gemini/m", "streamGenerateContent?key=wrong"), ask("hi"))
        assert refused.status == 401 and refused.json[0]["error"]["status"] == "UNAUTHENTICATED"


def test_a_method_that_there_is_not_is_not_found(gateway):
    for version in ("v1beta", "v1"):
        answer = post(gateway, path("gemini/m", "fooBar", version), ask("hi"))
        assert answer.status == 404 and "allow" not in answer.headers
        assert answer.json["error"]["status"] == "NOT_FOUND"
    assert post(gateway, "/v1beta/models/m", ask("hi")).status == 404


def test_a_key_in_the_query_goes_no_further(upstreams):
    with locked(upstreams) as gateway:
        body = ask("hi")
        assert post(gateway, path("gemini/m", f"generateContent?key={KEY}"), body).status == 200
        headers = {"x-goog-api-key": KEY}
        assert post(gateway, path("gemini/m", "generateContent"), body, headers).status == 200
        refused = post(gateway, path("gemini/m", "generateContent?key=wrong"), body)
        assert (refused.status, refused.json["error"]["status"]) == (401, "UNAUTHENTICATED")
        assert KEY not in gateway.log()
    for call in upstreams["gemini"].calls:
        assert KEY not in json.dumps([call.path, call.query, call.headers])


@pytest.mark.parametrize("dialect", ["openai", "gemini", "ollama"])
def test_embeddings(gateway, dialect):
    content = {"parts": [{"text": "hello"}]}
    one = post(gateway, path(f"{dialect}/m", "embedContent"), {"content": content})
    assert one.status == 200, one.body
    entry = {"model": f"models/{dialect}/m", "content": content, "taskType": "CLUSTERING"}
    batch = post(gateway, path(f"{dialect}/m", "batchEmbedContents"), {"requests": [entry, entry]})
    assert batch.status == 200, batch.body
    vectors = [embedding["values"] for embedding in batch.json["embeddings"]]
    assert vectors == [one.json["embedding"]["values"]] * 2
    assert vectors[0] == pytest.approx(answers.vector_of("hello"))
    assert batch.headers["x-weir-dropped"] == "taskType"


def test_tokens_are_counted_by_the_target_where_it_can(gateway, upstreams):
    answer = post(gateway, path("gemini/m", "countTokens"), ask("hello"))
    assert answer.json == {"totalTokens": answers.INPUT_TOKENS}
    inner = {"generateContentRequest": {"model": "models/gemini/m", **ask("hello")}}
    assert post(gateway, path("gemini/m", "countTokens"), inner).status == 200
    request = upstreams["gemini"].calls[1].json["generateContentRequest"]
    assert request["model"] == "models/m"
    own = post(gateway, path("openai/m", "countTokens"), ask("hello")).json
    assert 0 < own["totalTokens"] < 40


def test_the_list_of_models_is_googles(gateway):
    listed = get(gateway, "/v1beta/models?pageSize=5").json["models"]
    assert "models/smart" in [model["name"] for model in listed]
    assert get(gateway, "/v1beta/models/smart").json["name"] == "models/smart"
    assert get(gateway, "/v1beta/models/none").json["error"]["status"] == "NOT_FOUND"


def test_a_model_tells_its_window_and_its_methods(gateway):
    one = get(gateway, "/v1beta/models/openai/gpt-5.6-sol").json
    assert (one["inputTokenLimit"], one["outputTokenLimit"]) == (1_050_000, 128_000)
    assert one["thinking"] is True and "generateContent" in one["supportedGenerationMethods"]
    assert "embedContent" not in one["supportedGenerationMethods"]
    assert one in get(gateway, "/v1beta/models").json["models"]


def test_models_are_listed_page_by_page(gateway):
    everything = [model["name"] for model in get(gateway, "/v1beta/models").json["models"]]
    names, token = [], ""
    while token is not None:
        page = get(gateway, f"/v1beta/models?pageSize=4&pageToken={token}").json
        names += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken")
    assert names == everything
    assert get(gateway, "/v1beta/models?pageSize=x").status == 400
