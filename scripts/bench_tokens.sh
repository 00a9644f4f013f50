#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What counting tokens costs, in MB/s of one core's time, and how far the estimates are off, as the
# table of docs/concepts/token-counting.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build
source scripts/lib/build.sh

build release token_bench
exec build/release/bench/token_bench report tests/tokens/estimates.tsv tests/tokens/cuts.tsv
