#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/tokens/exact.tsv: texts and what tiktoken itself counts in them.

usage: record_exact.py NODE_MODULES      (npm's `tiktoken` for the ranks, PyPI's to count)
"""

import itertools
import json
import pathlib
import random
import sys

import tiktoken

from build_tables import ENCODINGS, tokens_by_rank
from calibrate import ROOT, escaped, sentences

WORDS = ["Hello", "world", "HTTPServer", "camelCase", "snake_case", "don't", "WE'LL", "it'ſ", "naïve",
         "中文字符", "ǅungla", "e\u0301clair", "Привет", "नमस्ते", "日本語です", "안녕", "مرحبا", "😀", "👍🏽",
         "👩‍👩‍👧", "x", "1234567", "٣٤٥", "Ⅷ²", "3.14159", "0xDEADBEEF", "ʰʰ", "ªº"]
GAPS = ["", " ", "  ", "   \t", "\n", "\r\n", " \n ", "\n\n\n", "\u00a0", "\u3000", "-", "'", "/", "...\n", "!?"]
ALONE = ["", " ", "  ", "\n", "\r", "\r\n\r\n", " \n", "\n ", "\t\t\t", " \u2003 ", "'", "''s", "'s", "'S", "'ll",
         "'lL", "'r", "'re", "'v", "'ve ", "/", "//\n//", " /\r\n/", "\u0301", "\u0301A", "\u0301ABC",
         "\u0301's", "A\u0301", "ABC中", "中ABC", "中ABCd", "ABC中DEF", "<|endoftext|>", "<|im_start|>user",
         "\x00\x01\x02", "\ufeffBOM", "\ufffd\ufffd", "\U0010ffff", "\u0378", "a" * 300, "A" * 300,
         " " * 300, "\n" * 200, "1" * 100, "!" * 150, "ab" * 150, "中" * 100, "😀" * 50, "=" * 80 + "\n",
         " a  b   c    d", "a \n b \n\n c", "end with blanks   ", "end with lines\n\n\n"]
CODE = ['for (int i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\n}\n', "def f(x):\n    return x ** 2  # square\n",
        '{"id": 17, "name": "Ünï", "tags": [], "nested": {"a": null}}', "SELECT * FROM t WHERE a='b';--",
        "<div class=\"a b\">&nbsp;</div>", "https://example.com/a/b?c=d&e=%20f#g", "C:\\dir\\file.txt",
        "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ=", "550e8400-e29b-41d4-a716-446655440000",
        "| a | b |\n|---|---|\n| 1 | 2 |\n", "$E = mc^2$ and \\frac{1}{2}", "if(x){y();}else{z();}"]


def cases() -> list[tuple[str, str]]:
    chance = random.Random(1)
    pairs = [(a + gap + b) for a, gap, b in zip(WORDS, itertools.cycle(GAPS), WORDS[7:] + WORDS[:7])]
    mixed = ["".join(chance.choice(WORDS) + chance.choice(GAPS) for _ in range(12)) for _ in range(40)]
    prose = {name: sentences(name)[::3] for name in ["english", "chinese", "others"]}
    found = [("alone", text) for text in ALONE + WORDS] + [("pairs", text) for text in pairs]
    found += [("mixed", text) for text in mixed] + [("code", text) for text in CODE]
    return found + [(name, text) for name, texts in prose.items() for text in texts]


def encoding(node_modules: pathlib.Path, name: str) -> tiktoken.Encoding:
    data = json.loads((node_modules / f"tiktoken/encoders/{name}.json").read_text())
    ranks = {token: rank for rank, token in enumerate(tokens_by_rank(node_modules, name)) if token}
    return tiktoken.Encoding(name, pat_str=data["pat_str"], mergeable_ranks=ranks, special_tokens={})


def main() -> None:
    encodings = [encoding(pathlib.Path(sys.argv[1]), name) for name in ENCODINGS]
    lines = ["\t".join(["category", "text", *ENCODINGS])]
    for category, text in cases():
        counts = [str(len(each.encode_ordinary(text))) for each in encodings]
        lines.append("\t".join([category, escaped(text).replace("\0", "\\x00"), *counts]))
    (ROOT / "tests/tokens/exact.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(len(lines) - 1, "texts")


if __name__ == "__main__":
    main()
