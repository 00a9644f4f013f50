#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The end-to-end tests against a gateway whose threads come late: what is told before it is so, and
# tests that look too early, fail here and not once in a hundred runs.
#
#   scripts/late.sh [pytest option...]       e.g. -k changes
#
# LATE_PERCENT (60) of the times that a thread is woken it sleeps first, up to LATE_MAX_MS (200).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh build test
source scripts/lib/build.sh

build release weir
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clang-19 -O2 -shared -fPIC -o "$folder/late_threads.so" tests/e2e/late_threads.c -ldl
# The tests start their gateways in an environment of their own, and a few have libraries for it.
cat >"$folder/weir" <<PROGRAM
#!/bin/sh
[ "\$1" = serve ] || exec "$PWD/build/release/weir" "\$@"
export LATE_PERCENT=${LATE_PERCENT:-60} LATE_MAX_MS=${LATE_MAX_MS:-200}
LD_PRELOAD="$folder/late_threads.so\${LD_PRELOAD:+:\$LD_PRELOAD}" exec "$PWD/build/release/weir" "\$@"
PROGRAM
chmod +x "$folder/weir"
# Most of the time goes by asleep.
WEIR_BIN=$folder/weir tests/e2e/run.sh -n10 "$@"
