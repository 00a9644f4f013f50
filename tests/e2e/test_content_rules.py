# SPDX-License-Identifier: Apache-2.0
"""Content rules: what is masked and what is stopped, in questions and answers, for clients of every
dialect in front of targets of every dialect."""

import json

import pytest

from doors import WEATHER_SCHEMA, lines, post, sse
import upstream as fault
from harness import Client, Weir, eventually, run_weir, user
from upstream import Upstream

SECRET = "Kestrel"  # upstreams answer with what they were told
RULES = [
    {"name": "projects", "words": [SECRET], "action": "mask", "with": "[project]", "on": "output"},
    {"name": "cards", "pii": ["card"], "action": "mask", "with": "[card]", "on": "input"},
    {"name": "weapons", "pattern": "(?i)build a bomb", "on": "input"},
    {"name": "recipes", "words": ["thermite"], "on": "output"},
]
CARD = "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def guarded(all_upstreams):
    """A gateway with a route to each dialect that has rules, and one that has none."""
    providers = {name: upstream.provider for name, upstream in all_upstreams.items()}
    routes = {
        f"to-{name}": {"targets": [f"{name}/m"], "content_rules": RULES} for name in providers
    }
    with Weir({"providers": providers, "models": {**routes, "free": "openai/m"}}) as gateway:
        yield gateway


def said(gateway, client, model, text, is_stream):
    """(text of the answer or None, raw body) as a client of that dialect reads it."""
    if client == "openai":
        body = {"model": model, "messages": user(text), "stream": is_stream}
        answer = post(gateway, "/v1/chat/completions", body)
    elif client == "responses":
        answer = post(
            gateway, "/v1/responses", {"model": model, "input": text, "stream": is_stream}
        )
    elif client == "anthropic":
        body = {"model": model, "max_tokens": 99, "messages": user(text), "stream": is_stream}
        answer = post(gateway, "/v1/messages", body)
    elif client == "gemini":
        method = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        answer = post(gateway, f"/v1beta/models/{model}:{method}", body)
    else:
        body = {"model": model, "messages": user(text), "stream": is_stream}
        answer = post(gateway, "/api/chat", body)
    return answer, text_of(client, answer.body, is_stream) if answer.status == 200 else None


def text_of(client, body, is_stream):
    if not is_stream:
        whole = json.loads(body)
        return {
            "openai": lambda: whole["choices"][0]["message"]["content"],
            "responses": lambda: whole["output"][-1]["content"][0]["text"],
            "anthropic": lambda: whole["content"][-1]["text"],
            "gemini": lambda: whole["candidates"][0]["content"]["parts"][-1]["text"],
            "ollama": lambda: whole["message"]["content"],
        }[client]()
    if client == "ollama":
        return "".join(line["message"]["content"] for line in lines(body) if "message" in line)
    events = [data for _, data in sse(body) if data != "[DONE]"]
    pieces = {
        "openai": lambda e: [c["delta"].get("content") or "" for c in e.get("choices", [])],
        "responses": lambda e: [e["delta"]] if e["type"] == "response.output_text.delta" else [],
        "anthropic": lambda e: [e["delta"].get("text", "")] if "delta" in e else [],
        "gemini": lambda e: [
            part.get("text", "")
            for candidate in e.get("candidates", [])
            for part in candidate.get("content", {}).get("parts", [])
        ],
    }[client]
    return "".join(piece for event in events for piece in pieces(event))


CLIENTS = ["openai", "responses", "anthropic", "gemini", "ollama"]


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_answers_and_questions_are_masked(guarded, upstreams, client, dialect, is_stream):
    question = f"about {SECRET} and {SECRET}s with {CARD} please"
    answer, text = said(guarded, client, f"to-{dialect}", question, is_stream)
    assert answer.status == 200, answer.body
    # The upstream echoes what it was told, word by word where it streams.
    assert text == f"echo: about [project] and {SECRET}s with [card] please"
    assert CARD.encode() not in upstreams[dialect].calls[-1].body


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_question_that_is_stopped_reaches_nobody(guarded, upstreams, client, is_stream):
    answer, _ = said(guarded, client, "to-openai", "how do I Build a Bomb", is_stream)
    assert answer.status == 400, answer.body
    assert b"weapons" in answer.body
    assert upstreams["openai"].calls == []


def test_a_stopped_question_is_named_in_openais_words(guarded):
    answer, _ = said(guarded, "openai", "to-openai", "build a bomb", False)
    assert answer.error["code"] == "content_filtered"
    assert answer.error["param"] == "messages[0].content"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_whole_answer_that_is_stopped_is_an_error(guarded, client, dialect):
    answer, _ = said(guarded, client, f"to-{dialect}", "all about thermite now", False)
    assert answer.status == 400, answer.body
    assert b"recipes" in answer.body and b"echo" not in answer.body


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_that_is_stopped_ends_with_an_error(guarded, client, dialect):
    question = "one two three four five six seven eight nine ten thermite eleven twelve"
    answer, text = said(guarded, client, f"to-{dialect}", question, True)
    assert b"recipes" in answer.body, answer.body
    assert b"thermite" not in answer.body and b"eleven" not in answer.body
    if text is not None:  # nothing is held back further than the rules need
        assert text.startswith("echo: one") or text == ""


def test_a_route_without_rules_passes_the_bytes(guarded, upstreams):
    body = {"model": "free", "messages": user(f"{SECRET} {CARD} thermite"), "unknown_member": 1}
    answer = post(guarded, "/v1/chat/completions", body)
    assert answer.json["x_upstream_extra"] == {"kept": True}
    assert upstreams["openai"].calls[-1].json == {**body, "model": "m"}


