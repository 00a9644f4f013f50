# SPDX-License-Identifier: Apache-2.0
"""Secrets: kept sealed, changed while it runs, and found nowhere they do not belong."""

import contextlib
import itertools
import json
import pathlib
import re
import resource
import signal
import urllib.parse

import pytest

from canaries import contents, leaks
from harness import Answer, Client, Weir, eventually, run_weir, user
from postgres import PASSWORD, PASSWORD_IN_URL, Postgres, rows_of
from test_alerts import Receiver
from upstream import Upstream, status


def bearer(token):
    return {"authorization": "Bearer " + token}


def set_secret(weir, name, value):
    answer = weir.admin("PUT", "/api/secrets/" + name, {"value": value}, token=True)
    assert answer.status == 200, answer.body


def test_a_providers_key_can_be_kept_sealed():
    with Upstream("openai") as upstream, Weir({"providers": {}}) as weir:
        set_secret(weir, "up", upstream.key)
        entry = {"name": "up", **upstream.provider, "api_key": "secret:up", "allow_private": True}
        missing = {**entry, "api_key": "secret:none"}
        refused = weir.admin("POST", "/api/llm-providers", missing, token=True)
        assert (refused.status, refused.error["param"]) == (400, "providers.up.api_key")
        added = weir.admin("POST", "/api/llm-providers", entry, token=True)
        assert added.status == 200, added.body
        assert weir.chat("up/m", "hello").status == 200
        assert weir.admin("POST", "/api/config/save", token=True).status == 200
        places = {**contents(weir.folder / "data"), "file": weir.config_file.read_bytes()}
        assert leaks({"key": upstream.key}, places) == []
        listed = weir.admin("GET", "/api/secrets", token=True)
        assert [secret["name"] for secret in listed.json["secrets"]] == ["up"]
        assert upstream.key not in listed.body.decode()
        weir.stop()
        weir.config = weir.config_file.read_text()  # what was saved is what it starts with
        weir.start()
        assert weir.chat("up/m", "hello").status == 200


def test_y6_the_master_key_is_rotated_while_calls_go_on():
    with Upstream("openai") as upstream, Weir({"providers": {}}) as weir:
        set_secret(weir, "up", upstream.key)
        entry = {"name": "up", **upstream.provider, "api_key": "secret:up", "allow_private": True}
        assert weir.admin("POST", "/api/llm-providers", entry, token=True).status == 200
        file = weir.folder / "data" / "master-key"
        before = file.read_text()
        assert weir.admin("POST", "/api/secrets/rotate-master", token=True).status == 200
        assert file.read_text() != before
        assert weir.chat("up/m", "hello").status == 200
        assert weir.admin("POST", "/api/reload", token=True).status == 200
        assert weir.chat("up/m", "hello").status == 200


def test_without_the_right_master_key_it_does_not_start():
    with Upstream("openai") as upstream, Weir({"providers": {}}) as weir:
        set_secret(weir, "up", upstream.key)
        weir.stop()
        file = weir.folder / "data" / "master-key"
        right = file.read_text()

        def start(**environment: str):
            arguments = ("serve", "--config", str(weir.config_file))
            run = run_weir(*arguments, folder=weir.folder, environment=environment)
            return run.returncode, run.stderr

        file.unlink()
        status, told = start()
        assert status == 78 and str(file) in told
        assert not file.exists(), "none is made in its place"
        assert start(WEIR_MASTER_KEY="ab" * 32)[0] == 78
        assert start(WEIR_MASTER_KEY_FILE=str(weir.folder / "none"))[0] == 78
        assert start(WEIR_MASTER_KEY_COMMAND="false")[0] == 78
        file.write_text("ab" * 32)
        file.chmod(0o600)
        assert start()[0] == 78
        file.write_text(right)
        weir.start()
        entry = {"name": "up", **upstream.provider, "api_key": "secret:up", "allow_private": True}
        assert weir.admin("POST", "/api/llm-providers", entry, token=True).status == 200
        assert weir.chat("up/m", "hello").status == 200


def test_a_key_that_is_refused_gives_way_to_the_next_one():
    with Upstream("openai") as upstream:
        entry = {**upstream.provider, "api_keys": ["sk-was-revoked-0123456789", upstream.key]}
        del entry["api_key"]
        with Weir({"providers": {"up": entry}, "threads": 1}) as weir:
            for _ in range(6):
                assert weir.chat("up/m", "hello").status == 200
            sent = [call.header("authorization") for call in upstream.calls]
            assert sent.count("Bearer " + upstream.key) == 6
            # It was tried once and then marked.
            assert sent.count("Bearer sk-was-revoked-0123456789") <= 1
            assert len(sent) <= 7


