# SPDX-License-Identifier: Apache-2.0
"""Limits on requests and tokens (section 12): of keys, users, routes and the whole on one side, of
providers on the other."""

import concurrent.futures
import signal

import pytest

from harness import Weir, eventually, run_weir
from upstream import Gate, Upstream, delay, held_by

KEY = "sk-weir-test-0123456789abcdef0123456789"
OTHER_KEY = "sk-weir-test-abcdef0123456789abcdef01234"


@pytest.fixture
def upstreams():
    with Upstream("openai") as first, Upstream("openai") as second:
        yield first, second
        assert first.violations == second.violations == []


def bearer(key: str) -> dict[str, str]:
    return {"authorization": "Bearer " + key}


def statuses_of(weir: Weir, count: int, model: str, **options) -> list[int]:
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(weir.chat, model, "hi", **options) for _ in range(count)]
        return [one.result().status for one in asked]


def test_l11_a_providers_limit_holds_exactly_under_parallel_requests(upstreams):
    upstream, _ = upstreams
    provider = {**upstream.provider, "limits": {"requests_per_minute": 20}}
    with Weir({"providers": {"one": provider}, "threads": 2}) as weir:
        statuses = statuses_of(weir, 60, "one/m")
        assert statuses.count(200) == 20
        assert statuses.count(429) == 40
        assert len(upstream.calls) == 20


def test_l7_each_key_of_a_provider_has_limits_of_its_own(upstreams):
    upstream, _ = upstreams
    second = "sk-second-0123456789-wxyz"
    upstream.other_keys.add(second)
    entry = {**upstream.provider, "limits": {"requests_per_minute": 50}}
    entry["api_keys"] = [{"key": entry.pop("api_key"), "limits": {"requests_per_minute": 3}},
                         {"key": second, "limits": {"requests_per_minute": 5}}]
    with Weir({"providers": {"one": entry}, "threads": 2}) as weir:
        statuses = statuses_of(weir, 20, "one/m")
        assert (statuses.count(200), statuses.count(429)) == (8, 12)
        sent = [call.header("authorization") for call in upstream.calls]
        assert sent.count("Bearer " + upstream.key) == 3
        assert sent.count("Bearer " + second) == 5
        assert weir.chat("one/m", "hi").exceeded == ("provider_key", "requests")
        shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
        by_owner = {(one["scope"], one["name"]): (one["used"], one["left"]) for one in shown}
        assert by_owner == {
            ("provider", "one"): (8, 42),
            ("provider_key", "one " + upstream.key[:3] + "…" + upstream.key[-4:]): (3, 0),
            ("provider_key", "one sk-…wxyz"): (5, 0),
        }, by_owner
        run = run_weir("limits", "--scope", "provider_key", "--config", str(weir.config_file),
                       folder=weir.folder)
        assert run.returncode == 0 and run.stdout.count("provider_key") == 2, run.stdout


def test_a_key_of_a_provider_that_is_used_up_leaves_the_others_alone(upstreams):
    """What a provider says of its limits is about the key that was asked with."""
    upstream, _ = upstreams
    second = "sk-second-0123456789abcdef"
    assert second[:3] + second[-4:] == upstream.key[:3] + upstream.key[-4:]  # shown alike
    upstream.other_keys.add(second)
    entry = {**upstream.provider, "limits": {"requests_per_minute": 50}}
    limits = {"requests_per_minute": 20}
    entry["api_keys"] = [{"key": entry.pop("api_key"), "limits": limits},
                         {"key": second, "limits": limits}]
    with Weir({"providers": {"one": entry}, "threads": 1}) as weir:
        upstream.headers = {"x-ratelimit-limit-requests": "20",
                            "x-ratelimit-remaining-requests": "0",
                            "x-ratelimit-reset-requests": "40s"}
        assert weir.chat("one/m", "hi").status == 200
        upstream.headers = {}
        assert [weir.chat("one/m", "hi").status for _ in range(6)] == [200] * 6
        sent = [call.header("authorization") for call in upstream.calls]
        assert sorted(sent.count("Bearer " + key) for key in (upstream.key, second)) == [1, 6]


