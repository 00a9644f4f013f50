#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weir beside nginx's bare proxy_pass: CPU time per request, latency, memory, start.

usage: bench.py --tools DIR --weir FILE [--rounds N] [--part main|matrix|overload|training]
                [--seconds N]
       (scripts/bench.sh builds and calls it; scripts/profile.sh for the training)

`--part overload` is what twice the load that Weir can take does to it, N seconds long (60); it has
to be asked for.

The measured process has core 0 to itself, everything else runs on core 1. CPU time is what the
kernel accounts to the process's threads (/proc/PID/task/*/schedstat, nanoseconds). Rounds alternate
between the two, so that a noisy minute hurts both; medians are printed. Without a weir binary the
nginx column stands alone.
"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MEASURED_CORE, OTHER_CORE = 0, 1
CHUNKS, PACE_MS = 100, 10
SLOW_CHUNKS, SLOW_PACE_MS = 40, 250
OPEN_STREAMS = 1000
CROWD = 500
MANY_TARGETS = 1000
FAILOVERS = 2000


# ---- Processes -------------------------------------------------------------------------------


_ports_given: set[int] = set()


def free_port() -> int:
    """Another one each time: they are used a moment later."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _ports_given:
            _ports_given.add(port)
            return port


def pin(core: int):
    """For Popen's preexec_fn; on a machine with one core everything shares it."""
    return lambda: os.sched_setaffinity(0, {min(core, os.cpu_count() - 1)})


def get_status(port: int, path: str) -> int:
    """Status of GET `path`; 0 when nobody answers."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return int(connection.recv(4096).split()[1])
    return 0


def wait_for_200(port: int, path: str, process: subprocess.Popen) -> float:
    """Seconds until the first 200."""
    begin = time.monotonic()
    while get_status(port, path) != 200:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with status {process.returncode}")
        if time.monotonic() - begin > 10:
            raise RuntimeError(f"{process.args[0]} does not answer {path}")
    return time.monotonic() - begin


def cpu_ns(pid: int) -> int:
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks)


def rss_kib(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def highest_rss_kib(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# ---- The two that are compared ---------------------------------------------------------------


class Server:
    """A proxy in front of the upstreams. Ports are fixed for its life, the process may restart."""

    name: str

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def live_port(self) -> int:
        raise NotImplementedError

    def pid(self) -> int:
        """The process that does the work."""
        return self.process.pid

    def start(self) -> float:
        """Seconds from exec to the first 200."""
        log = open(self.folder / f"{self.name}.log", "a")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        begin = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env=environment, cwd=self.folder,
                                        preexec_fn=pin(MEASURED_CORE))
        wait_for_200(self.live_port(), "/livez", self.process)
        return time.monotonic() - begin

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)
            self.process = None


class Nginx(Server):
    name = "nginx"

    def __init__(self, folder: pathlib.Path, upstream: int, slow_upstream: int):
        super().__init__(folder)
        self.buffered, self.unbuffered, self.slow = free_port(), free_port(), free_port()
        (folder / "nginx.conf").write_text(self.configuration(upstream, slow_upstream))

    def configuration(self, upstream: int, slow_upstream: int) -> str:
        def server(port: int, upstream_name: str, buffering: str) -> str:
            return f"""
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /livez {{ return 200; }}
    location / {{ proxy_pass http://{upstream_name}; proxy_buffering {buffering}; }}
  }}"""

        return f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; worker_processes 1; worker_rlimit_nofile 16384;
pid {self.folder}/nginx.pid; error_log {self.folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  client_max_body_size 8m; client_body_buffer_size 1m;  # no temporary file for a large prompt
  keepalive_requests 1000000000;
  proxy_http_version 1.1; proxy_set_header Connection "";
  upstream fast {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  upstream slow {{ server 127.0.0.1:{slow_upstream}; keepalive 2048; }}
  {server(self.buffered, "fast", "on")}
  {server(self.unbuffered, "fast", "off")}
  {server(self.slow, "slow", "off")}
}}
"""

    def command(self) -> list[str]:
        binary = "/usr/sbin/nginx"  # not on a user's PATH
        return [binary, "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/nginx-error.log"]

    def live_port(self) -> int:
        return self.buffered

    def pid(self) -> int:
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text().split()[0])


