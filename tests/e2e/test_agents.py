# SPDX-License-Identifier: Apache-2.0
"""Two coding agents do a small task through Weir, whatever the target behind it speaks.

The model is scripted: it calls the agent's own shell once and then says what that told it.
"""

import json
import os
import pathlib
import subprocess

import pytest

from answers import DIALECTS
from harness import Weir
from upstream import Upstream

PROGRAMS = pathlib.Path(__file__).parent / "agents" / "node_modules" / ".bin"
COMMAND = "echo made > made.txt && cat made.txt"
SECONDS_MAX = 120.0

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "codex").exists() or not (PROGRAMS / "claude").exists(),
    reason="the agents are not installed: WEIR_E2E_AGENTS=1 tests/e2e/run.sh gets them (640 MB)",
)


def run(name: str, arguments: list[str], folder: pathlib.Path, **environment: str) -> str:
    (folder / "work").mkdir()
    done = subprocess.run(
        [str(PROGRAMS / name), *arguments],
        cwd=folder / "work",
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_codex(weir: Weir, folder: pathlib.Path) -> str:
    (folder / "config.toml").write_text(f"""
model = "agent"
model_provider = "weir"
web_search = "disabled"  # OpenAI's own servers do that; any other target refuses it by name

[model_providers.weir]
name = "Weir"
base_url = "http://127.0.0.1:{weir.port}/v1"
env_key = "WEIR_KEY"
wire_api = "responses"
""")
    order = "use tool exec_command " + json.dumps({"cmd": COMMAND})
    arguments = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", "--json", order]
    lines = run("codex", arguments, folder, CODEX_HOME=str(folder), WEIR_KEY="x").splitlines()
    items = [line["item"] for line in map(json.loads, lines) if line["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"][-1]


def run_claude_code(weir: Weir, folder: pathlib.Path) -> str:
    order = "use tool Bash " + json.dumps({"command": COMMAND})
    arguments = ["--bare", "-p", order, "--model", "agent", "--allowedTools", "Bash"]
    out = run(
        "claude",
        [*arguments, "--output-format", "json"],
        folder,
        ANTHROPIC_BASE_URL=f"http://127.0.0.1:{weir.port}",
        ANTHROPIC_API_KEY="x",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        CLAUDE_CODE_MAX_OUTPUT_TOKENS="1000",  # the scripted Ollama's window is small
        DISABLE_AUTOUPDATER="1",
    )
    return json.loads(out)["result"]


AGENTS = {"codex": run_codex, "claude code": run_claude_code}


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("target", DIALECTS)
def test_an_agent_does_a_task(agent, target, tmp_path):
    with Upstream(target) as upstream:
        config = {
            "providers": {"up": upstream.provider},
            "models": {"agent": {"targets": ["up/m"]}},
        }
        with Weir(config) as weir:
            said = AGENTS[agent](weir, tmp_path)
        assert said.startswith("tool said: ") and "made" in said
        assert (tmp_path / "work" / "made.txt").read_text() == "made\n"
        asked, told = upstream.calls
        assert asked.ask.is_stream and told.ask.results[0].strip().endswith("made")
        assert upstream.violations == []
