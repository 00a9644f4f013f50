# SPDX-License-Identifier: Apache-2.0
"""Logging of content (G-2): of nobody unless a key, a user or a team is set to it, sealed, without
secrets and personal data, read by an administrator alone, and gone when its time is over."""

import json

import pytest

from canaries import encodings
from harness import Client, Weir, eventually, run_weir, user
from test_rest import FORM, chunks, events, field, form, upload
from upstream import Upstream, cut_after, error_event_after, ok_with, status

OPERATOR_KEY = "sk-weir-test-0123456789abcdef0123456789"
WORDS = "canary-words-8Kd3Pz6Wf1Xn"
CARD = "4111 1111 1111 1111"


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one
        assert one.violations == []


def gateway(upstream, log_content=None, **settings) -> Weir:
    key = {"key": OPERATOR_KEY, "user": "bob", "team": "red"}
    if log_content:
        key["log_content"] = log_content
    retries = {"retries": "off", "failover": False}
    return Weir({"providers": {"one": upstream.provider}, "keys": [key], **retries, **settings})


BOB = {"authorization": "Bearer " + OPERATOR_KEY}


def set_team(weir, kept) -> None:
    body = {"log_content": kept}
    assert weir.admin("PUT", "/api/teams/red", body, token=True).status == 200


def id_of(answer) -> str:
    return answer.headers["x-weir-request-id"]


def content(weir, request_id: str):
    """None: nothing is kept."""
    answer = weir.admin("GET", "/api/content/" + request_id, token=True)
    assert answer.status in (200, 404), answer.body
    return answer.json if answer.status == 200 else None


def kept(weir, request_id: str):
    """Who has the end of an answer finds it logged."""
    found = content(weir, request_id)
    assert found is not None
    return found


def records(weir) -> list[dict]:
    return weir.admin("GET", "/api/audit?limit=1000", token=True).json["records"]


def data_files(weir) -> dict[str, bytes]:
    folder = weir.folder / "data"
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def assert_nowhere(weir, secret: str) -> None:
    for encoding, text in encodings(secret).items():
        for name, held in data_files(weir).items():
            assert text not in held, (encoding, name)
        assert text not in weir.log().encode(), encoding


def test_g2_nobodys_content_is_kept_by_default(upstream):
    with gateway(upstream) as weir:
        asked = weir.chat("one/m", WORDS, {**BOB, "x-weir-log-content": "1d"}, log_content="1d")
        assert asked.status == 200
        assert content(weir, id_of(asked)) is None
        weir.stop()
        assert "content.db" not in data_files(weir)
        assert_nowhere(weir, WORDS)


def test_g2_a_team_is_set_to_it_at_run_time_and_back(upstream):
    with gateway(upstream) as weir:
        set_team(weir, "7d")
        asked = weir.chat("one/m", WORDS, BOB)
        entry = kept(weir, id_of(asked))
        assert entry["question"]["messages"] == user(WORDS)
        assert entry["answer"]["choices"][0]["message"]["content"] == "echo: " + WORDS
        assert entry["target"] == "one/m" and entry["key"].startswith("key:")
        set_team(weir, None)
        later = weir.chat("one/m", "later", BOB)
        set_team(weir, "7d")
        last = weir.chat("one/m", "last", BOB)
        kept(weir, id_of(last))
        assert content(weir, id_of(later)) is None, "what is kept is kept in its order"
        changes = [(one.get("before", {}).get("log_content"), one["after"].get("log_content"))
                   for one in records(weir) if one["action"] in ("team.add", "team.change")]
        assert changes == [(None, "7d"), ("7d", None), (None, "7d")]
        weir.stop()
        assert "content.db" in data_files(weir)
        assert_nowhere(weir, WORDS)


