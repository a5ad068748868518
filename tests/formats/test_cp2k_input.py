# SPDX-License-Identifier: MIT
"""CP2K's input: the rendered text is the recorded one, CP2K itself accepts it, and nonsense is refused in a sentence."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import cp2k_input
from aiida_zif.formats.cp2k_input import AimdRun, RelaxRun
from aiida_zif.science.frames import Frames

GOLDEN = Path(__file__).parent / "data" / "cp2k_input"
SPECIES = ("Zn", "N", "C", "H")
POSITIONS = np.array([[0, 0, 0], [2, 0, 0], [3.2, 0.5, 0], [4.2, 0.5, 0]], float)
VELOCITIES = np.array([[1, 0, 0], [0, -2.5, 0], [0, 0, 3.25], [0.1, 0.2, 0.3]])
RUN = {"temperature_k": 1500, "steps": 200, "seed": 4, "thermostat_time_fs": 20}

TREES = {
    "aimd": cp2k_input.aimd(AimdRun(**RUN), SPECIES, velocities=VELOCITIES),
    "aimd_restart": cp2k_input.aimd(AimdRun(**RUN, first_step=60, walltime_s=3000), SPECIES, restart_file="parent.restart"),
    "aimd_pbe": cp2k_input.aimd(AimdRun(300, 40000, 1, "pbe-d3", outer_scf=5, minimizer="CG"), SPECIES),
    "label": cp2k_input.label(115, "frames.xyz", "frames.cell"),
    "label_pbe": cp2k_input.label(3, "frames.xyz", "frames.cell", "pbe-d3"),
    "relax": cp2k_input.relax(RelaxRun(), SPECIES),
    "relax_cell_pbe": cp2k_input.relax(RelaxRun("pbe-d3", "relaxed", "BFGS", pressure_gpa=0.1), SPECIES),
}


def rendered(tree):
    from aiida_cp2k.utils import Cp2kInput

    return Cp2kInput(tree).render() + "\n"


@pytest.mark.parametrize("name", TREES)
def test_rendered_input_is_the_recorded_one(name):
    """Through aiida-cp2k's own renderer, to the last letter."""
    assert rendered(TREES[name]) == (GOLDEN / f"{name}.inp").read_text()


