# SPDX-License-Identifier: Apache-2.0
"""A model provider made for tests: real sockets, strict HTTP/1.1, answers made from the request.

    with Upstream("openai", key="sk-up") as upstream:
        upstream.script(status(500), reset())   # what happens to the next two model calls
        upstream.always(stall())                # and to every one after them
        ...
        assert upstream.calls[0].json["model"] == "m"

One upstream speaks one dialect (`answers.DIALECTS`). It keeps what it received, notices when its
caller goes away, and writes down whatever no sound HTTP client would send (`violations`). All
upstreams run on one event loop in a thread of its own; the methods here may be called from any.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import pathlib
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import zlib
from typing import Any, Awaitable, Callable

import answers
from answers import Ask, Events, Refused, Reply
from canaries import UPSTREAM_KEY

HEAD_BYTES_MAX = 64 << 10
LISTINGS = ("/v1/models", "/v1beta/models", "/api/tags")
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")


class BadHttp(Exception):
    """What came in is not HTTP as it should be."""


@dataclasses.dataclass
class Received:
    """One request, as it came in, and what became of it."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]  # names in lower case
    body: bytes = b""
    json: Any = None
    ask: Ask | None = None
    reply: Reply | None = None
    connection: int = 0
    came_at: float = 0.0
    caller_gone: threading.Event = dataclasses.field(default_factory=threading.Event)
    gone_at: float = 0.0
    taken_bytes: int = 0  # of a `watched` answer

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def is_model_call(self) -> bool:
        return self.method == "POST" and self.path not in ("/api/show", "/api/pull")


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    events: Events | None = None


class Exchange:
    """One request on its connection, given to the fault that plays it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader = reader
        self.writer = writer
        self.request: Received = None  # type: ignore[assignment]
        self.answer: Answer = None  # type: ignore[assignment]
        self.dialect: answers.Dialect = None  # type: ignore[assignment]
        self.may_keep_alive = True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_head(self, framing: str, answer: Answer | None = None) -> None:
        answer = answer or self.answer
        lines = [f"HTTP/1.1 {answer.status} {'OK' if answer.status == 200 else 'Scripted'}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        await self.send("\r\n".join([*lines, framing, "", ""]).encode())

    async def send_chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def send_whole(self, answer: Answer | None = None) -> None:
        """The answer as it should be, streams chunk by chunk."""
        answer = answer or self.answer
        if answer.events is None:
            await self.send_head(f"content-length: {len(answer.body)}", answer)
            return await self.send(answer.body)
        await self.send_head("transfer-encoding: chunked", answer)
        for event in answer.events.start + answer.events.content + answer.events.end:
            await self.send_chunk(event)
        await self.send(b"0\r\n\r\n")

    async def send_events(self, count: int) -> None:
        """A stream's head, its start frames and the first `count` of its content."""
        assert self.answer.events is not None, "the request did not ask for a stream"
        await self.send_head("transfer-encoding: chunked")
        for event in self.answer.events.start + self.answer.events.content[:count]:
            await self.send_chunk(event)

    async def until_read(self) -> None:
        """Returns when the caller has read all that was sent, so that what follows comes to it by
        itself: with its first content alone, a stream has not begun and may fail over."""
        here, there = (self.writer.get_extra_info(name) for name in ("sockname", "peername"))
        while unread_bytes(there[1], here[1]) > 0:
            await asyncio.sleep(0)

    async def wait_for_caller_to_go(self) -> None:
        self.may_keep_alive = False
        try:
            while await self.reader.read(4096):
                pass
        except ConnectionError:
            pass
        self.request.gone_at = time.monotonic()
        self.request.caller_gone.set()

    def close(self) -> None:
        self.may_keep_alive = False

    def reset(self) -> None:
        """Ends the connection by RST instead of FIN."""
        self.may_keep_alive = False
        connection = self.writer.get_extra_info("socket")
        linger_off = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_off)
        self.writer.transport.abort()


