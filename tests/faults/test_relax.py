# SPDX-License-Identifier: MIT
"""`zif.relax` with the real CP2K: converged is what its log says; a job that was killed is gone on from; steps may run out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.relax import RelaxWorkChain

from .conftest import Harm

Run, Reports = Callable[..., Any], Callable[[Any], str]


@pytest.fixture
def shaken(crystal: Any) -> Any:
    """The crystal with its atoms 0.05 Å off their places."""
    species, positions, cell = structure_arrays(crystal)
    return to_structure(species, positions + np.random.default_rng(3).normal(0, 0.05, positions.shape), cell)


def test_killed_relaxation_goes_on_and_converges(run: Run, harm: Harm, reports: Reports, shaken: Any) -> None:
    """From the last whole structure; the energy falls, the largest force is below what was asked."""
    harm.during(1, "until [ \"$(grep -c ' i =' aiida-pos-1.xyz 2>/dev/null)\" -ge 4 ]; do sleep 0.1; done; kill -9 $pid")
    node = run(RelaxWorkChain, {"max_force_ev_per_angstrom": 0.4, "max_steps": 80}, structure=shaken)
    assert node.is_finished_ok, reports(node)
    assert harm.starts == 2
    results = node.outputs.results
    assert results["converged"]
    assert results["max_force_ev_per_angstrom"] < 0.4 * np.sqrt(3)
    jobs = list(node.called)
    energies = [job.outputs.trajectory.frames().energies for job in jobs]
    assert energies[1][-1] < energies[1][0] <= energies[0][0]
    assert jobs[1].inputs.structure.uuid == jobs[0].outputs.structure.uuid


@pytest.mark.long
def test_relaxation_out_of_steps_is_not_converged(run: Run, harm: Harm, reports: Reports, shaken: Any) -> None:
    """CP2K ends with code 0 all the same; the structure is put out as far as it came."""
    node = run(RelaxWorkChain, {"max_force_ev_per_angstrom": 0.001, "max_steps": 3}, structure=shaken)
    assert (node.exit_status, harm.starts) == (415, 1), reports(node)
    assert "structure" in node.outputs
