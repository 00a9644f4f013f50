# SPDX-License-Identifier: Apache-2.0
"""Every client dialect in front of every target dialect: what works, and what cannot be said.

`FEATURES` names each thing an application may want; test_matrix.py does each of them in all cells,
streamed and not. `NOTES` holds the only cells that differ, with the reason; the test checks that
they differ in just that way. Run as a program it prints both as a page; scripts/docs.sh keeps that
under docs/reference.
"""

from __future__ import annotations

import dataclasses

DIALECTS = {
    "openai": "OpenAI Chat",
    "responses": "OpenAI Responses",
    "anthropic": "Anthropic",
    "gemini": "Gemini",
    "ollama": "Ollama",
}

FEATURES = {
    "text": "Plain text",
    "system": "System prompt",
    "turns": "Several turns",
    "image": "Image",
    "tool": "One tool call and its result",
    "tools": "Parallel tool calls with results",
    "must_call": "Some tool must be called",
    "forced_tool": "A named tool must be called",
    "schema": "Structured output by JSON Schema",
    "reasoning": "Reasoning",
    "stop": "Stop sequences",
    "max_tokens": "Maximum output",
    "usage": "Usage with cached and reasoning tokens",
    "rate_limit": "Rate limit, Retry-After kept",
    "overloaded": "Provider overloaded",
    "bad_request": "Request refused by the provider",
    "wrong_key": "Gateway's key refused by the provider",
    "no_model": "Model unknown to the provider",
    "context": "Context length exceeded",
    "filter": "Refusal by the provider's filter",
}


@dataclasses.dataclass(frozen=True)
class Note:
    """Why a cell differs. `kind`: `unsaid` (the client has no words for it), `refused` (the gateway
    answers 400 and names it), `dropped` (named in x-weir-dropped), `partly` (the rest works)."""

    kind: str
    reason: str


NO_STOP = "the Responses API has no stop sequences"
NO_CHOICE = "Ollama has no choice of tools"
ONE_OFFERED = "Ollama has no choice of tools: that tool alone is offered, and the answer says so"
NO_DETAILS = "Ollama counts neither cached nor reasoning tokens"
NO_FILTER = "Ollama has no word for a filter's refusal"

# (feature, client or *, target or *) -> note; the first that fits holds.
NOTES = {
    ("stop", "responses", "*"): Note("unsaid", NO_STOP),
    ("stop", "*", "responses"): Note("refused", NO_STOP),
    ("must_call", "ollama", "*"): Note("unsaid", NO_CHOICE),
    ("must_call", "*", "ollama"): Note("refused", NO_CHOICE),
    ("forced_tool", "ollama", "*"): Note("unsaid", NO_CHOICE),
    ("forced_tool", "*", "ollama"): Note("dropped", ONE_OFFERED),
    ("usage", "ollama", "*"): Note("partly", NO_DETAILS),
    ("usage", "*", "ollama"): Note("partly", NO_DETAILS),
    ("filter", "ollama", "*"): Note("partly", NO_FILTER),
    ("filter", "*", "ollama"): Note("partly", NO_FILTER),
}


def note_of(feature: str, client: str, target: str) -> Note | None:
    for place in ((feature, client, target), (feature, client, "*"), (feature, "*", target)):
        if place in NOTES:
            return NOTES[place]
    return None


SIGNS = {"unsaid": "–", "refused": "✗", "dropped": "△", "partly": "△"}

HEAD = """# Every client in front of every target

Each cell is tried against the running gateway, streamed and not (`tests/e2e/test_matrix.py`, from
whose table this page is made). Rows: the dialect the application speaks; columns: the dialect of
the target behind the route.

✓ works · △ works with a difference · ✗ refused with an error that names it, before any call ·
– the client's dialect has no words for it
"""


def page() -> str:
    reasons: list[str] = []
    lines = [HEAD]
    lines.append("| Feature | Client | " + " | ".join(DIALECTS.values()) + " |")
    lines.append("|---" * (len(DIALECTS) + 2) + "|")
    for feature, title in FEATURES.items():
        rows: dict[tuple[str, ...], list[str]] = {}
        for client in DIALECTS:
            cells = []
            for target in DIALECTS:
                note = note_of(feature, client, target)
                if note and note.reason not in reasons:
                    reasons.append(note.reason)
                cells.append(
                    f"{SIGNS[note.kind]} [{reasons.index(note.reason) + 1}]" if note else "✓"
                )
            rows.setdefault(tuple(cells), []).append(DIALECTS[client])
        for cells, clients in rows.items():
            who = "all" if len(clients) == len(DIALECTS) else ", ".join(clients)
            lines.append(f"| {title} | {who} | " + " | ".join(cells) + " |")
            title = ""
    lines.append("")
    lines += [f"{number}. {reason[0].upper()}{reason[1:]}." for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
