# SPDX-License-Identifier: Apache-2.0
"""What the tests of the doors share: raw streams, and a gateway that asks for a key."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Iterator

from harness import Client, Weir

KEY = "sk-weir-test-key"
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def post(gateway: Weir, path: str, body: Any, headers: dict[str, str] | None = None):
    with Client(gateway.port) as client:
        return client.request("POST", path, body, headers)


def get(gateway: Weir, path: str, headers: dict[str, str] | None = None):
    with Client(gateway.port) as client:
        return client.request("GET", path, headers=headers)


def sse(body: bytes) -> list[tuple[str, Any]]:
    """(event, data) of each event of a stream."""
    events = []
    for block in body.decode().split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
        if data:
            text = "\n".join(data)
            events.append((name, text if text == "[DONE]" else json.loads(text)))
    return events


def lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines() if line]


@contextlib.contextmanager
def own_gateway(upstreams, **settings: Any) -> Iterator[Weir]:
    """A gateway for one test in front of the same upstreams: what fails leaves no trace."""
    providers = {name: upstream.provider for name, upstream in upstreams.items()}
    with Weir({"providers": providers, **settings}) as weir:
        yield weir


def locked(upstreams):
    """A gateway that asks for a key."""
    return own_gateway(upstreams, keys=[KEY])
