# SPDX-License-Identifier: Apache-2.0
"""The client API as applications use it, with an upstream of the same dialect behind it."""

import base64
import gzip
import json
import struct

import pytest

import answers
import upstream as faults
from harness import Client, Weir, user
from upstream import Upstream, stall

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)


def test_a_plain_answer_arrives_unchanged_with_the_gateways_headers(gateway):
    answer = gateway.chat("openai/m", "hello there")
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "echo: hello there"
    assert answer.json["model"] == "m"
    assert answer.json["x_upstream_extra"] == {"kept": True}
    assert answer.json["usage"]["total_tokens"] == 100
    assert answer.headers["x-weir-target"] == "openai/m"
    assert answer.headers["x-weir-attempts"] == "1"
    assert answer.headers["x-request-id"] == answer.headers["x-weir-request-id"]


def test_what_belongs_to_the_upstream_alone_stays_there(gateway):
    headers = gateway.chat("openai/m", "hello").headers
    assert "set-cookie" not in headers
    assert headers.get("server") != "scripted"


def test_the_body_goes_upstream_as_it_came_but_for_the_models_name(gateway, upstreams):
    body = (
        b'{"model":"smart", "temperature":0.70, "unknown_member" : {"kept":[1.0e2, "\\u00e9"]},\n'
        b' "messages":[{"role":"user","content":"as it is"}]}'
    )
    assert gateway.post("/v1/chat/completions", body).status == 200
    assert upstreams["openai"].calls[0].body == body.replace(b'"smart"', b'"m"')


def test_upstream_gets_the_providers_key_and_nothing_private_of_the_client(gateway, upstreams):
    private = {
        "authorization": "Bearer sk-of-the-client",
        "cookie": "session=1",
        "x-forwarded-for": "10.0.0.1",
        "x-stainless-lang": "js",
        "x-api-key": "other",
    }
    assert gateway.chat("openai/m", "hello", headers=private).status == 200
    call = upstreams["openai"].calls[0]
    assert call.header("authorization") == "Bearer " + upstreams["openai"].key
    for name in ("cookie", "x-forwarded-for", "x-stainless-lang", "x-api-key"):
        assert call.header(name) is None, name
    assert call.header("host") == f"127.0.0.1:{upstreams['openai'].port}"


def test_a_stream_arrives_piece_by_piece_and_ends_with_done(gateway):
    stream = gateway.stream("openai/m", "one two three")
    assert [delta["content"] for delta in stream.deltas if delta.get("content")] == [
        "echo: ", "one ", "two ", "three",
    ]  # fmt: skip
    assert stream.finish == ["stop"]
    assert stream.has_done
    assert stream.headers["x-weir-target"] == "openai/m"


def test_usage_is_in_a_stream_only_when_asked_for_but_the_upstream_is_always_asked(
    gateway, upstreams
):
    without = gateway.stream("openai/m", "hello")
    assert without.usage is None
    assert all(event["choices"] for event in without.events)
    asked = gateway.stream("openai/m", "hello", stream_options={"include_usage": True})
    assert asked.usage["total_tokens"] == 100
    for call in upstreams["openai"].calls:
        assert call.json["stream_options"]["include_usage"] is True


def test_the_first_event_does_not_wait_for_the_last(gateway, upstreams):
    upstreams["openai"].script(stall(events=1))
    with Client(gateway.port) as client:
        body = {"model": "openai/m", "messages": user("one two three"), "stream": True}
        response = client.open("POST", "/v1/chat/completions", body)
        seen = b""
        while b"echo: " not in seen:
            line = response.readline()
            assert line, seen
            seen += line
    assert upstreams["openai"].calls[0].caller_gone.wait(5)


