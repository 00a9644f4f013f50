# SPDX-License-Identifier: Apache-2.0
#
# Short names for a developer's day. The scripts do the work.

.PHONY: all unit check format tidy bench ci clean

# Builds and runs the unit tests with sanitizers on.
all: unit

unit:
	@scripts/setup.sh build test
	@bash -c 'set -e; source scripts/lib/build.sh; build dev; run_ctest dev; report_counts'

# What a change passes before it is proposed.
check: unit
	@scripts/setup.sh lint
	@.ci/run --step layout
	@.ci/run --step format
	@scripts/tidy.sh --changed

format:
	@git ls-files -z '*.cpp' '*.hpp' | xargs -0 clang-format-19 -i

tidy:
	@scripts/tidy.sh

bench:
	@scripts/bench.sh

ci:
	@.ci/run

clean:
	rm -rf build
