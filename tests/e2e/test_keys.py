# SPDX-License-Identifier: Apache-2.0
"""Keys of users: made, kept within their bounds, rotated, revoked; and who may do that."""

import json

import pytest

from harness import Weir, run_weir, user
from upstream import Upstream


@pytest.fixture
def upstream():
    with Upstream("openai") as made:
        yield made
        assert made.violations == []


@pytest.fixture
def weir(upstream):
    config = {
        "providers": {"up": upstream.provider},
        "models": {"smart": "up/large", "cheap": "up/small"},
    }
    with Weir(config) as running:
        yield running


def bearer(token):
    return {"authorization": "Bearer " + token}


def make_key(weir, **settings):
    answer = weir.admin("POST", "/api/keys", settings, token=True)
    assert answer.status == 200, answer.body
    return answer.json["key"], answer.json["record"]["id"]


def cli(weir, *arguments):
    environment = {
        "WEIR_ADMIN_URL": f"http://127.0.0.1:{weir.admin_port}",
        "WEIR_ADMIN_TOKEN": weir.admin_token(),
    }
    return run_weir(*arguments, folder=weir.folder, environment=environment)


def test_y1_a_key_is_shown_once_and_only_its_digest_is_kept(weir):
    key, key_id = make_key(weir, name="ci")
    assert key.startswith("sk-weir-" + key_id) and len(key) == 59
    shown = weir.admin("GET", "/api/keys/" + key_id, token=True)
    assert shown.json["ends_in"] == key[-4:]
    secret = key.split("-")[3]
    assert secret not in shown.body.decode()
    for file in (weir.folder / "data").iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_who_has_no_key_is_refused_as_soon_as_there_is_one(weir):
    assert weir.chat("smart", "hello").status == 200
    key, key_id = make_key(weir)
    assert weir.chat("smart", "hello").status == 401
    assert weir.chat("smart", "hello", bearer(key)).status == 200
    # Taking the last one away must not open the door again.
    assert weir.admin("DELETE", "/api/keys/" + key_id, token=True).status == 200
    for headers in ({}, bearer(key)):
        refused = weir.chat("smart", "hello", headers)
        assert refused.status == 401
        assert refused.error["code"] == "invalid_api_key"


def test_keys_outlive_a_restart_and_so_do_revocations(weir):
    kept, _ = make_key(weir)
    lost, lost_id = make_key(weir)
    assert weir.admin("DELETE", "/api/keys/" + lost_id, token=True).status == 200
    weir.stop()
    weir.start()
    assert weir.chat("smart", "hello", bearer(kept)).status == 200
    assert weir.chat("smart", "hello", bearer(lost)).status == 401


def test_h4_a_revoked_key_is_refused_on_every_thread_at_once(upstream):
    with Weir({"providers": {"up": upstream.provider}, "threads": 4}) as weir:
        key, key_id = make_key(weir)
        clients = [weir.client(authorization="Bearer " + key) for _ in range(12)]
        body = {"model": "up/m", "messages": user("hello")}
        statuses = [c.request("POST", "/v1/chat/completions", body).status for c in clients]
        assert statuses == [200] * 12
        assert weir.admin("DELETE", "/api/keys/" + key_id, token=True).status == 200
        statuses = [c.request("POST", "/v1/chat/completions", body).status for c in clients]
        assert statuses == [401] * 12


def test_a_key_is_kept_to_its_routes_models_and_endpoints(weir):
    routes, _ = make_key(weir, routes=["smart"])
    assert weir.chat("smart", "hello", bearer(routes)).status == 200
    for other in ("cheap", "up/large"):
        refused = weir.chat(other, "hello", bearer(routes))
        assert refused.status == 403
        assert refused.error["code"] == "model_not_allowed"
    models, _ = make_key(weir, models=["up/small"])
    assert weir.chat("up/small", "hello", bearer(models)).status == 200
    assert weir.chat("cheap", "hello", bearer(models)).status == 200  # leads nowhere else
    assert weir.chat("smart", "hello", bearer(models)).status == 403
    endpoints, _ = make_key(weir, endpoints=["embeddings"])
    refused = weir.chat("smart", "hello", bearer(endpoints))
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")


def test_the_list_of_models_is_what_the_key_may_call(weir):
    key, _ = make_key(weir, routes=["cheap"])
    listed = weir.get("/v1/models", bearer(key))
    assert [model["id"] for model in listed.json["data"]] == ["cheap"]
    assert weir.get("/v1/models/cheap", bearer(key)).status == 200
    assert weir.get("/v1/models/smart", bearer(key)).status == 403


def test_an_expired_key_says_so(weir):
    key, key_id = make_key(weir, expires_in="1h")
    assert weir.chat("smart", "hello", bearer(key)).status == 200
    changed = weir.admin("PUT", "/api/keys/" + key_id, {"expires_ms": 1_000}, token=True)
    assert changed.status == 200, changed.body
    refused = weir.chat("smart", "hello", bearer(key))
    assert (refused.status, refused.error["code"]) == (401, "expired_api_key")


