# SPDX-License-Identifier: MIT
"""`zif.dataset`: frames drawn by a seed, the end of each trajectory held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.dataset import DatasetWorkChain

HOW = {"method": "flat_histogram", "n_train": 8, "n_validation": 3, "held_out_fraction": 0.2, "gap": 2, "seed": 4}


@pytest.fixture
def trajectories(make_trajectory: Callable[..., Any]) -> dict[str, Any]:
    first = make_trajectory(20, seed=1, first_used_step=4)
    return {
        "first": first,
        "second": make_trajectory(20, seed=2, unconverged_steps=[3, 5]),
        "label": make_trajectory(3, seed=3, kind="label"),
    }


def draw(trajectories: dict[str, Any], **changes: Any) -> Any:
    return run_get_node(DatasetWorkChain, trajectories=trajectories, parameters=Dict({**HOW, **changes}))


def test_draw_is_recorded(trajectories: dict[str, Any]) -> None:
    """Counts, method, seed, bins asked and filled, where each frame came from; singly labelled frames all train."""
    outputs, node = draw(trajectories)
    assert node.is_finished_ok
    dataset = outputs["dataset"]
    drawing = dataset.base.attributes.get("drawing")
    assert (drawing["method"], drawing["seed"], drawing["labelled_singly"]) == ("flat_histogram", 4, 3)
    assert drawing["train"]["asked"] == 8
    assert drawing["train"]["filled"] + drawing["train"]["empty"] == 8
    assert dataset.counts["train"] == drawing["train"]["filled"] + 3
    uuids = dataset.base.attributes.get("trajectories")
    origin = dataset.origin("train")
    for frame, (owner, step) in enumerate(zip(origin.trajectory, origin.step, strict=True)):
        source = next(t for t in trajectories.values() if t.uuid == uuids[owner]).frames()
        found = source.positions[source.steps.tolist().index(step)]
        assert np.array_equal(dataset.frames("train").positions[frame], found)


def test_held_out_frames_are_the_end(trajectories: dict[str, Any]) -> None:
    """The last block of each trajectory, further from what is trained on than the gap: no neighbour in time leaks."""
    dataset = draw(trajectories)[0]["dataset"]
    held, trained = dataset.origin("held_out"), dataset.origin("train")
    uuids = dataset.base.attributes.get("trajectories")
    for name in ("first", "second"):
        owner = uuids.index(trajectories[name].uuid)
        first_held = held.step[held.trajectory == owner].min()
        assert held.step[held.trajectory == owner].max() == 19
        assert trained.step[trained.trajectory == owner].max() < first_held - HOW["gap"]


def test_unfit_frames_are_not_drawn(trajectories: dict[str, Any]) -> None:
    """Neither equilibration nor unconverged frames."""
    dataset = draw(trajectories, n_train=11, method="random")[0]["dataset"]
    uuids = dataset.base.attributes.get("trajectories")
    for split in ("train", "validation", "held_out"):
        origin = dataset.origin(split)
        assert not np.isin(origin.step[origin.trajectory == uuids.index(trajectories["second"].uuid)], [3, 5]).any()
        assert (origin.step[origin.trajectory == uuids.index(trajectories["first"].uuid)] >= 4).all()


def test_seed_decides(trajectories: dict[str, Any]) -> None:
    """One seed, one dataset; another seed, another."""
    first, second, third = (draw(trajectories, seed=seed)[0]["dataset"].base.attributes.get("content_hash") for seed in (4, 4, 5))
    assert first == second != third


def test_scan_is_measured_on_the_same_frames(trajectories: dict[str, Any]) -> None:
    """Held out at random by a seed of their own: number and seed of the training frames change nothing of them."""
    how = {"held_out_fraction": None, "gap": 0, "n_held_out": 6, "held_out_seed": 11, "method": "random"}
    first, second = (draw(trajectories, **how, **change)[0]["dataset"] for change in ({"n_train": 5}, {"n_train": 15, "seed": 5}))
    assert first.counts["held_out"] == 6
    for name in ("trajectory", "step"):
        np.testing.assert_array_equal(getattr(first.origin("held_out"), name), getattr(second.origin("held_out"), name))
    assert np.array_equal(first.frames("held_out").positions, second.frames("held_out").positions)
    assert second.counts["train"] == 15 + 3
    assert second.base.attributes.get("drawing")["leakage"]["n_held_out"] == 6


def test_histogram_and_audits_are_kept(trajectories: dict[str, Any]) -> None:
    """What each bin offered, the verdict on each trajectory, the sha256 of the file."""
    dataset = draw(trajectories)[0]["dataset"]
    bins = dataset.histogram("train")
    assert len(bins.offered) == 8
    assert bins.drawn.sum() == dataset.base.attributes.get("drawing")["train"]["filled"]
    assert dataset.histogram("held_out") is None
    audits = dataset.base.attributes.get("audits")
    assert [audit["trajectory"] for audit in audits] == dataset.base.attributes.get("trajectories")
    assert {audit["name"]: audit["frames_used"] for audit in audits} == {"first": 16, "second": 18, "label": 3}
    with dataset.open(mode="rb") as handle:
        assert hashlib.file_digest(handle, "sha256").hexdigest() == dataset.base.attributes.get("sha256")


def test_audit_is_made_once(trajectories: dict[str, Any]) -> None:
    """A second draw takes the audits of the first: it need not read all positions again."""
    first, second = (draw(trajectories, seed=seed)[1] for seed in (1, 2))
    called = [[child.process_label for child in node.called] for node in (first, second)]
    assert called[0].count("audit_trajectory") == 3
    assert called[1] == ["draw_dataset"]


def test_swapped_forces_are_not_drawn(trajectories: dict[str, Any], make_frames: Callable[..., Any]) -> None:
    """A trajectory with the forces of other frames ends the draw with a sentence that names it; nothing is stored."""
    time = np.arange(60)
    rng = np.random.default_rng(5)
    away = 0.02 * np.cos(0.3 * time[:, None, None] + rng.uniform(0, 7, (34, 3)))
    positions = make_frames(1).positions[0] + away
    energies = -3000 + 10 * (away**2).sum(axis=(1, 2))
    frames = make_frames(60, positions=positions, energies=energies, forces=-20 * away)
    facts = {"kind": "aimd", "asked_temperature_k": 300.0}
    good = ZifTrajectoryData.from_frames(frames, **facts)
    swapped = ZifTrajectoryData.from_frames(replace(frames, forces=-20 * np.roll(away, 7, axis=0)), **facts)
    assert draw({"third": good})[1].is_finished_ok
    outputs, node = draw({**trajectories, "third": swapped})
    assert not node.is_finished_ok
    assert "dataset" not in outputs
    assert "trajectory third" in node.exit_message
    assert "do not belong together" in node.exit_message


def test_two_systems_are_not_mixed(trajectories: dict[str, Any], make_frames: Callable[..., Any]) -> None:
    """Other atoms, or the same in another order, are named."""
    frames = make_frames(20)
    order = np.argsort(frames.species)
    fields = {name: getattr(frames, name)[:, order] for name in ("positions", "forces")}
    turned = replace(frames, species=tuple(frames.species[k] for k in order), masses=frames.masses[order], **fields)
    _, node = draw({**trajectories, "third": ZifTrajectoryData.from_frames(turned, kind="aimd")})
    assert "the same atoms in another order" in node.exit_message
    fewer = replace(
        frames, species=frames.species[:-1], masses=frames.masses[:-1], positions=frames.positions[:, :-1], forces=frames.forces[:, :-1]
    )
    _, node = draw({**trajectories, "third": ZifTrajectoryData.from_frames(fewer, kind="aimd")})
    assert "a dataset is of one system" in node.exit_message


def test_stresses_with_the_kinetic_part_are_not_mixed_in(trajectories: dict[str, Any], make_frames: Callable[..., Any]) -> None:
    """Virial beside total: refused, or on demand the total ones become NaN, with a sentence in the dataset."""
    total = ZifTrajectoryData.from_frames(replace(make_frames(20, seed=9), stress_content="total"), kind="aimd")
    _, node = draw({**trajectories, "third": total})
    assert "do not hold the same" in node.exit_message
    outputs, node = draw({**trajectories, "third": total}, mixed_stress="nan")
    dataset = outputs["dataset"]
    assert dataset.base.attributes.get("stress") == "virial"
    assert "third" in dataset.base.attributes.get("drawing")["stress_note"]
    third = dataset.base.attributes.get("trajectories").index(total.uuid)
    for split in ("train", "held_out"):
        known = np.isfinite(dataset.frames(split).stresses).all(axis=1)
        np.testing.assert_array_equal(known, dataset.origin(split).trajectory != third)
    alone, _ = draw({"third": total})
    assert alone["dataset"].base.attributes.get("stress") == "total"
    assert alone["dataset"].frames("train").stress_content == "total"


def test_unlabelled_trajectory_is_refused(trajectories: dict[str, Any]) -> None:
    """No forces, no dataset."""
    bare = ZifTrajectoryData.from_frames(replace(trajectories["second"].frames(), forces=None), kind="aimd")
    _, node = draw({"bare": bare})
    assert not node.is_finished_ok
    assert "forces" in node.exit_message


@pytest.mark.parametrize(
    ("change", "sentence"), [({"method": "clever"}, "must be flat_histogram or random"), ({"seed": None}, "lack seed")]
)
def test_bad_parameters_are_refused(
    refusal: Callable[..., str], trajectories: dict[str, Any], change: dict[str, Any], sentence: str
) -> None:
    """One sentence, before anything runs."""
    parameters = {key: value for key, value in {**HOW, **change}.items() if value is not None}
    assert sentence in refusal(DatasetWorkChain, trajectories=trajectories, parameters=parameters)
