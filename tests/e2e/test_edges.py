# SPDX-License-Identifier: Apache-2.0
"""What comes in badly formed is refused with its own status, in the client's error shape, and never
reaches an upstream."""

import json
import socket

import pytest

from harness import Client, Weir, read_answers, user

BODY = json.dumps({"model": "openai/m", "messages": user("hello")}).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
TYPE = b"Content-Type: application/json\r\n"
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST
CHUNKED = POST + HOST + TYPE + b"Transfer-Encoding: chunked\r\n\r\n"

BAD_HTTP = {
    "no host": (POST + LENGTH + b"\r\n" + BODY, 400),
    "two hosts": (POST + HOST + HOST + LENGTH + b"\r\n" + BODY, 400),
    "empty host": (POST + b"Host:\r\n" + LENGTH + b"\r\n" + BODY, 400),
    "invalid host": (POST + b"Host: a b\r\n" + LENGTH + b"\r\n" + BODY, 400),
    "two lengths": (POST + HOST + LENGTH + LENGTH + b"\r\n" + BODY, 400),
    "list of lengths": (POST + HOST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    "signed length": (POST + HOST + b"Content-Length: +5\r\n\r\nhello", 400),
    "negative length": (POST + HOST + b"Content-Length: -1\r\n\r\n", 400),
    "length in hexadecimal": (POST + HOST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "length of 20 digits": (POST + HOST + b"Content-Length: 11111111111111111111\r\n\r\n", 400),
    "length with chunked": (
        POST + HOST + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
    ),
    "unknown coding": (POST + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "coding before chunked": (POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "coding that looks like chunked": (POST + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "signed chunk size": (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size in 0x": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size with underscore": (CHUNKED + b"1_0\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size after blank": (CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size of 17 digits": (CHUNKED + b"00000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    "chunk without line end": (CHUNKED + b"5\r\nhelloX0\r\n\r\n", 400),
    "bare LF": (POST.replace(b"\r\n", b"\n") + HOST + b"\r\n", 400),
    "bare LF after a field": (POST + b"Host: 127.0.0.1\n" + LENGTH + b"\r\n" + BODY, 400),
    "bare CR in a value": (GET + b"X-A: a\rb\r\n\r\n", 400),
    "folded line": (GET + b"X-A: a\r\n b\r\n\r\n", 400),
    "blank before the colon": (GET + b"X-A : a\r\n\r\n", 400),
    "empty field name": (GET + b": a\r\n\r\n", 400),
    "field without colon": (GET + b"nonsense\r\n\r\n", 400),
    "NUL in a value": (GET + b"X-A: a\0b\r\n\r\n", 400),
    "control byte in a value": (GET + b"X-A: a\x01b\r\n\r\n", 400),
    "absolute form with another authority": (
        b"GET http://other.example/v1/models HTTP/1.1\r\n" + HOST + b"\r\n", 400,
    ),
    "dot segments": (b"GET /v1/../v1/models HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "encoded dot segments": (b"GET /v1/%2e%2e/models HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "backslash": (b"GET /v1\\models HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two blanks in the request line": (b"GET  /v1/models HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32, 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (b"GET /v1/models HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    "HTTP/0.9": (b"GET /v1/models HTTP/0.9\r\n" + HOST + b"\r\n", 505),
    "long request line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "large field": (GET + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
    "large head": (GET + (b"X-A: " + b"a" * 4000 + b"\r\n") * 9 + b"\r\n", 431),
    "many fields": (GET + b"X-A: a\r\n" * 120 + b"\r\n", 431),
    "unknown expectation": (POST + HOST + LENGTH + b"Expect: 200-ok\r\n\r\n" + BODY, 417),
    "body beyond the limit": (POST + HOST + b"Content-Length: 99999999999\r\n\r\n", 413),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_HTTP)
def test_bad_http_is_refused_and_the_connection_closed(gateway, upstreams, name):
    request, status = BAD_HTTP[name]
    answers = gateway.raw(request + GET + b"\r\n")  # what follows must not be looked at
    assert [answer.status for answer in answers] == [status]
    code = {
        400: "invalid_request", 413: "too_large", 414: "uri_too_long", 417: "expectation_failed",
        431: "headers_too_large", 501: "not_implemented", 505: "http_version",
    }[status]  # fmt: skip
    assert (answers[0].error["code"], answers[0].error["retryable"]) == (code, False)
    assert answers[0].headers["x-should-retry"] == "false"
    assert answers[0].headers["connection"] == "close"
    assert upstreams["openai"].calls == []


@pytest.mark.parametrize("name", ["no host", "two lengths", "large head", "HTTP/2"])
def test_the_admin_listener_is_as_strict(gateway, name):
    request, status = BAD_HTTP[name]
    assert [answer.status for answer in gateway.raw(request, is_admin=True)] == [status]


@pytest.mark.parametrize("name", BAD_HTTP)
def test_bad_http_in_single_bytes_is_refused_the_same_way(gateway, name):
    request, status = BAD_HTTP[name]
    if len(request) > 1000:
        request, pieces = request[-20:], [request[:-20]]
    else:
        pieces = []
    pieces += [request[at : at + 1] for at in range(len(request))]
    assert [answer.status for answer in gateway.raw(*pieces)][:1] == [status]


GOOD_HTTP = {
    "chunked with extensions and trailers": (
        POST + HOST + TYPE + b"Transfer-Encoding: Chunked\r\n\r\n"
        + b"%x;name=value\r\n%s\r\n0\r\nX-Trailer: a\r\n\r\n" % (len(BODY), BODY)
    ),
    "absolute form": (
        b"POST http://127.0.0.1/v1/chat/completions HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n" + BODY
    ),
    "names in any case": POST + b"HOST: 127.0.0.1\r\ncontent-LENGTH: %d\r\n\r\n" % len(BODY) + BODY,
    "no content type": POST + HOST + LENGTH + b"\r\n" + BODY,
    "HTTP/1.0": POST.replace(b"/1.1", b"/1.0") + HOST + LENGTH + b"\r\n" + BODY,
    "query": POST.replace(b"completions ", b"completions?a=b ") + HOST + LENGTH + b"\r\n" + BODY,
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD_HTTP)
def test_unusual_but_sound_http_is_served(gateway, name):
    ending = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answers = gateway.raw(GOOD_HTTP[name] + (b"" if name == "HTTP/1.0" else ending))
    assert [answer.status for answer in answers] == ([200] if name == "HTTP/1.0" else [200, 200])
    assert answers[0].json["choices"][0]["message"]["content"] == "echo: hello"


def test_pipelined_requests_are_answered_in_their_order(gateway):
    bodies = [
        json.dumps({"model": "openai/m", "messages": user(f"number {n}")}).encode() for n in range(5)
    ]
    requests = b"".join(
        POST + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies
    )
    end = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answers = gateway.raw(requests + end)
    texts = [answer.json["choices"][0]["message"]["content"] for answer in answers[:5]]
    assert texts == [f"echo: number {n}" for n in range(5)]


BY_ITS_HEAD = b"POST /v1/nothing HTTP/1.1\r\n" + HOST
AFTER_IT = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
REFUSED_BY_HEAD = {
    "with the head": ([LENGTH + b"\r\n" + BODY + AFTER_IT], [404, 200]),
    "later": ([LENGTH + b"\r\n", BODY[:5], BODY[5:] + AFTER_IT], [404, 200]),
    "not longer than 64 KiB": (
        [b"Content-Length: 65536\r\n\r\n", b" " * 65536 + AFTER_IT],
        [404, 200],
    ),
    "longer": ([b"Content-Length: 65537\r\n\r\n" + b" " * 65537 + AFTER_IT], [404]),
    "chunked": ([b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + AFTER_IT], [404]),
    "not without being asked for": ([LENGTH + b"Expect: 100-continue\r\n\r\n"], [404]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_BY_HEAD)
def test_a_refusal_costs_no_connection_where_the_body_is_small(gateway, name):
    """Its body is thrown away, and never taken for the next request."""
    (first, *rest), statuses = REFUSED_BY_HEAD[name]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(BY_ITS_HEAD + first)
        if rest:  # the refusal doesn't wait for it
            assert wire.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 404"
        for piece in rest:
            wire.sendall(piece)
        assert [answer.status for answer in read_answers(wire)] == statuses


def test_expect_continue_is_answered_before_the_body(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as wire:
        head = POST + HOST + LENGTH + b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        wire.sendall(head)
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(BODY)
        assert [answer.status for answer in read_answers(wire)] == [200]


def test_a_stream_to_an_http_1_0_client_ends_with_the_connection(gateway):
    body = json.dumps({"model": "openai/m", "messages": user("hi"), "stream": True}).encode()
    head = POST.replace(b"/1.1", b"/1.0") + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as wire:
        wire.sendall(head + body)
        data = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, content = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert content.startswith(b"data: ") and content.endswith(b"data: [DONE]\n\n")


# JSON ----------------------------------------------------------------------------------------------


def chat_with(**members) -> dict:
    return {"model": "openai/m", "messages": user("hello"), **members}


def message(**members) -> dict:
    return {"model": "openai/m", "messages": [{"role": "user", "content": "hi", **members}]}


M = b'"messages":[{"role":"user","content":"hi"}]'
BAD_JSON = {
    "empty": (b"", None),
    "no JSON": (b"hello", None),
    "cut off": (BODY[:-1], None),
    "trailing data": (BODY + b"x", None),
    "two values": (BODY + BODY, None),
    "an array": (b"[]", None),
    "a string": (b'"hello"', None),
    "single quotes": (b"{'model':'openai/m'}", None),
    "a trailing comma": (b'{"model":"openai/m",' + M + b",}", None),
    "a comment": (b'{"model":"openai/m",/* no */' + M + b"}", None),
    "NaN": (b'{"model":"openai/m","temperature":NaN,' + M + b"}", None),
    "a broken literal in an unread member": (b'{"model":"openai/m","x":tru,' + M + b"}", None),
    "a broken array in an unread member": (b'{"model":"openai/m","x":[1 2,,],' + M + b"}", None),
    "invalid UTF-8": (b'{"model":"openai/m","x":"\xff",' + M + b"}", None),
    "an overlong form": (b'{"model":"openai/m","x":"\xc0\xaf",' + M + b"}", None),
    "a lone surrogate": (b'{"model":"openai/m","x":"\\ud800",' + M + b"}", None),
    "a control byte in a string": (b'{"model":"openai/m","x":"a\nb",' + M + b"}", None),
    "a leading zero": (b'{"model":"openai/m","seed":01,' + M + b"}", None),
    "a number of 65 characters": (b'{"model":"openai/m","x":' + b"1" * 65 + b"," + M + b"}", None),
    "a number beyond a double": (b'{"model":"openai/m","x":1e999,' + M + b"}", None),
    "a depth bomb": (b'{"model":"openai/m","x":' + b"[" * 100_000, None),
    "a depth of 70": (
        b'{"model":"openai/m","x":' + b"[" * 70 + b"]" * 70 + b"," + M + b"}", None,
    ),
    "model twice": (b'{"model":"openai/m","model":"openai/n",' + M + b"}", "model"),
    "messages twice": (b'{"model":"openai/m",' + M + b"," + M + b"}", "messages"),
    "stream twice": (b'{"model":"openai/m","stream":false,"stream":true,' + M + b"}", "stream"),
    "model twice, once escaped": (b'{"model":"openai/m","mod\\u0065l":"x",' + M + b"}", "model"),
    "model a number": (chat_with(model=5), "model"),
    "stream a string": (chat_with(stream="yes"), "stream"),
    "no messages": ({"model": "openai/m"}, "messages"),
    "messages a string": (chat_with(messages="hi"), "messages"),
    "n a string": (chat_with(n="2"), "n"),
    "n zero": (chat_with(n=0), "n"),
    "max_tokens a string": (chat_with(max_tokens="5"), "max_tokens"),
    "max_tokens negative": (chat_with(max_tokens=-5), "max_tokens"),
    "tools an object": (chat_with(tools={}), "tools"),
    "api_base": (chat_with(api_base="http://127.0.0.1:1"), "api_base"),
    "base_url": (chat_with(base_url="http://127.0.0.1:1"), "base_url"),
    "api_key": (chat_with(api_key="sk-x"), "api_key"),
    "extra_headers": (chat_with(extra_headers={"a": "b"}), "extra_headers"),
    "base_url in extra_body": (chat_with(extra_body={"base_url": "x"}), "extra_body.base_url"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_JSON)
def test_bad_json_is_refused_with_the_place_of_the_fault(gateway, upstreams, name):
    body, param = BAD_JSON[name]
    answer = gateway.post("/v1/chat/completions", body)
    assert answer.status == 400, answer.body
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["code"] in ("invalid_json", "invalid_request")
    assert answer.error["param"] == param
    assert answer.error["retryable"] is False
    assert answer.headers["x-should-retry"] == "false"
    assert upstreams["openai"].calls == []


@pytest.mark.parametrize("body", [{"messages": user("hi")}, chat_with(model=None)])
def test_a_chat_without_a_model_goes_to_auto(gateway, body):
    answer = gateway.post("/v1/chat/completions", body)
    assert answer.status == 200, answer.body


# Where the request is translated everything is read, so every place is known.
BAD_MEMBERS = {
    "messages empty": (chat_with(messages=[]), "messages"),
    "role unknown": (message(role="wizard"), "messages[0].role"),
    "role missing": ({"model": "m", "messages": [{"content": "hi"}]}, "messages[0].role"),
    "content a number": (message(content=5), "messages[0].content"),
    "content null": (message(content=None), "messages[0].content"),
    "part without type": (message(content=[{"text": "a"}]), "messages[0].content[0].type"),
    "text part without text": (message(content=[{"type": "text"}]), "messages[0].content[0].text"),
    "temperature a string": (chat_with(temperature="hot"), "temperature"),
    "stop a number": (chat_with(stop=5), "stop"),
    "tool without function": (chat_with(tools=[{"type": "function"}]), "tools[0].function"),
    "tool without name": (
        chat_with(tools=[{"type": "function", "function": {}}]), "tools[0].function.name",
    ),
    "tool result without call": (
        chat_with(messages=[*user("a"), {"role": "tool", "content": "b"}]),
        "messages[1].tool_call_id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_MEMBERS)
def test_a_wrong_member_is_named_by_its_path(gateway, upstreams, name):
    body, param = BAD_MEMBERS[name]
    answer = gateway.post("/v1/chat/completions", {**body, "model": "anthropic/m"})
    assert answer.status == 400, answer.body
    assert answer.error["param"] == param
    assert upstreams["anthropic"].calls == []


def test_names_that_clients_may_use_inside_tools_and_metadata_are_no_routing_members(gateway):
    properties = {"api_key": {"type": "string"}, "base_url": {"type": "string"}}
    function = {"name": "f", "parameters": {"type": "object", "properties": properties}}
    tools = [{"type": "function", "function": function}]
    body = chat_with(tools=tools, metadata={"api_key": "none"})
    assert gateway.post("/v1/chat/completions", body).status == 200


@pytest.mark.parametrize(
    "body, param",
    [
        ({"model": "openai/m"}, "input"),
        ({"model": "openai/m", "input": []}, "input"),
        ({"model": "openai/m", "input": {"a": 1}}, "input"),
        ({"input": "abc"}, "model"),
        ({"model": "openai/m", "input": "abc", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_bad_embedding_requests(gateway, upstreams, body, param):
    answer = gateway.post("/v1/embeddings", body)
    assert (answer.status, answer.error["param"]) == (400, param)
    assert upstreams["openai"].calls == []


# S-11.7 --------------------------------------------------------------------------------------------

CHAT = "/v1/chat/completions"
HI = user("hi")
GEMINI_HI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
GENERATE = "/v1beta/models/{}:generateContent"


def gemini(**config):
    return {**GEMINI_HI, "generationConfig": config}


# What a client may count is bounded in each dialect: (path, body without model, the member).
QUANTITIES = {
    "max_tokens": (CHAT, lambda n: {"messages": HI, "max_tokens": n}),
    "max_completion_tokens": (CHAT, lambda n: {"messages": HI, "max_completion_tokens": n}),
    "n": (CHAT, lambda n: {"messages": HI, "n": n}),
    "completions max_tokens": ("/v1/completions", lambda n: {"prompt": "hi", "max_tokens": n}),
    "completions n": ("/v1/completions", lambda n: {"prompt": "hi", "n": n}),
    "max_output_tokens": ("/v1/responses", lambda n: {"input": "hi", "max_output_tokens": n}),
    "dimensions": ("/v1/embeddings", lambda n: {"input": "hi", "dimensions": n}),
    "images n": ("/v1/images/generations", lambda n: {"prompt": "hi", "n": n}),
    "messages max_tokens": ("/v1/messages", lambda n: {"messages": HI, "max_tokens": n}),
    "maxOutputTokens": (GENERATE, lambda n: gemini(maxOutputTokens=n)),
    "candidateCount": (GENERATE, lambda n: gemini(candidateCount=n)),
    "candidateCount as text": (GENERATE, lambda n: gemini(candidateCount=str(n))),
    "num_predict": ("/api/chat", lambda n: {"messages": HI, "options": {"num_predict": n}}),
    "ollama dimensions": ("/api/embed", lambda n: {"input": "hi", "dimensions": n}),
}  # fmt: skip


@pytest.mark.parametrize("target", ["openai/m", "anthropic/m", "gemini/m", "ollama/m"])
@pytest.mark.parametrize("name", QUANTITIES)
def test_s117_a_quantity_out_of_its_range_is_refused_and_never_wraps(
    gateway, upstreams, name, target
):
    path, body_with = QUANTITIES[name]
    for quantity in (2**31, 2**62, 2**63 - 1, 2**63, 10**40):
        body = {"model": target, **body_with(quantity)}
        answer = gateway.post(path.format(target), body)
        assert answer.status == 400, (quantity, answer.body)
    assert all(upstream.calls == [] for upstream in upstreams.values())


# Paths, methods, hosts -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path, status, code",
    [
        ("GET", "/nothing", 404, "route_unknown"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/smart", 405, "method_not_allowed"),
        ("GET", "/metrics", 404, "route_unknown"),
        ("GET", "/llm-providers", 404, "route_unknown"),
        ("POST", "/v1%2Fchat%2Fcompletions", 404, "route_unknown"),
    ],
)
def test_paths_that_are_not_there(gateway, method, path, status, code):
    with Client(gateway.port) as client:
        answer = client.request(method, path)
    assert (answer.status, answer.error["code"]) == (status, code)


def test_an_unknown_path_is_refused_in_the_dialect_of_its_neighbours(gateway):
    headers = {"anthropic-version": "2023-06-01"}
    with Client(gateway.port) as client:
        anthropic = client.request("GET", "/v1/messages/batches", headers=headers)
        gemini = client.request("POST", "/v1beta/nothing", {})
        ollama = client.request("GET", "/api/llm-providers")  # the admin API is elsewhere
        azure = client.request("POST", "/openai/nothing", {})
    assert {answer.status for answer in (anthropic, gemini, ollama, azure)} == {404}
    assert anthropic.json["error"]["type"] == "not_found_error"
    assert anthropic.json["request_id"] == anthropic.headers["request-id"]
    assert gemini.json["error"]["status"] == "NOT_FOUND"
    assert ollama.json["code"] == "route_unknown" and isinstance(ollama.json["error"], str)
    assert azure.error["code"] == "route_unknown"


def test_a_keyless_listener_serves_no_page_of_another_origin_and_no_other_name(gateway):
    body = {"model": "openai/m", "messages": user("hi")}
    assert gateway.post("/v1/chat/completions", body, {"host": "evil.example"}).status == 403
    origin = {"origin": "https://evil.example"}
    assert gateway.post("/v1/chat/completions", body, origin).status == 403
    assert gateway.post("/v1/chat/completions", body, {"host": "localhost:9347"}).status == 200


def test_a_request_that_goes_in_a_circle_is_stopped():
    """Two gateways, each the only provider of the other."""
    first, second = Weir(None), Weir(None)
    for weir, other in ((first, second), (second, first)):
        entry = {"type": "custom", "base_url": f"http://127.0.0.1:{other.port}/v1", "api_key": "x"}
        weir.config = {
            "providers": {"other": entry},
            "models": {"round": {"targets": ["other/round"]}},
            "retries": "off",
        }
    with first, second:
        answer = first.chat("round", "hello")
        assert answer.status in (502, 508), answer.body
        assert int(answer.headers["x-weir-attempts"]) == 1


def test_a_large_body_without_an_end_to_its_string_is_refused_briefly(gateway):
    body = b'{"model":"' + b"a" * (8 << 20)
    head = POST + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    end = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    answers = gateway.raw(head, body, end)
    assert [answer.status for answer in answers] == [400, 200]
    assert len(answers[0].body) < 2000


def test_a_second_request_whose_body_comes_after_the_first_answer_is_served(gateway):
    """Its head is read while the first request runs, its body when nobody expects more."""
    request = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(BODY)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        answers = client.makefile("rb")
        client.sendall(request + BODY + request)
        assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
        client.sendall(BODY)
        assert any(line.endswith(b"HTTP/1.1 200 OK\r\n") for line in answers)
