# SPDX-License-Identifier: Apache-2.0
"""The sums of the ledger in PostgreSQL: they are the providers' own book to the nano-dollar, whatever
becomes of the database meanwhile (section 16, D-1, D-2, D-3)."""

import concurrent.futures
import contextlib
import itertools
import json
import time

import pytest

from disk import LEDGER, bulky, small_disk
from harness import Weir, eventually, free_port, run_weir
from postgres import PASSWORD, PASSWORD_IN_URL, Postgres
from upstream import Upstream

PRICES = {"input": 1, "cache_read": 0.1, "output": 2}
# What the scripted upstream says of each answer, by hand: 48 plain and 10 cached tokens in, 42 out.
NANO_PER_CALL = 48 * 1_000 + 10 * 100 + 42 * 2_000
# Longer than what the scripted provider reports as read, so that the estimate is honest.
TEXT = "word " * 120
STOPPED = "the ledger can't be added up"
GOES_ON = "the ledger is added up again"
CATCH_UP_SECONDS_MAX = 30.0

names = itertools.count(1)


@pytest.fixture(scope="session")
def server():
    with Postgres() as one:
        yield one


@pytest.fixture
def database(server):
    """The URL of an empty one, on a server that is well before and after."""
    if server.process is None:
        server.start()
    yield server.create_database(f"weir{next(names)}")
    if server.process is not None:
        server.resume()


@pytest.fixture
def upstream():
    with Upstream("openai") as one:
        yield one
        assert one.violations == []


def gateway(upstream: Upstream, database: str, **more) -> Weir:
    provider = {**upstream.provider, "models": {"m": {"price": PRICES}}}
    config = {"providers": {"up": provider}, "ledger": {"store": "env:LEDGER_STORE"}, **more}
    return Weir(config, environment={"LEDGER_STORE": database})


def ask(weir: Weir, count: int = 1) -> None:
    for _ in range(count):
        answer = weir.chat("up/m", TEXT, max_tokens=64)
        assert answer.status == 200, answer.body


@contextlib.contextmanager
def load(weir: Weir, threads: int = 2):
    """Calls that go on until the end of the block; what is given is how many there were."""
    answered = [0] * threads
    is_over = False

    def work(number: int) -> None:
        while not is_over:
            ask(weir)
            answered[number] += 1

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(work, number) for number in range(threads)]
        try:
            yield answered
        finally:
            is_over = True
        for worker in workers:
            worker.result()


def goes_on(answered: list[int], count: int = 4) -> None:
    """Waits until so many more calls have been answered."""
    until = sum(answered) + count
    eventually(lambda: sum(answered) >= until, CATCH_UP_SECONDS_MAX)


def usage(weir: Weir, by: str = "all,model") -> dict:
    answer = weir.admin("GET", f"/api/usage?by={by}", token=True)
    assert answer.status == 200, answer.body
    return answer.json


def requests(weir: Weir) -> int:
    """How many are in the sums; -1 while they can't be reached."""
    answer = weir.admin("GET", "/api/usage?by=all", token=True)
    return answer.json["total"]["requests"] if answer.status == 200 else -1


def metric(weir: Weir, name: str) -> int:
    lines = weir.admin("GET", "/metrics").body.decode().splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(name + " ")]
    return int(value)


def up(weir: Weir) -> int:
    return metric(weir, "weir_usage_store_up")


def waiting(weir: Weir) -> int:
    return metric(weir, "weir_usage_rows_waiting")


def check_books(server: Postgres, database: str, weir: Weir, upstream: Upstream) -> None:
    """No row is lost or doubled: sums, calls and attempts are what the provider has served."""
    served = len(upstream.calls)
    with contextlib.suppress(AssertionError):
        eventually(lambda: requests(weir) == served, CATCH_UP_SECONDS_MAX)
    total = usage(weir)["total"]
    assert total["requests"] == served, run_weir(
        "log", "--json", "--config", str(weir.config_file), folder=weir.folder,
        environment=weir.environment,
    ).stdout  # fmt: skip
    assert total["attempts"] == served
    assert total["cost_nanousd"] == served * NANO_PER_CALL
    name = database.rsplit("/", 1)[1]
    rows = server.sql("SELECT count(*), sum(cost_nanousd), sum(output_tokens) FROM weir.calls", name)
    assert rows == [[str(served), str(served * NANO_PER_CALL), str(served * 42)]]
    assert server.sql("SELECT count(*), sum(cost_nanousd) FROM weir.attempts", name) == [
        [str(served), str(served * NANO_PER_CALL)]
    ]


