#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The end-to-end tests against a built program.
#
#   tests/e2e/run.sh [path to weir] [pytest option...]       default: $WEIR_BIN or build/release/weir
#
# The last line is `N passed, N failed`. The SDKs come from the package registries, once;
# WEIR_E2E_NO_SDK=1 leaves their tests out where there is no network. WEIR_E2E_AGENTS=1 also gets two
# coding agents, which take 640 MB.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root/tests/e2e"

python_sdks=(openai==3.52.0 anthropic==2.11.0 google-genai==3.4.0)
venv=$root/build/e2e-venv

program=${WEIR_BIN:-$root/build/release/weir}
if [[ $# != 0 && $1 != -* ]]; then
  program=$(realpath "$1")
  shift
fi
if [[ ! -x $program ]]; then
  echo "e2e: there is no program at $program" >&2
  exit 1
fi

no_registry() {
  echo "e2e: $1; set WEIR_E2E_NO_SDK=1 to leave the SDKs' tests out" >&2
  exit 1
}

# pytest is Debian's where it is installed; only the SDKs have to come from elsewhere.
set_up_python() {
  [[ -x $venv/bin/python ]] || python3 -m venv --system-site-packages "$venv"
  if ! "$venv/bin/python" -c 'import pytest, xdist' 2>/dev/null; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check pytest pytest-xdist ||
      { echo "e2e: pytest is missing (Debian: python3-pytest python3-pytest-xdist)" >&2; exit 1; }
  fi
  [[ ${WEIR_E2E_NO_SDK:-} == 1 ]] && return
  [[ -f $venv/sdks && $(<"$venv/sdks") == "${python_sdks[*]}" ]] && return
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_sdks[@]}" ||
    no_registry "the SDKs for Python could not be installed"
  echo "${python_sdks[*]}" >"$venv/sdks"
}

set_up_node() {
  [[ ${WEIR_E2E_NO_SDK:-} == 1 ]] && return
  [[ sdk/node_modules/.package-lock.json -nt sdk/package-lock.json ]] && return
  npm --prefix sdk ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2 ||
    no_registry "the SDKs for JavaScript could not be installed"
}

set_up_agents() {
  [[ ${WEIR_E2E_AGENTS:-} == 1 ]] || return 0
  [[ agents/node_modules/.package-lock.json -nt agents/package-lock.json ]] && return
  npm --prefix agents ci --no-audit --no-fund --loglevel=error >&2 ||
    no_registry "the coding agents could not be installed"
}

set_up_python
set_up_node
set_up_agents

# Most tests wait most of the time, for a process to start or a deadline to pass.
workers=$(($(nproc) + 1))
report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
WEIR_BIN=$program "$venv/bin/python" -m pytest -q --numprocesses="$workers" --dist=loadfile \
  --junit-xml="$report" "$@" || status=$?
"$venv/bin/python" - "$report" <<'PYTHON' || exit 1
import sys
import xml.etree.ElementTree as ElementTree

suite = ElementTree.parse(sys.argv[1]).getroot().find("testsuite")
counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
failed = counts["failures"] + counts["errors"]
print(f"{counts['tests'] - failed - counts['skipped']} passed, {failed} failed")
PYTHON
exit $status
