# SPDX-License-Identifier: Apache-2.0
"""A provider breaks; the client must not notice, or be told the truth when nobody is left."""

import concurrent.futures
import json
import pathlib
import re
import signal
import time

import pytest

import answers
import doors
import upstream as fault
from answers import DIALECTS
from clients import CLIENTS, WEATHER, Wish
from harness import Client, Weir, eventually, free_port, run_weir, user
from upstream import Upstream

TEXT = "one two three four five"

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

# Ends of an attempt that lead to the next target, whatever was asked.
FAILURES = {
    "reset before reading": fault.reset_before_reading(),
    "reset after reading": fault.reset(),
    "closed without an answer": fault.hang_up(),
    "500": fault.status(500),
    "502 in HTML": fault.status(502, body=b"<html>bad gateway</html>", content_type="text/html"),
    "503": fault.status(503),
    "529": fault.status(529),
    "429 with a long wait": fault.status(429, retry_after="60"),
    "429 with a code of quota": fault.status(
        429, body=b'{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}'
    ),
    "401": fault.status(401),
    "403": fault.status(403),
    "402": fault.status(402),
    "302": fault.status(302, location="http://127.0.0.1:1/elsewhere"),
    "model not found": fault.status(
        404, body=b'{"error":{"message":"no such model","code":"model_not_found"}}'
    ),
    "HTML with 200": fault.ok_with(b"<html>please log in</html>", "text/html"),
    "garbage with 200": fault.ok_with(b'{"id": "chatcmpl-1", "choices": [', "application/json"),
    "empty with 200": fault.ok_with(b""),
    "error object with 200": fault.ok_with(
        b'{"error":{"message":"overloaded","type":"server_error","code":503}}'
    ),
    "no HTTP at all": fault.raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "endless headers": fault.endless_headers(),
    "endless interim answers": fault.raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50),
    "another protocol": fault.raw(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    ),
    "two lengths": fault.raw(HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
    "length and chunks": fault.raw(
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "bad chunk size": fault.raw(HEAD + b"transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
    "folded header": fault.raw(HEAD + b"x-a: a\r\n b\r\ncontent-length: 2\r\n\r\n{}"),
    "coding that is not what it says": fault.raw(
        HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"
    ),
}  # fmt: skip


def half(reason: str, is_stream: bool, text: str = "") -> fault.Fault:
    """A good status, and an answer that says of itself how it failed."""
    said = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": reason}
    rest = {"id": "c1", "created": 5, "model": "m"}
    if not is_stream:
        choice["message"] = said
        whole = {**rest, "object": "chat.completion", "choices": [choice]}
        return fault.ok_with(json.dumps(whole).encode())
    begin = {"index": 0, "delta": said, "finish_reason": None}
    chunks = [{**rest, "object": "chat.completion.chunk", "choices": [each]}
              for each in (begin, {**choice, "delta": {}})]  # fmt: skip
    lines = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return fault.ok_with(b"".join(lines) + b"data: [DONE]\n\n", "text/event-stream")


WHOLE_ONLY = {
    "finish reason of an error": half("error", False, "half an"),
    "finish reason of no resources": half("insufficient_system_resource", False),
    "body cut": fault.cut_at_byte(40),
    "body shorter than its length": fault.wrong_length(+100),
    "body longer than its length": fault.wrong_length(-5),
    "gzip bomb": fault.gzip_bomb(),
}
STREAM_ONLY = {
    "finish reason of an error": half("error", True),
    "finish reason of no resources": half("insufficient_system_resource", True),
    "cut before content": fault.cut_after(0),
    "reset before content": fault.cut_after(0, by_reset=True),
    "broken line before content": fault.broken_event_after(0),
    "error event before content": fault.error_event_after(0),
}


@pytest.fixture
def backup():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


@pytest.fixture
def broken():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


def two_targets(first: Upstream, second: Upstream, **settings) -> Weir:
    providers = {"a": first.provider, "b": second.provider}
    models = {"smart": {"strategy": "priority", "targets": ["a/m", "b/m"]}}
    return Weir({"providers": providers, "models": models, **settings})



@pytest.fixture
def pair(broken, backup):
    with two_targets(broken, backup) as weir:
        yield weir, broken, backup


@pytest.mark.parametrize("name", [*FAILURES, *WHOLE_ONLY])
def test_before_an_answer_the_next_target_is_asked(pair, name):
    weir, broken, backup = pair
    broken.always((FAILURES | WHOLE_ONLY)[name])
    answer = weir.chat("smart", TEXT)
    assert answer.status == 200, answer.body
    assert answer.json["choices"][0]["message"]["content"] == "echo: " + TEXT
    assert answer.headers["x-weir-target"] == "b/m"
    assert len(broken.calls) in (1, 2) and len(backup.calls) == 1


@pytest.mark.parametrize("name", [*FAILURES, *STREAM_ONLY])
def test_before_the_first_content_of_a_stream_the_next_target_is_asked(pair, name):
    """S-9.1"""
    weir, broken, backup = pair
    broken.always((FAILURES | STREAM_ONLY)[name])
    stream = weir.stream("smart", TEXT)
    assert (stream.text, stream.errors, stream.has_done) == ("echo: " + TEXT, [], True)
    assert stream.headers["x-weir-target"] == "b/m"
    assert len(broken.calls) in (1, 2) and len(backup.calls) == 1


def test_a_bomb_costs_no_memory(broken):
    def peak_kib() -> int:
        status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    with Weir({"providers": {"a": broken.provider}, "threads": 1}) as weir:
        assert weir.chat("a/m", TEXT).status == 200
        before = peak_kib()
        for bomb in (fault.gzip_bomb(1 << 30), fault.endless_headers(64 << 20)):
            broken.always(bomb)
            assert weir.chat("a/m", TEXT).error["code"] == "upstream_malformed"
        assert peak_kib() - before < 64 << 10


def test_nobody_listens_at_the_first_target(backup):
    nobody = {"type": "openai", "base_url": f"http://127.0.0.1:{free_port()}/v1", "api_key": "x"}
    config = {
        "providers": {"a": nobody, "b": backup.provider},
        "models": {"smart": {"targets": ["a/m", "b/m"]}},
    }
    with Weir(config) as weir:
        answer = weir.chat("smart", TEXT)
        assert (answer.status, answer.headers["x-weir-target"]) == (200, "b/m")
        assert weir.stream("smart", TEXT).has_done
        alone = weir.chat("a/m", TEXT)
        assert (alone.status, alone.error["code"]) == (502, "upstream_unreachable")
        assert alone.headers["x-should-retry"] == "false"


CUTS_AFTER_CONTENT = {
    "cut": fault.cut_after(2),
    "reset": fault.cut_after(2, by_reset=True),
    "no terminator": fault.no_terminator(),
    "broken line": fault.broken_event_after(2),
    "error event": fault.error_event_after(2),
}


@pytest.mark.parametrize("name", CUTS_AFTER_CONTENT)
def test_after_content_the_stream_ends_with_one_error_and_no_done(broken, backup, name):
    broken.always(CUTS_AFTER_CONTENT[name])
    with two_targets(broken, backup, stream={"recovery": "off"}) as weir:
        stream = weir.stream("smart", TEXT)
        assert stream.text.startswith("echo: one ")
        assert ("echo: " + TEXT).startswith(stream.text)
        assert len(stream.errors) == 1 and not stream.has_done
        assert stream.errors[0]["request_id"] == stream.headers["x-weir-request-id"]
        assert stream.errors[0]["code"]
        assert stream.events[-1]["error"], "the error is the last event"
        assert backup.calls == []


def test_what_broke_off_by_its_reason_to_finish_is_not_taken_for_whole(broken, backup):
    broken.always(half("error", True, "echo: one two "))
    with two_targets(broken, backup) as weir:
        stream = weir.stream("smart", TEXT)
        assert (stream.text, stream.finish, stream.has_done) == ("echo: " + TEXT, ["stop"], True)
        assert len(backup.calls) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_end_without_the_dialects_own_terminator_is_never_a_clean_end(dialect):
    with Upstream(dialect) as upstream:
        upstream.always(fault.no_terminator())
        with Weir({"providers": {"up": upstream.provider}, "stream": {"recovery": "off"}}) as weir:
            stream = weir.stream("up/m", TEXT)
            assert len(stream.errors) == 1 and not stream.has_done
            assert stream.finish == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_from_every_dialect_to_every_other(dialect):
    """The first target of each dialect fails in its own words; the next answers in another."""
    names = list(DIALECTS)
    other = names[(names.index(dialect) + 1) % len(names)]
    with Upstream(dialect) as first, Upstream(other) as second:
        first.script(fault.status(500), fault.status(500))
        with two_targets(first, second) as weir:
            answer = weir.chat("smart", TEXT)
            assert answer.status == 200, answer.body
            assert answer.json["choices"][0]["message"]["content"] == "echo: " + TEXT
            first.script(fault.error_event_after(0), fault.error_event_after(0))
            stream = weir.stream("smart", TEXT)
            assert (stream.text, stream.has_done, stream.errors) == ("echo: " + TEXT, True, [])


# What the client is told when nobody is left -------------------------------------------------------

LAST_WORDS = {
    "reset": (fault.reset(), 502, "upstream_error"),
    "500": (fault.status(500), 502, "upstream_error"),
    "garbage": (fault.ok_with(b"{", "application/json"), 502, "upstream_malformed"),
    "HTML": (fault.ok_with(b"<html>", "text/html"), 502, "upstream_malformed"),
    "401": (fault.status(401), 502, "upstream_auth"),
    "403": (fault.status(403), 502, "upstream_auth"),
    "429": (fault.status(429, retry_after="17"), 429, "upstream_rate_limited"),
    "429 that names no wait": (fault.status(429, retry_after="0"), 429, "upstream_rate_limited"),
    "400": (fault.status(400, "bad temperature"), 400, "invalid_request"),
    "redirect": (fault.status(307, location="http://127.0.0.1:1/"), 502, None),
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("name", LAST_WORDS)
def test_the_last_word_is_an_error_of_its_own_kind(broken, name, is_stream):
    broken.always(LAST_WORDS[name][0])
    _, status, code = LAST_WORDS[name]
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT, stream=is_stream)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
        if code:
            assert answer.error["code"] == code
        assert int(answer.headers["x-weir-attempts"]) == len(broken.calls)
        assert ("retry-after" in answer.headers) == (answer.status in (429, 503))
        if answer.status == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 17
        wanted = "true" if "retry-after" in answer.headers else "false"
        assert answer.headers["x-should-retry"] == wanted


def test_what_is_wrong_with_an_answer_is_told_with_its_place():
    with Upstream("anthropic") as up:
        up.always(fault.ok_with(b'{"id":"msg_1","type":"message","role":"assistant"}'))
        with Weir({"providers": {"a": up.provider}}) as weir:
            error = weir.chat("a/m", TEXT).error
            assert (error["code"], error["param"]) == ("upstream_malformed", None)
            assert error["message"] == "a: in its answer, content: is required"


def test_a_quota_that_is_used_up_tells_sdks_to_stay_away(broken):
    broken.always(FAILURES["429 with a code of quota"])
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT)
        assert (answer.status, answer.error["code"]) == (429, "upstream_quota")
        assert answer.headers["x-should-retry"] == "false"
        assert len(broken.calls) == 1


def test_overloaded_everywhere_is_503_with_a_time_to_come_back(broken):
    broken.always(fault.status(503))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1


def test_a_faulty_request_is_asked_once_and_never_elsewhere(pair):
    weir, broken, backup = pair
    broken.always(fault.status(400, "messages.0: not like this"))
    answer = weir.chat("smart", TEXT)
    assert answer.status == 400
    assert "not like this" in answer.error["message"]
    assert (len(broken.calls), len(backup.calls)) == (1, 0)


def test_the_context_error_keeps_its_name(broken):
    body = (
        b'{"error":{"message":"too long","type":"invalid_request_error","param":"messages",'
        b'"code":"context_length_exceeded"}}'
    )
    broken.always(fault.status(400, body=body))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT)
        assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")


