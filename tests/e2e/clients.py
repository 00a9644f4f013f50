# SPDX-License-Identifier: Apache-2.0
"""Applications of every dialect: one neutral wish, said to the gateway in each client's own way, and
its answer heard back into neutral words.

    client = CLIENTS["anthropic"]
    heard = client.ask(gateway, Wish("openai/m", "use tool weather Oslo", tools=[WEATHER]))
    assert heard.calls[0].name == "weather"
    heard = client.ask(gateway, client.answered(heard, ["rain"]))

What a dialect has no member for raises `CannotSay`.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Iterable

from harness import Client, Weir

PIXEL_BASE64 = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class CannotSay(Exception):
    """The client's dialect has no words for the wish."""


@dataclasses.dataclass
class Tool:
    name: str
    parameters: dict[str, Any]
    description: str = "A tool"


WEATHER = Tool(
    "weather",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "The weather of a city",
)


@dataclasses.dataclass
class Wish:
    model: str
    text: str
    system: str = ""
    history: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # (role, text)
    has_image: bool = False
    tools: list[Tool] = dataclasses.field(default_factory=list)
    forced_tool: str = ""
    must_call: bool = False
    schema: dict[str, Any] | None = None
    effort: str = ""
    stop: list[str] = dataclasses.field(default_factory=list)
    max_tokens: int | None = None
    is_stream: bool = False
    # Turns of the client's own dialect that follow, as a client sends back what it was given.
    further: list[Any] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class HeardCall:
    id: str
    name: str
    arguments: str


@dataclasses.dataclass
class Heard:
    wish: Wish
    status: int
    headers: dict[str, str]
    raw: Any = None  # the whole answer, or the events of the stream
    text: str = ""
    reasoning: str = ""
    calls: list[HeardCall] = dataclasses.field(default_factory=list)
    finish: str = ""  # stop, length, tool_calls, content_filter
    usage: dict[str, int] = dataclasses.field(default_factory=dict)
    turn: list[Any] = dataclasses.field(default_factory=list)  # to be sent back as history
    code: str = ""  # of an error: the dialect's own word for it
    message: str = ""

    @property
    def arguments(self) -> list[Any]:
        return [json.loads(call.arguments) for call in self.calls]


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_sse(lines: Iterable[bytes]) -> list[tuple[str, str]]:
    """(event name, data) of each event."""
    events, name, data = [], "", []
    for line in lines:
        line = line.rstrip(b"\r\n")
        if line.startswith(b"event: "):
            name = line[7:].decode()
        elif line.startswith(b"data: "):
            data.append(line[6:].decode())
        elif not line and data:
            events.append((name, "\n".join(data)))
            name, data = "", []
        else:
            assert not line or line.startswith(b":"), line
    assert not data, f"a stream ends within an event: {data}"
    return events


