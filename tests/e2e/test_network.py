# SPDX-License-Identifier: Apache-2.0
"""Ways in and out that lie between: TLS on the listener, HTTP proxies, the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import ssl
import subprocess
import termios
import threading
import urllib.request
import warnings
from typing import Any, Self

import pytest
from between import Between, Proxy
from harness import (
    BINARY,
    Weir,
    clean_environment,
    eventually,
    free_port,
    make_certificate,
    run_weir,
    user,
)
from upstream import Upstream


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_the_listener_speaks_tls_by_its_certificate_and_key(certificate, tmp_path):
    weir = Weir(None)
    weir.config = {"tls": certificate, "admin": {"listen": f"127.0.0.1:{weir.admin_port}"}}
    port, weir.port = weir.port, weir.admin_port  # where /readyz is to be had without TLS
    weir.config["listen"] = f"127.0.0.1:{port}"
    with weir:
        request = urllib.request.Request(
            f"https://localhost:{port}/v1/chat/completions",
            json.dumps({"model": "mock", "messages": user("hello")}).encode(),
            {"content-type": "application/json"},
        )
        trusting = ssl.create_default_context(cafile=certificate["cert"])
        with urllib.request.urlopen(request, timeout=30, context=trusting) as answer:
            assert answer.status == 200
            assert "hello" in json.load(answer)["choices"][0]["message"]["content"]
        eventually(lambda: f"listens on https://127.0.0.1:{port}" in weir.log())
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            wire.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" not in wire.recv(4096)


def old_tls(side: int) -> ssl.SSLContext:
    """What only speaks TLS 1.1."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def old_ciphers(side: int) -> ssl.SSLContext:
    """What speaks TLS 1.2, but only with a cipher that is no AEAD."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    return context


OLD = {"tls 1.1": old_tls, "no aead": old_ciphers}


def handshake(port: int, context: ssl.SSLContext) -> str | None:
    """The version that was agreed on; None: none was."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        try:
            with context.wrap_socket(wire, server_hostname="localhost") as agreed:
                return agreed.version()
        except (ssl.SSLError, ConnectionError):
            return None


def server_of(certificate, context: ssl.SSLContext) -> ssl.SSLContext:
    context.load_cert_chain(certificate["cert"], certificate["key"])
    return context


@pytest.mark.parametrize("old", OLD)
def test_y10_the_listener_takes_no_old_tls(certificate, old):
    weir = Weir(None)
    weir.config = {"tls": certificate, "admin": {"listen": f"127.0.0.1:{weir.admin_port}"}}
    port, weir.port = weir.port, weir.admin_port
    weir.config["listen"] = f"127.0.0.1:{port}"
    with weir:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            good = ssl.create_default_context(cafile=certificate["cert"])
            good.minimum_version = good.maximum_version = version
            assert handshake(port, good) == version.name.replace("_", ".")
        assert handshake(port, OLD[old](ssl.PROTOCOL_TLS_CLIENT)) is None
    # There are servers that do take it, so that the refusal was the gateway's.
    with Upstream("openai", tls=server_of(certificate, OLD[old](ssl.PROTOCOL_TLS_SERVER))) as other:
        assert handshake(other.port, OLD[old](ssl.PROTOCOL_TLS_CLIENT)) is not None


@pytest.mark.parametrize("old", OLD)
def test_y10_no_provider_is_reached_by_old_tls(certificate, old):
    server = server_of(certificate, OLD[old](ssl.PROTOCOL_TLS_SERVER))
    with Upstream("openai", tls=server) as upstream:
        entry = {**upstream.provider, "base_url": f"https://localhost:{upstream.port}/v1"}
        with Weir({"providers": {"up": {**entry, "ca_file": certificate["cert"]}}}) as weir:
            assert weir.chat("up/m", "hello").error["code"] == "upstream_unreachable"
        assert upstream.calls == []


