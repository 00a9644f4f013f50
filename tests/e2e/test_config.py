# SPDX-License-Identifier: Apache-2.0
"""A configuration with a mistake starts nothing: exit status 78, the place, the nearest name."""

import json
import ssl

import pytest

from harness import Weir, free_port, make_certificate, run_weir, user
from upstream import Upstream, status

EXIT_CONFIG = 78
SECRET = "sk-secret-0123456789abcdef"
GOOD = """\
providers:
  up: { type: openai, base_url: http://127.0.0.1:1/v1, api_key: %s }
models:
  smart: { targets: [up/m] }
""" % SECRET

# What is added to a good file -> the line of the mistake, words of the message.
MISTAKES = {
    "unknown key": ("lisen: 127.0.0.1:1\n", 5, ["lisen", "listen"]),
    "unknown key inside": ("limits:\n  max_inflite: 5\n", 6, ["limits", "max_inflight"]),
    "unknown key after others": ("tiers: { fast: smart }\nfailovr: true\n", 6, ["failover"]),
    "wrong type": ("threads: many\n", 5, ["threads"]),
    "out of range": ("threads: -1\n", 5, ["threads"]),
    "duration without unit": ("drain_timeout: 25\n", 5, ["drain_timeout"]),
    "list in place of a word": ("listen: [a, b]\n", 5, ["listen"]),
    "duplicate key": ("models:\n  other: { targets: [up/m] }\n", 5, ["models"]),
    "target that is nowhere": ("tiers:\n  fast: smrt\n", 6, ["smrt", "smart"]),
    "missing variable": ("keys: [env:WEIR_E2E_NOT_SET]\n", 5, ["WEIR_E2E_NOT_SET"]),
    "missing secret file": ("keys: ['file:/nonexistent/key']\n", 5, ["/nonexistent/key"]),
    "no YAML": ("a: b: c\n", 5, []),
}  # fmt: skip


def serve(folder, text, **environment):
    file = folder / "weir.yaml"
    file.write_text(text)
    return run_weir("serve", "--config", str(file), folder=folder, environment=environment)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_the_nearest_name(tmp_path, name):
    added, line, words = MISTAKES[name]
    run = serve(tmp_path, GOOD + added)
    assert run.returncode == EXIT_CONFIG, run.stderr
    assert f"weir.yaml:{line}" in run.stderr
    for word in words:
        assert word in run.stderr
    assert SECRET not in run.stderr + run.stdout


def test_all_mistakes_are_told_at_once(tmp_path):
    run = serve(tmp_path, GOOD + "lisen: a\nthreads: many\n")
    assert "weir.yaml:5" in run.stderr and "weir.yaml:6" in run.stderr


def test_a_provider_of_unknown_type_is_told_with_the_nearest(tmp_path):
    run = serve(tmp_path, "providers:\n  a: { type: antropic, api_key: x }\n")
    assert run.returncode == EXIT_CONFIG
    assert "weir.yaml:2" in run.stderr and "anthropic" in run.stderr


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    run = run_weir("serve", "--config", str(tmp_path / "none.yaml"), folder=tmp_path)
    assert run.returncode == EXIT_CONFIG
    assert "none.yaml" in run.stderr


def test_a_cycle_between_routes_is_an_error(tmp_path):
    text = GOOD + "  a: { targets: [b] }\n  b: { targets: [a] }\n"
    run = serve(tmp_path, text)
    assert run.returncode == EXIT_CONFIG
    assert "weir.yaml" in run.stderr


def test_a_mistake_in_the_environment_names_the_variable(tmp_path):
    run = serve(tmp_path, GOOD, WEIR_THREADS="many")
    assert run.returncode == EXIT_CONFIG
    assert "WEIR_THREADS" in run.stderr


def test_the_gateways_own_address_is_no_upstream(tmp_path):
    port = free_port()
    own = f"  me: {{ type: custom, base_url: http://localhost:{port}/v1 }}\n"
    run = serve(tmp_path, f"listen: 127.0.0.1:{port}\n" + GOOD.replace("models:", own + "models:"))
    assert run.returncode == EXIT_CONFIG
    assert "providers.me" in run.stderr


# What a sound configuration does -------------------------------------------------------------------


@pytest.fixture
def upstream():
    with Upstream("openai") as made:
        yield made
        assert made.violations == []


def test_secrets_come_from_environment_and_files(upstream, tmp_path):
    file = tmp_path / "key"
    file.write_text(upstream.key + "\n")
    providers = {
        "env": {**upstream.provider, "api_key": "env:MY_KEY"},
        "file": {**upstream.provider, "api_key": f"file:{file}"},
    }
    with Weir({"providers": providers}, {"MY_KEY": upstream.key}) as weir:
        assert weir.chat("env/m", "hello").status == 200
        assert weir.chat("file/m", "hello").status == 200


def test_yaml_as_people_write_it(upstream):
    weir = Weir(None)
    weir.config = f"""\
# A comment, an anchor, plain and quoted words.
listen: 127.0.0.1:{weir.port}
admin: {{ listen: off }}
data_dir: {weir.folder}/data
providers:
  up: &up
    type: openai
    base_url: "{upstream.base_url}"
    api_key: {upstream.key}
    headers: {{ x-team: 'blue' }}
    params: {{ temperature: 0.25 }}
models:
  smart:
    strategy: priority
    targets:
      - up/m
  "gpt-*": {{ targets: [up/n] }}
tiers: {{ reasoning: smart }}
tasks: {{ quick_decision: reasoning }}
"""
    with weir:
        assert weir.chat("smart", "hello").headers["x-weir-target"] == "up/m"
        assert weir.chat("gpt-77-turbo", "hello").headers["x-weir-target"] == "up/n"
        assert weir.chat("reasoning", "hello").headers["x-weir-target"] == "up/m"
        assert weir.chat("quick_decision", "hello").headers["x-weir-target"] == "up/m"
        first = upstream.calls[0]
        assert first.header("x-team") == "blue"
        assert first.json["temperature"] == 0.25
        assert weir.chat("smart", "hello", temperature=0.5).status == 200
        assert upstream.calls[-1].json["temperature"] == 0.5