class Dialect:
    """What all have in common: send, tell errors from answers, whole from streamed."""

    name = ""
    stream_type = "text/event-stream"
    headers: dict[str, str] = {}

    def path(self, wish: Wish) -> str:
        raise NotImplementedError

    def body(self, wish: Wish) -> dict[str, Any]:
        raise NotImplementedError

    def hear(self, answer: Any, heard: Heard) -> None:
        raise NotImplementedError

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        raise NotImplementedError

    def hear_error(self, answer: Any, heard: Heard) -> None:
        heard.code = answer["error"]["code"]
        heard.message = answer["error"]["message"]

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        """The turns that answer the calls."""
        raise NotImplementedError

    def answered(self, heard: Heard, results: list[str], model: str = "") -> Wish:
        """The next request of a tool loop: what was heard goes back as it came."""
        return dataclasses.replace(
            heard.wish,
            model=model or heard.wish.model,
            further=heard.wish.further + heard.turn + self.results(heard, results),
        )

    def continued(self, heard: Heard, text: str, model: str = "") -> Wish:
        """The next request of a conversation, after an answer without calls."""
        return dataclasses.replace(
            heard.wish,
            model=model or heard.wish.model,
            further=heard.wish.further + heard.turn + [self.user_turn(text)],
        )

    def user_turn(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def ask(self, weir: Weir, wish: Wish, headers: dict[str, str] | None = None) -> Heard:
        body = compact(self.body(wish)).encode()
        with Client(weir.port) as client:
            response = client.open("POST", self.path(wish), body, {**self.headers, **(headers or {})})
            fields = {name.lower(): value for name, value in response.getheaders()}
            heard = Heard(wish, response.status, fields)
            if response.status != 200:
                heard.raw = json.loads(response.read())
                self.hear_error(heard.raw, heard)
            elif wish.is_stream:
                assert fields["content-type"].startswith(self.stream_type), fields
                if self.stream_type == "text/event-stream":
                    events = read_sse(iter(response.readline, b""))
                else:
                    events = [("", line.decode()) for line in iter(response.readline, b"")]
                heard.raw = events
                self.hear_stream(events, heard)
            else:
                heard.raw = json.loads(response.read())
                self.hear(heard.raw, heard)
        return heard


def usage_of(input_: int, output: int, cached: int = 0, reasoning: int = 0) -> dict[str, int]:
    return {"input": input_, "output": output, "cached": cached, "reasoning": reasoning}


# OpenAI Chat Completions -----------------------------------------------------------------------------


class OpenAi(Dialect):
    name = "openai"

    def path(self, wish: Wish) -> str:
        return "/v1/chat/completions"

    def body(self, wish: Wish) -> dict[str, Any]:
        messages: list[Any] = []
        if wish.system:
            messages.append({"role": "system", "content": wish.system})
        messages += [{"role": role, "content": text} for role, text in wish.history]
        content: Any = wish.text
        if wish.has_image:
            url = "data:image/png;base64," + PIXEL_BASE64
            content = [
                {"type": "text", "text": wish.text},
                {"type": "image_url", "image_url": {"url": url}},
            ]
        messages += [{"role": "user", "content": content}, *wish.further]
        body: dict[str, Any] = {"model": wish.model, "messages": messages}
        if wish.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in wish.tools
            ]
        if wish.must_call:
            body["tool_choice"] = "required"
        if wish.forced_tool:
            body["tool_choice"] = {"type": "function", "function": {"name": wish.forced_tool}}
        if wish.schema:
            schema = {"name": "answer", "schema": wish.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if wish.effort:
            body["reasoning_effort"] = wish.effort
        if wish.stop:
            body["stop"] = wish.stop
        if wish.max_tokens:
            body["max_completion_tokens"] = wish.max_tokens
        if wish.is_stream:
            body.update(stream=True, stream_options={"include_usage": True})
        return body

    def hear_usage(self, usage: dict[str, Any], heard: Heard) -> None:
        heard.usage = usage_of(
            usage["prompt_tokens"],
            usage["completion_tokens"],
            (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0,
        )
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]

    def hear(self, answer: Any, heard: Heard) -> None:
        assert answer["object"] == "chat.completion"
        choice = answer["choices"][0]
        message = choice["message"]
        assert message["role"] == "assistant"
        heard.text = message.get("content") or ""
        heard.reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        heard.calls = [
            HeardCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or []
        ]
        heard.finish = choice["finish_reason"]
        heard.turn = [message]
        self.hear_usage(answer["usage"], heard)

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        assert events[-1][1] == "[DONE]"
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        calls: dict[int, dict[str, Any]] = {}
        for _, data in events[:-1]:
            chunk = json.loads(data)
            assert "error" not in chunk, chunk
            assert chunk["object"] == "chat.completion.chunk"
            if chunk.get("usage"):
                self.hear_usage(chunk["usage"], heard)
            for choice in chunk["choices"]:
                heard.finish = choice["finish_reason"] or heard.finish
                for name, value in choice["delta"].items():
                    if name == "tool_calls":
                        for piece in value:
                            self.join_call(calls, piece)
                    elif name == "reasoning_details":
                        message[name] = message.get(name, []) + value
                    elif isinstance(value, str) and name != "role":
                        message[name] = (message.get(name) or "") + value
        if calls:
            message["tool_calls"] = [call for _, call in sorted(calls.items())]
        whole = {"object": "chat.completion"}
        whole["choices"] = [{"finish_reason": heard.finish, "message": message}]  # type: ignore
        usage = heard.usage
        whole["usage"] = {  # type: ignore
            "prompt_tokens": usage["input"],
            "completion_tokens": usage["output"],
            "total_tokens": usage["input"] + usage["output"],
            "prompt_tokens_details": {"cached_tokens": usage["cached"]},
            "completion_tokens_details": {"reasoning_tokens": usage["reasoning"]},
        }
        self.hear(whole, heard)

    def join_call(self, calls: dict[int, dict[str, Any]], piece: dict[str, Any]) -> None:
        call = calls.setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
        for name, value in piece.items():
            if name == "function":
                for member, text in value.items():
                    call["function"][member] += text or ""
            elif name != "index":
                call[name] = value

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        return [
            {"role": "tool", "tool_call_id": call.id, "content": result}
            for call, result in zip(heard.calls, results, strict=True)
        ]


# OpenAI Responses ------------------------------------------------------------------------------------


class Responses(Dialect):
    name = "responses"

    def path(self, wish: Wish) -> str:
        return "/v1/responses"

    def body(self, wish: Wish) -> dict[str, Any]:
        if wish.stop:
            raise CannotSay("the Responses API has no stop sequences")
        items: list[Any] = [{"role": role, "content": text} for role, text in wish.history]
        content: Any = wish.text
        if wish.has_image:
            url = "data:image/png;base64," + PIXEL_BASE64
            content = [
                {"type": "input_text", "text": wish.text},
                {"type": "input_image", "image_url": url, "detail": "auto"},
            ]
        items += [{"role": "user", "content": content}, *wish.further]
        body: dict[str, Any] = {
            "model": wish.model,
            "input": items,
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if wish.system:
            body["instructions"] = wish.system
        if wish.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in wish.tools
            ]
        if wish.must_call:
            body["tool_choice"] = "required"
        if wish.forced_tool:
            body["tool_choice"] = {"type": "function", "name": wish.forced_tool}
        if wish.schema:
            body["text"] = {
                "format": {
                    "type": "json_schema", "name": "answer", "schema": wish.schema, "strict": True,
                }
            }  # fmt: skip
        if wish.effort:
            body["reasoning"] = {"effort": wish.effort, "summary": "auto"}
        if wish.max_tokens:
            body["max_output_tokens"] = wish.max_tokens
        if wish.is_stream:
            body["stream"] = True
        return body

    def hear(self, answer: Any, heard: Heard) -> None:
        assert answer["object"] == "response"
        for item in answer["output"]:
            if item["type"] == "message":
                heard.text += "".join(part.get("text", "") for part in item["content"])
                if any(part["type"] == "refusal" for part in item["content"]):
                    heard.finish = "content_filter"
            elif item["type"] == "function_call":
                heard.calls.append(HeardCall(item["call_id"], item["name"], item["arguments"]))
            elif item["type"] == "reasoning":
                parts = item.get("summary", []) + (item.get("content") or [])
                heard.reasoning += "".join(part["text"] for part in parts)
        reasons = {"max_output_tokens": "length", "content_filter": "content_filter"}
        if answer["status"] == "incomplete":
            heard.finish = reasons[answer["incomplete_details"]["reason"]]
        elif not heard.finish:
            assert answer["status"] == "completed", answer
            heard.finish = "tool_calls" if heard.calls else "stop"
        heard.turn = answer["output"]
        usage = answer["usage"]
        heard.usage = usage_of(
            usage["input_tokens"],
            usage["output_tokens"],
            usage["input_tokens_details"]["cached_tokens"],
            usage["output_tokens_details"]["reasoning_tokens"],
        )

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        parsed = [json.loads(data) for _, data in events]
        assert [event["type"] for event in parsed] == [name for name, _ in events]
        assert [event["sequence_number"] for event in parsed] == list(range(len(parsed)))
        assert parsed[0]["type"] == "response.created"
        last = parsed[-1]
        assert last["type"] in ("response.completed", "response.incomplete"), last
        self.hear(last["response"], heard)
        deltas = [e["delta"] for e in parsed if e["type"] == "response.output_text.delta"]
        assert "".join(deltas) == heard.text
        arguments: dict[int, str] = {}
        for event in parsed:
            if event["type"] == "response.function_call_arguments.delta":
                index = event["output_index"]
                arguments[index] = arguments.get(index, "") + event["delta"]
        told = [text for _, text in sorted(arguments.items())]
        assert told == [call.arguments for call in heard.calls if call.arguments], parsed

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        return [
            {"type": "function_call_output", "call_id": call.id, "output": result}
            for call, result in zip(heard.calls, results, strict=True)
        ]


# Anthropic Messages ----------------------------------------------------------------------------------

EFFORT_BUDGETS = {"low": 1024, "medium": 8192, "high": 24576}


class Anthropic(Dialect):
    name = "anthropic"
    headers = {"anthropic-version": "2023-06-01"}

    def path(self, wish: Wish) -> str:
        return "/v1/messages"

    def body(self, wish: Wish) -> dict[str, Any]:
        messages: list[Any] = [{"role": role, "content": text} for role, text in wish.history]
        content: Any = wish.text
        if wish.has_image:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL_BASE64}
            content = [{"type": "text", "text": wish.text}, {"type": "image", "source": source}]
        messages += [{"role": "user", "content": content}, *wish.further]
        body: dict[str, Any] = {
            "model": wish.model,
            "max_tokens": wish.max_tokens or 32_000,
            "messages": messages,
        }
        if wish.system:
            body["system"] = wish.system
        if wish.tools:
            body["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.parameters,
                }
                for tool in wish.tools
            ]
        if wish.must_call:
            body["tool_choice"] = {"type": "any"}
        if wish.forced_tool:
            body["tool_choice"] = {"type": "tool", "name": wish.forced_tool}
        if wish.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": wish.schema}}
        if wish.effort:
            budget = EFFORT_BUDGETS[wish.effort]
            body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        if wish.stop:
            body["stop_sequences"] = wish.stop
        if wish.is_stream:
            body["stream"] = True
        return body

    def hear(self, answer: Any, heard: Heard) -> None:
        assert (answer["type"], answer["role"]) == ("message", "assistant")
        for block in answer["content"]:
            if block["type"] == "text":
                heard.text += block["text"]
            elif block["type"] == "thinking":
                heard.reasoning += block["thinking"]
            elif block["type"] == "tool_use":
                heard.calls.append(HeardCall(block["id"], block["name"], compact(block["input"])))
        words = {
            "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length",
            "tool_use": "tool_calls", "refusal": "content_filter",
        }  # fmt: skip
        heard.finish = words[answer["stop_reason"]]
        heard.turn = [{"role": "assistant", "content": answer["content"]}]
        usage = answer["usage"]
        cached = usage.get("cache_read_input_tokens") or 0
        heard.usage = usage_of(
            usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0),
            usage["output_tokens"],
            cached,
            (usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0,
        )

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        parsed = [json.loads(data) for _, data in events]
        assert [event["type"] for event in parsed] == [name for name, _ in events]
        parsed = [event for event in parsed if event["type"] != "ping"]
        assert (parsed[0]["type"], parsed[-1]["type"]) == ("message_start", "message_stop"), parsed
        message = parsed[0]["message"]
        open_block, text = None, ""
        for event in parsed[1:-1]:
            if event["type"] == "content_block_start":
                assert open_block is None and event["index"] == len(message["content"])
                open_block, text = dict(event["content_block"]), ""
            elif event["type"] == "content_block_delta":
                assert event["index"] == len(message["content"])
                text += self.join_delta(open_block, event["delta"])
            elif event["type"] == "content_block_stop":
                if open_block["type"] == "tool_use":
                    open_block["input"] = json.loads(text or "{}")
                message["content"].append(open_block)
                open_block = None
            else:
                assert event["type"] == "message_delta" and open_block is None, event
                message.update(event["delta"])
                message["usage"].update(event["usage"])
        self.hear(message, heard)

    def join_delta(self, block: Any, delta: dict[str, Any]) -> str:
        """Adds a piece to an open block; what of it is JSON that only the end makes whole."""
        members = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
        if delta["type"] == "input_json_delta":
            return delta["partial_json"]
        member = members[delta["type"]]
        block[member] = block.get(member, "") + delta[member]
        return ""

    def hear_error(self, answer: Any, heard: Heard) -> None:
        assert answer["type"] == "error"
        heard.code, heard.message = answer["error"]["type"], answer["error"]["message"]

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        blocks = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result}
            for call, result in zip(heard.calls, results, strict=True)
        ]
        return [{"role": "user", "content": blocks}]


