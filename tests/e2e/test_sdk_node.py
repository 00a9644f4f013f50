# SPDX-License-Identifier: Apache-2.0
"""OpenAI's SDK for JavaScript between an application and each dialect."""

import json
import os
import pathlib
import subprocess

import pytest

import answers
import upstream as fault
from harness import Weir
from upstream import Upstream

SCRIPT = pathlib.Path(__file__).parent / "sdk" / "check.mjs"

pytestmark = pytest.mark.skipif(
    os.environ.get("WEIR_E2E_NO_SDK") == "1", reason="WEIR_E2E_NO_SDK=1: no package registry"
)


def check(weir: Weir, model: str, name: str, *key: str) -> dict:
    run = subprocess.run(
        ["node", str(SCRIPT), f"http://127.0.0.1:{weir.port}/v1", model, name, *key],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_chat(gateway, dialect):
    assert check(gateway, f"{dialect}/m", "chat") == {
        "text": "echo: hello there", "finish": "stop", "total": 100, "hasRequestId": True,
    }  # fmt: skip


def test_stream(gateway, dialect):
    assert check(gateway, f"{dialect}/m", "stream") == {
        "text": "echo: one two three", "finish": "stop", "total": 100, "inPieces": True,
    }  # fmt: skip


def test_the_sdks_tool_loop(gateway, dialect):
    assert check(gateway, f"{dialect}/m", "tools") == {
        "text": "tool said: rain in Oslo, rain in Rome", "cities": ["Oslo", "Rome"],
    }  # fmt: skip


def test_streamed_tools(gateway, dialect):
    told = check(gateway, f"{dialect}/m", "streamedTools")["arguments"]
    assert [json.loads(text) for text in told] == [{"city": "Oslo"}, {"city": "Rome"}]


@pytest.mark.parametrize("dialect", ["openai", "responses", "gemini", "ollama"])
def test_embeddings(gateway, dialect):
    vectors = [answers.vector_of("abc"), answers.vector_of("x")]
    assert check(gateway, f"{dialect}/m", "embeddings") == {"vectors": vectors}


def test_models(gateway):
    told = check(gateway, "smart", "models")
    assert "smart" in told["ids"] and told["one"] == "smart"


ERRORS = {
    "rate limit": (fault.status(429, retry_after="60"), "RateLimitError", 429, "upstream_rate_limited"),
    "wrong key of the gateway": (fault.status(401), "InternalServerError", 502, "upstream_auth"),
    "bad request": (fault.status(400), "BadRequestError", 400, "invalid_request"),
    "garbage": (fault.ok_with(b"{"), "InternalServerError", 502, "upstream_malformed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_upstream_become_the_sdks_classes(name):
    played, kind, status, code = ERRORS[name]
    with Upstream("openai") as upstream, Weir({"providers": {"up": upstream.provider}}) as weir:
        upstream.always(played)
        told = check(weir, "up/m", "error")
        assert (told["name"], told["status"], told["code"]) == (kind, status, code)
        assert told["hasRequestId"]


def test_errors_of_the_client_become_the_sdks_classes():
    with Upstream("openai") as upstream:
        config = {"providers": {"up": upstream.provider}, "keys": ["sk-right-0123456789"]}
        with Weir(config) as weir:
            told = check(weir, "up/m", "error", "sk-wrong")
            assert (told["name"], told["code"]) == ("AuthenticationError", "invalid_api_key")
            told = check(weir, "up-m", "error", "sk-right-0123456789")
            assert (told["name"], told["status"], told["param"]) == ("NotFoundError", 404, "model")


def test_a_stream_that_breaks_is_an_error_and_not_a_short_answer():
    with Upstream("openai") as upstream:
        upstream.always(fault.cut_after(2))
        config = {"providers": {"up": upstream.provider}, "stream": {"recovery": "off"}}
        with Weir(config) as weir:
            told = check(weir, "up/m", "brokenStream")
            assert told["name"] == "APIError" and told["text"] == "echo: one "


def test_the_sdk_does_not_repeat_what_the_gateway_has_repeated():
    with Upstream("openai") as upstream:
        upstream.always(fault.status(500))
        with Weir({"providers": {"up": upstream.provider}}) as weir:
            told = check(weir, "up/m", "noRetryStorm")
            assert told == {"name": "InternalServerError", "status": 502}
            assert len(upstream.calls) <= 3


def test_leaving_a_stream_early_ends_the_call_upstream(gateway, upstreams, dialect):
    upstreams[dialect].script(fault.stall(events=4))
    assert check(gateway, f"{dialect}/m", "abort") == {"aborted": True}
    assert upstreams[dialect].calls[0].caller_gone.wait(5)