def test_calls_can_be_asked_for_by_sql_and_sums_are_the_book(server, database, upstream):
    with gateway(upstream, database) as weir:
        answers = [
            weir.chat("up/m", "hello", headers={"x-weir-tags": "a,b", "x-weir-task": "t"})
            for _ in range(3)
        ]
        assert weir.stream("up/m", "hello").finish == ["stop"]
        check_books(server, database, weir, upstream)
        request_id = answers[0].headers["x-weir-request-id"]
        name = database.rsplit("/", 1)[1]
        assert server.sql(
            "SELECT model, target, provider, outcome, task, tags, duration_ms >= 0, "
            "ended_at BETWEEN now() - interval '5 minutes' AND now() + interval '5 minutes' "
            f"FROM weir.calls WHERE request_id = '{request_id}'", name,
        ) == [["up/m", "up/m", "up", "completed", "t", "{a,b}", "t", "t"]]  # fmt: skip
        shown = run_weir(
            "log", "--id", request_id, "--config", str(weir.config_file), folder=weir.folder,
            environment=weir.environment,
        )  # fmt: skip
        assert json.loads(shown.stdout)["request_id"] == request_id
        assert not (weir.folder / "data" / "usage.db").exists()


def test_the_password_is_told_nowhere(database, upstream):
    wrong = database.replace(PASSWORD_IN_URL, "canary-wrong-password")
    for url, secret in ((database, PASSWORD), (wrong, "canary-wrong-password")):
        with gateway(upstream, url) as weir:
            ask(weir)
            if url == wrong:
                eventually(lambda: STOPPED in weir.log())
                assert "password authentication failed" in weir.log()
            shown = weir.admin("GET", "/api/config", token=True).body.decode()
            figures = weir.admin("GET", "/metrics").body.decode()
            for text in (weir.log(), shown, figures):
                assert secret not in text and PASSWORD_IN_URL not in text


def test_a_url_that_is_none_is_refused_without_being_repeated(tmp_path):
    for url in ("mysql://u:canary@h/d", "postgres://u:a@canary@h/d", "postgres://u:canary/x@h/d"):
        config = {"listen": f"127.0.0.1:{free_port()}", "data_dir": "d", "ledger": {"store": url}}
        (tmp_path / "weir.yaml").write_text(json.dumps(config))
        refused = run_weir("serve", "--config", "weir.yaml", folder=tmp_path)
        assert refused.returncode == 78
        assert "ledger.store" in refused.stderr
        assert "canary" not in refused.stderr + refused.stdout


def test_sums_of_several_gateways_are_one(server, database, upstream):
    with gateway(upstream, database) as first, gateway(upstream, database) as second:
        ask(first, 3)
        ask(second, 2)
        check_books(server, database, first, upstream)
        check_books(server, database, second, upstream)
        name = database.rsplit("/", 1)[1]
        assert server.sql("SELECT count(*) FROM weir.calls GROUP BY ledger ORDER BY 1", name) == [
            ["2"], ["3"],
        ]  # fmt: skip
        done = run_weir(
            "usage", "reindex", "--config", str(first.config_file), folder=first.folder,
            environment=first.environment,
        )  # fmt: skip
        assert done.stdout == "5 requests\n", done.stderr
        check_books(server, database, second, upstream)


def test_d2_stopped_under_load_it_loses_and_doubles_nothing(server, database, upstream):
    with gateway(upstream, database) as weir:
        with load(weir) as answered:
            goes_on(answered)
            for _ in range(2):
                server.stop()
                goes_on(answered)
                eventually(lambda: weir.log().count(STOPPED) > weir.log().count(GOES_ON))
                eventually(lambda: requests(weir) == -1)
                assert weir.get("/readyz").status == 200  # D-3
                goes_on(answered)
                server.start()
                eventually(
                    lambda: weir.log().count(STOPPED) == weir.log().count(GOES_ON),
                    CATCH_UP_SECONDS_MAX,
                )
                goes_on(answered)
        check_books(server, database, weir, upstream)
        # Once as it stopped, once as it went on.
        assert (weir.log().count(STOPPED), weir.log().count(GOES_ON)) == (2, 2)


def test_d1_hung_it_delays_nobody_and_loses_nothing(server, database, upstream):
    with gateway(upstream, database) as weir:
        ask(weir, 3)
        eventually(lambda: requests(weir) == 3)
        server.pause()
        # Nothing is to be added: whoever asks is the first to notice.
        assert requests(weir) == -1
        eventually(lambda: STOPPED in weir.log(), CATCH_UP_SECONDS_MAX)
        assert up(weir) == 0
        begin = time.monotonic()
        ask(weir, 20)
        # Each would have waited for two seconds.
        assert time.monotonic() - begin < 20
        begin = time.monotonic()
        for _ in range(10):
            answer = weir.admin("GET", "/api/usage", token=True)
            assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
        assert time.monotonic() - begin < 10
        assert weir.get("/readyz").status == 200
        server.resume()
        check_books(server, database, weir, upstream)
        eventually(lambda: (weir.log().count(STOPPED), weir.log().count(GOES_ON)) == (1, 1))
        assert up(weir) == 1


