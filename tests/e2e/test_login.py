# SPDX-License-Identifier: Apache-2.0
"""Passwords, logging in, and how long that lasts (rule Y-7)."""

import os
import pathlib
import pty
import sqlite3
import subprocess
import time

import pytest

from harness import BINARY, Client, Weir, clean_environment, eventually

PASSWORD = "correct horse battery"
OTHER = "staple the next one"
WRONG = "incorrect horse battery"


@pytest.fixture
def weir():
    config = {"trusted_proxies": ["127.0.0.1"], "log": {"level": "info", "format": "json"}}
    with Weir({"providers": {"mock": {"type": "mock"}}, **config}) as running:
        for name, role in (("ann", "member"), ("bob", "viewer"), ("cat", "admin")):
            body = {"name": name, "role": role}
            assert running.admin("POST", "/api/users", body, token=True).status == 200
        yield running


def set_password(weir, user, password=PASSWORD):
    answer = weir.admin("PUT", f"/api/users/{user}/password", {"password": password}, token=True)
    assert answer.status == 200, answer


def log_in(weir, user, password=PASSWORD, address="192.0.2.1"):
    with Client(weir.admin_port, {"x-forwarded-for": address}) as client:
        return client.request("POST", "/api/login", {"user": user, "password": password})


def ask(weir, token, method, path, body=None):
    with Client(weir.admin_port, {"authorization": "Bearer " + token}) as client:
        return client.request(method, path, body)


def session_of(weir, user, password=PASSWORD):
    answer = log_in(weir, user, password)
    assert answer.status == 200, answer
    return answer.json["token"]


