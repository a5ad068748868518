# SPDX-License-Identifier: MIT
"""Basis sets and pseudopotentials are nodes: read once, taken again where equal, edges of every job."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict, SinglefileData

from aiida_zif.calculations.aimd import Cp2kAimdCalculation
from aiida_zif.workchains.aimd import AimdWorkChain
from aiida_zif.workchains.level import data_nodes

from .conftest import Ending

RUN = {"temperature_k": 300.0, "steps": 12, "seed": 7, "method": "pbe-d3"}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CP2K's data files, in small."""
    elements = ("C", "H", "N")
    sets = "".join(f"{element} DZVP-GTH-PBE\n 1\n" for element in elements) + "Zn DZVP-MOLOPT-SR-GTH\n 2\n"
    charges = {"C": 4, "H": 1, "N": 5, "Zn": 12}
    (tmp_path / "BASIS_SET").write_text(sets)
    (tmp_path / "POTENTIAL").write_text("".join(f"{element} GTH-PBE-q{n} GTH-PBE\n {n}\n" for element, n in charges.items()))
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("data", "aiida_profile_clean")
def test_equal_content_is_one_node(crystal: Any) -> None:
    """Nothing is stored by asking; what the profile has is taken again; another content is another node."""
    first = data_nodes("pbe-d3", structure=crystal)
    assert sorted(first) == ["basis_sets", "pseudopotentials"]
    assert not any(node.is_stored for node in first.values())
    assert first["basis_sets"].label == "pbe-d3: C H N Zn"
    first["basis_sets"].store()
    again = data_nodes("pbe-d3", structure=crystal)
    assert again["basis_sets"].uuid == first["basis_sets"].uuid
    assert not again["pseudopotentials"].is_stored


@pytest.mark.usefixtures("data")
def test_nodes_that_are_given_are_kept(crystal: Any) -> None:
    """Neither tight binding nor a run with nodes of its own reads CP2K's files."""
    assert data_nodes("gfn1-xtb", structure=crystal) == {}
    assert data_nodes("pbe-d3", structure=crystal, basis_sets=object()) == {}


@pytest.mark.usefixtures("data")
def test_they_are_edges_of_the_job_and_named_in_its_input(run_chain: Callable[..., Any], codes: dict[str, Any], crystal: Any) -> None:
    """Through the chain into the job, whose input reads these files and not those of the installation."""
    nodes = data_nodes("pbe-d3", structure=crystal)
    inputs = {"codes": {"cp2k": codes["cp2k"]}, "structure": crystal, "run": Dict(RUN), **nodes}
    found = run_chain(AimdWorkChain, lambda *_: Ending("ERROR_PROGRAM_ABORTED", values={"program": "CP2K", "reason": "no"}), **inputs)
    job = found.children[0].node
    assert {"file__basis_sets", "file__pseudopotentials"} <= {link.link_label for link in job.base.links.get_incoming().all()}


def test_one_of_two_is_refused(refusal: Callable[..., str], codes: dict[str, Any], crystal: Any) -> None:
    """Both or none, under the names that the input says."""
    job = {"code": codes["cp2k"], "structure": crystal, "run": Dict(RUN)}
    sets = SinglefileData(io.BytesIO(b"x"), filename="basis_sets.txt")
    assert "pseudopotentials is missing" in refusal(Cp2kAimdCalculation, **job, file={"basis_sets": sets})
    both = {"basis_sets": sets, "pseudopotentials": SinglefileData(io.BytesIO(b"y"), filename="other")}
    assert "must be called pseudopotentials.txt" in refusal(Cp2kAimdCalculation, **job, file=both)
    chain = {"codes": {"cp2k": codes["cp2k"]}, "structure": crystal, "run": Dict(RUN), "basis_sets": sets}
    assert "pseudopotentials is missing" in refusal(AimdWorkChain, **chain)
