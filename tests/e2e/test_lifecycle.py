# SPDX-License-Identifier: Apache-2.0
"""Starting, changing, leaving and stopping, with requests under way."""

import concurrent.futures
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

import upstream as fault
from harness import Client, Weir, eventually, run_weir, user
from upstream import Upstream

NOTICE_SECONDS_MAX = 0.25  # from a client's leaving to the end of the upstream connection


@pytest.fixture
def upstream():
    with Upstream("openai") as made:
        yield made
        assert made.violations == []


@pytest.fixture
def weir(upstream):
    with Weir({"providers": {"up": upstream.provider}}) as running:
        yield running


def chat_bytes(text: str, **members) -> bytes:
    body = json.dumps({"model": "up/m", "messages": user(text), **members}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


# A client that leaves ------------------------------------------------------------------------------


@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("phase", ["before the answer", "within a stream", "before a stream"])
def test_a_client_that_leaves_ends_the_call_upstream(weir, upstream, phase, by_reset):
    """S-10.1, S-10.2"""
    upstream.script(fault.stall(events=1 if phase == "within a stream" else None))
    wire = socket.create_connection(("127.0.0.1", weir.port), timeout=10)
    wire.sendall(chat_bytes("one two", stream=phase != "before the answer"))
    call = eventually(lambda: upstream.calls[0] if upstream.calls else None)
    if phase == "within a stream":
        seen = b""
        while b"echo: " not in seen:
            seen += wire.recv(4096)
    if by_reset:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    left_at = time.monotonic()
    wire.close()
    assert call.caller_gone.wait(5)
    assert call.gone_at - left_at <= NOTICE_SECONDS_MAX
    assert len(upstream.calls) == 1  # nothing is tried for somebody who is gone


def test_a_client_that_leaves_between_two_attempts_ends_the_call(upstream):
    retries = {"backoff_base": "5s", "backoff_cap": "5s"}
    with Weir({"providers": {"up": upstream.provider}, "retries": retries}) as weir:
        upstream.always(fault.status(500))
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as wire:
                wire.sendall(chat_bytes("one"))
                before = len(upstream.calls)
                eventually(lambda: len(upstream.calls) > before)
        assert weir.get("/livez").status == 200


def test_many_that_leave_at_any_point_leave_nothing_behind(weir, upstream):
    """S-10.6"""
    upstream.always(fault.pace(0.002))

    def descriptors() -> int:
        return len(os.listdir(f"/proc/{weir.process.pid}/fd"))

    assert weir.stream("up/m", "warm up").has_done
    before = descriptors()
    request = chat_bytes("one two three four", stream=True)
    for size in range(0, len(request), 7):
        with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as wire:
            wire.sendall(request[:size])
    for size in range(1, 60):
        with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as wire:
            wire.sendall(request)
            wire.recv(size)
    eventually(lambda: descriptors() <= before + 8)  # some idle upstream connections may stay
    assert weir.stream("up/m", "still here").has_done


# Reload --------------------------------------------------------------------------------------------


def reload(weir: Weir) -> None:
    weir.signal(signal.SIGHUP)


def test_a_reload_takes_the_new_file_and_breaks_nothing_that_runs(weir, upstream):
    upstream.script(fault.pace(0.05))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(weir.stream, "up/m", "one two three four five six")
        eventually(lambda: upstream.calls)
        with Upstream("anthropic") as other:
            weir.write_config({"providers": {"new": other.provider}})
            reload(weir)
            eventually(lambda: weir.chat("new/m", "hello").status == 200)
            assert weir.chat("up/m", "hello").status == 404
            stream = running.result(timeout=10)
    assert stream.text == "echo: one two three four five six" and stream.has_done


def test_a_reload_of_an_invalid_file_changes_nothing_and_says_where(weir, upstream):
    """H-1"""
    broken = {"providers": {"up": {**upstream.provider, "api_kee": "x"}}}
    weir.write_config(broken)
    line = next(
        number
        for number, text in enumerate(weir.config_file.read_text().splitlines(), 1)
        if "api_kee" in text
    )
    reload(weir)
    eventually(lambda: f"weir.yaml:{line}" in weir.log())
    assert "api_key" in weir.log()  # the nearest known name
    assert upstream.key not in weir.log()
    assert weir.chat("up/m", "hello").status == 200


def test_a_reload_when_the_file_is_gone_changes_nothing(weir):
    weir.config_file.unlink()
    reload(weir)
    eventually(lambda: "weir.yaml" in weir.log())
    assert weir.chat("up/m", "hello").status == 200


def test_reloads_under_load_fail_no_request(weir, upstream):
    """H-2"""
    is_over = threading.Event()

    def load() -> list[int]:
        seen = []
        with Client(weir.port) as client:
            body = {"model": "up/m", "messages": user("hello")}
            while not is_over.is_set():
                seen.append(client.request("POST", "/v1/chat/completions", body).status)
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load) for _ in range(4)]
        for _ in range(30):
            before = len(upstream.calls)
            reload(weir)
            eventually(lambda: len(upstream.calls) > before + 4)
        is_over.set()
        statuses = [status for worker in workers for status in worker.result()]
    assert set(statuses) == {200} and len(statuses) > 100


