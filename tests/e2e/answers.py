# SPDX-License-Identifier: Apache-2.0
"""What the scripted upstream answers: one neutral reply, written in each provider's wire format.

A request in any dialect is read into an `Ask`; `reply_to` makes the `Reply`; `DIALECTS` writes it,
whole or as the pieces of a stream. The rules of the reply are simple enough to be known by heart:

    "use tool NAME A B"   calls NAME twice, its first parameter being A, then B, after "Checking."
    tool results          "tool said: R1, R2"
    a JSON schema         an object that fits it; strings hold the last user text
    "think ..."           gives some reasoning first
    "refuse ..."          is refused by the provider's filter
    anything else         "echo: <last user text>", cut to max_tokens words (finish: length)

Every reply has the same usage, so that tests can name the numbers.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from typing import Any, Callable, Iterable

INPUT_TOKENS = 58
CACHED_TOKENS = 10  # part of the input; Ollama can't say it
OUTPUT_TOKENS = 42
REASONING_TOKENS = 12  # part of the output, when there was reasoning
REASONING = "Considering the question."
CREATED = 1_790_000_000
CREATED_TEXT = "2026-09-21T14:13:20.000000001Z"


class Refused(Exception):
    """The request is not one that the provider would take; answered with 400."""


@dataclasses.dataclass
class Turn:
    """One message, whatever the dialect calls it."""

    role: str  # system, user, assistant, tool
    text: str = ""
    images: int = 0
    results: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Ask:
    """What of a request decides its answer."""

    model: str
    turns: list[Turn]
    tools: dict[str, dict[str, Any]]  # name -> JSON Schema of the parameters
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    choices: int = 1
    is_stream: bool = False
    wants_usage: bool = True
    stop: list[str] = dataclasses.field(default_factory=list)
    tool_choice: str = "auto"  # auto, none, any, or the name of the tool that must be called
    thinks: bool = False  # reasoning was asked for

    @property
    def user_text(self) -> str:
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def results(self) -> list[str]:
        """Tool results that came after the last answer of the model."""
        found: list[str] = []
        for turn in reversed(self.turns):
            if turn.role == "assistant":
                break
            found = turn.results + found
        return found

    @property
    def images(self) -> int:
        return sum(turn.images for turn in self.turns)


@dataclasses.dataclass
class Call:
    name: str
    arguments: dict[str, Any]
    id: str


@dataclasses.dataclass
class Reply:
    text: str
    calls: list[Call] = dataclasses.field(default_factory=list)
    reasoning: str = ""
    finish: str = "stop"  # stop, length, tool_calls, content_filter

    @property
    def reasoning_tokens(self) -> int:
        return REASONING_TOKENS if self.reasoning else 0

    def pieces(self) -> list[str]:
        """The text as a stream cuts it: word by word, spaces kept."""
        return re.findall(r"\S+\s*|\s+", self.text)


@dataclasses.dataclass
class Events:
    """A stream: frames before the first content, the content, and what makes it complete."""

    start: list[bytes]
    content: list[bytes]
    end: list[bytes]


def reply_to(ask: Ask) -> Reply:
    text = ask.user_text
    if text.startswith("refuse"):
        return Reply("", finish="content_filter")
    if ask.results:
        return Reply("tool said: " + ", ".join(ask.results))
    whole = re.search(r"use tool (\w+) (\{[^{}]*\})", text)
    if whole and whole[1] in ask.tools:
        call = Call(whole[1], json.loads(whole[2]), "call_0abcdefgh")
        return Reply("Checking.", [call], finish="tool_calls")
    order = re.search(r"use tool (\w+)((?: \w+)*)", text)
    if order and order[1] in ask.tools:
        parameters = list(ask.tools[order[1]].get("properties", {}))
        values = order[2].split() if parameters else [""]
        calls = [
            Call(order[1], {parameters[0]: value} if parameters else {}, f"call_{position}abcdefgh")
            for position, value in enumerate(values or [""])
        ]
        return Reply("Checking.", calls, finish="tool_calls")
    if ask.schema is not None:
        return Reply(json.dumps(instance_of(ask.schema, text)))
    seen = f" [{ask.images} images]" if ask.images else ""
    reply = Reply("echo: " + text + seen, reasoning=REASONING if text.startswith("think") else "")
    if ask.max_tokens is not None and len(reply.pieces()) > ask.max_tokens:
        reply.text, reply.finish = "".join(reply.pieces()[: ask.max_tokens]), "length"
    return reply


def instance_of(schema: dict[str, Any], text: str) -> Any:
    """A small value that fits `schema` (the parts of it that the tests use)."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        members = schema.get("properties", {})
        return {name: instance_of(member, text) for name, member in members.items()}
    if kind == "array":
        return [instance_of(schema.get("items", {"type": "string"}), text)]
    return {"string": text, "integer": 7, "number": 0.5, "boolean": True}.get(kind)


