# SPDX-License-Identifier: MIT
"""Fixtures of all tests: AiiDA in a folder of its own, the marker ``long``, the shared data."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# `import aiida` makes a folder where AIIDA_PATH points, ~/.aiida without it: this stands before any such import.
if "aiida" in sys.modules:
    raise RuntimeError("aiida was imported before tests/conftest.py could give it a folder of its own")
AIIDA_PATH = tempfile.mkdtemp(prefix="aiida-zif-tests-")
os.environ["AIIDA_PATH"] = AIIDA_PATH
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
atexit.register(shutil.rmtree, AIIDA_PATH, ignore_errors=True)

pytest_plugins = ["aiida.tools.pytest_fixtures"]

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests of minutes to hours, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="takes long: give --long"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data too large for the repository; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data are not here: {SHARED_DATA} does not exist")
    return SHARED_DATA
