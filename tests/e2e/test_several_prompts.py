# SPDX-License-Identifier: Apache-2.0
"""Legacy completions of several prompts in front of targets that only chat: a call for each."""

import asyncio
import concurrent.futures
import contextlib
import json
import socket

import pytest

import answers
from harness import Client, Weir, eventually, read_events, run_weir
from test_books import log_of
from upstream import Fault, Gate, Upstream, cut_after, held_by, shared_loop, stall, status

PATH = "/v1/completions"
PROMPTS = ["one", "two", "three"]


def where(word: str, fault: Fault) -> Fault:
    """What happens to the call whose prompt holds the word; all others are answered."""

    async def play(exchange) -> None:
        if word in exchange.request.ask.user_text:
            return await fault.play(exchange)
        await exchange.send_whole()

    return Fault(play)


@pytest.fixture
def chatting():
    with Upstream("anthropic") as upstream:
        yield upstream


@pytest.fixture
def weir(chatting):
    priced = {"m": {"price": {"input": 10, "output": 10}}}
    config = {
        "providers": {"up": {**chatting.provider, "models": priced}},
        "models": {"r": {"targets": ["up/m"], "retries": {"enabled": False}}},
    }
    with Weir(config) as gateway:
        yield gateway


def asked(upstream: Upstream) -> list[str]:
    return sorted(call.ask.user_text for call in upstream.calls)


def read_by(upstream: Upstream) -> int:
    """How many calls it has read to their ends."""
    return sum(call.ask is not None for call in upstream.calls)


def logged(weir: Weir, count: int) -> list[dict]:
    """The calls of the ledger, once there are so many, by their ids."""
    return sorted(
        eventually(lambda: len(rows := log_of(weir)) == count and rows),
        key=lambda row: row["request_id"],
    )


def test_each_prompt_is_a_call_and_the_client_gets_one_answer(weir, chatting):
    answer = weir.post(PATH, {"model": "r", "prompt": PROMPTS, "echo": True})
    assert answer.status == 200, answer.body
    assert [(c["index"], c["text"]) for c in answer.json["choices"]] == [
        (0, "oneecho: one"), (1, "twoecho: two"), (2, "threeecho: three"),
    ]  # fmt: skip
    assert answer.json["object"] == "text_completion"
    assert asked(chatting) == sorted(PROMPTS)
    each = answers.INPUT_TOKENS + answers.OUTPUT_TOKENS
    assert answer.json["usage"]["total_tokens"] == 3 * each
    assert answer.headers["x-weir-attempts"] == "3"
    assert answer.headers["x-weir-target"] == "up/m"
    request_id = answer.headers["x-weir-request-id"]
    rows = logged(weir, 3)
    assert [row["request_id"] for row in rows] == [request_id, request_id + "-2", request_id + "-3"]
    assert {row["endpoint"] for row in rows} == {"completions"}
    cost = sum(row["cost_nanousd"] for row in rows)
    assert cost > 0 and answer.headers["x-weir-cost"] == f"{cost / 1e9:.9f}".rstrip("0")
    one = run_weir("log", "--id", request_id + "-2", "--json", "--config", str(weir.config_file),
                   folder=weir.folder)  # fmt: skip
    assert json.loads(one.stdout)["request_id"] == request_id + "-2"