def vector_of(text: str) -> list[float]:
    """An embedding that tells texts apart; every number is exact as a 32-bit float."""
    data = text.encode()
    return [len(data) / 64, sum(data) % 256 / 256, 0.5, -0.25]


def pack_vector(vector: list[float]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def encode(value: Any) -> bytes:
    return compact(value).encode()


def sse(value: Any, event: str = "") -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {compact(value)}\n\n".encode()


def need(condition: bool, message: str) -> None:
    if not condition:
        raise Refused(message)


def parts_of(content: Any) -> list[dict[str, Any]]:
    """A content member that may be a string or a list of parts, as a list."""
    if content is None:
        return []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def text_of(parts: Iterable[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))


# OpenAI chat completions ---------------------------------------------------------------------------


def read_openai(body: dict[str, Any]) -> Ask:
    need(isinstance(body.get("messages"), list) and body["messages"], "messages: missing")
    turns, open_calls = [], []
    for message in body["messages"]:
        parts = parts_of(message.get("content"))
        images = [part for part in parts if part.get("type") == "image_url"]
        need(all("url" in part["image_url"] for part in images), "image_url: no url")
        turn = Turn(message["role"].replace("developer", "system"), text_of(parts), len(images))
        if turn.role == "tool":
            need(message.get("tool_call_id") in open_calls, "tool_call_id: no such call")
            open_calls.remove(message["tool_call_id"])
            turn.results, turn.text = [turn.text], ""
        else:
            need(not open_calls, "messages: a tool call has no result")
        open_calls += [call["id"] for call in message.get("tool_calls", [])]
        turns.append(turn)
    need(not open_calls, "messages: a tool call has no result")
    output = body.get("response_format", {})
    return Ask(
        model=body["model"],
        turns=turns,
        tools={
            tool["function"]["name"]: tool["function"].get("parameters", {})
            for tool in body.get("tools", [])
        },
        schema=output["json_schema"]["schema"] if output.get("type") == "json_schema" else None,
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        choices=body.get("n") or 1,
        is_stream=body.get("stream") is True,
        wants_usage=(body.get("stream_options") or {}).get("include_usage") is True,
        stop=[body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or [],
        tool_choice=openai_tool_choice(body.get("tool_choice", "auto")),
        thinks=body.get("reasoning_effort", "none") != "none",
    )


def openai_tool_choice(choice: Any) -> str:
    if isinstance(choice, str):
        return {"required": "any"}.get(choice, choice)
    return choice.get("name") or choice["function"]["name"]


def openai_usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }


def write_openai(ask: Ask, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": compact(call.arguments)},
            }
            for call in reply.calls
        ]
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    return {
        "id": "chatcmpl-up1",
        "object": "chat.completion",
        "created": CREATED,
        "model": ask.model,
        "choices": [
            {"index": index, "finish_reason": reply.finish, "logprobs": None, "message": message}
            for index in range(ask.choices)
        ],
        "usage": openai_usage(reply),
        "x_upstream_extra": {"kept": True},
    }


