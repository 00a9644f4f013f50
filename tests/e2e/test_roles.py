# SPDX-License-Identifier: Apache-2.0
"""Who may do what in the administration: every path of the registry with every role, and what is
one's own with what is another's (rule V-1)."""

import contextlib
import json
import re
import sqlite3

import pytest

from harness import Client, Weir, eventually, run_weir
from upstream import Upstream

ROLES = ("admin", "operator", "viewer", "member")
# What is everybody's own.
OWN_PATHS = ("/api/session", "/api/password")


@pytest.fixture(scope="module")
def weir():
    config = {"admin": {"listen": "same"}}  # every path of the registry on one port
    with Upstream("openai") as upstream:
        running = Weir({**config, "providers": {"up": upstream.provider}})
        running.admin_port = running.port
        with running:
            yield running


@pytest.fixture(scope="module")
def table(weir):
    """(method, pattern) -> roles that may, as the program's own registry says."""
    page = run_weir("docs", "permissions", folder=weir.folder).stdout
    rows = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|(.*)\|$", page, re.MULTILINE)
    return {
        (method, pattern): {
            role for role, cell in zip(ROLES, marks.split("|"), strict=True) if cell.strip()
        }
        for method, pattern, marks in rows
    }


@pytest.fixture(scope="module")
def tokens(weir):
    made = {}
    for role in ROLES:
        body = {"name": role, "role": role}
        assert weir.admin("POST", "/api/users", body, token=True).status == 200
        answer = weir.admin("POST", f"/api/users/{role}/token", token=True)
        made[role] = answer.json["key"]
    return made


def ask(weir, token, method, path, body=None):
    with Client(weir.admin_port, {"authorization": "Bearer " + token} if token else {}) as client:
        return client.request(method, path, body)


def is_refused(answer):
    return answer.status in (401, 403)


def test_v1_the_table_is_of_all_paths_and_no_role_has_what_it_should_not(table):
    assert len(table) >= 35
    assert all("admin" in roles for roles in table.values())
    # A question may have a body.
    assert not any("viewer" in roles for (method, path), roles in table.items()
                   if method != "GET" and path not in ("/api/explain", *OWN_PATHS))
    assert not any("member" in roles for (_, path), roles in table.items()
                   if not path.startswith(("/api/keys", "/api/usage", "/api/limits", *OWN_PATHS)))
    assert not any("operator" in roles for (method, path), roles in table.items()
                   if path.startswith(("/api/users", "/api/teams", "/api/audit", "/api/secrets"))
                   and (method != "GET" or "audit" in path))


def test_v1_every_path_answers_every_role_as_the_table_says(weir, table, tokens):
    for (method, pattern), allowed in table.items():
        path = pattern.replace("{*}", "nothing").replace("{}", "nothing")
        for role in ROLES:
            # A body that is none: who may come in is told of that, and nothing is changed.
            answer = ask(weir, tokens[role], method, path, b"{" if method != "GET" else None)
            assert is_refused(answer) == (role not in allowed), (method, path, role, answer)


def test_v1_no_path_lets_in_who_has_no_token_or_one_that_has_ended(weir, table, tokens):
    assert ask(weir, tokens["admin"], "POST", "/api/users", {"name": "gone"}).status == 200
    gone = ask(weir, tokens["admin"], "POST", "/api/users/gone/token").json
    late = ask(weir, tokens["admin"], "POST", "/api/users/admin/token").json
    client_key = ask(weir, tokens["admin"], "POST", "/api/keys", {}).json["key"]
    end = {"expires_ms": 1_000}
    assert ask(weir, tokens["admin"], "PUT", "/api/keys/" + late["record"]["id"], end).status == 200
    assert ask(weir, tokens["admin"], "DELETE", "/api/keys/" + gone["record"]["id"]).status == 200
    wrong = tokens["admin"][:-1] + ("0" if tokens["admin"][-1] != "0" else "1")
    for method, pattern in table:
        path = pattern.replace("{*}", "nothing").replace("{}", "nothing")
        for token in ("", gone["key"], late["key"], client_key, wrong, "weir-admin-"):
            answer = ask(weir, token, method, path)
            assert answer.status == 401, (method, path, token, answer)
    refused = ask(weir, late["key"], "GET", "/api/keys")
    assert refused.error["code"] == "expired_api_key"


