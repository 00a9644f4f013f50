#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The pipeline in simulated weather, many seeds: scripts/sim.sh [seeds] [first seed]
#
# A broken invariant ends the run with its seed and trace; `weir-sim --seed N --trace` shows it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
source scripts/lib/build.sh

build release weir-sim
exec build/release/weir-sim --seeds "${1:-100000}" --seed "${2:-1}"