def test_g2_the_command_reads_it_and_each_reading_is_audited(upstream):
    with gateway(upstream, "1d") as weir:
        asked = id_of(weir.chat("one/m", WORDS, BOB))
        kept(weir, asked)
        before = len(records(weir))
        run = run_weir("log", "--content", asked, "--config", str(weir.config_file),
                       folder=weir.folder)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["question"]["messages"] == user(WORDS)
        read = records(weir)[before:]
        assert [(one["action"], one["object"]) for one in read] == [("content.read", asked)]
        run = run_weir("log", "--content", "req_none", "--config", str(weir.config_file),
                       folder=weir.folder)
        assert run.returncode != 0 and "no content is kept" in run.stderr
        for role in ("operator", "viewer", "member"):
            weir.admin("POST", "/api/users", {"name": role, "role": role}, token=True)
            token = weir.admin("POST", f"/api/users/{role}/token", token=True).json["key"]
            with Client(weir.admin_port, {"authorization": "Bearer " + token}) as client:
                assert client.request("GET", "/api/content/" + asked).status == 403, role


def test_g2_streams_and_what_failed_are_kept_too(upstream):
    with gateway(upstream, "1d") as weir:
        streamed = weir.stream("one/m", "one two three", BOB)
        assert kept(weir, id_of(streamed))["answer"] == {
            "choices": [{"text": "echo: one two three"}], "complete": True}
        upstream.script(cut_after(2))
        broken = kept(weir, id_of(weir.stream("one/m", "one two three", BOB)))["answer"]
        assert broken["choices"] == [{"text": "echo: one "}] and not broken["complete"]
        upstream.script(error_event_after(2, message="it is " + CARD))
        failed = weir.stream("one/m", "one two three", BOB)
        assert not kept(weir, id_of(failed))["answer"]["complete"]
        upstream.script(status(500))
        refused = weir.chat("one/m", "not answered", BOB)
        entry = kept(weir, id_of(refused))
        assert entry["question"]["messages"] == user("not answered")
        assert entry["answer"]["error"] == refused.error
        answer = weir.post("/v1/responses", {"model": "one/m", "input": "hi", "stream": True}, BOB)
        assert kept(weir, id_of(answer))["answer"]["choices"] == [{"text": "echo: hi"}]
        body = {"model": "one/m", "prompt": "once upon", "stream": True}
        answer = weir.post("/v1/completions", body, BOB)
        assert "once upon" in kept(weir, id_of(answer))["answer"]["text"]


@pytest.mark.parametrize("is_stream", [False, True])
def test_g2_secrets_and_personal_data_are_not_kept(upstream, is_stream):
    asked = f"write to ann@example.com about {CARD} with {upstream.key} or {OPERATOR_KEY}"
    with gateway(upstream, "1d") as weir:
        ask = weir.stream if is_stream else weir.chat
        answer = ask("one/m", asked, BOB)
        entry = json.dumps(kept(weir, id_of(answer)))
        assert entry.count("[email]") == 2 and entry.count("[card]") == 2, entry
        for secret in ("ann@example.com", CARD, upstream.key, OPERATOR_KEY):
            assert secret not in entry


def test_g2_what_is_long_is_known_by_its_size(upstream):
    with gateway(upstream, "1d", content_log={"entry_bytes_max": "1KiB"}) as weir:
        long = weir.chat("one/m", "word " * 1000, BOB)
        entry = kept(weir, id_of(long))
        assert entry["question"]["not_kept"] == "it is too long"
        assert entry["question"]["bytes"] > 5000 and entry["answer"]["bytes"] > 5000
        stream = weir.stream("one/m", "word " * 1000, BOB)
        assert kept(weir, id_of(stream))["answer"]["not_kept"] == "it is too long"


def test_g2_what_content_rules_masked_is_kept_as_it_was_sent(upstream):
    rule = {"words": ["umbrella"], "action": "mask"}
    with gateway(upstream, "1d", content_rules=[rule]) as weir:
        asked = weir.chat("one/m", "project umbrella", BOB)
        assert kept(weir, id_of(asked))["question"]["messages"] == user("project [removed]")


def sent(answer, status: int = 200):
    assert answer.status == status, answer.body
    return id_of(answer)


