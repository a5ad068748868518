# SPDX-License-Identifier: MIT
"""The audit of a node reads its file in batches and by its own facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import Float
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.calculations.functions.trajectory import audit_trajectory
from aiida_zif.data.audit import audit_node, facts, mask_of, ranges
from aiida_zif.formats import h5md
from aiida_zif.science.audit import audit


@pytest.mark.parametrize("recorded", ["300K_v100", "1000K_v105", "1400K_v95", "2000K_v100"])
def test_labels_of_real_runs_belong_together(repository: Any, aiida_profile: Any, recorded: str) -> None:
    """GFN1-xTB on the zinc imidazolate that ships, 0.5 fs apart: ΔE is the work of the forces within 1 %."""
    from aiida_zif.data.trajectory import ZifTrajectoryData

    path = repository / "aiida_zif" / "structures" / "dia-zn-im-2-recorded" / f"aimd_{recorded}.h5"
    found = audit_node(ZifTrajectoryData.from_file(path))
    assert found.consistency is not None
    assert found.consistency.slope == pytest.approx(1, abs=0.01)
    assert found.consistency.correlation > 0.999
    assert not found.labels_wrong


def test_published_names_of_runs_are_what_the_audit_says(shared_data: Any) -> None:
    """Of the two long xTB runs the labels are right and the temperatures are not: 158 K and 775 K over all steps."""
    from aiida_zif.formats import cp2k_output

    for name, asked, mean in (("xtb_300K_120_steps", 300, 158), ("xtb_1500K_120_steps", 1500, 775)):
        run = cp2k_output.read(shared_data / "cp2k_outputs" / name)
        found = audit(run.frames, asked)
        assert found.failed == ("temperature",)
        assert found.mean_temperature == pytest.approx(mean, abs=1)
        assert found.consistency is not None
        assert found.consistency.agrees


def test_node_is_audited_from_its_file(make_trajectory: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of two frames at a time gives the verdict on all; equilibration is not looked at, unconverged steps are those of the node."""
    node = make_trajectory(20, first_used_step=4, unconverged_steps=[6])
    monkeypatch.setattr(h5md, "frames_per_block", lambda _: 2)
    found = audit_node(node)
    whole = audit(node.frames(slice(4, None)), 300.0, unconverged_steps=[6])
    assert found.sentences == whole.sentences
    assert (found.evidence.n_frames, found.n_unconverged) == (16, 1)
    np.testing.assert_array_equal(np.flatnonzero(~found.usable), [2])


def test_conserved_drift_is_taken_from_the_node(make_trajectory: Callable[..., Any]) -> None:
    """eV over the run, by its time step."""
    node = make_trajectory(21, conserved_drift_ev=0.34, timestep_fs=0.5)
    assert audit_node(node).drift_ev_per_atom_ps == pytest.approx(0.34 / 34 / 0.01)


def test_verdict_is_a_node(make_trajectory: Callable[..., Any]) -> None:
    """The calcfunction puts out what a draw needs: which frames are not usable, and why."""
    found = audit_trajectory(make_trajectory(20, unconverged_steps=[3, 4, 9]).store(), Float(0.15))
    assert found["unusable"] == [[3, 5], [9, 10]]
    assert (found["frames"], found["frames_used"], found["labels_wrong"]) == (20, 17, False)
    assert found["reasons"] == [sentence for sentence in found["sentences"] if "more than 10%" in sentence]


@given(mask=st.lists(st.booleans(), max_size=30))
def test_runs_of_a_mask_come_back(mask: list[bool]) -> None:
    """Ranges and mask are one."""
    assert mask_of(ranges(np.array(mask, dtype=bool)), len(mask)).tolist() == mask


def test_facts_are_plain(make_trajectory: Callable[..., Any]) -> None:
    """What becomes a Dict holds no array."""
    import json

    json.dumps(facts(audit_node(make_trajectory(8))))
