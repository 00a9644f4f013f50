#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up a ctest run: GoogleTest binaries by their cases, other tests as one each.

usage: count_results.py <folder with ctest.junit and GoogleTest's *.xml>
Prints "N passed, N failed".
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def gtest_counts(report: pathlib.Path) -> tuple[int, int]:
    """(passed, failed) cases of one binary."""
    passed = failed = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None:
            failed += 1
        elif case.get("result") == "completed":
            passed += 1
    return passed, failed


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    passed = failed = 0
    for test in ElementTree.parse(folder / "ctest.junit").getroot().iter("testcase"):
        is_success = test.get("status") == "run"
        report = folder / f"{test.get('name')}.xml"
        if not report.exists():  # not GoogleTest, or it died before it could report
            passed, failed = passed + is_success, failed + (not is_success)
            continue
        binary_passed, binary_failed = gtest_counts(report)
        if not is_success and binary_failed == 0:
            binary_failed = 1  # every case passed, then a sanitizer or a crash at exit spoke
        passed, failed = passed + binary_passed, failed + binary_failed
    print(f"{passed} passed, {failed} failed")


if __name__ == "__main__":
    main()
