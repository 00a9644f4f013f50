# SPDX-License-Identifier: Apache-2.0
"""`Idempotency-Key` (section 14): a request that comes again is answered as before and not made
again, whatever happens between the two."""

import concurrent.futures
import json
import signal

import pytest

import upstream as fault
from harness import Weir, eventually, free_port, user
from test_budgets import kill, limits_of
from test_ledger import log_of
from upstream import Upstream

KEYS = {
    "ann": "sk-weir-test-ann-0123456789abcdef012345",
    "bob": "sk-weir-test-bob-0123456789abcdef012345",
}
CHAT = "/v1/chat/completions"
BODY = {"model": "one/m", "messages": user("say something that nobody else says")}

# One request of each dialect, as it is asked for whole and as a stream.
DIALECTS = {
    "openai": (CHAT, BODY, CHAT, {**BODY, "stream": True}),
    "completions": (
        "/v1/completions",
        {"model": "one/m", "prompt": "hello"},
        "/v1/completions",
        {"model": "one/m", "prompt": "hello", "stream": True},
    ),
    "responses": (
        "/v1/responses",
        {"model": "one/m", "input": "hello"},
        "/v1/responses",
        {"model": "one/m", "input": "hello", "stream": True},
    ),
    "anthropic": (
        "/v1/messages",
        {**BODY, "max_tokens": 100},
        "/v1/messages",
        {**BODY, "max_tokens": 100, "stream": True},
    ),
    "gemini": (
        "/v1beta/models/one/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
        "/v1beta/models/one/m:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    ),
    "ollama": ("/api/chat", {**BODY, "stream": False}, "/api/chat", BODY),
    "azure": (
        "/openai/deployments/one%2Fm/chat/completions?api-version=2024-10-21",
        {"messages": user("hello")},
        "/openai/deployments/one%2Fm/chat/completions?api-version=2024-10-21",
        {"messages": user("hello"), "stream": True},
    ),
}


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one
        assert one.violations == []


def gateway(upstream, **settings) -> Weir:
    return Weir({"providers": {"one": upstream.provider}, "threads": 2, **settings})


def once(key: str, **headers: str) -> dict[str, str]:
    return {"idempotency-key": key, **headers}


def bearer(name: str) -> dict[str, str]:
    return {"authorization": "Bearer " + KEYS[name]}


def is_replayed(answer) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


def code_of(answer) -> str:
    return answer.error["code"]


def test_m1_the_key_is_1_to_255_visible_characters(upstream):
    with gateway(upstream) as weir:
        for bad in ("", "two words", "x" * 256, "\u00e4"):
            answer = weir.post(CHAT, BODY, once(bad))
            assert (answer.status, code_of(answer)) == (400, "invalid_request"), bad
            assert answer.error["param"] == "Idempotency-Key"
        twice = json.dumps(BODY).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Length: {len(twice)}\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n"
        assert [answer.status for answer in weir.raw(head.encode() + twice)] == [400]
        assert upstream.calls == []
        assert weir.post(CHAT, BODY, once("x" * 255)).status == 200


def test_m1_the_same_request_written_otherwise_is_the_same(upstream):
    with gateway(upstream) as weir:
        first = weir.post(CHAT, json.dumps(BODY).encode(), once("k"))
        turned = {name: BODY[name] for name in reversed(BODY)}
        again = weir.post(CHAT, json.dumps(turned, indent=3).encode(), once("k"))
        assert first.status == again.status == 200
        assert again.body == first.body and is_replayed(again)
        assert len(upstream.calls) == 1


def test_m1_i9_a_key_belongs_to_its_caller_and_path(upstream):
    with gateway(upstream, keys=list(KEYS.values())) as weir:
        for headers in (bearer("ann"), bearer("bob")):
            answer = weir.post(CHAT, BODY, once("k", **headers))
            assert answer.status == 200 and not is_replayed(answer)
        prompt = {"model": "one/m", "prompt": "hello"}
        answer = weir.post("/v1/completions", prompt, once("k", **bearer("ann")))
        assert answer.status == 200 and not is_replayed(answer)
        assert len(upstream.calls) == 3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_m2_an_answer_comes_again_as_it_was(upstream, dialect):
    path, body, stream_path, stream_body = DIALECTS[dialect]
    with gateway(upstream) as weir:
        calls = 0
        for key, where, what in (("w", path, body), ("s", stream_path, stream_body)):
            first = weir.post(where, what, once(key))
            calls += 1
            assert first.status == 200 and not is_replayed(first), first.body
            assert len(upstream.calls) == calls
            for _ in range(2):
                again = weir.post(where, what, once(key))
                assert (again.status, again.body) == (200, first.body)
                assert is_replayed(again)
                assert again.headers["content-type"] == first.headers["content-type"]
                assert again.headers["x-weir-attempts"] == "0"
                assert "x-weir-cost" not in again.headers
                assert again.headers["x-weir-request-id"] != first.headers["x-weir-request-id"]
            assert len(upstream.calls) == calls


def test_m2_a_replay_costs_nothing_and_is_in_no_book_twice(upstream):
    provider = {**upstream.provider, "models": {"m": {"price": {"input": 1, "output": 10}}}}
    client = {"key": KEYS["ann"], "user": "ann"}
    users = {"ann": {"budget": {"daily": "5"}, "limits": {"tokens_per_minute": 100_000}}}
    config = {"providers": {"one": provider}, "keys": [client], "users": users}
    with Weir(config) as weir:
        first = weir.post(CHAT, BODY, once("k", **bearer("ann")))
        assert first.status == 200, first.body
        used = used_by_user(weir)
        assert used["usd"] > 0 and used["total_tokens"] > 0
        for _ in range(5):
            assert is_replayed(weir.post(CHAT, BODY, once("k", **bearer("ann"))))
        assert used_by_user(weir) == used
        made, *again = log_of(weir)
        assert made["cost_nanousd"] > 0 and not made["cached"]
        assert len(again) == 5 and all(call["cached"] for call in again)
        assert {(call["cost_nanousd"], call["outcome"], call["user"]) for call in again} == {
            (0, "completed", "ann")
        }


# S-11.2: it is in the ledger, with the windows it is taken from; so they go on after a restart.
@pytest.mark.parametrize("is_stream", [False, True])
def test_m2_a_day_counts_replays_also_after_a_kill(upstream, is_stream):
    client = {"key": KEYS["ann"], "limits": {"requests_per_day": 5}}
    body = {**BODY, "stream": is_stream}
    with gateway(upstream, keys=[client]) as weir:
        for _ in range(4):
            assert weir.post(CHAT, body, once("k", **bearer("ann"))).status == 200
        assert [limit["used"] for limit in limits_of(weir, "key")] == [4]
        kill(weir)
        weir.start()
        assert [limit["used"] for limit in limits_of(weir, "key")] == [4]
        answers = [weir.post(CHAT, body, once("k", **bearer("ann"))) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 429]
        assert len(upstream.calls) == 1


def used_by_user(weir) -> dict[str, int]:
    limits = limits_of(weir, "user")
    return {
        limit["unit"]: limit["used_nanousd" if limit["unit"] == "usd" else "used"]
        for limit in limits
    }


def test_m2_a_replay_is_one_request_of_its_client(upstream):
    limits = {"requests_per_minute": 3}
    client = {"key": KEYS["ann"], "limits": limits}
    with gateway(upstream, keys=[client]) as weir:
        answers = [weir.post(CHAT, BODY, once("k", **bearer("ann"))) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [is_replayed(answer) for answer in answers] == [False, True, True, False]
        assert code_of(answers[3]) == "rate_limited"
        assert len(upstream.calls) == 1


def test_m2_a_stream_that_is_too_long_to_be_kept_is_not_made_again(upstream):
    settings = {"stream_bytes_max": "1KiB", "answer_bytes_max": "1MiB"}
    body = {**BODY, "messages": user("word " * 300)}  # the scripted provider says it all again
    with gateway(upstream, idempotency=settings) as weir:
        assert weir.post(CHAT, {**body, "stream": True}, once("s")).status == 200
        again = weir.post(CHAT, {**body, "stream": True}, once("s"))
        assert (again.status, code_of(again)) == (409, "idempotency_unknown")
        assert weir.post(CHAT, body, once("w")).status == 200
        assert is_replayed(weir.post(CHAT, body, once("w"))), "it was not streamed"


def test_m3_what_is_being_made_is_not_made_beside_it(upstream):
    upstream.script(fault.stall())
    with gateway(upstream) as weir:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = weir.client()
            pool.submit(lambda: running.open("POST", CHAT, BODY, once("k")))
            eventually(lambda: upstream.calls)
            second = weir.post(CHAT, BODY, once("k"))
            assert (second.status, code_of(second)) == (409, "idempotency_in_progress")
            assert second.headers["retry-after"] == "1"
            assert second.headers["x-should-retry"] == "true"
            other = weir.post(CHAT, {**BODY, "temperature": 1}, once("k"))
            assert (other.status, code_of(other)) == (422, "idempotency_mismatch")
            assert other.headers["x-should-retry"] == "false"
            assert len(upstream.calls) == 1
            running.connection.sock.close()


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings"])
def test_m3_what_a_client_sent_counts_not_what_content_rules_made_of_it(upstream, path):
    rule = {"words": ["umbrella", "parasol"], "action": "mask"}

    def body(text: str):
        return {"model": "one/m", **({"messages": user(text)} if path == CHAT else {"input": text})}

    with gateway(upstream, content_rules=[rule]) as weir:
        first = weir.post(path, body("umbrella"), once("k"))
        assert first.status == 200, first.body
        assert is_replayed(weir.post(path, body("umbrella"), once("k")))
        other = weir.post(path, body("parasol"), once("k"))
        assert (other.status, code_of(other)) == (422, "idempotency_mismatch")


def test_m3_another_request_with_the_key_is_refused_when_the_first_is_over(upstream):
    with gateway(upstream) as weir:
        assert weir.post(CHAT, BODY, once("k")).status == 200
        other = weir.post(CHAT, {**BODY, "temperature": 1}, once("k"))
        assert (other.status, code_of(other)) == (422, "idempotency_mismatch")


def test_m4_what_was_refused_or_never_arrived_may_be_tried_again(upstream):
    faults = {
        "the provider failed": fault.status(500),
        "the provider is busy": fault.status(429),
        "the provider finds fault": fault.status(400),
    }
    with gateway(upstream) as weir:
        for name, one in faults.items():
            upstream.script(one)
            headers = once(name.replace(" ", "-"), **{"x-weir-no-retry": "true"})
            first = weir.post(CHAT, BODY, headers)
            assert first.status >= 400, name
            reset = weir.admin("POST", "/api/llm-providers/one/reset", {}, token=True)
            assert reset.status == 200
            again = weir.post(CHAT, BODY, headers)
            assert again.status == 200 and not is_replayed(again), (name, again.body)
        refused = weir.post(CHAT, {**BODY, "model": "no/such"}, once("refused"))
        assert refused.status == 404
        assert not is_replayed(weir.post(CHAT, BODY, once("refused")))


def test_m4_what_found_no_connection_may_be_tried_again():
    nobody = {"type": "custom", "dialect": "openai", "base_url": f"http://127.0.0.1:{free_port()}"}
    with Weir({"providers": {"one": nobody}, "retries": {"max_attempts": 1}}) as weir:
        for _ in range(2):
            answer = weir.post(CHAT, BODY, once("k"))
            assert (answer.status, code_of(answer)) == (502, "upstream_unreachable")
            assert not is_replayed(answer)


def test_m4_what_may_have_been_billed_is_not_made_again(upstream):
    with gateway(upstream, retries={"max_attempts": 1}) as weir:
        upstream.script(fault.hang_up())
        first = weir.post(CHAT, BODY, once("sent"))
        assert first.status == 502
        again = weir.post(CHAT, BODY, once("sent"))
        assert (again.status, again.body) == (502, first.body) and is_replayed(again)
        upstream.script(fault.cut_after(2))
        stream = {**BODY, "stream": True}
        first = weir.post(CHAT, stream, once("cut"))
        assert first.status == 200 and b'"error"' in first.body
        again = weir.post(CHAT, stream, once("cut"))
        assert again.body == first.body and is_replayed(again)
        assert len(upstream.calls) == 2


def test_m4_a_client_that_left_does_not_pay_twice(upstream):
    upstream.script(fault.stall(2))
    stream = {**BODY, "stream": True}
    with gateway(upstream) as weir:
        client = weir.client()
        response = client.open("POST", CHAT, stream, once("k"))
        assert response.readline().startswith(b"data: ")
        client.connection.sock.close()
        response.close()
        eventually(lambda: upstream.calls[0].caller_gone.is_set())

        def again():
            answer = weir.post(CHAT, stream, once("k"))
            assert answer.status == 409
            return code_of(answer) == "idempotency_unknown" and answer

        answer = eventually(again)
        assert answer.headers["x-should-retry"] == "false"
        assert len(upstream.calls) == 1


def test_m5_after_a_crash_nothing_is_made_again_in_silence(upstream):
    upstream.script(fault.well(), fault.stall())
    with gateway(upstream) as weir:
        done = weir.post(CHAT, BODY, once("done"))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = weir.client()
            pool.submit(lambda: running.open("POST", CHAT, BODY, once("cut-off")))
            eventually(lambda: len(upstream.calls) == 2)
            weir.signal(signal.SIGKILL)
            weir.process.wait()
        weir.start()
        for _ in range(2):
            answer = weir.post(CHAT, BODY, once("cut-off"))
            assert (answer.status, code_of(answer)) == (409, "idempotency_unknown")
            assert answer.headers["x-should-retry"] == "false"
        again = weir.post(CHAT, BODY, once("done"))
        assert again.body == done.body and is_replayed(again)
        assert len(upstream.calls) == 2
        assert weir.post(CHAT, BODY, once("another")).status == 200


def test_m6_100_equal_requests_at_once_are_made_once(upstream):
    upstream.script(fault.delay(0.5))
    with gateway(upstream) as weir:
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda _: weir.post(CHAT, BODY, once("k")), range(100)))
        assert len(upstream.calls) == 1
        assert {answer.status for answer in answers} <= {200, 409}
        made = [answer for answer in answers if answer.status == 200 and not is_replayed(answer)]
        assert len(made) == 1
        for answer in answers:
            if answer.status == 200:
                assert answer.body == made[0].body
            else:
                assert code_of(answer) == "idempotency_in_progress"