def test_y10_certificates_are_verified_and_there_is_no_switch(certificate, tmp_path):
    server = server_of(certificate, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    with Upstream("openai", tls=server) as upstream:
        entry = {**upstream.provider, "base_url": f"https://localhost:{upstream.port}/v1"}
        unknown = {"up": entry}
        switches = {"SSL_VERIFY": "off", "NODE_TLS_REJECT_UNAUTHORIZED": "0"}
        with Weir({"providers": unknown}, environment=switches) as weir:
            assert weir.chat("up/m", "hello").error["code"] == "upstream_unreachable"
        assert upstream.calls == []
        for switch in ("verify", "tls_verify", "insecure", "skip_verify", "ssl_verify"):
            file = tmp_path / "weir.yaml"
            file.write_text(json.dumps({"providers": {"up": {**entry, switch: False}}}))
            run = run_weir("validate", "--config", str(file), folder=tmp_path)
            assert run.returncode != 0 and switch in run.stderr, run


def test_weir_chat_trusts_the_configured_certificate_and_whom_it_is_told_to(certificate, tmp_path):
    weir = Weir(None)
    admin = {"listen": f"127.0.0.1:{weir.admin_port}"}
    weir.config = {"tls": certificate, "admin": admin, "listen": f"127.0.0.1:{weir.port}"}
    port, weir.port = weir.port, weir.admin_port  # where /readyz is to be had without TLS
    with weir:
        url = ("--url", f"https://localhost:{port}")
        by_config = ("-c", str(weir.config_file))
        for options in (by_config, (*url, "--ca", certificate["cert"])):
            run = run_weir("chat", "-m", "mock", *options, "hello", folder=tmp_path)
            assert run.returncode == 0 and "You said: hello" in run.stdout, run.stderr
        run = run_weir("chat", "-m", "mock", *url, "hello", folder=tmp_path)
        assert run.returncode != 0 and "certificate" in run.stderr, run.stderr


class TlsBefore(Between):
    """What the operator put before a gateway that speaks no TLS itself."""

    def __init__(self, target: int, certificate: dict[str, str]):
        super().__init__(target)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate["cert"], certificate["key"])
        self.url = f"https://localhost:{self.port}"

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as near:
            with socket.create_connection(("127.0.0.1", self.target)) as behind:
                other = threading.Thread(target=self._copy, args=(behind, near), daemon=True)
                other.start()
                self._copy(near, behind)
                other.join()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


ADMIN_COMMANDS = {
    "alerts": ("alerts",),
    "data": ("data", "export", "--user", "nobody"),
    "explain": ("explain", "up/m"),
    "health": ("health",),
    "keys": ("keys",),
    "limits": ("limits",),
    "models": ("models",),
    "providers": ("providers",),
    "teams": ("teams",),
    "usage": ("usage",),
    "users": ("users",),
}
# What of the output only the gateway can have told.
TOLD = {"explain": "up/m", "models": "up/own-model", "providers": "up"}


def test_every_command_trusts_whom_it_is_told_to(certificate, tmp_path):
    with Upstream("openai") as upstream:
        upstream.models = ["own-model"]
        entry = {"type": "vllm", "base_url": upstream.base_url, "api_key": upstream.key}
        with Weir({"providers": {"up": entry}}) as weir:
            eventually(lambda: "own-model" in weir.get("/v1/models").body.decode())
            token = {"WEIR_ADMIN_TOKEN": weir.admin_token()}
            with TlsBefore(weir.admin_port, certificate) as admin:
                for name, command in ADMIN_COMMANDS.items():
                    place = (*command, "-c", str(weir.config_file), "--admin", admin.url)
                    trusting = (*place, "--ca", certificate["cert"])
                    run = run_weir(*trusting, folder=tmp_path, environment=token)
                    assert run.returncode == 0, (name, run.stderr)
                    assert TOLD.get(name, "") in run.stdout, (name, run.stdout)
                    run = run_weir(*place, folder=tmp_path, environment=token)
                    # A list of models can do without.
                    assert run.returncode != 0 or name == "models", (name, run.stdout)
                    assert name not in TOLD or TOLD[name] not in run.stdout, (name, run.stdout)
            with TlsBefore(weir.port, certificate) as door:
                place = ("pull", "up/m", "--url", door.url)
                run = run_weir(*place, "--ca", certificate["cert"], folder=tmp_path)
                assert run.returncode != 0 and "no Ollama server" in run.stderr, run.stderr
                assert "certificate" not in run.stderr, run.stderr
                run = run_weir(*place, folder=tmp_path)
                assert run.returncode != 0 and "certificate" in run.stderr, run.stderr


def far(upstream: Upstream, scheme: str, **more: str) -> dict[str, Any]:
    """A provider that is only to be had through the proxy: nobody else knows its name."""
    url = f"{scheme}://models.example.com:{upstream.port}/v1"
    return {"providers": {"up": {**upstream.provider, "base_url": url, **more}}}


def test_plain_http_goes_through_the_proxy_of_the_environment():
    with Upstream("openai") as upstream, Proxy(upstream.port) as proxy:
        environment = {"HTTP_PROXY": f"http://ann:se%40ret@{proxy.address}"}
        with Weir(far(upstream, "http"), environment) as weir:
            assert weir.chat("up/m", "hello").status == 200
            assert weir.stream("up/m", "hello").has_done
        named = f"POST http://models.example.com:{upstream.port}/v1/chat/completions HTTP/1.1"
        assert proxy.heads[0].startswith(named)
        assert "proxy-authorization" not in dict(upstream.received[0].headers)


