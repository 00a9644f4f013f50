# SPDX-License-Identifier: Apache-2.0
"""Every client dialect in front of every target dialect (the cells of matrix.py), and conversations
that wander between targets."""

import json

import pytest

import answers
import matrix
import upstream as fault
from clients import CLIENTS, WEATHER, CannotSay, Heard, Wish
from harness import Weir

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["name", "tags"],
    "additionalProperties": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def module_gateway(all_upstreams):
    model = {
        "capabilities": ["streaming", "tools", "vision", "json_schema", "reasoning"],
        "context": 200_000,
    }
    providers = {
        name: {**upstream.provider, "models": {"m": model}}
        for name, upstream in all_upstreams.items()
    }
    with Weir({"providers": providers}) as weir:
        yield weir


@pytest.fixture
def gateway(module_gateway, upstreams):
    """A gateway whose models can do everything. Breakers and cooldowns that one cell leaves behind
    are not the next one's."""
    yield module_gateway
    for target in matrix.DIALECTS:
        path = f"/api/llm-providers/{target}/reset"
        assert module_gateway.admin("POST", path, {}, token=True).status == 200


class Cell:
    """One client, one target, streamed or not."""

    def __init__(self, gateway, upstreams, client: str, target: str, is_stream: bool):
        self.gateway, self.upstream = gateway, upstreams[target]
        self.client, self.target, self.is_stream = CLIENTS[client], target, is_stream

    def wish(self, text: str, **members) -> Wish:
        return Wish(f"{self.target}/m", text, is_stream=self.is_stream, **members)

    def ask(self, wish: Wish) -> Heard:
        return self.client.ask(self.gateway, wish)

    def answer(self, text: str, **members) -> Heard:
        heard = self.ask(self.wish(text, **members))
        assert heard.status == 200, heard.raw
        return heard

    @property
    def asked(self) -> answers.Ask:
        """What the target was asked last."""
        return self.upstream.calls[-1].ask


def check_text(cell: Cell):
    heard = cell.answer("hello there")
    assert (heard.text, heard.finish) == ("echo: hello there", "stop")
    assert heard.headers["x-weir-target"] == f"{cell.target}/m"


def check_system(cell: Cell):
    assert cell.answer("hello", system="Be brief.").text == "echo: hello"
    turns = [(turn.role, turn.text) for turn in cell.asked.turns if turn.text]
    assert turns == [("system", "Be brief."), ("user", "hello")]


def check_turns(cell: Cell):
    history = [("user", "first"), ("assistant", "answer one")]
    assert cell.answer("second", history=history).text == "echo: second"
    turns = [(turn.role, turn.text) for turn in cell.asked.turns if turn.text]
    assert turns == [*history, ("user", "second")]


def check_image(cell: Cell):
    assert cell.answer("what is it", has_image=True).text == "echo: what is it [1 images]"


def check_calls(cell: Cell, *cities: str):
    heard = cell.answer("use tool weather " + " ".join(cities), tools=[WEATHER])
    assert (heard.text, heard.finish) == ("Checking.", "tool_calls")
    assert [call.name for call in heard.calls] == ["weather"] * len(cities)
    assert heard.arguments == [{"city": city} for city in cities]
    ids = [call.id for call in heard.calls if call.id]  # Gemini and Ollama may leave them out
    assert len(set(ids)) == len(ids)
    results = [f"rain in {city}" for city in cities]
    again = cell.ask(cell.client.answered(heard, results))
    assert again.status == 200, again.raw
    assert (again.text, again.finish) == ("tool said: " + ", ".join(results), "stop")


def check_tool(cell: Cell):
    check_calls(cell, "Oslo")


def check_tools(cell: Cell):
    check_calls(cell, "Oslo", "Rome")


def check_must_call(cell: Cell):
    cell.answer("use tool weather Oslo", tools=[WEATHER], must_call=True)
    # Where there is but one tool, naming it says the same.
    assert cell.asked.tool_choice in ("any", "weather")


def check_forced_tool(cell: Cell):
    heard = cell.answer("use tool weather Oslo", tools=[WEATHER], forced_tool="weather")
    if cell.target == "ollama":
        assert list(cell.asked.tools) == ["weather"]
        assert heard.headers["x-weir-dropped"]
    else:
        assert cell.asked.tool_choice == "weather"
    assert heard.arguments == [{"city": "Oslo"}]


def check_schema(cell: Cell):
    heard = cell.answer("Ada", schema=SCHEMA)
    assert json.loads(heard.text) == {"name": "Ada", "tags": ["Ada"]}


def check_reasoning(cell: Cell):
    heard = cell.answer("think hard", effort="high")
    assert cell.asked.thinks
    assert (heard.reasoning, heard.text) == (answers.REASONING, "echo: think hard")


def check_stop(cell: Cell):
    cell.answer("hello", stop=["HALT", "END"])
    assert cell.asked.stop == ["HALT", "END"]


def check_max_tokens(cell: Cell):
    heard = cell.answer("one two three four", max_tokens=16)
    assert cell.asked.max_tokens == 16 and heard.finish == "stop"
    heard = cell.answer(" ".join(["word"] * 30), max_tokens=16)
    assert heard.finish == "length"
    assert heard.text == "echo: " + "word " * 15


