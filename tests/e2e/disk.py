# SPDX-License-Identifier: Apache-2.0
"""A small disk for a data directory, which a test can fill."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import subprocess
from typing import Iterator

import pytest

# Small files, so that a small disk is soon used up.
LEDGER = {"segment_size": "1MiB"}


@contextlib.contextmanager
def small_disk(place: pathlib.Path, mebibytes: int) -> Iterator[pathlib.Path]:
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "weir-test", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("no disk of its own can be mounted here: " + mounted.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: pathlib.Path) -> pathlib.Path:
    """Takes all the room there is left; the file that has it."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def bulky() -> dict[str, str]:
    """Headers that make a call's entry in the ledger long, and hard to compress."""
    return {"x-weir-tags": ",".join(secrets.token_hex(100) for _ in range(20))}
