#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of Debian's, for tests: in a folder of its own, on a free port of this machine
and a socket in the folder, without a word to any other server there may be.

    with Postgres() as server:
        server.sql("SELECT 1")

As a program it runs a command with such a server's URL in WEIR_TEST_POSTGRES and ends as that does:

    python3 tests/e2e/postgres.py build/dev/postgres_test
"""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import free_port

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")
USER = "weir"
PASSWORD = "canary-Zq7#pw/9@x"  # with what a URL must escape
PASSWORD_IN_URL = "canary-Zq7%23pw%2F9%40x"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # no test takes the power away
    "max_connections": "40",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",
    "log_min_messages": "warning",
}


def owner() -> pwd.struct_passwd | None:
    """Who the server runs as, since it refuses root; None: as the test itself."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def rows_of(url: str, sql: str) -> list[list[str]]:
    """What a statement gives, as text."""
    done = subprocess.run(
        [str(BINARIES / "psql"), "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", url, "-c", sql],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


class Postgres:
    def __init__(self) -> None:
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-postgres-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._make()

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "weir", port: int | None = None) -> str:
        return f"postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{port or self.port}/{database}"

    # -- life

    def start(self) -> None:
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARIES / "postgres"), "-D", str(self.data), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as_owner(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """At once: what is under way is undone."""
        if self.process is None:
            return
        self.resume()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pause(self) -> None:
        """From now on it accepts and never answers. Its parts are told first, so that none of them
        is missed that the first would start."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in self._children():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        for pid in [*self._children(), self.process.pid]:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    # -- use

    def sql(self, text: str, database: str = "weir") -> list[list[str]]:
        """The rows, as text."""
        return rows_of(self.url(database), text)

    def create_database(self, name: str) -> str:
        """Its URL."""
        self.sql(f'CREATE DATABASE "{name}"', "postgres")
        return self.url(name)

    # -- inside

    @property
    def data(self) -> pathlib.Path:
        return self.folder / "data"

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if who := owner():
            for path in (self.folder, password):
                os.chown(path, who.pw_uid, who.pw_gid)
        subprocess.run(
            [str(BINARIES / "initdb"), "-D", str(self.data), "-U", USER, "-A", "scram-sha-256",
             f"--pwfile={password}", "-E", "UTF8", "--locale=C", "-N"],
            check=True, stdout=subprocess.DEVNULL, timeout=120, **self._as_owner(),
        )  # fmt: skip

    def _as_owner(self) -> dict[str, object]:
        who = owner()
        place = {"cwd": self.folder}
        if who is None:
            return place
        return {**place, "user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

    def _is_ready(self) -> bool:
        done = subprocess.run(
            [str(BINARIES / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            timeout=30,
        )  # fmt: skip
        return done.returncode == 0

    def _children(self) -> list[int]:
        assert self.process is not None
        listed = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listed.read_text().split()]


def main() -> int:
    with Postgres() as server:
        url = server.create_database("weir")
        return subprocess.run(sys.argv[1:], env={**os.environ, "WEIR_TEST_POSTGRES": url}).returncode


if __name__ == "__main__":
    sys.exit(main())