def check_usage(cell: Cell):
    usage = cell.answer("think hard", effort="high").usage
    assert usage["input"] == answers.INPUT_TOKENS
    assert usage["output"] == answers.OUTPUT_TOKENS
    if "ollama" not in (cell.target, cell.client.name):
        assert usage["cached"] == answers.CACHED_TOKENS
        assert usage["reasoning"] == answers.REASONING_TOKENS


WORDS = {  # of each dialect's errors, by the gateway's status
    "anthropic": {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error",
                  502: "api_error", 529: "overloaded_error"},
    "gemini": {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
               502: "INTERNAL", 503: "UNAVAILABLE"},
    "ollama": {},
}  # fmt: skip


def check_error(cell: Cell, scripted: fault.Fault, status: int, code: str) -> Heard:
    """The target fails in one way whenever it is asked."""
    cell.upstream.always(scripted)
    heard = cell.ask(cell.wish("hello"))
    if cell.client.name == "anthropic" and status == 503:
        status = 529
    assert heard.status == status, heard.raw
    word = WORDS[cell.client.name].get(status, "") if cell.client.name in WORDS else code
    assert heard.code == word, heard.raw
    assert heard.message
    # Our own word is told in every dialect, somewhere.
    assert code in json.dumps(heard.raw), heard.raw
    return heard


def check_rate_limit(cell: Cell):
    heard = check_error(cell, fault.status(429, retry_after="17"), 429, "upstream_rate_limited")
    assert heard.headers["retry-after"] == "17"


def check_overloaded(cell: Cell):
    heard = check_error(cell, fault.status(503, retry_after="19"), 503, "overloaded")
    assert heard.headers["retry-after"] == "19"


def check_bad_request(cell: Cell):
    check_error(cell, fault.status(400, "temperature: too hot"), 400, "invalid_request")


def check_wrong_key(cell: Cell):
    heard = check_error(cell, fault.status(401), 502, "upstream_auth")
    assert cell.upstream.key not in json.dumps(heard.raw)


def check_no_model(cell: Cell):
    bodies = {
        "openai": {"error": {"message": "The model `m` does not exist", "code": "model_not_found",
                             "type": "invalid_request_error", "param": None}},
        "anthropic": {"type": "error",
                      "error": {"type": "not_found_error", "message": "model: m"}},
        "gemini": {"error": {"code": 404, "status": "NOT_FOUND",
                             "message": "models/m is not found for API version v1beta"}},
        "ollama": {"error": "model 'm' not found"},
    }  # fmt: skip
    bodies["responses"] = bodies["openai"]
    scripted = fault.status(404, body=answers.encode(bodies[cell.target]))
    check_error(cell, scripted, 404, "model_unavailable")


def check_context(cell: Cell):
    bodies = {
        "openai": {"error": {"message": "This model's maximum context length is 10 tokens.",
                             "type": "invalid_request_error", "param": "messages",
                             "code": "context_length_exceeded"}},
        "anthropic": {"type": "error", "error": {"type": "invalid_request_error",
                      "message": "prompt is too long: 208310 tokens > 200000 maximum"}},
        "gemini": {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The input token "
                   "count (1200000) exceeds the maximum number of tokens allowed (1048576)."}},
        "ollama": {"error": "the input length exceeds the context length"},
    }  # fmt: skip
    bodies["responses"] = bodies["openai"]
    scripted = fault.status(400, body=answers.encode(bodies[cell.target]))
    check_error(cell, scripted, 400, "context_length_exceeded")


def check_filter(cell: Cell):
    heard = cell.answer("refuse this")
    if "ollama" in (cell.target, cell.client.name):
        assert heard.text == ""
    else:
        assert heard.finish == "content_filter"


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items())
          if name.startswith("check_")}  # fmt: skip


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("target", matrix.DIALECTS)
@pytest.mark.parametrize("client", matrix.DIALECTS)
@pytest.mark.parametrize("feature", matrix.FEATURES)
def test_cell(gateway, upstreams, feature, client, target, is_stream):
    cell = Cell(gateway, upstreams, client, target, is_stream)
    note = matrix.note_of(feature, client, target)
    if note and note.kind == "unsaid":
        with pytest.raises(CannotSay):
            CHECKS[feature](cell)
    elif note and note.kind == "refused":
        with pytest.raises(AssertionError):
            CHECKS[feature](cell)
        assert cell.upstream.calls == []
        extra = {"stop": {"stop": ["HALT"]}, "must_call": {"must_call": True, "tools": [WEATHER]}}
        heard = cell.ask(cell.wish("hello", **extra[feature]))
        assert (heard.status, "unsupported_capability" in json.dumps(heard.raw)) == (400, True)
    else:
        CHECKS[feature](cell)


def test_every_feature_has_its_check_and_every_note_its_cell():
    assert set(matrix.FEATURES) <= set(CHECKS)
    for feature, client, target in matrix.NOTES:
        assert feature in matrix.FEATURES
        assert {client, target} <= {*matrix.DIALECTS, "*"}