def test_a_stream_brings_the_pieces_of_all_and_one_end(weir):
    body = {"model": "r", "prompt": PROMPTS, "stream": True,
            "stream_options": {"include_usage": True}}  # fmt: skip
    with Client(weir.port) as client:
        stream = client.stream(PATH, body)
    assert stream.has_done
    texts: dict[int, str] = {}
    finished = []
    for event in stream.events:
        for choice in event["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
            finished += [choice["index"]] if choice["finish_reason"] else []
    assert texts == {0: "echo: one", 1: "echo: two", 2: "echo: three"}
    assert sorted(finished) == [0, 1, 2]
    assert len({event["id"] for event in stream.events}) == 1
    told = [event for event in stream.events if event.get("usage")]
    assert [event["choices"] for event in told] == [[]] and told[0] is stream.events[-1]
    each = answers.INPUT_TOKENS + answers.OUTPUT_TOKENS
    assert told[0]["usage"]["total_tokens"] == 3 * each


def test_no_more_than_eight_are_under_way(weir, chatting):
    with Gate() as gate:
        chatting.always(held_by(gate))
        words = [f"word{i}" for i in range(20)]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answering = pool.submit(weir.post, PATH, {"model": "r", "prompt": words})
            eventually(lambda: len(chatting.calls) == 8)
            gate.open()
            answer = answering.result()
    assert [c["text"] for c in answer.json["choices"]] == [f"echo: {word}" for word in words]
    assert chatting.most_at_once == 8


def test_a_failure_of_one_is_the_failure_of_all(weir, chatting):
    chatting.always(where("two", status(400, "not that one")))
    answer = weir.post(PATH, {"model": "r", "prompt": PROMPTS})
    assert answer.status == 400 and "not that one" in answer.error["message"]
    assert answer.error["request_id"] == answer.headers["x-weir-request-id"]


def test_a_stream_that_has_begun_ends_with_the_error_of_one(weir, chatting):
    async def play(exchange) -> None:
        if "two" not in exchange.request.ask.user_text:
            await exchange.send_events(2)
            return await exchange.wait_for_caller_to_go()
        await is_begun.wait()
        await status(500, "it broke").play(exchange)

    is_begun = asyncio.Event()
    chatting.always(Fault(play))
    with Client(weir.port) as client:
        response = client.open("POST", PATH, {"model": "r", "prompt": ["one", "two"], "stream": True})
        first = response.readline()
        assert b"text_completion" in first, first
        shared_loop().loop.call_soon_threadsafe(is_begun.set)
        events, has_done = read_events(iter(response.readline, b""))
    assert not has_done and "it broke" in events[-1]["error"]["message"]
    assert events[-1]["error"]["request_id"] == response.getheader("x-weir-request-id")


def test_a_client_that_leaves_ends_them_all(weir, chatting):
    chatting.always(stall(events=2))
    with Client(weir.port) as client:
        response = client.open("POST", PATH, {"model": "r", "prompt": PROMPTS, "stream": True})
        assert response.readline()
        eventually(lambda: read_by(chatting) == 3)
        client.connection.sock.shutdown(socket.SHUT_RDWR)
    for call in chatting.calls:
        assert call.caller_gone.wait(10)
    assert {row["outcome"] for row in logged(weir, 3)} == {"cancelled_client"}


def test_a_request_that_is_made_once_gets_the_joint_answer_again(weir, chatting):
    body = {"model": "r", "prompt": PROMPTS}
    first, again = (weir.post(PATH, body, {"idempotency-key": "k"}) for _ in range(2))
    assert again.headers.get("idempotency-replayed") == "true"
    assert (first.status, again.status) == (200, 200) and again.body == first.body
    assert len(chatting.calls) == 3


def test_a_limit_on_calls_at_once_makes_them_go_one_after_the_other(chatting):
    key = "sk-weir-test-ann-0123456789abcdef012345"
    limited = {"key": key, "user": "ann", "limits": {"concurrency": 2}}
    config = {"providers": {"up": chatting.provider}, "keys": [limited]}
    with Weir(config) as weir:
        bearer = {"authorization": "Bearer " + key}
        words = [f"word{i}" for i in range(9)]
        answer = weir.post(PATH, {"model": "up/m", "prompt": words}, bearer)
        assert answer.status == 200, answer.body
        assert [c["text"] for c in answer.json["choices"]] == [f"echo: {word}" for word in words]
        with Client(weir.port, bearer) as client:
            stream = client.stream(PATH, {"model": "up/m", "prompt": words, "stream": True})
        pieces = [choice for event in stream.events for choice in event["choices"]]
        for place, word in enumerate(words):
            text = "".join(piece["text"] for piece in pieces if piece["index"] == place)
            assert text == f"echo: {word}"
        assert chatting.most_at_once <= 2


def test_who_has_the_answer_finds_the_failovers_of_all_prompts_counted(chatting):
    with Upstream("anthropic") as broken:
        broken.always(status(500))
        config = {
            "providers": {"bad": broken.provider, "up": chatting.provider},
            "models": {"r": {"targets": ["bad/m", "up/m"]}},
        }
        with Weir(config) as weir:
            answer = weir.post(PATH, {"model": "r", "prompt": ["one", "two"]})
            assert answer.status == 200, answer.body
            rows = weir.admin("GET", "/api/failovers").json["failovers"]
            assert sum(row["count"] for row in rows) == 2, rows


def test_prompts_as_tokens_are_refused_in_words(weir, chatting):
    for prompt in ([1, 2, 3], [[1, 2], [3]], ["one", [2]]):
        answer = weir.post(PATH, {"model": "r", "prompt": prompt})
        assert (answer.status, answer.error["param"]) == (400, "prompt"), answer.body
        assert "not as tokens" in answer.error["message"]
    answer = weir.post(PATH, {"model": "r", "prompt": PROMPTS, "suffix": "end"})
    assert (answer.status, answer.error["param"]) == (400, "suffix")
    answer = weir.post(PATH, {"model": "r", "prompt": ["p"] * 129})
    assert (answer.status, answer.error["param"]) == (400, "prompt")
    assert chatting.calls == []


def test_those_under_way_are_ended_when_one_fails(weir, chatting):
    async def play(exchange) -> None:
        if "two" in exchange.request.ask.user_text:
            while read_by(chatting) < 3:
                await asyncio.sleep(0)
            return await status(400, "no").play(exchange)
        await exchange.wait_for_caller_to_go()

    chatting.always(Fault(play))
    assert weir.post(PATH, {"model": "r", "prompt": PROMPTS}).status == 400
    for call in chatting.calls:
        if call.ask.user_text != "two":
            assert call.caller_gone.wait(10)
    rows = logged(weir, 3)
    outcomes = sorted(row["outcome"] for row in rows)
    assert outcomes == ["cancelled_client", "cancelled_client", "failed"]


# Two targets that take prompts together, and one that only chats: it stands in for them all the
# same, where both are broken.
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("config_of", [{}, {"breaker": {"consecutive_failures": 1}}])
def test_where_none_that_takes_them_together_answers_they_are_asked_one_by_one(
    chatting, stream, config_of
):
    with Upstream("openai") as together:
        together.always(status(500))
        config = {
            "providers": {
                "all": {**together.provider, **config_of},
                "up": {**chatting.provider, "models": {"m": {"price": {"input": 10, "output": 10}}}},
            },
            "models": {"r": {"targets": ["all/a", "all/b", "up/m"]}},
        }
        with Weir(config) as weir:
            for round_ in range(2):  # the second time breakers may be open
                body = {"model": "r", "prompt": PROMPTS, "stream": stream}
                with Client(weir.port) as client:
                    answer = client.stream(PATH, body) if stream else weir.post(PATH, body)
                assert answer.status == 200, answer
                frames = answer.events if stream else [answer.json]
                seen = {choice["index"] for frame in frames for choice in frame["choices"]}
                assert seen == {0, 1, 2}
                assert asked(chatting) == sorted(PROMPTS * (round_ + 1))
                if round_ == 0:
                    own = answer.headers["x-weir-request-id"]
            # In the second round nobody was asked for all: only what was sent anywhere is a row.
            ends = {row["request_id"]: row["outcome"] for row in logged(weir, 7)}
            assert ends[own] == "failed"
            assert [ends[f"{own}-{number}"] for number in (2, 3, 4)] == ["completed"] * 3


@contextlib.contextmanager
def behind_one_that_takes_them_together(chatting):
    """A gateway, and the upstream that stands before `chatting` in its route."""
    with Upstream("openai") as together:
        config = {
            "providers": {"all": together.provider, "up": chatting.provider},
            "models": {"r": {"targets": ["all/a", "up/m"]}},
        }
        with Weir(config) as weir:
            yield weir, together
    assert chatting.calls == []
    assert {call.path for call in together.calls} == {PATH}, "each is asked for all, and only so"


def test_a_target_that_takes_them_together_is_asked_once(chatting):
    with behind_one_that_takes_them_together(chatting) as (weir, together):
        assert weir.post(PATH, {"model": "r", "prompt": PROMPTS}).status == 200
        together.always(status(400, "no such wish"))
        refused = weir.post(PATH, {"model": "r", "prompt": PROMPTS})
        assert (refused.status, len(together.calls)) == (400, 2), refused.body


def test_f6_who_wants_no_failover_is_not_asked_for_one_by_one(chatting):
    with behind_one_that_takes_them_together(chatting) as (weir, together):
        together.always(status(500))
        body = {"model": "r", "prompt": PROMPTS}
        answer = weir.post(PATH, body, {"x-weir-no-failover": "true"})
        assert answer.status == 502, answer.body


def test_what_has_begun_together_is_not_begun_again_one_by_one(chatting):
    with behind_one_that_takes_them_together(chatting) as (weir, together):
        together.always(cut_after(1))
        with Client(weir.port) as client:
            stream = client.stream(PATH, {"model": "r", "prompt": PROMPTS, "stream": True})
        assert "error" in stream.events[-1] and not stream.has_done, stream
        assert weir.get("/livez").status == 200
