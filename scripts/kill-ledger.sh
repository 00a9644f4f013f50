#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The long run of the ledger's proof: kills the gateway under load that many times, at random
# moments, and looks whether a call was lost or doubled.
#
#   scripts/kill-ledger.sh [1000]
#
# WEIR_BIN: a program that is built already. WEIR_LEDGER_SEED: the moments of an earlier run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
WEIR_LEDGER_KILLS=${1:-1000} exec tests/e2e/run.sh -k test_x2_no_kill_loses_or_doubles_a_call
