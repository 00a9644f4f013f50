# SPDX-License-Identifier: Apache-2.0
"""The real program as a test subject: starts `weir serve` with a configuration made by the test,
speaks plain HTTP to it, stops it by SIGTERM.

    with Weir({"providers": {"up": upstream.provider}}) as weir:
        answer = weir.post("/v1/chat/completions", {"model": "up/m", "messages": [...]})
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any, Iterator

from canaries import leaks_of_gateway

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("WEIR_BIN", str(ROOT / "build/release/weir"))
START_SECONDS_MAX = 30.0  # a sanitizer build on a busy machine
STOP_SECONDS_MAX = 40.0
ANSWER_SECONDS_MAX = 30.0
SANITIZER_VARIABLES = ("ASAN_", "UBSAN_", "TSAN_", "LSAN_", "LLVM_")


# Below those that the system gives to connections and to whoever asks for any port: what is found
# free stays free until it is used a moment later. Processes that share the tests of one run take
# turns, so that none is given another's.
_first_port = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(12_000)
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_ports = (20_000 + (_first_port + i) % 12_000 for i in itertools.count(_worker, _workers))


def free_port() -> int:
    """A port where nobody listens, another one each time."""
    while True:
        port = next(_ports)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def make_certificate(folder: pathlib.Path, *names: str) -> dict[str, str]:
    """A key and a certificate that nobody else has signed, as files: `tls` of a configuration."""
    more = "".join(f",DNS:{name}" for name in names)
    files = {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,DNS:models.example.com,IP:127.0.0.1" + more,
         "-keyout", files["key"], "-out", files["cert"]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


def user(text: Any) -> list[dict[str, Any]]:
    """The shortest conversation."""
    return [{"role": "user", "content": text}]


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object in OpenAI's shape, checked for what every error must hold."""
        error = self.json["error"]
        assert set(error) >= {"message", "type", "param", "code", "retryable", "request_id"}, error
        assert isinstance(error["message"], str) and error["message"], error
        assert error["request_id"] == self.headers["x-weir-request-id"], self.headers
        return error

    @property
    def exceeded(self) -> tuple[str, str]:
        """Whose limit refused it, and of what."""
        error = self.error
        assert set(error) >= {"scope", "unit"}, (self.status, error)
        return error["scope"], error["unit"]


@dataclasses.dataclass
class Stream:
    """A server-sent stream, read to its end."""

    status: int
    headers: dict[str, str]
    events: list[Any]  # the JSON of each data line
    has_done: bool  # ended with [DONE]

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for event in self.events for choice in event.get("choices", [])]

    @property
    def finish(self) -> list[str]:
        choices = [choice for event in self.events for choice in event.get("choices", [])]
        return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [event["error"] for event in self.events if "error" in event]

    @property
    def usage(self) -> dict[str, Any] | None:
        return next((event["usage"] for event in self.events if event.get("usage")), None)

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """(id, name, arguments) of the tool calls, put together from their pieces."""
        calls: dict[int, list[str]] = {}
        for delta in self.deltas:
            for piece in delta.get("tool_calls", []):
                call = calls.setdefault(piece["index"], ["", "", ""])
                call[0] += piece.get("id") or ""
                call[1] += piece.get("function", {}).get("name") or ""
                call[2] += piece.get("function", {}).get("arguments") or ""
        return [(call[0], call[1], call[2]) for _, call in sorted(calls.items())]


