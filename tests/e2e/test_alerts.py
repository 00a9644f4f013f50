# SPDX-License-Identifier: Apache-2.0
"""Alerts: one event per incident and one when it is over, in the log, at a webhook, on a terminal."""

import hashlib
import hmac
import http.server
import json
import signal
import subprocess
import threading

import pytest

import upstream as fault
from harness import BINARY, Weir, clean_environment, eventually, run_weir
from upstream import Upstream

SECRET = "a-secret-of-some-length"
AT_ONCE = {"for": "0s", "clear_for": "0s", "min_calls": 1}


class Receiver:
    """Takes what is posted; answers the first `refused` posts with 500."""

    def __init__(self, refused: int = 0):
        posts = self.posts = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                posts.append((self.path, dict(self.headers), body))
                self.send_response(204 if len(posts) > refused else 500)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=b"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def up():
    with Upstream("openai") as upstream:
        yield upstream


def gateway(up: Upstream, rules: dict, **alerts) -> Weir:
    return Weir({
        "providers": {"up": up.provider},
        "retries": "off",
        "alerts": {"rules": rules, **alerts},
    })  # fmt: skip


def alerts(weir: Weir, after: int = 0) -> dict:
    return weir.admin("GET", f"/api/alerts?after={after}").json


def test_an_incident_is_one_event_and_its_end_another(up):
    with gateway(up, {"errors": {"error_rate": "50%", "window": "5m", **AT_ONCE}}) as weir:
        assert weir.chat("up/m", "hello").status == 200
        assert alerts(weir) == {"active": [], "events": [], "latest_id": 0}
        up.script(fault.status(500), fault.status(500))
        for _ in range(2):
            assert weir.chat("up/m", "hello").status == 502
        shown = alerts(weir)
        assert [one["type"] for one in shown["events"]] == ["alert.raised"]
        assert shown["active"] == shown["events"]
        assert (shown["events"][0]["rule"], shown["events"][0]["subject"]) == ("errors", "up")
        assert shown["events"][0]["value"] == pytest.approx(2 / 3)
        assert alerts(weir)["latest_id"] == 1, "looking again is no further event"
        for _ in range(3):
            assert weir.chat("up/m", "hello").status == 200
        shown = alerts(weir, after=1)
        assert [one["type"] for one in shown["events"]] == ["alert.over"]
        assert shown["active"] == []
        eventually(lambda: '"event":"alert_over"' in weir.log())
        assert weir.log().count('"event":"alert"') == 1
        assert weir.log().count('"event":"alert_over"') == 1


def test_an_open_circuit_is_an_incident_until_it_closes(up):
    with gateway(up, {"open": {"circuit_open": True, "of": ["up/m"], **AT_ONCE}}) as weir:
        up.always(fault.status(500))
        for _ in range(5):
            weir.chat("up/m", "hello")
        eventually(lambda: [one["subject"] for one in alerts(weir)["active"]] == ["up/m"])
        assert weir.admin("POST", "/api/llm-providers/up/reset", token=True).status == 200
        assert [one["type"] for one in alerts(weir, after=1)["events"]] == ["alert.over"]


def test_a_limit_that_is_nearly_used_up_is_an_incident(up):
    up.headers = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "5"}
    with gateway(up, {"limit": {"limit_used": "90%", **AT_ONCE}}) as weir:
        assert weir.chat("up/m", "hello").status == 200
        assert alerts(weir)["active"][0]["value"] == pytest.approx(0.95)


def test_a_limit_of_the_gateways_own_that_is_nearly_used_up_is_an_incident(up):
    rules = {
        "limit": {"limit_used": "90%", **AT_ONCE},
        "mine": {"limit_used": "50%", "of": ["provider:up"], **AT_ONCE},
    }
    config = {
        "providers": {"up": {**up.provider, "limits": {"requests_per_day": 20}}},
        "limits": {"requests_per_day": 10},
        "alerts": {"rules": rules},
    }
    with Weir(config) as weir:
        for _ in range(8):
            assert weir.chat("up/m", "hello").status == 200
        assert alerts(weir)["active"] == []
        assert weir.chat("up/m", "hello").status == 200
        [full] = alerts(weir)["active"]
        assert (full["rule"], full["subject"]) == ("limit", "global")
        assert full["value"] == pytest.approx(0.9)
        assert weir.chat("up/m", "hello").status == 200
        subjects = {(one["rule"], one["subject"]) for one in alerts(weir)["active"]}
        assert subjects == {("limit", "global"), ("mine", "provider:up")}