def test_what_a_provider_says_is_left_is_all_that_it_is_asked_until_its_reset(upstreams):
    """Others may use the account, too: what they took is not in our own count."""
    one, two = upstreams
    providers = {"one": {**one.provider, "limits": {"requests_per_minute": 50}}, "two": two.provider}
    route = {"both": {"targets": ["one/m", "two/m"]}}
    with Weir({"providers": providers, "models": route}) as weir:
        one.headers = {"x-ratelimit-limit-requests": "50",
                       "x-ratelimit-remaining-requests": "2",
                       "x-ratelimit-reset-requests": "40s"}  # fmt: skip
        targets = [weir.chat("both", "hi").headers["x-weir-target"]]
        one.headers = {}
        targets += [weir.chat("both", "hi").headers["x-weir-target"] for _ in range(4)]
        assert targets == ["one/m"] * 3 + ["two/m"] * 2
        shown = weir.admin("GET", "/api/limits").json["limits"]
        (limit,) = [one for one in shown if one["unit"] == "requests"]
        assert (limit["used"], limit["left"]) == (50, 0)
        assert 30_000 < limit["wait_ms"] <= 40_000


def test_l10_a_refusal_names_the_limit_and_the_wait(upstreams):
    upstream, _ = upstreams
    provider = {**upstream.provider, "limits": {"requests_per_minute": 1}}
    with Weir({"providers": {"one": provider}}) as weir:
        assert weir.chat("one/m", "hi").status == 200
        refused = weir.chat("one/m", "hi")
        assert refused.status == 429
        assert refused.error["code"] == "rate_limited"
        assert refused.exceeded == ("provider", "requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit-policy"] == '"provider-requests";q=1;w=60'
        assert refused.headers["ratelimit"].startswith('"provider-requests";r=0;t=')
        assert refused.headers["x-should-retry"] == "true"


def test_l10_a_burst_tells_what_is_left_of_it(upstreams):
    upstream, _ = upstreams
    limits = {"requests_per_minute": 6, "burst": 4, "reserve": {"critical": "50%"}}
    keys = [{"key": KEY, "limits": limits}]
    with Weir({"providers": {"one": upstream.provider}, "keys": keys}) as weir:
        assert [weir.chat("one/m", "hi", bearer(KEY)).status for _ in range(3)] == [200, 200, 429]
        critical = {**bearer(KEY), "x-weir-priority": "critical"}
        assert [weir.chat("one/m", "hi", critical).status for _ in range(3)] == [200, 200, 429]
        refused = weir.chat("one/m", "hi", critical)
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["ratelimit"].startswith('"key-requests";r=0;t=')
        shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
        assert [(one["burst"], one["left"]) for one in shown if "burst" in one] == [(4, 0)]


def test_a_provider_at_its_limit_is_passed_over_and_not_asked(upstreams):
    first, second = upstreams
    config = {
        "providers": {
            "one": {**first.provider, "limits": {"requests_per_minute": 3}},
            "two": second.provider,
        },
        "models": {"both": {"targets": ["one/m", "two/m"]}},
    }
    with Weir(config) as weir:
        answers = [weir.chat("both", "hi") for _ in range(8)]
        assert [answer.status for answer in answers] == [200] * 8
        targets = [answer.headers["x-weir-target"] for answer in answers]
        assert targets == ["one/m"] * 3 + ["two/m"] * 5
        assert all(answer.headers["x-weir-attempts"] == "1" for answer in answers)
        assert (len(first.calls), len(second.calls)) == (3, 5)


def test_l8_tokens_are_reserved_and_settled_by_what_was_used(upstreams):
    upstream, _ = upstreams
    provider = {**upstream.provider, "limits": {"tokens_per_minute": 2000}}
    # On one thread a call is settled before the next one is read.
    config = {"providers": {"one": provider}, "limits": {"queue_wait": 0}, "threads": 1}
    with Weir(config) as weir:
        # Reserved: 1024 for the answer and the prompt; used: 58 + 42.
        for _ in range(9):
            assert weir.chat("one/m", "hi").status == 200
        too_long = weir.chat("one/m", "hi", max_tokens=1999)
        assert too_long.status == 400
        assert too_long.error["code"] == "request_exceeds_limit"
        assert len(upstream.calls) == 9
        refused = weir.chat("one/m", "hi", max_tokens=1200)
        assert refused.status == 429
        assert refused.exceeded[1] == "total_tokens"


def test_l7_limits_of_keys_users_routes_and_the_whole(upstreams):
    upstream, _ = upstreams
    config = {
        "providers": {"one": upstream.provider},
        "keys": [
            {"key": KEY, "name": "app", "user": "ann", "limits": {"requests_per_minute": 2}},
            OTHER_KEY,
        ],
        "users": {"ann": {"limits": {"requests_per_minute": 100}}},
        "limits": {"requests_per_minute": 5},
        "models": {"narrow": {"targets": ["one/m"], "limits": {"requests_per_minute": 1}}},
    }
    with Weir(config) as weir:

        def ask(key: str, model: str):
            return weir.chat(model, "hi", headers=bearer(key))

        assert ask(KEY, "narrow").status == 200
        of_route = ask(KEY, "narrow")
        assert (of_route.status, *of_route.exceeded) == (429, "route", "requests")
        # What the route refused has not counted for the key.
        assert ask(KEY, "one/m").status == 200
        of_key = ask(KEY, "one/m")
        assert (of_key.status, *of_key.exceeded) == (429, "key", "requests")
        # Another key has nothing to do with it, but the whole has.
        assert [ask(OTHER_KEY, "one/m").status for _ in range(3)] == [200] * 3
        of_all = ask(OTHER_KEY, "one/m")
        assert (of_all.status, *of_all.exceeded) == (429, "global", "requests")
        assert weir.chat("one/m", "hi", headers=bearer("sk-wrong")).status == 401