# Stop ----------------------------------------------------------------------------------------------


def test_sigterm_lets_running_requests_finish_and_takes_no_new_ones(weir, upstream):
    """H-5, H-6"""
    upstream.script(fault.pace(0.1), fault.delay(0.8))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        stream = pool.submit(weir.stream, "up/m", "one two three four five six")
        eventually(lambda: len(upstream.calls) == 1)
        whole = pool.submit(weir.chat, "up/m", "hello")
        eventually(lambda: len(upstream.calls) == 2)
        idle = weir.client()
        assert idle.request("GET", "/livez").status == 200
        weir.signal(signal.SIGTERM)

        def refuses() -> bool:
            try:
                socket.create_connection(("127.0.0.1", weir.port), timeout=1).close()
            except OSError:
                return True
            return False

        eventually(refuses)
        assert stream.result(timeout=10).has_done
        assert whole.result(timeout=10).status == 200
    assert weir.process.wait(10) == 0


def test_h6_who_has_connected_before_sigterm_may_still_ask(weir):
    """Neither a client that has said nothing yet nor one in the middle of its first line is sent
    away; one that stays silent holds up nothing."""
    address = ("127.0.0.1", weir.port)
    head = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with (
        socket.create_connection(address) as silent,
        socket.create_connection(address) as fresh,
        socket.create_connection(address) as begun,
    ):
        assert weir.get("/livez").status == 200, "so the others were accepted, too"
        begun.sendall(head[:10])
        weir.signal(signal.SIGTERM)
        eventually(lambda: '"event":"drain"' in weir.log())
        fresh.sendall(head)
        begun.sendall(head[10:])
        for wire in (fresh, begun):
            wire.settimeout(10)
            answer = b"".join(iter(lambda wire=wire: wire.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
        assert weir.process.wait(10) == 0
        assert silent.recv(1) == b""


def test_sigterm_ends_an_idle_program_at_once(weir):
    client = weir.client()
    assert client.request("GET", "/livez").status == 200
    begin = time.monotonic()
    assert weir.stop() == 0
    assert time.monotonic() - begin < 5.0


def test_a_port_that_is_taken_is_an_error_and_not_shared(upstream, weir):
    second = Weir(None)
    second.port = weir.port
    second.write_config({"providers": {"up": upstream.provider}})
    run = run_weir("serve", "--config", str(second.config_file), folder=second.folder)
    assert run.returncode not in (0, None)
    assert str(weir.port) in run.stderr


# Keys ----------------------------------------------------------------------------------------------


def test_with_keys_every_model_call_needs_one(upstream):
    key = "sk-client-0123456789abcdef"
    with Weir({"providers": {"up": upstream.provider}, "keys": [key, "sk-second-key-9876"]}) as weir:
        for header in (
            {"authorization": f"Bearer {key}"},
            {"authorization": "Bearer sk-second-key-9876"},
            {"x-api-key": key},
            {"api-key": key},
        ):
            assert weir.chat("up/m", "hello", headers=header).status == 200, header
        before = len(upstream.calls)
        for header in (
            {},
            {"authorization": "Bearer " + key[:-1]},
            {"authorization": "Bearer " + key + "x"},
            {"authorization": "Bearer "},
            {"authorization": f"Basic {key}"},
        ):
            answer = weir.chat("up/m", "hello", headers=header)
            assert (answer.status, answer.error["code"]) == (401, "invalid_api_key"), header
            assert key.encode() not in answer.body
        assert weir.get("/v1/models").status == 401
        assert weir.get("/livez").status == 200
        assert len(upstream.calls) == before
        assert key not in weir.log()
        assert upstream.calls[0].header("authorization") == f"Bearer {upstream.key}"


# Without a configuration ---------------------------------------------------------------------------


def test_without_a_file_the_environment_makes_the_providers(upstream):
    weir = Weir(None)
    weir.environment = {
        "WEIR_LISTEN": f"127.0.0.1:{weir.port}",
        "WEIR_ADMIN_LISTEN": f"127.0.0.1:{weir.admin_port}",
        "WEIR_DATA_DIR": str(weir.folder / "data"),
        "WEIR_DETECT_LOCAL": "off",
        "OPENAI_API_KEY": upstream.key,
        "OPENAI_BASE_URL": upstream.base_url,
    }
    with weir:
        assert weir.chat("openai/m", "hello").status == 200
        assert weir.chat("auto", "hello").headers["x-weir-target"].startswith("openai/")
        assert weir.chat("mock/mock", "hello").status == 200


def ended(weir: Weir) -> list[str]:
    """The outcomes that the log tells of."""
    lines = [json.loads(line) for line in weir.log().splitlines() if line.startswith("{")]
    return [line["outcome"] for line in lines if "outcome" in line]


@pytest.fixture
def stalled(upstream):
    """A gateway with two calls under way that do not end: a stream and a whole answer."""
    with contextlib.ExitStack() as stack:

        def begin(key_of=lambda _: {}, stdin=subprocess.DEVNULL, **settings):
            upstream.script(fault.stall(2), fault.stall(None))
            weir = Weir({"providers": {"up": upstream.provider}, "hedge": "off", **settings})
            weir.stdin = stdin
            stack.enter_context(weir)
            headers = key_of(weir)
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(2))
            stream = pool.submit(weir.stream, "up/m", "one two three four", headers)
            eventually(lambda: len(upstream.calls) == 1)
            whole = pool.submit(weir.chat, "up/m", "hello", headers)
            eventually(lambda: len(upstream.calls) == 2)
            return weir, stream, whole

        yield begin


def seconds_to_end(weir: Weir, stream, whole, number: int) -> float:
    """From a signal to the program's end, which has ended both calls with an error."""
    begin = time.monotonic()
    weir.signal(number)
    assert weir.process.wait(10) == 0
    seconds = time.monotonic() - begin
    read = stream.result(timeout=10)
    assert [error["code"] for error in read.errors] == ["draining"] and not read.has_done, read
    refused = whole.result(timeout=10)
    assert (refused.status, refused.error["code"]) == (503, "draining")
    assert refused.headers["retry-after"]
    assert ended(weir).count("shutdown") == 2
    return seconds


def test_h5_what_is_not_done_in_time_ends_with_an_error_and_is_booked(stalled):
    begun = stalled(drain_timeout="300ms")
    assert 0.3 <= seconds_to_end(*begun, signal.SIGTERM) < 5.0


def drain(weir: Weir) -> None:
    weir.signal(signal.SIGTERM)
    eventually(lambda: '"event":"drain"' in weir.log())


def test_h5_a_second_sigterm_leaves_five_seconds(stalled):
    begun = stalled(drain_timeout="60s")
    drain(begun[0])
    assert 4.9 <= seconds_to_end(*begun, signal.SIGTERM) < 9.0


def test_h5_sigint_behind_sigterm_ends_at_once(stalled):
    begun = stalled(drain_timeout="60s")
    drain(begun[0])
    assert seconds_to_end(*begun, signal.SIGINT) < 5.0


@pytest.fixture
def terminal():
    """One that a person has started the gateway from."""
    screen, keyboard = pty.openpty()
    yield keyboard
    os.close(keyboard)
    os.close(screen)


def test_h5_sigint_on_a_terminal_leaves_one_second(stalled, terminal):
    begun = stalled(stdin=terminal, drain_timeout="60s")
    assert 0.9 <= seconds_to_end(*begun, signal.SIGINT) < 5.0


def test_h5_sigint_without_a_terminal_is_as_patient_as_sigterm(stalled):
    begun = stalled(drain_timeout="2s")
    assert 1.9 <= seconds_to_end(*begun, signal.SIGINT) < 7.0


def test_h5_h6_during_the_grace_it_says_no_and_still_serves(upstream):
    with Weir({"providers": {"up": upstream.provider}, "drain_grace": "2s"}) as weir:
        weir.signal(signal.SIGTERM)
        eventually(lambda: weir.get("/readyz").status == 503)
        assert weir.get("/livez").status == 200
        assert weir.chat("up/m", "hello").status == 200
        assert weir.process.wait(10) == 0


def assert_cut_short(weir: Weir, stream, whole, status: int, code: str) -> None:
    """What each client reads of its call that was ended because something is gone."""
    begin = time.monotonic()
    read = stream.result(timeout=10)
    assert [error["code"] for error in read.errors] == [code] and not read.has_done, read
    refused = whole.result(timeout=10)
    assert (refused.status, refused.error["code"]) == (status, code)
    assert time.monotonic() - begin < 3.0  # a second, and what a busy machine takes
    eventually(lambda: sorted(ended(weir)) == ["aborted_upstream", "failed"])
    assert weir.process.poll() is None


def test_h4_the_calls_of_a_revoked_key_end_with_an_error_where_that_is_set(stalled):
    ids = []

    def key_of(weir):
        made = weir.admin("POST", "/api/keys", {}, token=True)
        ids.append(made.json["record"]["id"])
        return {"authorization": "Bearer " + made.json["key"]}

    weir, stream, whole = stalled(key_of, kill_on_revoke=True)
    assert weir.admin("DELETE", "/api/keys/" + ids[0], token=True).status == 200
    assert_cut_short(weir, stream, whole, 401, "invalid_api_key")


def test_h4_the_calls_at_a_removed_target_end_with_an_error_where_that_is_set(stalled):
    weir, stream, whole = stalled(kill_on_revoke=True)
    assert weir.admin("DELETE", "/api/llm-providers/up", token=True).status == 200
    assert_cut_short(weir, stream, whole, 404, "model_unavailable")


@pytest.mark.parametrize(
    "model", ["up/m", "auto", "gpt-4o-mini", "any/m", "smart", "fast", "up/n,up/m", "mock/slow"]
)
def test_h4_calls_whose_key_and_target_are_there_go_on_where_that_is_set(upstream, model):
    upstream.script(fault.delay(1.5))  # the gateway looks every 500 ms
    config = {
        "providers": {"openai": upstream.provider, "up": upstream.provider},
        "models": {"any/*": ["up/*"], "smart": {"targets": ["up/m"]}},
        "tiers": {"fast": "smart"},
        "keys": ["sk-one"],
        "kill_on_revoke": True,
    }
    with Weir(config) as weir:
        answer = weir.chat(model, "hello", {"authorization": "Bearer sk-one"})
        assert answer.status == 200, answer.body


def test_h4_a_call_goes_on_whose_name_has_come_to_mean_another_route(upstream):
    upstream.script(fault.delay(1.5))
    config = {
        "providers": {"up": upstream.provider},
        "models": {"first": ["up/m"], "second": ["up/n"]},
        "default_model": "first",
        "kill_on_revoke": True,
    }
    with Weir(config) as weir, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(weir.post, "/v1/chat/completions", {"messages": user("hello")})
        eventually(lambda: len(upstream.calls) == 1)
        weir.write_config({**config, "default_model": "second"})
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        assert answer.result(timeout=10).status == 200


def test_h4_otherwise_calls_under_way_may_end(upstream):
    upstream.script(fault.delay(1.5))
    with Weir({"providers": {"up": upstream.provider}, "keys": ["sk-old"]}) as weir:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            bearer = {"authorization": "Bearer sk-old"}
            answer = pool.submit(weir.chat, "up/m", "hello", bearer)
            eventually(lambda: len(upstream.calls) == 1)
            weir.write_config({**weir.config, "keys": ["sk-new"]})
            assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
            assert weir.chat("up/m", "hello", bearer).status == 401
            assert answer.result(timeout=10).status == 200
