#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How long the program takes to serve after a crash that left many calls in the ledger which nobody
# has added up, with a budget that needs their sum (rule X-7: 100,000 within 5 s).
#
#   scripts/start.sh [calls]    default 100000
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
source scripts/lib/build.sh

build release weir usage_bench
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
calls=${1:-100000}
build/release/bench/usage_bench --spool "$folder/data" "$calls"
python3 tests/bench/start.py build/release/weir "$folder" "$calls"
