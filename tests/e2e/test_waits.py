# SPDX-License-Identifier: Apache-2.0
"""Every wait of the program has an end (section 3 of the failure semantics), seen from outside."""

import contextlib
import ctypes
import gzip
import json
import os
import pathlib
import random
import resource
import select
import socket
import subprocess
import time

import pytest

import upstream as fault
from harness import (
    ANSWER_SECONDS_MAX,
    BINARY,
    Client,
    Weir,
    clean_environment,
    eventually,
    free_port,
    make_certificate,
    read_answers,
    run_weir,
    user,
)
from upstream import Upstream

SHORT = "300ms"
SHORT_SECONDS = 0.3
LATE_SECONDS = 5.0  # a busy machine with a sanitizer; idle, 2 % or 50 ms more is the rule


@pytest.fixture
def up():
    with Upstream("openai") as upstream:
        yield upstream


def gateway(up: Upstream, **timeouts: str) -> Weir:
    return Weir({"providers": {"up": up.provider}, "retries": "off", "timeouts": timeouts})


def connect(weir: Weir) -> socket.socket:
    return socket.create_connection(("127.0.0.1", weir.port), timeout=ANSWER_SECONDS_MAX)


def some_of(wire: socket.socket) -> bytes:
    bytes_ = wire.recv(1 << 20)
    assert bytes_, "the connection was closed"
    return bytes_


def post(size: int) -> bytes:
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % size


class Took:
    """How long a block took; T-20's lower side, and an upper one for a busy machine."""

    def __enter__(self):
        self.begin = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        took = time.monotonic() - self.begin
        assert kind is not None or SHORT_SECONDS <= took + 0.001 < LATE_SECONDS, took


# The client ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_t1_a_tls_handshake_that_does_not_come_ends_the_connection(certificate, tmp_path):
    port = free_port()
    config = {
        "listen": f"127.0.0.1:{port}",
        "admin": {"listen": "off"},
        "data_dir": str(tmp_path / "data"),
        "tls": certificate,
        "timeouts": {"client_tls_handshake": SHORT},
    }
    file = tmp_path / "weir.yaml"
    file.write_text(json.dumps(config))
    with PlainProcess(file, port), Took():
        with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
            assert wire.recv(1) == b""


class PlainProcess:
    """A gateway that answers no plain /readyz: it is up when its port is."""

    def __init__(self, file, port):
        self.port = port
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", str(file)],
            env=clean_environment(file.parent), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self):
        def is_up():
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                return False

        eventually(is_up, seconds=30)

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(40) == 0


def assert_timeout(answers: list) -> None:
    """One answer, which says what it was about."""
    told = [(answer.status, answer.error["code"]) for answer in answers]
    assert told == [(408, "client_timeout")]


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nhost: a", b"POST "])
def test_t2_a_head_that_is_not_finished_gets_408(up, begun):
    with gateway(up, client_headers=SHORT) as weir, connect(weir) as wire, Took():
        wire.sendall(begun)
        assert_timeout(read_answers(wire))


def test_t3_a_body_that_stops_gets_408(up):
    with gateway(up, client_body_idle=SHORT) as weir, connect(weir) as wire, Took():
        wire.sendall(post(100) + b"{")
        assert_timeout(read_answers(wire))


def test_t4_a_body_that_goes_on_for_too_long_gets_408(up):
    with gateway(up, client_body_total=SHORT) as weir, connect(weir) as wire:
        wire.sendall(post(1000))
        wire.settimeout(0.02)
        begin = time.monotonic()
        answer = b""
        while not answer and time.monotonic() - begin < LATE_SECONDS:
            try:
                wire.sendall(b" ")
                answer = wire.recv(100)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_t5_an_idle_connection_is_closed_without_a_word(up):
    with gateway(up, client_keepalive_idle=SHORT) as weir, connect(weir) as wire:
        wire.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with Took():
            assert [answer.status for answer in read_answers(wire)] == [200]


def test_t6_a_client_that_takes_nothing_is_given_up(up):
    words = "word " * 150_000
    with gateway(up, client_write_stall="1s") as weir:
        up.script(fault.watched())
        with connect(weir) as wire:
            body = json.dumps({"model": "up/m", "stream": True, "messages": user(words)}).encode()
            wire.sendall(post(len(body)) + body)
            call = eventually(lambda: up.calls[0] if up.calls else None)
            assert call.caller_gone.wait(20)
        assert weir.chat("up/m", "still here").status == 200