def stream_openai(ask: Ask, reply: Reply) -> Events:
    def chunk(choices: list[dict[str, Any]], **members: Any) -> bytes:
        head = {"id": "chatcmpl-up1", "object": "chat.completion.chunk", "created": CREATED}
        if ask.wants_usage:
            members.setdefault("usage", None)
        return sse({**head, "model": ask.model, "choices": choices, **members})

    def all_choices(delta: dict[str, Any], finish: str | None = None) -> list[bytes]:
        return [
            chunk([{"index": index, "delta": delta, "finish_reason": finish}])
            for index in range(ask.choices)
        ]

    content: list[bytes] = []
    if reply.reasoning:
        content += all_choices({"reasoning_content": reply.reasoning})
    for piece in reply.pieces():
        content += all_choices({"content": piece})
    for index, call in enumerate(reply.calls):
        opened = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": call.id, "type": "function", "function": opened}
        content += all_choices({"tool_calls": [first]})
        text = compact(call.arguments)
        for part in (text[:4], text[4:]):
            delta = {"index": index, "function": {"arguments": part}}
            content += all_choices({"tool_calls": [delta]})
    end = all_choices({}, reply.finish)
    if ask.wants_usage:
        end.append(chunk([], usage=openai_usage(reply)))
    return Events(
        all_choices({"role": "assistant", "content": ""}), content, end + [b"data: [DONE]\n\n"]
    )


def openai_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 429 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# OpenAI responses ----------------------------------------------------------------------------------


def read_responses(body: dict[str, Any]) -> Ask:
    items = body.get("input")
    need(bool(items), "input: missing")
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    turns = [Turn("system", body["instructions"])] if body.get("instructions") else []
    open_calls = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            parts = parts_of(item["content"])
            images = sum(part["type"] == "input_image" for part in parts)
            turns.append(Turn(item["role"].replace("developer", "system"), text_of(parts), images))
        elif kind == "function_call":
            json.loads(item["arguments"])
            open_calls.append(item["call_id"])
            turns.append(Turn("assistant"))
        elif kind == "function_call_output":
            need(item["call_id"] in open_calls, "call_id: no such call")
            turns.append(Turn("tool", results=[text_of(parts_of(item["output"]))]))
    output = body.get("text", {}).get("format", {})
    return Ask(
        model=body["model"],
        turns=turns,
        tools={
            tool["name"]: tool.get("parameters") or {}
            for tool in body.get("tools", [])
            if "name" in tool  # the hosted ones have none
        },
        schema=output["schema"] if output.get("type") == "json_schema" else None,
        max_tokens=body.get("max_output_tokens"),
        is_stream=body.get("stream") is True,
        tool_choice=openai_tool_choice(body.get("tool_choice", "auto")),
        thinks=(body.get("reasoning") or {}).get("effort", "none") != "none",
    )


def responses_items(reply: Reply) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        items.append({"type": "reasoning", "id": "rs_1", "summary": summary})
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        items.append({**message, "content": [part]})
    for index, call in enumerate(reply.calls):
        head = {"type": "function_call", "id": f"fc_{index}", "call_id": call.id}
        arguments = compact(call.arguments)
        items.append({**head, "name": call.name, "arguments": arguments, "status": "completed"})
    return items


def write_responses(ask: Ask, reply: Reply) -> dict[str, Any]:
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    reason = reasons.get(reply.finish)
    return {
        "id": "resp_up1",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": ask.model,
        "output": responses_items(reply),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
            "output_tokens": OUTPUT_TOKENS,
            "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    }


def stream_responses(ask: Ask, reply: Reply) -> Events:
    count = iter(range(10_000))

    def event(kind: str, **members: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(count), **members}, kind)

    done = write_responses(ask, reply)
    begun = {**done, "status": "in_progress", "output": [], "usage": None}
    start = [event("response.created", response=begun), event("response.in_progress", response=begun)]
    content = []
    for index, item in enumerate(done["output"]):
        at = {"item_id": item["id"], "output_index": index}
        opened = {**item, "status": "in_progress"}
        if item["type"] == "message":
            opened["content"] = []
        elif item["type"] == "function_call":
            opened["arguments"] = ""
        else:
            opened["summary"] = []
        content.append(event("response.output_item.added", output_index=index, item=opened))
        if item["type"] == "message":
            part = {"type": "output_text", "text": "", "annotations": []}
            at["content_index"] = 0
            content.append(event("response.content_part.added", **at, part=part))
            for piece in reply.pieces():
                content.append(event("response.output_text.delta", **at, delta=piece, logprobs=[]))
            text = reply.text
            content.append(event("response.output_text.done", **at, text=text, logprobs=[]))
            content.append(event("response.content_part.done", **at, part=item["content"][0]))
        elif item["type"] == "function_call":
            text = item["arguments"]
            for part in (text[:4], text[4:]):
                content.append(event("response.function_call_arguments.delta", **at, delta=part))
            content.append(event("response.function_call_arguments.done", **at, arguments=text))
        else:
            at["summary_index"] = 0
            part = item["summary"][0]
            empty = {"type": "summary_text", "text": ""}
            text = part["text"]
            content.append(event("response.reasoning_summary_part.added", **at, part=empty))
            content.append(event("response.reasoning_summary_text.delta", **at, delta=text))
            content.append(event("response.reasoning_summary_text.done", **at, text=text))
            content.append(event("response.reasoning_summary_part.done", **at, part=part))
        content.append(event("response.output_item.done", output_index=index, item=item))
    return Events(start, content, [event(f"response.{done['status']}", response=done)])


