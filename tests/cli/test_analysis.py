# SPDX-License-Identifier: MIT
"""`aiida-zif analysis`: plain files without a profile, nodes with provenance, and a sentence for everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiida_zif.cli.analysis import analysis

CRYSTAL = Path(__file__).parents[1] / "science" / "dia34.xyz"
QUICK = ["--set", "pore_frames=0", "--set", "scattering_frames=1", "--set", "scattering_max_angstrom=8", "--set", "ring_depth=12"]


def call(*arguments: str) -> Any:
    return CliRunner().invoke(analysis, [*arguments, *QUICK])


def test_a_file_is_analysed_without_a_profile(tmp_path: Path) -> None:
    """In a Python that refuses to import AiiDA: the words on standard output, and JSON that agrees with them."""
    code = (
        "import sys\nclass Absent:\n    def find_spec(self, name, *_):\n        if name.split('.')[0] == 'aiida':\n"
        "            raise ModuleNotFoundError(name)\nsys.meta_path.insert(0, Absent())\n"
        "from aiida_zif.cli.analysis import analysis\nanalysis()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(CRYSTAL), "--json", *QUICK], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["sources"]["dia34"]
    assert found["zn_n_coordination_histogram"] == {"4": 1.0}
    assert found["rings_per_cell"]["12"]["mean"] == 4.0
    assert "give a trajectory" in found["missing"]["msd"]
    assert "Zn–N coordination  4.00" in call(str(CRYSTAL)).output


def test_several_sources_are_laid_over_one_another(tmp_path: Path) -> None:
    """Figures as SVG, PDF and PNG with the numbers beside them, both sources in the table, and their average."""
    other = tmp_path / "other.xyz"
    other.write_text(CRYSTAL.read_text())
    result = call(str(CRYSTAL), str(other), "--figures", str(tmp_path / "figures"), "--temperature", "300")
    assert result.exit_code == 0, result.output
    assert "average ± its error" in result.output
    assert "2 sources" in result.output
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {f"{name}.{kind}" for name in ("rdf_pmf", "angles", "rings", "scattering") for kind in ("svg", "pdf", "png", "csv")} <= written
    rows = (tmp_path / "figures" / "rings.csv").read_text().splitlines()
    assert rows[1:] == ["dia34,12,2.0,", "other,12,2.0,"]
    assert (tmp_path / "figures" / "rdf_pmf.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "water.xyz",
            '3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nO 0 0 0\nH 0.96 0 0\nH -0.24 0.93 0\n',
            "holds no Zn",
        ),
        ("empty.cif", "", "no whole cif file"),
    ],
)
def test_what_cannot_be_analysed_is_a_sentence_and_no_number(tmp_path: Path, name: str, text: str, words: str) -> None:
    """Exit code 1, one line that names the file."""
    (tmp_path / name).write_text(text)
    result = call(str(tmp_path / name))
    assert result.exit_code == 1
    assert words in result.output
    assert name in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--framework", "ZIF-99"], "no network template 'ZIF-99'"),
        (["--set", "colour=1"], "knows no colour"),
        (["--set", "ring_depth"], "is not like ring_frames=10"),
        (["123"], "give files or nodes, not both"),
    ],
)
def test_wrong_words_are_refused(arguments: list[str], words: str) -> None:
    """One sentence, nothing runs."""
    result = call(str(CRYSTAL), *arguments)
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())


def test_nodes_are_analysed_with_provenance(crystal: Any, make_trajectory: Callable[..., Any]) -> None:
    """A structure and a trajectory: what is found is stored and hangs on them."""
    from aiida.orm import QueryBuilder

    from aiida_zif.workchains.analysis import AnalysisWorkChain

    crystal.store()
    trajectory = make_trajectory(3).store()
    result = call(str(crystal.pk), str(trajectory.pk), "--reference", str(crystal.pk))
    assert result.exit_code == 0, result.output
    chain = QueryBuilder().append(AnalysisWorkChain, tag="chain").order_by({AnalysisWorkChain: {"id": "desc"}}).first(flat=True)
    assert chain.inputs.trajectory.uuid == trajectory.uuid
    assert chain.outputs.summary["frames"] == 3
    refused = call(str(trajectory.pk))
    assert refused.exit_code == 1
    assert "give its crystal as --reference" in refused.output