def test_g3_upstream_texts_lose_secrets_before_the_client_sees_them(broken):
    broken.always(fault.status(400, f"key {broken.key} has no credit"))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT)
        assert broken.key.encode() not in answer.body
        assert broken.key not in weir.log()


# How often -----------------------------------------------------------------------------------------


def test_one_target_is_tried_again_after_a_server_error(broken):
    broken.script(fault.status(500))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        answer = weir.chat("a/m", TEXT)
        assert (answer.status, answer.headers["x-weir-attempts"]) == (200, "2")


def test_a_short_retry_after_is_waited_for_when_nobody_else_is_there(broken):
    broken.script(fault.status(429, retry_after="1"))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        begin = time.monotonic()
        answer = weir.chat("a/m", TEXT)
        assert answer.status == 200
        assert 1.0 <= time.monotonic() - begin < 8.0


@pytest.mark.parametrize(
    "field", ["x-weir-no-failover", "x-weir-no-retry", "x-weir-explain", "x-weir-stream-recovery"]
)
def test_a_wish_that_is_neither_yes_nor_no_is_refused_by_its_name(pair, field):
    weir, *_ = pair
    refused = weir.chat("smart", TEXT, headers={field: "maybe"})
    assert (refused.status, refused.error["param"]) == (400, field), refused.body
    for value in ("true", "1", "on", "FALSE", "0", "off"):
        assert weir.chat("smart", TEXT, headers={field: value}).status == 200, value


