# SPDX-License-Identifier: Apache-2.0
"""What is kept of one person: exported, erased (J-3), and gone when its time is over (J-4)."""

import contextlib
import fnmatch
import json
import sqlite3
import time

import pytest

from harness import Weir, eventually, run_weir, user
from upstream import Upstream

OPERATOR_KEY = "sk-weir-test-0123456789abcdef0123456789"
CHAT = "/v1/chat/completions"
RETENTION = {
    "responses.ttl": "1d",
    "idempotency.ttl": "1d",
    "ledger.retention": "400d",
    "retention.audit": "2190d",
    "retention.keys": "400d",
    "retention.health": "90d",
    "retention.usage": "92d",
}


@pytest.fixture
def upstream():
    with Upstream("anthropic") as one:  # does not keep conversations itself
        yield one
        assert one.violations == []


def gateway(upstream, **settings) -> Weir:
    keys = [{"key": OPERATOR_KEY, "user": "bob", "log_content": "1d"}]
    return Weir({"providers": {"one": upstream.provider}, "keys": keys, **settings})


def data(weir, verb: str, name: str):
    run = run_weir("data", verb, "--user", name, "--config", str(weir.config_file),
                   folder=weir.folder)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def make_key(weir, name: str) -> dict[str, str]:
    body = {"name": name, "log_content": "1d"}
    assert weir.admin("POST", "/api/users", body, token=True).status == 200
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
        assert len(exported["logged_content"]) == 2
        assert "anns-words" in json.dumps(exported["logged_content"][0]["question"])
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
        assert erased["logged_content"] == 2
        assert weir.get(f"/v1/responses/{of_ann}", ann).status == 401, "the key has ended"
        assert weir.admin("GET", "/api/users/ann", token=True).status == 404
        key = weir.admin("GET", f"/api/keys/{key_id}", token=True).json
        assert (key["user"], key["name"]) == ("", "") and key["revoked_ms"] > 0
        again = data(weir, "export", "ann")
        assert "user" not in again
        lists = ("keys", "responses", "idempotent_requests", "logged_content")
        assert [again[kind] for kind in lists] == [[]] * 4
        assert len(data(weir, "export", "bob")["logged_content"]) == 2
        assert weir.get(f"/v1/responses/{of_bob}", bob).status == 200
        body = {"model": "one/m", "messages": user("bobs-words")}
        replayed = weir.post(CHAT, body, {**bob, "idempotency-key": "bobs-words"})
        assert replayed.headers["idempotency-replayed"] == "true"
        actions = audit_actions(weir)
        assert ("data.erase", "ann") in actions and ("user.erase", "ann") in actions
        erased = data(weir, "erase", "nobody")
        assert (erased["keys"], erased["responses"], erased["idempotent_requests"]) == (0, 0, 0)


# Every file of the data directory, and what erasure leaves there of a person: her name, where a
# record of what was done or spent must stay, or nothing.
NAME_STAYS = {
    "identity.db": "the audit log tells what administrators did, to whom",
    "ledger/*": "who called, without content, until ledger.retention is over",
    "usage.db": "the sums of the ledger",
}
NOTHING_STAYS = {
    "responses.db", "idempotency.db", "content.db", "content-log", "instances/*/alerts.json", "instances/*/gate.json",
    "instances/*/health.db", "instances/*/lock", "lock", "ledger/lock", "identity-changes",
    "audit-checkpoints", "audit-key", "audit-key.pub", "admin-token", "data-key", "key-pepper",
    "master-key",
}  # fmt: skip
NAME, WORDS = "ann-canary-7Hq2Lw9Zx4Rt", "canary-words-3Vb8Nm1Qs6Yd"


def is_one_of(path, patterns) -> bool:
    whole = str(path).removesuffix("-wal").removesuffix("-shm")
    return any(fnmatch.fnmatch(whole, pattern) for pattern in patterns)


def test_j3_erasure_knows_every_place_where_something_is_kept(upstream):
    """A store that is new fails this test until it says what becomes of a person's data there."""
    rules = {"limit": {"limit_used": "50%", "of": [f"user:{NAME}"], "for": "0s", "min_calls": 1}}
    with gateway(upstream, alerts={"rules": rules}) as weir:
        folder = weir.folder / "data"
        user_of = {"name": NAME, "limits": {"requests_per_day": 3}, "log_content": "1d"}
        assert weir.admin("POST", "/api/users", user_of, token=True).status == 200
        made = weir.admin("POST", "/api/keys", {"user": NAME, "name": NAME}, token=True).json
        leave_traces(weir, {"authorization": "Bearer " + made["key"]}, WORDS)
        assert weir.admin("GET", "/api/alerts", token=True).json["active"]

        def holders(text: str) -> set:
            """Whatever is there all the while; new contents of a file come under another name."""
            found = set()
            for file in folder.rglob("*"):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    if text.encode() in file.read_bytes():
                        found.add(file.relative_to(folder))
            return found

        eventually(lambda: any(path.name == "alerts.json" for path in holders(NAME)))
        assert [event["rule"] for event in data(weir, "export", NAME)["incidents"]] == ["limit"]
        erased = data(weir, "erase", NAME)
        counts = ("keys", "responses", "idempotent_requests", "incidents", "logged_content")
        assert [erased[kind] for kind in counts] == [1, 1, 1, 1, 2]

        def leftovers() -> set:
            return {path for path in holders(NAME) if not is_one_of(path, NAME_STAYS)}

        eventually(lambda: leftovers() == set())  # incidents are kept by a thread of their own
        assert holders(WORDS) == set()
        known = {*NAME_STAYS, *NOTHING_STAYS}
        weir.stop()
        files = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
        assert [path for path in files if not is_one_of(path, known)] == []
        assert leftovers() == set()