# Conversations that change their target ---------------------------------------------------------------

CALL_PLACES = {  # where each target's request holds the ids and arguments of calls made before
    "openai": lambda body: [
        (call["id"], call["function"]["arguments"])
        for message in body["messages"]
        for call in message.get("tool_calls", [])
    ],
    "responses": lambda body: [
        (item["call_id"], item["arguments"])
        for item in body["input"]
        if item.get("type") == "function_call"
    ],
    "anthropic": lambda body: [
        (block["id"], answers.compact(block["input"]))
        for message in body["messages"]
        for block in answers.parts_of(message["content"])
        if block["type"] == "tool_use"
    ],
    "gemini": lambda body: [
        (part["functionCall"].get("id", ""), answers.compact(part["functionCall"]["args"]))
        for content in body["contents"]
        for part in content["parts"]
        if "functionCall" in part
    ],
    "ollama": lambda body: [
        (call.get("id", ""), answers.compact(call["function"]["arguments"]))
        for message in body["messages"]
        for call in message.get("tool_calls", [])
    ],
}


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("other", matrix.DIALECTS)
@pytest.mark.parametrize("target", matrix.DIALECTS)
@pytest.mark.parametrize("client", matrix.DIALECTS)
def test_a_tool_loop_goes_through_another_target_and_back(
    gateway, upstreams, client, target, other, is_stream
):
    """Ids, order and arguments stay as they were, whoever is asked next."""
    cell = Cell(gateway, upstreams, client, target, is_stream)
    first = cell.answer("use tool weather Oslo Rome", tools=[WEATHER])
    second = cell.ask(cell.client.answered(first, ["rain", "sun"], model=f"{other}/m"))
    assert (second.status, second.text) == (200, "tool said: rain, sun"), second.raw
    third = cell.ask(cell.client.continued(second, "and now", model=f"{target}/m"))
    assert (third.status, third.text) == (200, "echo: and now"), third.raw

    calls = CALL_PLACES[target](cell.upstream.calls[-1].json)
    assert [arguments for _, arguments in calls] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    given = [call.id for call in cell.upstream.calls[0].reply.calls]
    if target in ("openai", "responses"):
        assert [identity for identity, _ in calls] == given or client in ("gemini", "ollama")
    if target == "anthropic" and client not in ("gemini", "ollama"):
        assert [identity for identity, _ in calls] == [i.replace("call_", "toolu_") for i in given]


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", matrix.DIALECTS)
def test_gemini_gets_the_signatures_of_its_calls_back(gateway, upstreams, client, is_stream):
    cell = Cell(gateway, upstreams, client, "gemini", is_stream)
    first = cell.answer("use tool weather Oslo", tools=[WEATHER])
    assert cell.ask(cell.client.answered(first, ["rain"])).text == "tool said: rain"
    # Where the client's dialect has no place for one, Gemini is told not to ask for it.
    has_place = client != "ollama"
    signature = "CpQB" if has_place else "skip_thought_signature_validator"
    assert signature in cell.upstream.calls[-1].body.decode()


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", matrix.DIALECTS)
def test_anthropic_gets_its_signed_thinking_back(gateway, upstreams, client, is_stream):
    cell = Cell(gateway, upstreams, client, "anthropic", is_stream)
    first = cell.answer("think hard", effort="high")
    assert cell.ask(cell.client.continued(first, "more")).text == "echo: more"
    sent = cell.upstream.calls[-1].body.decode()
    # What came without its signature would be refused; it stays behind.
    has_place = client != "ollama"
    assert ('"signature":"EqQB"' in sent.replace(" ", "")) == has_place
    assert (answers.REASONING in sent) == has_place


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("other", ["openai", "responses", "anthropic", "gemini"])
@pytest.mark.parametrize("client", ["openai", "responses", "anthropic", "gemini"])
@pytest.mark.parametrize("target, said", [("anthropic", "think hard"), ("gemini", "use tool weather")])
def test_seals_outlive_a_detour_and_no_other_vendor_gets_them(
    gateway, upstreams, client, target, other, said, is_stream
):
    cell = Cell(gateway, upstreams, client, target, is_stream)
    seal = {"anthropic": "EqQB", "gemini": "CpQB"}[target]
    first = cell.answer(said, tools=[WEATHER], effort="high" if target == "anthropic" else None)
    if target == "gemini":
        second = cell.ask(cell.client.answered(first, ["rain"], model=f"{other}/m"))
    else:
        second = cell.ask(cell.client.continued(first, "go on", model=f"{other}/m"))
    assert second.status == 200, second.raw
    elsewhere = upstreams[other].calls[-1].body.decode()
    # Marked seals are ours; to their maker they go back without the mark.
    assert "d2Vpcj" not in elsewhere
    # Between two of OpenAI's kind the client's text passes as it is, members of others included.
    passes = client == other == "openai"
    if other != target and not passes:
        assert seal not in elsewhere
    third = cell.ask(cell.client.continued(second, "and now", model=f"{target}/m"))
    assert (third.status, third.text) == (200, "echo: and now"), third.raw
    assert seal in cell.upstream.calls[-1].body.decode()
