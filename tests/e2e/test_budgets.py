# SPDX-License-Identifier: Apache-2.0
"""Budgets (section 13), and what the administration shows of limits and budgets."""

import collections
import concurrent.futures
import decimal
import json
import signal

import pytest

import upstream as fault
from harness import Client, Weir, eventually, run_weir, user
from upstream import Upstream

KEY = "sk-weir-test-0123456789abcdef0123456789"

# Longer than what the scripted provider reports as read, so that the estimate is honest.
TEXT = "word " * 120

PRICED = {"m": {"price": {"input": 1, "output": 10}}}


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one
        assert one.violations == []


def limits_of(weir: Weir, scope: str) -> list[dict]:
    answer = weir.admin("GET", "/api/limits")
    assert answer.status == 200
    return [limit for limit in answer.json["limits"] if limit["scope"] == scope]


def nanousd(answer) -> int:
    return int(decimal.Decimal(answer.headers["x-weir-cost"]) * 10**9)


def test_u3_256_parallel_calls_overspend_nothing(upstream):
    provider = {**upstream.provider, "models": PRICED}
    config = {
        "threads": 2,
        "providers": {"one": provider},
        "keys": [{"key": KEY, "user": "ann"}],
        "users": {"ann": {"budget": {"daily": "0.02"}}},
    }
    with Weir(config) as weir:

        def ask(_):
            headers = {"authorization": "Bearer " + KEY}
            return weir.chat("one/m", TEXT, headers=headers, max_tokens=64)

        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(ask, range(256)))
        spent = sum(nanousd(answer) for answer in answers if answer.status == 200)
        refused = [answer for answer in answers if answer.status != 200]
        assert {answer.status for answer in refused} == {402}
        assert 0 < spent <= 20_000_000
        assert len(upstream.calls) == len(answers) - len(refused)
        eventually(lambda: limits_of(weir, "user")[0]["reserved_nanousd"] == 0)
        assert limits_of(weir, "user")[0]["used_nanousd"] == spent
        assert refused[0].error["code"] == "budget_exceeded"
        assert refused[0].exceeded[0] == "user"
        assert refused[0].headers["x-should-retry"] == "false"


def test_u6_each_mark_is_logged_once(upstream):
    provider = {**upstream.provider, "models": PRICED}
    budget = {"monthly": "0.001", "soft_at": "50%", "hard": False, "time_zone": "Europe/Berlin"}
    with Weir({"providers": {"one": provider}, "budget": budget}) as weir:
        for _ in range(5):
            assert weir.chat("one/m", TEXT, max_tokens=64).status == 200
        eventually(lambda: weir.log().count('"event":"budget"') == 2)
        assert '"percent":50' in weir.log()
        assert '"percent":100' in weir.log()


def test_u9_an_answer_of_any_length_is_fitted_to_what_is_left(upstream):
    provider = {
        **upstream.provider,
        "models": {"m": {"price": {"input": 1, "output": 10}, "max_output": 100_000}},
    }
    config = {"providers": {"one": {**provider, "budget": {"daily": "0.01"}}}}
    with Weir(config) as weir:
        assert weir.chat("one/m", TEXT).status == 200
        sent = upstream.calls[-1].json
        asked = sent.get("max_completion_tokens") or sent.get("max_tokens")
        assert 900 <= asked < 1000, "a cent pays for a thousand tokens and the prompt"


def test_limits_are_shown_to_the_administrator(upstream):
    limits = {"requests_per_minute": 10, "requests_per_day": 1000, "time_zone": "Asia/Kathmandu"}
    config = {
        "providers": {"one": {**upstream.provider, "limits": limits}},
        "limits": {"tokens_per_hour": 100_000},
    }
    with Weir(config) as weir:
        assert weir.chat("one/m", "hi").status == 200
        minute, day = limits_of(weir, "provider")
        assert (minute["limit"], minute["used"], minute["left"]) == (10, 1, 9)
        assert minute["window_ms"] == 60_000
        assert 0 < minute["reset_ms"] <= 60_000
        assert (day["period"], day["time_zone"], day["used"]) == ("day", "Asia/Kathmandu", 1)
        assert 0 < day["reset_ms"] <= 24 * 3600 * 1000
        [hour] = limits_of(weir, "global")
        assert (hour["unit"], hour["used"]) == ("total_tokens", 100)
        shown = run_weir(
            "limits", "--admin", f"http://127.0.0.1:{weir.admin_port}", folder=weir.folder
        )
        assert shown.returncode == 0
        assert "provider" in shown.stdout
        assert "total_tokens" in shown.stdout