class Weir(Server):
    name = "weir"

    def __init__(self, folder: pathlib.Path, binary: pathlib.Path, upstream: int,
                 slow_upstream: int, limits: str = ""):
        super().__init__(folder)
        self.binary, self.port, self.admin_port = binary, free_port(), free_port()
        (folder / "weir.yaml").write_text(f"""
listen: 127.0.0.1:{self.port}
admin: {{ listen: 127.0.0.1:{self.admin_port} }}
threads: 1
data_dir: {folder}/weir-data
providers:
  up:   {{ type: openai,    base_url: "http://127.0.0.1:{upstream}/v1",      api_key: x }}
  an:   {{ type: anthropic, base_url: "http://127.0.0.1:{upstream}",         api_key: x }}
  slow: {{ type: openai,    base_url: "http://127.0.0.1:{slow_upstream}/v1", api_key: x }}
  # One for each dialect; the first two of a type that does not keep its clients' conversations.
  openai:    {{ type: custom,    base_url: "http://127.0.0.1:{upstream}/v1",     api_key: x }}
  responses: {{ type: openai,    base_url: "http://127.0.0.1:{upstream}/v1",     api_key: x, dialect: responses }}
  anthropic: {{ type: anthropic, base_url: "http://127.0.0.1:{upstream}",        api_key: x }}
  gemini:    {{ type: gemini,    base_url: "http://127.0.0.1:{upstream}/v1beta", api_key: x }}
  ollama:    {{ type: ollama,    base_url: "http://127.0.0.1:{upstream}" }}
{limits}""")

    def command(self) -> list[str]:
        return [str(self.binary), "serve", "--config", f"{self.folder}/weir.yaml"]

    def live_port(self) -> int:
        return self.port


# ---- Load ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Shot:
    """One kind of request to one of the servers."""

    port: int
    body: str
    path: str = "/v1/chat/completions"


def chat_body(model: str, stream: bool, prompt: str = "Say one sentence about foxes.") -> str:
    return json.dumps({
        "model": model,
        "messages": [{"role": "system", "content": "You are terse."},
                     {"role": "user", "content": prompt}],
        "temperature": 0.7,
        "stream": stream,
    }, separators=(",", ":"))


