# SPDX-License-Identifier: MIT
"""Sixty steps in one go, and the same in segments of which one was killed and one ran out of time: nothing shows but the cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_zif.science.units import HARTREE_IN_EV
from aiida_zif.workchains.aimd import AimdWorkChain

from .conftest import RUN, Harm

LONG = {**RUN, "steps": 60, "restart_every": 8, "heating_steps": 12, "heating_time_fs": 10.0, "equilibration_steps": 20}


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_interruptions_leave_no_trace(run: Callable[..., Any], harm: Harm, reports: Callable[[Any], str]) -> None:
    """Step ids equal and contiguous, energies within 1e-5 Hartree, no frame twice; the CSVR thermostat goes on with its own numbers."""
    whole = run(AimdWorkChain, LONG, temperature_tolerance=0.9)
    assert harm.starts == 2, reports(whole)  # heating has a job of its own
    harm.during(4, "step 26; kill -9 $pid")
    harm.before(5, "sed -i 's/RUN_TYPE MD/RUN_TYPE MD\\nWALLTIME 9/' aiida.inp")
    parts = run(AimdWorkChain, LONG, temperature_tolerance=0.9)
    said = reports(parts)
    assert harm.starts >= 6, said
    assert "(cut)" in said
    assert "(walltime)" in said
    one, other = (node.outputs.trajectory.frames() for node in (whole, parts))
    assert one.steps.tolist() == other.steps.tolist() == list(range(61))
    np.testing.assert_allclose(other.energies, one.energies, rtol=0, atol=1e-5 * HARTREE_IN_EV)
    np.testing.assert_allclose(other.temperatures, one.temperatures, rtol=0.02)
