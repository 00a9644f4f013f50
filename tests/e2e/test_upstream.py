# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream itself: a test of a gateway is worth what its other end is worth."""

import http.client
import json

import pytest

from answers import DIALECTS
from harness import Client, user
from upstream import Upstream, cut_after, reset, status


def request_in(upstream, text):
    """(path, body, headers) of a streamed chat in the upstream's own dialect."""
    key = upstream.key
    bearer = {"authorization": f"Bearer {key}"}
    return {
        "openai": ("/v1/chat/completions", {"model": "m", "messages": user(text)}, bearer),
        "responses": ("/v1/responses", {"model": "m", "input": text}, bearer),
        "anthropic": (
            "/v1/messages",
            {"model": "m", "max_tokens": 99, "messages": user(text)},
            {"x-api-key": key, "anthropic-version": "2023-06-01"},
        ),
        "gemini": (
            "/v1beta/models/m:generateContent",
            {"contents": [{"role": "user", "parts": [{"text": text}]}]},
            {"x-goog-api-key": key},
        ),
        "ollama": ("/api/chat", {"model": "m", "messages": user(text), "stream": False}, {}),
    }[upstream.dialect_name]


@pytest.mark.parametrize("name", DIALECTS)
def test_answers_in_its_dialect_and_remembers_the_request(name):
    with Upstream(name) as upstream, Client(upstream.port) as client:
        path, body, headers = request_in(upstream, "hello there")
        answer = client.request("POST", path, body, headers)
        assert answer.status == 200, answer.body
        assert b"echo: hello there" in answer.body
        assert upstream.calls[0].json == body
        assert upstream.violations == []


@pytest.mark.parametrize("name", DIALECTS)
def test_refuses_what_the_real_one_would_refuse(name):
    with Upstream(name) as upstream, Client(upstream.port) as client:
        path, _, headers = request_in(upstream, "x")
        wrong = {"messages": []}
        assert client.request("POST", path, wrong, headers).status == 400
        assert client.request("POST", path + "x", {}, headers).status in (400, 404)


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "ollama"])
def test_refuses_a_wrong_key(name):
    with Upstream(name) as upstream, Client(upstream.port) as client:
        path, body, _ = request_in(upstream, "x")
        assert client.request("POST", path, body).status == 401


def test_faults_are_played_in_order_and_then_it_is_sound_again():
    with Upstream("openai") as upstream:
        path, body, headers = request_in(upstream, "hello")
        upstream.script(status(429, retry_after="3"), reset())
        with Client(upstream.port) as client:
            limited = client.request("POST", path, body, headers)
            assert (limited.status, limited.headers["retry-after"]) == (429, "3")
            with pytest.raises(ConnectionError):
                client.request("POST", path, body, headers)
        with Client(upstream.port) as client:
            assert client.request("POST", path, body, headers).status == 200


def test_a_cut_stream_has_no_end_in_http_either():
    with Upstream("openai") as upstream, Client(upstream.port) as client:
        path, body, headers = request_in(upstream, "one two three")
        upstream.script(cut_after(2))
        response = client.open("POST", path, {**body, "stream": True}, headers)
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
        assert b"[DONE]" not in cut.value.partial


def test_after_being_killed_it_comes_back_at_the_same_place():
    with Upstream("openai") as upstream:
        path, body, headers = request_in(upstream, "hello")
        port = upstream.port
        upstream.kill()
        with Client(port) as client, pytest.raises(ConnectionRefusedError):
            client.request("POST", path, body, headers)
        upstream.start()
        with Client(port) as client:
            assert json.loads(client.request("POST", path, body, headers).body)["object"]
