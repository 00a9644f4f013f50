# SPDX-License-Identifier: Apache-2.0
"""What the pages show runs as they show it."""

import os
import pathlib
import re
import subprocess
import textwrap

import pytest

from harness import BINARY

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.S | re.M)
KEY = "sk-any-0123456789"

# What snippets take for granted, since another of the same page or the README has it.
AROUND = """
providers:
  openai: {}
  anthropic: {}
  gemini: {}
  azure: { base_url: https://one.openai.azure.com, api_key: env:OPENAI_API_KEY }
  local: { type: ollama, base_url: http://127.0.0.1:9 }
"""


def snippets():
    for page in PAGES:
        text = page.read_text()
        for block in BLOCK.finditer(text):
            line = text[: block.start()].count("\n") + 1
            yield pytest.param(textwrap.dedent(block[2]), id=f"{page.relative_to(ROOT)}:{line}")


@pytest.mark.parametrize("snippet", list(snippets()))
def test_a_configuration_of_the_pages_is_valid(tmp_path, snippet):
    secret = tmp_path / "secret"
    secret.write_text(KEY)
    (tmp_path / "weir.yaml").write_text(AROUND)
    (tmp_path / "weir.shown.yaml").write_text(re.sub(r"file:/[\w./-]+", f"file:{secret}", snippet))
    names = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"}
    environment = dict.fromkeys(names.union(re.findall(r"env:(\w+)", snippet)), KEY)
    environment["LEDGER_STORE"] = "postgres://weir@127.0.0.1/weir"
    run = subprocess.run(
        [BINARY, "validate", "--config", str(tmp_path / "weir.yaml")],
        capture_output=True, text=True, timeout=30, check=False,
        env={**environment, "PATH": os.environ["PATH"], "HOME": str(tmp_path), "WEIR_ENV": "shown"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
