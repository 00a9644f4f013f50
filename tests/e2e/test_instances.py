# SPDX-License-Identifier: Apache-2.0
"""Two gateways on one machine: by mistake, and on purpose (rules H-7 and H-8)."""

import json
import threading

from harness import Client, Weir, eventually, free_port, run_weir
from upstream import Upstream, status

EXIT_CONFIG = 78


def config_of(weir, **members) -> dict:
    """For a second gateway in the place of `weir`."""
    own = {
        "listen": f"127.0.0.1:{weir.port}",
        "admin": {"listen": f"127.0.0.1:{weir.admin_port}"},
        "data_dir": str(weir.folder / "data"),
        "providers": {"mock": {}},
    }
    return {**own, **members}


def start_beside(weir, folder, config) -> tuple[int, str]:
    file = folder / "second.yaml"
    file.write_text(json.dumps(config))
    run = run_weir("serve", "--config", str(file), folder=folder)
    return run.returncode, run.stderr


def test_a_data_directory_belongs_to_one_gateway(tmp_path):
    with Weir({"providers": {"mock": {}}}) as weir:
        ports = {
            "listen": f"127.0.0.1:{free_port()}",
            "admin": {"listen": f"127.0.0.1:{free_port()}"},
        }
        status, message = start_beside(weir, tmp_path, config_of(weir, **ports))
        assert status == EXIT_CONFIG
        assert f"in use by process {weir.process.pid}" in message
        assert "reuse_port" in message


def test_a_forgotten_gateway_on_the_same_port_is_noticed(tmp_path):
    with Weir({"providers": {"mock": {}}}) as weir:
        own_data = config_of(weir, data_dir=str(tmp_path / "data"))
        status, message = start_beside(weir, tmp_path, own_data)
        assert status != 0
        assert f"127.0.0.1:{weir.port}" in message or f"127.0.0.1:{weir.admin_port}" in message


def test_gateways_that_share_a_port_share_the_directory():
    shared = {"providers": {"mock": {}}, "reuse_port": True}
    with Weir(shared) as first:
        second = Weir(config_of(first, reuse_port=True))
        second.port, second.admin_port = first.port, first.admin_port
        with second:
            eventually(lambda: "weir starts" in second.log())  # the first may have said it is ready
            folders = sorted(path.name for path in (first.folder / "data/instances").iterdir())
            assert folders == ["0", "1"]
        assert first.get("/livez").status == 200


def test_y3_a_key_that_one_gateway_revokes_ends_at_the_other():
    """Both share the data directory, each has a port of its own."""
    shared = {"providers": {"mock": {}}, "reuse_port": True}
    with Weir(shared) as first:
        ports = {"data_dir": str(first.folder / "data"), **shared}
        with Weir(ports) as second:
            assert first.admin("POST", "/api/users", {"name": "ann"}, token=True).status == 200
            made = first.admin("POST", "/api/keys", {"user": "ann"}, token=True).json
            key = {"authorization": "Bearer " + made["key"]}
            for weir in (first, second):
                eventually(lambda weir=weir: weir.chat("mock", "hello", key).status == 200)
                eventually(lambda weir=weir: weir.chat("mock", "hello").status == 401)
            revoked = first.admin("DELETE", "/api/keys/" + made["record"]["id"], token=True)
            assert revoked.status == 200
            assert first.chat("mock", "hello", key).status == 401
            # Told, not found by looking now and then: that takes half a minute.
            eventually(lambda: second.chat("mock", "hello", key).status == 401)


def test_h7_restarts_under_load_refuse_no_connection():
    """Each gateway takes over from the one before it, twenty times, on one port and directory. A
    new connection per request, since what is refused is connections."""
    shared = {"providers": {"mock": {}}, "reuse_port": True, "threads": 1}
    is_over = threading.Event()
    statuses: list[int] = []
    problems: list[str] = []

    def ask(port: int) -> None:
        while not is_over.is_set():
            try:
                with Client(port) as client:
                    body = {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}
                    statuses.append(client.request("POST", "/v1/chat/completions", body).status)
            except OSError as problem:
                problems.append(repr(problem))

    first = now = Weir(shared)
    first.start()
    threads = [threading.Thread(target=ask, args=(first.port,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            after = Weir(config_of(first, **shared))
            after.port, after.admin_port = first.port, first.admin_port
            after.start()
            eventually(lambda weir=after: "weir starts" in weir.log(), seconds=30)
            before, now = now, after
            served = len(statuses)
            assert before.stop() == 0, before.log()
            eventually(lambda served=served: len(statuses) > served, seconds=30)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
        assert now.stop() == 0
    assert problems == []
    assert set(statuses) == {200} and len(statuses) > 100


# What one gateway has learnt the hard way makes the other quicker to believe it, and no more.
def test_b9_a_circuit_that_opens_at_one_gateway_is_heeded_by_the_other():
    def failures_until_open(weir) -> int:
        for number in range(1, 20):
            weir.chat("up/m", "hello")
            targets = weir.admin("GET", "/api/llm-providers").json["providers"][0]["targets"]
            if any(target["circuit"]["state"] == "open" for target in targets):
                return number
        raise AssertionError("it does not open")

    with Upstream("openai") as up:
        up.always(status(500))
        shared = {
            "providers": {"up": up.provider},
            "retries": {"enabled": False},
            "reuse_port": True,
            "share_breakers": True,
        }
        with Weir(shared) as first:
            with Weir({**shared, "data_dir": str(first.folder / "data")}) as second:
                second.chat("up/m", "hello")
                assert failures_until_open(first) == 5
                eventually(lambda: '"circuit_peer"' in second.log())
                assert failures_until_open(second) == 2, "of three calls all have failed"
                eventually(lambda: '"circuit_peer"' in first.log())