def test_money_spent_is_an_incident(up):
    price = {"models": {"m": {"price": {"input": 1000, "output": 1000}}}}
    rules = {"money": {"spend": "0.001", "window": "1h", **AT_ONCE}}
    config = {"providers": {"up": {**up.provider, **price}}, "alerts": {"rules": rules}}
    with Weir(config) as weir:
        assert weir.chat("up/m", "hello").status == 200
        eventually(lambda: alerts(weir)["active"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_incident_is_one_event_also_over_a_restart(up, number):
    with gateway(up, {"open": {"circuit_open": True, "of": ["up"], **AT_ONCE}}) as weir:
        order = {"state": "forced_open"}
        assert weir.admin("PUT", "/api/llm-providers/up/circuit", order, token=True).status == 200
        raised = alerts(weir)["events"]
        assert [one["type"] for one in raised] == ["alert.raised"]
        kept = weir.folder / "data/instances/0/alerts.json"
        eventually(lambda: kept.exists() and (kept.parent / "gate.json").exists())
        weir.signal(number)
        weir.process.wait()
        weir.start()
        shown = alerts(weir)
        assert shown == {"active": raised, "events": raised, "latest_id": 1}
        order["state"] = "closed"
        assert weir.admin("PUT", "/api/llm-providers/up/circuit", order, token=True).status == 200
        [over] = alerts(weir, after=1)["events"]
        assert (over["type"], over["id"]) == ("alert.over", 2)


def test_the_webhook_is_signed_and_tried_again(up):
    with Receiver(refused=1) as receiver:
        webhook = {"url": receiver.url, "secret": SECRET}
        rules = {"errors": {"error_rate": "50%", **AT_ONCE}}
        with gateway(up, rules, webhook=webhook) as weir:
            up.script(fault.status(500))
            weir.chat("up/m", "hello")
            assert alerts(weir)["active"]
            eventually(lambda: len(receiver.posts) == 2, seconds=20)
            path, headers, body = receiver.posts[1]
            assert receiver.posts[0][2] == body and path == "/hook?a=b"
            time, signature = headers["x-weir-signature"].split(",")
            text = time.removeprefix("t=").encode() + b"." + body
            wanted = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
            assert signature == "v1=" + wanted
            assert json.loads(body)["type"] == "alert.raised"
            assert SECRET not in weir.log()


def test_a_webhook_never_reaches_link_local_addresses(up):
    """N-2: services of the cloud with credentials live there."""
    webhook = {"url": "http://169.254.169.254/latest", "secret": SECRET}
    rules = {"errors": {"error_rate": "50%", **AT_ONCE}}
    with gateway(up, rules, webhook=webhook) as weir:
        up.script(fault.status(500))
        weir.chat("up/m", "hello")
        assert alerts(weir)["active"]
        line = eventually(lambda: [x for x in weir.log().splitlines() if '"webhook"' in x])[0]
        assert "not allowed" in line or "address" in line, line


def test_a_rule_that_means_nothing_is_a_problem_of_the_configuration(up, tmp_path):
    file = tmp_path / "weir.yaml"
    file.write_text(json.dumps({
        "alerts": {
            "webhook": {"url": "https://example.com", "secret": "short"},
            "rules": {"a": {}, "b": {"error_rate": "5%", "spend": "3"}, "c": {"spend": "-1"},
                      "d": {"latency": "1s", "window": "7m"}},
        }
    }))  # fmt: skip
    checked = run_weir("validate", "--config", str(file), folder=tmp_path)
    assert checked.returncode == 78
    text = checked.stdout + checked.stderr
    for path in ("webhook.secret", "rules.a", "rules.b", "rules.c.spend", "rules.d.window"):
        assert "alerts." + path in text, (path, text)


def test_the_command_line_follows(up):
    rules = {"errors": {"error_rate": "50%", **AT_ONCE}}
    with gateway(up, rules) as weir:
        place = ("--config", str(weir.config_file))
        follower = subprocess.Popen(
            [BINARY, "alerts", "--follow", "--json", *place],
            env=clean_environment(weir.folder), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            up.script(fault.status(500))
            weir.chat("up/m", "hello")
            assert json.loads(follower.stdout.readline())["rule"] == "errors"
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()
        shown = run_weir("alerts", *place, folder=weir.folder).stdout
        assert "1 incident under way" in shown and "RAISED  errors" in shown