def test_a_rotated_key_has_a_new_secret_and_the_old_one_its_grace(weir):
    first, key_id = make_key(weir, routes=["smart"])
    second = weir.admin("POST", f"/api/keys/{key_id}/rotate", {"grace": "1h"}, token=True).json["key"]
    assert second != first
    for key in (first, second):
        assert weir.chat("smart", "hello", bearer(key)).status == 200
        assert weir.chat("cheap", "hello", bearer(key)).status == 403
    third = weir.admin("POST", f"/api/keys/{key_id}/rotate", token=True).json["key"]
    assert weir.chat("smart", "hello", bearer(third)).status == 200
    for key in (first, second):
        assert weir.chat("smart", "hello", bearer(key)).status == 401


def test_y4_a_users_bounds_hold_for_his_keys_and_later_ones_too(weir):
    assert weir.admin("PUT", "/api/teams/red", {"models": ["up/*"]}, token=True).status == 200
    ann = {"name": "ann", "role": "member", "team": "red", "routes": ["smart", "cheap"]}
    assert weir.admin("POST", "/api/users", ann, token=True).status == 200
    wider = weir.admin("POST", "/api/keys", {"user": "ann", "routes": ["*"]}, token=True)
    assert (wider.status, wider.error["param"]) == (403, "routes")
    key, _ = make_key(weir, user="ann", routes=["smart"])
    assert weir.chat("smart", "hello", bearer(key)).status == 200
    narrowed = weir.admin("PUT", "/api/users/ann", {"routes": ["cheap"]}, token=True)
    assert narrowed.status == 200, narrowed.body
    assert weir.chat("smart", "hello", bearer(key)).status == 403
    disabled = weir.admin("PUT", "/api/users/ann", {"disabled": True}, token=True)
    assert disabled.status == 200
    assert weir.chat("smart", "hello", bearer(key)).status == 401


def test_the_command_line_makes_shows_and_revokes_keys(weir):
    assert cli(weir, "users", "add", "ann", "role=member").returncode == 0
    made = cli(weir, "keys", "create", "name=laptop", "user=ann", "models=up/*", "expires_in=90d")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert weir.chat("smart", "hello", bearer(key)).status == 200
    listed = cli(weir, "keys")
    key_id = key.split("-")[2]
    line = next(line for line in listed.stdout.splitlines() if line.startswith(key_id))
    assert {"laptop", "ann", "up/*"} <= set(line.split())
    assert cli(weir, "keys", "revoke", key_id).returncode == 0
    assert weir.chat("smart", "hello", bearer(key)).status == 401
    audit = cli(weir, "audit", "--json")
    actions = [record["action"] for record in json.loads(audit.stdout)["records"]]
    assert actions == ["user.add", "key.create", "key.revoke"]
    wrong = cli(weir, "keys", "create", "colour=red")
    assert wrong.returncode == 1 and wrong.stderr.startswith("colour: ")


def test_c4_answers_do_not_name_the_target_to_who_is_not_to_know_it(weir):
    ask = {"x-weir-explain": "true"}
    open_key, _ = make_key(weir)
    hidden_key, hidden_id = make_key(weir, expose_target=False)
    shown = weir.chat("smart", "hello", {**bearer(open_key), **ask})
    assert shown.headers["x-weir-target"] == "up/large" and "up/large" in shown.headers["x-weir-explain"]
    hidden = weir.chat("smart", "hello", {**bearer(hidden_key), **ask})
    assert hidden.status == 200 and hidden.headers["x-weir-request-id"]
    assert "x-weir-target" not in hidden.headers and "x-weir-explain" not in hidden.headers
    changed = weir.admin("PUT", "/api/keys/" + hidden_id, {"expose_target": None}, token=True)
    assert changed.status == 200
    assert weir.chat("smart", "hello", bearer(hidden_key)).headers["x-weir-target"]
    # What a team is not told, none of its keys tells.
    assert weir.admin("PUT", "/api/teams/red", {"expose_target": False}, token=True).status == 200
    wider = weir.admin("POST", "/api/keys", {"team": "red", "expose_target": True}, token=True)
    assert (wider.status, wider.error["param"]) == (403, "expose_target")
    red_key, _ = make_key(weir, team="red")
    assert "x-weir-target" not in weir.chat("smart", "hello", bearer(red_key)).headers


def test_c4_the_configuration_hides_the_target_from_keys_users_and_teams(upstream):
    config = {
        "providers": {"up": upstream.provider},
        "keys": ["sk-open", {"key": "sk-own", "expose_target": False}, {"key": "sk-red", "team": "red"}],
        "teams": {"red": {"expose_target": False}},
    }
    with Weir(config) as weir:
        tells = {
            key: "x-weir-target" in weir.chat("up/m", "hello", bearer(key)).headers
            for key in ("sk-open", "sk-own", "sk-red")
        }
        assert tells == {"sk-open": True, "sk-own": False, "sk-red": False}
