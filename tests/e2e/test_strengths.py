# SPDX-License-Identifier: Apache-2.0
"""What only some providers can do, used for clients of any: models pulled on demand, what is loaded,
prompt caching, load that a server tells of itself; and prompts trimmed to the window."""

import contextlib
import json
import threading

import pytest

import upstream as fault
from doors import get, lines, post
from harness import Client, Weir, eventually, run_weir, user
from upstream import Upstream

TINY = {"context": 500}


@contextlib.contextmanager
def ollama_gateway(settings=None, **more):
    with Upstream("ollama") as upstream:
        upstream.models = ["big:1b", "small:1b"]
        provider = {**upstream.provider, **(settings or {})}
        with Weir({"providers": {"local": provider}, **more}) as gateway:
            yield gateway, upstream
        assert upstream.violations == []


def pulls(upstream):
    return [request.json for request in upstream.received if request.path == "/api/pull"]


# Ollama --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["local/new:1b", "new:1b"])
def test_a_pull_reaches_the_server_and_its_progress_the_client(name):
    with ollama_gateway() as (gateway, upstream):
        answer = post(gateway, "/api/pull", {"model": name, "insecure": False})
        assert answer.status == 200, answer.body
        steps = lines(answer.body)
        assert steps[-1] == {"status": "success"}
        assert {"total": 4096, "completed": 1024}.items() <= steps[1].items()
        assert pulls(upstream) == [{"model": "new:1b", "insecure": False}]
        # What the server has now is listed without waiting for the next regular look.
        upstream.models.append("new:1b")
        assert post(gateway, "/api/pull", {"name": name, "stream": False}).json == steps[-1]
        assert "local/new:1b" in tags(gateway)


@pytest.mark.parametrize("method, path", [("POST", "/api/pull"), ("DELETE", "/api/delete")])
def test_who_is_told_that_a_servers_models_have_changed_finds_them_so(method, path):
    with ollama_gateway() as (gateway, upstream), fault.Gate() as gate:
        eventually(lambda: "local/big:1b" in tags(gateway))
        told = []

        def ask():
            token = {"authorization": f"Bearer {gateway.admin_token()}"}
            with Client(gateway.port) as client:
                told.append(client.request(method, path, {"model": "local/new:1b"}, token))

        upstream.list_gate = gate
        upstream.models = ["big:1b", "new:1b", "small:1b"]
        before = len(upstream.received)
        asker = threading.Thread(target=ask)
        asker.start()
        eventually(lambda: "/api/tags" in [one.path for one in upstream.received[before:]])
        asker.join(0.3)
        assert not told, "the client was told before it was so"
        gate.open()
        asker.join()
        assert told[0].status == 200, told[0].body
        assert "local/new:1b" in tags(gateway)


def tags(gateway):
    return [model["name"] for model in get(gateway, "/api/tags").json["models"]]


def test_a_pull_that_leads_to_no_ollama_is_refused(upstreams):
    with Weir({"providers": {"up": upstreams["openai"].provider}}) as gateway:
        refused = post(gateway, "/api/pull", {"model": "up/m"})
        assert refused.status == 400 and "no Ollama server" in refused.json["error"]
    with ollama_gateway(env_providers=False, models={"x": "local/big:1b"}) as (gateway, _):
        assert post(gateway, "/api/pull", {}).status == 400


def test_ps_tells_what_the_servers_run(gateway, upstreams):
    upstreams["ollama"].models = ["m", "n"]
    running = get(gateway, "/api/ps").json["models"]
    assert [(model["name"], model["model"], model["size_vram"]) for model in running] == [
        ("ollama/m", "ollama/m", 7), ("ollama/n", "ollama/n", 7),
    ]  # fmt: skip


def test_the_memory_that_an_ollamas_models_take_is_shown(tmp_path):
    with ollama_gateway(detection={"load_interval": "1s"}) as (gateway, upstream):
        def told():
            providers = gateway.admin("GET", "/api/llm-providers").json["providers"]
            return next(one for one in providers if one["name"] == "local")["memory"]

        assert told() is None and "weir_models_loaded" not in metrics(gateway)
        assert gateway.chat("local/big:1b", "hello").status == 200
        both = {"models_loaded": 2, "bytes": 14, "vram_bytes": 14}
        eventually(lambda: told() == both)
        page = metrics(gateway)
        assert 'weir_models_loaded{provider="local"} 2' in page
        assert 'weir_model_memory_bytes{provider="local",memory="vram"} 14' in page
        url = f"http://127.0.0.1:{gateway.admin_port}"
        table = run_weir("providers", "--admin", url, folder=tmp_path).stdout
        assert "local holds 2 models in memory" in table, table
        upstream.models = []
        eventually(lambda: told() == {"models_loaded": 0, "bytes": 0, "vram_bytes": 0})