def test_the_client_may_forbid_retries_and_failover(pair):
    """R-8, F-6"""
    weir, broken, backup = pair
    broken.always(fault.status(500))
    once = weir.chat("smart", TEXT, headers={"x-weir-no-retry": "true"})
    assert (once.status, once.headers["x-weir-attempts"]) == (502, "1")
    before = len(broken.calls)
    alone = weir.chat("smart", TEXT, headers={"x-weir-no-failover": "true"})
    assert alone.status == 502
    assert len(broken.calls) > before and backup.calls == []


def test_r7_nothing_is_retried_behind_the_gateways_back(broken):
    """An entry of its own for each failure: a fresh connection (T-25 may repeat on an old one), and
    no breaker or cooldown of the failure before."""
    failures = FAILURES | WHOLE_ONLY
    names = {name: f"p{number}" for number, name in enumerate(failures)}
    with Weir({"providers": {entry: broken.provider for entry in names.values()}}) as weir:
        for name, entry in names.items():
            broken.forget()
            broken.always(failures[name])
            answer = weir.chat(f"{entry}/m", TEXT, headers={"x-weir-no-retry": "true"})
            assert answer.status >= 400, name
            assert (answer.headers["x-weir-attempts"], len(broken.calls)) == ("1", 1), name


def test_the_client_may_prefer_a_provider(pair):
    weir, _, _ = pair
    answer = weir.chat("smart", TEXT, headers={"x-weir-prefer": "b"})
    assert answer.headers["x-weir-target"] == "b/m"