def unread_bytes(port: int, peer_port: int) -> int:
    """Bytes that wait in the socket at `port` that is connected to `peer_port`, and those that are
    on their way to it."""
    waiting = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, _, queues = line.split()[1:5]
        ports = int(local.split(":")[1], 16), int(remote.split(":")[1], 16)
        to_send, to_read = (int(size, 16) for size in queues.split(":"))
        if ports == (port, peer_port):
            waiting += to_read
        elif ports == (peer_port, port):
            waiting += to_send
    return waiting


# Faults: what may happen to a call instead of its answer -------------------------------------------


@dataclasses.dataclass(frozen=True)
class Fault:
    play: Callable[[Exchange], Awaitable[None]]
    before_body: bool = False  # played when only the head has been read


def well() -> Fault:
    """No fault."""
    return Fault(Exchange.send_whole)


def status(code: int, message: str = "scripted", body: bytes | None = None, **headers: str) -> Fault:
    """An error in the dialect's own shape; `retry_after="1"` becomes the header Retry-After."""

    async def play(exchange: Exchange) -> None:
        content = body
        if content is None:
            content = answers.encode(exchange.dialect.error(code, message))
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields.setdefault("content-type", "application/json")
        await exchange.send_whole(Answer(code, fields, content))

    return Fault(play)


def ok_with(body: bytes, content_type: str = "application/json") -> Fault:
    """Status 200 with something else than the answer."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_whole(Answer(200, {"content-type": content_type}, body))

    return Fault(play)


def delay(seconds: float) -> Fault:
    async def play(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.send_whole()

    return Fault(play)


class Gate:
    """Holds answers back until it is opened, at the end of its block at the latest."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()

    def open(self) -> None:
        shared_loop().loop.call_soon_threadsafe(self.is_open.set)

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()


def held_by(gate: Gate) -> Fault:
    async def play(exchange: Exchange) -> None:
        await gate.is_open.wait()
        await exchange.send_whole()

    return Fault(play)


def pace(seconds: float) -> Fault:
    """A stream with a pause before each content event."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_events(0)
        assert exchange.answer.events is not None
        for event in exchange.answer.events.content:
            await asyncio.sleep(seconds)
            await exchange.send_chunk(event)
        for event in exchange.answer.events.end:
            await exchange.send_chunk(event)
        await exchange.send(b"0\r\n\r\n")

    return Fault(play)


def reset_before_reading() -> Fault:
    async def play(exchange: Exchange) -> None:
        exchange.reset()

    return Fault(play, before_body=True)


def reset() -> Fault:
    """The whole request is read, then the connection is reset."""

    async def play(exchange: Exchange) -> None:
        exchange.reset()

    return Fault(play)


def hang_up() -> Fault:
    """The whole request is read, then the connection is closed without an answer."""

    async def play(exchange: Exchange) -> None:
        exchange.close()

    return Fault(play)


def stall(events: int | None = None) -> Fault:
    """Silence until the caller goes: at once, or after so many content events of a stream."""

    async def play(exchange: Exchange) -> None:
        if events is not None:
            await exchange.send_events(events)
        await exchange.wait_for_caller_to_go()

    return Fault(play)


def watched() -> Fault:
    """A whole stream, as fast as it is taken; tells when the caller goes in the middle."""

    async def play(exchange: Exchange) -> None:
        events = exchange.answer.events
        try:
            await exchange.send_events(0)
            for event in events.content + events.end:
                await exchange.send_chunk(event)
                exchange.request.taken_bytes += len(event)
            await exchange.send(b"0\r\n\r\n")
        except ConnectionError:
            exchange.request.gone_at = time.monotonic()
            exchange.request.caller_gone.set()
            raise

    return Fault(play)


def cut_after(events: int, by_reset: bool = False) -> Fault:
    """A stream whose connection ends after so many content events."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_events(events)
        if by_reset:
            exchange.reset()
        exchange.close()

    return Fault(play)


