# SPDX-License-Identifier: Apache-2.0
"""Pictures, sound, moderation and reranking: what goes in comes out upstream with the target's name
for the model and nothing else changed, whatever its size; what comes back passes as it is."""

import http.client
import json
import os
import pathlib
import zlib

import pytest

import upstream as fault
from harness import Client, Weir
from test_sdk_node import check
from upstream import Answer, Exchange, Fault, Upstream

MIB = 1 << 20
BOUNDARY = "----form-7MA4YWxkTrZu0gW"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def field(name: str, value: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value.encode() + b"\r\n"


def upload(content: bytes, name: str = "file") -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def noise(size: int) -> bytes:
    """Bytes with line ends and dashes in them, the same each time."""
    block = bytes(zlib.crc32(b"%d" % number) & 0xFF for number in range(4093)) + b"\r\n--"
    return (block * (size // len(block) + 1))[:size]


def events(*payloads: dict) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (one["type"].encode(), json.dumps(one).encode())
        for one in payloads
    )


def chunks(content_type: str, *pieces: bytes, is_whole: bool = True) -> Fault:
    """An answer in pieces of this type, with its end or without."""

    async def play(exchange: Exchange) -> None:
        answer = Answer(200, {"content-type": content_type})
        await exchange.send_head("transfer-encoding: chunked", answer)
        for piece in pieces:
            await exchange.send_chunk(piece)
        await exchange.until_read()
        if is_whole:
            await exchange.send(b"0\r\n\r\n")
        else:
            exchange.close()

    return Fault(play)


def custom(upstream: Upstream, **members) -> dict:
    """A server that may have everything."""
    return {**upstream.provider, "type": "custom", **members}


@pytest.fixture
def pair():
    """Two upstreams behind one route, tried in this order."""
    with Upstream("openai") as first, Upstream("openai", key="sk-second-0123456789") as second:
        config = {
            "providers": {"one": custom(first), "two": custom(second)},
            "models": {"ears": {"targets": ["one/whisper-1", "two/whisper-large-v3"]}},
            "retries": {"backoff_base": "1ms"},
        }
        with Weir(config) as weir:
            yield weir, first, second
        assert first.violations == second.violations == []


JSON_CALLS = {
    "image": (
        "/v1/images/generations",
        {"prompt": "a weir", "n": 2, "x_new": 1.50},
        {"created": 1, "data": [{"b64_json": "QQ=="}],
         "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}},
    ),
    "moderation": (
        "/v1/moderations",
        {"input": ["a", "b"]},
        {"id": "modr-1", "model": "m", "results": [{"flagged": False}]},
    ),
    "rerank, as Jina has it": (
        "/v1/rerank",
        {"query": "q", "documents": ["a", "b"], "top_n": 1},
        {"model": "m", "results": [{"index": 1, "relevance_score": 0.9}],
         "usage": {"total_tokens": 11}},
    ),
    "rerank, as Cohere has it": (
        "/v2/rerank",
        {"query": "q", "documents": ["a", "b"]},
        {"id": "1", "results": [{"index": 0, "relevance_score": 0.9}],
         "meta": {"billed_units": {"search_units": 1}}},
    ),
    "image edit in JSON": (
        "/v1/images/edits", {"prompt": "a", "image": "file-1"}, {"created": 1, "data": []},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JSON_CALLS)
@pytest.mark.parametrize("prefix", ["with v1", "without"])
def test_json_calls_pass_with_the_targets_model(pair, name, prefix):
    weir, first, _ = pair
    path, members, answer = JSON_CALLS[name]
    sent = json.dumps({**members, "model": "ears"}, indent=1).encode()
    told = json.dumps(answer, indent=2).encode()
    first.always(fault.ok_with(told))
    called = path if prefix == "with v1" or path.startswith("/v2") else path[3:]
    got = weir.post(called, sent)
    assert (got.status, got.body) == (200, told)
    assert got.headers["x-weir-target"] == "one/whisper-1"
    assert first.calls[0].path == "/v1" + path[3:]
    assert first.calls[0].body == sent.replace(b'"ears"', b'"whisper-1"')
    assert first.calls[0].header("authorization") == "Bearer " + first.key
    assert "set-cookie" not in got.headers and "server" not in got.headers
    if "search_units" in told.decode():
        assert got.headers["x-weir-cost"] == "0", "nobody sends a bill from this machine (U-5)"


def test_use_is_counted(pair):
    weir, first, _ = pair
    first.always(fault.ok_with(json.dumps(JSON_CALLS["image"][2]).encode()))
    assert weir.post("/v1/images/generations", {"model": "ears", "prompt": "a"}).status == 200
    shown = json.dumps(weir.admin("GET", "/api/llm-providers").json)
    assert '"input_tokens": 3' in shown and '"output_tokens": 4' in shown


FORM_CALLS = {
    "transcription": ("/v1/audio/transcriptions", {"text": "hello"}),
    "translation": ("/v1/audio/translations", {"text": "hello"}),
    "image edit": ("/v1/images/edits", {"created": 1, "data": []}),
    "image variation": ("/v1/images/variations", {"created": 1, "data": []}),
}


@pytest.mark.parametrize("name", FORM_CALLS)
def test_forms_pass_with_the_targets_model_wherever_it_stands(pair, name):
    weir, first, _ = pair
    path, answer = FORM_CALLS[name]
    first.always(fault.ok_with(json.dumps(answer).encode()))
    content = noise(5000)
    for order in (0, 1):
        parts = [field("model", "ears"), upload(content)]
        if order == 1:
            parts = [field("prompt", "ears"), *reversed(parts)]
        got = weir.post(path, form(*parts), FORM)
        assert (got.status, got.json) == (200, answer)
        call = first.calls[order]
        assert call.path == path
        assert call.body == form(*parts).replace(b'"model"\r\n\r\nears', b'"model"\r\n\r\nwhisper-1')
        assert call.header("content-type") == FORM["content-type"]
        assert call.header("content-length") == str(len(call.body))


def test_a_form_in_chunks_of_one_byte_is_the_same_form(pair):
    weir, first, _ = pair
    first.always(fault.ok_with(b'{"text":"hello"}'))
    body = form(upload(b"RIFF\r\n--"), field("model", "ears"))
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Content-Type: multipart/form-data; boundary=" + BOUNDARY.encode()
        + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )  # fmt: skip
    pieces = b"".join(b"1\r\n%s\r\n" % body[at : at + 1] for at in range(len(body)))
    answers = weir.raw(head, pieces + b"0\r\n\r\n")
    assert [answer.status for answer in answers] == [200]
    assert first.calls[0].body == body.replace(b"\r\n\r\nears\r\n", b"\r\n\r\nwhisper-1\r\n")


@pytest.mark.parametrize("size", [MIB // 2, 3 * MIB])
@pytest.mark.parametrize("how", ["status", "reset", "refused", "garbage"])
def test_a_form_is_sent_again_to_the_next_target(pair, size, how):
    weir, first, second = pair
    first.always({
        "status": fault.status(503), "reset": fault.reset(), "garbage": fault.ok_with(b"<html>"),
        "refused": fault.reset_before_reading(),
    }[how])  # fmt: skip
    second.always(fault.ok_with(b'{"text":"hello"}'))
    body = form(upload(noise(size)), field("model", "ears"))
    got = weir.post("/v1/audio/transcriptions", body, FORM)
    assert (got.status, got.json) == (200, {"text": "hello"})
    assert got.headers["x-weir-target"] == "two/whisper-large-v3"
    expected = body.replace(b"\r\n\r\nears\r\n", b"\r\n\r\nwhisper-large-v3\r\n")
    assert second.calls[0].body == expected
    assert second.calls[0].header("authorization") == "Bearer " + second.key
    left_behind = [name for name in os.listdir(weir.folder / "data") if name.startswith("upload")]
    assert left_behind == []


def memory_peak(weir: Weir) -> int:
    status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


def test_a_large_form_never_stands_in_memory():
    # A sanitizer keeps freed memory for a while; here that would be mistaken for a body.
    options = "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
    environment = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:{options}".strip(":")}
    with Upstream("openai") as first, Upstream("openai") as second:
        config = {
            "providers": {"one": custom(first), "two": custom(second)},
            "models": {"ears": {"targets": ["one/m", "two/m"]}},
        }
        first.always(fault.reset_before_reading())
        second.always(fault.ok_with(b'{"text":"hello"}'))
        with Weir(config, environment) as weir:
            small = form(upload(noise(4 * MIB)), field("model", "ears"))
            assert weir.post("/v1/audio/transcriptions", small, FORM).status == 200
            pathlib.Path(f"/proc/{weir.process.pid}/clear_refs").write_text("5")  # the peak is now
            before = memory_peak(weir)
            body = form(upload(noise(64 * MIB)), field("model", "ears"))
            assert weir.post("/v1/audio/transcriptions", body, FORM).status == 200
            assert len(second.calls[-1].body) > 64 * MIB
            # A sanitizer takes a share of its own; a body that was held would be twice this.
            assert memory_peak(weir) - before < 32 * MIB


BROKEN_FORMS = {
    "cut off": form(upload(b"abc"), field("model", "ears"))[:-10],
    "another boundary": form(upload(b"abc"), field("model", "ears")).replace(b"form-7", b"form-8"),
    "something before": b"x" + form(field("model", "ears")),
    "something behind": form(field("model", "ears")) + b"x",
    "no name": form(field("model", "ears")).replace(b'; name="model"', b""),
    "two models": form(field("model", "ears"), field("model", "other")),
    "a place to send it to": form(field("model", "ears"), field("api_base", "http://10.0.0.1")),
    "nothing": b"",
}


@pytest.mark.parametrize("name", BROKEN_FORMS)
def test_a_broken_form_is_refused_and_reaches_nobody(pair, name):
    weir, first, _ = pair
    got = weir.post("/v1/audio/transcriptions", BROKEN_FORMS[name], FORM)
    assert got.status == 400
    assert got.error["code"] == "invalid_request"
    assert first.calls == []


def test_a_broken_form_is_refused_before_it_is_whole(pair):
    weir, _, _ = pair
    head = (
        b"POST /v1/images/edits HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--c\r\n"
    )
    assert [answer.status for answer in weir.raw(head)] == [400]


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(pair, content_type):
    weir, _, _ = pair
    got = weir.post("/v1/images/edits", b"{}", {"content-type": content_type})
    assert (got.status, got.error["code"]) == (400, "invalid_request")


def test_a_form_over_the_limit_is_refused():
    with Upstream("openai") as upstream:
        config = {"providers": {"up": custom(upstream)}, "limits": {"multipart_bytes_max": "2MiB"}}
        with Weir(config) as weir:
            fits = form(upload(noise(2 * MIB - 1000)), field("model", "up/m"))
            upstream.always(fault.ok_with(b'{"text":"hello"}'))
            assert weir.post("/v1/audio/transcriptions", fits, FORM).status == 200
            over = form(upload(noise(2 * MIB)), field("model", "up/m"))
            got = weir.post("/v1/audio/transcriptions", over, FORM)
            assert (got.status, got.error["code"]) == (413, "too_large")

            # Where its length is not said, it is noticed on the way; the client still gets to read
            # why.
            head = (
                b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Transfer-Encoding: chunked\r\nContent-Type: " + FORM["content-type"].encode()
            )
            pieces = [b"10000\r\n" + over[at : at + 65536] + b"\r\n" for at in range(0, 2 * MIB, 65536)]
            answers = weir.raw(head + b"\r\n\r\n", *pieces, b"10000\r\n" + b"x" * 65536 + b"\r\n")
            assert [answer.status for answer in answers] == [413]
            assert len(upstream.calls) == 1


def test_a_model_must_be_named_but_for_moderation():
    with Upstream("openai") as upstream:
        config = {
            "providers": {"openai": upstream.provider},
            "default_model": "openai/m",
        }
        with Weir(config) as weir:
            upstream.always(fault.ok_with(b'{"results":[]}'))
            assert weir.post("/v1/moderations", {"input": "a"}).status == 200
            assert upstream.calls[0].json["model"] == "omni-moderation-latest"
            got = weir.post("/v1/images/generations", {"prompt": "a"})
            assert (got.status, got.error["param"]) == (400, "model")
            got = weir.post("/v1/audio/transcriptions", form(upload(b"a")), FORM)
            assert (got.status, got.error["param"]) == (400, "model")


def test_known_names_need_no_provider():
    with Upstream("openai") as upstream, Weir({"providers": {"openai": upstream.provider}}) as weir:
        upstream.always(fault.ok_with(b'{"text":"hello"}'))
        body = form(upload(b"a"), field("model", "whisper-1"))
        got = weir.post("/v1/audio/transcriptions", body, FORM)
        assert (got.status, got.headers["x-weir-target"]) == (200, "openai/whisper-1")


def test_a_provider_without_the_service_is_named(pair):
    with Upstream("openai") as upstream:
        config = {"providers": {"fast": {**upstream.provider, "type": "groq"}}}
        with Weir(config) as weir:
            got = weir.post("/v1/images/generations", {"model": "fast/m", "prompt": "a"})
            assert (got.status, got.error["code"]) == (400, "unsupported_capability")
            assert "image generation" in got.error["message"]
            assert upstream.calls == []


BESIDE_CHAT = {
    "rerank": ("/v1/rerank", {"query": "q", "documents": ["a"]}),
    "picture": ("/v1/images/generations", {"prompt": "a"}),
    "moderation": ("/v1/moderations", {"input": "a"}),
    "embeddings": ("/v1/embeddings", {"input": "a"}),
    "completion": ("/v1/completions", {"prompt": "a"}),
}
NO_SUCH_PATH = {
    "fastapi": fault.status(404, body=b'{"detail":"Not Found"}'),
    "llama.cpp": fault.status(
        404, body=b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}'
    ),
    "page": fault.status(404, body=b"<html>404</html>", content_type="text/html"),
    "not built in": fault.status(501, body=b'{"error":{"message":"This model has none of that"}}'),
}


@pytest.mark.parametrize("server", NO_SUCH_PATH)
@pytest.mark.parametrize("name", BESIDE_CHAT)
def test_a_path_that_a_server_lacks_rests_alone(name, server):
    with Upstream("openai") as upstream, Weir({"providers": {"up": custom(upstream)}}) as weir:
        upstream.script(NO_SUCH_PATH[server])
        path, body = BESIDE_CHAT[name]
        for _ in range(2):
            got = weir.post(path, {"model": "up/m", **body})
            assert (got.status, got.error["code"]) == (400, "unsupported_capability"), got.body
            assert got.error["param"] == "model"
        assert len(upstream.calls) == 1, "it was asked again for what it does not have"
        assert weir.chat("up/m", "hello").status == 200, "chats do not rest"


def test_a_path_that_a_server_lacks_is_asked_of_the_next(pair):
    weir, first, second = pair
    first.script(NO_SUCH_PATH["fastapi"])
    second.always(fault.ok_with(b'{"results":[]}'))
    for _ in range(2):
        got = weir.post("/v1/rerank", {"model": "ears", "query": "q", "documents": ["a"]})
        assert (got.status, got.headers["x-weir-target"]) == (200, "two/whisper-large-v3")
    assert (len(first.calls), len(second.calls)) == (1, 2)


def test_a_missing_model_beside_chats_does_not_rest_the_chats():
    no_model = b'{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}'
    with Upstream("openai") as upstream, Weir({"providers": {"up": custom(upstream)}}) as weir:
        upstream.script(fault.status(404, body=no_model), fault.status(403))
        for status in (404, 502):
            got = weir.post("/v1/embeddings", {"model": "up/m", "input": "a"})
            assert got.status == status, got.body
        assert weir.chat("up/m", "hello").status == 200


def test_sound_passes_as_it_comes_and_without_limit(pair):
    weir, first, second = pair
    first.always(fault.ok_with(b'{"error":{"message":"overloaded","code":503}}'))  # C-1
    sound = noise(3 * MIB)
    pieces = [sound[at : at + 50_000] for at in range(0, len(sound), 50_000)]
    second.always(chunks("audio/mpeg", *pieces))
    got = weir.post("/v1/audio/speech", {"model": "ears", "input": "hi", "voice": "alloy"})
    assert (got.status, got.headers["content-type"]) == (200, "audio/mpeg")
    assert got.body == sound
    assert got.headers["x-weir-target"] == "two/whisper-large-v3"
    assert second.calls[0].json["model"] == "whisper-large-v3"


@pytest.mark.parametrize("played", ["a page", "nothing", "json"])
def test_what_is_no_sound_is_no_answer(pair, played):
    weir, first, second = pair
    first.always({
        "a page": fault.ok_with(b"<html>", "text/html"), "nothing": fault.ok_with(b"", "audio/wav"),
        "json": fault.ok_with(b'{"ok":true}'),
    }[played])  # fmt: skip
    second.always(fault.ok_with(b"RIFF", "audio/wav"))
    got = weir.post("/v1/audio/speech", {"model": "ears", "input": "hi", "voice": "alloy"})
    assert (got.status, got.body, got.headers["x-weir-attempts"]) == (200, b"RIFF", "2")


# A player must not take half a sentence for a whole one.
def test_sound_that_breaks_off_is_cut_off_for_the_client(pair):
    weir, first, second = pair
    first.always(chunks("audio/mpeg", b"begin", is_whole=False))
    with Client(weir.port) as client, pytest.raises(http.client.IncompleteRead):
        client.request("POST", "/v1/audio/speech", {"model": "ears", "input": "hi"})
    assert second.calls == []


SPEECH = [
    {"type": "speech.audio.delta", "audio": "QUJD"},
    {"type": "speech.audio.delta", "audio": "REVG"},
    {"type": "speech.audio.done", "usage": {"input_tokens": 2, "output_tokens": 9}},
]


def test_streamed_speech_passes_event_by_event(pair):
    weir, first, second = pair
    first.always(fault.status(503))
    stream = events(*SPEECH)
    second.always(chunks("text/event-stream", *[stream[at : at + 7] for at in range(0, len(stream), 7)]))
    body = {"model": "ears", "input": "hi", "voice": "alloy", "stream_format": "sse"}
    got = weir.post("/v1/audio/speech", body)
    assert got.headers["content-type"].startswith("text/event-stream")
    assert got.body == stream


def test_a_streamed_transcript_passes_and_a_broken_one_says_so(pair):
    weir, first, _ = pair
    told = [{"type": "transcript.text.delta", "delta": "hel"}, {"type": "transcript.text.done", "text": "hello"}]
    body = form(upload(b"a"), field("stream", "true"), field("model", "ears"))
    first.script(chunks("text/event-stream", events(*told)))
    assert weir.post("/v1/audio/transcriptions", body, FORM).body == events(*told)
    first.script(chunks("text/event-stream", events(told[0])))
    broken = weir.post("/v1/audio/transcriptions", body, FORM)
    assert broken.body.startswith(events(told[0]))
    assert b'"error"' in broken.body and b"transcript.text.done" not in broken.body


def test_subtitles_pass_as_text(pair):
    weir, first, _ = pair
    subtitles = "1\n00:00:00,000 --> 00:00:01,000\nGrüße\n".encode()
    first.always(fault.ok_with(subtitles, "text/plain; charset=utf-8"))
    body = form(upload(b"a"), field("response_format", "srt"), field("model", "ears"))
    got = weir.post("/v1/audio/transcriptions", body, FORM)
    assert (got.status, got.body) == (200, subtitles)
    assert got.headers["content-type"] == "text/plain; charset=utf-8"


# Pass-through ---------------------------------------------------------------------------------------


@pytest.fixture
def opened():
    with Upstream("openai") as upstream:
        config = {
            "keys": ["sk-client-0123456789"],
            "providers": {
                "up": {**upstream.provider, "passthrough": True},
                "shut": {**upstream.provider},
            },
        }
        with Weir(config) as weir:
            yield weir, upstream
        assert upstream.violations == []


KEY = {"authorization": "Bearer sk-client-0123456789"}


def test_pass_through_is_off_by_default(opened):
    weir, upstream = opened
    for provider in ("shut", "nobody"):
        got = weir.get(f"/passthrough/{provider}/models", KEY)
        assert (got.status, got.error["code"]) == (404, "route_unknown")
    assert weir.get("/passthrough/up/models").status == 401
    assert upstream.received == []


def test_pass_through_keeps_host_and_credential_to_itself(opened):  # I-10, E-7
    weir, upstream = opened
    headers = {
        **KEY, "cookie": "a=b", "x-api-key": "sk-mine", "x-forwarded-for": "10.0.0.1",
        "x-forwarded-host": "evil.example", "x-stainless-lang": "js", "te": "trailers",
    }  # fmt: skip
    got = weir.get("/passthrough/up/models?limit=2&key=sk-mine&%6bey=x&after=a%20b", headers)
    assert got.status == 200
    assert [model["id"] for model in got.json["data"]] == ["m", "n"]
    assert "set-cookie" not in got.headers and "server" not in got.headers
    request = upstream.received[0]
    assert (request.method, request.path) == ("GET", "/v1/models")
    assert request.query == "limit=2&after=a%20b"
    assert request.header("authorization") == "Bearer " + upstream.key
    assert request.header("host") == f"127.0.0.1:{upstream.port}"
    sent = {name for name, _ in request.headers}
    assert sent.isdisjoint({"cookie", "x-api-key", "x-forwarded-for", "x-forwarded-host",
                            "x-stainless-lang", "te", "content-length"})  # fmt: skip


@pytest.mark.parametrize("path", ["/up/../admin", "/up/%2e%2e/admin", "/up/a\\b"])
def test_pass_through_stays_below_the_base_url(opened, path):
    weir, upstream = opened
    assert weir.get("/passthrough" + path, KEY).status == 400
    got = weir.get("/passthrough/up//evil.example/x", KEY)
    assert got.status == 404 and upstream.received[-1].path == "/v1/evil.example/x"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_pass_through_knows_the_methods(opened, method):
    weir, upstream = opened
    body = None if method == "DELETE" else b'{"a":1}'
    with Client(weir.port) as client:
        client.request(method, "/passthrough/up/files/f%2F1", body, KEY)
    request = upstream.received[0]
    assert (request.method, request.path, request.body) == (method, "/v1/files/f%2F1", body or b"")


def test_pass_through_of_large_forms_and_any_answer(opened):
    weir, upstream = opened
    answer = noise(2 * MIB)

    async def created(exchange: Exchange) -> None:
        await exchange.send_whole(Answer(201, {"content-type": "application/x-any"}, answer))

    upstream.always(Fault(created))
    body = form(upload(noise(3 * MIB)), field("purpose", "batch"))
    got = weir.post("/passthrough/up/files", body, {**KEY, **FORM})
    assert (got.status, got.body) == (201, answer)
    assert got.headers["content-type"] == "application/x-any"
    assert upstream.calls[0].body == body
    assert upstream.calls[0].header("content-type") == FORM["content-type"]


def test_pass_through_of_streams_and_of_nothing(opened):
    weir, upstream = opened
    upstream.script(chunks("text/event-stream", events(*SPEECH)))
    got = weir.post("/passthrough/up/anything", {"stream": True}, KEY)
    assert got.body == events(*SPEECH)

    async def nothing(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    upstream.script(Fault(nothing))
    with weir.client(**KEY) as client:
        got = client.request("POST", "/passthrough/up/anything", b"")
        assert (got.status, got.body) == (204, b"")
        assert "content-length" not in got.headers
        assert client.request("GET", "/passthrough/up/models").status == 200  # still in step


def test_pass_through_repeats_nothing_that_may_have_been_done(opened):
    weir, upstream = opened
    upstream.script(fault.status(500))
    got = weir.post("/passthrough/up/batches", {"a": 1}, KEY)
    assert (got.status, got.error["code"]) == (502, "upstream_error")
    assert len(upstream.calls) == 1


# OpenAI's SDK ---------------------------------------------------------------------------------------


@pytest.mark.skipif(
    os.environ.get("WEIR_E2E_NO_SDK") == "1", reason="WEIR_E2E_NO_SDK=1: no package registry"
)
def test_the_sdk_makes_pictures_and_sound(pair):
    weir, first, _ = pair
    picture = {"created": 1, "data": [{"b64_json": "QQ=="}], "usage": {"total_tokens": 7}}
    transcript = [{"type": "transcript.text.delta", "delta": "hi"}, {"type": "transcript.text.done", "text": "hi"}]
    first.script(
        *[fault.ok_with(json.dumps(picture).encode())] * 2,
        chunks("audio/mpeg", b"a" * 1000, b"b" * 1000),
        fault.ok_with(b'{"text":"hi"}'),
        chunks("text/event-stream", events(*transcript)),
        fault.ok_with(b'{"results":[{"flagged":true}]}'),
    )
    assert check(weir, "ears", "pictures") == {"made": "QQ==", "tokens": 7, "edited": 1}
    assert check(weir, "ears", "sound") == {
        "bytes": 2000, "type": "audio/mpeg", "text": "hi",
        "pieces": ["transcript.text.delta", "transcript.text.done"],
    }  # fmt: skip
    assert check(weir, "ears", "moderation") == {"flagged": [True]}
    assert {call.path for call in first.calls} == {
        "/v1/images/generations", "/v1/images/edits", "/v1/audio/speech",
        "/v1/audio/transcriptions", "/v1/moderations",
    }  # fmt: skip