# Anthropic -----------------------------------------------------------------------------------------


def read_anthropic(body: dict[str, Any]) -> Ask:
    need(isinstance(body.get("max_tokens"), int), "max_tokens: Field required")
    turns = [Turn("system", text_of(parts_of(body.get("system"))))]
    need(bool(body.get("messages")), "messages: at least one message is required")
    open_calls: list[str] = []
    for message in body["messages"]:
        blocks = parts_of(message["content"])
        need(bool(blocks), "messages: content must be non-empty")
        need(all(b["text"] for b in blocks if b["type"] == "text"), "text blocks must be non-empty")
        results = [block for block in blocks if block["type"] == "tool_result"]
        need(blocks[: len(results)] == results, "tool_result blocks must come first")
        answered = [block["tool_use_id"] for block in results]
        need(sorted(answered) == sorted(open_calls), "tool_use ids without tool_result blocks")
        calls = [block for block in blocks if block["type"] == "tool_use"]
        need(all(isinstance(call["input"], dict) for call in calls), "input: must be an object")
        open_calls = [call["id"] for call in calls]
        turns.append(
            Turn(
                message["role"],
                text_of(block for block in blocks if block["type"] == "text"),
                sum(block["type"] == "image" for block in blocks),
                [text_of(parts_of(block.get("content"))) for block in results],
            )
        )
    need(not open_calls, "tool_use ids without tool_result blocks")
    need(turns[1].role == "user", "messages: first message must use the user role")
    output = body.get("output_config", {}).get("format")
    choice = body.get("tool_choice", {"type": "auto"})
    return Ask(
        model=body["model"],
        turns=turns,
        tools={tool["name"]: tool["input_schema"] for tool in body.get("tools", [])},
        schema=output["schema"] if output else None,
        max_tokens=body["max_tokens"],
        is_stream=body.get("stream") is True,
        stop=body.get("stop_sequences", []),
        tool_choice=choice.get("name") or choice["type"],
        thinks=body.get("thinking", {}).get("type", "disabled") != "disabled",
    )


ANTHROPIC_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def anthropic_blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.reasoning:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": "EqQB"})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for call in reply.calls:
        identity = call.id.replace("call_", "toolu_")
        blocks.append(
            {"type": "tool_use", "id": identity, "name": call.name, "input": call.arguments}
        )
    return blocks


def anthropic_usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
        "cache_read_input_tokens": CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"thinking_tokens": reply.reasoning_tokens},
    }


def write_anthropic(ask: Ask, reply: Reply) -> dict[str, Any]:
    return {
        "id": "msg_up1",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": anthropic_blocks(reply),
        "stop_reason": ANTHROPIC_FINISH[reply.finish],
        "stop_sequence": None,
        "usage": anthropic_usage(reply),
    }