def test_l5_requests_at_once_are_limited_and_the_others_wait_in_line(upstreams):
    upstream, _ = upstreams
    upstream.always(delay(0.05))
    provider = {**upstream.provider, "limits": {"concurrency": 2}}
    config = {"providers": {"one": provider}, "threads": 2}
    with Weir(config) as weir:
        assert statuses_of(weir, 24, "one/m") == [200] * 24
        assert upstream.most_at_once <= 2
        config["limits"] = {"queue_wait": 0}
        weir.write_config(config)
        weir.signal(signal.SIGHUP)
        eventually(lambda: "was read again" in weir.log())
        statuses = statuses_of(weir, 24, "one/m")
        assert set(statuses) == {200, 429}
        assert weir.chat("one/m", "hi").status == 200


def test_a_full_target_is_waited_for_as_long_as_is_set_and_then_the_next_is_asked(upstreams):
    first, second = upstreams
    config = {
        "providers": {
            "one": {**first.provider, "limits": {"concurrency": 1}},
            "two": second.provider,
        },
        "models": {"both": {"targets": ["one/m", "two/m"], "max_wait": "20s"}},
        "threads": 1,
    }
    with Gate() as gate, Weir(config) as weir, concurrent.futures.ThreadPoolExecutor(2) as pool:
        first.always(held_by(gate))
        held = pool.submit(weir.chat, "both", "hi")
        eventually(lambda: first.calls)
        for wait in ("0", "300"):
            spilt = weir.chat("both", "hi", headers={"x-weir-max-wait-ms": wait})
            assert (spilt.status, spilt.headers["x-weir-target"]) == (200, "two/m")
        waiting = pool.submit(weir.chat, "both", "hi")
        eventually(lambda: b"weir_calls_in_flight 2" in weir.admin("GET", "/metrics").body)
        gate.open()
        assert held.result().headers["x-weir-target"] == "one/m"
        assert waiting.result().headers["x-weir-target"] == "one/m"
        wrong = weir.chat("both", "hi", headers={"x-weir-max-wait-ms": "soon"})
        assert (wrong.status, wrong.error["param"]) == (400, "x-weir-max-wait-ms")


def test_a_higher_priority_goes_first(upstreams):
    upstream, _ = upstreams
    upstream.always(delay(0.2))
    provider = {**upstream.provider, "limits": {"concurrency": 1}}
    with Weir({"providers": {"one": provider}}) as weir:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:

            def ask(text: str, priority: str):
                headers = {"x-weir-priority": priority}
                before = len(upstream.received)
                asked = pool.submit(weir.chat, "one/m", text, headers=headers)
                return asked, before

            first, _ = ask("first", "normal")
            eventually(lambda: len(upstream.calls) == 1)
            others = [ask(f"low {i}", "low")[0] for i in range(3)]
            high, _ = ask("high", "high")
            assert [one.result().status for one in [first, *others, high]] == [200] * 5
        asked = [call.ask.turns[-1].text for call in upstream.calls]
        assert asked.index("high") <= 2, "at most one was let in before it came"


def test_h3_what_is_used_survives_a_reload(upstreams):
    upstream, _ = upstreams
    config = {"providers": {"one": {**upstream.provider, "limits": {"requests_per_minute": 3}}}}
    with Weir(config) as weir:
        assert [weir.chat("one/m", "hi").status for _ in range(2)] == [200] * 2
        config["log"] = {"level": "debug"}
        weir.write_config(config)
        weir.signal(signal.SIGHUP)
        eventually(lambda: "was read again" in weir.log())
        assert [weir.chat("one/m", "hi").status for _ in range(2)] == [200, 429]
        # U-7: more of the same holds from the next request on.
        config["providers"]["one"]["limits"]["requests_per_minute"] = 5
        weir.write_config(config)
        weir.signal(signal.SIGHUP)
        eventually(lambda: weir.log().count("was read again") == 2)
        assert [weir.chat("one/m", "hi").status for _ in range(3)] == [200, 200, 429]