def metrics(gateway):
    return gateway.admin("GET", "/metrics").body.decode()


def test_a_server_that_is_down_runs_nothing_and_hides_no_other():
    with Upstream("ollama") as down, ollama_gateway() as (_, upstream):
        providers = {"down": down.provider, "up": upstream.provider}
        with Weir({"providers": providers}) as gateway:
            down.kill()
            running = get(gateway, "/api/ps").json["models"]
            assert [model["name"] for model in running] == ["up/big:1b", "up/small:1b"]


def test_only_an_administrator_deletes_a_model():
    with ollama_gateway() as (gateway, upstream), Client(gateway.port) as client:
        body = {"model": "local/big:1b"}
        assert client.request("DELETE", "/api/delete", body).status == 401
        assert upstream.absent == set()
        token = {"authorization": f"Bearer {gateway.admin_token()}"}
        assert client.request("DELETE", "/api/delete", body, token).status == 200
        assert upstream.absent == {"big:1b"}


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_missing_model_is_pulled_where_the_provider_says_so(is_stream):
    with ollama_gateway({"pull": "auto"}) as (gateway, upstream):
        upstream.absent = {"big:1b"}
        if is_stream:
            assert gateway.stream("local/big:1b", "hello there").text == "echo: hello there"
        else:
            answer = gateway.chat("local/big:1b", "hello there")
            assert answer.status == 200, answer.body
        assert pulls(upstream) == [{"model": "big:1b", "stream": True}]
        assert gateway.chat("local/big:1b", "again").status == 200
        assert len(pulls(upstream)) == 1


def test_others_answer_while_a_model_is_pulled(upstreams):
    route = {"both": {"targets": ["local/big:1b", "cloud/m"]}}
    with Upstream("ollama") as upstream:
        upstream.absent = {"big:1b"}
        providers = {
            "local": {**upstream.provider, "pull": "auto"}, "cloud": upstreams["openai"].provider,
        }  # fmt: skip
        with Weir({"providers": providers, "models": route}) as gateway:
            first = gateway.chat("both", "hello")
            assert first.headers["x-weir-target"] == "cloud/m"
            eventually(lambda: not upstream.absent)
            eventually(
                lambda: gateway.chat("both", "hello").headers["x-weir-target"] == "local/big:1b"
            )


def test_a_pull_that_fails_is_the_models_absence():
    with ollama_gateway({"pull": "auto"}) as (gateway, upstream):
        upstream.absent = {"no-such:1b"}
        refused = gateway.chat("local/no-such:1b", "hello")
        assert refused.status == 404, refused.body
        assert len(pulls(upstream)) == 1


def test_a_missing_model_is_not_pulled_unasked():
    with ollama_gateway() as (gateway, upstream):
        upstream.absent = {"big:1b"}
        assert gateway.chat("local/big:1b", "hello").status == 404
        assert pulls(upstream) == []


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("path, more", [("generate", {}), ("chat", {}), ("chat", {"messages": []})])
def test_a_model_is_loaded_and_unloaded_by_a_request_without_words(path, more, is_stream):
    with ollama_gateway({"keep_alive": "30m"}) as (gateway, upstream):
        for wish, reason in (({}, "load"), ({"keep_alive": 0}, "unload")):
            body = {"model": "local/big:1b", **more, **wish, "stream": is_stream}
            answer = post(gateway, f"/api/{path}", body)
            assert answer.status == 200, answer.body
            told = lines(answer.body)
            assert [one["done_reason"] for one in told if one["done"]] == [reason]
            sent = upstream.calls[-1].json
            assert (sent["model"], sent["keep_alive"]) == ("big:1b", wish.get("keep_alive", "30m"))


@pytest.mark.parametrize("said, sent", [("10m", "10m"), ("-1", -1)])
def test_keep_alive_is_added_where_the_request_does_not_say(said, sent):
    with ollama_gateway({"keep_alive": said}) as (gateway, upstream):
        assert gateway.chat("local/big:1b", "hello").status == 200
        body = {"model": "local/big:1b", "messages": user("hi"), "stream": False}
        assert post(gateway, "/api/chat", body).status == 200
        assert post(gateway, "/api/chat", {**body, "keep_alive": 0}).status == 200
        assert post(gateway, "/v1/embeddings", {"model": "local/big:1b", "input": "x"}).status == 200
        assert [call.json["keep_alive"] for call in upstream.calls] == [sent, sent, 0, sent]


