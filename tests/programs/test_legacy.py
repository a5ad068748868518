# SPDX-License-Identifier: MIT
"""The published TorchScript model of Castel et al. (nequip 0.5.6) on the crystal that was published with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.formats import lammps_data, lammps_log
from aiida_zif.programs.potential import Potential, load
from aiida_zif.science.frames import to_voigt
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

ENERGY, MAX_FORCE, PRESSURE_BAR = -220.894188, 3.948, 198.03
"""eV/atom, eV/Å and bar, virial only."""
STRESS = np.array([-0.0017191, 0.0030037, -0.0016554, 0.0006489, -0.0019697, 0.0011864])
"""eV/Å³, tension positive, Voigt order xx yy zz yz xz xy."""
BAR = 10 * EV_PER_CUBIC_ANGSTROM_IN_MPA
NOISE_BAR = 0.2
"""The mean of three components of up to 4800 bar, each with 2·10⁻⁵ of noise in single precision, which change with the order of pairs."""


@pytest.fixture(scope="module")
def castel(shared_data: Path) -> Path:
    return shared_data / "castel2024"


@pytest.fixture(scope="module")
def potential(castel: Path) -> Potential:
    return load(castel / "nequip_l2r6stress0.pth")


def test_published_numbers_come_back(castel: Path, potential: Potential) -> None:
    """Energy to 10⁻⁶ of itself, the largest force and the stress to the digits that are known."""
    crystal = lammps_data.read((castel / "crystal.lmp").read_text(), ["C", "H", "N", "Zn"])
    types = np.array([potential.type_names.index(symbol) for symbol in crystal.species])
    energy, forces, virial = potential.evaluate(crystal.positions[0], crystal.cells[0], types)
    assert energy / 272 == pytest.approx(ENERGY, rel=1e-6)
    assert np.linalg.norm(forces, axis=1).max() == pytest.approx(MAX_FORCE, abs=5e-4)
    assert to_voigt(-virial / crystal.volumes[0]) == pytest.approx(STRESS, abs=1.5e-7)
    assert np.trace(virial) / 3 / crystal.volumes[0] * BAR == pytest.approx(PRESSURE_BAR, abs=NOISE_BAR)
    assert (potential.facts.form, potential.facts.architecture, potential.facts.precision) == ("torchscript", "nequip", "float32")


def run(folder: Path, castel: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run LAMMPS' own input in ``folder``: one cell, no step, and ``changes`` of its text."""
    text = (castel / "lmp_input.in").read_text()
    steps = {"replicate 2 2 2": "replicate 1 1 1", "20000 100000": "0 0", "run             80000": "run 0"}
    for before, after in {**steps, **changes}.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    (folder / "lmp_input.in").write_text(text)
    for name in ("crystal.lmp", "nequip_l2r6stress0.pth"):
        shutil.copy(castel / name, folder)
    code = "import sys; from aiida_zif.programs.lmp import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "-in", "lmp_input.in"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=300)


@pytest.mark.long
def test_published_input_runs(tmp_path: Path, castel: Path) -> None:
    """Unmodified but for steps and replication, the paper's LAMMPS input gives the same numbers through zif-lmp."""
    done = run(tmp_path, castel)
    assert done.returncode == 0, done.stderr
    table = lammps_log.parse((tmp_path / "log.run.1.prepare").read_text()).tables[-1]
    assert table.columns["pe"][0] / 272 == pytest.approx(ENERGY, rel=1e-6)
    assert table.columns["press"][0] * BAR == pytest.approx(PRESSURE_BAR, abs=NOISE_BAR)
    assert "Force two-norm initial, final = 22.9156" in (tmp_path / "log.lammps").read_text()
    pressures = [table.columns[name][0] for name in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]
    assert -np.array(pressures) == pytest.approx(STRESS, abs=1.5e-7)


def test_swapped_order_of_types_is_refused(tmp_path: Path, castel: Path) -> None:
    """The order of the file, H C N Zn, is not that of the structure: refused by the masses before the model is called."""
    done = run(tmp_path, castel, **{"C  H  N  Zn": "H  C  N  Zn"})
    assert done.returncode == 1
    assert "type 1 is called H and has the mass 12.011, type 2 is called C and has the mass 1.008" in done.stderr
    assert '"model_calls": 0' in done.stdout


def cut(path: Path, folder: Path, share: float) -> Path:
    content = path.read_bytes()
    short = folder / "cut.pth"
    short.write_bytes(content[: int(len(content) * share)])
    return short


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_cut_file_is_one_sentence(tmp_path: Path, castel: Path, share: float) -> None:
    """An empty or a cut file is no whole model."""
    with pytest.raises(ValueError, match="no whole model file"):
        load(cut(castel / "nequip_l2r6stress0.pth", tmp_path, share))


def test_model_without_stress_is_refused(tmp_path: Path) -> None:
    """One that was deployed without StressForceOutput gives no virial, and says so."""
    import torch

    from aiida_zif.formats.nequip_model import ModelFacts
    from aiida_zif.programs import loaders

    class Forces(torch.nn.Module):
        def forward(self, data: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"atomic_energy": data["pos"][:, :1], "forces": data["pos"]}

    path = tmp_path / "forces.pth"
    module: Any = torch.jit.script(Forces())
    module.save(str(path))
    call = loaders.torchscript(path, ModelFacts("torchscript", ("H",), 3.0), "cpu")
    with pytest.raises(ValueError, match="gives no virial: deploy it with StressForceOutput"):
        call({"pos": torch.zeros(2, 3, dtype=torch.float64)})