def no_terminator() -> Fault:
    """A stream with all its content, ended cleanly as HTTP goes, but without what completes it."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_events(10_000)
        await exchange.until_read()
        await exchange.send(b"0\r\n\r\n")

    return Fault(play)


def broken_event_after(events: int) -> Fault:
    """One data line of the stream is not JSON; all others are as they should be."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_events(events)
        await exchange.until_read()
        is_sse = exchange.dialect.stream_type == "text/event-stream"
        await exchange.send_chunk(b'data: {"broken\n\n' if is_sse else b'{"broken\n')
        assert exchange.answer.events is not None
        for event in exchange.answer.events.content[events:] + exchange.answer.events.end:
            await exchange.send_chunk(event)
        await exchange.send(b"0\r\n\r\n")

    return Fault(play)


def error_event_after(events: int, code: int = 503, message: str = "scripted") -> Fault:
    """The stream tells of an error in its own dialect and ends."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_events(events)
        await exchange.until_read()
        error = exchange.dialect.error(code, message)
        if exchange.dialect.stream_type != "text/event-stream":
            frame = answers.encode(error) + b"\n"
        else:
            frame = answers.sse(error, "error" if error.get("type") == "error" else "")
        await exchange.send_chunk(frame)
        await exchange.send(b"0\r\n\r\n")

    return Fault(play)


def cut_at_byte(count: int) -> Fault:
    """The first bytes of an answer that is not streamed, then the end of the connection."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_head(f"content-length: {len(exchange.answer.body)}")
        await exchange.send(exchange.answer.body[:count])
        exchange.close()

    return Fault(play)


def wrong_length(difference: int) -> Fault:
    """A Content-Length that is not the body's; what follows is no part of an answer."""

    async def play(exchange: Exchange) -> None:
        await exchange.send_head(f"content-length: {len(exchange.answer.body) + difference}")
        await exchange.send(exchange.answer.body)
        exchange.close()

    return Fault(play)


def raw(data: bytes) -> Fault:
    """Exactly these bytes, then the end of the connection."""

    async def play(exchange: Exchange) -> None:
        await exchange.send(data)
        exchange.close()

    return Fault(play)


