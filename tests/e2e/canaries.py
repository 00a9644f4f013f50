# SPDX-License-Identifier: Apache-2.0
"""Secrets that must be found nowhere (I-8, G-3): what they look like when somebody has written them
in another way, and where to look. Each gateway of these tests is looked through when it ends."""

from __future__ import annotations

import base64
import pathlib
import urllib.parse
from collections.abc import Iterable, Mapping

# The files that are there to hold a secret, readable by their owner alone.
KEY_FILES = {"admin-token", "key-pepper", "master-key", "audit-key", "data-key", "client-key"}
# The scripted providers' key, which almost every gateway of the tests is given.
UPSTREAM_KEY = "sk-upstream-0123456789abcdef"


def encodings(secret: str) -> dict[str, bytes]:
    raw = secret.encode("latin-1")  # one that is no text stands for its bytes
    return {
        "plain": raw,
        "base64": base64.b64encode(raw).rstrip(b"="),
        "base64 of a header": base64.b64encode(b"x:" + raw)[4:-4],
        "hex": raw.hex().encode(),
        "upper hex": raw.hex().upper().encode(),
        "url": urllib.parse.quote(raw, safe="").replace("-", "%2D").encode(),
        "json": "".join(f"\\u{ord(c):04x}" for c in secret).encode(),
        "reversed": raw[::-1],
    }


def leaks(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """(secret, encoding, place) of each that is found."""
    return [
        (name, encoding, place)
        for name, secret in secrets.items()
        for encoding, found in encodings(secret).items()
        for place, content in places.items()
        if found in content
    ]


def contents(folder: pathlib.Path, without: Iterable[str] = KEY_FILES) -> dict[str, bytes]:
    """Each file of the data directory, without the zeros that it was allocated with."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in without]
    return {str(file): file.read_bytes().rstrip(b"\0") for file in files}


def leaks_of_gateway(folder: pathlib.Path) -> list[tuple[str, str, str]]:
    """What a gateway that has ended left of its own secrets in its log and its data directory. The
    client key that it made it shows once, which is no leak."""
    data = folder / "data"
    own = [data / name for name in KEY_FILES - {"client-key"}]
    secrets = {one.name: one.read_text("latin-1").strip("\n") for one in own if one.exists()}
    secrets["provider key"] = UPSTREAM_KEY
    log = folder / "log"
    places = {"log": log.read_bytes()} if log.exists() else {}
    return leaks(secrets, places | contents(data))