def test_a_server_that_closed_its_idle_connection_costs_no_request(broken):
    """T-25"""
    with Weir({"providers": {"a": broken.provider}}) as weir:
        assert weir.chat("a/m", TEXT).status == 200
        broken.kill()
        broken.start()
        answer = weir.chat("a/m", TEXT)
        assert (answer.status, answer.headers["x-weir-attempts"]) == (200, "1")


def test_a_stalled_attempt_ends_at_its_time_and_the_next_target_answers(broken, backup):
    broken.always(fault.stall())
    with two_targets(broken, backup, timeouts={"first_byte": "300ms"}) as weir:
        stream = weir.stream("smart", TEXT, headers={"x-weir-no-retry": "false"})
        assert (stream.text, stream.has_done) == ("echo: " + TEXT, True)
        assert broken.calls[0].caller_gone.wait(5)


def test_the_request_as_a_whole_has_a_time(broken):
    """T-15, T-22"""
    broken.always(fault.stall())
    with Weir({"providers": {"a": broken.provider}}) as weir:
        begin = time.monotonic()
        answer = weir.chat("a/m", TEXT, headers={"x-weir-timeout-ms": "1000"})
        assert (answer.status, answer.error["code"]) == (504, "deadline_exceeded")
        assert 1.0 <= time.monotonic() - begin < 8.0


