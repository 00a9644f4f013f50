# SPDX-License-Identifier: Apache-2.0
"""S-9.7: an upstream that cuts a character in two, and never sends the other half."""

import pytest

import doors
import upstream as fault
from answers import DIALECTS
from clients import CLIENTS, Wish
from harness import Weir
from upstream import Upstream

WHOLE, HALF, MARK = "\u00e9".encode(), "\u00e9".encode()[:1], "\ufffd"


def half(content: bytes) -> bytes:
    return content.replace(WHOLE, HALF)


def ends_in_half() -> fault.Fault:
    """The whole answer, with half of each last character."""

    async def play(exchange: fault.Exchange) -> None:
        events = exchange.answer.events
        await exchange.send_head("transfer-encoding: chunked")
        for event in events.start + events.content + events.end:
            await exchange.send_chunk(half(event))
        await exchange.send(b"0\r\n\r\n")

    return fault.Fault(play)


def breaks_in_half() -> fault.Fault:
    """The answer up to the piece that brings half a character."""

    async def play(exchange: fault.Exchange) -> None:
        events = exchange.answer.events
        await exchange.send_head("transfer-encoding: chunked")
        for event in events.start + events.content:
            if WHOLE in event:
                await exchange.until_read()
            await exchange.send_chunk(half(event))
            if WHOLE in event:
                break
        exchange.close()

    return fault.Fault(play)


def pieces_of(client: str, event: dict) -> list[str]:
    """The text that an event of a stream brings."""
    if client == "openai":
        return [choice["delta"].get("content") or "" for choice in event.get("choices", [])]
    if client == "responses":
        return [event["delta"]] if event["type"] == "response.output_text.delta" else []
    if client == "anthropic":
        return [event["delta"].get("text", "")] if event["type"] == "content_block_delta" else []
    if client == "gemini":
        found = event.get("candidates", [])
        return [part["text"] for each in found for part in each.get("content", {}).get("parts", [])]
    return [event.get("message", {}).get("content", "")]


class Stream:
    """What a client reads, which must be valid UTF-8 and JSON."""

    def __init__(self, client: str, answer):
        assert answer.status == 200, answer.body
        if client == "ollama":
            self.events = doors.lines(answer.body)
        else:
            self.events = [data for _, data in doors.sse(answer.body) if data != "[DONE]"]
        self.text = "".join(piece for each in self.events for piece in pieces_of(client, each))
        self.errors = [each for each in self.events if "error" in each]


def stream(weir: Weir, client: str, text: str, headers: dict[str, str] | None = None) -> Stream:
    dialect = CLIENTS[client]
    wish = Wish("r", text, is_stream=True, max_tokens=50)
    every = {**dialect.headers, **(headers or {})}
    return Stream(client, doors.post(weir, dialect.path(wish), dialect.body(wish), every))


@pytest.fixture(scope="module", params=DIALECTS)
def pair(request):
    """A gateway before an upstream of each dialect in turn."""
    with Upstream(request.param) as upstream:
        route = {"strategy": "priority", "targets": ["up/m", "up/n"]}
        config = {"providers": {"up": upstream.provider}, "models": {"r": route}}
        with Weir(config) as weir:
            for name in ("up", "up%2Fm"):
                path = f"/api/llm-providers/{name}/circuit"
                assert weir.admin("PUT", path, {"state": "disabled"}, token=True).status == 200
            yield weir, upstream


@pytest.mark.parametrize("client", CLIENTS)
def test_s97_a_text_that_ends_in_half_a_character_ends_in_a_mark(pair, client):
    weir, upstream = pair
    upstream.script(ends_in_half())
    read = stream(weir, client, "a caf\u00e9")
    assert read.text == "echo: a caf" + MARK and not read.errors, read.events
    if client == "responses":
        # What is told again at the end is what the pieces told.
        done = next(each for each in read.events if each["type"] == "response.output_text.done")
        assert done["text"] == read.text
        numbers = [each["sequence_number"] for each in read.events]
        assert numbers == list(range(len(numbers)))
        said = read.events[-1]["response"]["output"][0]["content"][0]["text"]
        assert said == read.text


@pytest.mark.parametrize("client", CLIENTS)
def test_s97_a_stream_that_breaks_in_half_a_character_ends_in_a_mark_and_one_error(pair, client):
    weir, upstream = pair
    upstream.script(breaks_in_half())
    read = stream(weir, client, "a caf\u00e9", {"x-weir-stream-recovery": "off"})
    assert read.text == "echo: a caf" + MARK, read.events
    assert len(read.errors) == 1 and read.events[-1] == read.errors[0], read.events


@pytest.mark.parametrize("client", CLIENTS)
def test_s97_a_stream_that_goes_on_has_the_whole_character(pair, client):
    weir, upstream = pair
    if client == upstream.dialect_name == "responses":
        pytest.skip("its numbered events are not joined")
    upstream.script(breaks_in_half())
    read = stream(weir, client, "a caf\u00e9")
    assert read.text == "echo: a caf\u00e9" and not read.errors, read.events