def endless_headers(bytes_max: int = 4 << 20) -> Fault:
    async def play(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n")
        line = b"x-more: " + b"a" * 1000 + b"\r\n"
        for _ in range(bytes_max // len(line)):
            await exchange.send(line)
        exchange.close()

    return Fault(play)


def gzip_bomb(bytes_unpacked: int = 1 << 30) -> Fault:
    """A small body that unpacks to a string of zeros far beyond any answer."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = packer.compress(b'{"id":"') + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a block stands on its own, so one is made and repeated; the checksum at
    # the end would be wrong, but nobody should ever get there.
    block = packer.compress(b"0" * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = begin + block * (bytes_unpacked >> 20) + packer.compress(b'"}') + packer.flush()

    async def play(exchange: Exchange) -> None:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        await exchange.send_whole(Answer(200, headers, packed))

    return Fault(play)


# The server ----------------------------------------------------------------------------------------


class Loop:
    """The one event loop of all upstreams."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, work: Awaitable[Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)


_loop: Loop | None = None


def shared_loop() -> Loop:
    global _loop
    _loop = _loop or Loop()
    return _loop


class Upstream:
    def __init__(
        self,
        dialect: str = "openai",
        key: str = UPSTREAM_KEY,
        tls: ssl.SSLContext | None = None,
    ):
        self.dialect_name = dialect
        self.dialect = answers.DIALECTS[dialect]
        self.key = key
        self.other_keys: set[str] = set()  # that are taken, too
        self.tls = tls
        self.port = 0
        self.models = ["m", "n"]
        self.below = ""  # what its paths stand below, beside those of its dialect
        self.list_body: bytes | None = None  # in place of the list of models
        self.list_gate: Gate | None = None  # holds it back
        self.absent: set[str] = set()  # models that an Ollama has to pull first
        self.waiting = 0  # requests that a vLLM says are waiting
        self.health = 200  # status of a vLLM's /health
        self.headers: dict[str, str] = {}  # sent with each answer besides the usual ones
        self.received: list[Received] = []
        self.violations: list[str] = []
        self.connections = 0
        self.at_once = 0  # model calls that are being answered
        self.most_at_once = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._scripted: list[Fault] = []
        self._standing: Fault = well()
        self._lock = threading.Lock()
        self._server: asyncio.AbstractServer | None = None

    def __enter__(self) -> Upstream:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> Upstream:
        """Listens; after a `kill`, on the same port as before."""

        async def listen() -> None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, ssl=self.tls, limit=HEAD_BYTES_MAX, backlog=1024
            )
            self.port = self._server.sockets[0].getsockname()[1]

        shared_loop().run(listen())
        return self

    def kill(self) -> None:
        """As a crash would: nobody listens any more, every open connection is reset."""

        async def stop() -> None:
            if self._server is None:
                return
            self._server.close()
            self._server = None
            for writer in list(self._open):
                Exchange(None, writer).reset()  # type: ignore[arg-type]

        shared_loop().run(stop())

    @property
    def base_url(self) -> str:
        path = {"openai": "/v1", "responses": "/v1", "gemini": "/v1beta"}
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path.get(self.dialect_name, '')}"

    @property
    def provider(self) -> dict[str, Any]:
        """The provider entry of a configuration that leads here."""
        entry: dict[str, Any] = {"type": self.dialect_name, "base_url": self.base_url}
        if self.dialect_name == "responses":
            entry.update(type="openai", dialect="responses")
        if self.dialect_name != "ollama":
            entry["api_key"] = self.key
        return entry

    def script(self, *faults: Fault) -> None:
        """These happen to the next model calls, in this order, one each."""
        with self._lock:
            self._scripted += faults

    def always(self, fault: Fault) -> None:
        """This happens to every model call for which nothing is scripted."""
        with self._lock:
            self._standing = fault

    def forget(self) -> None:
        """Sound again, with nothing received."""
        with self._lock:
            self._scripted, self._standing = [], well()
            self.received, self.violations = [], []

    @property
    def calls(self) -> list[Received]:
        with self._lock:
            return [request for request in self.received if request.is_model_call]

    def next_fault(self, request: Received) -> Fault:
        with self._lock:
            if not request.is_model_call:
                return well()
            return self._scripted.pop(0) if self._scripted else self._standing

    # -- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connections += 1
        number = self.connections
        try:
            while await self._serve_one(reader, writer, number):
                pass
        except BadHttp as problem:
            self.violations.append(str(problem))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        request = await read_head(reader)
        if request is None:
            return False
        request.connection, request.came_at = number, time.monotonic()
        exchange = Exchange(reader, writer)
        exchange.request, exchange.dialect = request, self.dialect
        with self._lock:
            self.received.append(request)
        fault = self.next_fault(request)
        if not fault.before_body:
            request.body = await read_body(reader, request)
            if self.list_gate is not None and request.path in LISTINGS:
                await self.list_gate.is_open.wait()
            exchange.answer = self._answer(request)
        self.at_once += request.is_model_call
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await fault.play(exchange)
        except ConnectionError:
            request.gone_at = time.monotonic()
            request.caller_gone.set()
            raise
        finally:
            self.at_once -= request.is_model_call
        return exchange.may_keep_alive and request.header("connection") != "close"

    def _answer(self, request: Received) -> Answer:
        try:
            self._check_key(request)
            request.json = json.loads(request.body) if request.body else None
            value = route(self, request)
        except Refused as refusal:
            code = refusal.args[1] if len(refusal.args) > 1 else 400
            error = self.dialect.error(code, refusal.args[0])
            return Answer(code, {"content-type": "application/json"}, answers.encode(error))
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            message = f"not understood: {type(problem).__name__} {problem}"
            error = self.dialect.error(400, message)
            return Answer(400, {"content-type": "application/json"}, answers.encode(error))
        headers = {"x-request-id": "req-up", "server": "scripted", "set-cookie": "tracked=1"}
        headers |= self.headers
        if self.list_body is not None and request.path in LISTINGS:
            return Answer(200, {**headers, "content-type": "application/json"}, self.list_body)
        if isinstance(value, str):
            return Answer(200, {**headers, "content-type": "text/plain"}, value.encode())
        if isinstance(value, Events):
            headers["content-type"] = self.dialect.stream_type
            return Answer(200, headers, events=value)
        return Answer(200, {**headers, "content-type": "application/json"}, answers.encode(value))

    def _check_key(self, request: Received) -> None:
        field, prefix = {
            "anthropic": ("x-api-key", ""),
            "gemini": ("x-goog-api-key", ""),
        }.get(self.dialect_name, ("authorization", "Bearer "))
        keys = {prefix + key for key in (self.key, *self.other_keys)}
        if self.dialect_name != "ollama" and request.header(field) not in keys:
            raise Refused("Incorrect API key provided", 401)
        if self.dialect_name == "anthropic" and not request.header("anthropic-version"):
            raise Refused("anthropic-version: header is required")


