# SPDX-License-Identifier: MIT
"""``aiida-zif --help`` answers at once, because it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
from aiida_zif.cli.main import cli
try:
    cli(["--help"])
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sys.modules)
"""


def test_help_loads_nothing_heavy() -> None:
    """Neither torch nor AiiDA's ORM nor a science library is imported for ``--help``."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    text, loaded = done.stdout.split("LOADED")
    assert "Usage" in text
    assert not {"torch", "aiida.orm", "ase", "scipy", "matplotlib", "h5py"} & set(loaded.split())
