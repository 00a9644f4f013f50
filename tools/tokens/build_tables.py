#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes data/tokens/*: what the exact counter needs, in the form it is embedded.

usage: build_tables.py NODE_MODULES OUT_DIR

NODE_MODULES has npm's `tiktoken`; Python has PyPI's `tiktoken`; `zstd` is on the path. Run by hand:
the tables of published encodings never change, and a build should need neither package.
"""

import base64
import json
import pathlib
import struct
import subprocess
import sys

import tiktoken

ENCODINGS = ["o200k_base", "cl100k_base"]
# Must agree with CharClass in src/tokens/char_class.hpp. What no class holds is 0, "other".
CLASSES = [(1, r"[^\S\r\n]"), (2, r"[\r\n]"), (3, r"\p{N}"), (4, r"\p{Ll}"), (5, r"[\p{Lu}\p{Lt}]"),
           (6, r"[\p{Lm}\p{Lo}]"), (7, r"\p{M}")]
# A token is at most 128 bytes, so its length fits a byte.
TOKEN_BYTES_MAX = 255


def tokens_by_rank(node_modules: pathlib.Path, name: str) -> list[bytes]:
    """Lines of `! first-rank token token ...`, tokens in base 64."""
    data = json.loads((node_modules / f"tiktoken/encoders/{name}.json").read_text())
    tokens: list[bytes] = []
    for line in data["bpe_ranks"].splitlines():
        _, first, *encoded = line.split(" ")
        # A rank may be left out (o200k_base has one such hole); nothing can have it then.
        tokens += [b""] * (int(first) - len(tokens))
        tokens += map(base64.b64decode, encoded)
    assert len(set(tokens) - {b""}) == sum(map(bool, tokens))
    assert max(map(len, tokens)) <= TOKEN_BYTES_MAX
    return tokens


def pack(tokens: list[bytes]) -> bytes:
    """Lengths of all, then the bytes of all, in order of rank."""
    plain = struct.pack("<I", len(tokens)) + bytes(map(len, tokens)) + b"".join(tokens)
    command = ["zstd", "--ultra", "-22", "--no-progress", "--no-check", "-c",
               f"--stream-size={len(plain)}"]  # so that the frame says how much it unpacks to
    return subprocess.run(command, input=plain, stdout=subprocess.PIPE, check=True).stdout


def char_runs() -> list[tuple[int, int]]:
    """(first code point, class), as tiktoken's own regular expressions see them: the version of
    Unicode must be that one, not Python's."""
    single_bytes = {bytes([i]): i for i in range(256)}
    points = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    class_of = dict.fromkeys(points, 0)
    for number, pattern in CLASSES:
        # Text that the pattern does not match is left out of the tokens.
        matcher = tiktoken.Encoding("classes", pat_str=pattern, mergeable_ranks=single_bytes,
                                    special_tokens={})
        matched = matcher.decode(matcher.encode_ordinary("".join(points)))
        for point in matched:
            assert class_of[point] == 0
            class_of[point] = number
    runs = [(0, class_of["\0"])]
    for point in points:
        if class_of[point] != runs[-1][1]:
            runs.append((ord(point), class_of[point]))
    return runs


def main() -> None:
    node_modules, out = map(pathlib.Path, sys.argv[1:3])
    for name in ENCODINGS:
        packed = pack(tokens_by_rank(node_modules, name))
        (out / f"{name}.zst").write_bytes(packed)
        print(f"{name}: {len(packed)} bytes")
    runs = char_runs()
    # 32 bits each: the first code point above, the class in the low four bits.
    packed = b"".join(struct.pack("<I", first << 4 | number) for first, number in runs)
    (out / "char_classes.bin").write_bytes(packed)
    print(f"char_classes: {len(runs)} runs")


if __name__ == "__main__":
    main()
