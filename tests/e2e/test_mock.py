# SPDX-License-Identifier: Apache-2.0
"""The built-in mock: what docs/guides/mock-provider.md says of it, and that it stands in for real
providers in tests of failover."""

import base64
import json
import struct

import pytest

from harness import Client, Weir, user

SAID = "This is the mock provider. You said: hi there"


@pytest.fixture(scope="module")
def mock():
    with Weir({"providers": {"priced": {"type": "openai", "mock": True}}}) as weir:
        yield weir


REFUSALS = [400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 529]
FAILING = [f"error-{status}" for status in REFUSALS if status != 400] + ["garbage", "empty"]


def test_every_failure_leads_to_the_target_behind_it_and_to_no_other_ones_rest():
    """Each of the mock's models fails for itself: they share no key and no credit."""
    routes = {model: [f"mock/{model}", "mock/hello"] for model in FAILING}
    # The retry budget is the provider's, of which there is but one here.
    with Weir({"models": routes, "retries": {"retry_budget_floor": 1000}}) as weir:
        for model in FAILING * 2:
            answer = weir.chat(model, "hi there")
            assert (answer.status, answer.headers["x-weir-target"]) == (200, "mock/hello"), model


@pytest.mark.parametrize("status", REFUSALS)
def test_it_refuses_with_the_status_it_is_named_for(status):
    with Weir({}) as weir:
        answer = weir.chat(f"mock/error-{status}", "hi there", {"x-weir-no-retry": "true"})
        assert answer.status != 200 and answer.error["request_id"]
        assert weir.chat("mock/hello", "hi there").status == 200


@pytest.mark.parametrize("model", ["mock", "mock/hello", "priced/gpt-5.6-luna"])
def test_it_says_what_it_was_told_and_counts_words(mock, model):
    answer = mock.chat(model, "hi there").json
    assert answer["choices"][0]["message"]["content"] == SAID
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 9, "total_tokens": 11}
    stream = mock.stream(model, "hi there", stream_options={"include_usage": True})
    assert (stream.text, stream.usage, stream.has_done) == (SAID, answer["usage"], True)


def test_it_echoes_and_keeps_to_the_limit(mock):
    assert mock.chat("mock/echo", "hi there").json["choices"][0]["message"]["content"] == "hi there"
    cut = mock.chat("mock", "hi there", max_tokens=3).json["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("This is the ", "length")


def test_it_gives_log_probabilities_where_they_are_asked_for(mock):
    asked = {"logprobs": True, "top_logprobs": 2}
    choice = mock.chat("mock/hello", "hi there", **asked).json["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == SAID and len(entries) == 9
    for entry in entries:
        assert bytes(entry["bytes"]).decode() == entry["token"] and entry["logprob"] <= 0
        best, other = entry["top_logprobs"]
        assert (best["token"], best["logprob"]) == (entry["token"], entry["logprob"])
        assert other["logprob"] < best["logprob"]
    again = mock.chat("mock/hello", "hi there", **asked).json["choices"][0]
    assert again["logprobs"] == choice["logprobs"]
    chunks = [event["choices"][0] for event in mock.stream("mock/hello", "hi there", **asked).events]
    told = [chunk["logprobs"]["content"] for chunk in chunks if chunk["logprobs"]]
    assert [entry for piece in told for entry in piece] == entries
    plain = mock.chat("mock/hello", "hi there", logprobs=True).json["choices"][0]["logprobs"]
    assert plain["content"][0]["top_logprobs"] == []
    assert mock.chat("mock/hello", "hi there").json["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_legacy_completion_has_its_log_probabilities_in_the_old_shape(mock, is_stream):
    body = {"model": "mock/hello", "prompt": "hi there", "logprobs": 2, "stream": is_stream}
    if is_stream:
        with Client(mock.port) as client:
            choices = [e["choices"][0] for e in client.stream("/v1/completions", body).events]
    else:
        choices = mock.post("/v1/completions", body).json["choices"]
    told = [choice["logprobs"] for choice in choices if choice["logprobs"]]
    tokens = [token for piece in told for token in piece["tokens"]]
    assert "".join(tokens) == SAID == "".join(choice["text"] for choice in choices)
    offsets = [offset for piece in told for offset in piece["text_offset"]]
    assert offsets == [len("".join(tokens[:i])) for i in range(len(tokens))]
    for piece in told:
        for token, logprob, top in zip(
            piece["tokens"], piece["token_logprobs"], piece["top_logprobs"], strict=True
        ):
            assert top[token] == logprob and len(top) == 2


def test_it_gives_as_many_choices_as_are_asked_for(mock):
    answer = mock.chat("mock", "hi there", n=3).json
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in answer["choices"]} == {SAID}
    assert answer["usage"]["completion_tokens"] == 27
    stream = mock.stream("mock", "hi there", n=2)
    said = ["", ""]
    for event in stream.events:
        for choice in event["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == [SAID, SAID] and stream.finish == ["stop", "stop"] and stream.has_done


def test_it_calls_the_first_tool_or_the_one_that_is_named(mock):
    def tool(name):
        parameters = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
        return {"type": "function", "function": {"name": name, "parameters": parameters}}

    tools = {"tools": [tool("one"), tool("two")]}
    named = {"tool_choice": {"type": "function", "function": {"name": "two"}}}
    for choice, name in [({}, "one"), (named, "two")]:
        message = mock.chat("mock", "hi", **tools, **choice).json["choices"][0]["message"]
        function = message["tool_calls"][0]["function"]
        assert (function["name"], json.loads(function["arguments"])) == (name, {"a": "x"})
        assert mock.stream("mock", "hi", **tools, **choice).calls[0][1] == name
    assert mock.chat("mock", "hi", **tools, tool_choice="none").json["choices"][0]["message"]["content"]


def test_it_answers_in_json_where_that_is_wanted(mock):
    answer = mock.chat("mock", "hi", response_format={"type": "json_object"}).json
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"mock": True}


@pytest.mark.parametrize("members, count", [({}, 8), ({"dimensions": 3}, 3), ({"dimensions": 200}, 200)])
def test_its_vectors_have_the_length_that_is_asked_for(mock, members, count):
    def vectors(**more):
        body = {"model": "mock", "input": ["a", "b", "a"], **members, **more}
        return [entry["embedding"] for entry in mock.post("/v1/embeddings", body).json["data"]]

    one, two, three = vectors()
    assert one == three != two and len(one) == len(two) == count
    assert sum(number * number for number in one) == pytest.approx(1, rel=1e-4)
    packed = base64.b64decode(vectors(encoding_format="base64")[0])
    assert struct.unpack(f"<{count}f", packed) == pytest.approx(one)


@pytest.mark.parametrize("model", ["cut-after-20", "stall-after-20"])
def test_a_stream_that_breaks_is_gone_on_with_by_the_next(model):
    routes = {"shaky": {"targets": [f"mock/{model}", "mock/hello"], "timeouts": {"stream_idle": "1s"}}}
    with Weir({"models": routes}) as weir:
        words = " ".join(str(number) for number in range(40))
        stream = weir.stream("shaky", words)
        assert stream.text == "This is the mock provider. You said: " + words
        assert (stream.finish, stream.errors, stream.has_done) == (["stop"], [], True)


def test_its_pace_is_told_by_its_name(mock):
    answer = mock.client().open("POST", "/v1/chat/completions",
                                {"model": "mock/slow-60000", "messages": user("hi")},
                                {"x-weir-timeout-ms": "1000"})  # fmt: skip
    assert answer.status == 504 and json.loads(answer.read())["error"]["code"] == "deadline_exceeded"
