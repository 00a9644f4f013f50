# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts, which set -euo pipefail: building a preset, running its tests. Works from
# the repository's root.
# shellcheck shell=bash

say() { echo "== $*" >&2; }

# configure <preset>: only the first time and after a change of the presets; ninja configures anew
# by itself when a CMake file changed.
configure() {
  local preset=$1 stamp=build/$1/.configured log
  [[ $stamp -nt CMakePresets.json ]] && return
  say "configuring $preset"
  mkdir -p build
  log=build/$preset-configure.log
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  touch "$stamp"
}

# build <preset> [target...]: configures and builds. On a terminal one line shows the progress;
# elsewhere only problems are printed.
build() {
  local preset=$1
  shift
  configure "$preset"
  if [[ -t 2 ]]; then
    (cd "build/$preset" && NINJA_STATUS="building $preset [%f/%t] " ninja "$@" >&2)
  else
    (cd "build/$preset" && ninja --quiet "$@") 2>&1 | sed '/^ninja: no work to do/d' >&2
  fi
}

# run_ctest <preset> [ctest option...]: prints ctest's report; leaves counts in the globals passed
# and failed (added to what they held).
run_ctest() {
  local preset=$1 results counts
  shift
  results=$PWD/build/$preset/test-results
  rm -rf "$results"
  mkdir -p "$results"
  GTEST_OUTPUT="xml:$results/" ctest --test-dir "build/$preset" --output-on-failure \
    --no-tests=error --parallel "$(nproc)" --output-junit "$results/ctest.junit" "$@" || true
  counts=$(python3 scripts/lib/count_results.py "$results")
  add_counts "$counts"
}

# run_e2e <preset> [pytest option...]: the end-to-end tests against that build's program.
run_e2e() {
  local preset=$1 log=build/$1/e2e.log counts status=0
  shift
  [[ -x tests/e2e/run.sh ]] || return 0
  say "end-to-end tests ($preset)"
  WEIR_BIN=$PWD/build/$preset/weir tests/e2e/run.sh "$@" 2>&1 | tee "$log" || status=$?
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) || true
  if [[ -z $counts ]]; then
    counts="0 passed, 1 failed"  # it broke before it could count
  elif [[ $status != 0 && $counts == *" 0 failed"* ]]; then
    counts="${counts%% *} passed, 1 failed"
  fi
  add_counts "$counts"
}

passed=0
failed=0
add_counts() {
  local words
  read -ra words <<<"$1"
  passed=$((passed + words[0]))
  failed=$((failed + words[2]))
}

# The last line of a test run; its status is the run's.
report_counts() {
  echo "$passed passed, $failed failed"
  [[ $failed == 0 && $passed != 0 ]]
}