def test_g2_of_forms_and_sound_the_texts_are_kept(upstream):
    with gateway(upstream, "1d", providers={"one": {**upstream.provider, "type": "custom"}}) as weir:

        def heard(answer, *wishes: bytes):
            upstream.script(answer)
            body = form(upload(b"RIFF" * 5), field("prompt", f"by ann@example.com, {WORDS}"),
                        field("model", "one/m"), *wishes)  # fmt: skip
            asked = weir.post("/v1/audio/transcriptions", body, {**BOB, **FORM})
            return kept(weir, sent(asked))

        entry = heard(ok_with(json.dumps({"text": "card " + CARD}).encode()))
        assert entry["question"] == {"form": [
            {"name": "file", "value": {"not_kept": "it is a file", "bytes": 20}},
            {"name": "prompt", "value": f"by [email], {WORDS}"},
            {"name": "model", "value": "one/m"},
        ]}  # fmt: skip
        assert entry["answer"] == {"text": "card [card]"}
        subtitles = chunks("text/plain; charset=utf-8", b"1\ncard 4111 1111", b" 1111 1111\n")
        assert heard(subtitles, field("response_format", "srt"))["answer"] == "1\ncard [card]\n"
        told = [{"type": "transcript.text.delta", "delta": "hel"},
                {"type": "transcript.text.done", "text": "hello"}]  # fmt: skip
        streamed = heard(chunks("text/event-stream", events(*told)), field("stream", "true"))
        assert streamed["answer"] == {"text": "hello"}
        speech = {"model": "one/m", "input": WORDS, "voice": "alloy"}
        upstream.script(ok_with(b"\xff\xfb\x90", "audio/mpeg"))
        entry = kept(weir, sent(weir.post("/v1/audio/speech", speech, BOB)))
        assert entry["question"]["input"] == WORDS
        assert entry["answer"] == {"not_kept": "it is no text", "bytes": 3}


def test_g2_what_is_passed_through_is_kept(upstream):
    opened = {**upstream.provider, "passthrough": True}
    with gateway(upstream, "1d", providers={"one": opened}) as weir:
        upstream.script(ok_with(b'{"id":"b","of":"ann@example.com"}'))
        passed = weir.post("/passthrough/one/batches?x=1", {"input": WORDS + " " + CARD}, BOB)
        entry = kept(weir, sent(passed))
        assert entry["question"] == {
            "method": "POST", "path": "/batches?x=1", "body": {"input": WORDS + " [card]"}}
        assert entry["answer"] == {"id": "b", "of": "[email]"}
        upstream.script(ok_with(b"{}"))
        body = form(upload(b"a"), field("purpose", WORDS))
        entry = kept(weir, sent(weir.post("/passthrough/one/files", body, {**BOB, **FORM})))
        assert entry["question"]["body"] == {"not_kept": "its form is not known", "bytes": len(body)}
        got = weir.get("/passthrough/one/models", BOB)
        assert kept(weir, sent(got))["question"] == {"method": "GET", "path": "/models"}


def test_g2_what_was_refused_counted_or_replayed_is_kept(upstream):
    with gateway(upstream, "1d") as weir:
        refused = weir.chat("nobody/m", WORDS, BOB)
        entry = kept(weir, sent(refused, 404))
        assert entry["question"]["messages"] == user(WORDS)
        assert entry["answer"]["error"] == refused.error
        broken = weir.post("/v1/chat/completions", b'{"model": "one/m", ' + WORDS.encode(), BOB)
        entry = kept(weir, sent(broken, 400))
        assert entry["question"]["not_kept"] == "it could not be read"
        assert entry["answer"]["error"]["code"] == "invalid_json"
        wrong = weir.post("/v1/responses", {"model": "one/m", "input": 7, "x": WORDS}, BOB)
        assert kept(weir, sent(wrong, 400))["question"]["x"] == WORDS
        wrong = weir.post("/v1/rerank", {"model": "one/m", "query": 7, "x": WORDS}, BOB)
        assert kept(weir, sent(wrong, 400))["question"]["x"] == WORDS
        counted = weir.post("/v1/messages/count_tokens", {"model": "one/m", "messages": user(WORDS)}, BOB)
        entry = kept(weir, counted.headers["request-id"])
        assert entry["question"]["messages"] == user(WORDS) and entry["answer"] == counted.json
        once = {**BOB, "idempotency-key": "k"}
        first = weir.chat("one/m", WORDS, once)
        again = weir.chat("one/m", WORDS, once)
        assert again.headers["idempotency-replayed"] == "true"
        assert kept(weir, id_of(again))["answer"] == kept(weir, id_of(first))["answer"]
        assert kept(weir, id_of(first))["target"] == "one/m"
        mismatch = weir.chat("one/m", "other", once)
        assert kept(weir, sent(mismatch, 422))["answer"]["error"] == mismatch.error


