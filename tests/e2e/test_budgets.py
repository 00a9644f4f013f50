# SPDX-License-Identifier: Apache-2.0
"""Budgets (section 13), and what the administration shows of limits and budgets."""

import concurrent.futures
import decimal

import pytest

from harness import Weir, eventually, run_weir
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
        assert refused[0].error["scope"] == "user"
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
