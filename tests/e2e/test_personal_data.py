# SPDX-License-Identifier: Apache-2.0
"""What is kept of one person: exported, erased (J-3), and gone when its time is over (J-4)."""

import json
import time

import pytest

from harness import Weir, eventually, run_weir, user
from upstream import Upstream

OPERATOR_KEY = "sk-weir-test-0123456789abcdef0123456789"
CHAT = "/v1/chat/completions"


@pytest.fixture
def upstream():
    with Upstream("anthropic") as one:  # does not keep conversations itself
        yield one
        assert one.violations == []


def gateway(upstream, **settings) -> Weir:
    keys = [{"key": OPERATOR_KEY, "user": "bob"}]
    return Weir({"providers": {"one": upstream.provider}, "keys": keys, **settings})


def data(weir, verb: str, name: str):
    run = run_weir("data", verb, "--user", name, "--config", str(weir.config_file),
                   folder=weir.folder)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def make_key(weir, name: str) -> dict[str, str]:
    assert weir.admin("POST", "/api/users", {"name": name}, token=True).status == 200
    made = weir.admin("POST", "/api/keys", {"user": name, "name": "laptop"}, token=True)
    assert made.status == 200, made.body
    return {"authorization": "Bearer " + made.json["key"]}


def leave_traces(weir, headers: dict[str, str], text: str) -> str:
    """The id of a conversation that is kept."""
    kept = weir.post("/v1/responses", {"model": "one/m", "input": text}, headers)
    assert kept.status == 200, kept.body
    body = {"model": "one/m", "messages": user(text)}
    assert weir.post(CHAT, body, {**headers, "idempotency-key": text}).status == 200
    return kept.json["id"]


def audit_actions(weir) -> list[tuple[str, str]]:
    records = weir.admin("GET", "/api/audit", token=True).json["records"]
    return [(record["action"], record["object"]) for record in records]


def test_j3_export_is_all_that_is_kept_of_one_person(upstream):
    with gateway(upstream) as weir:
        ann = make_key(weir, "ann")
        leave_traces(weir, ann, "anns-words")
        leave_traces(weir, {"authorization": "Bearer " + OPERATOR_KEY}, "bobs-words")
        exported = data(weir, "export", "ann")
        assert exported["user"]["name"] == "ann"
        assert [key["name"] for key in exported["keys"]] == ["laptop"]
        assert [len(exported[kind]) for kind in ("responses", "idempotent_requests")] == [1, 1]
        assert "anns-words" in json.dumps(exported["responses"][0]["input"])
        assert exported["idempotent_requests"][0]["status"] == 200
        assert "bobs-words" not in json.dumps(exported)
        of_bob = data(weir, "export", "bob")
        assert "bobs-words" in json.dumps(of_bob) and "anns-words" not in json.dumps(of_bob)
        assert ("data.export", "ann") in audit_actions(weir)


def test_j3_erasure_leaves_nothing_of_one_person_and_all_of_others(upstream):
    with gateway(upstream) as weir:
        ann = make_key(weir, "ann")
        bob = {"authorization": "Bearer " + OPERATOR_KEY}
        of_ann = leave_traces(weir, ann, "anns-words")
        of_bob = leave_traces(weir, bob, "bobs-words")
        key_id = weir.admin("GET", "/api/keys", token=True).json["keys"][0]["id"]
        erased = data(weir, "erase", "ann")
        assert (erased["keys"], erased["responses"], erased["idempotent_requests"]) == (1, 1, 1)
        assert weir.get(f"/v1/responses/{of_ann}", ann).status == 401, "the key has ended"
        assert weir.admin("GET", "/api/users/ann", token=True).status == 404
        key = weir.admin("GET", f"/api/keys/{key_id}", token=True).json
        assert (key["user"], key["name"]) == ("", "") and key["revoked_ms"] > 0
        again = data(weir, "export", "ann")
        assert "user" not in again
        assert [again[kind] for kind in ("keys", "responses", "idempotent_requests")] == [[]] * 3
        assert weir.get(f"/v1/responses/{of_bob}", bob).status == 200
        body = {"model": "one/m", "messages": user("bobs-words")}
        replayed = weir.post(CHAT, body, {**bob, "idempotency-key": "bobs-words"})
        assert replayed.headers["idempotency-replayed"] == "true"
        actions = audit_actions(weir)
        assert ("data.erase", "ann") in actions and ("user.erase", "ann") in actions
        erased = data(weir, "erase", "nobody")
        assert (erased["keys"], erased["responses"], erased["idempotent_requests"]) == (0, 0, 0)


def test_j4_what_is_over_goes_without_a_request(upstream):
    short = {"responses": {"ttl": "1s"}, "idempotency": {"ttl": "1s"}}
    with gateway(upstream, **short) as weir:
        leave_traces(weir, {"authorization": "Bearer " + OPERATOR_KEY}, "words")

        def is_over() -> bool:
            found = data(weir, "export", "bob")
            return all(entry["expires_ms"] < now_ms() for entry in found["idempotent_requests"])

        eventually(is_over)
        weir.stop()
        weir.start()
        eventually(lambda: weir.log().count('"event":"retention"') >= 2)
        assert '"what":"conversations","count":1' in weir.log()
        assert '"what":"idempotent requests","count":1' in weir.log()


def now_ms() -> int:
    return int(time.time() * 1000)