def test_g2_what_a_rule_stopped_is_not_kept(upstream):
    rule = {"words": ["umbrella"]}
    with gateway(upstream, "1d", content_rules=[rule]) as weir:
        entry = kept(weir, sent(weir.chat("one/m", "project umbrella", BOB), 400))
        assert entry["question"]["not_kept"] == "a content rule stopped it"
        assert entry["answer"]["error"]["code"] == "content_filtered"
        entry = kept(weir, sent(weir.chat("nobody/m", "project umbrella", BOB), 404))
        assert entry["question"]["not_kept"] == "no content rule has looked at it"


def test_g2_members_do_not_switch_it(upstream):
    with gateway(upstream) as weir:
        weir.admin("POST", "/api/users", {"name": "ann", "role": "member"}, token=True)
        token = weir.admin("POST", "/api/users/ann/token", token=True).json["key"]
        body = {"user": "ann", "log_content": "1h"}
        made = weir.admin("POST", "/api/keys", body, token=True).json
        path = "/api/keys/" + made["record"]["id"]
        with Client(weir.admin_port, {"authorization": "Bearer " + token}) as ann:
            for value in (None, "2h", "0s"):
                refused = ann.request("PUT", path, {"log_content": value})
                assert (refused.status, refused.error["param"]) == (403, "log_content"), value
            assert ann.request("PUT", path, {"name": "mine"}).json["log_content"] == "1h"
            assert ann.request("POST", "/api/keys", {"log_content": "1h"}).status == 403
        asked = weir.chat("one/m", WORDS, {"authorization": "Bearer " + made["key"]})
        assert kept(weir, id_of(asked))["key"] == made["record"]["id"]
        wrong = weir.admin("PUT", path, {"log_content": "soon"}, token=True)
        assert (wrong.status, wrong.error["param"]) == (400, "log_content")


def test_g2_what_the_file_says_is_audited_also_where_it_was_changed_meanwhile(upstream):
    with gateway(upstream, "1d") as weir:
        weir.stop()
        weir.start()
        weir.stop()
        del weir.config["keys"][0]["log_content"]
        weir.start()
        asked = weir.chat("one/m", "hello", BOB)
        weir.config["teams"] = {"red": {"log_content": "2h"}}
        weir.write_config(weir.config)
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        kept(weir, id_of(weir.chat("one/m", "hello", BOB)))
        assert content(weir, id_of(asked)) is None
        told = [one for one in records(weir) if one["action"] == "content_log.set"]
        day_ms, hours_ms = 86_400_000, 7_200_000
        assert [list(one.get("before", {}).values()) for one in told] == [[], [day_ms], []]
        assert [one.get("after", {}) for one in told][2] == {"team red": hours_ms}
        assert [one["actor"] for one in told] == ["process", "process", "admin-token"]


def test_j4_what_is_over_goes_and_the_log_says_so(upstream):
    with gateway(upstream, "1s") as weir:
        asked = id_of(weir.chat("one/m", WORDS, BOB))
        kept(weir, asked)
        eventually(lambda: content(weir, asked) is None)
        weir.stop()
        weir.start()
        eventually(lambda: '"what":"logged content","count":1' in weir.log())