def route(upstream: Upstream, request: Received) -> Any:
    """What the dialect's server answers to a request: an object, or the events of a stream."""
    post = request.method == "POST"
    path, body = request.path.removeprefix(upstream.below), request.json
    gemini = re.fullmatch(r"/v1beta/models/([^/:]+):(\w+)", path)
    chat_paths = {"openai": "/v1/chat/completions", "responses": "/v1/responses",
                  "anthropic": "/v1/messages", "ollama": "/api/chat"}  # fmt: skip
    if post and path.startswith("/api/") and path != "/api/pull" and body["model"] in upstream.absent:
        raise Refused(f"model '{body['model']}' not found", 404)
    if path in ("/api/chat", "/api/generate") and not (body.get("messages") or body.get("prompt")):
        return ollama_loading(path, body)
    if post and path == chat_paths.get(upstream.dialect_name):
        return chat(upstream, request, upstream.dialect.read(body))
    if upstream.dialect_name == "gemini" and post and gemini:
        return gemini_call(upstream, request, urllib.parse.unquote(gemini[1]), gemini[2])
    if upstream.dialect_name == "anthropic" and post and path == "/v1/messages/count_tokens":
        return {"input_tokens": answers.INPUT_TOKENS}
    if upstream.dialect_name == "ollama" and post and path == "/api/generate":
        return ollama_generation(body)
    if upstream.dialect_name == "ollama":
        return ollama_side_call(upstream, request)
    if upstream.dialect_name in ("openai", "responses"):
        if post and path == "/v1/embeddings":
            return openai_embeddings(body)
        if post and path == "/v1/completions":
            return legacy_completion(body)
        if post and path == "/tokenize":  # vLLM's, beside its API
            return {"count": answers.INPUT_TOKENS, "max_model_len": 4096, "tokens": []}
    if upstream.dialect_name == "responses" and post and path == "/v1/responses/compact":
        return compaction(body)
    if upstream.dialect_name == "responses" and post and path == "/v1/responses/input_tokens":
        return {"object": "response.input_tokens", "input_tokens": answers.INPUT_TOKENS}
    kept = re.fullmatch(r"/v1/responses/(resp_\w+)(|/input_items|/cancel)", path)
    if upstream.dialect_name == "responses" and kept:
        return {"id": kept[1], "asked": f"{request.method} {kept[2]}"}
    if not post and path == "/health":
        if upstream.health != 200:
            raise Refused("the engine is dead", upstream.health)
        return ""
    if not post and path == "/metrics":
        return f'vllm:num_requests_waiting{{model_name="m"}} {float(upstream.waiting)}\n'
    if not post and path in ("/v1/models", "/v1beta/models"):
        return model_list(upstream)
    raise Refused(f"no such path: {request.method} {path}", 404)


def compaction(body: dict[str, Any]) -> Any:
    answers.need("stream" not in body, "stream: is not known here")
    output = [{"type": "compaction", "id": "cmp_up1", "encrypted_content": "gAAAcompact"}]
    usage = {"input_tokens": answers.INPUT_TOKENS, "output_tokens": answers.OUTPUT_TOKENS}
    return {"id": "resp_up1", "object": "response.compaction", "output": output, "usage": usage}


def chat(upstream: Upstream, request: Received, ask: Ask) -> Any:
    request.ask = ask
    request.reply = answers.reply_to(ask)
    write = upstream.dialect.stream if ask.is_stream else upstream.dialect.write
    return write(ask, request.reply)


