# SPDX-License-Identifier: Apache-2.0
"""The subcommands, as a person or a script types them."""

import json
import re

import pytest

from harness import Weir, eventually, free_port, run_weir
from shims import make_shim
from upstream import Upstream, status

EXIT_USAGE = 64
EXIT_CONFIG = 78
MOCK = "providers:\n  mock: { type: mock }\nmodels:\n  smart: { targets: [mock/mock] }\n"


@pytest.fixture
def folder(tmp_path):
    """A working directory with a configuration that needs no network."""
    (tmp_path / "weir.yaml").write_text(MOCK)
    return tmp_path


def test_version(tmp_path):
    run = run_weir("version", folder=tmp_path)
    assert run.returncode == 0
    assert re.fullmatch(r"weir \d+\.\d+\.\d+\n", run.stdout)
    assert run_weir("--version", folder=tmp_path).stdout.strip() in run.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("chat", "--help")])
def test_help_goes_to_standard_output_and_shows_how(tmp_path, arguments):
    run = run_weir(*arguments, folder=tmp_path)
    assert run.returncode == 0
    assert "weir" in run.stdout and run.stderr == ""


def test_help_names_every_subcommand(tmp_path):
    text = run_weir("--help", folder=tmp_path).stdout
    for name in ("serve", "validate", "models", "providers", "chat", "version"):
        assert re.search(rf"^\s+{name}\b", text, re.MULTILINE), name


ASKING = {
    "--admin": ("alerts", "data", "explain", "health", "keys", "limits", "log", "models", "providers",
                "teams", "usage", "users"),
    "--url": ("chat", "pull"),
}  # fmt: skip


@pytest.mark.parametrize("place", ASKING)
def test_commands_that_ask_a_gateway_take_the_same_options(tmp_path, place):
    for command in ASKING[place]:
        text = run_weir(command, "--help", folder=tmp_path).stdout
        for option in ("--config", "--env-file", "--ca", place):
            assert re.search(rf"^ +(-\w,)?{option} ", text, re.MULTILINE), (command, option, text)


@pytest.mark.parametrize("arguments", [("srve",), ("serve", "--confg", "x"), ("chat",)])
def test_wrong_usage_is_an_error_on_standard_error(folder, arguments):
    run = run_weir(*arguments, folder=folder)
    assert run.returncode != 0
    assert run.stdout == "" and run.stderr != ""


def test_validate_accepts_a_sound_file_and_refuses_another(folder):
    assert run_weir("validate", folder=folder).returncode == 0
    (folder / "weir.yaml").write_text(MOCK + "lisen: a\n")
    run = run_weir("validate", folder=folder)
    assert run.returncode == EXIT_CONFIG
    assert "weir.yaml:5" in run.stderr and "listen" in run.stderr


def test_validate_tells_every_mistake_in_one_run(folder):
    (folder / "weir.yaml").write_text(
        "lisen: a\nproviders: {mock: {}}\nmodels: {smart: [mok/m], fast: {targets: [smrt]}}\n"
    )
    run = run_weir("validate", folder=folder)
    assert run.returncode == EXIT_CONFIG
    for said in ("lisen", "mok/m", "smrt"):
        assert said in run.stderr, run.stderr


def test_a_misspelt_variable_is_told_of_with_the_nearest_name(folder):
    misspelt = {"WEIR_LISTN": "127.0.0.1:1"}
    said = "no setting is read from WEIR_LISTN (did you mean WEIR_LISTEN?)"
    run = run_weir("validate", folder=folder, environment=misspelt)
    assert run.returncode == 0 and said in run.stdout, run.stdout
    with Weir({"providers": {"mock": {}}}, misspelt) as weir:
        eventually(lambda: said in weir.log())


def test_validate_online_asks_each_provider(tmp_path):
    with Upstream("openai") as upstream:
        config = tmp_path / "weir.yaml"
        config.write_text(json.dumps({"providers": {"up": upstream.provider}}))
        assert run_weir("validate", "--online", folder=tmp_path).returncode == 0
        assert upstream.received and not upstream.calls  # a free listing, no model call
        wrong = {**upstream.provider, "api_key": "sk-wrong-0123456789abcdef"}
        config.write_text(json.dumps({"providers": {"up": wrong}}))
        run = run_weir("validate", "--online", folder=tmp_path)
        assert run.returncode != 0
        assert "sk-wrong-0123456789abcdef" not in run.stdout + run.stderr


def test_models_and_providers_list_what_there_is(folder):
    models = run_weir("models", folder=folder)
    assert models.returncode == 0 and "smart" in models.stdout
    providers = run_weir("providers", folder=folder)
    assert providers.returncode == 0 and "mock" in providers.stdout


