# SPDX-License-Identifier: Apache-2.0
"""What the tests share: one upstream per dialect and one gateway in front of all of them.

Starting a gateway costs little, but not nothing, so tests that need no configuration of their own
use `gateway`. Every upstream is sound and empty at the start of each test, and what it wrote down
as a violation of HTTP fails the test that caused it.
"""

from __future__ import annotations

import pytest

from answers import DIALECTS
from harness import Weir
from upstream import Upstream


@pytest.fixture(scope="session")
def all_upstreams():
    upstreams = {name: Upstream(name).start() for name in DIALECTS}
    yield upstreams
    for upstream in upstreams.values():
        upstream.kill()


@pytest.fixture
def upstreams(all_upstreams):
    """The upstreams by the name of their dialect."""
    for upstream in all_upstreams.values():
        upstream.forget()
    yield all_upstreams
    for upstream in all_upstreams.values():
        assert upstream.violations == []


@pytest.fixture(scope="session")
def shared_gateway(all_upstreams):
    providers = {name: upstream.provider for name, upstream in all_upstreams.items()}
    with Weir({"providers": providers, "models": {"smart": {"targets": ["openai/m"]}}}) as weir:
        yield weir


@pytest.fixture
def gateway(shared_gateway, upstreams):
    """A gateway whose providers are named like the dialect they speak."""
    if shared_gateway.process.poll() is not None:
        pytest.fail("the shared gateway ended in an earlier test")
    yield shared_gateway
    status = shared_gateway.process.poll()
    assert status is None, f"weir ended with status {status}:\n{shared_gateway.log()}"


@pytest.fixture(params=list(DIALECTS))
def dialect(request) -> str:
    """Each dialect in turn."""
    return request.param