def test_m7_without_their_store_such_requests_are_refused_and_others_served(upstream):
    with gateway(upstream) as weir:
        (weir.folder / "data" / "idempotency.db").mkdir()
        for _ in range(2):
            answer = weir.post(CHAT, BODY, once("k"))
            assert (answer.status, code_of(answer)) == (503, "store_unavailable")
            assert "retry-after" in answer.headers
        assert upstream.calls == []
        assert weir.post(CHAT, BODY).status == 200


def test_answers_survive_a_restart_and_are_sealed(upstream):
    with gateway(upstream) as weir:
        first = weir.post(CHAT, BODY, once("k"))
        weir.stop()
        files = list((weir.folder / "data").glob("idempotency.db*"))
        assert files
        for file in files:
            assert b"nobody else says" not in file.read_bytes()
            assert file.stat().st_mode & 0o077 == 0
        weir.start()
        again = weir.post(CHAT, BODY, once("k"))
        assert again.body == first.body and is_replayed(again)


def test_they_are_forgotten_at_the_end_of_their_time(upstream):
    with gateway(upstream, idempotency={"ttl": "1s"}) as weir:
        assert weir.post(CHAT, BODY, once("k")).status == 200
        eventually(lambda: not is_replayed(weir.post(CHAT, BODY, once("k"))))
        assert len(upstream.calls) == 2