def test_a_time_zone_that_does_not_exist_is_refused_at_the_start(upstreams):
    upstream, _ = upstreams
    limits = {"requests_per_day": 3, "time_zone": "Europe/Bielefeld"}
    weir = Weir({"providers": {"one": {**upstream.provider, "limits": limits}}})
    with pytest.raises(AssertionError, match="Europe/Bielefeld"):
        weir.start()


def test_what_is_known_of_plans_and_models_holds_unless_it_is_set():
    providers = {
        "openai": {"api_key": "sk-nobodys-0123456789"},
        "mistral": {"api_key": "sk-nobodys-0123456789", "plan": "free"},
        "gemini": {"api_key": "sk-nobodys-0123456789", "plan": "free"},
    }

    def limits(weir) -> dict:
        shown = weir.admin("GET", "/api/limits").json["limits"]
        return {(one["name"], one["unit"], one.get("period") or one.get("burst", "")): one
                for one in shown}  # fmt: skip

    with Weir({"providers": providers}) as weir:
        where = "--config", str(weir.config_file)
        found = limits(weir)
        assert found["openai/gpt-6-sol", "total_tokens", ""]["limit"] == 500_000
        assert found["openai/gpt-4o", "total_tokens", ""]["limit"] == 30_000
        assert ("openai", "total_tokens", "") not in found, "each model is counted on its own"
        assert found["mistral", "requests", 1]["limit"] == 60, "one a second"
        assert found["mistral", "total_tokens", "month"]["limit"] == 1_000_000_000
        assert found["gemini/gemma-4-31b-it", "requests", "day"]["limit"] == 14_400
        assert found["gemini/*", "requests", "day"]["limit"] == 20
        assert found["gemini/*", "requests", "day"]["time_zone"] == "America/Los_Angeles"
        assert "gpt-4o" not in run_weir("limits", *where, folder=weir.folder).stdout
        run = run_weir("limits", "--scope", "target", *where, folder=weir.folder)
        assert "openai/gpt-4o " in run.stdout and "mistral" not in run.stdout
        providers["openai"]["limits"] = {"tokens_per_minute": 9_000_000}
        weir.write_config({"providers": providers})
        assert weir.admin("POST", "/api/reload", {}, token=True).status == 200
        found = limits(weir)
        assert found["openai", "total_tokens", ""]["limit"] == 9_000_000
        assert ("openai/gpt-4o", "total_tokens", "") not in found


def test_a_model_has_limits_of_its_own_beside_its_providers(upstreams):
    upstream, _ = upstreams
    models = {"big": {"limits": {"requests_per_minute": 2}}, "other": {"context": 1000}}
    entry = {**upstream.provider, "models": models, "limits": {"requests_per_minute": 8}}
    with Weir({"providers": {"one": entry}}) as weir:
        assert statuses_of(weir, 5, "one/big").count(200) == 2
        assert weir.chat("one/big", "hi").exceeded == ("model", "requests")
        assert statuses_of(weir, 9, "one/other").count(200) == 6, "the rest of the provider's eight"
        where = "--config", str(weir.config_file)
        run = run_weir("limits", "--scope", "model", *where, folder=weir.folder)
        assert "one/big" in run.stdout and "one/other" not in run.stdout, run.stdout
        models["big"]["limits"] = {"requests_per_minute": "many"}
        weir.write_config({"providers": {"one": entry}})
        run = run_weir("validate", *where, folder=weir.folder)
        assert run.returncode == 78
        assert "providers.one.models.big.limits.requests_per_minute" in run.stderr + run.stdout


# L-14: whoever may change the limits is held to them, too.
def test_l14_an_administrators_own_calls_are_limited_like_anyones(upstreams):
    upstream, _ = upstreams
    config = {"providers": {"one": upstream.provider}, "limits": {"requests_per_minute": 2}}
    with Weir(config) as weir:
        admin = {"name": "root", "role": "admin"}
        assert weir.admin("POST", "/api/users", admin, token=True).status == 200
        made = weir.admin("POST", "/api/keys", {"name": "own", "user": "root"}, token=True)
        assert made.status == 200, made.body
        own = bearer(made.json["key"])
        assert [weir.chat("one/m", "hi", own).status for _ in range(3)] == [200, 200, 429]
        assert weir.chat("one/m", "hi", own).exceeded == ("global", "requests")
        # Nor do the tokens of the administration open a way around.
        for token in (weir.admin_token(), made_token(weir, "root")):
            assert weir.chat("one/m", "hi", bearer(token)).status in (401, 403)
        assert len(upstream.calls) == 2


def made_token(weir: Weir, user: str) -> str:
    answer = weir.admin("POST", f"/api/users/{user}/token", token=True)
    assert answer.status == 200, answer.body
    return answer.json["key"]