def test_k5_a_tenants_own_key_is_cooled_alone():
    """One endpoint, asked with the gateway's key and with one that a tenant left in the vault."""
    with Upstream("openai") as upstream, Weir({"providers": {"up": upstream.provider}}) as weir:
        set_secret(weir, "acme", "sk-of-acme-that-was-revoked")
        entry = {"name": "acme", **upstream.provider, "api_key": "secret:acme"}
        entry["allow_private"] = True
        assert weir.admin("POST", "/api/llm-providers", entry, token=True).status == 200
        refused = weir.chat("acme/m", "hello")
        assert (refused.status, refused.error["code"]) == (502, "upstream_auth")
        assert len(upstream.calls) == 1
        assert weir.chat("acme/n", "hello").status == 503
        assert len(upstream.calls) == 1, "the key rests, whatever the model"
        assert weir.chat("up/m", "hello").status == 200
        assert weir.chat("up/n", "hello").status == 200

        set_secret(weir, "acme", upstream.key)
        assert weir.admin("POST", "/api/reload", token=True).status == 200
        assert weir.chat("acme/m", "hello").status == 200, "another key has nothing to rest from"


CLIENT_KEY = "canary-client-7Hq2Lw9Zx4Rt"
CANARIES = {
    "client key": CLIENT_KEY,
    "provider key": "canary-provider-3Vb8Nm1Qs6Yd",
    "added provider key": "canary-added-5Kc0Jf7Xp2Wg",
    "sealed secret": "canary-sealed-9Td4Rz6Hm1Bv",
    "provider header": "canary-header-2Gs7Ck5Nw8Lq",
    "webhook secret": "canary-webhook-0Xe6Ub3Ma5Si",
    "wrong bearer": "canary-bearer-6Pf3Xv0Zj9Mt",
    "wrong x-api-key": "canary-xapi-1Yr8Dh4Vb7Kc",
    "query key": "canary-query-8Wn5Qg2Ts0Jf",
    "wrong admin token": "canary-admin-4Lm9Zx6Cr3Hp",
}
CHAT = "/v1/chat/completions"
SAID = "canary-content-5Nd8Wq2Kb7Ze"
# One request of each door that takes a model, and the header that its clients have their key in.
DOORS = {
    CHAT: ("authorization", {"messages": user(SAID)}),
    "/v1/completions": ("authorization", {"prompt": SAID}),
    "/v1/embeddings": ("authorization", {"input": SAID}),
    "/v1/responses": ("authorization", {"input": SAID}),
    "/v1/messages": ("x-api-key", {"messages": user(SAID), "max_tokens": 9}),
    "/v1beta/models/MODEL:generateContent": (
        "x-goog-api-key",
        {"contents": [{"role": "user", "parts": [{"text": SAID}]}]},
    ),
    "/api/chat": ("authorization", {"messages": user(SAID), "stream": False}),
    "/openai/deployments/MODEL/chat/completions?api-version=2024-10-21": (
        "api-key",
        {"messages": user(SAID)},
    ),
}
COMMANDS = (
    "providers", "models", "health", "limits", "usage", "usage --by key", "alerts", "explain up/m",
    "log", "audit", "keys", "users", "teams", "secrets", "config show", "ledger verify",
    "audit verify",
)  # fmt: skip


numbers = itertools.count(1)


class Ears:
    """Everything that the gateway says to anyone, with who heard it."""

    def __init__(self, weir):
        self.weir = weir
        self.heard: dict[str, bytes] = {}

    def note(self, where: str, answer: Answer) -> Answer:
        said = json.dumps(answer.headers).encode() + answer.body
        self.heard[where] = self.heard.get(where, b"") + b"\n" + said
        return answer

    def post(self, path: str, body, headers: dict[str, str]) -> Answer:
        return self.note(path, self.weir.post(path, body, headers))

    def admin(self, path: str) -> Answer:
        return self.note(path, self.weir.admin("GET", path, token=True))

    def command(self, line: str) -> None:
        environment = {"WEIR_ADMIN_TOKEN": self.weir.admin_token()}
        config = ("--config", str(self.weir.config_file))
        run = run_weir(*line.split(), *config, folder=self.weir.folder, environment=environment)
        assert run.returncode == 0, (line, run.stderr)
        self.heard["weir " + line] = (run.stdout + run.stderr).encode()


def ask_every_door(ears: Ears, model: str, key: str) -> list[int]:
    """The statuses. Each request has an `Idempotency-Key`, so that its answer is kept."""
    statuses = []
    for path, (field, body) in DOORS.items():
        value = "Bearer " + key if field == "authorization" else key
        headers = {field: value, "idempotency-key": f"key-{next(numbers)}"}
        where = path.replace("MODEL", urllib.parse.quote(model, safe=""))
        body = body if "MODEL" in path else {"model": model, **body}
        statuses.append(ears.post(where, body, headers).status)
    return statuses


