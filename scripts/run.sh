#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, builds, starts the gateway. Arguments go to `weir serve`:
#
#   scripts/run.sh [--config FILE] [...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Built in a subshell, so that `weir serve` keeps the caller's folder: --config may be relative.
(
  cd "$root"
  scripts/setup.sh build
  source scripts/lib/build.sh
  [[ -x build/release/weir ]] || say "first build, a few minutes"
  build release weir
)
exec "$root/build/release/weir" serve "$@"
