# SPDX-License-Identifier: MIT
"""Harvest: how runs went, the rate of breaks, and which frames are picked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science import harvest
from aiida_zif.science.frames import Frames


@pytest.fixture
def run(dia34, dia34_topology):
    """Return ``run(broken_from)``: 20 trembling frames 10 fs apart, a C–H bond of linker 2 torn from a frame on."""

    def make(broken_from: int | None = None, seed: int = 1) -> Frames:
        n = 20
        rng = np.random.default_rng(seed)
        positions = dia34.positions + rng.normal(0, 0.03, (n, len(dia34), 3))
        species = dia34_topology.species
        torn = next(
            b for b in dia34_topology.bonds.tolist() if dia34_topology.linker_of[b[0]] == 2 and "H" in (species[b[0]], species[b[1]])
        )
        hydrogen, carbon = sorted(torn, key=lambda atom: species[atom] != "H")
        if broken_from is not None:
            way = dia34.get_distance(carbon, hydrogen, mic=True, vector=True)
            positions[broken_from:, hydrogen] += 0.7 * way
        cells = np.repeat(dia34.cell[:][None], n, axis=0)
        return Frames(tuple(species), positions, cells, steps=10 * np.arange(n), temperatures=np.full(n, 1500.0))

    return make


def judged(topology, frames: Frames, **more) -> harvest.Survival:
    return harvest.survival(topology, frames, timestep_fs=1.0, **more)


def test_whole_run_survives_to_its_end(dia34_topology, run):
    """No reason, all of its time, the mean temperature of what is not skipped."""
    frames = run()
    frames = replace(frames, temperatures=np.where(np.arange(20) < 5, 3000.0, 1500.0))
    found = judged(dia34_topology, frames, skip_ps=0.05)
    assert (found.whole, found.reason, found.end, found.step) == (True, "", 20, 190)
    assert (found.survived_ps, found.mean_temperature_k) == (pytest.approx(0.19), 1500.0)


def test_broken_run_survives_to_its_break(dia34_topology, run):
    """The linker, the bond, and the time of the first frame of the break."""
    found = judged(dia34_topology, run(12))
    assert (found.whole, found.linker, found.end, found.step) == (False, 2, 12, 120)
    assert found.survived_ps == pytest.approx(0.12)
    assert "C–H bond of" in found.reason or "H–C bond of" in found.reason


def test_run_that_blew_up_is_not_whole(dia34_topology, run):
    """Where no frame shows the break, its last one is the end."""
    found = judged(dia34_topology, run(), blew_up="lost atoms")
    assert (found.whole, found.reason, found.linker, found.end) == (False, "lost atoms", None, 20)


def test_hazard_is_garwoods_interval(dia34_topology, run):
    """Two breaks in 0.12 + 0.12 + 0.19 ps of 4 linkers; a Poisson count of 2 lies between 0.242 and 7.225 with 95 %."""
    runs = [judged(dia34_topology, run(first)) for first in (12, 12, None)]
    found = harvest.hazard(runs, 4)
    watched = 4 * 0.43e-3
    assert found.events == 2
    assert (found.per_linker_ns, found.low, found.high) == pytest.approx((2 / watched, 0.2422 / watched, 7.2247 / watched), rel=1e-3)


def test_hazard_without_a_break_has_an_upper_end(dia34_topology, run):
    """Nothing seen is not nothing: at most 3.689 breaks with 97.5 %."""
    found = harvest.hazard([judged(dia34_topology, run())], 4)
    assert (found.events, found.per_linker_ns, found.low) == (0, 0.0, 0.0)
    assert found.high == pytest.approx(3.6889 / (4 * 0.19e-3), rel=1e-3)


def test_nothing_watched_gives_no_rate(dia34_topology, run):
    """A run that broke in its first frame was not watched."""
    with pytest.raises(ValueError, match="no rate of breaks"):
        harvest.hazard([judged(dia34_topology, run(0))], 4)


def test_frames_around_the_break_are_picked(dia34_topology, run):
    """So many before and after; of a run that stayed whole none."""
    runs = [(frames, judged(dia34_topology, frames)) for frames in (run(12, seed=1), run(seed=2))]
    found = harvest.pick(dia34_topology, runs, harvest.Rule(before=3, after=2, min_rmsd_angstrom=0.0))
    assert found == [(0, 9), (0, 10), (0, 11), (0, 12), (0, 13)]


def test_frames_are_shared_between_the_runs(dia34_topology, run):
    """The number of a round is no one run's, and those nearest to the break come first."""
    runs = [(frames, judged(dia34_topology, frames)) for frames in (run(12, seed=1), run(8, seed=2))]
    found = harvest.pick(dia34_topology, runs, harvest.Rule(before=6, after=2, max_frames=4))
    assert found == [(0, 11), (0, 12), (1, 7), (1, 8)]


def test_near_duplicates_are_left_out(dia34_topology, run):
    """Also of frames picked in earlier rounds, and of the same frame a lattice vector and a shift away."""
    frames = run(12)
    runs = [(frames, judged(dia34_topology, frames))]
    rule = harvest.Rule(before=2, after=1, min_rmsd_angstrom=0.02)
    known = frames.positions[[11]] + frames.cells[0].sum(axis=0) + 0.3
    assert harvest.pick(dia34_topology, runs, rule, known) == [(0, 10), (0, 12)]
    assert harvest.pick(dia34_topology, runs, replace(rule, min_rmsd_angstrom=2.0)) == [(0, 12)]


def test_overlapping_atoms_are_not_labelled(dia34_topology, run):
    """A frame of a collapse has no sound label."""
    frames = run(12)
    positions = frames.positions.copy()
    positions[12, 1] = positions[12, 0] + [0.3, 0, 0]
    frames = replace(frames, positions=positions)
    found = harvest.pick(dia34_topology, [(frames, judged(dia34_topology, frames))], harvest.Rule(before=2, after=2))
    assert found == [(0, 10), (0, 11), (0, 13)]


def test_disagreement_is_picked_wherever_it_stands(dia34_topology, run):
    """Above the bound, the largest first, up to the end of the sound part; where it is not known, not."""
    frames = run()
    disagreement = np.full(20, 0.1)
    disagreement[[3, 7]], disagreement[9] = (2.0, 3.0), np.nan
    runs = [(frames, judged(dia34_topology, frames))]
    rule = harvest.Rule(max_frames=1, max_disagreement_ev_per_angstrom=1.0)
    assert harvest.pick(dia34_topology, runs, rule, disagreement=[disagreement]) == [(0, 7)]
    assert harvest.pick(dia34_topology, runs, replace(rule, max_frames=9), disagreement=[disagreement]) == [(0, 3), (0, 7)]
    assert not harvest.pick(dia34_topology, runs, replace(rule, max_disagreement_ev_per_angstrom=None), disagreement=[disagreement])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"before": 0}, "before is 0"), ({"min_rmsd_angstrom": -1}, "0 or more"), ({"after": True}, "whole number"), ({"rmsd": 1}, "rmsd")],
)
def test_bad_rules_are_refused(values, sentence):
    """A sentence each."""
    with pytest.raises(ValueError, match=sentence):
        harvest.Rule.from_dict(values)
