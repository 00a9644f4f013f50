#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The long run of tests/e2e/test_proof.py: failing targets, broken streams, leaving clients,
# outages, reloads and the end, many times over. Not part of the checks of a change.
#
#   scripts/proof.sh [factor]    by default 250, which makes 10,000 of most things
#
# WEIR_BIN: a program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
WEIR_PROOF=${1:-250} exec tests/e2e/run.sh -k test_proof