@pytest.mark.parametrize("command", ["validate", "providers"])
def test_a_provider_of_which_only_half_is_there_is_named(tmp_path, command):
    nobody = {"admin": {"listen": f"127.0.0.1:{free_port()}"}, "env_providers": True}
    (tmp_path / "weir.yaml").write_text(json.dumps(nobody))
    half = {"AZURE_OPENAI_API_KEY": "sk-azure-0123456789"}
    run = run_weir(command, folder=tmp_path, environment=half)
    assert "note: azure is left out" in run.stdout and "AZURE_OPENAI_ENDPOINT" in run.stdout, run


def chat(weir: Weir, *arguments: str):
    url = f"http://127.0.0.1:{weir.port}"
    return run_weir("chat", "--url", url, *arguments, folder=weir.folder)


def test_models_are_those_that_a_running_gateway_was_told_of(tmp_path):
    """Who meets them on one thread meets them on all, also where those come late."""
    late = {"LD_PRELOAD": str(make_shim("late_threads", tmp_path)), "LATE_PERCENT": "400"}
    hint = "weir models --online"
    with Upstream("openai") as upstream:
        upstream.models = ["own-model"]
        here = {"type": "vllm", "base_url": upstream.base_url, "api_key": upstream.key}
        with Weir({"providers": {"here": here}}, late) as weir:
            look = ("models", "-c", str(weir.config_file))
            eventually(lambda: "own-model" in weir.get("/v1/models").body.decode())
            run = run_weir(*look, folder=weir.folder)
            assert "here/own-model" in run.stdout and hint not in run.stdout, run.stdout
            assert "here/own-model" in run_weir(*look, "--json", folder=weir.folder).stdout
        nobody = {"listen": "127.0.0.1:1", "admin": {"listen": f"127.0.0.1:{free_port()}"}}
        (tmp_path / "weir.yaml").write_text(json.dumps({**nobody, "providers": {"here": here}}))
        run = run_weir("models", folder=tmp_path)
        assert "own-model" not in run.stdout and hint in run.stdout, run.stdout


def test_a_gateway_that_is_named_tells_what_it_has(tmp_path):
    """Also to someone who has none of its configuration."""
    with Upstream("openai") as upstream:
        upstream.models = ["own-model"]
        here = {"type": "vllm", "base_url": upstream.base_url, "api_key": upstream.key}
        with Weir({"providers": {"here": here}, "models": {"smart": ["here/own-model"]}}) as weir:
            eventually(lambda: "own-model" in weir.get("/v1/models").body.decode())
            there = ("--admin", f"http://127.0.0.1:{weir.admin_port}")
            run = run_weir("models", *there, folder=tmp_path)
            row = next(row for row in run.stdout.splitlines() if row.startswith("here/own-model"))
            assert row.split()[1:] == ["?", "free", "free", "detection"], run.stdout
            assert ["smart", "here/own-model"] in [row.split() for row in run.stdout.splitlines()]
            told = json.loads(run_weir("models", "here", "--json", *there, folder=tmp_path).stdout)
            assert [model["id"] for model in told["models"]] == ["here/own-model"]
            assert run_weir("models", "nobody", *there, folder=tmp_path).returncode == 1
            assert "here" in run_weir("providers", *there, folder=tmp_path).stdout
        gone = run_weir("models", *there, folder=tmp_path)
        assert gone.returncode == 1 and "nothing answers" in gone.stderr


def test_chat_streams_the_answer_and_shows_who_gave_it():
    with Upstream("anthropic") as upstream:
        with Weir({"providers": {"up": upstream.provider}}) as weir:
            run = chat(weir, "-m", "up/m", "hello there")
            assert run.returncode == 0, run.stderr
            assert "echo: hello there" in run.stdout
            assert "up/m" in run.stdout + run.stderr
            assert upstream.calls[0].ask.is_stream


def test_chat_that_fails_says_why():
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "api_key": "sk-wrong-0123456789abcdef"}
        with Weir({"providers": {"up": provider}}) as weir:
            run = chat(weir, "-m", "up/m", "hello")
            assert run.returncode not in (0, EXIT_USAGE)
            assert "key" in run.stderr
            assert "sk-wrong-0123456789abcdef" not in run.stdout + run.stderr