def test_s95_who_takes_nothing_for_a_while_gets_no_sign_of_life_and_then_the_rest(up):
    """A connection takes one write at a time: the clock may not come between."""
    words = "word " * 100_000
    config = {"threads": 1, "stream": {"early_commit": "off", "heartbeat": "1s"}}
    with Weir({"providers": {"up": up.provider}, **config}) as weir:
        up.script(fault.watched(), fault.stall(1))
        with connect(weir) as wire:
            body = json.dumps({"model": "up/m", "stream": True, "messages": user(words)}).encode()
            wire.sendall(post(len(body)) + body)
            call = eventually(lambda: up.calls[0] if up.calls else None)
            eventually(lambda: call.taken_bytes > 0)
            # That time goes by is seen from another stream, in which nothing comes.
            with connect(weir) as other:
                body = json.dumps({"model": "up/m", "stream": True, "messages": user("hi")}).encode()
                other.sendall(post(len(body)) + body)
                told = b""
                while told.count(b": \n\n") < 4:
                    told += some_of(other)
            taken = b""
            while not taken.endswith(b"\r\n0\r\n\r\n"):
                taken += some_of(wire)
        assert b": \n\n" not in taken and b"data: [DONE]" in taken
        assert weir.chat("up/m", "still here").status == 200


def queues() -> dict[tuple[int, int], tuple[int, int]]:
    """What the system holds of each connection, by its ports: (sent and not taken, not read)."""
    found = {}
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = tuple(int(address.split(":")[1], 16) for address in fields[1:3])
        found[ports] = tuple(int(size, 16) for size in fields[4].split(":"))
    return found


EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'
)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_s10_4_of_a_stream_that_is_not_read_no_more_than_256_kib_are_kept(path):
    """Neither by the program nor, of what it has written, by the system. Every event is as long as
    the next one and HTTP/1.0 frames none, so that what is where can be counted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        base = f"http://127.0.0.1:{port}/v1"
        provider = {"type": "openai", "base_url": base, "api_key": "sk-x"}
        with Weir({"providers": {"up": provider}}) as weir, connect(weir) as client:
            wanted = {"model": "up/m", "stream": True, "max_tokens": 9}
            wanted["input" if path == "/v1/responses" else "messages"] = user("hello")
            body = json.dumps(wanted).encode()
            head = post(len(body)).replace(b"/v1/chat/completions", path.encode())
            client.sendall(head.replace(b"HTTP/1.1", b"HTTP/1.0") + body)
            wire, _ = server.accept()
            wire.recv(65536)
            wire.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            wire.setblocking(False)
            sent = 0
            while select.select([], [wire], [], 0.5)[1]:
                sent += wire.send((EVENT * 500)[sent % len(EVENT) :])
            system = queues()
            here, there = wire.getpeername()[1], client.getsockname()[1]
            taken = sent - system[port, here][0] - system[here, port][1]
            unsent, unread = system[weir.port, there][0], system[there, weir.port][1]
            told = client.recv(32768, socket.MSG_PEEK).split(b"\n\n")[-3:-1]
            assert b"word " in told[1] and abs(len(told[0]) - len(told[1])) <= 1
            ratio = (len(told[1]) + 2) / len(EVENT)
            held = taken - (unsent + unread) / ratio
            assert held * max(ratio, 1) + unsent <= 256 << 10, (sent, taken, unsent, unread, ratio)
            wire.close()


# The upstream --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["the whole", "provider", "route"])
def test_t8_a_connection_that_does_not_come_is_given_up(up, place):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):  # more than its queue holds: further ones get no answer
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        provider = {**up.provider, "base_url": f"http://127.0.0.1:{port}/v1"}
        route = {"targets": ["a/m"]}
        config = {"providers": {"a": provider}, "models": {"r": route}, "retries": "off"}
        narrowest = {"the whole": config, "provider": provider, "route": route}[place]
        narrowest["timeouts"] = {"connect": SHORT}
        with Weir(config) as weir, Took():
            answer = weir.chat("r", "hello")
            assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
        for one in waiting:
            one.close()


def test_t9_an_upstream_that_does_not_take_the_request_is_given_up():
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        provider = {
            "type": "openai",
            "base_url": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1",
            "api_key": "sk-x",
        }
        timeouts = {"request_write_stall": SHORT}
        with Weir({"providers": {"a": provider}, "retries": "off", "timeouts": timeouts}) as weir:
            with Took():
                answer = weir.chat("a/m", "x" * (24 << 20))
            assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")


@pytest.mark.parametrize("place", ["provider", "route"])
def test_t15_the_whole_time_is_a_providers_or_a_routes(up, place):
    up.always(fault.stall(None))
    provider, route = dict(up.provider), {"targets": ["up/m"]}
    (provider if place == "provider" else route)["timeouts"] = {"request_total": "1500ms"}
    config = {"providers": {"up": provider}, "models": {"r": route}}
    with Weir(config) as weir:
        begin = time.monotonic()
        answer = weir.chat("r", "hello")
        assert (answer.status, answer.error["code"]) == (504, "deadline_exceeded")
        assert 1.5 <= time.monotonic() - begin + 0.001 < 1.5 + LATE_SECONDS


@pytest.mark.parametrize("name", ["first_byte", "first_content"])
def test_t10_and_t11_a_stream_that_does_not_begin_is_given_up(up, name):
    up.always(fault.stall(None if name == "first_byte" else 0))
    with gateway(up, **{name: SHORT}) as weir, Took():
        answer = weir.chat("up/m", "hello", stream=True)
        assert (answer.status, answer.error["code"]) == (504, "upstream_timeout")
        assert up.calls[0].caller_gone.wait(5)


def test_t10_is_for_streams_alone(up):
    up.always(fault.delay(2 * SHORT_SECONDS))
    with gateway(up, first_byte=SHORT, first_content=SHORT) as weir:
        assert weir.chat("up/m", "hello").status == 200


@pytest.mark.parametrize("name", ["stream_idle", "content_idle"])
def test_t12_and_t13_a_stream_that_falls_silent_ends_with_an_error(up, name):
    up.always(fault.stall(2))
    with gateway(up, **{name: SHORT}) as weir:
        with Took():
            stream = weir.stream("up/m", "one two three")
        assert len(stream.errors) == 1 and not stream.has_done


def test_t16_a_pooled_connection_is_closed_when_nobody_needs_it(up):
    config = {"providers": {"up": up.provider}, "threads": 1, "timeouts": {"pool_idle": "2s"}}
    with Weir(config) as weir:
        for _ in range(3):
            assert weir.chat("up/m", "hello").status == 200
        assert up.connections == 1
        eventually(lambda: not up._open, seconds=20)
        assert weir.chat("up/m", "hello").status == 200
        assert up.connections == 2


def test_t21_waits_that_guard_the_program_can_not_be_switched_off(tmp_path):
    file = tmp_path / "weir.yaml"
    for name in ("client_headers", "client_body_idle", "connect", "stream_idle", "request_total"):
        file.write_text(json.dumps({"timeouts": {name: 0}}))
        checked = run_weir("validate", "--config", str(file), folder=tmp_path)
        assert checked.returncode == 78 and name in checked.stdout + checked.stderr, name
    file.write_text(json.dumps({"timeouts": {"content_idle": 0, "first_byte": 0}}))
    assert run_weir("validate", "--config", str(file), folder=tmp_path).returncode == 0


# Other rules ---------------------------------------------------------------------------------------


def test_f4_the_next_target_is_that_of_the_asked_route_and_not_of_a_like_named_one(up):
    with Upstream("openai") as second, Upstream("openai") as third:
        config = {
            "providers": {"a": up.provider, "b": second.provider, "c": third.provider},
            "models": {"smart": {"targets": ["a/m", "b/m"]}, "m": {"targets": ["c/m"]}},
        }
        up.always(fault.status(500))
        with Weir(config) as weir:
            for _ in range(3):
                assert weir.chat("smart", "hello").headers["x-weir-target"] == "b/m"
            assert third.calls == []
            assert weir.chat("a/m", "hello").status in (502, 503)
            assert len(second.calls) == 3, "a target that is asked by its name has no list"


def test_f5_routes_that_lead_in_a_circle_are_a_mistake_of_the_configuration(tmp_path):
    file = tmp_path / "weir.yaml"
    models = {"a": {"targets": ["b"]}, "b": {"targets": ["a"]}}
    file.write_text(json.dumps({"models": models}))
    checked = run_weir("validate", "--config", str(file), folder=tmp_path)
    assert checked.returncode == 78
    assert "models.a" in checked.stdout + checked.stderr


def test_s10_3_a_client_that_shuts_its_sending_side_counts_as_gone(up):
    up.always(fault.stall(None))
    with gateway(up) as weir, connect(weir) as wire:
        body = json.dumps({"model": "up/m", "messages": user("hello")}).encode()
        wire.sendall(post(len(body)) + body)
        call = eventually(lambda: up.calls[0] if up.calls else None)
        wire.shutdown(socket.SHUT_WR)
        assert call.caller_gone.wait(5)


@pytest.mark.parametrize("is_stream", [False, True])
def test_s10_3_it_is_served_where_that_is_allowed(up, is_stream):
    """Also what it had sent before, and nothing is left of one that was gone after all."""
    config = {"providers": {"up": up.provider}, "allow_half_close": True}
    up.always(fault.delay(0.2))
    with Weir(config) as weir:
        wanted = {"model": "up/m", "messages": user("hello"), "stream": is_stream}
        body = json.dumps(wanted).encode()
        with connect(weir) as wire:
            wire.sendall(2 * (post(len(body)) + body))
            wire.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
        assert all(answer.count(each) == 2 for each in (b"HTTP/1.1 200 ", b"hello"))
        assert answer.count(b"[DONE]") == (2 if is_stream else 0)
        up.script(fault.watched())
        words = json.dumps({**wanted, "stream": True, "messages": user("word " * 50_000)}).encode()
        with connect(weir) as wire:
            wire.sendall(post(len(words)) + words)
            call = eventually(lambda: up.calls[2] if len(up.calls) > 2 else None)
        assert call.caller_gone.wait(10), "it noticed when it wrote"


@pytest.mark.parametrize("place", ["provider", "route", "model"])
@pytest.mark.parametrize("name", ["first_content", "stream_idle"])
def test_t21_waits_are_set_for_a_provider_a_route_and_a_model(up, name, place):
    """Each over those of the whole, and for nobody else."""
    short = {"timeouts": {name: SHORT}}
    provider, route = dict(up.provider), {"targets": ["up/m"]}
    if place == "provider":
        provider.update(short)
    elif place == "route":
        route.update(short)
    else:
        provider["models"] = {"m": short}
    up.always(fault.stall(0 if name == "first_content" else 2))
    config = {
        "providers": {"up": provider, "other": up.provider},
        "models": {"r": route, "s": {"targets": ["other/m"]}},
        "timeouts": {name: "30s"},
        "retries": "off",
        "hedge": "off",
    }
    with Weir(config) as weir:
        with Took():
            if name == "first_content":
                assert weir.chat("r", "hello", stream=True).error["code"] == "upstream_timeout"
            else:
                assert len(weir.stream("r", "one two three").errors) == 1
        with pytest.raises(TimeoutError), connect(weir) as wire:
            body = json.dumps({"model": "s", "stream": True, "messages": user("one two three")}).encode()
            wire.settimeout(3 * SHORT_SECONDS)
            wire.sendall(post(len(body)) + body)
            while wire.recv(4096):
                pass


def is_type_checked() -> bool:
    """A build that opens pipes of its own to look at memory, and takes it for broken without."""
    return b"__ubsan_handle_dynamic_type_cache_miss" in pathlib.Path(BINARY).read_bytes()


@pytest.mark.skipif(is_type_checked(), reason="its checks need descriptors themselves")
def test_o4_running_out_of_descriptors_ends_requests_and_not_the_program(up):
    with gateway(up) as weir:
        pid = weir.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        assert weir.chat("up/m", "hello").status == 200
        up.kill()
        up.start()  # the pooled connection is gone: another needs a descriptor
        with Client(weir.port) as client:
            assert client.request("GET", "/livez").status == 200
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, limits[1]))
            body = {"model": "up/m", "messages": user("hello")}
            assert client.request("POST", "/v1/chat/completions", body).status == 502
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            assert client.request("POST", "/v1/chat/completions", body).status == 200


def memory(pid: int) -> int:
    """Bytes of addresses that the process has taken."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmSize:")).split()[1]) << 10