def gemini_call(upstream: Upstream, request: Received, model: str, method: str) -> Any:
    if method == "batchEmbedContents":
        items = request.json["requests"]
        for item in items:
            answers.need(item["model"] == f"models/{model}", "model: differs from the path's")
        texts = [answers.text_of(item["content"]["parts"]) for item in items]
        return {"embeddings": [{"values": answers.vector_of(text)} for text in texts]}
    if method == "countTokens":
        return {"totalTokens": answers.INPUT_TOKENS}
    answers.need(method in ("generateContent", "streamGenerateContent"), f"no method {method}")
    is_stream = method == "streamGenerateContent"
    answers.need(not is_stream or request.query == "alt=sse", "the tests expect alt=sse")
    ask = upstream.dialect.read(request.json)
    return chat(upstream, request, dataclasses.replace(ask, model=model, is_stream=is_stream))


def openai_embeddings(body: dict[str, Any]) -> Any:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    answers.need(bool(texts), "input: must not be empty")
    vectors: list[Any] = [answers.vector_of(text) for text in texts]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(answers.pack_vector(vector)).decode() for vector in vectors]
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


def legacy_completion(body: dict[str, Any]) -> Any:
    prompt = body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0]
    head = {"id": "cmpl-up1", "object": "text_completion", "created": answers.CREATED}
    choice = {"index": 0, "text": f"echo: {prompt}", "logprobs": None, "finish_reason": "stop"}
    usage = answers.openai_usage(Reply(""))
    if body.get("stream") is not True:
        return {**head, "model": body["model"], "choices": [choice], "usage": usage}

    def chunk(**members: Any) -> bytes:
        return answers.sse({**head, "model": body["model"], **members})

    pieces = [
        chunk(choices=[{**choice, "text": text, "finish_reason": None}])
        for text in ("echo: ", prompt)
    ]
    end = [chunk(choices=[{**choice, "text": ""}])]
    if (body.get("stream_options") or {}).get("include_usage"):
        end.append(chunk(choices=[], usage=usage))
    return Events([], pieces, end + [b"data: [DONE]\n\n"])


def model_list(upstream: Upstream) -> Any:
    if upstream.dialect_name == "gemini":
        methods = ["generateContent", "embedContent"]
        return {
            "models": [
                {"name": f"models/{name}", "supportedGenerationMethods": methods,
                 "inputTokenLimit": 32768, "outputTokenLimit": 4096}
                for name in upstream.models
            ]
        }  # fmt: skip
    if upstream.dialect_name == "anthropic":
        models = [
            {"type": "model", "id": name, "display_name": name, "created_at": answers.CREATED_TEXT}
            for name in upstream.models
        ]
        ends = {"first_id": upstream.models[0], "last_id": upstream.models[-1]}
        return {"data": models, "has_more": False, **ends}
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": answers.CREATED, "owned_by": "tests"}
            for name in upstream.models
        ],
    }


def ollama_generation(body: dict[str, Any]) -> Any:
    base = {"model": body["model"], "created_at": answers.CREATED_TEXT}
    text = "generated: " + body["prompt"]
    end = {**base, "done": True, "done_reason": "stop", "context": [1, 2], "prompt_eval_count": 8}
    if body.get("stream", True) is False:
        return {**end, "response": text}
    parts = [{**base, "response": text, "done": False}, {**end, "response": ""}]
    lines = [json.dumps(part).encode() + b"\n" for part in parts]
    return answers.Events([], lines[:1], lines[1:])


def ollama_loading(path: str, body: dict[str, Any]) -> Any:
    """A request without anything to answer loads the model or, with `keep_alive: 0`, unloads it. The
    answer is one object, also where a stream was asked for."""
    said = {"response": ""} if path == "/api/generate" else {"message": {"role": "assistant", "content": ""}}
    reason = "unload" if body.get("keep_alive") in (0, "0") else "load"
    told = {"model": body["model"], "created_at": answers.CREATED_TEXT, **said}
    return {**told, "done": True, "done_reason": reason}