def test_chat_without_a_gateway_asks_the_providers_itself(folder):
    with Upstream("openai") as upstream:
        config = {"listen": f"127.0.0.1:{free_port()}", "providers": {"up": upstream.provider}}
        (folder / "weir.yaml").write_text(json.dumps(config))
        run = run_weir("chat", "-m", "up/m", "-s", "Be brief.", "hello there", folder=folder)
        assert run.returncode == 0, run.stderr
        assert run.stdout.splitlines()[0] == "echo: hello there"
        assert "up/m" in run.stdout and "without a gateway" in run.stdout
        assert upstream.calls[0].ask.turns[0].text == "Be brief."
        upstream.always(status(500))
        failed = run_weir("chat", "-m", "up/m", "hello", folder=folder)
        assert failed.returncode == 1 and "up" in failed.stderr


def test_chat_without_a_gateway_is_in_the_ledger_where_there_is_one(folder):
    config = {"listen": f"127.0.0.1:{free_port()}", "data_dir": str(folder / "data"),
              "providers": {"mock": {"type": "mock"}}}  # fmt: skip
    (folder / "weir.yaml").write_text(json.dumps(config))
    assert run_weir("chat", "-m", "mock/echo", "hello there", folder=folder).returncode == 0
    log = run_weir("log", "--data-dir", str(folder / "data"), folder=folder)
    assert log.stdout.count("mock/echo") > 0 and "completed" in log.stdout
    (folder / "weir.yaml").write_text(json.dumps({**config, "data_dir": str(folder / "weir.yaml")}))
    refused = run_weir("chat", "-m", "mock/echo", "hello there", folder=folder)
    assert refused.returncode != 0 and "weir.yaml" in refused.stderr


def test_chat_without_a_gateway_says_how_to_start_one(folder):
    run = run_weir("chat", "--url", f"http://127.0.0.1:{free_port()}", "hello", folder=folder)
    assert run.returncode not in (0, EXIT_USAGE)
    assert "weir serve" in run.stderr


def test_serve_says_where_it_listens():
    with Weir({"providers": {"mock": {"type": "mock"}}}) as weir:
        eventually(lambda: f"127.0.0.1:{weir.port}" in weir.log())