@pytest.mark.skipif(is_type_checked(), reason="its checks need memory themselves")
@pytest.mark.parametrize("framing", ["length", "chunked", "gzip"])
def test_o4_running_out_of_memory_for_a_body_ends_that_request_alone(up, framing):
    """The allocator has addresses left for some 64 MiB, of what it has already asked for."""
    size = 150 << 20
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    wanted = {
        "length": head + b"content-length: %d\r\n\r\n" % size,
        "chunked": head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % size + b" " * size,
    }
    # Under a hundredth of a body is refused as a bomb.
    packed = gzip.compress((random.Random(1).randbytes(1 << 20) + b" " * (40 << 20)) * 3, 1)
    length = b"content-length: %d\r\n\r\n" % len(packed)
    wanted["gzip"] = head + b"content-encoding: gzip\r\n" + length + packed
    config = {"providers": {"up": up.provider}, "limits": {"body_bytes_max": "200MiB"}}
    with Weir(config) as weir:
        assert weir.chat("up/m", "hello").status == 200
        pid = weir.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (memory(pid) + (1 << 20), limits[1]))
        answers = weir.raw(wanted[framing])
        told = [(answer.status, answer.error["code"]) for answer in answers]
        assert told == [(503, "overloaded")]
        resource.prlimit(pid, resource.RLIMIT_AS, limits)
        assert weir.chat("up/m", "hello").status == 200