def test_a_key_that_was_given_out_has_limits_of_its_own(upstream):
    with Weir({"providers": {"one": upstream.provider}}) as weir:
        wrong = {"name": "app", "limits": {"requests_per_minut": 2}}
        refused = weir.admin("POST", "/api/keys", wrong, token=True)
        assert refused.status == 400
        assert "requests_per_minute" in refused.error["message"]
        wish = {"name": "app", "limits": {"requests_per_minute": 2}}
        made = weir.admin("POST", "/api/keys", wish, token=True)
        assert made.status == 200
        headers = {"authorization": "Bearer " + made.json["key"]}
        statuses = [weir.chat("one/m", "hi", headers=headers).status for _ in range(3)]
        assert statuses == [200, 200, 429]


def two_routes(upstream) -> dict:
    prices = {"dear": {"price": {"input": 1, "output": 10}}, "cheap": {"price": {"input": 0.1}}}
    return {
        "providers": {"one": {**upstream.provider, "models": prices}},
        "models": {"smart": ["one/dear"], "thrifty": ["one/cheap"]},
        "keys": [{"key": KEY, "user": "ann"}],
    }


def explained(weir: Weir, *arguments: str) -> dict:
    run = run_weir("explain", "smart", "--json", *arguments,
                   "--admin", f"http://127.0.0.1:{weir.admin_port}", folder=weir.folder)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_budget_past_its_soft_mark_sends_chats_to_its_cheaper_route(upstream):
    budget = {"daily": "0.01", "soft_at": "1%", "downgrade": "thrifty"}
    config = {**two_routes(upstream), "users": {"ann": {"budget": budget}}}
    with Weir(config) as weir:
        headers = {"authorization": "Bearer " + KEY}
        first = weir.chat("smart", TEXT, headers=headers, max_tokens=64)
        assert first.headers["x-weir-target"] == "one/dear"
        assert "x-weir-warning" not in first.headers
        told = "downgraded to thrifty by the budget of the user"
        for stream in (False, True):
            answer = weir.chat("smart", TEXT, headers=headers, max_tokens=64, stream=stream)
            assert answer.headers["x-weir-target"] == "one/cheap"
            assert answer.headers["x-weir-warning"] == told
        asked = {"model": "smart", "input": TEXT}
        answer = weir.post("/v1/responses", asked, headers)
        assert answer.headers["x-weir-target"] == "one/cheap"
        assert answer.headers["x-weir-warning"] == told
        upstream.always(fault.status(500))
        refused = weir.chat("smart", TEXT, headers=headers)
        assert refused.headers["x-weir-warning"] == told

        shown = explained(weir, "--user", "ann")
        assert (shown["downgraded_to"], shown["downgraded_by"]) == ("thrifty", "user")
        assert shown["decision"]["targets"][0]["target"] == "one/cheap"
        assert "downgraded_to" not in explained(weir)
        run = run_weir("explain", "smart", "--user", "ann", "--admin",
                       f"http://127.0.0.1:{weir.admin_port}", folder=weir.folder)
        assert "past its soft mark: it goes to thrifty" in run.stdout


def test_a_budget_that_sends_calls_nowhere_is_a_problem_of_the_configuration(upstream, tmp_path):
    config = two_routes(upstream)
    config["users"] = {"ann": {"budget": {"daily": 1, "downgrade": "thirfty"}}}
    config["providers"]["one"]["budget"] = {"daily": 1, "downgrade": "thrifty"}
    config["budget_status"] = 418
    file = tmp_path / "weir.yaml"
    file.write_text(json.dumps(config))
    run = run_weir("validate", "--config", str(file), folder=tmp_path)
    assert run.returncode != 0
    told = run.stdout + run.stderr
    assert "budget_status" in told
    assert "providers.one.budget.downgrade" in told
    del config["budget_status"], config["providers"]["one"]["budget"]
    file.write_text(json.dumps(config))
    run = run_weir("validate", "--config", str(file), folder=tmp_path)
    assert run.returncode != 0
    told = run.stdout + run.stderr
    assert "users.ann.budget.downgrade" in told
    assert "thrifty" in told, "the nearest name"