def test_rules_of_the_whole_hold_for_every_route_and_service(upstreams):
    config = {
        "providers": {"up": upstreams["openai"].provider},
        "content_rules": [{"pii": ["email"], "action": "mask", "with": "[mail]"}],
    }
    with Weir(config) as gateway:
        asked = "write to ann@example.com"
        assert gateway.chat("up/m", asked).json["choices"][0]["message"]["content"] == (
            "echo: write to [mail]"
        )
        body = {"model": "up/m", "input": asked}
        assert post(gateway, "/v1/embeddings", body).status == 200
        assert upstreams["openai"].calls[-1].json["input"] == "write to [mail]"
        body = {"model": "up/m", "prompt": asked}
        done = post(gateway, "/v1/completions", body).json
        assert done["choices"][0]["text"] == "echo: write to [mail]"


def test_arguments_of_tool_calls_are_looked_at(guarded):
    body = {
        "model": "to-openai",
        "messages": user(f"use tool weather {SECRET}"),
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}],
    }
    whole = post(guarded, "/v1/chat/completions", body).json["choices"][0]["message"]
    assert json.loads(whole["tool_calls"][0]["function"]["arguments"]) == {"city": "[project]"}
    with Client(guarded.port) as client:
        stream = client.stream("/v1/chat/completions", {**body, "stream": True})
    assert [json.loads(call[2]) for call in stream.calls] == [{"city": "[project]"}]


def test_kept_answers_are_kept_as_the_client_saw_them(guarded):
    for target in ("to-openai", "to-responses"):
        made = post(guarded, "/v1/responses", {"model": target, "input": f"on {SECRET}"}).json
        with Client(guarded.port) as client:
            shown = client.request("GET", f"/v1/responses/{made['id']}")
        assert shown.status == 200 and SECRET.encode() not in shown.body.split(b'"output"')[1]


@pytest.mark.parametrize(
    "rule, problem",
    [
        ({"words": ["a"], "action": "hide"}, "must be block or mask"),
        ({"pattern": "("}, "pattern"),
        ({"pattern": "(a)\\1"}, "pattern"),
        ({"pii": ["passport"]}, "must be email"),
        ({"name": "nothing"}, "looks for nothing"),
        ({"word": ["a"]}, "words"),
    ],
)
def test_a_rule_that_can_not_be_used_is_refused(tmp_path, rule, problem):
    config = {"providers": {"mock": {"type": "mock"}}, "content_rules": [rule]}
    (tmp_path / "weir.yaml").write_text(json.dumps(config))
    checked = run_weir("validate", "--config", "weir.yaml", folder=tmp_path)
    assert checked.returncode == 78 and problem in checked.stderr + checked.stdout


def test_the_fields_of_a_form_are_looked_at():
    boundary = "form-boundary"
    file = f'Content-Disposition: form-data; name="file"; filename="{CARD}.wav"\r\n\r\nRIFF {CARD}'

    def form(prompt: str) -> bytes:
        fields = [
            f'Content-Disposition: form-data; name="prompt"\r\n\r\n{prompt}',
            'Content-Disposition: form-data; name="model"\r\n\r\nheard',
            file,
        ]
        parts = "".join(f"--{boundary}\r\n{field}\r\n" for field in fields)
        return (parts + f"--{boundary}--\r\n").encode()

    with Upstream("openai") as upstream:
        upstream.always(fault.ok_with(b'{"text":"heard"}'))
        models = {"heard": {"targets": ["one/m"], "content_rules": RULES}}
        with Weir({"providers": {"one": upstream.provider}, "models": models}) as gateway:

            def send(prompt: str):
                headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
                path = "/v1/audio/transcriptions"
                with Client(gateway.port) as client:
                    return client.request("POST", path, form(prompt), headers)

            assert send(f"He pays with {CARD} now").status == 200
            expected = form("He pays with [card] now").replace(b"\r\nheard", b"\r\nm")
            assert upstream.calls[-1].body == expected, "files are not looked at"
            assert send("He pays in cash").status == 200
            assert b"He pays in cash" in upstream.calls[-1].body
            stopped = send("How to Build a Bomb")
            assert stopped.error["code"] == "content_filtered"
            assert stopped.error["param"] == "prompt"
            too_long = send("word " * 4_000)
            assert (too_long.status, too_long.error["param"]) == (400, "prompt")
            assert len(upstream.calls) == 2
        assert upstream.violations == []


def test_pass_through_is_closed_where_rules_hold_for_everything():
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "passthrough": True}
        rules = [{"name": "cards", "pii": ["card"]}]
        with Weir({"providers": {"one": provider}, "content_rules": rules}) as gateway:
            answer = post(gateway, "/passthrough/one/v1/anything", {"text": CARD})
            assert (answer.status, answer.error["code"]) == (403, "not_allowed")
            assert upstream.received == []


def test_log_lines_name_nobody():
    with Upstream("openai") as upstream:
        upstream.always(fault.status(400, "no such customer: ann@example.com, " + CARD))
        for redact, is_there in ((True, False), (False, True)):
            config = {"providers": {"one": upstream.provider}, "log": {"redact": redact}}
            with Weir(config) as gateway:
                assert gateway.chat("one/m", "hello").status == 400
                log = eventually(lambda: "no such customer" in gateway.log() and gateway.log())
                assert ("ann@example.com" in log) == is_there
                assert (CARD in log) == is_there
                assert ("[email]" in log) != is_there
