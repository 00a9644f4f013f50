# SPDX-License-Identifier: Apache-2.0
"""What is full is refused at once, and what watches over the gateway stays reachable (sections 15
and 21 of the failure rules)."""

import concurrent.futures
import contextlib
import json
import socket

import pytest

import upstream as fault
from harness import Client, Weir, eventually, user
from upstream import Upstream

BODY = {"model": "up/m", "messages": user("one two three")}


@pytest.fixture
def upstream():
    with Upstream("openai") as made:
        yield made


def gateway(upstream, **config) -> Weir:
    return Weir({"providers": {"up": upstream.provider}, **config})


def connect(weir) -> socket.socket:
    return socket.create_connection(("127.0.0.1", weir.port), timeout=10)


@contextlib.contextmanager
def begun_stream(weir, upstream, headers=None):
    """A stream that has begun and does not go on until it is left."""
    upstream.script(fault.stall(events=1))
    client = Client(weir.port)
    response = client.open("POST", "/v1/chat/completions", {**BODY, "stream": True}, headers)
    assert response.status == 200
    yield
    response.close()
    client.connection.close()


def assert_watched_over(weir):
    """O-2"""
    assert weir.get("/livez").status == 200
    assert weir.get("/v1/models", {"authorization": "Bearer " + "a" * 20}).status == 200
    assert weir.admin("GET", "/metrics").status == 200
    assert weir.admin("GET", "/api/llm-providers").status == 200


def assert_overloaded(answer):
    assert (answer.status, answer.error["code"]) == (503, "overloaded")
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    assert answer.headers["x-should-retry"] == "true"


def test_calls_beyond_max_inflight_are_refused_until_one_has_ended(upstream):
    with gateway(upstream, limits={"max_inflight": 1}) as weir:
        with begun_stream(weir, upstream):
            assert_overloaded(weir.post("/v1/chat/completions", BODY))
            assert_watched_over(weir)
        eventually(lambda: weir.post("/v1/chat/completions", BODY).status == 200)


def test_twice_the_load_leaves_those_admitted_alone(upstream):
    """O-3: what doesn't fit is refused at once, at the price of neither a call nor its connection,
    and nothing of it is left when the load falls."""
    fits = 8
    with gateway(upstream, limits={"max_inflight": fits}) as weir:
        client = weir.client()
        assert client.request("GET", "/livez").status == 200
        port = client.connection.sock.getsockname()[1]
        with concurrent.futures.ThreadPoolExecutor(fits) as pool, fault.Gate() as gate:
            upstream.script(*[fault.held_by(gate)] * fits)
            admitted = [pool.submit(weir.post, "/v1/chat/completions", BODY) for _ in range(fits)]
            eventually(lambda: len(upstream.calls) == fits)
            for _ in range(fits):
                assert_overloaded(client.request("POST", "/v1/chat/completions", BODY))
                assert client.connection.sock.getsockname()[1] == port
            assert len(upstream.calls) == fits
            gate.open()
            assert [call.result().status for call in admitted] == [200] * fits
            assert f"weir_calls_shed_total {fits}" in metrics(weir)
        eventually(lambda: "weir_calls_in_flight 0" in metrics(weir))
        assert client.request("POST", "/v1/chat/completions", BODY).status == 200


def test_a_key_has_its_own_share_of_calls(upstream):
    keys = ["a" * 20, "b" * 20]
    first, second = ({"authorization": "Bearer " + key} for key in keys)
    with gateway(upstream, keys=keys, limits={"max_inflight_per_key": 1}) as weir:
        with begun_stream(weir, upstream, first):
            refused = weir.post("/v1/chat/completions", BODY, first)
            assert (refused.status, refused.error["code"]) == (429, "rate_limited")
            assert refused.headers["retry-after"] == "1"
            assert weir.post("/v1/chat/completions", BODY, second).status == 200
        eventually(lambda: weir.post("/v1/chat/completions", BODY, first).status == 200)