@pytest.mark.parametrize("name", TREES)
def test_cp2k_accepts_the_input(name, tmp_path):
    """CP2K's own check of keywords and values passes, with the atoms that aiida-cp2k adds."""
    program = shutil.which("cp2k.psmp")
    if program is None:
        pytest.skip("CP2K is not installed: its own check of the input cannot be made")
    from aiida_cp2k.utils import Cp2kInput

    full = Cp2kInput(TREES[name])
    for letter, row in zip("ABC", np.eye(3) * 10, strict=True):
        full.add_keyword(f"FORCE_EVAL/SUBSYS/CELL/{letter}", "{} {} {}".format(*row))
    full.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_NAME", "aiida.coords.xyz")
    full.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_FORMAT", "XYZ")
    lines = [f"{s} {x} {y} {z}" for s, (x, y, z) in zip(SPECIES, POSITIONS, strict=True)]
    (tmp_path / "aiida.coords.xyz").write_text("\n".join(["4", "", *lines]) + "\n")
    (tmp_path / "parent.restart").write_text(rendered(TREES["aimd"]))  # a restart file is an input; without atoms it will do here
    (tmp_path / "aiida.inp").write_text(full.render())
    done = subprocess.run([program, "--check", "aiida.inp"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "SUCCESS" in done.stdout, done.stdout[-2000:]


def test_everything_is_printed_at_every_step():
    """Positions, forces, velocities, stress, cell and energies each step, a restart file every twenty."""
    motion = TREES["aimd"]["MOTION"]
    for name in ("TRAJECTORY", "FORCES", "VELOCITIES", "STRESS", "CELL"):
        assert motion["PRINT"][name]["EACH"] == {"MD": 1}
    assert motion["MD"]["PRINT"]["ENERGY"]["EACH"] == {"MD": 1}
    assert motion["PRINT"]["RESTART"]["EACH"] == {"MD": 20}
    assert TREES["aimd"]["FORCE_EVAL"]["STRESS_TENSOR"] == "ANALYTICAL"


def test_published_protocol():
    """The numbers of the published protocol, mass of hydrogen and all."""
    tree = TREES["aimd_pbe"]
    dft = tree["FORCE_EVAL"]["DFT"]
    assert (dft["MGRID"], dft["QS"]) == ({"NGRIDS": 4, "CUTOFF": 600, "REL_CUTOFF": 40}, {"EPS_DEFAULT": 1e-7})
    assert dft["XC"]["VDW_POTENTIAL"]["PAIR_POTENTIAL"]["R_CUTOFF"] == 16.0
    assert (dft["SCF"]["EPS_SCF"], dft["SCF"]["MAX_SCF"]) == (1e-5, 200)
    kinds = {kind["_"]: kind for kind in tree["FORCE_EVAL"]["SUBSYS"]["KIND"]}
    assert kinds["Zn"]["POTENTIAL"] == "GTH-PBE-q12"
    assert kinds["H"]["MASS"] == 2.014101777
    assert tree["MOTION"]["MD"]["THERMOSTAT"]["CSVR"]["TIMECON"] == 1000.0
    assert tree["MOTION"]["MD"]["TIMESTEP"] == 0.5


def test_velocities_go_in_as_atomic_units():
    """1 Å/ps is 4.571028904957837e-5 bohr per atomic unit of time (CODATA 2018, by hand)."""
    first = TREES["aimd"]["FORCE_EVAL"]["SUBSYS"]["VELOCITY"][""][0].split()
    np.testing.assert_allclose([float(x) for x in first], [4.571028904957837e-5, 0, 0], rtol=1e-9)


def test_a_restart_runs_the_remaining_steps_only():
    """CP2K counts STEPS from the restart."""
    tree = TREES["aimd_restart"]
    assert tree["MOTION"]["MD"]["STEPS"] == 140
    assert tree["EXT_RESTART"]["RESTART_FILE_NAME"] == "parent.restart"
    assert tree["GLOBAL"]["WALLTIME"] == "3000"


def test_the_tree_survives_the_database(aiida_profile):
    """The empty key of the velocity lines comes back from a Dict node as it went in."""
    from aiida.orm import Dict, load_node

    node = Dict(TREES["aimd"]).store()
    assert rendered(load_node(node.pk).get_dict()) == rendered(TREES["aimd"])


def test_reftraj_files_hold_the_frames_in_order():
    """Positions and cells to ten digits, one header each."""
    frames = Frames(SPECIES, np.array([POSITIONS, POSITIONS + 1 / 3]), np.array([np.eye(3) * 10, np.eye(3) * 11]))
    xyz, cell = io.StringIO(), io.StringIO()
    cp2k_input.write_reftraj(frames, xyz, cell)
    lines = xyz.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[6] == "4"
    assert lines[8] == "Zn 0.3333333333 0.3333333333 0.3333333333"
    np.testing.assert_allclose(
        np.loadtxt(io.StringIO(cell.getvalue()))[:, [0, 2, 6, 10, 11]], [[0, 10, 10, 10, 1000], [1, 11, 11, 11, 1331]]
    )


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: AimdRun.from_dict({**RUN, "temperature": 3}), "'temperature' is no setting of AimdRun; choose from temperature_k"),
        (lambda: AimdRun.from_dict({"steps": 3}), "AimdRun could not be made"),
        (lambda: AimdRun.from_dict({**RUN, "temperature_k": -1}), "temperature_k is -1; give a number above 0"),
        (lambda: AimdRun.from_dict({**RUN, "timestep_fs": float("nan")}), "timestep_fs is nan"),
        (lambda: AimdRun.from_dict({**RUN, "method": "b3lyp"}), "method is 'b3lyp'; choose from gfn1-xtb, pbe-d3"),
        (lambda: AimdRun.from_dict({**RUN, "first_step": 200}), "has nothing to do"),
        (lambda: AimdRun.from_dict({**RUN, "seed": 0}), "seed is 0"),
        (lambda: AimdRun.from_dict({**RUN, "walltime_s": 0}), "walltime_s is 0"),
        (lambda: RelaxRun(cell="free"), "cell is 'free'; choose from fixed, relaxed"),
        (lambda: RelaxRun(optimizer="FIRE"), "optimizer is 'FIRE'"),
        (lambda: cp2k_input.label(0, "a", "b"), "n_frames is 0"),
        (lambda: cp2k_input.label(1, "a", "b", "mp2"), "method is 'mp2'"),
        (lambda: cp2k_input.relax(RelaxRun("pbe-d3"), ["Zn", "Co"]), "knows no basis set for Co, only for H, C, N, Zn"),
        (lambda: cp2k_input.aimd(AimdRun(**RUN), SPECIES, VELOCITIES[:2]), r"velocities have shape \(2, 3\), but 4 atoms need"),
        (lambda: cp2k_input.aimd(AimdRun(**RUN), SPECIES, VELOCITIES, "a.restart"), "both given; give one of them"),
        (lambda: cp2k_input.aimd(AimdRun(**RUN, first_step=20), SPECIES), "no restart file was given"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(make, sentence):
    """What was given, what is allowed, what to do."""
    with pytest.raises(ValueError, match=sentence):
        make()