def test_the_command_line_pulls_and_shows_how_far_it_is(tmp_path):
    with ollama_gateway() as (gateway, _):
        url = f"http://127.0.0.1:{gateway.port}"
        done = run_weir("pull", "--url", url, "local/new:1b", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == "pulling manifest"
        assert done.stdout.splitlines()[-1] == "success"
        failed = run_weir("pull", "--url", url, "no-such:1b", folder=tmp_path)
        assert failed.returncode == 1 and "no such file" in failed.stderr


# Others --------------------------------------------------------------------------------------------


def test_long_prompts_are_marked_to_be_cached_where_the_provider_says_so(upstreams):
    upstream = upstreams["anthropic"]
    mark = {"type": "ephemeral"}
    rules = "Be brief. " * 600
    with Weir({"providers": {"up": {**upstream.provider, "prompt_cache": "auto"}}}) as gateway:
        messages = [{"role": "system", "content": rules}, *user("hi")]
        body = {"model": "up/m", "messages": messages}
        assert post(gateway, "/v1/chat/completions", body).status == 200
        own = {"model": "up/m", "max_tokens": 9, "system": rules, "messages": user("hi")}
        assert post(gateway, "/v1/messages", own).status == 200
        systems = [call.json["system"] for call in upstream.calls]
        assert [system[-1]["cache_control"] for system in systems] == [mark, mark]
        short = {**own, "system": "short"}
        assert post(gateway, "/v1/messages", short).status == 200
        assert upstream.calls[-1].json == {**short, "model": "m"}


def test_marks_of_a_prompt_cache_reach_every_target_that_knows_them():
    """Anthropic's clients set them for OpenRouter's targets, OpenRouter's clients for Anthropic."""
    mark = {"type": "ephemeral", "ttl": "1h"}
    marked = [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    own = {"max_tokens": 9, "system": marked, "messages": user("hi")}
    foreign = {"messages": [{"role": "system", "content": marked}, *user("hi")]}
    with Upstream("openai") as open_router, Upstream("anthropic") as anthropic:
        providers = {
            "router": {**open_router.provider, "type": "openrouter", "detect": "off"},
            "plain": {**open_router.provider, "type": "openai", "detect": "off"},
            "claude": anthropic.provider,
        }
        with Weir({"providers": providers}) as gateway:
            answer = post(gateway, "/v1/messages", {"model": "router/m", **own})
            assert answer.status == 200 and "x-weir-dropped" not in answer.headers, answer.headers
            assert open_router.calls[-1].json["messages"] == foreign["messages"]
            answer = post(gateway, "/v1/chat/completions", {"model": "claude/m", **foreign})
            assert answer.status == 200 and "x-weir-dropped" not in answer.headers, answer.headers
            assert anthropic.calls[-1].json["system"] == marked
            answer = post(gateway, "/v1/messages", {"model": "plain/m", **own})
            assert answer.headers["x-weir-dropped"] == "cache_control"
            assert "cache_control" not in json.dumps(open_router.calls[-1].json)


def test_prompts_are_trimmed_to_the_window_where_the_route_says_so(upstreams):
    upstream = upstreams["openai"]
    turn = [{"role": "user", "content": "word " * 100}, {"role": "assistant", "content": "ok " * 90}]
    messages = [{"role": "system", "content": "S"}, *turn, *turn, *turn, *user("the last")]
    routes = {
        "trimmed": {"targets": ["up/m"], "trim": "auto"}, "strict": {"targets": ["up/m"]},
    }  # fmt: skip
    providers = {"up": {**upstream.provider, "models": {"m": TINY}}}
    with Weir({"providers": providers, "models": routes}) as gateway:
        answer = post(gateway, "/v1/chat/completions", {"model": "trimmed", "messages": messages})
        assert answer.status == 200, answer.body
        assert answer.headers["x-weir-dropped"].startswith("oldest turns: ")
        sent = upstream.calls[-1].json["messages"]
        assert (sent[0]["content"], sent[-1]["content"]) == ("S", "the last")
        assert len(sent) < len(messages) and sent[1]["role"] == "user"
        strict = {"model": "strict", "messages": messages, "max_tokens": 300}
        refused = post(gateway, "/v1/chat/completions", strict)
        assert refused.status == 400 and "window" in refused.json["error"]["message"]
        assert refused.json["error"]["code"] == "context_length_exceeded"
        assert refused.json["error"]["param"] == "messages"
        wide = {"model": "strict", "messages": user("x"), "max_tokens": 100_000}
        refused = post(gateway, "/v1/chat/completions", wide)
        assert (refused.status, refused.json["error"]["code"]) == (400, "unsupported_capability")
        assert refused.json["error"]["param"] == "max_tokens"
        agent = post(gateway, "/v1/messages", strict)
        assert agent.status == 400
        assert agent.json["error"]["message"].startswith("prompt is too long: ")
        alone = {"model": "trimmed", "messages": user("word " * 3000)}
        refused = post(gateway, "/v1/chat/completions", alone)
        assert (refused.status, refused.json["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("type_", ["custom", "deepseek", "fireworks", "lmstudio"])
def test_a_compatible_server_gets_the_clients_bytes_unless_it_must_be_told_otherwise(type_):
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "type": type_, "detect": "off"}
        with Weir({"providers": {"server": provider}}) as gateway:
            body = (
                b'{ "model":"server/m", "max_tokens" : 9,"odd": {"kept":[1.0e2, "\\u00e9"]},\n'
                b' "messages":[{"role":"user","content":"as it is"}]}'
            )
            assert gateway.post("/v1/chat/completions", body).status == 200
            assert upstream.calls[0].body == body.replace(b"server/m", b"m")
            newer = {"model": "server/m", "max_completion_tokens": 9,
                     "messages": [{"role": "developer", "content": "d"}, *user("x")]}
            assert gateway.post("/v1/chat/completions", newer).status == 200
            told = upstream.calls[1].json
            assert told["max_tokens"] == 9 and "max_completion_tokens" not in told
            assert told["messages"][0]["role"] == "system"


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_vllms_own_parameters_reach_it(role):
    """As they came, and also where the rest of the request is written anew."""
    own = {"top_k": 5, "min_p": 0.1, "guided_json": {"type": "object"}, "repetition_penalty": 1.1}
    messages = [{"role": role, "content": "Be brief."}, *user("hello")]
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "type": "vllm", "detect": "off"}
        with Weir({"providers": {"vllm": provider}}) as gateway:
            body = {"model": "vllm/m", "messages": messages, **own}
            answer = post(gateway, "/v1/chat/completions", body)
            assert answer.status == 200 and "x-weir-dropped" not in answer.headers, answer.headers
            sent = upstream.calls[0].json
            assert own.items() <= sent.items() and sent["messages"][0]["role"] == "system"


@pytest.mark.parametrize("path, body", [
    ("/v1/messages", {"model": "vllm/m", "max_tokens": 9, "top_k": 7, "messages": user("x")}),
    ("/v1beta/models/vllm/m:generateContent",
     {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"topK": 7}}),
    ("/api/chat",
     {"model": "vllm/m", "messages": user("x"), "options": {"top_k": 7}, "stream": False}),
])  # fmt: skip
def test_clients_of_other_dialects_say_top_k_to_a_vllm(path, body):
    with Upstream("openai") as upstream:
        provider = {**upstream.provider, "type": "vllm", "detect": "off"}
        with Weir({"providers": {"vllm": provider}}) as gateway:
            answer = post(gateway, path, body)
            assert answer.status == 200 and "x-weir-dropped" not in answer.headers, answer.headers
            assert upstream.calls[0].json["top_k"] == 7


@pytest.mark.parametrize("strategy", ["least_busy", "health"])
def test_a_vllm_that_says_it_is_unwell_comes_last(strategy):
    with Upstream("openai") as first, Upstream("openai") as second:
        providers = {
            name: {**upstream.provider, "type": "vllm", "detect": "off"}
            for name, upstream in (("first", first), ("second", second))
        }
        route = {"both": {"targets": ["first/m", "second/m"], "strategy": strategy}}
        config = {"providers": providers, "models": route, "detection": {"load_interval": "1s"}}
        with Weir(config) as gateway:
            first.health = 503
            assert gateway.chat("first/m", "hello").status == 200
            unwell = lambda: [  # noqa: E731
                entry["name"]
                for entry in gateway.admin("GET", "/api/llm-providers").json["providers"]
                if entry["unwell"]
            ]
            eventually(lambda: unwell() == ["first"])
            targets = {gateway.chat("both", "x").headers["x-weir-target"] for _ in range(8)}
            assert targets == {"second/m"}
            first.health = 404  # a server that has no such path is not for that unwell
            eventually(lambda: unwell() == [])


def test_the_load_a_vllm_tells_of_decides_which_is_least_busy():
    with Upstream("openai") as busy, Upstream("openai") as idle:
        providers = {
            name: {**upstream.provider, "type": "vllm", "detect": "off"}
            for name, upstream in (("busy", busy), ("idle", idle))
        }
        route = {"both": {"targets": ["busy/m", "idle/m"], "strategy": "least_busy"}}
        config = {"providers": providers, "models": route, "detection": {"load_interval": "1s"}}
        with Weir(config) as gateway:
            busy.waiting = 5
            # A server that nobody uses is not asked.
            assert gateway.chat("busy/m", "hello").status == 200
            entry = lambda: gateway.admin("GET", "/api/llm-providers").json  # noqa: E731
            eventually(lambda: '"queued": 5' in str(entry()).replace("'", '"'))
            targets = {gateway.chat("both", "x").headers["x-weir-target"] for _ in range(8)}
            assert targets == {"idle/m"}
            busy.waiting = 0
            eventually(lambda: gateway.chat("both", "x").headers["x-weir-target"] == "busy/m")
            assert not [r for r in idle.received if r.path == "/metrics" and not idle.calls]