def test_a_proxy_of_the_configuration_takes_user_and_password_and_nobody_sees_them():
    with Upstream("openai") as upstream, Proxy(upstream.port) as proxy:
        config = far(upstream, "http", proxy=f"http://ann:se%40ret@{proxy.address}")
        with Weir(config) as weir:
            assert weir.chat("up/m", "hello").status == 200
            shown = weir.admin("GET", "/api/config", token=True)
            assert shown.status == 200 and proxy.address in shown.body.decode()
            assert "ret@" not in shown.body.decode() and "ann" not in shown.body.decode()
            assert "ret@" not in weir.log()
        assert len(proxy.heads) == 1


def test_https_goes_through_a_tunnel_and_is_verified_inside(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate["cert"], certificate["key"])
    with Upstream("openai", tls=context) as upstream, Proxy(upstream.port) as proxy:
        environment = {"HTTPS_PROXY": f"ann:se%40ret@{proxy.address}"}  # without a scheme, too
        config = far(upstream, "https", ca_file=certificate["cert"])
        stranger = upstream.provider | {"base_url": f"https://other.example.com:{upstream.port}/v1"}
        config["providers"]["stranger"] = stranger | {"ca_file": certificate["cert"]}
        with Weir(config, environment) as weir:
            assert weir.chat("up/m", "hello").status == 200
            assert weir.stream("up/m", "hello").has_done
            # The tunnel leads to the same server, whose certificate is for another name.
            assert weir.chat("stranger/m", "hello").error["code"] == "upstream_unreachable"
            assert "ann" not in weir.log() and "ret@" not in weir.log()
        assert proxy.heads[0].startswith(f"CONNECT models.example.com:{upstream.port} HTTP/1.1")
        assert "authorization: Bearer" not in "".join(proxy.heads)


def test_a_proxy_that_refuses_is_an_upstream_that_can_not_be_reached(certificate):
    with Upstream("openai") as upstream, Proxy(upstream.port) as proxy:
        environment = {"HTTPS_PROXY": f"http://{proxy.address}"}
        with Weir(far(upstream, "https"), environment) as weir:
            assert weir.chat("up/m", "hello").error["code"] == "upstream_unreachable"
        assert upstream.received == []


@pytest.mark.parametrize("no_proxy", ["example.com", ".example.com, other", "*"])
def test_no_proxy_names_those_that_are_reached_directly(no_proxy):
    with Upstream("openai") as upstream, Proxy(upstream.port) as proxy:
        environment = {"HTTP_PROXY": f"http://{proxy.address}", "NO_PROXY": no_proxy}
        config = far(upstream, "http")
        config["timeouts"] = {"dns": "500ms"}
        with Weir(config, environment) as weir:
            weir.chat("up/m", "hello")  # the name leads nowhere
        assert proxy.heads == []


def test_a_closed_terminal_ends_the_program_and_a_hang_up_from_elsewhere_does_not(tmp_path):
    """Who closes the window of `weir serve` means to end it; who sends HUP wants a reload."""
    port, admin = free_port(), free_port()
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}",
         "--data-dir", str(tmp_path / "data"), "--no-detect"],
        cwd=tmp_path, env=clean_environment(tmp_path), stdin=inside, stderr=subprocess.STDOUT,
        stdout=(tmp_path / "log").open("ab"), start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    try:
        os.close(inside)
        log = tmp_path / "log"
        eventually(lambda: "listens on" in log.read_text())
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "reload" in log.read_text())
        assert process.poll() is None
        os.close(terminal)
        assert process.wait(40) == 0
        assert "has stopped" in log.read_text()
    finally:
        process.kill()
        process.wait()


# N-4: who asks about a picture somewhere makes the provider go there, if it can, and never us.
@pytest.mark.parametrize(
    ("dialect", "is_taken"),
    [("openai", True), ("anthropic", True), ("responses", True), ("gemini", False), ("ollama", False)],
)
def test_n4_media_by_url_are_passed_on_and_not_fetched(dialect, is_taken):
    able = {"m": {"capabilities": ["chat", "vision"]}}
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, Upstream(dialect) as upstream:
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/picture.png"
        with Weir({"providers": {"up": {**upstream.provider, "models": able}}}) as weir:
            picture = {"type": "image_url", "image_url": {"url": url}}
            answer = weir.chat("up/m", [{"type": "text", "text": "what is it?"}, picture])
        assert answer.status == (200 if is_taken else 400), answer.body
        assert [url.encode() in call.body for call in upstream.calls] == [True] * is_taken
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
