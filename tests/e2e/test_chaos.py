# SPDX-License-Identifier: Apache-2.0
"""`weir chaos`: servers that misbehave by script, and what the gateway makes of them."""

import contextlib
import http.client
import json
import re
import subprocess

import pytest

from harness import BINARY, Client, Weir, clean_environment, eventually, run_weir, user

TEXT = "one two three four five six"
PATHS = {"openai": "/v1", "anthropic": "", "gemini": "/v1beta", "ollama": ""}


@contextlib.contextmanager
def chaos(kind: str, folder, *arguments: str):
    process = subprocess.Popen(
        [BINARY, "chaos", kind, "--listen", "127.0.0.1:0", *arguments],
        env=clean_environment(folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        yield int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def provider(port: int, dialect: str = "openai") -> dict:
    url = f"http://127.0.0.1:{port}{PATHS[dialect]}"
    entry = {"type": dialect, "base_url": url}
    return entry if dialect == "ollama" else {**entry, "api_key": "sk-x"}


def script(port: int, **plan) -> None:
    with Client(port) as client:
        assert client.request("PUT", "/script", plan).status == 200


def book(port: int) -> dict:
    with Client(port) as client:
        return client.request("GET", "/book").json


@pytest.mark.parametrize("dialect", PATHS)
def test_a_good_upstream_answers_in_every_dialect(tmp_path, dialect):
    with chaos("upstream", tmp_path) as port:
        with Weir({"providers": {"up": provider(port, dialect)}}) as weir:
            answer = weir.chat("up/m", TEXT)
            assert answer.json["choices"][0]["message"]["content"] == "echo: " + TEXT
            stream = weir.stream("up/m", TEXT)
            assert (stream.text, stream.finish, stream.has_done) == ("echo: " + TEXT, ["stop"], True)
            assert weir.chat("up/m", TEXT).json["usage"]["completion_tokens"] == 7
        shown = book(port)
        assert (shown["calls"], shown["billed_calls"], shown["output_tokens"]) == (3, 3, 21)


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(
    "fault", ["cut@token=3", "garbage=3", "error_event=3", "no_terminator", "cut@byte=1000"]
)
def test_a_broken_stream_is_made_whole_by_the_next_target(tmp_path, dialect, fault):
    """S-9.3, S-9.12"""
    with chaos("upstream", tmp_path, "--always", fault) as bad, chaos("upstream", tmp_path) as good:
        config = {
            "providers": {"bad": provider(bad, dialect), "good": provider(good, dialect)},
            "models": {"r": {"targets": ["bad/m", "good/m"]}},
        }
        with Weir(config) as weir:
            stream = weir.stream("r", TEXT)
            assert (stream.text, stream.errors, stream.has_done) == ("echo: " + TEXT, [], True)


@pytest.mark.parametrize(
    "fault", ["status=503", "status=429,retry_after=9", "redirect", "gzip_bomb", "lie_length=+9",
              "garbage", "cut@byte=9", "cut@token=0", "error_event"]
)  # fmt: skip
def test_a_whole_answer_comes_from_the_next_target(tmp_path, fault):
    with chaos("upstream", tmp_path, "--always", fault) as bad, chaos("upstream", tmp_path) as good:
        config = {
            "providers": {"bad": provider(bad), "good": provider(good)},
            "models": {"r": {"targets": ["bad/m", "good/m"]}},
        }
        with Weir(config) as weir:
            answer = weir.chat("r", TEXT)
            assert answer.json["choices"][0]["message"]["content"] == "echo: " + TEXT
            assert answer.headers["x-weir-target"] == "good/m"


def test_a_lying_usage_is_charged_as_it_was_told(tmp_path):
    """S-11.8"""
    with chaos("upstream", tmp_path, "--always", "lie_usage=12345") as port:
        with Weir({"providers": {"up": provider(port)}}) as weir:
            assert weir.chat("up/m", TEXT).json["usage"]["completion_tokens"] == 12345


def test_the_plan_is_changed_while_it_runs(tmp_path):
    with chaos("upstream", tmp_path, "--next", "status=500") as port:
        body = {"model": "m", "messages": user(TEXT)}
        with Client(port) as client:
            assert client.request("POST", "/v1/chat/completions", body).status == 500
            assert client.request("POST", "/v1/chat/completions", body).status == 200
        script(port, always="status=418", next=["ok", "delay=10ms"])
        with Client(port) as client:
            statuses = [client.request("POST", "/v1/chat/completions", body).status for _ in range(3)]
            assert statuses == [200, 200, 418]
            assert client.request("PUT", "/script", {"always": "explode"}).status == 400
            assert client.request("POST", "/reset").status == 200
            assert client.request("POST", "/v1/chat/completions", body).status == 200
        assert book(port)["calls"] == 1


def test_a_stalled_stream_is_left_when_its_time_is_over(tmp_path):
    with chaos("upstream", tmp_path, "--always", "stall=2") as port:
        config = {"providers": {"up": {**provider(port), "timeouts": {"stream_idle": "300ms"}}}}
        with Weir(config) as weir:
            stream = weir.stream("up/m", TEXT)
            assert stream.text == "echo: one " and len(stream.errors) == 1 and not stream.has_done
        eventually(lambda: book(port)["latest"])
        assert book(port)["latest"][0]["outcome"] == "stalled"
        assert book(port)["latest"][0]["output_tokens"] == 2


def test_the_proxy_breaks_connections(tmp_path):
    with chaos("upstream", tmp_path) as up:
        to = ("--to", f"127.0.0.1:{up}")
        with chaos("proxy", tmp_path, *to, "--next", "delay=50ms", "--next", "cut@byte=100") as port:
            body = {"model": "m", "messages": user(TEXT)}
            with Client(port) as client:
                assert client.request("POST", "/v1/chat/completions", body).status == 200
            with Client(port) as client, pytest.raises((http.client.HTTPException, OSError)):
                client.request("POST", "/v1/chat/completions", body)
            with Client(port) as client:
                answer = client.request("POST", "/v1/chat/completions", body)
                assert json.loads(answer.body)["choices"]


def test_a_fault_that_is_none_is_a_wrong_command_line(tmp_path):
    done = run_weir("chaos", "upstream", "--always", "explode", folder=tmp_path)
    assert done.returncode == 64
    assert "'explode' is no fault" in done.stderr and "cut@token=N" in done.stderr
