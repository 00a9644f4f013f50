# SPDX-License-Identifier: Apache-2.0
"""Secrets: kept sealed, changed while it runs, and found nowhere they do not belong."""

import base64
import json
import pathlib
import urllib.parse

from harness import Answer, Client, Weir, run_weir, user
from upstream import Upstream, status

# The files that are there to hold a secret, readable by their owner alone.
KEY_FILES = {"admin-token", "key-pepper", "master-key", "audit-key", "data-key", "client-key"}


def bearer(token):
    return {"authorization": "Bearer " + token}


def files_of(weir):
    folder = weir.folder / "data"
    return [file for file in folder.rglob("*") if file.is_file() and file.name not in KEY_FILES]


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
        for file in [*files_of(weir), weir.config_file]:
            assert upstream.key.encode() not in file.read_bytes(), file
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


def encodings(secret: str) -> dict[str, bytes]:
    raw = secret.encode()
    return {
        "plain": raw,
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64 of a header": base64.b64encode(b"x:" + raw)[4:-4],
        "hex": raw.hex().encode(),
        "upper hex": raw.hex().upper().encode(),
        "url": urllib.parse.quote(secret, safe="").replace("-", "%2D").encode(),
        "json": "".join(f"\\u{ord(c):04x}" for c in secret).encode(),
        "reversed": raw[::-1],
    }


def test_g3_canaries_are_found_nowhere():
    """Twelve secrets put wherever the program takes one, looked for in eight encodings in all that
    it says and keeps."""
    seen: list[bytes] = []

    def note(answer: Answer) -> Answer:
        seen.append(json.dumps(answer.headers).encode() + answer.body)
        return answer

    canary = {
        "client key": "canary-client-7Hq2Lw9Zx4Rt",
        "provider key": "canary-provider-3Vb8Nm1Qs6Yd",
        "added provider key": "canary-added-5Kc0Jf7Xp2Wg",
        "sealed secret": "canary-sealed-9Td4Rz6Hm1Bv",
        "provider header": "canary-header-2Gs7Ck5Nw8Lq",
        "wrong bearer": "canary-bearer-6Pf3Xv0Zj9Mt",
        "wrong x-api-key": "canary-xapi-1Yr8Dh4Vb7Kc",
        "query key": "canary-query-8Wn5Qg2Ts0Jf",
        "wrong admin token": "canary-admin-4Lm9Zx6Cr3Hp",
    }
    with Upstream("openai", key=canary["provider key"]) as upstream:
        echo = f"Incorrect API key provided: {canary['added provider key']} (Bearer {upstream.key})"
        config = {
            "keys": [canary["client key"]],
            "access_log": True,
            "log": {"level": "debug"},
            "providers": {
                "up": {**upstream.provider, "headers": {"x-extra": canary["provider header"]}}
            },
        }
        with Weir(config) as weir:
            made = weir.admin("POST", "/api/keys", {"name": "k"}, token=True).json
            rotated = weir.admin("POST", f"/api/keys/{made['record']['id']}/rotate", {}, token=True)
            assert weir.admin("POST", "/api/users", {"name": "ann"}, token=True).status == 200
            token = weir.admin("POST", "/api/users/ann/token", token=True).json["key"]
            canary["virtual key"] = made["key"].split("-")[3][:32]
            canary["rotated key"] = rotated.json["key"].split("-")[3][:32]
            canary["user token"] = token.split("-")[3][:32]
            assert len(canary) == 12
            set_secret(weir, "sealed", canary["sealed secret"])
            entry = {"name": "added", **upstream.provider, "api_key": canary["added provider key"]}
            note(weir.admin("POST", "/api/llm-providers", entry, token=True))

            good = bearer(rotated.json["key"])
            assert note(weir.chat("up/m", "hello", good)).status == 200
            assert note(weir.chat("up/m", "hello", bearer(canary["client key"]))).status == 200
            assert note(weir.chat("up/m", "hello", bearer(made["key"]))).status == 401
            assert note(weir.chat("up/m", "hello", bearer(canary["wrong bearer"]))).status == 401
            assert note(weir.chat("up/m", "x", {"x-api-key": canary["wrong x-api-key"]})).status == 401
            query = "/v1beta/models/m:generateContent?key=" + canary["query key"]
            assert note(weir.post(query, {"contents": []})).status == 401
            note(weir.get("/nothing/" + made["key"]))
            note(weir.get("/nothing?key=" + rotated.json["key"], good))
            upstream.script(status(401, echo), status(400, echo), status(500, echo))
            for _ in range(3):
                note(weir.chat("added/m", "hello", good))
                note(weir.chat("up/m", "hello", good))
            with Client(weir.admin_port, bearer(canary["wrong admin token"])) as client:
                assert note(client.request("GET", "/api/keys")).status == 401
            with Client(weir.admin_port, bearer(token)) as client:
                assert note(client.request("GET", "/api/users")).status == 403
            for path in ("/metrics", "/api/llm-providers", "/api/routes", "/api/config", "/api/keys",
                         "/api/users", "/api/teams", "/api/secrets", "/api/audit", "/api/health"):
                assert note(weir.admin("GET", path, token=True)).status == 200, path
            weir.stop()
            places = {"answers": b"\n".join(seen), "log": weir.log().encode()}
            places |= {str(file): file.read_bytes() for file in files_of(weir)}
            for name, secret in canary.items():
                for encoding, found in encodings(secret).items():
                    for place, content in places.items():
                        assert found not in content, (name, encoding, place)
            assert good["authorization"].split("-")[2].encode() in places["answers"]  # it does look


def test_the_files_of_secrets_are_private():
    with Weir({"providers": {}}) as weir:
        folder = pathlib.Path(weir.folder / "data")
        for name in ("admin-token", "key-pepper", "master-key", "audit-key", "identity.db"):
            assert (folder / name).stat().st_mode & 0o077 == 0, name
        listed = run_weir("secrets", "--help", folder=weir.folder)
        assert listed.returncode == 0