# Under load ----------------------------------------------------------------------------------------


def test_a_provider_killed_in_the_middle_of_a_load_costs_no_request(pair):
    weir, first, second = pair
    requests, threads, killed_at = 300, 8, 100
    first.always(fault.delay(0.005))
    second.always(fault.delay(0.005))

    def run(worker: int) -> list[tuple[int, str]]:
        seen = []
        with Client(weir.port) as client:
            for number in range(worker, requests, threads):
                body = {"model": "smart", "messages": user(f"number {number}")}
                answer = client.request("POST", "/v1/chat/completions", body)
                text = answer.json["choices"][0]["message"]["content"] if answer.status == 200 else ""
                seen.append((answer.status, "right" if text == f"echo: number {number}" else text))
                if number == killed_at:
                    first.kill()
        return seen

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        results = [result for worker in pool.map(run, range(threads)) for result in worker]
    assert results == [(200, "right")] * requests
    assert len(first.calls) >= killed_at / 2 and len(second.calls) >= 1


# Rules of the table that need no failure of their own ------------------------------------------------


def refusal(code: str, status: int = 400) -> fault.Fault:
    body = answers.encode(answers.openai_error(status, "not this", code))
    return fault.status(status, body=body)


@pytest.mark.parametrize("name", ["unsupported_parameter", "unsupported_value", "501"])
def test_c0_what_a_target_can_not_take_goes_to_the_next(pair, name):
    weir, broken, backup = pair
    broken.always(fault.status(501) if name == "501" else refusal(name))
    answer = weir.chat("smart", TEXT)
    assert (answer.status, answer.headers["x-weir-target"]) == (200, "b/m")
    assert len(broken.calls) == 1


@pytest.mark.parametrize("place", ["nowhere", "whole", "route"])
def test_c0_a_content_filter_is_the_last_word_unless_told_otherwise(broken, backup, place):
    broken.always(refusal("content_filter"))
    config = {
        "providers": {"a": broken.provider, "b": backup.provider},
        "models": {"smart": {"strategy": "priority", "targets": ["a/m", "b/m"]}},
    }
    if place != "nowhere":
        (config if place == "whole" else config["models"]["smart"])["content_filter_failover"] = True
    with Weir(config) as weir:
        answer = weir.chat("smart", TEXT)
        if place == "nowhere":
            assert (answer.status, answer.error["code"]) == (400, "content_filtered")
            assert backup.calls == []
        else:
            assert (answer.status, answer.headers["x-weir-target"]) == (200, "b/m")


def test_c4_the_answer_tells_of_request_attempts_cost_and_of_the_target_unless_that_is_hidden(pair):
    weir, broken, backup = pair
    broken.always(fault.status(500))
    answer = weir.chat("smart", TEXT)
    assert answer.headers["x-weir-request-id"] and answer.headers["x-weir-target"] == "b/m"
    assert int(answer.headers["x-weir-attempts"]) == len(broken.calls) + 1
    assert float(answer.headers["x-weir-cost"]) >= 0
    weir.write_config({**weir.config, "expose_target": False})
    assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
    hidden = weir.chat("smart", TEXT)
    assert hidden.status == 200 and "x-weir-target" not in hidden.headers
    assert hidden.headers["x-weir-attempts"] and hidden.headers["x-weir-request-id"]


def test_f6_a_route_may_forbid_failover(broken, backup):
    broken.always(fault.status(500))
    route = {"strategy": "priority", "targets": ["a/m", "b/m"], "failover": False}
    providers = {"a": broken.provider, "b": backup.provider}
    with Weir({"providers": providers, "models": {"smart": route}}) as weir:
        for is_stream in (False, True):
            assert weir.chat("smart", TEXT, stream=is_stream).status in (502, 503)
        assert broken.calls and backup.calls == []


BREAKERS = {
    # What is set, calls that get through, least seconds that it is then off.
    "count": ("count", 5, 25),
    "threshold": ("threshold", 5, 290),
    "numbers": ({"consecutive_failures": 2, "open_base": "40s", "open_jitter": "0%"}, 2, 35),
    "off": ("off", 12, None),
}