def test_connections_beyond_their_number_are_closed_and_the_administration_stays(upstream):
    with gateway(upstream, limits={"max_connections": 2}) as weir:

        def all_there_may_be():
            """Two that are served; the harness's own has to be seen to be gone first."""
            both = connect(weir), connect(weir)
            if all(b"HTTP/1.1 200" in ask(one) for one in both):
                return both
            for one in both:
                one.close()
            return None

        first, second = eventually(all_there_may_be)
        with first, second:
            with connect(weir) as third:
                assert ask(third) == b""
            assert weir.admin("GET", "/livez").status == 200
            assert weir.admin("GET", "/metrics").status == 200
            assert b"HTTP/1.1 200" in ask(first)
        with connect(weir) as again:
            assert eventually(lambda: b"HTTP/1.1 200" in ask(connect(weir)))
            again.close()


def ask(wire: socket.socket) -> bytes:
    try:
        wire.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return wire.recv(4096)
    except ConnectionError:
        return b""


def test_new_work_is_refused_while_memory_is_short(upstream):
    with gateway(upstream, limits={"memory": "1MiB"}) as weir:
        assert_overloaded(weir.post("/v1/chat/completions", BODY))
        assert_watched_over(weir)
        assert upstream.calls == []
        weir.write_config({"providers": {"up": upstream.provider}})
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        eventually(lambda: weir.post("/v1/chat/completions", BODY).status == 200)


def test_nobody_gets_in_line_while_memory_is_above_its_soft_limit(upstream):
    limits = {"memory": "1GiB", "memory_soft": "0.1%"}
    config = {"providers": {"up": {**upstream.provider, "limits": {"concurrency": 1}}}}
    with Weir({**config, "limits": limits}) as weir:
        with begun_stream(weir, upstream):
            refused = weir.post("/v1/chat/completions", BODY)
            assert (refused.status, refused.error["code"]) == (429, "rate_limited")
        eventually(lambda: weir.post("/v1/chat/completions", BODY).status == 200)


def test_bodies_share_one_budget(upstream):
    """Each would be small enough by itself."""
    length = 64 << 20
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n{"
    with gateway(upstream, limits={"memory": "2GiB", "memory_hard": "20%", "memory_soft": "20%"}) as weir:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(connect(weir)) for _ in range(3)]
            for wire in wires:
                wire.sendall(head % length)  # 192 of some 205 MiB
            eventually(lambda: "weir_request_body_bytes 201326592" in metrics(weir))
            refused = weir.raw(head % length)[0]
            assert (refused.status, refused.error["code"]) == (503, "overloaded")
            assert weir.post("/v1/chat/completions", BODY).status == 200
        eventually(lambda: "weir_request_body_bytes 0" in metrics(weir))


def metrics(weir) -> str:
    return weir.admin("GET", "/metrics").body.decode()


def test_no_body_is_read_of_somebody_without_a_key(upstream):
    """O-1"""
    with gateway(upstream, keys=["a" * 20]) as weir:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n"
        answers = weir.raw(head)  # no byte of the body is needed for the refusal
        assert [answer.status for answer in answers] == [401]
        assert "weir_request_body_bytes 0" in metrics(weir)


@pytest.mark.parametrize("depth, status", [(8, 200), (9, 400)])
def test_json_may_be_nested_as_deep_as_the_configuration_says(upstream, depth, status):
    with gateway(upstream, limits={"json_depth": 8}) as weir:
        nested = "[" * (depth - 1) + "]" * (depth - 1)
        text = json.dumps({**BODY, "metadata_x": "@"}).replace('"@"', nested)
        answer = weir.post("/v1/chat/completions", text.encode())
        assert answer.status == status, answer.body


def test_the_clients_address_is_taken_from_trusted_proxies_only(upstream):
    forwarded = {"x-forwarded-for": "192.0.2.66, 203.0.113.5"}
    for proxies, client in ((["127.0.0.0/8"], "203.0.113.5"), ([], "127.0.0.1")):
        log = {"level": "info", "format": "json"}
        config = {"trusted_proxies": proxies, "access_log": True, "log": log}
        with gateway(upstream, **config) as weir:
            assert weir.post("/v1/chat/completions", BODY, forwarded).status == 200
            line = eventually(lambda: access_line(weir))
            assert line["client"] == client
            assert (line["route"], line["outcome"]) == ("up/m", "completed")


def access_line(weir):
    lines = [line for line in weir.log().splitlines() if '"access"' in line]
    return json.loads(lines[0]) if lines else None


