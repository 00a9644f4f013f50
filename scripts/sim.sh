#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The pipeline, its limits and its ledger in simulated weather.
#
#   scripts/sim.sh [seeds [first seed]]     many seeds, 200 requests each; default 100000
#   scripts/sim.sh --requests M [seed]      one run of M requests, 1000000 say
#
# A broken invariant ends the run with its seed and trace; `weir-sim --seed N --trace` shows it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
source scripts/lib/build.sh

build release weir-sim
if [[ ${1:-} == --requests ]]; then
  exec build/release/weir-sim --requests "$2" --seed "${3:-1}"
fi
exec build/release/weir-sim --seeds "${1:-100000}" --seed "${2:-1}"