@pytest.mark.parametrize("where", ["the whole", "a provider"])
@pytest.mark.parametrize("name", BREAKERS)
def test_b1_a_breaker_opens_when_it_is_set_to(broken, name, where):
    said, calls, seconds = BREAKERS[name]
    provider, whole = dict(broken.provider), {"retries": "off"}
    (whole if where == "the whole" else provider)["breaker"] = said
    broken.always(fault.status(500))
    with Weir({"providers": {"a": provider}, **whole}) as weir:
        answers_ = [weir.chat("a/m", TEXT) for _ in range(12)]
        assert len(broken.calls) == calls
        if seconds is not None:
            assert answers_[-1].error["code"] == "all_targets_unavailable"
            assert int(answers_[-1].headers["retry-after"]) >= seconds


def test_h3_a_breaker_that_is_set_otherwise_by_a_reload_keeps_its_state(broken):
    config = {"providers": {"a": dict(broken.provider)}, "retries": "off"}
    broken.always(fault.status(500))
    with Weir(config) as weir:
        for _ in range(6):
            weir.chat("a/m", TEXT)
        for number, said in enumerate(({"open_base": "1m"}, "off"), 1):
            weir.write_config({**config, "breaker": said})
            weir.signal(signal.SIGHUP)
            eventually(lambda: weir.log().count("was read again") == number)
            before = len(broken.calls)
            answer = weir.chat("a/m", TEXT)
            assert answer.error["code"] == (
                "upstream_error" if said == "off" else "all_targets_unavailable"
            )
            assert len(broken.calls) - before == (said == "off")


@pytest.mark.parametrize("name", ["500", "reset after reading", "429 without a wait"])
def test_a_target_rests_after_an_error_as_long_as_is_set(broken, backup, name):
    broken.always({**FAILURES, "429 without a wait": fault.status(429)}[name])
    with two_targets(broken, backup, cooldown="5m") as weir:
        for _ in range(4):
            assert weir.chat("smart", TEXT).headers["x-weir-target"] == "b/m"
        assert len(broken.calls) == 1
        refused = weir.chat("a/m", TEXT)
        assert refused.status == 503 and 290 <= int(refused.headers["retry-after"]) <= 303
        shown = run_weir("providers", "--config", str(weir.config_file), folder=weir.folder)
        row = next(line for line in shown.stdout.splitlines() if line.startswith("  a/m"))
        assert "cooling down after" in row and "left" in row


def test_b10_who_gets_the_refusal_itself_is_told_when_to_come_back(broken):
    broken.always(fault.status(402))
    with Weir({"providers": {"a": broken.provider}}) as weir:
        refused = weir.chat("a/m", TEXT)
        assert (refused.status, refused.error["code"]) == (429, "upstream_quota")
        assert refused.headers["x-should-retry"] == "false"
        assert 3500 <= int(refused.headers["retry-after"]) <= 3600


def test_every_decision_is_in_the_log_where_that_is_wanted(broken, backup):
    broken.always(fault.status(500))
    with two_targets(broken, backup, log={"level": "debug"}) as weir:
        assert weir.chat("smart", TEXT).status == 200

        def event(name):
            lines = [json.loads(line) for line in weir.log().splitlines() if line.startswith("{")]
            return next((line for line in lines if line["event"] == name), None)

        told = json.loads(eventually(lambda: event("decision"))["message"])
        states = {target["target"]: target["state"] for target in told["targets"]}
        assert states == {"a/m": "failed", "b/m": "chosen"}
        failover = eventually(lambda: event("failover"))
        assert failover["tried"] == "a/m: server, a/m: server, b/m: ok"


def test_what_is_too_long_for_every_target_is_called_so(broken, backup):
    """Clients shorten the conversation at this name."""
    small = {"models": {"m": {"context": 1000}}}
    providers = {"a": {**broken.provider, **small}, "b": {**backup.provider, **small}}
    models = {"smart": {"targets": ["a/m", "b/m"]}}
    with Weir({"providers": providers, "models": models}) as weir:
        refused = weir.chat("smart", "word " * 4000)
        assert (refused.status, refused.error["code"]) == (400, "context_length_exceeded")
        assert "the context window is too small" in refused.error["message"]
        assert broken.calls == backup.calls == []