@pytest.mark.parametrize(
    "limit, answer",
    [
        ({"upstream_body_bytes_max": "1KiB"}, fault.ok_with(b'{"id":"' + b"a" * 2048 + b'"}')),
        ({"upstream_header_bytes": "1KiB"}, fault.status(200, **{"x_padding": "a" * 2048})),
        ({"upstream_interim_responses": 1}, fault.raw(b"HTTP/1.1 102 Wait\r\n\r\n" * 2)),
    ],
)
def test_a_providers_answer_has_the_limits_that_were_set(upstream, limit, answer):
    with gateway(upstream, limits=limit) as weir:
        upstream.script(answer)
        refused = weir.chat("up/m", "hello")
        assert (refused.status, refused.error["code"]) == (502, "upstream_malformed")
        assert weir.chat("up/m", "hello").status == 200


@pytest.mark.parametrize(
    "limit, path, headers, status, code",
    [
        (
            {"request_line": "1KiB"},
            "/v1/chat/completions?" + "a" * 2048,
            {},
            414,
            "uri_too_long",
        ),
        (
            {"header_field": "1KiB"},
            "/v1/chat/completions",
            {"x-one": "a" * 2048},
            431,
            "headers_too_large",
        ),
        (
            {"header_bytes": "2KiB"},
            "/v1/chat/completions",
            {f"x-{i}": "a" * 1000 for i in range(3)},
            431,
            "headers_too_large",
        ),
        (
            {"header_count": 10},
            "/v1/chat/completions",
            {f"x-{i}": "a" for i in range(12)},
            431,
            "headers_too_large",
        ),
        (
            {"hops_max": 1},
            "/v1/chat/completions",
            {"x-weir-hops": "1"},
            508,
            "loop_detected",
        ),
    ],
)
def test_a_requests_head_has_the_limits_that_were_set(upstream, limit, path, headers, status, code):
    with gateway(upstream, limits=limit) as weir:
        refused = weir.post(path, BODY, headers)
        assert (refused.status, refused.error["code"]) == (status, code)
        assert weir.post("/v1/chat/completions", BODY).status == 200
    with gateway(upstream) as weir:
        assert weir.post(path, BODY, headers).status == 200


def test_a_body_has_the_limit_that_was_set(upstream):
    with gateway(upstream, limits={"body_bytes_max": "1KiB"}) as weir:
        assert weir.chat("up/m", "a" * 2048).status == 413
        assert weir.chat("up/m", "hello").status == 200


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "gemini", "ollama"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_an_event_of_a_providers_stream_has_the_limit_that_was_set(dialect, path):
    """S-9.6: passed on or translated, what is too large is `malformed`, and another may answer."""
    line = b"{" if dialect == "ollama" else b"data: {"
    large = line + b'"x":"' + b"a" * 4096 + b'"}\n\n'
    media = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
    with Upstream(dialect) as upstream:
        body = {**BODY, "max_tokens": 100, "stream": True}
        with gateway(upstream, limits={"event_bytes_max": "2KiB"}) as weir:
            upstream.script(fault.ok_with(large, media))
            refused = weir.post(path, body)
            assert refused.status == 502, refused.body
            assert b"upstream_malformed" in refused.body
            assert weir.post(path, body).status == 200


def test_a_provider_has_no_more_calls_at_once_than_was_set(upstream):
    with gateway(upstream, limits={"provider_max_inflight": 1}) as weir:
        with begun_stream(weir, upstream):
            refused = weir.post("/v1/chat/completions", BODY)
            assert (refused.status, refused.error["code"]) == (503, "all_targets_unavailable")
        eventually(lambda: weir.post("/v1/chat/completions", BODY).status == 200)


def test_no_more_calls_wait_for_a_provider_than_was_set(upstream):
    provider = {**upstream.provider, "limits": {"concurrency": 1}}
    config = {"providers": {"up": provider}, "limits": {"queue_length": 0}}
    with Weir(config) as weir, begun_stream(weir, upstream):
        refused = weir.post("/v1/chat/completions", BODY)  # with a queue it would wait for 30 s
        assert refused.status in (429, 503), refused.body
        assert "retry-after" in refused.headers
