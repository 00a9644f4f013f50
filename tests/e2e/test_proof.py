# SPDX-License-Identifier: Apache-2.0
"""What the whole stands for, in numbers. Small counts by default; `WEIR_PROOF=n` multiplies them,
and `scripts/proof.sh` runs them long."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import threading
import time

import pytest

import upstream as fault
from clients import CLIENTS, Wish
from harness import Weir, eventually
from test_failover import FAILURES
from test_lifecycle import NOTICE_SECONDS_MAX, chat_bytes, reload
from upstream import Upstream

SCALE = int(os.environ.get("WEIR_PROOF", "1"))
TEXT = "one two three four five six seven eight"
SLOW_FAILURES = {"endless headers"}  # megabytes each


def in_parallel(count: int, work, threads: int = 16) -> list:
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(count)))


@pytest.mark.parametrize("name", [name for name in FAILURES if name not in SLOW_FAILURES])
def test_one_of_three_targets_fails_and_no_client_notices(name):
    """At least 99.99 % succeed; of these numbers that is all."""
    with Upstream("openai") as bad, Upstream("openai") as one, Upstream("openai") as two:
        bad.always(FAILURES[name])
        providers = {"bad": bad.provider, "one": one.provider, "two": two.provider}
        targets = ["bad/m", "one/m", "two/m"]
        route = {"strategy": "round_robin", "targets": targets}
        with Weir({"providers": providers, "models": {"r": route}}) as weir:

            def call(number: int) -> bool:
                text = f"{TEXT} {number}"
                if number % 2:
                    stream = weir.stream("r", text)
                    return stream.text == "echo: " + text and stream.has_done
                answer = weir.chat("r", text)
                return answer.status == 200 and text in answer.body.decode()

            assert in_parallel(40 * SCALE, call).count(False) == 0
            assert bad.received, "the bad one was asked"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_broken_stream_is_whole_or_ends_in_an_error_and_never_in_between(client):
    """No mixed, doubled or silently shortened answer, in the dialect of any client."""
    breaks = [fault.cut_after(3), fault.cut_after(3, by_reset=True), fault.broken_event_after(3),
              fault.no_terminator(), fault.error_event_after(3), fault.cut_after(0)]  # fmt: skip
    with Upstream("openai") as bad, Upstream("openai") as good:
        config = {
            "providers": {"bad": bad.provider, "good": good.provider},
            "models": {
                "joined": {"targets": ["bad/m", "good/m"]},
                "alone": {"targets": ["bad/m"], "retries": "off", "stream_recovery": "off"},
            },
        }
        with Weir(config) as weir:
            weir.admin("PUT", "/api/llm-providers/bad%2Fm/circuit", {"state": "disabled"}, token=True)

            def call(number: int) -> None:
                text = f"{TEXT} {number}"
                bad.script(breaks[number % len(breaks)])
                wish = Wish(text=text, model="joined", is_stream=True)
                heard = CLIENTS[client].ask(weir, wish)
                assert heard.text == "echo: " + text, (number, heard.raw)
                bad.script(breaks[number % len(breaks)])
                try:
                    heard = CLIENTS[client].ask(weir, Wish(text=text, model="alone", is_stream=True))
                except AssertionError:
                    return  # an error event, which these readers take for no stream
                assert heard.status != 200 or heard.code or not heard.finish, (number, heard.raw)
                assert ("echo: " + text).startswith(heard.text), (number, heard.raw)

            for number in range(12 * SCALE):  # in turn, since faults are scripted by their order
                call(number)


def test_clients_that_leave_leave_nothing_behind():
    """S-10.2, S-10.6: every upstream connection is closed in 250 ms, no descriptor stays."""
    with Upstream("openai") as up:
        up.always(fault.stall(2))
        with Weir({"providers": {"up": up.provider}, "hedge": "off"}) as weir:

            def descriptors() -> int:
                """Sockets only: files of the data directory open when they are first needed."""
                folder = f"/proc/{weir.process.pid}/fd"
                found = []
                for name in os.listdir(folder):
                    with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                        found.append(os.readlink(f"{folder}/{name}"))
                return sum(name.startswith("socket:") for name in found)

            assert weir.get("/livez").status == 200
            before = descriptors()

            def leave(_: int) -> float:
                with socket.create_connection(("127.0.0.1", weir.port), timeout=20) as wire:
                    wire.sendall(chat_bytes(TEXT, stream=True))
                    seen = b""
                    while b"one" not in seen:
                        seen += wire.recv(4096)
                    return time.monotonic()

            left = sorted(in_parallel(40 * SCALE, leave))
            assert all(call.caller_gone.wait(10) for call in up.calls)
            gone = sorted(call.gone_at for call in up.calls)
            lag = sorted(end - begin for begin, end in zip(left, gone, strict=True))
            assert lag[len(lag) // 2] <= NOTICE_SECONDS_MAX, lag
            eventually(lambda: descriptors() <= before)


def test_a_total_outage_costs_at_most_a_fifth_more_attempts():
    """R-4: with the breakers off, 1,000 requests make at most 1,210 attempts; so in proportion."""
    with Upstream("openai") as up:
        up.always(fault.status(500))
        retries = {"backoff_base": "1ms", "backoff_cap": "1ms"}
        with Weir({"providers": {"up": up.provider}, "retries": retries}) as weir:
            for name in ("up", "up%2Fm"):
                path = f"/api/llm-providers/{name}/circuit"
                order = weir.admin("PUT", path, {"state": "disabled"}, token=True)
                assert order.status == 200
            begin = time.monotonic()
            count = 100 * SCALE
            answers = in_parallel(count, lambda _: weir.chat("up/m", TEXT).status)
            windows = 1 + int((time.monotonic() - begin) / 10)
            assert set(answers) == {502}
            assert count <= len(up.calls) <= count * 1.2 + 10 * windows
            metrics = weir.admin("GET", "/metrics").body.decode()
            name = 'weir_retry_budget_exhausted_total{provider="up"} '
            refused = next(line for line in metrics.splitlines() if line.startswith(name))
            assert float(refused.removeprefix(name)) == 2 * count - len(up.calls)


def test_those_who_wait_for_a_cooldown_send_one_probe_between_them():
    """K-3: when it ends, one of them goes ahead, and the others have to see how it fares."""
    with Upstream("openai") as up:
        config = {"providers": {"up": up.provider}, "retries": {"max_inline_wait": "5s"}}
        with Weir(config) as weir:
            up.script(fault.status(429, retry_after="3"))
            up.always(fault.stall(None))
            crowd = [
                threading.Thread(target=lambda: ignore_errors(lambda: weir.chat("up/m", TEXT)))
                for _ in range(min(500, 30 * SCALE))
            ]
            crowd[0].start()
            eventually(lambda: is_cooling(weir))
            for one in crowd[1:]:
                one.start()
            eventually(lambda: len(up.calls) == 2, seconds=20)
            for _ in range(50):  # time for whoever else was let through
                assert weir.get("/livez").status == 200
            assert len(up.calls) == 2, "the probe has not ended"
            weir.process.kill()
            for one in crowd:
                one.join()
            weir.start()


def is_cooling(weir: Weir) -> bool:
    providers = weir.admin("GET", "/api/llm-providers").json["providers"]
    return any(target["cooldown"] for one in providers for target in one["targets"])


def ignore_errors(work) -> None:
    try:
        work()
    except (OSError, AssertionError, ValueError):
        pass
    except Exception as error:  # noqa: BLE001  http.client's own kinds
        if "http" not in type(error).__module__:
            raise


def streams(weir: Weir, count: int):
    """So many paced streams, and a way to wait for their texts."""
    pool = concurrent.futures.ThreadPoolExecutor(count)
    return pool, [pool.submit(weir.stream, "up/m", TEXT) for _ in range(count)]


def test_reloads_break_no_stream():
    """H-2"""
    with Upstream("openai") as up:
        up.always(fault.pace(0.1))
        with Weir({"providers": {"up": up.provider}}) as weir:
            pool, running = streams(weir, min(500, 20 * SCALE))
            eventually(lambda: len(up.calls) == len(running), seconds=30)
            done = 0
            while not all(one.done() for one in running) or done < 10 * SCALE:
                before = weir.log().count('"event":"reload"')
                reload(weir)
                eventually(lambda before=before: weir.log().count('"event":"reload"') > before)
                done += 1
            for one in running:
                assert one.result().text == "echo: " + TEXT and one.result().has_done
            pool.shutdown()


def test_sigterm_loses_no_stream():
    """H-6"""
    with Upstream("openai") as up:
        up.always(fault.pace(0.1))
        with Weir({"providers": {"up": up.provider}}) as weir:
            pool, running = streams(weir, min(1000, 40 * SCALE))
            eventually(lambda: len(up.calls) == len(running), seconds=30)
            weir.signal(signal.SIGTERM)
            for one in running:
                assert one.result().text == "echo: " + TEXT and one.result().has_done
            pool.shutdown()
            assert weir.process.wait(30) == 0