class Bench:
    def __init__(self, tools: pathlib.Path, folder: pathlib.Path, rounds: int):
        self.tools, self.folder, self.rounds = tools, folder, rounds
        self.errors = 0

    def start_upstream(self, chunks: int, pace_ms: int,
                       answer_ms: int = 0) -> tuple[subprocess.Popen, int]:
        port = free_port()
        process = subprocess.Popen(
            [self.tools / "instant_upstream", str(port), str(chunks), str(pace_ms), str(answer_ms)],
            preexec_fn=pin(OTHER_CORE))
        wait_for_200(port, "/v1/models", process)
        return process, port

    def start_load(self, shot: Shot, connections: int, requests: int,
                   rate: int = 0) -> subprocess.Popen:
        """`rate`: requests a second, whatever becomes of them; 0: as fast as they are answered."""
        body = self.folder / "body.json"
        body.write_text(shot.body)
        return subprocess.Popen(
            [self.tools / "load", str(shot.port), shot.path, body, str(connections), str(requests),
             str(rate)],
            stdout=subprocess.PIPE, preexec_fn=pin(OTHER_CORE))

    def load(self, shot: Shot, connections: int, requests: int, rate: int = 0) -> dict:
        process = self.start_load(shot, connections, requests, rate)
        report = json.loads(process.communicate()[0] or '{"errors":1}')
        self.errors += report["errors"]
        return report

    def cpu_us(self, servers: list[Server], shots: dict[str, Shot], connections: int,
               requests: int, units: int = 1) -> dict[str, float]:
        """CPU µs per request (per unit of it), by server."""
        cells = {server.name: (server, shots[server.name]) for server in servers}
        return self.cpu_us_by_turns(cells, connections, requests, units)

    def cpu_us_by_turns(self, cells: dict[str, tuple[Server, Shot]], connections: int,
                        requests: int, units: int = 1) -> dict[str, float]:
        """The same by name of the cell: all in each round, so that what the machine does beside
        them meets all alike."""
        samples: dict[str, list[float]] = {name: [] for name in cells}
        for _, shot in cells.values():  # connections and caches
            self.load(shot, connections, max(requests // 10, connections))
        for _ in range(self.rounds):
            for name, (server, shot) in cells.items():
                before = cpu_ns(server.pid())
                self.load(shot, connections, requests)
                spent = cpu_ns(server.pid()) - before
                samples[name].append(spent / 1000 / requests / units)
        return {name: statistics.median(values) for name, values in samples.items()}

    def latency_us(self, shots: dict[str, Shot], requests: int, *measures: str,
                   connections: int = 1, rate: int = 0) -> dict[str, list]:
        """Medians of the named measures, by name of the shot."""
        samples: dict[str, list[dict]] = {name: [] for name in shots}
        for _ in range(self.rounds):
            for name, shot in shots.items():
                samples[name].append(self.load(shot, connections, requests, rate))
        return {name: [statistics.median(report[measure] for report in reports)
                       for measure in measures]
                for name, reports in samples.items()}

    def stream_kib(self, server: Server, shot: Shot) -> float:
        """Memory of one of many open streams."""
        server.stop()
        server.start()
        self.load(shot, 1, 1)
        idle = rss_kib(server.pid())
        load = self.start_load(shot, OPEN_STREAMS, OPEN_STREAMS)
        time.sleep(3)  # all are open, none has ended
        open_kib = rss_kib(server.pid())
        report = json.loads(load.communicate()[0] or '{"errors":1}')
        self.errors += report["errors"]
        return (open_kib - idle) / OPEN_STREAMS


# ---- Every client dialect in front of every target dialect ------------------------------------

SYSTEM, PROMPT = "You are terse.", "Say one sentence about foxes."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]
MATRIX_REQUESTS, MATRIX_STREAMS = 8_000, 100


def dialect_request(dialect: str, model: str, stream: bool) -> tuple[str, dict]:
    """Path and body of the same question in each dialect."""
    if dialect == "responses":
        body = {"instructions": SYSTEM, "input": PROMPT, "temperature": 0.7, "store": False}
        return "/v1/responses", {"model": model, **body, "stream": stream}
    if dialect == "anthropic":
        body = {"max_tokens": 1000, "system": SYSTEM, "messages": MESSAGES[1:]}
        return "/v1/messages", {"model": model, **body, "stream": stream}
    if dialect == "gemini":
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        body = {"systemInstruction": {"parts": [{"text": SYSTEM}]},
                "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
                "generationConfig": {"temperature": 0.7}}
        return f"/v1beta/models/{model}:{method}", body
    if dialect == "ollama":
        return "/api/chat", {"model": model, "messages": MESSAGES, "stream": stream}
    body = {"messages": MESSAGES, "temperature": 0.7}
    return "/v1/chat/completions", {"model": model, **body, "stream": stream}


DIALECTS = ("openai", "responses", "anthropic", "gemini", "ollama")


def dialect_shot(port: int, dialect: str, model: str, stream: bool) -> Shot:
    path, body = dialect_request(dialect, model, stream)
    return Shot(port, json.dumps(body, separators=(",", ":")), path)


def print_cells(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def print_matrix(bench: Bench, nginx: Nginx, weir: Weir, stream: bool) -> None:
    """A column's yardstick is nginx passing that target's own dialect, by turns with its cells."""
    port = nginx.unbuffered if stream else nginx.buffered
    unit = "chunk of a stream" if stream else "request"
    size = (50, MATRIX_STREAMS, CHUNKS) if stream else (32, MATRIX_REQUESTS, 1)
    columns: dict[str, list[str]] = {}
    for target in DIALECTS:
        print(f"measuring: to {target}, {unit}", file=sys.stderr)
        cells = {"": (nginx, dialect_shot(port, target, "m", stream))}
        for client in DIALECTS:
            cells[client] = (weir, dialect_shot(weir.port, client, f"{target}/m", stream))
        spent = bench.cpu_us_by_turns(cells, *size)
        yardstick = spent.pop("")
        columns[target] = [f"{yardstick:.1f}"]
        columns[target] += [f"{us:.1f} ({us / yardstick:.2f} x)" for us in spent.values()]
    print(f"\nCPU µs per {unit}, and how often nginx's; asked: the same dialect ≤ 1.25 x, "
          "translated ≤ 2 x\n")
    rows = [["client \\ target", *DIALECTS]]
    for number, name in enumerate(["nginx proxy_pass", *DIALECTS]):
        rows.append([name, *(columns[target][number] for target in DIALECTS)])
    print_cells(rows)


def measure_matrix(bench: Bench, nginx: Nginx, weir: Weir) -> None:
    for server in (nginx, weir):
        server.start()
    for stream in (False, True):
        print_matrix(bench, nginx, weir, stream)


def train(bench: Bench, weir: Weir) -> None:
    """A bit of everything that is measured, for a build that counts what it does."""
    weir.start()
    for model in ("up/m", "an/m"):
        bench.load(Shot(weir.port, chat_body(model, stream=False)), 32, 5_000)
        bench.load(Shot(weir.port, chat_body(model, stream=True)), 50, 50)
    large = chat_body("up/m", stream=False, prompt="lorem ipsum " * 17_000)
    bench.load(Shot(weir.port, large), 8, 200)
    for target in DIALECTS:
        for client in DIALECTS:
            for stream in (False, True):
                shot = dialect_shot(weir.port, client, f"{target}/m", stream)
                bench.load(shot, 16, 20 if stream else 500)


# ---- The table -------------------------------------------------------------------------------


@dataclasses.dataclass
class Row:
    name: str
    unit: str
    values: dict[str, float]
    goal: str = ""

    def cells(self) -> list[str]:
        nginx, weir = self.values.get("nginx"), self.values.get("weir")
        ratio = f"{weir / nginx:.2f}" if nginx and weir else "-"
        numbers = ["-" if value is None else f"{value:.1f}" for value in (nginx, weir)]
        return [self.name, self.unit, *numbers, ratio, self.goal]


def print_table(rows: list[Row]) -> None:
    lines = [["", "unit", "nginx", "weir", "weir/nginx", "asked"], *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def measure_reload(bench: Bench, weir: Weir) -> list[Row]:
    """How long a reload of a large configuration takes, and what a call beside it waits (H-2)."""
    targets = ", ".join(f"up/m{i}" for i in range(MANY_TARGETS))
    config = weir.folder / "weir.yaml"
    before = config.read_text()
    config.write_text(before + f"models: {{ many: [{targets}] }}\n")
    weir.stop()
    weir.start()
    token = (weir.folder / "weir-data" / "admin-token").read_text().strip()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    shot = Shot(weir.port, chat_body("many", stream=False))
    alone = bench.load(shot, 1, 20_000)
    load = bench.start_load(shot, 1, 20_000)
    reloads = []
    while load.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", weir.admin_port)
        begin = time.monotonic()
        connection.request("POST", "/api/reload", "{}", headers)
        answer = connection.getresponse().read().decode()
        if '"error"' in answer:
            raise RuntimeError(f"a reload was refused: {answer}")
        reloads.append((time.monotonic() - begin) * 1000)
        connection.close()
    report = json.loads(load.communicate()[0] or '{"errors":1}')
    bench.errors += report["errors"]
    config.write_text(before)
    weir.stop()
    return [Row(f"reload with {MANY_TARGETS} targets", "ms", {"weir": statistics.median(reloads)},
                "≤ 100 ms"),
            Row("slowest of as many calls without reloads", "ms",
                {"weir": alone["latency_max_us"] / 1000}),
            Row("slowest call beside reloads without pause", "ms",
                {"weir": report["latency_max_us"] / 1000}, "≤ 10 ms")]


def measure_failover(bench: Bench, weir: Weir) -> list[Row]:
    """What it takes to go on to the next target, over the failed attempt's own time, and without
    the wait at random before it (R-1)."""
    port = free_port()
    failing = subprocess.Popen(
        [weir.binary, "chaos", "upstream", "--listen", f"127.0.0.1:{port}", "--always", "status=503"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=pin(OTHER_CORE))
    config = weir.folder / "weir.yaml"
    before = config.read_text()
    bad = f'  bad: {{ type: custom, base_url: "http://127.0.0.1:{port}/v1" }}\n'
    config.write_text(before + bad + "models: { over: [bad/m, up/m] }\nbreaker: off\n"
                      "retries: { attempts_per_target: 1, failover_jitter: 0 }\n")
    try:
        wait_for_200(port, "/book", failing)
        load = bench.start_load(Shot(port, chat_body("m", stream=False)), 1, FAILOVERS)
        own_us = json.loads(load.communicate()[0])["refusal_p50_us"]
        # A 503 would give the target a rest.
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("PUT", "/script", '{"always": "status=500"}')
        connection.getresponse().read()
        connection.close()
        weir.stop()
        weir.start()
        plain = bench.load(Shot(weir.port, chat_body("up/m", stream=False)), 1, FAILOVERS)
        over = bench.load(Shot(weir.port, chat_body("over", stream=False)), 1, FAILOVERS)
    finally:
        stop(failing)
        weir.stop()
        config.write_text(before)
    switch_us = over["latency_p50_us"] - plain["latency_p50_us"] - own_us
    return [Row("switch to the next target, over the failed attempt", "µs", {"weir": switch_us},
                "≤ 1000 µs")]


def measure(bench: Bench, nginx: Nginx, weir: Weir | None, upstream: int,
            slow_upstream: int) -> list[Row]:
    servers: list[Server] = [nginx] + ([weir] if weir else [])
    rows: list[Row] = []

    def shots(nginx_port: int, model: str, path: str = "/v1/chat/completions", **body) -> dict:
        both = {"nginx": Shot(nginx_port, chat_body("m", **body), path)}
        if weir:
            both["weir"] = Shot(weir.port, chat_body(model, **body))
        return both

    def progress(what: str) -> None:
        print(f"measuring: {what}", file=sys.stderr)

    progress("start and idle memory")
    starts = {server.name: [] for server in servers}
    for _ in range(max(bench.rounds, 5)):
        for server in servers:
            server.stop()
            starts[server.name].append(server.start() * 1000)
    idle_shots = shots(nginx.buffered, "up/m", stream=False)
    idle = {}
    for server in servers:
        bench.load(idle_shots[server.name], 1, 1)
        idle[server.name] = rss_kib(server.pid()) / 1024

    progress("CPU time, chat")
    whole = shots(nginx.buffered, "up/m", stream=False)
    rows.append(Row("chat, not streamed", "CPU µs / request",
                    bench.cpu_us(servers, whole, 32, 40_000), "≤ 1.25 x"))
    progress("CPU time, chat streamed")
    streamed = shots(nginx.unbuffered, "up/m", stream=True)
    rows.append(Row("chat, streamed", "CPU µs / chunk",
                    bench.cpu_us(servers, streamed, 50, 100, CHUNKS), "≤ 1.25 x"))
    progress("CPU time, translated")
    messages = "/v1/messages"
    rows.append(Row("translated to Anthropic", "CPU µs / request",
                    bench.cpu_us(servers, shots(nginx.buffered, "an/m", messages, stream=False),
                                 32, 40_000), "≤ 2 x"))
    rows.append(Row("translated, streamed", "CPU µs / chunk",
                    bench.cpu_us(servers, shots(nginx.unbuffered, "an/m", messages, stream=True),
                                 50, 100, CHUNKS), "≤ 2 x"))
    progress("CPU time, 200 KB prompts")
    large = shots(nginx.buffered, "up/m", stream=False, prompt="lorem ipsum " * 17_000)
    rows.append(Row("200 KB prompt", "CPU µs / request", bench.cpu_us(servers, large, 8, 2_000)))

    progress("latency at one connection")
    direct = {"direct": Shot(upstream, chat_body("m", stream=False))}
    latency = bench.latency_us({**direct, **whole}, 5_000, "latency_p50_us", "latency_p99_us",
                               "latency_max_us")
    for index, label in enumerate(("p50", "p99", "max")):
        added = {name: values[index] - latency["direct"][index]
                 for name, values in latency.items() if name != "direct"}
        rows.append(Row(f"added latency, {label}", "µs", added))
    direct = {"direct": Shot(upstream, chat_body("m", stream=True))}
    gaps = bench.latency_us({**direct, **streamed}, 2, "gap_p99_us", "gap_max_us")
    for index, label in enumerate(("p99", "max")):
        rows.append(Row(f"between chunks of {PACE_MS} ms, {label}", "ms",
                        {name: values[index] / 1000 for name, values in gaps.items()}, "< 40 ms"))
    progress(f"delay of chunks in {CROWD} streams")
    slow = shots(nginx.slow, "slow/m", stream=True)
    direct = {"direct": Shot(slow_upstream, chat_body("m", stream=True))}
    # Clients who know nothing of each other begin at any moment between two chunks. Where all begin
    # in one, their chunks come in one, and the last waits for all others.
    for begun, rate, goal in (("", CROWD * 1000 // SLOW_PACE_MS, "≤ 2 ms"), (" begun at once", 0, "")):
        delays = bench.latency_us({**direct, **slow}, CROWD, "delay_p50_us", "delay_p99_us",
                                  connections=CROWD, rate=rate)
        for index, label in enumerate(("p50", "p99")):
            added = {name: (values[index] - delays["direct"][index]) / 1000
                     for name, values in delays.items() if name != "direct"}
            rows.append(Row(f"added delay of a chunk in {CROWD} streams{begun}, {label}", "ms",
                            added, goal))

    progress(f"memory of {OPEN_STREAMS} open streams")
    after = {server.name: rss_kib(server.pid()) / 1024 for server in servers}
    per_stream = {server.name: bench.stream_kib(server, slow[server.name]) for server in servers}
    rows.append(Row("idle RSS", "MiB", idle, "≤ 12 MiB"))
    rows.append(Row("RSS after all the load", "MiB", after))
    rows.append(Row("RSS of one open stream", "KiB", per_stream))
    rows.append(Row("start to first 200", "ms",
                    {name: statistics.median(values) for name, values in starts.items()},
                    "≤ 50 ms"))
    if weir:
        progress(f"reloads with {MANY_TARGETS} targets")
        rows += measure_reload(bench, weir)
        progress("failing over")
        rows += measure_failover(bench, weir)
    return rows


# ---- Twice the capacity ------------------------------------------------------------------------

OVERLOAD_CONNECTIONS = 8_000
OVERLOAD_MEMORY_MIB, OVERLOAD_HARD_MIB = 512, 460  # 90 % of it, the default of memory_hard
PROBES_IN_A_ROW = 10
PROBE_INTERVAL_S = 0.2


@dataclasses.dataclass
class Ceiling:
    """What bounds the calls that Weir can answer in a second."""

    name: str
    max_inflight: int
    answer_ms: int  # that the upstream takes


# Models take their time, so in front of them it is the number of calls under way. In front of an
# upstream that answers at once it is the CPU: then calls wait in their sockets, and the generator
# has no connection left for more. To refuse them at once would cost a third of a call each, two
# thirds of that in the kernel, so that at twice the load some 55 % of the answers would be left.
CEILINGS = [Ceiling("200 calls", 200, 20), Ceiling("CPU", 20_000, 0), Ceiling("CPU, 200", 200, 0)]
CAPACITY_CONNECTIONS = 200


def ask_once(shot: Shot) -> tuple[int, float]:
    """Status and milliseconds of one request on a connection of its own; 0 when nobody answers."""
    begin = time.monotonic()
    status = 0
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", shot.port, timeout=5)
        connection.request("POST", shot.path, shot.body, {"content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        connection.close()
        status = response.status
    return status, (time.monotonic() - begin) * 1000


def probe_while(load: subprocess.Popen, port: int) -> list[float]:
    """Milliseconds of /readyz, asked time and again on a connection of its own."""
    took_ms = []
    while load.poll() is None:
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        connection.getresponse().read()
        connection.close()
        took_ms.append((time.monotonic() - begin) * 1000)
        with contextlib.suppress(subprocess.TimeoutExpired):
            load.wait(PROBE_INTERVAL_S)
    return took_ms


def seconds_until_normal(shot: Shot, calm_ms: float) -> float:
    """Until the first of a row of answers of which none takes 5 ms more than in calm."""
    begin = good_since = time.monotonic()
    good = 0
    while good < PROBES_IN_A_ROW:
        asked_at = time.monotonic()
        if asked_at - begin > 60:
            raise RuntimeError("the service has not become normal within a minute")
        status, took_ms = ask_once(shot)
        if good == 0:
            good_since = asked_at
        good = good + 1 if status == 200 and took_ms <= calm_ms + 5 else 0
    return good_since - begin


def answers_per_second(bench: Bench, shot: Shot, requests: int) -> float:
    report = bench.load(shot, CAPACITY_CONNECTIONS, requests)
    return report["requests"] / report["seconds"]


def measure_overload(bench: Bench, binary: pathlib.Path, ceiling: Ceiling,
                     seconds: int) -> dict[str, str]:
    """Twice the load that Weir can take, for so long (O-3); by name of the row."""
    print(f"measuring: overload, bounded by {ceiling.name}", file=sys.stderr)
    upstream, port = bench.start_upstream(CHUNKS, PACE_MS, ceiling.answer_ms)
    limits = f"{{ max_inflight: {ceiling.max_inflight}, memory: {OVERLOAD_MEMORY_MIB}MiB }}"
    weir = Weir(bench.folder, binary, port, port, f"limits: {limits}\n")
    try:
        weir.start()
        shot = Shot(weir.port, chat_body("up/m", stream=False))
        warm = bench.load(shot, CAPACITY_CONNECTIONS, 10_000)
        calm_ms = statistics.median(ask_once(shot)[1] for _ in range(50))
        some_seconds = max(seconds / 6, 2)
        requests = int(warm["requests"] / warm["seconds"] * some_seconds)
        before = answers_per_second(bench, shot, requests)
        load = bench.start_load(shot, OVERLOAD_CONNECTIONS, int(2 * before * seconds),
                                rate=int(2 * before))
        probes_ms = sorted(probe_while(load, weir.port))
        report = json.loads(load.communicate()[0] or '{"errors":1}')
        normal_s = seconds_until_normal(shot, calm_ms)
        # What the machine gives changes within a minute.
        capacity = (before + answers_per_second(bench, shot, requests)) / 2
        highest_mib = highest_rss_kib(weir.pid()) / 1024
    finally:
        weir.stop()
        stop(upstream)
    bench.errors += report["errors"] - report["refused"]
    answered = (report["requests"] - report["errors"]) / report["seconds"]
    is_refused = report["refused"] > 0
    return {
        "at capacity, answers / s": f"{capacity:.0f}",
        "offered / s": f"{report['offered']:.0f}",
        "answers / s": f"{answered:.0f}",
        "of those at capacity": f"{answered / capacity * 100:.0f} %",
        "answers, p50": f"{report['latency_p50_us'] / 1000:.1f} ms",
        "answers, p99": f"{report['latency_p99_us'] / 1000:.1f} ms",
        "refusals, p50": f"{report['refusal_p50_us'] / 1000:.1f} ms" if is_refused else "none",
        "refusals, p99": f"{report['refusal_p99_us'] / 1000:.1f} ms" if is_refused else "none",
        "/readyz, p50": f"{statistics.median(probes_ms):.1f} ms",
        "/readyz, p99": f"{probes_ms[len(probes_ms) * 99 // 100]:.1f} ms",
        "highest memory": f"{highest_mib:.0f} MiB",
        "normal again after": f"{normal_s:.1f} s",
    }


OVERLOAD_ASKED = {"offered / s": "2 x", "of those at capacity": "≥ 90 %", "refusals, p99": "≤ 5 ms",
                  "highest memory": f"< {OVERLOAD_HARD_MIB} MiB", "normal again after": "≤ 5 s"}


def print_overload(bench: Bench, binary: pathlib.Path, seconds: int) -> None:
    columns = [measure_overload(bench, binary, ceiling, seconds) for ceiling in CEILINGS]
    rows = [["bounded by", *(ceiling.name for ceiling in CEILINGS), "asked"]]
    rows += [[name, *(column[name] for column in columns), OVERLOAD_ASKED.get(name, "")]
             for name in columns[0]]
    print_cells(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--weir", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", choices=("main", "matrix", "overload", "training"),
                        help="default: main and matrix")
    parser.add_argument("--seconds", type=int, default=60, help="of overload")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="weir-bench-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        bench = Bench(arguments.tools.resolve(), folder, arguments.rounds)
        fast, upstream = bench.start_upstream(CHUNKS, PACE_MS)
        stack.callback(stop, fast)
        slow, slow_upstream = bench.start_upstream(SLOW_CHUNKS, SLOW_PACE_MS)
        stack.callback(stop, slow)
        nginx = Nginx(folder, upstream, slow_upstream)
        stack.callback(nginx.stop)
        weir = None
        if arguments.weir.exists():
            weir = Weir(folder, arguments.weir.resolve(), upstream, slow_upstream)
            stack.callback(weir.stop)
        try:
            if arguments.part == "training":
                train(bench, weir)
            if arguments.part == "overload":
                print_overload(bench, arguments.weir.resolve(), arguments.seconds)
            if arguments.part in (None, "main"):
                print_table(measure(bench, nginx, weir, upstream, slow_upstream))
                nginx.stop()
                if weir:
                    weir.stop()
            if arguments.part in (None, "matrix") and weir:
                bench.rounds = min(bench.rounds, 3)  # 60 cells: a few minutes as it is
                measure_matrix(bench, nginx, weir)
        except RuntimeError as error:
            print(f"bench: {error}", file=sys.stderr)
            for log in folder.glob("*.log"):
                sys.stderr.write(f"--- {log.name}\n{log.read_text()[-2000:]}")
            return 1
    if bench.errors:
        print(f"bench: {bench.errors} requests failed; the numbers mean nothing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
