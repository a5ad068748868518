# SPDX-License-Identifier: MIT
"""Models compiled and checked by the real programs, MD on what was compiled for another machine, and the published legacy model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip"
ENERGY, FORCE_NORM = -220.894188, 22.915654
"""Of the published crystal by the published model: eV/atom, and eV/Å, √Σ F² as LAMMPS prints it when it begins to minimize."""
STRESS = [-0.0017191, 0.0030037, -0.0016554, 0.0006489, -0.0019697, 0.0011864]
"""eV/Å³, tension positive, Voigt order."""

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory, aiida_profile: Any) -> dict[str, Any]:
    """The programs of this machine; the test is skipped where one is missing."""
    from aiida_zif.cli import profile

    roles = ("compile", "mliap", "check", "evaluate", "lammps")
    if missing := [role for role in roles if profile.find_program(role) is None]:
        pytest.skip(f"the programs for {', '.join(missing)} are neither beside this Python nor on the PATH")
    if shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    return profile.make_codes(profile.make_computer(tmp_path_factory.mktemp("work")))


@pytest.fixture
def package(aiida_profile: Any) -> Any:
    """A tiny model of ours, stored."""
    from aiida_zif.data.model import ZifModelData

    return ZifModelData.from_file(PACKAGE, "model.nequip.zip").store()


@pytest.mark.parametrize(("role", "target", "form"), [("compile", "pair_nequip", "compiled"), ("mliap", "mliap", "mliap")])
def test_model_is_compiled_and_checked_in_one_job(
    codes: dict[str, Any], package: Any, dataset: Any, role: str, target: str, form: str
) -> None:
    """Both targets pass every check on a validation frame, and say on which machine."""
    from aiida.engine import run_get_node

    from aiida_zif.calculations.compile import NequipCompileCalculation

    inputs = {"model": package, "target": target, "check_code": codes["check"], "dataset": dataset}
    _, node = run_get_node(NequipCompileCalculation, code=codes[role], **inputs)
    assert node.exit_status == 0, (node.exit_message, node.outputs.retrieved.base.repository.list_object_names())
    assert (node.outputs.compiled.form, node.outputs.compiled.base.attributes.get("parent")) == (form, package.uuid)
    check = node.outputs.results["check"]
    assert check["passed"]
    assert len(check["checks"]) == 16
    assert all(one["found"] < 0.5 * one["allowed"] for one in check["checks"].values()), check["checks"]
    if form == "compiled":
        assert node.outputs.results["isa"]
        assert check["cost_us_per_atom"] < check["package_cost_us_per_atom"]


def test_model_that_is_another_does_not_leave_its_job(codes: dict[str, Any], package: Any, dataset: Any, tmp_path: Path) -> None:
    """A program that compiles another model than it was given: 524, and no node."""
    from aiida.engine import run_get_node
    from aiida.orm import InstalledCode

    from aiida_zif.calculations.compile import NequipCompileCalculation

    liar = tmp_path / "liar"
    other = PACKAGE.with_name("tiny_allegro.nequip.zip")
    liar.write_text(f"#!/bin/sh\nexec {codes['mliap'].filepath_executable} {other} $2\n")
    liar.chmod(0o755)
    code = InstalledCode(label="liar", computer=codes["mliap"].computer, filepath_executable=str(liar), with_mpi=False).store()
    inputs = {"model": package, "target": "mliap", "check_code": codes["check"], "dataset": dataset}
    _, node = run_get_node(NequipCompileCalculation, code=code, **inputs)
    assert node.exit_status == 524
    assert "forces against the package off by" in node.exit_message
    assert "compiled" not in node.outputs
    assert not node.outputs.results["check"]["passed"]


def test_md_compiles_again_what_does_not_fit(
    codes: dict[str, Any], package: Any, crystal: Any, make_compiled: Callable[..., Any]
) -> None:  # fmt: skip
    """A model for an instruction set that no machine has: refused by zif-lmp, compiled from its package, and MD runs to its end."""
    from aiida.engine import run_get_node
    from aiida.orm import Dict

    from aiida_zif.workchains.md import MdWorkChain

    potential = make_compiled(AOTI_CPU_ISA="SVE9", nequip_aoti_outputs="atomic_energy forces virial")
    potential.base.attributes.set("parent", package.uuid)
    stage = {"kind": "hold", "label": "warm", "steps": 20, "temperature_k": 300.0}
    run = {"stages": [stage], "seed": 3, "dump_every": 5, "thermo_every": 5}
    inputs = {"structure": crystal, "reference": crystal, "potential": potential, "run": Dict(run)}
    roles = {role: codes[role] for role in ("lammps", "compile", "check")}
    _, node = run_get_node(MdWorkChain, codes=roles, **inputs)
    children = [child.process_label for child in sorted(node.called, key=lambda child: child.pk)]
    assert node.exit_status == 0, node.exit_message
    assert children[:3] == ["LammpsMdCalculation", "NequipCompileCalculation", "LammpsMdCalculation"]
    assert node.outputs.results["last_step"] == 20
    assert node.outputs.compiled.base.attributes.get("isa") != ["SVE9"]


@pytest.fixture
def published(shared_data: Path) -> tuple[Any, Any]:
    """The published model, and a dataset whose held-out frame is the published crystal, labelled with what is known of it."""
    from aiida_zif.data.dataset import Origin, ZifDatasetData
    from aiida_zif.data.model import ZifModelData
    from aiida_zif.formats import lammps_data
    from aiida_zif.science.frames import Frames

    castel = shared_data / "castel2024"
    crystal = lammps_data.read((castel / "crystal.lmp").read_text(), ["C", "H", "N", "Zn"])
    positions = np.repeat(crystal.positions, 3, axis=0)
    frames = Frames(
        crystal.species, positions, np.repeat(crystal.cells, 3, axis=0), energies=np.full(3, ENERGY * 272),
        forces=np.zeros_like(positions), stresses=np.repeat(np.array(STRESS)[None], 3, axis=0),
    )  # fmt: skip
    origin = Origin(np.zeros(3, dtype=np.int64), np.arange(3))
    split = ["train", "validation", "held_out"]
    dataset = ZifDatasetData.from_frames(frames, split, origin, trajectories=["published"], drawing={"method": "random", "seed": 1})
    path = castel / "nequip_l2r6stress0.pth"
    return ZifModelData.from_file(path, path.name), dataset


def test_published_model_is_evaluated(codes: dict[str, Any], published: tuple[Any, Any]) -> None:
    """zif.evaluate on the TorchScript file: energy to 10⁻⁶ of itself, stress to the digits known, forces of the size they have."""
    from aiida.engine import run_get_node
    from aiida.orm import Int

    from aiida_zif.calculations.evaluate import NequipEvaluateCalculation

    model, dataset = published
    inputs = {"model": model, "dataset": dataset, "cost_calls": Int(1), "warm_up": Int(0)}
    _, node = run_get_node(NequipEvaluateCalculation, code=codes["evaluate"], **inputs)
    assert node.exit_status == 0, node.exit_message
    accuracy = node.outputs.accuracy.get_dict()
    assert accuracy["energy_mae_mev_per_atom"] < 1e-6 * abs(ENERGY) * 1000
    assert accuracy["stress_mae_mpa"] < 0.02
    assert abs(accuracy["pressure_bias_mpa"]) < 0.02, "198.03 bar to 0.2 bar"
    assert accuracy["forces_rmse_mev_per_angstrom"] == pytest.approx(1000 * FORCE_NORM / np.sqrt(3 * 272), rel=3e-6)
    assert accuracy["model_form"] == "torchscript"