def ollama_pull(upstream: Upstream, body: dict[str, Any]) -> Any:
    if body["model"].startswith("no-such"):
        steps: list[dict[str, Any]] = [{"status": "pulling manifest"}, {"error": "no such file"}]
    else:
        upstream.absent.discard(body["model"])
        layer = {"status": "pulling 6a0746a1ec1a", "digest": "sha256:6a07", "total": 4096}
        steps = [{"status": "pulling manifest"}, {**layer, "completed": 1024},
                 {**layer, "completed": 4096}, {"status": "success"}]  # fmt: skip
    if body.get("stream") is False:
        return steps[-1]
    return Events([], [json.dumps(step).encode() + b"\n" for step in steps], [])


def ollama_side_call(upstream: Upstream, request: Received) -> Any:
    if request.path == "/api/tags":
        details = {"format": "gguf", "family": "tiny", "parameter_size": "1B"}
        names = [name if ":" in name else name + ":latest" for name in upstream.models]
        return {"models": [{"name": name, "model": name, "details": details} for name in names]}
    if request.path == "/api/show":
        info = {"general.architecture": "tiny", "tiny.context_length": 8192}
        capabilities = ["completion", "tools", "vision", "thinking", "embedding"]
        return {"details": {}, "model_info": info, "capabilities": capabilities}
    if request.path == "/api/embed":
        texts = request.json["input"]
        texts = [texts] if isinstance(texts, str) else texts
        vectors = [answers.vector_of(text) for text in texts]
        return {"model": request.json["model"], "embeddings": vectors, "prompt_eval_count": 8}
    if request.path == "/api/version":
        return {"version": "0.12.0"}
    if request.path == "/api/ps":
        names = [name for name in upstream.models if name not in upstream.absent]
        return {"models": [{"name": name, "model": name, "size_vram": 7} for name in names]}
    if request.path == "/api/pull":
        return ollama_pull(upstream, request.json)
    if request.path == "/api/delete" and request.method == "DELETE":
        upstream.absent.add(request.json["model"])
        return {}
    raise Refused(f"no such path: {request.method} {request.path}", 404)


# Reading requests, as strictly as a suspicious server would -----------------------------------------


async def read_head(reader: asyncio.StreamReader) -> Received | None:
    """The next request's head, or None at a clean end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise BadHttp(f"the connection ended within a head: {end.partial[:80]!r}") from end
        return None
    except asyncio.LimitOverrunError as problem:
        raise BadHttp("head too large") from problem
    lines = head[:-4].split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        raise BadHttp("bare CR or LF in a head")
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or not words[1].startswith(b"/"):
        raise BadHttp(f"request line {lines[0]!r}")
    headers = [read_field(line) for line in lines[1:]]
    names = [name for name, _ in headers]
    if names.count("host") != 1:
        raise BadHttp("not exactly one Host")
    if names.count("content-length") + names.count("transfer-encoding") > 1:
        raise BadHttp("more than one statement of the body's length")
    target = words[1].decode()
    path, _, query = target.partition("?")
    return Received(words[0].decode(), path, query, headers)


def read_field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not TOKEN.match(name):
        raise BadHttp(f"header line {line!r}")
    return name.decode().lower(), value.strip(b" \t").decode("latin-1")


async def read_body(reader: asyncio.StreamReader, request: Received) -> bytes:
    length = request.header("content-length")
    if length is not None:
        if not length.isdigit():
            raise BadHttp(f"content-length {length!r}")
        return await reader.readexactly(int(length))
    if request.header("transfer-encoding") is None:
        return b""
    body = b""
    while True:
        line = (await reader.readuntil(b"\r\n"))[:-2]
        if not re.fullmatch(rb"[0-9A-Fa-f]+", line):
            raise BadHttp(f"chunk size {line!r}")
        data = await reader.readexactly(int(line, 16) + 2)
        if not data.endswith(b"\r\n"):
            raise BadHttp("a chunk without its line end")
        if line.strip(b"0") == b"":
            return body
        body += data[:-2]
