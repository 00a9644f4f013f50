# SPDX-License-Identifier: Apache-2.0
"""What the catalog knows of providers' plans, at the providers' own addresses: a proxy leads from
there to scripted upstreams."""

import concurrent.futures
import contextlib
import ssl

import pytest

from between import Proxy
from harness import Weir, eventually, make_certificate, run_weir
from upstream import Gate, Upstream, held_by

# By the catalog: of OpenAI's lowest tier, where each model counts on its own.
GPT_4O_TOKENS_PER_MINUTE = 30_000
# Of OpenRouter's free plan, where the models without a price count together.
FREE_PER_MINUTE = 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), "api.openai.com", "openrouter.ai")


@contextlib.contextmanager
def provider(name: str, certificate: dict, **entry):
    """A gateway with that provider, and what answers in its place."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with Upstream("openai", tls=context) as upstream, Proxy(upstream.port) as proxy:
        upstream.below = "/api" if name == "openrouter" else ""
        entry = {"api_key": upstream.key, "ca_file": certificate["cert"],
                 "proxy": f"http://ann:se%40ret@{proxy.address}", **entry}  # fmt: skip
        # Nobody waits in line: when a sliding minute has room again depends on where in it we are.
        with Weir({"providers": {name: entry}, "limits": {"queue_wait": "0s"}}) as weir:
            yield weir, upstream
        assert upstream.violations == []


def used(weir: Weir, scope: str) -> dict[tuple[str, str], int]:
    shown = weir.admin("GET", "/api/limits", token=True).json["limits"]
    return {(one["name"], one["unit"]): one["used"] for one in shown
            if one["scope"] == scope and one["used"] > 0}  # fmt: skip


def test_a_model_that_has_used_up_its_plan_leaves_the_others_alone(certificate):
    with provider("openai", certificate) as (weir, upstream), \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        gate = Gate()
        upstream.script(held_by(gate), held_by(gate))
        most = GPT_4O_TOKENS_PER_MINUTE // 2 - 1_000
        # The snapshot counts for its model.
        names = ("openai/gpt-4o", "openai/gpt-4o-2024-08-06")
        held = [pool.submit(weir.chat, name, "hi", max_completion_tokens=most) for name in names]
        eventually(lambda: len(upstream.calls) == 2)
        refused = weir.chat("openai/gpt-4o", "hi", max_completion_tokens=12_000)
        assert refused.status == 429, refused.body
        assert refused.exceeded == ("target", "total_tokens")
        assert "openai/gpt-4o" in refused.error["message"]
        assert weir.chat("openai/gpt-4o-mini", "hi", max_completion_tokens=3_000).status == 200
        gate.open()
        assert [one.result().status for one in held] == [200, 200]
        # What they did not use is there again.
        assert weir.chat("openai/gpt-4o", "hi", max_completion_tokens=3_000).status == 200
        assert used(weir, "provider") == {}, "nothing is added up over the provider"
        assert used(weir, "target")["openai/gpt-4o", "requests"] == 3
        assert used(weir, "target")["openai/gpt-4o-mini", "requests"] == 1


def test_what_a_provider_tells_of_one_model_is_not_about_another(certificate):
    with provider("openai", certificate) as (weir, upstream):
        upstream.headers = {"x-ratelimit-limit-requests": "500",
                            "x-ratelimit-remaining-requests": "0",
                            "x-ratelimit-reset-requests": "50s"}  # fmt: skip
        assert weir.chat("openai/gpt-4o", "hi").status == 200
        upstream.headers = {}
        assert weir.chat("openai/gpt-4o", "hi").exceeded == ("target", "requests")
        assert weir.chat("openai/gpt-4o-mini", "hi").status == 200
        run = run_weir("limits", "--config", str(weir.config_file), folder=weir.folder)
        (line,) = [line for line in run.stdout.splitlines() if "openai/gpt-4o " in line
                   and " requests " in line]  # fmt: skip
        assert " 500 " in line and " 0 " in line, run.stdout


def test_a_limit_of_the_operators_takes_the_place_of_a_models_plan(certificate):
    models = {"gpt-4o": {"limits": {"tokens_per_minute": 9_000_000, "requests_per_minute": 2}}}
    with provider("openai", certificate, models=models) as (weir, _):
        assert weir.chat("openai/gpt-4o", "hi", max_completion_tokens=16_000).status == 200
        assert weir.chat("openai/gpt-4o", "hi", max_completion_tokens=16_000).status == 200
        assert weir.chat("openai/gpt-4o", "hi").exceeded == ("model", "requests")
        assert weir.chat("openai/gpt-4o-mini", "hi").status == 200


def test_the_free_plan_of_openrouter_is_about_its_free_models(certificate):
    with provider("openrouter", certificate, plan="free") as (weir, upstream):
        free = ("google/gemma-4-31b-it:free", "openrouter/free", "never/heard-of:free")
        asked = [weir.chat("openrouter/" + free[i % 3], "hi").status for i in range(FREE_PER_MINUTE)]
        assert asked == [200] * FREE_PER_MINUTE
        assert weir.chat("openrouter/" + free[0], "hi").exceeded == ("target", "requests")
        assert weir.chat("openrouter/openai/gpt-4o", "hi").status == 200
        assert len(upstream.calls) == FREE_PER_MINUTE + 1
        assert used(weir, "target")["openrouter/*free", "requests"] == FREE_PER_MINUTE