def stream_anthropic(ask: Ask, reply: Reply) -> Events:
    def event(kind: str, **members: Any) -> bytes:
        return sse({"type": kind, **members}, kind)

    message = {**write_anthropic(ask, reply), "content": [], "stop_reason": None}
    message["usage"] = {**anthropic_usage(reply), "output_tokens": 1}
    content = []
    for index, block in enumerate(anthropic_blocks(reply)):
        if block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        elif block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces()]
        else:
            empty = {**block, "input": {}}
            text = compact(block["input"]) if block["input"] else ""
            pieces = [text[:4], text[4:]] if text else []
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        content.append(event("content_block_start", index=index, content_block=empty))
        content += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        content.append(event("content_block_stop", index=index))
    delta = {"stop_reason": ANTHROPIC_FINISH[reply.finish], "stop_sequence": None}
    usage = {
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"thinking_tokens": reply.reasoning_tokens},
    }
    return Events(
        [event("message_start", message=message), event("ping")],
        content,
        [event("message_delta", delta=delta, usage=usage), event("message_stop")],
    )


def anthropic_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"}


# Gemini --------------------------------------------------------------------------------------------

GEMINI_TOP_LEVEL = {
    "contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig",
    "cachedContent", "serviceTier",
}  # fmt: skip


def read_gemini(body: dict[str, Any]) -> Ask:
    for name in body:
        need(name in GEMINI_TOP_LEVEL, f'Unknown name "{name}": Cannot find field.')
    need(bool(body.get("contents")), "contents is not specified")
    turns = [Turn("system", text_of(body.get("systemInstruction", {}).get("parts", [])))]
    open_calls: list[str] = []
    for content in body["contents"]:
        parts = content["parts"]
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        names = [answer["name"] for answer in answers]
        need(sorted(names) == sorted(open_calls), "function response parts must match the calls")
        open_calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        results = [answer["response"].get("output") or compact(answer["response"])
                   for answer in answers]  # fmt: skip
        turns.append(
            Turn(
                {"model": "assistant"}.get(content["role"], content["role"]),
                text_of(part for part in parts if not part.get("thought")),
                sum("inlineData" in part or "fileData" in part for part in parts),
                results,
            )
        )
    config = body.get("generationConfig", {})
    functions = [function for tool in body.get("tools", [])
                 for function in tool.get("functionDeclarations", [])]  # fmt: skip
    return Ask(
        model="",
        turns=turns,
        tools={
            function["name"]: function.get("parametersJsonSchema")
            or function.get("parameters_json_schema")  # as Google's own SDK for Python says it
            or function.get("parameters", {})
            for function in functions
        },
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        max_tokens=config.get("maxOutputTokens"),
        stop=config.get("stopSequences", []),
        tool_choice=gemini_tool_choice(body.get("toolConfig", {}).get("functionCallingConfig", {})),
        thinks=bool(config.get("thinkingConfig")),
    )


def gemini_tool_choice(config: dict[str, Any]) -> str:
    allowed = config.get("allowedFunctionNames", [])
    return allowed[0] if len(allowed) == 1 else config.get("mode", "AUTO").lower()


GEMINI_FINISH = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}


def gemini_frame(ask: Ask, parts: list[dict[str, Any]], finish: str | None, usage: dict[str, Any]):
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": ask.model,
        "responseId": "upr1",
    }


