#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing of the Debian 12 packages that Weir needs, and nothing else.
#
#   scripts/setup.sh [build] [test] [lint] [bench] [profile]      default: build
#
# The other scripts call this first, so it must cost nothing when nothing is missing.
set -euo pipefail

# libgtest-dev is among the build packages because one configured tree serves run.sh and test.sh.
build_packages=(
  clang-19 libclang-rt-19-dev lld-19 g++ ccache cmake ninja-build pkg-config
  libboost1.81-dev libboost-url1.81-dev libboost-json1.81-dev libssl-dev
  libre2-dev libsimdjson-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev prometheus-cpp-dev
  libsodium-dev libsqlite3-dev libpq-dev zlib1g-dev libbrotli-dev libzstd-dev libgtest-dev
  libhowardhinnant-date-dev tzdata
  ca-certificates curl git procps
)
test_packages=(nodejs npm openssl python3 python3-pytest python3-pytest-xdist python3-venv postgresql)
lint_packages=(clang-format-19 clang-tidy-19 python3)
profile_packages=(llvm-19 python3 util-linux)
bench_packages=(nginx python3 util-linux)

# Node.js often comes from elsewhere, with npm inside; the command is what counts.
command_of() {
  case $1 in
    nodejs) echo node ;;
    npm) echo npm ;;
  esac
}

# Prints those of the named packages that are not installed.
missing_of() {
  local installed package command
  # dpkg-query fails when it doesn't know one of them; what it prints of the others still counts.
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null) || true
  installed=" $(sed -n 's/ installed$//p' <<<"$installed" | tr '\n' ' ') "
  for package in "$@"; do
    [[ $installed == *" $package "* ]] && continue
    command=$(command_of "$package")
    [[ -n $command ]] && command -v "$command" >/dev/null && continue
    echo "$package"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif ! command -v sudo >/dev/null; then
    echo "setup: not root and no sudo; as root: apt-get install ${missing[*]}" >&2
    return 1
  elif [[ -t 0 ]]; then
    sudo "$@"
  else
    sudo -n "$@"  # nobody is there to type a password
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

wanted=()
for group in "${@:-build}"; do
  case $group in
    build | test | lint | bench | profile) declare -n packages="${group}_packages"; wanted+=("${packages[@]}") ;;
    *) echo "setup: unknown group '$group' (build, test, lint, bench, profile)" >&2; exit 64 ;;
  esac
done

mapfile -t missing < <(missing_of "${wanted[@]}")
[[ ${#missing[@]} == 0 ]] && exit 0

echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "setup: installing failed" >&2
  exit 1
fi
# Debian starts them at once; only the programs are wanted.
for service in nginx postgresql; do
  [[ " ${missing[*]} " != *" $service "* ]] || as_root service "$service" stop >/dev/null 2>&1 || true
done