def test_an_overlay_changes_what_it_names(upstream):
    weir = Weir({"providers": {"up": {**upstream.provider, "api_key": "sk-wrong"}}})
    weir.environment = {"WEIR_ENV": "production"}
    overlay = {"providers": {"up": {"api_key": upstream.key}}}
    (weir.folder / "weir.production.yaml").write_text(json.dumps(overlay))
    with weir:
        assert weir.chat("up/m", "hello").status == 200


def test_an_environment_variable_goes_over_the_file(upstream):
    config = {"providers": {"up": upstream.provider}, "limits": {"body_bytes_max": "1MiB"}}
    with Weir(config, {"WEIR_LIMITS_BODY_BYTES_MAX": "2KiB"}) as weir:
        assert weir.chat("up/m", "a" * 1000).status == 200
        assert weir.chat("up/m", "a" * 3000).status == 413


def test_a_chat_that_names_no_model_goes_to_the_default(upstream):
    config = {"providers": {"up": upstream.provider}, "default_model": "up/m"}
    with Weir(config) as weir:
        for body in ({"messages": user("hello")}, {"model": "", "messages": user("hello")}):
            answer = weir.post("/v1/chat/completions", body)
            assert answer.status == 200, answer.body
            assert answer.headers["x-weir-target"] == "up/m"
            assert upstream.calls[-1].json["model"] == "m"


SPOKEN = user("hello")
NO_MODEL = {
    "chat": ("/v1/chat/completions", {"messages": SPOKEN}),
    "azure": ("/openai/v1/chat/completions", {"messages": SPOKEN}),
    "responses": ("/v1/responses", {"input": "hello", "store": False}),
    "anthropic": ("/v1/messages", {"max_tokens": 9, "messages": SPOKEN}),
    "anthropic, count": ("/v1/messages/count_tokens", {"messages": SPOKEN}),
    "ollama": ("/api/chat", {"messages": SPOKEN, "stream": False}),
    "ollama, stream": ("/api/chat", {"messages": SPOKEN}),
    "ollama, generate": ("/api/generate", {"prompt": "hello", "stream": False}),
    "ollama, empty": ("/api/chat", {"model": "", "messages": SPOKEN, "stream": False}),
    "anthropic, empty": ("/v1/messages", {"model": "", "max_tokens": 9, "messages": SPOKEN}),
}


@pytest.mark.parametrize("target", ["openai", "anthropic", "ollama"])
def test_no_model_means_the_default_at_every_door(target):
    """Also where the target speaks the client's own dialect, whose text goes out nearly as it is."""
    with Upstream(target) as upstream:
        config = {"providers": {"up": upstream.provider}, "default_model": "up/m"}
        with Weir(config) as weir:
            for name, (path, body) in NO_MODEL.items():
                answer = weir.post(path, body, {"anthropic-version": "2023-06-01"})
                assert answer.status == 200, (name, answer.body)
                if "count" not in name:
                    assert answer.headers["x-weir-target"] == "up/m", name
                    assert upstream.calls[-1].json["model"] == "m", name


@pytest.mark.parametrize("path", ["/api/embed", "/v1/embeddings"])
def test_vectors_without_a_model_are_of_the_default_or_of_none(path):
    """Vectors of another model are of no use: `auto` never means one for them."""
    body = {"input": "hello"}
    with Upstream("openai") as upstream:
        providers = {"up": upstream.provider}
        with Weir({"providers": providers, "default_model": "up/m"}) as weir:
            assert weir.post(path, body).status == 200
            assert upstream.calls[-1].json["model"] == "m"
        with Weir({"providers": providers}) as weir:
            answer = weir.post(path, body)
            assert answer.status == 400 and b"model" in answer.body, answer.body


def test_failover_can_be_switched_off(upstream):
    with Upstream("openai") as backup:
        upstream.always(status(500))
        config = {
            "providers": {"a": upstream.provider, "b": backup.provider},
            "models": {"smart": {"targets": ["a/m", "b/m"]}},
            "failover": False,
        }
        with Weir(config) as weir:
            assert weir.chat("smart", "hello").status == 502
            assert backup.calls == []


def test_a_provider_that_is_mocked_keeps_its_names_and_is_never_called(upstream):
    provider = {**upstream.provider, "mock": True}
    with Weir({"providers": {"up": provider}, "models": {"smart": {"targets": ["up/m"]}}}) as weir:
        answer = weir.chat("smart", "hello")
        assert (answer.status, answer.headers["x-weir-target"]) == (200, "up/m")
        assert upstream.received == []


def test_a_private_ca_is_trusted_for_its_provider_only(tmp_path):
    """TLS to upstreams is always verified: a certificate of an unknown maker is no provider."""
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["cert"], files["key"])
    with Upstream("openai", tls=context) as upstream:
        trusting = {**upstream.provider, "ca_file": files["cert"]}
        providers = {"trusting": trusting, "plain": upstream.provider}
        with Weir({"providers": providers}) as weir:
            assert weir.chat("trusting/m", "hello").status == 200
            assert weir.stream("trusting/m", "hello").has_done
            refused = weir.chat("plain/m", "hello")
            assert (refused.status, refused.error["code"]) == (502, "upstream_unreachable")
