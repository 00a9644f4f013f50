#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the pages of the documentation that are made from the program's own tables and the tests'.
#
#   scripts/docs.sh            writes them, under docs/reference/
#   scripts/docs.sh --check    changes nothing; fails when they are out of date, or a link leads nowhere
#
# WEIR_BIN: a program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -z ${WEIR_BIN:-} ]]; then
  scripts/setup.sh build
  source scripts/lib/build.sh
  build release weir
  WEIR_BIN=build/release/weir
fi

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$WEIR_BIN" docs config >"$made/configuration.md"
"$WEIR_BIN" docs providers >"$made/providers.md"
"$WEIR_BIN" docs permissions >"$made/permissions.md"
python3 tests/e2e/matrix.py >"$made/dialect-matrix.md"

if [[ ${1:-} != --check ]]; then
  cp "$made"/*.md docs/reference/
  exit
fi

is_right=true
for page in "$made"/*.md; do
  diff -u "docs/reference/$(basename "$page")" "$page" || {
    echo "docs/reference/$(basename "$page") is out of date: scripts/docs.sh writes it" >&2
    is_right=false
  }
done

# Relative links in Markdown, without their anchors.
while IFS=: read -r page link; do
  link=${link#"]("}
  link=${link%%[#)]*}
  [[ -z $link || $link == *://* || -e $(dirname "$page")/$link ]] && continue
  echo "$page: the link to $link leads nowhere" >&2
  is_right=false
done < <(grep -oHE '\]\([^) ]+\)' ./*.md docs/*.md docs/*/*.md)
$is_right
