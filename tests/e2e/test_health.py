# SPDX-License-Identifier: Apache-2.0
"""How providers have been doing: figures of real traffic, their history, and who is the best."""

import csv
import io
import time

import pytest

import upstream as fault
from harness import Weir, eventually, run_weir
from upstream import Upstream


@pytest.fixture
def good():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


@pytest.fixture
def bad():
    with Upstream("openai") as upstream:
        yield upstream
        assert upstream.violations == []


def gateway(good: Upstream, bad: Upstream) -> Weir:
    return Weir({
        "providers": {"good": good.provider, "bad": bad.provider},
        "models": {"r": {"targets": ["bad/m", "good/m"]}},
    })  # fmt: skip


def figures(weir: Weir, name: str, window: str = "5m") -> dict:
    providers = weir.admin("GET", "/api/health").json["providers"]
    for provider in providers:
        for one in (provider, *provider["targets"]):
            if one["name"] == name:
                return one["windows"][window]
    raise AssertionError(f"{name} is not in {providers}")


def test_figures_are_those_of_the_real_traffic_of_provider_and_target(good, bad):
    bad.always(fault.status(500))
    with gateway(good, bad) as weir:
        for _ in range(3):
            assert weir.chat("r", "hello").status == 200
        assert weir.stream("r", "hello").finish == ["stop"]
        eventually(lambda: figures(weir, "good/m")["successes"] == 4)
        for name in ("good", "good/m"):
            shown = figures(weir, name)
            assert (shown["successes"], shown["failures"]) == (4, 0)
            assert shown["success_rate"] == 1
            assert shown["errors"] == {}
            assert 0 < shown["latency_ms"]["p50"] <= shown["latency_ms"]["p99"] < 30_000
            assert shown["first_content_ms"]["p95"] > 0
        for name in ("bad", "bad/m"):
            shown = figures(weir, name)
            assert shown["successes"] == 0
            assert shown["errors"]["server"]["rate"] == 1
            assert shown["latency_ms"]["p50"] is None


def test_the_best_come_first_and_only_those_that_can_do_what_is_asked(good, bad):
    bad.always(fault.status(500))
    bad_models = {"m": {"capabilities": {"vision": "off"}}}
    config = {
        "providers": {
            "good": {**good.provider, "models": {"m": {"capabilities": ["chat", "vision"]}}},
            "bad": {**bad.provider, "models": bad_models},
        },
        "models": {"r": {"targets": ["bad/m", "good/m"]}},
    }
    with Weir(config) as weir:
        for _ in range(4):
            assert weir.chat("r", "hello").status == 200
        ranking = weir.admin("GET", "/api/health?window=5m").json["ranking"]
        names = [one["provider"] for one in ranking if one["provider"] in ("good", "bad")]
        assert names == ["good", "bad"]
        ranking = weir.admin("GET", "/api/health?capability=vision").json["ranking"]
        assert "bad" not in [one["provider"] for one in ranking]
        assert weir.admin("GET", "/api/health?capability=flying").status == 400
        assert weir.admin("GET", "/api/health?window=2h").status == 400


def test_the_history_outlives_the_program_and_is_exported(good, bad):
    with gateway(good, bad) as weir:
        assert weir.chat("good/m", "hello").status == 200
        assert weir.stop() == 0
        weir.start()
        assert weir.chat("good/m", "hello").status == 200
        eventually(lambda: figures(weir, "good", "1h")["successes"] == 2)
        points = weir.admin("GET", "/api/health/export?points=hour&series=good").json
        assert points["next_from_ms"] is None
        assert sum(point["successes"] for point in points["points"]) == 2
        answer = weir.admin("GET", "/api/health/export?format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        assert sum(int(row["successes"]) for row in rows if row["series"] == "good/m") == 2
        detail = weir.admin("GET", "/api/health/good").json
        assert detail["name"] == "good"
        assert sum(point["successes"] for point in detail["history"]) == 2
        assert weir.admin("GET", "/api/health/nobody").status == 404
        assert weir.admin("GET", "/api/health/export?format=xml").status == 400


def test_the_command_line_shows_a_table(good, bad):
    with gateway(good, bad) as weir:
        assert weir.chat("good/m", "hello").status == 200
        place = ("--config", str(weir.config_file))
        shown = run_weir("health", "--targets", *place, folder=weir.folder)
        assert shown.returncode == 0, shown.stderr
        assert "good/m" in shown.stdout and "100%" in shown.stdout
        shown = run_weir("health", "export", "--format", "csv", *place, folder=weir.folder)
        assert shown.stdout.startswith("series,start_unix_ms")


def metrics_with(weir: Weir, line: str) -> str | None:
    """The page once it has `line`: the last byte may be out before its attempt is counted."""
    page = weir.admin("GET", "/metrics").body.decode()
    return page if line in page else None


def test_metrics_have_histograms_of_what_was_waited(good, bad):
    with gateway(good, bad) as weir:
        assert weir.stream("good/m", "hello").finish == ["stop"]
        page = eventually(lambda: metrics_with(weir, 'duration_seconds_count{provider="good"} 1'))
        for name in ("weir_request_duration_seconds", "weir_time_to_first_content_seconds"):
            assert f'{name}_count{{provider="good"}} 1' in page
            assert f'{name}_bucket{{provider="good",le="+Inf"}} 1' in page
            assert f'{name}_count{{provider="bad"}} 0' in page


def test_z2_a_provider_that_was_down_is_seen_to_be_back_without_a_call():
    """By two probes half a minute apart, which is as often as they may be. Each provider is asked at
    its own interval, for its free list alone; one that says nothing of probes is not asked."""
    with Upstream("openai") as down, Upstream("openai") as up, Upstream("openai") as silent:
        down.kill()
        providers = {
            "down": {**down.provider, "probe": "30s"},
            "up": {**up.provider, "probe": "45s"},
            "silent": silent.provider,
        }
        begun = time.monotonic()
        with Weir({"providers": providers}) as weir:

            def probes(name: str) -> dict | None:
                listed = weir.admin("GET", "/api/llm-providers").json["providers"]
                return next(entry for entry in listed if entry["name"] == name)["probes"]

            eventually(lambda: probes("down")["failures"] == 1, seconds=60)
            assert probes("down")["error"]
            down.start()
            eventually(lambda: probes("down")["count"] > 1, seconds=60)
            assert (probes("down")["failures"], probes("down")["error"]) == (1, None)
            eventually(lambda: probes("up")["count"] > 0, seconds=60)
            assert (probes("up")["failures"], probes("up")["error"]) == (0, None)
            assert probes("silent") is None
        assert {(asked.method, asked.path) for asked in down.received + up.received} == {
            ("GET", "/v1/models")
        }
        assert up.received[0].came_at - begun >= 36, "45 s less a fifth"
        assert silent.received == []