@pytest.mark.parametrize("store, is_kept", [("memory", True), ("off", False)])
def test_nothing_is_written_where_nothing_may_be(upstream, store, is_kept):
    with gateway(upstream, idempotency={"store": store}) as weir:
        weir.post(CHAT, BODY, once("k"))
        assert is_replayed(weir.post(CHAT, BODY, once("k"))) == is_kept
        assert list((weir.folder / "data").glob("idempotency*")) == []


def test_without_the_header_nothing_is_kept(upstream):
    with gateway(upstream) as weir:
        for _ in range(2):
            answer = weir.post(CHAT, BODY)
            assert answer.status == 200 and not is_replayed(answer)
        assert list((weir.folder / "data").glob("idempotency*")) == []


def form(boundary: str, model: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    """As a client's library makes it up anew for each try."""
    field = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    body = field.encode() + file.encode() + b"Content-Type: audio/wav\r\n\r\n" + content
    body += f"\r\n--{boundary}--\r\n".encode()
    return body, {"content-type": f"multipart/form-data; boundary={boundary}"}


@pytest.mark.parametrize("size", [10, 3 << 20])
@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/passthrough/one/v1/files"])
def test_m1_a_form_is_the_same_whatever_its_boundary(upstream, path, size):
    upstream.always(fault.ok_with(b'{"text":"heard"}'))
    with Weir({"providers": {"one": {**upstream.provider, "passthrough": True}}}) as weir:

        def send(boundary: str, content: bytes):
            body, headers = form(boundary, "one/m", content)
            return weir.post(path, body, once("k", **headers))

        content = b"\r\n--x" * (size // 5)
        assert not is_replayed(send("first", content))
        again = send("a-longer-second", content)
        assert again.status == 200 and is_replayed(again), again.body
        other = send("third", content[:-1] + b"y")
        assert (other.status, code_of(other)) == (422, "idempotency_mismatch")
        assert len(upstream.calls) == 1
