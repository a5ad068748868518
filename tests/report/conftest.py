# SPDX-License-Identifier: MIT
"""A pipeline as plain facts, and a small one as a graph of nodes that no program made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState

UUID = "0a1b2c3d-0000-4000-8000-000000000000"


def solid(label: str, kind: str, **changes: Any) -> dict[str, Any]:
    """Facts of one replica; ``changes`` replace entries."""
    molten = kind == "glass"
    eos = {
        "bulk_modulus_gpa": [3.12, 0.41], "density_0_g_per_cm3": [1.5021, 0.011], "volume_0_angstrom3": [4982.0, 36.0],
        "k_prime": [4.0, 0.0], "chi2_reduced": 0.8, "order": 2, "n_points": 5, "excluded": [], "temperature_k": 300.0, "modulus": "Voigt",
        "reason": None,
        "volumes_angstrom3": [4700.0, 4850.0, 5000.0, 5150.0, 5300.0], "pressures_ev_per_angstrom3": [1.1e-3, 5e-4, -1e-4, -6e-4, -1.1e-3],
        "errors_ev_per_angstrom3": [1e-4] * 5, "ended": "done", "uuid": UUID, "uuid_chain": UUID,
    }  # fmt: skip
    elasticity = dict.fromkeys(("bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa", "poisson_ratio", "born_stable"))
    elasticity |= {"verdict": "not yet", "n_eff": 11.6, "sentence": "not yet (N_eff = 11.6; at least 30 is needed)."}
    elasticity |= {"temperature_k": 300.0, "n_cells": 500, "ended": "[711] No elastic constants yet", "uuid": UUID, "uuid_chain": UUID}
    facts = {
        "label": label, "kind": kind, "seed": 1001, "verdict": "done", "tmax_k": 1500.0, "held_ps": 5.0,
        "judged": 1, "n_zinc": 16, "min_exchanged_share": 0.1,
        "linkers": {"n": 32, "frames": 352, "transients": 0, "breaks": [], "uuids": [UUID]},
        "melt": {
            "molten": molten, "exchanged_share": 0.5 if molten else 0.0, "sentence": "…",
            "coordination_at_tmax": {"mean": 2.9, "error": 0.05, "n_eff": 9.0},
        },
        **structure(), "equation_of_state": eos, "elasticity": elasticity, "uuid": UUID, "uuid_certificate": UUID, "uuid_chain": UUID,
    }  # fmt: skip
    return {**facts, **changes}


def structure() -> dict[str, Any]:
    """Facts of the structure of a crystal or a solid."""
    return {
        "density_g_per_cm3": {"mean": 1.4987, "error": 0.0, "n_eff": 60.0}, "zn_n_first_peak_angstrom": 1.98,
        "zn_n_coordination": {"mean": 3.75, "error": 0.02, "n_eff": 12.0}, "n_zn_n_angle_deg": {"mean": 109.2, "std": 8.1},
        "rings_per_cell": {"12": {"mean": 24.0, "std": 1.0}, "8": {"mean": 4.0, "std": 0.0}}, "uuid_analysis": UUID,
    }  # fmt: skip


def by_temperature(temperature: float | None) -> dict[str, Any]:
    """Facts of one row of the errors by temperature."""
    return {
        "temperature_k": temperature, "energy_mae_mev_per_atom": 9.0, "energy_mae_error_mev_per_atom": 0.5, "stress_mae_mpa": 200.0,
        "stress_mae_error_mpa": None, "forces_mae_mev_per_angstrom": 250.0, "forces_mae_error_mev_per_angstrom": 11.0,
    }  # fmt: skip


def model(name: str, **changes: Any) -> dict[str, Any]:
    """Facts of one training."""
    facts = {
        "name": name, "architecture": name, "r_max_angstrom": 4.0, "epochs": 32, "epochs_asked": 32, "compiled": True,
        "runs_md": name == "nequip", "verdict": "done", "n_frames": 84, "energy_mae_mev_per_atom": 9.1, "energy_rmse_mev_per_atom": 12.0,
        "forces_mae_mev_per_angstrom": 251.0, "forces_rmse_mev_per_angstrom": 340.0, "forces_std_mev_per_angstrom": 1650.0,
        "forces_mae_relative": 0.152, "per_element": {"C": 280.0, "H": 150.0, "N": 310.0, "Zn": 160.0}, "stress_mae_mpa": 212.0,
        "stress_rmse_mpa": 300.0, "n_stress_frames": 84, "cost_us_per_atom": 17.3, "cost_n_atoms": 34, "model_form": "compiled",
        "energy_mae_error_mev_per_atom": 0.4, "forces_mae_error_mev_per_angstrom": 12.0, "stress_mae_error_mpa": None,
        "n_independent": {"energy": 20.0, "forces": 25.0}, "cost_calls": 20,
        "per_temperature": [by_temperature(290.0), by_temperature(None)],
        "uuid": UUID, "uuid_compiled": UUID, "uuid_accuracy": UUID, "uuid_chain": UUID,
    }  # fmt: skip
    return {**facts, **changes}


@pytest.fixture
def facts() -> dict[str, Any]:
    """A whole pipeline with one glass and one solid that did not melt."""
    point = {
        "label": "aimd_300K_v100", "asked_temperature_k": 300.0, "mean_temperature_k": 279.0, "volume_factor": 1.0, "method": "gfn1-xtb",
        "frames": 246, "frames_used": 206, "unconverged": 0, "length_ps": 0.1225, "verdict": "done", "recorded": False, "uuid": UUID,
        "uuid_chain": UUID,
    }  # fmt: skip
    job = {
        "label": "segment_01",
        "stage": "aimd",
        "start_s": 3.0,
        "end_s": 63.0,
        "core_s": 58.0,
        "host": "node7",
        "cached": False,
        "uuid": UUID,
    }
    verdict = {"process": "MdWorkChain", "stage": "eos", "depth": 2, "exit_status": 0, "verdict": "done", "uuid": UUID}
    drawing = {
        "method": "flat_histogram", "held_out_fraction": 0.1, "gap_frames": 20, "labelled_singly": 108,
        "train": {"asked": 160, "filled": 130, "empty": 30},
    }  # fmt: skip
    return {
        "pipeline": {
            "uuid": UUID, "verdict": "done", "finished_ok": True, "started": "2026-01-02T03:04:05+00:00", "seed": 1, "recorded": False,
        },
        "structure": {
            "formula": "C12H12N8Zn2", "n_atoms": 34, "volume_angstrom3": 630.0, "uuid": UUID, "n_atoms_md": 272, "uuid_md": UUID,
        },
        "aimd": [point, {**point, "label": "aimd_1500K_v95", "asked_temperature_k": 1500.0, "verdict": "[510] The trajectory has 900 K"}],
        "labels": {"asked": 117, "kept": 108, "verdict": "done", "uuid": UUID, "uuids": [UUID], "uuid_jobs": [UUID]},
        "dataset": {"counts": {"train": 238, "validation": 22, "held_out": 84}, "drawing": drawing, "stress": "virial", "uuid": UUID},
        "models": [model("nequip"), model("allegro")],
        "active_learning": None,
        "crystal": structure(),
        "glasses": [solid("replica_01", "glass"), solid("replica_02", "quenched solid, not molten", verdict="[710] The result stands")],
        "verdicts": [{"label": "eos_replica_01", **verdict}, {"label": "md", **verdict, "verdict": "[531] The run blew up at step 7"}],
        "cost": {
            "wall_s": 100.0, "jobs_s": 90.0, "aiida_s": 10.0, "core_s": 58.0, "processes": 9, "jobs": [job],
            "stages": {"aimd": {"jobs": 1, "cached": 0, "core_s": 58.0, "wall_s": 60.0}},
        },
        "versions": {"aiida-core": "2.9.4", "CP2K": "2023.1"},
        "aids": [{"name": "wall", "sentence": "MD adds a short-range wall beside the model: buck 3.0 on 10 pairs", "uuid": UUID}],
        "limits": ["272 atoms in MD"],
    }  # fmt: skip


@pytest.fixture
def arrays() -> dict[str, np.ndarray[Any, Any]]:
    """The curves of one analysis."""
    r = np.linspace(0.05, 8, 20)
    degrees = np.linspace(1, 179, 20)
    return {"r": r, "g_zn_n": np.sin(r) ** 2, "n_zn_n": r, "angle": degrees, "angle_density": np.full(20, 1 / 180)}


KINDS = {orm.CalcJobNode: LinkType.CALL_CALC, orm.CalcFunctionNode: LinkType.CALL_CALC, orm.WorkChainNode: LinkType.CALL_WORK}


def _process(
    kind: type[orm.ProcessNode], name: str, label: str = "", caller: Any = None, status: int = 0, message: str | None = None, **given: Any
) -> Any:
    """Return a stored process, finished with ``status``; ``given`` are its inputs."""
    node: Any = kind(computer=given.pop("computer")) if "computer" in given else kind()
    node.set_process_label(name)
    work = isinstance(node, orm.WorkChainNode)
    for port, data in given.items():
        node.base.links.add_incoming(data if data.is_stored else data.store(), LinkType.INPUT_WORK if work else LinkType.INPUT_CALC, port)
    if caller is not None:
        node.base.links.add_incoming(caller, KINDS[kind], label or "CALL")
    node.base.attributes.set("version", {"core": "2.9.4", "plugin": "0.1.0"})
    node.store()
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(status)
    if message:
        node.set_exit_message(message)
    return node


def _made(node: Any, **data: Any) -> None:
    """Give a process its outputs."""
    link = LinkType.RETURN if isinstance(node, orm.WorkChainNode) else LinkType.CREATE
    for port, value in data.items():
        if link == LinkType.RETURN:
            value.store()
        value.base.links.add_incoming(node, link, port)
        value.store()


@pytest.fixture(scope="session")
def process() -> Callable[..., Any]:
    """``process(kind, name, label, caller, status, message, **inputs)``: a stored process that has finished."""
    return _process


@pytest.fixture(scope="session")
def made() -> Callable[..., None]:
    """``made(node, **outputs)``: gives a process its outputs."""
    return _made
