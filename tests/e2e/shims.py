# SPDX-License-Identifier: Apache-2.0
"""Libraries that are loaded into the gateway before the C library, to have it see another world."""

import pathlib
import shutil
import subprocess

import pytest

COMPILERS = ("cc", "clang-19", "clang", "gcc")


def make_shim(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Made of `name`.c, for LD_PRELOAD."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        pytest.skip("there is no C compiler here")
    source = pathlib.Path(__file__).with_name(name + ".c")
    library = folder / (name + ".so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library
