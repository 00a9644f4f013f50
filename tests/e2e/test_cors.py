# SPDX-License-Identifier: Apache-2.0
"""Web pages of origins that the configuration names may call (rule E-9); others may not."""

import pytest

from harness import Client, Weir, user

PAGE = "https://app.example"
KEY = "sk-page-0123456789"
BODY = {"model": "mock", "messages": user("hello")}
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
}


@pytest.fixture(scope="module")
def weir():
    with Weir({"cors_origins": [PAGE], "keys": [KEY], "providers": {"mock": {}}}) as made:
        yield made


def ask(weir, method, path, headers, body=None):
    with Client(weir.port) as client:
        return client.request(method, path, body, headers)


def test_a_preflight_is_answered_without_a_key(weir):
    answer = ask(weir, "OPTIONS", "/v1/chat/completions", PREFLIGHT)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "POST"
    asked = PREFLIGHT["access-control-request-headers"]
    assert answer.headers["access-control-allow-headers"] == asked
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path, change, status",
    [
        ("/v1/chat/completions", {"origin": "https://evil.example"}, 405),
        ("/v1/chat/completions", {"access-control-request-method": "GET"}, 405),
        ("/v1/nothing", {}, 404),
        ("/api/llm-providers", {"access-control-request-method": "GET"}, 404),
    ],
)
def test_a_preflight_for_what_is_not_there_gets_no_leave(weir, path, change, status):
    answer = ask(weir, "OPTIONS", path, {**PREFLIGHT, **change})
    assert answer.status == status
    assert "access-control-allow-methods" not in answer.headers


def test_a_page_may_read_answers_streams_and_errors(weir):
    page = {"origin": PAGE, "authorization": "Bearer " + KEY}
    whole = weir.post("/v1/chat/completions", BODY, page)
    with Client(weir.port) as client:
        stream = client.stream("/v1/chat/completions", {**BODY, "stream": True}, page)
    refused = weir.post("/v1/chat/completions", BODY, {"origin": PAGE})
    assert (whole.status, stream.status, refused.status) == (200, 200, 401)
    for answer in (whole, stream, refused):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-expose-headers"] == "*"
        assert answer.headers["vary"] == "origin"


def test_other_origins_and_no_origin_get_no_leave(weir):
    for origin in ({"origin": "https://evil.example"}, {}):
        headers = {**origin, "authorization": "Bearer " + KEY}
        answer = weir.post("/v1/chat/completions", BODY, headers)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"  # or a cache would mix them up


def test_the_administration_gives_no_page_leave(weir):
    with Client(weir.admin_port) as client:
        answer = client.request("GET", "/api/llm-providers", None, {"origin": PAGE})
    assert "access-control-allow-origin" not in answer.headers


def test_nothing_is_said_to_browsers_by_default(gateway):
    answer = ask(gateway, "OPTIONS", "/v1/chat/completions", PREFLIGHT)
    assert answer.status == 403  # the listener has no keys, so pages are kept out
    answer = gateway.get("/v1/models")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "vary" not in answer.headers