def test_v1_a_member_has_his_own_keys_and_never_anothers(weir, tokens):
    member = tokens["member"]
    own = ask(weir, member, "POST", "/api/keys", {"name": "mine"}).json["record"]
    assert own["user"] == "member"
    other = ask(weir, tokens["admin"], "POST", "/api/keys", {"user": "viewer"}).json["record"]
    nobodys = ask(weir, tokens["admin"], "POST", "/api/keys", {}).json["record"]
    listed = ask(weir, member, "GET", "/api/keys").json["keys"]
    assert own["id"] in [key["id"] for key in listed]
    assert {key["user"] for key in listed} == {"member"}
    assert ask(weir, member, "GET", "/api/keys?user=viewer").json["keys"] == []
    changes = [("GET", "", None), ("PUT", "", {"name": "x"}), ("POST", "/rotate", {}), ("DELETE", "", None)]
    for method, rest, body in changes:
        for theirs in (other, nobodys):
            answer = ask(weir, member, method, f"/api/keys/{theirs['id']}{rest}", body)
            assert answer.status == 404, (method, rest, answer)
        assert ask(weir, member, method, f"/api/keys/{own['id']}{rest}", body).status == 200
    for body in ({"user": "viewer"}, {"team": "red"}):
        assert ask(weir, member, "POST", "/api/keys", body).status in (403, 404)


def test_v5_what_no_update_takes_is_refused(weir, tokens):
    own = ask(weir, tokens["member"], "POST", "/api/keys", {}).json["record"]
    for field in ("user", "team", "role", "id", "digest", "created_ms", "revoked_ms", "spend"):
        answer = ask(weir, tokens["member"], "PUT", "/api/keys/" + own["id"], {field: 1})
        assert (answer.status, answer.error["param"]) == (400, field), answer


def actions(weir, tokens):
    answer = ask(weir, tokens["viewer"], "GET", "/api/audit?limit=1000")
    return [(record["actor"], record["action"], record["object"]) for record in answer.json["records"]]


def test_j1_every_change_has_its_record(weir, tokens):
    operator = tokens["operator"]
    with Upstream("openai") as other:
        entry = {"name": "added", **other.provider, "allow_private": True}
        for method, path, body, action, name in (
            ("POST", "/api/llm-providers", entry, "provider.add", "added"),
            ("PUT", "/api/llm-providers/added", {"enabled": False}, "provider.change", "added"),
            ("POST", "/api/llm-providers/added/reset", None, "provider.reset", "added"),
            ("POST", "/api/config/save", None, "config.save", ""),
            ("DELETE", "/api/llm-providers/added", None, "provider.remove", "added"),
            ("PUT", "/api/routes/smart", "up/m", "route.set", "smart"),
            ("PUT", "/api/tiers/quick", {"model": "smart"}, "tier.set", "quick"),
            ("PUT", "/api/tasks/sort", {"model": "smart"}, "task.set", "sort"),
            ("DELETE", "/api/tasks/sort", None, "task.remove", "sort"),
            ("DELETE", "/api/tiers/quick", None, "tier.remove", "quick"),
            ("PUT", "/api/strategy", {"strategy": "round_robin"}, "strategy.set", ""),
            ("PUT", "/api/default-model", {"model": "smart"}, "default_model.set", ""),
            ("POST", "/api/reload", {"discard_changes": True}, "config.reload", ""),
        ):
            data = json.dumps(body) if isinstance(body, str) else body
            answer = ask(weir, operator, method, path, data)
            assert answer.status == 200, (path, answer)
            assert ("user:operator", action, name) in actions(weir, tokens), (action, name)
    last = ask(weir, tokens["viewer"], "GET", "/api/audit?limit=1000").json["records"]
    added = next(record for record in last if record["action"] == "provider.add")
    assert other.key not in json.dumps(last)
    assert "providers.added" in added["after"] and "before" not in added
    assert added["address"] == "127.0.0.1" and added["request_id"].startswith("req_")