def test_b8_every_change_of_a_breaker_is_in_the_log_with_its_cause_and_counted(broken):
    with Weir({"providers": {"a": broken.provider}, "retries": "off"}) as weir:
        broken.always(fault.status(500))
        for _ in range(6):
            assert weir.chat("a/m", TEXT).status in (502, 503)
        assert len(broken.calls) == 5, "it is open"

        def told():
            lines = [json.loads(line) for line in weir.log().splitlines() if line.startswith("{")]
            return [line for line in lines if line["event"] == "circuit"]

        changes = eventually(told)
        assert len(changes) == 1, changes
    


# What in a client's stream says that a call is whole.
WHOLE_CALL = {
    "openai": lambda event: any(each["finish_reason"] for each in event.get("choices", [])),
    "responses": lambda event: (
        event["type"] in ("response.function_call_arguments.done", "response.output_item.done")
        and event.get("item", {}).get("type", "function_call") == "function_call"
    ),
    # Block 0 is the text before it.
    "anthropic": lambda event: event["type"] == "content_block_stop" and event["index"] > 0,
    "gemini": lambda event: "functionCall" in json.dumps(event),
    "ollama": lambda event: bool(event.get("message", {}).get("tool_calls")),
}


def cut_within_a_call() -> fault.Fault:
    """A text, the beginning of a call and the first piece of its arguments."""

    async def play(exchange: fault.Exchange) -> None:
        await exchange.send_events(0)
        for event in exchange.answer.events.content:
            await exchange.send_chunk(event)
            await exchange.until_read()
            if rb'"{\"ci"' in event:
                break
        exchange.close()

    return fault.Fault(play)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("target", ["openai", "responses", "anthropic"])
def test_s9_9_an_interrupted_call_is_never_complete(client, target):
    """Whoever the client is: no other target may go on with it, and an error ends the stream."""
    with Upstream(target) as broken, Upstream("openai") as backup:
        broken.always(cut_within_a_call())
        with two_targets(broken, backup) as weir:
            dialect = CLIENTS[client]
            wish = Wish("smart", "use tool weather Oslo", tools=[WEATHER], is_stream=True)
            answer = doors.post(weir, dialect.path(wish), dialect.body(wish), dialect.headers)
        assert answer.status == 200 and backup.calls == [], answer.body
        events = (
            doors.lines(answer.body)
            if client == "ollama"
            else [data for _, data in doors.sse(answer.body) if data != "[DONE]"]
        )
        assert not any(WHOLE_CALL[client](event) for event in events), events
        assert "error" in events[-1] and b"[DONE]" not in answer.body, events
        assert len([event for event in events if "error" in event]) == 1


# Degradation is said in the answer. The steps of a route come from the routes it names.
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_of_the_next_tier_says_so(is_stream):
    with Upstream("openai") as good, Upstream("openai") as spare, Upstream("openai") as cheap:
        config = {
            "providers": {"a": good.provider, "b": spare.provider, "c": cheap.provider},
            "models": {
                "smart": {"targets": ["a/m", "b/m"]},
                "cheap": {"targets": ["c/m"]},
                "auto": {"targets": ["reasoning", "fast"]},
            },
            "tiers": {"reasoning": "smart", "fast": "cheap"},
        }
        with Weir(config) as weir:

            def answer(*headers) -> tuple:
                told = weir.chat("auto", "hello", *headers, stream=is_stream).headers
                return told["x-weir-target"], told.get("x-weir-warning")

            assert answer() == ("a/m", None)
            good.always(fault.status(500))
            assert answer() == ("b/m", None), "another target of the same tier is as good"
            spare.always(fault.status(500))
            assert answer() == ("c/m", "degraded to fast")
            # Whoever asks for the lesser one has what was asked for.
            assert weir.chat("fast", "hello").headers.get("x-weir-warning") is None
            counted = [{"route": "auto", "to": "fast", "count": 1}]
            assert weir.admin("GET", "/api/failovers").json["degradations"] == counted
            page = weir.admin("GET", "/metrics").body.decode()
            assert 'weir_degradations_total{route="auto",to="fast"} 1' in page