def gemini_parts(reply: Reply) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(thought, call) parts; the text stands between them."""
    thoughts = [{"text": reply.reasoning, "thought": True}] if reply.reasoning else []
    calls: list[dict[str, Any]] = []
    for call in reply.calls:
        calls.append({"functionCall": {"name": call.name, "args": call.arguments}})
    if calls:
        calls[0]["thoughtSignature"] = "CpQB"
    return thoughts, calls


def gemini_usage(reply: Reply) -> dict[str, Any]:
    return {
        "promptTokenCount": INPUT_TOKENS,
        "cachedContentTokenCount": CACHED_TOKENS,
        "candidatesTokenCount": OUTPUT_TOKENS - reply.reasoning_tokens,
        "thoughtsTokenCount": reply.reasoning_tokens,
        "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
    }


def write_gemini(ask: Ask, reply: Reply) -> dict[str, Any]:
    thoughts, calls = gemini_parts(reply)
    text = [{"text": reply.text}] if reply.text else []
    finish = GEMINI_FINISH[reply.finish]
    return gemini_frame(ask, thoughts + text + calls, finish, gemini_usage(reply))


def stream_gemini(ask: Ask, reply: Reply) -> Events:
    early = {"promptTokenCount": INPUT_TOKENS, "totalTokenCount": INPUT_TOKENS}
    thoughts, calls = gemini_parts(reply)
    frames = [[part] for part in thoughts] + [[{"text": piece}] for piece in reply.pieces()]
    if calls:
        frames.append(calls)
    content = [sse(gemini_frame(ask, parts, None, early)) for parts in frames]
    last = gemini_frame(ask, [], GEMINI_FINISH[reply.finish], gemini_usage(reply))
    return Events([], content, [sse(last)])


def gemini_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND",
             429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}  # fmt: skip
    name = names.get(status, "INTERNAL")
    return {"error": {"code": status, "message": message, "status": name}}


# Ollama --------------------------------------------------------------------------------------------


def read_ollama(body: dict[str, Any]) -> Ask:
    turns = []
    for message in body["messages"]:
        need(isinstance(message.get("content", ""), str), "content must be of type string")
        for call in message.get("tool_calls", []):
            need(isinstance(call["function"]["arguments"], dict), "arguments must be an object")
        turn = Turn(message["role"], message.get("content", ""), len(message.get("images", [])))
        if turn.role == "tool":
            need(bool(message.get("tool_name")), "tool_name: missing")
            turn.results, turn.text = [turn.text], ""
        turns.append(turn)
    output = body.get("format")
    return Ask(
        model=body["model"],
        turns=turns,
        tools={
            tool["function"]["name"]: tool["function"].get("parameters", {})
            for tool in body.get("tools", [])
        },
        schema=output if isinstance(output, dict) else None,
        max_tokens=body.get("options", {}).get("num_predict"),
        is_stream=body.get("stream", True),
        stop=body.get("options", {}).get("stop", []),
        thinks=bool(body.get("think")),
    )


def ollama_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"function": {"index": index, "name": call.name, "arguments": call.arguments}}
        for index, call in enumerate(reply.calls)
    ]


def ollama_line(ask: Ask, message: dict[str, Any], **members: Any) -> dict[str, Any]:
    whole = {"role": "assistant", "content": "", **message}
    return {"model": ask.model, "created_at": CREATED_TEXT, "message": whole, **members}


def ollama_end(reply: Reply) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "length" if reply.finish == "length" else "stop",
        "total_duration": 900_000_000,
        "load_duration": 9_000_000,
        "prompt_eval_count": INPUT_TOKENS,
        "prompt_eval_duration": 90_000_000,
        "eval_count": OUTPUT_TOKENS,
        "eval_duration": 400_000_000,
    }


def write_ollama(ask: Ask, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"content": reply.text}
    if reply.reasoning:
        message["thinking"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = ollama_calls(reply)
    return ollama_line(ask, message, **ollama_end(reply))


def stream_ollama(ask: Ask, reply: Reply) -> Events:
    messages = [{"thinking": reply.reasoning}] if reply.reasoning else []
    messages += [{"content": piece} for piece in reply.pieces()]
    messages += [{"tool_calls": [call]} for call in ollama_calls(reply)]
    content = [encode(ollama_line(ask, message, done=False)) + b"\n" for message in messages]
    return Events([], content, [encode(ollama_line(ask, {}, **ollama_end(reply))) + b"\n"])


def ollama_error(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": message}


@dataclasses.dataclass(frozen=True)
class Dialect:
    read: Callable[[dict[str, Any]], Ask]
    write: Callable[[Ask, Reply], dict[str, Any]]
    stream: Callable[[Ask, Reply], Events]
    error: Callable[..., dict[str, Any]]
    stream_type: str = "text/event-stream"


DIALECTS = {
    "openai": Dialect(read_openai, write_openai, stream_openai, openai_error),
    "responses": Dialect(read_responses, write_responses, stream_responses, openai_error),
    "anthropic": Dialect(read_anthropic, write_anthropic, stream_anthropic, anthropic_error),
    "gemini": Dialect(read_gemini, write_gemini, stream_gemini, gemini_error),
    "ollama": Dialect(
        read_ollama, write_ollama, stream_ollama, ollama_error, "application/x-ndjson"
    ),
}