@pytest.mark.skipif(is_type_checked(), reason="its checks need memory themselves")
def test_o4_a_thread_that_the_system_does_not_give_ends_that_request_alone(up):
    """Names are looked up on threads of their own; so is the end of all others awaited."""
    provider = {**up.provider, "base_url": up.provider["base_url"].replace("127.0.0.1", "localhost")}
    with Weir({"providers": {"up": provider}, "drain_timeout": "1s", "retries": "off"}) as weir:
        pid = weir.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (memory(pid) + (1 << 20), limits[1]))
        answer = weir.chat("up/m", "hello")
        assert (answer.status, answer.error["code"]) == (502, "upstream_unreachable")
        resource.prlimit(pid, resource.RLIMIT_AS, limits)
        assert weir.chat("up/m", "hello").status == 200
        resource.prlimit(pid, resource.RLIMIT_AS, (memory(pid) + (1 << 20), limits[1]))


def test_z1_probes_are_open_short_and_silent(up):
    with gateway(up) as weir:
        for path in ("/livez", "/readyz"):
            answer = weir.get(path)
            assert (answer.status, answer.body) == (200, b"ok\n")
            assert "server" not in answer.headers
        assert "livez" not in weir.log()


class StoppedThreads:
    """Holds threads of a process where they are, as a hang would."""

    PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207

    def __init__(self, threads: list[int]):
        self.threads = threads
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long] * 4

    def __enter__(self):
        for thread in self.threads:
            if self.ptrace(self.PTRACE_SEIZE, thread, 0, 0) != 0:
                pytest.skip("this machine lets nobody stop a thread")
            self.ptrace(self.PTRACE_INTERRUPT, thread, 0, 0)
            os.waitpid(thread, 0x40000000)  # __WALL

    def __exit__(self, *_):
        for thread in self.threads:
            assert self.ptrace(self.PTRACE_DETACH, thread, 0, 0) == 0


def test_z1_a_thread_that_stands_still_is_noticed_by_the_probe(up):
    """One of two; the other, which is well, says so. After a hang all is well again."""
    config = {"providers": {"up": up.provider}, "threads": 2}
    with Weir(config) as weir:
        assert weir.get("/livez").status == 200

        def probe(count: int = 1, seconds: float = 0.2) -> list[int]:
            """What so many were told; 0: nothing, since the thread that has the connection does
            not answer."""
            deadline = time.monotonic() + seconds
            told = []
            with contextlib.ExitStack() as stack:
                wires = [stack.enter_context(connect(weir)) for _ in range(count)]
                for wire in wires:
                    wire.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                for wire in wires:
                    wire.settimeout(max(deadline - time.monotonic(), 0.001))
                    try:
                        told.append(int(wire.recv(4096).split(b" ")[1]))
                    except TimeoutError:
                        told.append(0)
            return told

        tasks = pathlib.Path(f"/proc/{weir.process.pid}/task")
        for thread in sorted(int(task.name) for task in tasks.iterdir()):
            begin = time.monotonic()
            with StoppedThreads([thread]):
                if 0 not in probe(12, seconds=3):
                    continue  # no thread that serves connections
                eventually(lambda: probe() == [503], seconds=20)
                assert time.monotonic() - begin > 4, "it must have hung for five seconds"
            eventually(lambda: probe() == [200])
            return
        raise AssertionError("no thread serves")


def test_t20_no_wait_ends_late(up):
    """The best of some at once, of every kind of wait: what a busy machine adds is not the same for
    all, what the program adds is."""
    times, late = 4, max(0.05, 0.02 * SHORT_SECONDS)
    names = ["client_headers", "client_body_idle", "client_keepalive_idle", "first_byte", "stream_idle"]
    up.always(fault.stall(None))
    with gateway(up, **dict.fromkeys(names, SHORT)) as weir:
        body = json.dumps({"model": "up/m", "stream": True, "messages": user("hello")}).encode()
        probe = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
        for sent, is_answered in [
            (b"POST ", False),
            (post(100) + b"{", False),
            (probe, True),
            (post(len(body)) + body, False),
        ]:
            took = []
            for _ in range(times):
                with connect(weir) as wire:
                    wire.sendall(sent)
                    if is_answered:
                        wire.recv(4096)
                    begin = time.monotonic()
                    wire.recv(4096)
                    took.append(time.monotonic() - begin)
            assert SHORT_SECONDS <= min(took) + 0.005 < SHORT_SECONDS + late + 0.005, (sent, took)