def ask_administration(ears: Ears, names: dict[str, str]) -> None:
    """Every path of the registry that shows something, and the exports."""
    page = run_weir("docs", "permissions", folder=ears.weir.folder).stdout
    paths = re.findall(r"^\| GET \| `([^`]+)` \|", page, re.MULTILINE)
    assert len(paths) > 15
    for path in paths:
        path = path.replace("{}", names.get(path.split("/")[2], "")) if "{}" in path else path
        assert ears.admin(path).status == 200, path
    for path in ("/api/usage?format=csv&by=key", "/api/health/export?format=csv",
                 "/api/health/export?points=hour"):  # fmt: skip
        assert ears.admin(path).status == 200, path


def tables_of(database: str) -> bytes:
    """All that PostgreSQL has, as text."""
    tables = rows_of(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'weir'")
    assert tables
    rows = [rows_of(database, f"SELECT t::text FROM weir.{name} t") for (name,) in tables]
    return repr(rows).encode()


@pytest.mark.parametrize("ledger", ["in the data directory", "in postgresql"])
def test_g3_canaries_are_found_nowhere(ledger):
    """Secrets put wherever the program takes one, looked for in eight encodings in all that it says
    and keeps; and what clients and models say is in no log line and no page (G-2)."""
    with contextlib.ExitStack() as stack:
        canary = dict(CANARIES)
        upstream = stack.enter_context(Upstream("openai", key=canary["provider key"]))
        hook = stack.enter_context(Receiver())
        config = {
            "keys": [{"key": CLIENT_KEY, "user": "bob", "log_content": "1d"}],
            "access_log": True,
            "log": {"level": "trace"},
            "retries": "off",
            "providers": {
                "up": {**upstream.provider, "headers": {"x-extra": canary["provider header"]}}
            },
            "alerts": {
                "rules": {"failing": {"error_rate": "10%", "for": "0s", "min_calls": 1}},
                "webhook": {"url": hook.url, "secret": canary["webhook secret"]},
            },
        }
        database = None
        if ledger == "in postgresql":
            database = stack.enter_context(Postgres()).create_database("weir")
            config["ledger"] = {"store": database}
            canary |= {"database's password": PASSWORD, "the same in a URL": PASSWORD_IN_URL}
        weir = stack.enter_context(Weir(config))
        ears = Ears(weir)
        ann = {"name": "ann", "log_content": "1d"}
        assert weir.admin("POST", "/api/users", ann, token=True).status == 200
        assert weir.admin("PUT", "/api/teams/red", {}, token=True).status == 200
        made = weir.admin("POST", "/api/keys", {"name": "k", "user": "ann"}, token=True).json
        rotated = weir.admin("POST", f"/api/keys/{made['record']['id']}/rotate", {}, token=True)
        token = weir.admin("POST", "/api/users/ann/token", token=True).json["key"]
        for name, text in (("virtual key", made["key"]), ("rotated key", rotated.json["key"]),
                           ("user token", token)):  # fmt: skip
            canary[name] = text.split("-")[3][:32]
        assert len(canary) >= 12
        set_secret(weir, "sealed", canary["sealed secret"])
        entry = {"name": "added", **upstream.provider, "api_key": canary["added provider key"]}
        added = weir.admin("POST", "/api/llm-providers", entry, token=True)
        assert ears.note("/api/llm-providers", added).status == 200

        good = rotated.json["key"]
        assert set(ask_every_door(ears, "up/m", good)) == {200}
        assert set(ask_every_door(ears, "up/m", CLIENT_KEY)) == {200}
        for wrong in (canary["wrong bearer"], canary["wrong x-api-key"], made["key"]):
            assert set(ask_every_door(ears, "up/m", wrong)) == {401}
        query = "/v1beta/models/m:generateContent?key=" + canary["query key"]
        assert ears.post(query, {"contents": []}, {}).status == 401
        ears.note("/nothing", weir.get("/nothing/" + made["key"]))
        ears.note("/nothing", weir.get("/nothing?key=" + good, bearer(good)))
        # What a provider says when it fails has its key, the way some of them do.
        echo = f"Incorrect API key provided: {canary['added provider key']} (Bearer {upstream.key})"
        for code in (401, 400, 500):
            upstream.always(status(code, echo))
            for model in ("added/m", "up/m"):
                failed = ask_every_door(ears, model, CLIENT_KEY if model == "up/m" else good)
                assert 401 not in failed
            upstream.forget()
        with Client(weir.admin_port, bearer(canary["wrong admin token"])) as client:
            assert ears.note("admin", client.request("GET", "/api/keys")).status == 401
        with Client(weir.admin_port, bearer(token)) as client:
            assert ears.note("admin", client.request("GET", "/api/users")).status == 403

        eventually(lambda: weir.admin("GET", "/api/alerts", token=True) and hook.posts)
        eventually(lambda: b"ann" in weir.admin("GET", "/api/usage?by=user", token=True).body)
        names = {"health": "up", "keys": made["record"]["id"], "users": "ann", "teams": "red"}
        names["llm-providers"] = "up"
        # Whose content is logged may say a secret.
        said = {"model": "up/m", "messages": user(f"{SAID}: {made['key']} and {upstream.key}")}
        names["content"] = ears.post(CHAT, said, bearer(good)).headers["x-weir-request-id"]
        content = "/api/content/" + names["content"]
        eventually(lambda: weir.admin("GET", content, token=True).status == 200)
        del ears.heard[CHAT]  # its client is told what it said
        ask_administration(ears, names)
        for line in COMMANDS:
            ears.command(line)
        ears.command("data export --user ann")
        if database:
            eventually(lambda: b"ann" in tables_of(database))
            ears.heard["postgresql"] = tables_of(database)
        weir.stop()
        places = ears.heard | {"log": weir.log().encode()} | contents(weir.folder / "data")
        places["webhook"] = repr(hook.posts).encode()
        assert leaks(canary, places) == []
        assert made["record"]["id"].encode() in places["/api/keys"]  # it does look
        # Content is for who said it, and in the export of what is kept of her.
        own = {*ears.heard} & {path.replace("MODEL", urllib.parse.quote(model, safe=""))
                               for path in DOORS for model in ("up/m", "added/m")}  # fmt: skip
        own |= {"weir data export --user ann", "/api/users/ann/data", content}
        assert {place for _, _, place in leaks({"content": SAID}, places)} <= own
        assert leaks({"content": SAID}, {"export": places["weir data export --user ann"]})
        # Nor does any error tell where it comes from (G-4).
        inside = {"folder": str(weir.folder), "provider": f"127.0.0.1:{upstream.port}"}
        errors = {place: places[place] for place in own}
        assert leaks(inside, errors) == []


def test_y9_a_dump_of_the_process_holds_no_secret():
    with Upstream("openai") as upstream:
        config = {"keys": [CLIENT_KEY], "providers": {"up": upstream.provider}}
        master = "5d" * 32
        with Weir(config, environment={"WEIR_MASTER_KEY": master}) as weir:
            assert weir.chat("up/m", "hello", bearer(CLIENT_KEY)).status == 200
            place = pathlib.Path("/proc") / str(weir.process.pid)
            assert b"sk-upstream" not in (place / "cmdline").read_bytes()
            assert master.encode() not in (place / "environ").read_bytes()
            soft, _ = resource.prlimit(weir.process.pid, resource.RLIMIT_CORE)
            assert soft == 0
            assert int((place / "coredump_filter").read_text(), 16) == 0
            # Somebody allows dumps again; what the system writes is without the memory.
            resource.prlimit(weir.process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
            weir.signal(signal.SIGABRT)
            weir.process.wait(60)
            secrets = {"client": CLIENT_KEY, "provider": upstream.key, "master": master}
            secrets["admin"] = weir.admin_token()
            dumps = {str(file): file.read_bytes() for file in weir.folder.glob("core*")}
            assert leaks(secrets, dumps) == []
            for file in dumps:
                pathlib.Path(file).unlink()
            weir.start()


def test_y9_a_key_is_no_argument_of_a_command():
    with Weir({"providers": {"mock": {}}}) as weir:
        environment = {
            "WEIR_ADMIN_URL": f"http://127.0.0.1:{weir.admin_port}",
            "WEIR_ADMIN_TOKEN": weir.admin_token(),
        }

        def add(setting: str):
            line = ("providers", "add", "mine", "type=openai", setting)
            return run_weir(*line, folder=weir.folder, environment=environment)

        for setting in ("api_key=sk-of-mine-0123456789", 'api_keys=["env:ONE","sk-of-mine-0123"]'):
            told = add(setting)
            assert told.returncode == 64 and "env:NAME" in told.stderr, told
            assert "sk-of-mine" not in told.stdout + told.stderr
        assert "env:NAME" not in add("api_key=env:NOTHING_THERE").stderr


def test_every_file_of_the_data_directory_is_its_owners():
    with Upstream("openai") as upstream, Weir({"providers": {"up": upstream.provider}}) as weir:
        assert weir.admin("POST", "/api/users", {"name": "ann"}, token=True).status == 200
        assert weir.post(CHAT, {"model": "up/m", "messages": user("x")}, {"idempotency-key": "x"})
        assert weir.post("/v1/responses", {"model": "up/m", "input": "x"}, {}).status == 200
        files = list((weir.folder / "data").rglob("*"))
        assert {"admin-token", "key-pepper", "master-key", "audit-key", "identity.db", "usage.db",
                "responses.db", "idempotency.db"} <= {file.name for file in files}  # fmt: skip
        assert [str(file) for file in files if file.stat().st_mode & 0o077] == []