def cpu_seconds(weir):
    """What the gateway's threads have had so far: a busy machine makes it no longer."""
    tasks = pathlib.Path(f"/proc/{weir.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def is_in_force(weir, session):
    return ask(weir, session, "GET", "/api/session").status == 200


def test_a_user_logs_in_with_what_his_role_may_and_out_again(weir):
    set_password(weir, "ann")
    begin = time.time()
    answer = log_in(weir, "ann")
    assert answer.status == 200 and answer.json["user"] == "ann"
    session = answer.json["token"]
    assert session.startswith("weir-session-")
    assert 11.9 * 3600 < answer.json["expires_ms"] / 1000 - begin < 12.1 * 3600
    shown = ask(weir, session, "GET", "/api/session").json
    assert shown == {"actor": "user:ann", "role": "member", "user": "ann"}
    assert ask(weir, session, "POST", "/api/keys", {"name": "mine"}).json["record"]["user"] == "ann"
    assert ask(weir, session, "GET", "/api/users").status == 403
    # It is for the administration, and calls no model.
    assert weir.chat("mock", "hello", {"authorization": "Bearer " + session}).status == 401
    weir.stop()
    weir.start()
    assert is_in_force(weir, session)
    assert ask(weir, session, "DELETE", "/api/session").json == {"ended": "session"}
    assert ask(weir, session, "GET", "/api/session").status == 401
    records = weir.admin("GET", "/api/audit", token=True).json["records"]
    said = [(record["actor"], record["action"]) for record in records]
    for entry in (("admin-token", "password.set"), ("user:ann", "session.create"), ("user:ann", "session.end")):
        assert entry in said, said


def test_a_session_ends_in_its_time():
    with Weir({"providers": {}}, environment={"WEIR_ADMIN_SESSION": "1m"}) as weir:
        assert weir.admin("POST", "/api/users", {"name": "ann"}, token=True).status == 200
        set_password(weir, "ann")
        answer = weir.admin("POST", "/api/login", {"user": "ann", "password": PASSWORD})
        assert answer.json["expires_ms"] / 1000 - time.time() < 61
        with sqlite3.connect(weir.folder / "data" / "identity.db") as database:
            ended = int(time.time() * 1000) - 1
            database.execute("UPDATE keys SET expires_ms = ? WHERE kind = 2", (ended,))
        weir.stop()
        weir.start()
        refused = ask(weir, answer.json["token"], "GET", "/api/session")
        assert (refused.status, refused.error["code"]) == (401, "expired_api_key")
        # The next one takes away what is left of those that have ended.
        assert weir.admin("POST", "/api/login", {"user": "ann", "password": PASSWORD}).status == 200
        with sqlite3.connect(weir.folder / "data" / "identity.db") as database:
            assert database.execute("SELECT count(*) FROM keys WHERE kind = 2").fetchone() == (1,)


def test_y7_no_answer_holds_a_hash_and_a_hash_is_no_password(weir):
    set_password(weir, "ann")
    session = session_of(weir, "ann")
    with sqlite3.connect(weir.folder / "data" / "identity.db") as database:
        (kept,) = database.execute("SELECT hash FROM passwords").fetchone()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert log_in(weir, "ann", kept).status == 401
    paths = ("users", "users/ann", "users/ann/data", "keys", "audit", "config", "secrets", "session")
    for path in paths:
        answer = weir.admin("GET", "/api/" + path, token=True)
        assert answer.status == 200, answer
        assert "argon2" not in answer.body.decode() and PASSWORD not in answer.body.decode(), path
    assert weir.admin("GET", "/api/users/ann", token=True).json["has_password"] is True
    assert weir.admin("GET", "/api/users/bob", token=True).json["has_password"] is False
    for file in (weir.folder / "data").iterdir():
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file
            assert session.split("-")[3].encode() not in file.read_bytes(), file


def test_y7_five_failures_of_an_account_and_no_more_are_looked_at(weir):
    set_password(weir, "ann")
    refused = {}
    for user in ("ann", "nobody"):
        answers = [log_in(weir, user, WRONG, f"192.0.2.{i}") for i in range(5)]
        assert [answer.status for answer in answers] == [401] * 5
        assert {answer.error["code"] for answer in answers} == {"invalid_login"}
        refused[user] = log_in(weir, user, PASSWORD, "192.0.2.99")
        assert refused[user].status == 429 and refused[user].error["code"] == "rate_limited"
        assert 14 * 60 < int(refused[user].headers["retry-after"]) <= 15 * 60
        refused[user] = {k: v for k, v in refused[user].error.items() if k != "request_id"}
    assert refused["ann"] == refused["nobody"]
    # Others log in as ever, and who does so after some failures has them forgotten.
    set_password(weir, "bob")
    for _ in range(3):
        statuses = [log_in(weir, "bob", password).status for password in (WRONG, WRONG, PASSWORD)]
        assert statuses == [401, 401, 200]


def test_y7_twenty_failures_from_an_address_and_no_more_are_looked_at(weir):
    set_password(weir, "ann")
    for i in range(20):
        assert log_in(weir, f"user{i}", WRONG, "198.51.100.7").status == 401
    assert log_in(weir, "ann", address="198.51.100.7").status == 429
    assert log_in(weir, "ann", address="198.51.100.8").status == 200


def test_y7_nothing_tells_whether_there_is_such_an_account(weir):
    set_password(weir, "ann")
    set_password(weir, "cat")
    assert weir.admin("PUT", "/api/users/cat", {"disabled": True}, token=True).status == 200
    answers, costs = {}, {}
    for i in range(3):
        for user, password in (("ann", WRONG), ("nobody", WRONG), ("bob", WRONG), ("cat", PASSWORD)):
            begin = cpu_seconds(weir)
            answer = log_in(weir, user, password, f"192.0.2.{i}")
            costs.setdefault(user, []).append(cpu_seconds(weir) - begin)
            error = {key: value for key, value in answer.error.items() if key != "request_id"}
            answers[user] = (answer.status, error, sorted(set(answer.headers)))
    assert answers["ann"][0] == 401
    assert all(answer == answers["ann"] for answer in answers.values()), answers
    # Who looked at no hash would have answered in a hundredth of that.
    assert all(min(costs["ann"]) / 4 < min(cost) for cost in costs.values()), costs


def test_who_changes_his_password_keeps_this_session_and_ends_the_others(weir):
    set_password(weir, "ann")
    here, there = session_of(weir, "ann"), session_of(weir, "ann")
    assert ask(weir, here, "PUT", "/api/password", {"current": WRONG, "password": OTHER}).status == 401
    short = ask(weir, here, "PUT", "/api/password", {"current": PASSWORD, "password": "short"})
    assert (short.status, short.error["param"]) == (400, "password")
    assert is_in_force(weir, there)
    changed = ask(weir, here, "PUT", "/api/password", {"current": PASSWORD, "password": OTHER})
    assert changed.status == 200, changed
    assert is_in_force(weir, here) and not is_in_force(weir, there)
    assert log_in(weir, "ann").status == 401 and log_in(weir, "ann", OTHER).status == 200
    # The token of the file is nobody's.
    nobodys = weir.admin("PUT", "/api/password", {"current": OTHER, "password": PASSWORD}, token=True)
    assert nobodys.status == 400
    assert weir.admin("DELETE", "/api/session", token=True).status == 400


def test_sessions_end_with_the_password_and_with_the_user(weir):
    def set_again():
        set_password(weir, "ann", OTHER)

    def take_away():
        assert weir.admin("DELETE", "/api/users/ann/password", token=True).status == 200

    def disable():
        assert weir.admin("PUT", "/api/users/ann", {"disabled": True}, token=True).status == 200

    def remove():
        assert weir.admin("DELETE", "/api/users/ann", token=True).status == 200

    for end in (set_again, take_away, disable, remove):
        set_password(weir, "ann")
        assert weir.admin("PUT", "/api/users/ann", {"disabled": False}, token=True).status == 200
        session = session_of(weir, "ann")
        end()
        assert not is_in_force(weir, session), end
        assert log_in(weir, "ann").status == 401, end
    # Another user of the same name has nothing of the first's.
    assert weir.admin("POST", "/api/users", {"name": "ann"}, token=True).json["has_password"] is False
    assert log_in(weir, "ann", OTHER, "192.0.2.2").status == 401
    assert weir.admin("PUT", "/api/users/no/password", {"password": OTHER}, token=True).status == 404


def test_a_session_is_no_key_that_could_be_kept_longer(weir):
    set_password(weir, "ann")
    session = session_of(weir, "ann")
    session_id = session.split("-")[2]
    assert weir.admin("GET", "/api/keys", token=True).json["keys"] == []
    for method, rest, body in (("PUT", "", {"never_expires": True}), ("POST", "/rotate", {"grace": "1h"})):
        answer = ask(weir, session, method, f"/api/keys/{session_id}{rest}", body)
        assert answer.status == 400, answer
    assert ask(weir, session, "DELETE", "/api/keys/" + session_id).status == 200
    assert not is_in_force(weir, session)


def test_v5_what_a_login_can_not_be_is_refused(weir):
    for body, param in (
        ({}, "user"),
        ({"user": "ann"}, "password"),
        ({"user": 1, "password": PASSWORD}, "user"),
        ({"user": "a" * 129, "password": PASSWORD}, "user"),
        ({"user": "ann", "password": PASSWORD, "role": "admin"}, "role"),
    ):
        answer = weir.admin("POST", "/api/login", body)
        assert (answer.status, answer.error["param"]) == (400, param), answer
    assert weir.admin("POST", "/api/login", b"{").status == 400
    # Of a stranger no more than 64 KiB are read (O-1).
    long = {"user": "ann", "password": "p" * 70_000}
    assert weir.admin("POST", "/api/login", long).status == 413
    # Other sites' pages may not try (V-2).
    with Client(weir.admin_port, {"origin": "https://evil.example"}) as client:
        answer = client.request("POST", "/api/login", {"user": "ann", "password": PASSWORD})
        assert answer.status == 403


def test_a_failed_login_is_logged_without_what_was_typed(weir):
    set_password(weir, "ann")
    assert log_in(weir, PASSWORD, "ann", "203.0.113.9").status == 401
    eventually(lambda: "login_failed" in weir.log())
    assert "203.0.113.9" in weir.log()
    assert PASSWORD not in weir.log()


def cli(weir, *arguments, stdin="", token=None):
    environment = {
        **clean_environment(weir.folder),
        "WEIR_ADMIN_URL": f"http://127.0.0.1:{weir.admin_port}",
        "WEIR_ADMIN_TOKEN": token or weir.admin_token(),
    }
    return subprocess.run([BINARY, *arguments], cwd=weir.folder, env=environment, input=stdin,
                          capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_sets_passwords_and_logs_in(weir):
    assert cli(weir, "users", "password", "ann", stdin=PASSWORD + "\n").stdout == "ann set\n"
    made = cli(weir, "login", "ann", stdin=PASSWORD + "\n")
    session = made.stdout.strip()
    assert session.startswith("weir-session-") and made.stderr == ""
    listed = cli(weir, "keys", token=session)
    assert listed.returncode == 0, listed
    wrong = cli(weir, "login", "ann", stdin=WRONG + "\n")
    assert wrong.returncode == 1 and "no user of this name has this password" in wrong.stderr
    users = cli(weir, "users").stdout.splitlines()
    assert [line.split()[-1] for line in users[1:]] == ["yes", "no", "no"]
    assert cli(weir, "users", "remove-password", "ann").returncode == 0
    assert not is_in_force(weir, session)


def test_a_password_typed_at_a_terminal_is_not_shown(weir):
    set_password(weir, "ann")
    environment = {
        **clean_environment(weir.folder),
        "WEIR_ADMIN_URL": f"http://127.0.0.1:{weir.admin_port}",
    }
    terminal, theirs = pty.openpty()
    command = subprocess.Popen([BINARY, "login", "ann"], cwd=weir.folder, env=environment,
                               stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, PASSWORD.encode() + b"\n")
    token, _ = command.communicate(timeout=60)
    try:
        shown += os.read(terminal, 1024)
    except OSError:
        pass  # the other side is closed, and nothing was left
    os.close(terminal)
    assert command.returncode == 0 and token.startswith(b"weir-session-")
    assert PASSWORD.encode() not in shown
