# SPDX-License-Identifier: MIT
"""The wheel: it holds the package with its data, and nothing of the workshop."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as hatchling builds it, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_carries_the_entry_points(wheel: zipfile.ZipFile) -> None:
    """``setup.json`` arrives in the wheel's metadata, beside the console scripts."""
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(wheel.read(next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))).decode())
    expected = json.loads((ROOT / "setup.json").read_text(encoding="utf-8"))["entry_points"]
    found = {
        group: sorted(f"{name} = {value}" for name, value in parser[group].items())
        for group in parser.sections()
        if group.startswith("aiida.")
    }
    assert found == expected
    ours = {"aiida-zif", "zif-analysis", "zif-check", "zif-collect", "zif-disagree", "zif-evaluate", "zif-frames", "zif-lmp"}
    assert set(parser["console_scripts"]) == ours


def test_wheel_holds_the_package_only(wheel: zipfile.ZipFile) -> None:
    """Every file of the package that git knows is in the wheel, and no tests, benchmarks or caches."""
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert all(name.startswith("aiida_zif/") for name in names)
    assert not [name for name in names if "__pycache__" in name]
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "aiida_zif").rglob("*") if path.suffix in (".py", ".yaml", ".cif")}
    assert package <= names