# A valid change for every path that changes a setting, a key or a row.
CHANGES = {
    ("POST", "/api/llm-providers"): ("", {"name": "late", "type": "openai", "api_key": "sk-late-key"}),
    ("PUT", "/api/llm-providers/{}"): ("spare", {"enabled": False}),
    ("DELETE", "/api/llm-providers/{}"): ("spare", None),
    ("POST", "/api/llm-providers/{}/reset"): ("up", None),
    ("PUT", "/api/llm-providers/{}/circuit"): ("up", {"state": "forced_open"}),
    ("PUT", "/api/default-model"): ("", {"model": "up/other"}),
    ("PUT", "/api/routes/{}"): ("late", {"targets": ["up/other"]}),
    ("DELETE", "/api/routes/{}"): ("spare", None),
    ("PUT", "/api/tiers/{}"): ("late", {"model": "smart"}),
    ("DELETE", "/api/tiers/{}"): ("fast", None),
    ("PUT", "/api/tasks/{}"): ("late", {"model": "smart"}),
    ("DELETE", "/api/tasks/{}"): ("sort", None),
    ("PUT", "/api/strategy"): ("", {"strategy": "round_robin"}),
    ("POST", "/api/config/save"): ("", None),
    ("POST", "/api/reload"): ("", {"discard_changes": True}),
    ("POST", "/api/keys"): ("", {"name": "late"}),
    ("PUT", "/api/keys/{}"): ("KEY", {"name": "late"}),
    ("POST", "/api/keys/{}/rotate"): ("KEY", {}),
    ("DELETE", "/api/keys/{}"): ("KEY", None),
    ("POST", "/api/users"): ("", {"name": "late"}),
    ("PUT", "/api/users/{}"): ("ann", {"disabled": True}),
    ("DELETE", "/api/users/{}"): ("ann", None),
    ("POST", "/api/users/{}/token"): ("ann", None),
    ("PUT", "/api/users/{}/password"): ("ann", {"password": "correct horse battery"}),
    ("DELETE", "/api/users/{}/password"): ("ann", None),
    ("DELETE", "/api/users/{}/data"): ("ann", None),
    ("PUT", "/api/teams/{}"): ("late", {}),
    ("DELETE", "/api/teams/{}"): ("red", None),
    ("POST", "/api/secrets/rotate-master"): ("", None),
    ("PUT", "/api/secrets/{}"): ("late", {"value": "sk-late-secret"}),
    ("DELETE", "/api/secrets/{}"): ("sealed", None),
}
# The same for those that need a session.
OWN_CHANGES = {
    ("PUT", "/api/password"): {"current": "ann's own words", "password": "correct horse battery"},
    ("DELETE", "/api/session"): None,
}
# These change nothing that is the gateway's: a look, a question, a model on an upstream's disk.
NO_CHANGES = {
    ("POST", "/api/llm-providers/{}/detect"),
    ("POST", "/api/explain"),
    ("DELETE", "/api/delete"),
}


def state_of(weir):
    """All that the changes above could change, as the administration shows it."""
    shown = {}
    for path in ("config", "routes", "keys", "users", "teams", "secrets"):
        shown[path] = weir.admin("GET", "/api/" + path, token=True).json
    providers = weir.admin("GET", "/api/llm-providers", token=True).json["providers"]
    shown["providers"] = [(one["name"], one["circuit"]) for one in providers]
    shown["master"] = (weir.folder / "data" / "master-key").read_text()
    shown["file"] = weir.config_file.read_text()
    return shown


