#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes data/profile/weir.profdata anew, by which the release build is optimised: which functions are
# hot, which way their branches go. Counted in a build of its own under every dialect in front of
# every other and the end-to-end tests; takes about 20 minutes. To be run when the hot path has
# changed a good deal; a profile that is older costs speed, nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build test profile
source scripts/lib/build.sh

counts=build/profile/counts
build profile
rm -rf "$counts"
python3 tests/bench/bench.py --tools build/profile/bench --weir build/profile/weir --part training
run_e2e profile  # to be counted, not to be checked: what counts prints words of its own
llvm-profdata-19 merge --sparse --output=data/profile/weir.profdata "$counts"/*.profraw
say "data/profile/weir.profdata is of this build: scripts/bench.sh shows what it gives"
