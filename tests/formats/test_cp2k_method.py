# SPDX-License-Identifier: MIT
"""Levels of theory, and what of CP2K's data files a run needs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from aiida_zif.formats import cp2k_method

SETS = """# a library
Zn  DZVP-MOLOPT-SR-GTH DZVP-MOLOPT-SR-GTH-q12
 1
 2 0 2 1 2
   0.5 1.0 0.0
#
H DZVP-GTH-PBE
  1
  1 0 0 1 1
  0.2 1.0
H DZVP-GTH-PBE-other
  9
"""
POTENTIALS = "H GTH-PBE-q1 GTH-PBE\n 1\n 0.2 2 -4.17 0.72\n 0\n#\nZn GTH-PBE-q12 GTH-PBE\n 2 0 10\n 0.51 0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CP2K's data files, in small."""
    (tmp_path / "BASIS_SET").write_text(SETS)
    (tmp_path / "POTENTIAL").write_text(POTENTIALS)
    return tmp_path


def test_excerpt_is_what_the_elements_need_and_no_more(folder: Path) -> None:
    """In the order of the elements, without comments, each entry to its end and not further."""
    sets, potentials = cp2k_method.excerpts("pbe-d3", ["Zn", "H", "Zn"], folder) or ("", "")
    assert sets.splitlines()[:2] == ["H DZVP-GTH-PBE", "  1"]
    assert "other" not in sets
    assert "#" not in sets + potentials
    assert sets.index("H DZVP") < sets.index("Zn  DZVP")
    assert potentials.splitlines()[-1] == " 0.51 0"


def test_tight_binding_needs_none(folder: Path) -> None:
    """GFN1-xTB has its own parameters."""
    assert cp2k_method.excerpts("gfn1-xtb", ["Zn"], folder) is None
    assert cp2k_method.names_of("gfn1-xtb", "Xe") is None


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that is not there, an element that the method does not know, a machine without CP2K."""
    with pytest.raises(ValueError, match="C DZVP-GTH-PBE stands in none of BASIS_SET, BASIS_MOLOPT"):
        cp2k_method.excerpts("pbe-d3", ["C"], folder)
    with pytest.raises(ValueError, match="no basis set for Co"):
        cp2k_method.excerpts("pbe-d3", ["Co"], folder)
    monkeypatch.setenv("CP2K_DATA_DIR", str(folder / "absent"))
    with pytest.raises(ValueError, match="set CP2K_DATA_DIR to a folder with CP2K's data files"):
        cp2k_method.data_folder()
    monkeypatch.setenv("CP2K_DATA_DIR", str(folder))
    assert cp2k_method.data_folder() == folder


@pytest.mark.parametrize("method", [name for name, method in cp2k_method.METHODS.items() if not method.is_xtb])
def test_cp2k_reads_the_excerpt_as_its_own_file(method: str, tmp_path: Path) -> None:
    """The basis functions and the pseudopotentials that CP2K prints are the same from the excerpt as from its own data files."""
    program = shutil.which("cp2k.psmp")
    if program is None:
        pytest.skip("CP2K is not installed: what it reads cannot be seen")
    from aiida_cp2k.utils import Cp2kInput

    from aiida_zif.formats import cp2k_input

    species = ("Zn", "N", "C", "H")
    texts = cp2k_method.excerpts(method, species, cp2k_method.data_folder())
    assert texts is not None
    printed = []
    for own_files in (True, False):
        folder = tmp_path / str(own_files)
        folder.mkdir()
        for name, text in zip((cp2k_method.BASIS_SETS_FILE, cp2k_method.POTENTIALS_FILE), texts, strict=True):
            (folder / name).write_text(text)
        tree = Cp2kInput(cp2k_input.aimd(cp2k_input.AimdRun(300.0, 1, 1, method), species, own_files=own_files))
        for letter, row in zip("ABC", ("20 0 0", "0 20 0", "0 0 20"), strict=True):
            tree.add_keyword(f"FORCE_EVAL/SUBSYS/CELL/{letter}", row)
        tree.add_keyword("FORCE_EVAL/SUBSYS/COORD", {"": ["Zn 1 1 1", "N 3 1 1", "C 4 1 1", "H 5 1 1"]})
        tree.add_keyword("FORCE_EVAL/SUBSYS/PRINT/KINDS", {"_": "ON", "BASIS_SET": True, "POTENTIAL": True})
        tree.add_keyword("GLOBAL/RUN_TYPE", "NONE")
        (folder / "aiida.inp").write_text(tree.render())
        done = subprocess.run([program, "-i", "aiida.inp"], cwd=folder, capture_output=True, text=True, check=False)
        text = done.stdout
        assert "Atomic kind: Zn" in text or "Atomic kind" in text, text[-2000:]
        begin, end = text.index("1. Atomic kind"), text.index("MOLECULE KIND INFORMATION") if "MOLECULE KIND INFORMATION" in text else None
        printed.append(text[begin:end])
    assert printed[0] == printed[1]
    assert "SR-GTH" in printed[0]