def test_what_waits_for_the_database_is_counted(server, database, upstream):
    with gateway(upstream, database) as weir:
        ask(weir, 2)
        eventually(lambda: requests(weir) == 2)
        assert (up(weir), waiting(weir)) == (1, 0)
        server.stop()
        ask(weir, 3)
        eventually(lambda: (up(weir), waiting(weir)) == (0, 3), CATCH_UP_SECONDS_MAX)
        ask(weir)
        eventually(lambda: waiting(weir) == 4, CATCH_UP_SECONDS_MAX)
        server.start()
        check_books(server, database, weir, upstream)
        eventually(lambda: (up(weir), waiting(weir)) == (1, 0), CATCH_UP_SECONDS_MAX)


# Section 16, ledger: what is not stored yet may take a tenth of the disk, and no more.
def test_a_full_spool_refuses_calls_until_the_database_takes_it(
    server, database, upstream, tmp_path
):
    ledger = {**LEDGER, "store": "env:LEDGER_STORE"}
    with small_disk(tmp_path / "disk", 40) as disk:
        made = gateway(upstream, database, ledger=ledger, threads=1)
        data = made.folder / "data"
        (disk / "data").mkdir(mode=0o700)
        data.symlink_to(disk / "data")
        with made as weir:
            ask(weir)
            eventually(lambda: requests(weir) == 1)
            server.stop()

            def is_full():
                answer = weir.chat("up/m", TEXT, bulky(), max_tokens=64)
                assert answer.status == 200 or answer.error["code"] == "ledger_unavailable"
                # A file that is not compressed yet takes less room in a moment.
                is_packed = not list((data / "ledger").glob("*.closed"))
                return answer.status == 503 and is_packed and weir.get("/readyz").status == 503

            eventually(is_full, 120.0)
            served = len(upstream.calls)
            assert weir.chat("up/m", TEXT).status == 503
            assert len(upstream.calls) == served
            server.start()
            eventually(lambda: weir.get("/readyz").status == 200, CATCH_UP_SECONDS_MAX)
            ask(weir)
            check_books(server, database, weir, upstream)
            assert weir.log().count("too much of the ledger is not added up yet") >= 1


def test_d2_what_a_killed_gateway_had_not_stored_is_stored_later(server, database, upstream):
    with gateway(upstream, database) as weir:
        ask(weir, 2)
        eventually(lambda: requests(weir) == 2)
        server.stop()
        ask(weir, 3)
        weir.process.kill()
        weir.process.wait()
        weir.start()
        ask(weir)
        server.start()
        check_books(server, database, weir, upstream)


def test_u1_a_budget_goes_on_after_a_restart_with_and_without_the_database(
    server, database, upstream
):
    # For four calls and the reservation of the fourth.
    budget = {"monthly": "0.0007"}
    with gateway(upstream, database, budget=budget) as weir:

        def used() -> int:
            answer = weir.admin("GET", "/api/limits", token=True)
            (one,) = [limit for limit in answer.json["limits"] if limit["scope"] == "global"]
            return one["used_nanousd"]

        ask(weir, 2)
        assert used() == 2 * NANO_PER_CALL
        weir.stop()
        weir.start()
        assert used() == 2 * NANO_PER_CALL
        ask(weir)
        weir.stop()
        server.stop()
        weir.start()
        assert used() == 3 * NANO_PER_CALL
        eventually(lambda: "added up from this ledger alone" in weir.log())
        ask(weir)
        assert weir.chat("up/m", TEXT, max_tokens=64).status == 402
        server.start()
        check_books(server, database, weir, upstream)
        weir.stop()
        weir.start()
        assert used() == 4 * NANO_PER_CALL


def test_closed_it_makes_no_calls_while_the_database_is_away(server, database, upstream):
    """Nobody then spends what others have spent whose books are there, too."""
    ledger = {"store": "env:LEDGER_STORE", "on_store_failure": "refuse"}

    def refuses() -> bool:
        answer = weir.chat("up/m", TEXT, max_tokens=64)
        return answer.status == 503 and answer.error["code"] == "ledger_unavailable"

    with gateway(upstream, database, ledger=ledger) as weir:
        ask(weir, 2)
        server.stop()
        # Nobody need call for it to be noticed.
        eventually(lambda: weir.get("/readyz").status == 503, CATCH_UP_SECONDS_MAX)
        assert refuses()
        assert len(upstream.calls) == 2
        weir.stop()
        weir.start(ready=503)
        assert refuses(), "from the first call on"
        server.start()
        eventually(lambda: weir.get("/readyz").status == 200, CATCH_UP_SECONDS_MAX)
        ask(weir)
        check_books(server, database, weir, upstream)
