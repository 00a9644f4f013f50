#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Weir beside nginx's bare proxy_pass, as tables: CPU time, latency, memory, start, and the CPU time
# of every client dialect in front of every target dialect; before that, what single decisions cost.
# Wants two cores and a quiet machine. Options go to tests/bench/bench.py: --rounds N,
# --part main|matrix for one of the two, --part overload for what twice the load that the gateway can
# take does to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build bench
source scripts/lib/build.sh

build release
build/release/bench/routing_bench
build/release/bench/admission_bench
ledger=$(mktemp -d)
build/release/bench/ledger_bench "$ledger"
rm -rf "$ledger"
exec python3 tests/bench/bench.py --tools build/release/bench --weir build/release/weir "$@"