# Gemini ----------------------------------------------------------------------------------------------


class Gemini(Dialect):
    name = "gemini"

    def path(self, wish: Wish) -> str:
        verb = "streamGenerateContent?alt=sse" if wish.is_stream else "generateContent"
        return f"/v1beta/models/{wish.model}:{verb}"

    def user_turn(self, text: str) -> Any:
        return {"role": "user", "parts": [{"text": text}]}

    def body(self, wish: Wish) -> dict[str, Any]:
        roles = {"user": "user", "assistant": "model"}
        contents: list[Any] = [
            {"role": roles[role], "parts": [{"text": text}]} for role, text in wish.history
        ]
        parts: list[Any] = [{"text": wish.text}]
        if wish.has_image:
            parts.append({"inlineData": {"mimeType": "image/png", "data": PIXEL_BASE64}})
        contents += [{"role": "user", "parts": parts}, *wish.further]
        body: dict[str, Any] = {"contents": contents}
        if wish.system:
            body["systemInstruction"] = {"parts": [{"text": wish.system}]}
        if wish.tools:
            body["tools"] = [
                {
                    "functionDeclarations": [
                        {
                            "name": tool.name,
                            "description": tool.description,
                            "parametersJsonSchema": tool.parameters,
                        }
                        for tool in wish.tools
                    ]
                }
            ]
        calling: dict[str, Any] = {"mode": "ANY"}
        if wish.forced_tool:
            calling["allowedFunctionNames"] = [wish.forced_tool]
        if wish.must_call or wish.forced_tool:
            body["toolConfig"] = {"functionCallingConfig": calling}
        config: dict[str, Any] = {}
        if wish.schema:
            config.update(responseMimeType="application/json", responseJsonSchema=wish.schema)
        if wish.effort:
            budget = EFFORT_BUDGETS[wish.effort]
            config["thinkingConfig"] = {"thinkingBudget": budget, "includeThoughts": True}
        if wish.stop:
            config["stopSequences"] = wish.stop
        if wish.max_tokens:
            config["maxOutputTokens"] = wish.max_tokens
        if config:
            body["generationConfig"] = config
        return body

    def hear(self, answer: Any, heard: Heard) -> None:
        self.hear_frames([answer], heard)

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        self.hear_frames([json.loads(data) for _, data in events], heard)

    def hear_frames(self, frames: list[Any], heard: Heard) -> None:
        turn = []
        for frame in frames:
            assert "error" not in frame, frame
            for candidate in frame.get("candidates", []):
                parts = candidate.get("content", {}).get("parts", [])
                turn += parts
                heard.finish = candidate.get("finishReason") or heard.finish
            meta = frame.get("usageMetadata")
            if meta:
                thoughts = meta.get("thoughtsTokenCount") or 0
                heard.usage = usage_of(
                    meta.get("promptTokenCount") or 0,
                    (meta.get("candidatesTokenCount") or 0) + thoughts,
                    meta.get("cachedContentTokenCount") or 0,
                    thoughts,
                )
        for part in turn:
            if "functionCall" in part:
                call = part["functionCall"]
                arguments = compact(call.get("args", {}))
                heard.calls.append(HeardCall(call.get("id", ""), call["name"], arguments))
            elif part.get("thought"):
                heard.reasoning += part["text"]
            else:
                heard.text += part.get("text", "")
        words = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter"}
        heard.finish = words[heard.finish]
        if heard.calls and heard.finish == "stop":
            heard.finish = "tool_calls"
        heard.turn = [{"role": "model", "parts": turn}]

    def hear_error(self, answer: Any, heard: Heard) -> None:
        assert answer["error"]["code"] == heard.status
        heard.code, heard.message = answer["error"]["status"], answer["error"]["message"]

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        parts = []
        for call, result in zip(heard.calls, results, strict=True):
            response = {"name": call.name, "response": {"output": result}}
            parts.append({"functionResponse": {**({"id": call.id} if call.id else {}), **response}})
        return [{"role": "user", "parts": parts}]