def test_tools_are_called_in_parallel_and_their_results_are_taken(gateway):
    first = gateway.chat("openai/m", "use tool weather Oslo Rome", tools=[WEATHER])
    message = first.json["choices"][0]["message"]
    assert first.json["choices"][0]["finish_reason"] == "tool_calls"
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message["tool_calls"]]
    assert calls == [("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"rain {index}"}
        for index, call in enumerate(message["tool_calls"])
    ]
    conversation = [*user("use tool weather Oslo Rome"), message, *results]
    body = {"model": "openai/m", "messages": conversation, "tools": [WEATHER]}
    second = gateway.post("/v1/chat/completions", body)
    assert second.json["choices"][0]["message"]["content"] == "tool said: rain 0, rain 1"


def test_streamed_tool_calls_are_whole_when_put_together(gateway):
    stream = gateway.stream("openai/m", "use tool weather Oslo Rome", tools=[WEATHER])
    assert [(name, arguments) for _, name, arguments in stream.calls] == [
        ("weather", '{"city":"Oslo"}'),
        ("weather", '{"city":"Rome"}'),
    ]
    assert stream.finish == ["tool_calls"] and stream.has_done


def test_an_image_reaches_the_upstream(gateway, upstreams):
    content = [
        {"type": "text", "text": "what is it"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
    ]
    answer = gateway.chat("openai/m", content)
    assert answer.json["choices"][0]["message"]["content"] == "echo: what is it [1 images]"
    assert upstreams["openai"].calls[0].json["messages"][0]["content"] == content


def test_an_answer_by_schema_is_json_that_fits_it(gateway):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    asked = {"type": "json_schema", "json_schema": {"name": "p", "schema": schema, "strict": True}}
    answer = gateway.chat("openai/m", "Ada", response_format=asked)
    assert json.loads(answer.json["choices"][0]["message"]["content"]) == {"name": "Ada", "age": 7}


def test_several_choices(gateway):
    answer = gateway.chat("openai/m", "hello", n=2)
    assert [choice["index"] for choice in answer.json["choices"]] == [0, 1]
    stream = gateway.stream("openai/m", "hello", n=2)
    assert stream.finish == ["stop", "stop"] and stream.has_done


def test_embeddings_as_floats(gateway):
    body = {"model": "openai/m", "input": ["abc", "x"], "encoding_format": "float"}
    answer = gateway.post("/v1/embeddings", body)
    assert answer.status == 200, answer.body
    vectors = [entry["embedding"] for entry in answer.json["data"]]
    assert vectors == [answers.vector_of("abc"), answers.vector_of("x")]
    assert answer.json["usage"]["prompt_tokens"] == 8


def test_embeddings_as_base64_are_packed_little_endian_floats(gateway):
    body = {"model": "openai/m", "input": "abc", "encoding_format": "base64"}
    packed = base64.b64decode(gateway.post("/v1/embeddings", body).json["data"][0]["embedding"])
    assert list(struct.unpack("<4f", packed)) == answers.vector_of("abc")


def test_legacy_completions(gateway):
    body = {"model": "openai/m", "prompt": "Once"}
    answer = gateway.post("/v1/completions", body)
    assert answer.status == 200, answer.body
    assert answer.json["object"] == "text_completion"
    assert answer.json["choices"][0]["text"] == "echo: Once"


@pytest.mark.parametrize("target", ["openai", "anthropic", "gemini"])
def test_legacy_completions_of_a_chat_echo_the_prompt_where_that_is_asked(target):
    with Upstream(target) as upstream:
        # A model that is known to chat: it is asked as a chat also where the endpoint is there.
        provider = {**upstream.provider, "type": target, "detect": "off"}
        with Weir({"providers": {"up": provider}}) as gateway:
            body = {"model": "up/gpt-4o", "prompt": "Once", "echo": True}
            answer = gateway.post("/v1/completions", body)
            assert answer.status == 200, answer.body
            assert answer.json["choices"][0]["text"] == "Onceecho: Once"
            with Client(gateway.port) as client:
                stream = client.stream("/v1/completions", {**body, "stream": True})
            texts = [choice["text"] for event in stream.events for choice in event["choices"]]
            assert texts[0].startswith("Once") and "".join(texts) == "Onceecho: Once"
            refused = gateway.post("/v1/completions", {**body, "logprobs": 1})
            assert refused.status == 400 and refused.error["param"] in ("echo", "logprobs")
            if target == "anthropic":
                lacking = gateway.post("/v1/completions", {**body, "echo": False, "logprobs": 1})
                assert (lacking.status, lacking.error["param"]) == (400, "logprobs")


def test_legacy_completions_stream(gateway):
    with Client(gateway.port) as client:
        body = {"model": "openai/m", "prompt": "Once", "stream": True}
        stream = client.stream("/v1/completions", body)
    text = "".join(choice["text"] for event in stream.events for choice in event["choices"])
    assert (text, stream.has_done) == ("echo: Once", True)


def test_legacy_completions_answered_whole_to_a_streamed_request(gateway, upstreams):
    whole = {"id": "c1", "object": "text_completion", "created": 1, "model": "m",
             "choices": [{"index": 0, "text": "Once upon", "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}  # fmt: skip
    upstreams["openai"].script(faults.ok_with(json.dumps(whole).encode()))
    with Client(gateway.port) as client:
        body = {"model": "openai/m", "prompt": "Once", "stream": True}
        stream = client.stream("/v1/completions", body)
    text = "".join(choice["text"] for event in stream.events for choice in event["choices"])
    assert (text, stream.has_done) == ("Once upon", True)
    assert {event["object"] for event in stream.events} == {"text_completion"}


def test_the_list_of_models_holds_the_routes(gateway):
    listed = gateway.get("/v1/models")
    assert listed.json["object"] == "list"
    entries = {entry["id"]: entry for entry in listed.json["data"]}
    assert entries["smart"]["object"] == "model"


def test_one_model_by_its_name_even_with_slashes(gateway):
    assert gateway.get("/v1/models/smart").json["id"] == "smart"
    assert gateway.get("/v1/models/openai/m").json["id"] == "openai/m"
    assert gateway.get("/v1/models/openai%2Fm").json["id"] == "openai/m"
    assert gateway.get("/v1/models/nothing").status == 404


@pytest.mark.parametrize("path", ["/chat/completions", "//v1//chat/completions"])
def test_a_base_url_without_v1_or_with_a_slash_too_many_works(gateway, path):
    body = {"model": "openai/m", "messages": user("hello")}
    assert gateway.post(path, body).status == 200


def test_other_paths_without_v1(gateway):
    assert gateway.get("/models").status == 200
    assert gateway.post("/embeddings", {"model": "openai/m", "input": "abc"}).status == 200
    assert gateway.post("/completions", {"model": "openai/m", "prompt": "abc"}).status == 200


def test_an_unknown_model_is_told_with_the_nearest_names(gateway, upstreams):
    answer = gateway.chat("smarl", "hello")
    assert answer.status == 404
    assert answer.error["code"] in ("model_unavailable", "route_unknown")
    assert answer.error["param"] == "model"
    assert "smart" in answer.error["message"]
    assert not any(upstream.calls for upstream in upstreams.values())


def test_many_requests_on_one_connection(gateway, upstreams):
    body = {"model": "openai/m", "messages": user("again")}
    with Client(gateway.port) as client:
        for _ in range(20):
            assert client.request("POST", "/v1/chat/completions", body).status == 200
            assert client.stream("/v1/chat/completions", {**body, "stream": True}).has_done
    assert len({call.connection for call in upstreams["openai"].calls}) == 1


def test_a_large_prompt_and_a_large_answer(gateway):
    text = "lorem ipsum \u00e9\u4e2d " * 40_000
    answer = gateway.chat("openai/m", text)
    assert answer.json["choices"][0]["message"]["content"] == "echo: " + text


def test_a_compressed_request_is_read(gateway, upstreams):
    body = json.dumps({"model": "openai/m", "messages": user("packed")}).encode()
    headers = {"content-encoding": "gzip"}
    answer = gateway.post("/v1/chat/completions", gzip.compress(body), headers)
    assert answer.status == 200, answer.body
    assert upstreams["openai"].calls[0].ask.user_text == "packed"


def test_probes_answer_on_both_listeners(gateway):
    for path in ("/livez", "/readyz"):
        assert gateway.get(path).status == 200
        assert gateway.admin("GET", path).status == 200


def test_probes_answer_under_any_name(gateway):
    """A container platform asks for a pod by its own name; nothing else is told under it."""
    for port in (gateway.port, gateway.admin_port):
        with Client(port, {"host": "weir.pods.example:9347"}) as client:
            for path in ("/livez", "/readyz"):
                assert client.request("GET", path).body == b"ok\n"
            assert client.request("GET", "/v1/models").status in (403, 404)
    with Client(gateway.port, {"host": "weir.pods.example:9347"}) as client:
        refused = client.request("GET", "/v1/models")
        assert refused.json["error"]["code"] == "not_allowed"