def test_i11_what_can_not_be_written_down_is_not_done(table):
    paths = {row for row in table if row[0] != "GET"}
    assert paths == set(CHANGES) | set(OWN_CHANGES) | NO_CHANGES  # a new path is to be tried here, too
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(Upstream("openai"))
        providers = {"up": upstream.provider, "spare": upstream.provider}
        weir = stack.enter_context(Weir({"providers": providers}))
        for method, path, body in (
            ("PUT", "/api/routes/smart", {"targets": ["up/m"]}),
            ("PUT", "/api/routes/spare", {"targets": ["up/m"]}),
            ("PUT", "/api/tiers/fast", {"model": "smart"}),
            ("PUT", "/api/tasks/sort", {"model": "smart"}),
            ("PUT", "/api/teams/red", {}),
            ("POST", "/api/users", {"name": "ann"}),
            ("PUT", "/api/users/ann/password", {"password": "ann's own words"}),
            ("PUT", "/api/secrets/sealed", {"value": "sk-sealed-secret"}),
        ):
            answer = weir.admin(method, path, body, token=True)
            assert answer.status == 200, (path, answer)
        made = weir.admin("POST", "/api/keys", {"user": "ann"}, token=True).json
        login = {"user": "ann", "password": "ann's own words"}
        session = weir.admin("POST", "/api/login", login).json["token"]
        before = state_of(weir)
        with sqlite3.connect(weir.folder / "data" / "identity.db") as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"
            )
        for (method, pattern), (name, body) in CHANGES.items():
            path = pattern.replace("{}", made["record"]["id"] if name == "KEY" else name)
            answer = weir.admin(method, path, body, token=True)
            assert answer.status == 503, (method, path, answer)
            assert state_of(weir) == before, (method, path)
        for (method, path), body in OWN_CHANGES.items():
            assert ask(weir, session, method, path, body).status == 503, path
            assert ask(weir, session, "GET", "/api/session").status == 200
        assert weir.admin("POST", "/api/login", login).status == 503
        headers = {"authorization": "Bearer " + made["key"]}
        assert weir.chat("smart", "hello", headers).status == 200


def test_z3_no_path_of_the_administration_calls_a_model(table):
    """Nothing there makes a test call: who wants one asks at the clients' door, with a key, within
    its limits, and it is in the books."""
    with Upstream("openai") as upstream:
        providers = {"up": upstream.provider, "spare": upstream.provider}
        with Weir({"providers": providers}) as weir:
            assert weir.chat("up/m", "hello").status == 200
            for method, pattern in sorted(table):
                name, body = CHANGES.get((method, pattern), ("up", {"model": "up/m"}))
                path = pattern.replace("{*}", "up/m").replace("{}", name)
                answer = weir.admin(method, path, None if method == "GET" else body, token=True)
                assert answer.status != 401, (method, path)
            assert len(upstream.calls) == 1


def test_j1_a_refusal_is_written_down(weir, tokens):
    assert ask(weir, tokens["viewer"], "DELETE", "/api/routes/smart").status == 403
    eventually(lambda: ("user:viewer", "policy.refusal", "smart") in actions(weir, tokens))


def test_j2_a_log_that_was_tampered_with_is_found_from_outside():
    with Weir({"providers": {}}) as weir:
        for name in ("ann", "bob", "cat"):
            assert weir.admin("POST", "/api/users", {"name": name}, token=True).status == 200
        arguments = ("audit", "verify", "--config", str(weir.config_file))
        good = run_weir(*arguments, folder=weir.folder)
        assert good.returncode == 0 and good.stdout.startswith("3 records"), good
        with sqlite3.connect(weir.folder / "data" / "identity.db") as database:
            database.execute("UPDATE audit SET record = replace(record, 'bob', 'eve') WHERE seq = 2")
        bad = run_weir(*arguments, folder=weir.folder)
        assert bad.returncode == 1 and "record 2 was changed" in bad.stderr, bad