def test_price_of_a_request_and_of_a_file_to_the_nano_dollar(folder):
    run = run_weir(
        "price", "openai/gpt-5.6-luna", "--input", "1200", "--output", "300", "--cached", "1000",
        folder=folder,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "$0.00042 " in run.stdout

    lines = [
        {"model": "anthropic/claude-haiku-4-5", "usage": {"input_tokens": 10, "output_tokens": 20}},
        {"model": "openai/gpt-4.1", "input": 100, "output": 10, "batch": True},
        {"model": "gemini/gemini-3.8-flash", "input": 1, "output": 0, "at": "2027-01-01"},
    ]
    (folder / "usages.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    run = run_weir("price", "--file", "usages.jsonl", "--json", folder=folder)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["total"]["cost_nanousd"] == 110_000 + 140_000 + 1_500
    assert len(told["models"]) == 3 and told["total"]["requests"] == 3

    (folder / "usages.jsonl").write_text('{"model":"openai/gpt-4.1","input":1}\n{"input":-1}\n')
    run = run_weir("price", "--file", "usages.jsonl", folder=folder)
    assert run.returncode == 1 and "line 2" in run.stderr


def test_price_goes_by_the_configuration(folder):
    (folder / "weir.yaml").write_text(
        "providers:\n"
        "  mine:\n"
        "    base_url: https://llm.example.com\n"
        "    models: { big: { price: { input: 2, output: 8, request: 0.001 } } }\n"
    )
    run = run_weir("price", "mine/big", "--input", "10", "--output", "10", folder=folder)
    assert run.returncode == 0, run.stderr
    assert "$0.0011 " in run.stdout and "own+" in run.stdout


def test_price_of_a_model_that_nobody_knows_is_no_success(folder):
    run = run_weir("price", "openai/gpt-5.6-lunar", "--input", "10", folder=folder)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "no price is known of 'openai/gpt-5.6-lunar' (did you mean openai/gpt-5.6-luna?)\n"

    # What a gateway would book for it is told, as what it is.
    (folder / "weir.yaml").write_text("providers: { openai: { api_key: sk-x } }\n")
    run = run_weir("price", "openai/gpt-5.6-lunar", "--input", "10", folder=folder)
    assert run.returncode == 1 and "~$" in run.stdout
    assert "did you mean openai/gpt-5.6-luna?); taken for the dearest model of its provider" in run.stderr

    # One line spoils neither the others nor goes by unseen.
    lines = [{"model": model, "input": 100, "output": 10}
             for model in ("openai/gpt-4.1", "claude-hiku-4-5", "openai/gpt-4.1", "nonesuch")]
    (folder / "usages.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    run = run_weir("price", "--file", "usages.jsonl", folder=folder)
    assert run.returncode == 1
    assert "2 requests without a known price: not in the cost" in run.stdout
    shown = {row.split()[0]: row.split()[4] for row in run.stdout.splitlines()[1:5]}
    assert shown == {"claude-hiku-4-5": "?", "nonesuch": "?",
                     "openai/gpt-4.1": "$0.00056", "total": "~$0.00056"}  # fmt: skip
    assert run.stderr.splitlines() == [
        "no price is known of 'claude-hiku-4-5' (did you mean claude-haiku-4-5?)",
        "no price is known of 'nonesuch'",
    ]
    run = run_weir("price", "--file", "usages.jsonl", "--json", folder=folder)
    assert run.returncode == 1
    total = json.loads(run.stdout)["total"]
    assert total["requests"] == 4 and total["requests_left_out"] == 2 and total["unpriced"]
    assert total["cost_nanousd"] == 560_000


@pytest.fixture(scope="module")
def used():
    """A gateway that was asked ten times."""
    with Weir({"providers": {"mock": {"type": "mock"}}, "keys": []}) as weir:
        for _ in range(10):
            assert weir.chat("mock", "hello").status == 200
        eventually(lambda: total_requests(weir) == 10)
        yield weir


def total_requests(weir) -> int:
    answer = weir.admin("GET", "/api/usage?by=all", token=True)
    return answer.json["total"]["requests"] if answer.status == 200 else -1


def tell(weir, *arguments):
    return run_weir(*arguments, "--config", str(weir.config_file), folder=weir.folder)


@pytest.mark.parametrize("since", ["1h", "7d", "2026-01-01", "2026-01-01T16:00"])
def test_commands_that_look_back_take_the_same_times(used, since):
    (used.folder / "same.yaml").write_text("{}")
    log = tell(used, "log", "--json", "--since", since)
    assert len(log.stdout.splitlines()) == 10, log.stderr
    usage = tell(used, "usage", "--by", "all", "--json", "--since", since)
    assert json.loads(usage.stdout)["total"]["requests"] == 10, usage.stderr
    whatif = tell(used, "whatif", "--route", "same.yaml", "--json", "--since", since)
    assert json.loads(whatif.stdout)["total"]["requests"] == 10, whatif.stderr
    assert tell(used, "log", "--json", "--until", since).stdout == ""


def test_commands_that_look_back_take_another_data_directory(used, folder):
    (folder / "weir.yaml").write_text("providers: { mock: { type: mock } }\n")
    (folder / "same.yaml").write_text("{}")
    for command in (("log",), ("usage",), ("whatif", "--route", "same.yaml")):
        run = run_weir(*command, "--data-dir", str(used.folder / "data"), folder=folder)
        assert run.returncode == 0 and "mock" in run.stdout, (command, run.stderr)
        run = run_weir(*command, "--data-dir", str(folder / "none"), folder=folder)
        assert (run.returncode, "there is no ledger" in run.stderr) == (EXIT_USAGE, True), command


@pytest.mark.parametrize("command", [("log",), ("usage",), ("whatif", "--route", "same.yaml")])
def test_what_is_no_time_is_refused_with_what_is_one(used, command):
    (used.folder / "same.yaml").write_text("{}")
    run = tell(used, *command, "--since", "yesterday")
    assert run.returncode == EXIT_USAGE and run.stdout == ""
    assert "--since: 'yesterday'" in run.stderr and "7d before now" in run.stderr


def test_nothing_found_is_said_and_is_no_output(used):
    run = tell(used, "log", "--id", "req_0000000000000000nosuch00")
    assert (run.returncode, run.stdout) == (1, "") and "no such call" in run.stderr
    run = tell(used, "log", "--user", "nobody")
    assert (run.returncode, run.stdout) == (0, "") and "no such calls" in run.stderr
    run = tell(used, "log", "--user", "nobody", "--json")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert "No keys were given out" in tell(used, "keys").stdout
    assert "no users" in tell(used, "users", "list").stdout
    assert "No provider with a free tier" in tell(used, "usage", "runway").stdout


def test_what_is_verified_is_told_as_json_too(used):
    run = tell(used, "ledger", "verify", "--json")
    told = json.loads(run.stdout)
    assert run.returncode == 0 and told["sound"] and told["calls"] == 10
    assert told["records_missing"] == told["sums_wrong"] == 0
    run = tell(used, "audit", "verify", "--json")
    assert run.returncode == 0 and json.loads(run.stdout)["sound"]
    data = str(used.folder / "data")
    run = run_weir("audit", "verify", "--data-dir", data, folder=used.folder)
    assert run.returncode == 0 and "as they were written" in run.stdout
    assert json.loads(tell(used, "keys", "list", "--json").stdout) == {"keys": []}
    assert "id is required" in tell(used, "keys", "revoke").stderr
