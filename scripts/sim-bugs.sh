#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How good the simulator is: puts deliberate bugs into a copy of the code, one at a time, and counts
# how many it finds within 2,000 seeds. Takes an hour. Names of bugs (tests/sim/bugs.py) as arguments
# try these alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build

copy=$PWD/build/sim-bugs/source
rm -rf "$copy"
mkdir -p "$copy"
git -c safe.directory='*' ls-files -z | tar --null --files-from=- --create | tar --extract -C "$copy"
# A bug may leave something unused: without warnings.
cmake --preset release -S "$copy" -B build/sim-bugs/build -DCMAKE_CXX_FLAGS=-w >/dev/null
exec python3 tests/sim/bugs.py --source "$copy" --build build/sim-bugs/build "$@"