# Ollama ----------------------------------------------------------------------------------------------


class Ollama(Dialect):
    name = "ollama"
    stream_type = "application/x-ndjson"

    def path(self, wish: Wish) -> str:
        return "/api/chat"

    def body(self, wish: Wish) -> dict[str, Any]:
        if wish.must_call or wish.forced_tool:
            raise CannotSay("Ollama has no choice of tools")
        messages: list[Any] = []
        if wish.system:
            messages.append({"role": "system", "content": wish.system})
        messages += [{"role": role, "content": text} for role, text in wish.history]
        last: dict[str, Any] = {"role": "user", "content": wish.text}
        if wish.has_image:
            last["images"] = [PIXEL_BASE64]
        body: dict[str, Any] = {"model": wish.model, "messages": [*messages, last, *wish.further]}
        if wish.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in wish.tools
            ]
        if wish.schema:
            body["format"] = wish.schema
        if wish.effort:
            body["think"] = wish.effort
        options: dict[str, Any] = {}
        if wish.stop:
            options["stop"] = wish.stop
        if wish.max_tokens:
            options["num_predict"] = wish.max_tokens
        if options:
            body["options"] = options
        if not wish.is_stream:
            body["stream"] = False
        return body

    def hear(self, answer: Any, heard: Heard) -> None:
        self.hear_frames([answer], heard)

    def hear_stream(self, events: list[tuple[str, str]], heard: Heard) -> None:
        self.hear_frames([json.loads(data) for _, data in events], heard)

    def hear_frames(self, frames: list[Any], heard: Heard) -> None:
        assert all("error" not in frame for frame in frames), frames
        assert [frame["done"] for frame in frames] == [False] * (len(frames) - 1) + [True], frames
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        for frame in frames:
            piece = frame["message"]
            assert piece["role"] == "assistant"
            message["content"] += piece.get("content", "")
            if piece.get("thinking"):
                message["thinking"] = message.get("thinking", "") + piece["thinking"]
            message.setdefault("tool_calls", []).extend(piece.get("tool_calls") or [])
        for call in message["tool_calls"]:
            function = call["function"]
            heard.calls.append(
                HeardCall(call.get("id", ""), function["name"], compact(function["arguments"]))
            )
        heard.text, heard.reasoning = message["content"], message.get("thinking", "")
        heard.turn = [message]
        last = frames[-1]
        heard.finish = "tool_calls" if heard.calls else last["done_reason"]
        heard.usage = usage_of(last["prompt_eval_count"], last["eval_count"])

    def hear_error(self, answer: Any, heard: Heard) -> None:
        heard.message = answer["error"]

    def results(self, heard: Heard, results: list[str]) -> list[Any]:
        turns = []
        for call, result in zip(heard.calls, results, strict=True):
            turn = {"role": "tool", "content": result, "tool_name": call.name}
            turns.append({**turn, **({"tool_call_id": call.id} if call.id else {})})
        return turns


CLIENTS: dict[str, Dialect] = {
    client.name: client for client in (OpenAi(), Responses(), Anthropic(), Gemini(), Ollama())
}