def test_u2_the_status_of_a_refusal_can_be_429(upstream):
    provider = {**upstream.provider, "models": PRICED}
    config = {"providers": {"one": provider}, "budget": {"daily": "0.00001"}}
    with Weir({**config, "budget_status": 429}) as weir:
        refused = weir.chat("one/m", TEXT, max_tokens=64)
        assert (refused.status, refused.error["code"]) == (429, "budget_exceeded")
        assert refused.headers["x-should-retry"] == "false"


def metric(weir: Weir, name: str) -> float:
    page = weir.admin("GET", "/metrics").body.decode()
    [line] = [line for line in page.splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


def test_i2_what_is_set_aside_and_written_down_is_in_the_metrics(upstream):
    config = {"providers": {"one": upstream.provider}, "limits": {"requests_per_day": 100}}
    with Weir(config) as weir:
        upstream.script(fault.stall(events=1))
        with Client(weir.port) as client:
            body = {"model": "one/m", "messages": user("hi"), "stream": True}
            client.open("POST", "/v1/chat/completions", body)
            assert metric(weir, "weir_reservations_open") >= 1
            assert metric(weir, "weir_ledger_intents_total") == 1
            assert metric(weir, "weir_ledger_settlements_total") == 0
        eventually(lambda: metric(weir, "weir_reservations_open") == 0)
        eventually(lambda: metric(weir, "weir_ledger_settlements_total") == 1)
        assert metric(weir, "weir_reservations_leaked_total") == 0
        assert metric(weir, "weir_ledger_lost_total") == 0


ALL_SCOPES = ["key", "user", "team", "organisation", "route", "global", "provider"]


def spent(weir: Weir) -> dict[tuple[str, str, str], int]:
    return {
        (scope, limit["period"], limit["unit"]): limit.get("used_nanousd", limit.get("used"))
        for scope in ALL_SCOPES
        for limit in limits_of(weir, scope)
    }


def kill(weir: Weir) -> None:
    weir.signal(signal.SIGKILL)
    weir.process.wait()


def test_u1_a_budget_that_is_taken_away_comes_back_with_what_was_spent(upstream):
    provider = {**upstream.provider, "models": PRICED}
    with Weir({"providers": {"one": provider}, "keys": [{"key": KEY, "user": "ann"}]}) as weir:

        def bound(budgets) -> None:
            assert weir.admin("PUT", "/api/users/ann", {"budgets": budgets}, token=True).status == 200

        def spent() -> int:
            shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
            return next(limit["used_nanousd"] for limit in shown if limit["scope"] == "user")

        weir.admin("POST", "/api/users", {"name": "ann", "budgets": {"daily": 5}}, token=True)
        asked = weir.chat("one/m", TEXT, headers={"authorization": "Bearer " + KEY})
        eventually(lambda: spent() == nanousd(asked))
        bound(None)
        assert weir.chat("one/m", TEXT, headers={"authorization": "Bearer " + KEY}).status == 200
        bound({"daily": 7})
        assert spent() == nanousd(asked), "the call in between named no window"
        weir.stop()
        weir.start()
        assert spent() == nanousd(asked), "and the ledger says the same"


# A window's spend is that of the calls that name it, and those are named by a quota, too.
def test_u1_a_budget_set_up_beside_a_quota_begins_with_what_their_window_has_spent(upstream):
    config = {
        "providers": {"one": {**upstream.provider, "models": PRICED}},
        "keys": [KEY],
        "limits": {"requests_per_day": 100},
    }
    with Weir(config) as weir:
        asked = weir.chat("one/m", TEXT, headers={"authorization": "Bearer " + KEY})
        assert asked.status == 200

        def spent() -> int:
            shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
            return next(limit["used_nanousd"] for limit in shown if limit["unit"] == "usd")

        config["budget"] = {"daily": "5"}
        weir.write_config(config)
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        assert spent() == nanousd(asked)
        weir.stop()
        weir.start()
        assert spent() == nanousd(asked), "and the ledger says the same"


# U-1: nothing is ever zeroed. What was under way is booked by what is known of it (S-11.2).
def test_u1_what_was_spent_before_a_kill_goes_on_to_count(upstream):
    limits = {
        "budget": {"daily": "0.002", "monthly": "5", "total": "9", "time_zone": "Asia/Kathmandu"},
        "limits": {"requests_per_day": 100, "tokens_per_month": 1_000_000, "reset_at": "1h30m"},
    }
    config = {
        "providers": {"one": {**upstream.provider, "models": PRICED, **limits}},
        "keys": [{"key": KEY, "user": "ann", "team": "blue", **limits}],
        "users": {"ann": limits},
        "teams": {"blue": {"organisation": "acme", **limits}},
        "organisations": {"acme": limits},
        "models": {"smart": {"targets": ["one/m"], **limits}},
        **limits,
    }
    headers = {"authorization": "Bearer " + KEY}

    def ask(weir):
        return weir.chat("smart", TEXT, headers=headers, max_tokens=64)

    with Weir(config) as weir:
        assert [ask(weir).status for _ in range(2)] == [200, 200]
        before = spent(weir)
        assert len(before) == len(ALL_SCOPES) * 5
        assert all(used > 0 for used in before.values())
        kill(weir)
        weir.start()
        assert spent(weir) == before

        upstream.script(fault.stall(events=3))
        with Client(weir.port, headers) as client:
            body = {"model": "smart", "messages": user(TEXT), "stream": True, "max_tokens": 64}
            client.open("POST", "/v1/chat/completions", body)
            kill(weir)
        weir.start()
        run = run_weir("log", "--json", "--data-dir", str(weir.folder / "data"),
                       folder=weir.folder)
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        assert collections.Counter(row["outcome"] for row in rows) == {"completed": 2, "unknown": 1}
        cost = sum(row["cost_nanousd"] for row in rows)
        after = spent(weir)
        assert {used for (_, _, unit), used in after.items() if unit == "usd"} == {cost}
        assert {after[scope, "day", "requests"] for scope in ALL_SCOPES} == {3}
        assert cost > before["global", "day", "usd"]

        answers = [ask(weir) for _ in range(3)]
        assert answers[-1].status == 402, "the budget of the day is used up"
        assert answers[-1].exceeded[0] in ALL_SCOPES
        used_up = spent(weir)
        kill(weir)
        weir.start()
        assert spent(weir) == used_up
        assert ask(weir).status == 402


# Two teams, one of the configuration and one made at run time, spend from one purse.
def test_u2_an_organisations_budget_holds_for_all_its_teams(upstream):
    config = {
        "providers": {"one": {**upstream.provider, "models": PRICED}},
        "keys": [{"key": KEY, "team": "blue"}, {"key": KEY + "-alone"}],
        "teams": {"blue": {"organisation": "acme"}},
        "organisations": {"acme": {"limits": {"requests_per_day": 2}, "budget": {"daily": 5}}},
    }
    with Weir(config) as weir:
        assert weir.admin("PUT", "/api/teams/red", {"organisation": "acme"}, token=True).status == 200
        made = weir.admin("POST", "/api/keys", {"team": "red"}, token=True)

        def ask(key: str):
            return weir.chat("one/m", TEXT, headers={"authorization": "Bearer " + key})

        answers = [ask(KEY), ask(made.json["key"])]
        assert [answer.status for answer in answers] == [200, 200]
        for key in (KEY, made.json["key"]):
            refused = ask(key)
            assert refused.status == 429 and refused.exceeded == ("organisation", "requests")
        assert ask(KEY + "-alone").status == 200

        spent = sum(nanousd(answer) for answer in answers)
        told = weir.admin("GET", "/api/limits", token=True).json["limits"]
        used = {limit["unit"]: limit.get("used_nanousd", limit.get("used"))
                for limit in told if limit["scope"] == "organisation"}  # fmt: skip
        assert used == {"requests": 2, "usd": spent}

        def rows() -> dict:
            answer = weir.admin("GET", "/api/usage?by=all,organisation,team", token=True)
            return {(row["organisation"], row["team"]): row["cost_nanousd"]
                    for row in answer.json["rows"] if row["cost_nanousd"] > 0}  # fmt: skip

        eventually(lambda: len(rows()) == 3)
        assert rows()["acme", "blue"] == rows()["acme", "red"] == spent // 2
        log = run_weir("log", "--json", "--organisation", "acme",
                       "--config", str(weir.config_file), folder=weir.folder)  # fmt: skip
        rows_of_log = [json.loads(line) for line in log.stdout.splitlines()]
        assert sum(row["cost_nanousd"] for row in rows_of_log) == spent

        # A team that leaves spends on its own account.
        assert weir.admin("PUT", "/api/teams/red", {"organisation": ""}, token=True).status == 200
        assert ask(made.json["key"]).status == 200
        assert ask(KEY).status == 429