def test_j3_a_copy_of_the_files_opens_nothing_of_who_was_erased(upstream):
    """Content has a key for each tenant, which goes with him (Y-5)."""
    with gateway(upstream) as weir:
        bob = {"authorization": "Bearer " + OPERATOR_KEY}
        kept = "/v1/responses/" + leave_traces(weir, bob, "bobs-words")
        assert weir.get(kept, bob).status == 200
        weir.stop()
        copies = {}
        for name in ("responses.db", "idempotency.db", "content.db"):
            copies[name] = (weir.folder / "data" / name).read_bytes()
        weir.start()
        assert weir.get(kept, bob).status == 200
        data(weir, "erase", "bob")
        assert weir.get(kept, bob).status == 404
        weir.stop()
        for name, content in copies.items():
            (weir.folder / "data" / name).write_bytes(content)
        weir.start()
        assert weir.get(kept, bob).status == 503
        body = {"model": "one/m", "messages": user("bobs-words")}
        again = weir.post(CHAT, body, {**bob, "idempotency-key": "bobs-words"})
        assert "idempotency-replayed" not in again.headers
        # What comes afterwards has a key again.
        assert weir.get("/v1/responses/" + leave_traces(weir, bob, "more"), bob).status == 200


def test_j4_keys_and_audit_records_that_are_over_go_at_the_next_start(upstream):
    with gateway(upstream) as weir:
        ann = make_key(weir, "ann")
        made = weir.admin("GET", "/api/keys", token=True).json["keys"][0]
        for body in ({"name": "later"}, {"name": "last"}):
            assert weir.admin("POST", "/api/keys", body, token=True).status == 200
        assert weir.admin("DELETE", "/api/keys/" + made["id"], token=True).status == 200
        weir.stop()  # signs a checkpoint
        weir.config["retention"] = {"keys": "1ms", "audit": "1ms"}
        weir.start()
        eventually(lambda: '"what":"audit records"' in weir.log())
        assert '"what":"keys","count":1' in weir.log()
        kept = weir.admin("GET", "/api/keys", token=True).json["keys"]
        assert {key["name"] for key in kept} == {"later", "last"}
        assert weir.chat("one/m", "hello", ann).status == 401
        left = audit_actions(weir)
        assert ("user.add", "ann") not in left and ("key.remove", made["id"]) in left
        run = run_weir("audit", "verify", "--config", str(weir.config_file), folder=weir.folder)
        assert run.returncode == 0, run.stderr


def numbers_of_segments(weir) -> set[str]:
    return {path.name.split(".")[0] for path in (weir.folder / "data" / "ledger").glob("0*")}


def test_j4_what_goes_of_the_ledger_is_in_the_audit_log(upstream):
    with gateway(upstream, threads=1) as weir:
        bob = {"authorization": "Bearer " + OPERATOR_KEY}
        for _ in range(3):
            assert weir.chat("one/m", "hello", bob).status == 200
            weir.stop()  # the next start writes another segment
            weir.start()
        weir.stop()
        old = numbers_of_segments(weir)
        weir.config["ledger"] = {"retention": "1ms"}
        weir.start()
        eventually(lambda: ("ledger.expire", "ledger") in audit_actions(weir))
        eventually(lambda: len(old & numbers_of_segments(weir)) <= 1)
        records = weir.admin("GET", "/api/audit", token=True).json["records"]
        [record] = [one for one in records if one["action"] == "ledger.expire"]
        assert record["before"]["segments"] >= 2
        eventually(lambda: '"what":"segments of the ledger"' in weir.log())


def test_j4_each_class_has_a_setting_of_its_own():
    with Weir({"providers": {"mock": {}}}) as weir:
        shown = weir.admin("GET", "/api/config", token=True).json["settings"]
        values = {one["path"]: one["value"] for one in shown}
        assert {name: values[name] for name in RETENTION} == RETENTION


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
        for what in ("conversations", "idempotent requests"):
            eventually(lambda what=what: f'"what":"{what}","count":1' in weir.log())


def test_j4_sums_by_the_hour_that_are_over_go_and_the_log_says_so(upstream):
    with gateway(upstream) as weir:
        bob = {"authorization": "Bearer " + OPERATOR_KEY}
        assert weir.chat("one/m", "hello", bob).status == 200
        weir.stop()  # what was asked until now is added up
        old_ms = now_ms() - 100 * 86_400_000
        with sqlite3.connect(weir.folder / "data" / "usage.db") as database:
            changed = database.execute("UPDATE sums SET start_ms = ? WHERE slot = 0", (old_ms,))
            assert changed.rowcount > 0
        weir.start()
        eventually(lambda: '"what":"hours of usage"' in weir.log())
        with sqlite3.connect(weir.folder / "data" / "usage.db") as database:
            left = database.execute("SELECT count(*) FROM sums WHERE slot = 0").fetchone()
        assert left == (0,)


def now_ms() -> int:
    return int(time.time() * 1000)