def read_events(lines: Iterator[bytes]) -> tuple[list[Any], bool]:
    """(JSON of each event, ended with [DONE]) of a stream that has `data:` and comment lines."""
    events, has_done = [], False
    for line in lines:
        line = line.rstrip(b"\r\n")
        if not line or line.startswith((b":", b"event:")):
            continue
        assert line.startswith(b"data: "), line
        assert not has_done, f"something follows [DONE]: {line!r}"
        if line == b"data: [DONE]":
            has_done = True
        else:
            events.append(json.loads(line[6:]))
    return events, has_done


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, headers: dict[str, str] | None = None):
        self.headers = headers or {}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS_MAX)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def open(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        fields = {**self.headers, **(headers or {})}
        if data is not None:
            fields.setdefault("content-type", "application/json")
        self.connection.request(method, path, data, fields)
        return self.connection.getresponse()

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        response = self.open(method, path, body, headers)
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())

    def stream(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Stream:
        response = self.open("POST", path, body, headers)
        fields = {name.lower(): value for name, value in response.getheaders()}
        assert response.status == 200, (response.status, response.read())
        assert fields["content-type"].startswith("text/event-stream"), fields
        return Stream(response.status, fields, *read_events(iter(response.readline, b"")))


class Weir:
    """A running gateway. `config` lacks only what concerns the place: listeners and data folder."""

    def __init__(
        self,
        config: dict[str, Any] | str | None,
        environment: dict[str, str] | None = None,
        arguments: tuple[str, ...] = (),
    ):
        self.config = config
        self.environment = environment or {}
        self.arguments = arguments
        self.port = free_port()
        self.admin_port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.folder = pathlib.Path(self._folder.name)
        self.config_file = self.folder / "weir.yaml"
        self.stdin = subprocess.DEVNULL
        self.process: subprocess.Popen[bytes] = None  # type: ignore[assignment]
        self.clients: list[Client] = []

    # -- life

    def __enter__(self) -> Weir:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for client in self.clients:
            client.connection.close()
        status = self.stop()
        if kind is not None or status != 0:
            print(f"--- log of weir (ended with {status})\n{self.log()}\n---")
        leaks = leaks_of_gateway(self.folder) if kind is None else []
        self._folder.cleanup()
        if kind is None:
            assert status == 0, f"weir ended with status {status}"
        assert leaks == []

    def write_config(self, config: dict[str, Any] | str) -> None:
        if isinstance(config, dict):
            places = {
                "listen": f"127.0.0.1:{self.port}",
                "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
                "data_dir": str(self.folder / "data"),
            }
            config = json.dumps({**places, **config}, indent=1)  # JSON is YAML
        self.config_file.write_text(config)

    def start(self, ready: int = 200) -> None:
        """Returns when `/readyz` answers so."""
        arguments = ["serve"]
        if self.config is not None:
            self.write_config(self.config)
            arguments += ["--config", str(self.config_file)]
        self.process = subprocess.Popen(
            [BINARY, *arguments, *self.arguments],
            cwd=self.folder,
            env={**clean_environment(self.folder), **self.environment},
            stdin=self.stdin,
            stdout=(self.folder / "log").open("ab"),
            stderr=subprocess.STDOUT,
        )
        self._wait_until_ready(ready)

    def _wait_until_ready(self, ready: int) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"weir ended with status {self.process.returncode}:\n{self.log()}"
                )
            try:
                with Client(self.port) as client:
                    if client.request("GET", "/readyz").status == ready:
                        return
            except OSError:
                time.sleep(0.005)
        log = self.log()
        self.process.kill()
        raise AssertionError(f"weir is not ready after {START_SECONDS_MAX} s:\n{log}")

    def stop(self) -> int:
        """Ends the program as a supervisor would; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -signal.SIGKILL

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    # -- talk

    def client(self, **headers: str) -> Client:
        """A new connection, closed with the gateway."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.clients.append(Client(self.port, fields))
        return self.clients[-1]

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        with Client(self.port) as client:
            return client.request("GET", path, None, headers)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        with Client(self.port) as client:
            return client.request("POST", path, body, headers)

    def chat(self, model: str, text: Any, headers: dict[str, str] | None = None, **members: Any):
        """A chat completion that is not streamed."""
        body = {"model": model, "messages": user(text), **members}
        return self.post("/v1/chat/completions", body, headers)

    def stream(self, model: str, text: Any, headers: dict[str, str] | None = None, **members: Any):
        """A chat completion that is streamed, read to its end."""
        body = {"model": model, "messages": user(text), "stream": True, **members}
        with Client(self.port) as client:
            return client.stream("/v1/chat/completions", body, headers)

    def admin(self, method: str, path: str, body: Any = None, token: bool = False) -> Answer:
        headers = {"authorization": "Bearer " + self.admin_token()} if token else {}
        with Client(self.admin_port) as client:
            return client.request(method, path, body, headers)

    def admin_token(self) -> str:
        return (self.folder / "data" / "admin-token").read_text().strip()

    def raw(self, *pieces: bytes, is_admin: bool = False) -> list[Answer]:
        """Sends bytes as they are and reads answers until the gateway closes the connection."""
        port = self.admin_port if is_admin else self.port
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX) as wire:
            for piece in pieces:
                try:
                    wire.sendall(piece)
                except ConnectionError:
                    break  # refused before all was read; the answer is what counts
            return read_answers(wire)


def read_answers(wire: socket.socket) -> list[Answer]:
    """All answers with Content-Length until the peer closes."""
    data = b""
    try:
        while piece := wire.recv(65536):
            data += piece
    except ConnectionError:
        pass
    found = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, f"no whole head: {head!r}"
        lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        headers = {name.lower(): value for name, value in fields.items()}
        status = int(lines[0].split(" ")[1])
        length = int(headers.get("content-length", "0"))
        if status >= 200:
            found.append(Answer(status, headers, data[:length]))
        data = data[length:]
    return found


def clean_environment(folder: pathlib.Path) -> dict[str, str]:
    """Nothing of the developer's own keys and settings, only what a program needs to run."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(SANITIZER_VARIABLES)
    }
    return {**kept, "PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}


def run_weir(
    *arguments: str, folder: pathlib.Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a subcommand to its end."""
    return subprocess.run(
        [BINARY, *arguments],
        cwd=folder,
        env={**clean_environment(folder), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS_MAX,
        check=False,
    )


def eventually(condition, seconds: float = 10.0):
    """Waits, within bounds, until `condition()` is true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.005)
    return value
