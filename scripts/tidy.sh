#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# clang-tidy, warnings as errors; prints problems only.
#
#   scripts/tidy.sh              every C++ file, as deep as the analyzer goes
#   scripts/tidy.sh --changed    what changed since the last tag, at most the last 20 commits; of each
#                                function the analyzer follows the first 20,000 states, which takes a
#                                third of the time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -n ${1:-} && $1 != --changed ]]; then
  sed -n '3,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 64
fi

scripts/setup.sh build lint
source scripts/lib/build.sh

repo_git() { git -c safe.directory='*' "$@"; }

# Prints the commit to compare with; nothing when everything is new.
base_commit() {
  local commits tag
  commits=$(repo_git rev-list --count HEAD)
  tag=$(repo_git describe --tags --abbrev=0 2>/dev/null) || tag=
  if [[ -n $tag ]] && (($(repo_git rev-list --count "$tag..HEAD") <= 20)); then
    echo "$tag"
  elif ((commits > 20)); then
    echo HEAD~20
  fi
}

# Changed files, and for a changed header the source that shows it to clang-tidy: its own, or the
# first that includes it.
changed_sources() {
  local base file name
  base=$(base_commit)
  if [[ -z $base ]]; then
    repo_git ls-files '*.cpp'
    return
  fi
  repo_git diff --name-only --diff-filter=d "$base" -- '*.cpp' '*.hpp' | while read -r file; do
    case $file in
      *.cpp) echo "$file" ;;
      *) if [[ -f ${file%.hpp}.cpp ]]; then
           echo "${file%.hpp}.cpp"
         else
           name=${file#src/}
           repo_git grep -lF "#include \"${name#include/}\"" -- '*.cpp' | head -n 1 || true
         fi ;;
    esac
  done | sort -u
}

# tidy <preset>: the files given on standard input, with that preset's compile commands.
tidy() {
  xargs --no-run-if-empty --max-procs="$(nproc)" --max-args=1 \
    sh -c 'out=$(clang-tidy-19 "$@" 2>/dev/null) || { printf "%s\n" "$out"; exit 1; }' \
    clang-tidy -p "build/$1" --quiet "${depth[@]}"
}

depth=()
if [[ ${1:-} == --changed ]]; then
  depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang --extra-arg=max-nodes=20000)
  sources=$(changed_sources)
else
  sources=$(repo_git ls-files '*.cpp')
fi
# Examples of a foreign project and code that must not compile are not in the compile commands.
sources=$(sed -n '/^\(src\|tests\|examples\)\//p' <<<"$sources" |
  sed '/^tests\/\(compile_fail\|install\)\//d')
build release  # for the headers that are generated
configure dev  # knows the fuzz targets
say "clang-tidy: $(grep -c . <<<"$sources") files"
# sed, not grep: that a change touched no file of the one kind is no failure.
sed '/^tests\/fuzz\//d' <<<"$sources" | tidy release
sed -n '/^tests\/fuzz\//p' <<<"$sources" | tidy dev
