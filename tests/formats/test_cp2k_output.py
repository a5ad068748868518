# SPDX-License-Identifier: MIT
"""What CP2K leaves behind, read whole or cut anywhere: units, sign of the stress, steps, and why the run ended."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import cp2k_output
from aiida_zif.science.audit import audit
from aiida_zif.science.frames import kinetic_stress, kinetic_temperature
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

RECORDED = Path(__file__).parent / "data" / "cp2k"
MASSES = {"H": 2.014101777, "C": 12.0107, "N": 14.0067, "Zn": 65.38}
REAL_RUNS = {
    "segment_1", "segment_2_new_directory", "killed_9", "crash_then_restart_same_directory", "walltime_mid_run", "walltime_in_step_0",
    "walltime_restart", "scf_not_converged", "published_protocol_3_steps", "xtb_1500K_120_steps", "xtb_300K_120_steps",
}  # fmt: skip
BOHR, HARTREE = 0.529177210903, 27.211386245988


@pytest.fixture(scope="module")
def run():
    """The recorded MD of five frames."""
    return cp2k_output.read(RECORDED / "md", masses=MASSES)


def test_md_is_read_in_our_units(run):
    """Numbers of the first atom and frame, converted by hand."""
    frames = run.frames
    assert len(frames) == 5
    assert frames.species[:4] == ("Zn", "Zn", "C", "H")
    np.testing.assert_array_equal(frames.steps, range(5))
    np.testing.assert_allclose(frames.times, np.arange(5) * 0.0005)
    first = (RECORDED / "md" / "aiida-frc-1.xyz").read_text().splitlines()[2].split()
    np.testing.assert_allclose(frames.forces[0, 0], np.array(first[1:], float) * HARTREE / BOHR, rtol=1e-9)
    first = (RECORDED / "md" / "aiida-vel-1.xyz").read_text().splitlines()[2].split()
    np.testing.assert_allclose(frames.velocities[0, 0], np.array(first[1:], float) * BOHR / 2.4188843265864e-5, rtol=1e-8)
    np.testing.assert_allclose(frames.energies[0], -59.0350412403 * HARTREE, rtol=1e-9)
    np.testing.assert_allclose(frames.temperatures[0], 85.048268487)
    np.testing.assert_allclose(run.conserved[0], -59.021709298 * HARTREE, rtol=1e-10)
    np.testing.assert_allclose(frames.volumes, 630.74501380, rtol=1e-9)


def test_facts_of_the_program(run):
    """Version, host, ranks, threads and time are those that CP2K prints."""
    assert (run.version, run.host, run.ranks, run.threads, run.wall_s) == ("2023.1", "vm", 1, 1, 3.984)
    assert (run.run_type, run.reason_ended, run.last_step, run.converged, run.error) == ("MD", "finished", 4, None, None)
    assert (run.unconverged_steps, run.duplicates_dropped, run.cut_tail) == ((), 0, False)


def test_temperature_agrees_with_velocities_and_masses(run):
    """3N − 3 degrees of freedom with the masses of the run give back the temperature that CP2K prints."""
    np.testing.assert_allclose(kinetic_temperature(run.frames.velocities, run.frames.masses), run.frames.temperatures, rtol=1e-5)


def test_masses_are_those_that_the_log_prints_if_none_are_given(run):
    """The log's four decimals give the same stress to 1e-6 of its kinetic part."""
    from_log = cp2k_output.read(RECORDED / "md").frames
    np.testing.assert_allclose(from_log.masses, run.frames.masses, atol=5e-5)
    np.testing.assert_allclose(from_log.stresses, run.frames.stresses, atol=1e-8)
    with pytest.raises(ValueError, match="the run has Zn as well"):
        cp2k_output.read(RECORDED / "md", masses={"H": 1.0, "C": 12.0, "N": 14.0})


def test_stress_is_minus_the_file_plus_the_kinetic_part(run):
    """σ = −(file − Σ m v v / V), all six components, computed here by a plain loop in SI units."""
    frames = run.frames
    rows = np.loadtxt(RECORDED / "md" / "aiida-1.stress")[:, 2:].reshape(-1, 3, 3) * 1e5
    for i in range(len(frames)):
        kinetic = np.zeros((3, 3))
        for mass, velocity in zip(frames.masses, frames.velocities[i], strict=True):
            kinetic += mass * 1.66053906660e-27 * np.outer(velocity, velocity) * 1e4
        sigma = -(rows[i] - kinetic / (frames.volumes[i] * 1e-30)) * 1e-30 / 1.602176634e-19
        np.testing.assert_allclose(frames.stresses[i], sigma[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]], atol=1e-10)


def test_stress_is_the_derivative_of_the_energy(run):
    """Sign and content: σ = dE/dε / V by central differences of recorded energies, to the noise of the SCF (16 MPa).

    The kinetic part, 66 MPa in each diagonal component here, would be seen, as would a wrong sign of the shear.
    """
    strained = cp2k_output.read(RECORDED / "strained").frames
    energies, volume, s = strained.energies, run.frames.volumes[4], 0.005
    sigma = run.frames.stresses[4]
    assert (energies[0] - energies[1]) / (2 * s * volume) == pytest.approx(sigma[:3].sum(), abs=1e-4)
    assert (energies[2] - energies[3]) / (2 * s * volume) == pytest.approx(sigma[2], abs=1e-4)
    assert (energies[5] - energies[6]) / (2 * s * volume) == pytest.approx(sigma[5], abs=1e-4)
    assert sigma[5] < -1e-3


def test_kinetic_part_at_1500_k_has_its_known_size():
    """272 atoms of ZIF-4 (4380.6 Å³) at 1500 K: 1285 MPa, which an uncorrected stress would carry."""
    rng = np.random.default_rng(0)
    masses = np.full(272, 12.0)
    velocities = rng.normal(size=(1, 272, 3))
    velocities -= velocities.mean(axis=1, keepdims=True)
    velocities *= np.sqrt(1500 / kinetic_temperature(velocities, masses))[:, None, None]
    pressure = kinetic_stress(velocities, masses, np.array([4380.6]))[0, :3].mean() * EV_PER_CUBIC_ANGSTROM_IN_MPA
    assert pressure == pytest.approx(1285, abs=6)


def test_reftraj_gives_each_frame_once_in_the_order_of_the_input():
    """CP2K numbers the second frame 1 like the first; seven went in, seven come out, in order, without stress."""
    run = cp2k_output.read(RECORDED / "strained")
    assert run.run_type == "REFTRAJ"
    np.testing.assert_array_equal(run.frames.steps, range(7))
    assert run.duplicates_dropped == 0
    assert np.isnan(run.frames.stresses).all()
    assert run.frames.temperatures is None
    assert run.frames.times is None
    scale = np.cbrt(run.frames.volumes / run.frames.volumes[4])
    np.testing.assert_allclose(scale[:2], [1.005, 0.995], rtol=1e-9)
    assert run.frames.energies.argmax() == 4


def test_reftraj_is_known_without_its_log(tmp_path):
    """Step 1 at time 0 happens in no MD: the order is right without a log, too."""
    shutil.copytree(RECORDED / "strained", tmp_path / "run")
    (tmp_path / "run" / "aiida.out").unlink()
    run = cp2k_output.read(tmp_path / "run")
    np.testing.assert_array_equal(run.frames.energies, cp2k_output.read(RECORDED / "strained").frames.energies)
    assert run.reason_ended == "cut"


def test_unconverged_frames_of_reftraj_are_named_by_index(tmp_path):
    """The warning stands before the line of its step; the first frame's stands before the initialisation."""
    shutil.copytree(RECORDED / "strained", tmp_path / "run")
    text = (tmp_path / "run" / "aiida.out").read_text()
    warning = " *** WARNING in qs_scf.F:601 :: SCF run NOT converged ***\n"
    for mark in (" MD_INI| MD initialization", f" MD| Step number{4:>64}"):
        assert text.count(mark) == 1
        text = text.replace(mark, warning + mark)
    (tmp_path / "run" / "aiida.out").write_text(text)
    assert cp2k_output.read(tmp_path / "run").unconverged_steps == (0, 4)


@pytest.mark.parametrize(
    ("name", "steps", "expected"),
    [
        ("segment_1", range(7), {"reason_ended": "finished"}),
        ("segment_2_new_directory", range(7, 10), {"reason_ended": "finished"}),
        ("killed_9", range(7, 17), {"reason_ended": "cut", "wall_s": None}),
        ("crash_then_restart_same_directory", range(8), {"reason_ended": "finished", "duplicates_dropped": 2}),
        ("walltime_mid_run", range(7, 22), {"reason_ended": "walltime", "unconverged_steps": ()}),
        ("walltime_in_step_0", range(1), {"reason_ended": "walltime", "unconverged_steps": (0,), "stress_content": "total"}),
        ("walltime_restart", range(21, 24), {"reason_ended": "cut", "version": None}),
        ("scf_not_converged", range(3), {"reason_ended": "finished", "unconverged_steps": (0, 1, 2)}),
        ("published_protocol_3_steps", range(4), {"reason_ended": "finished", "unconverged_steps": (), "stress_content": "estimated"}),
        ("xtb_1500K_120_steps", range(121), {"reason_ended": "cut", "stress_content": "estimated"}),
        ("xtb_300K_120_steps", range(121), {"reason_ended": "cut", "stress_content": "estimated"}),
    ],
)
def test_real_runs(shared_data, name, steps, expected):
    """Every way in which a real run ended is told, with its steps, and what its stresses hold."""
    assert {path.name for path in (shared_data / "cp2k_outputs").iterdir()} == REAL_RUNS
    run = cp2k_output.read(shared_data / "cp2k_outputs" / name, masses=MASSES)
    np.testing.assert_array_equal(run.frames.steps, steps)
    assert run.last_step == steps[-1]
    assert {key: getattr(run, key) for key in expected} == expected
    assert not run.cut_tail
    assert run.problems == ()
    assert np.isfinite(run.frames.stresses).all()
    assert run.frames.stress_content == expected.get("stress_content", "virial")
    assert (run.frames.velocities is None) == ("stress_content" in expected)


@pytest.mark.parametrize(("name", "asked", "mean"), [("xtb_300K_120_steps", 300, 145), ("xtb_1500K_120_steps", 1500, 709)])
def test_short_runs_are_colder_than_they_say(shared_data, name, asked, mean):
    """⟨T⟩ over the second half of both: the audit says the true temperature, and refuses them as frames of the asked one."""
    frames = cp2k_output.read(shared_data / "cp2k_outputs" / name, masses=MASSES).frames
    found = audit(frames.select(slice(len(frames) // 2, None)), asked)
    assert found.mean_temperature == pytest.approx(mean, abs=0.5)
    assert found.failed == ("temperature",)


@pytest.mark.parametrize("name", ["segment_1", "killed_9", "walltime_mid_run"])
def test_estimated_kinetic_part_is_that_of_the_real_velocities(shared_data, tmp_path, name):
    """Within 1 MPa of 100 to 300, ends included; without forces the ends are unknown; no velocities are made up in the frames."""
    real = cp2k_output.read(shared_data / "cp2k_outputs" / name, masses=MASSES).frames
    for path in (shared_data / "cp2k_outputs" / name).glob("aiida-*"):
        if "vel" not in path.name:
            shutil.copyfile(path, tmp_path / path.name)
    run = cp2k_output.read(tmp_path, masses=MASSES)
    assert (run.stress_content, run.frames.velocities) == ("estimated", None)
    np.testing.assert_allclose(run.frames.stresses, real.stresses, atol=1.0 / EV_PER_CUBIC_ANGSTROM_IN_MPA)
    (tmp_path / "aiida-frc-1.xyz").unlink()
    frames = cp2k_output.read(tmp_path, masses=MASSES).frames
    np.testing.assert_array_equal(frames.stresses[1:-1], run.frames.stresses[1:-1])
    assert np.isnan(frames.stresses[[0, -1]]).all()
    kinetic = kinetic_stress(real.velocities, real.masses, real.volumes)[:, :3] * EV_PER_CUBIC_ANGSTROM_IN_MPA
    assert 100 < kinetic.mean() < 300


def test_stress_stays_the_sum_where_the_kinetic_part_cannot_be_known(shared_data, tmp_path):
    """Frames 1.5 fs apart, or atoms of unknown mass: what CP2K printed, named total, never virial."""
    for path in (shared_data / "cp2k_outputs" / "xtb_300K_120_steps").glob("aiida-*"):
        shutil.copyfile(path, tmp_path / path.name)
    near = cp2k_output.read(tmp_path, masses=MASSES).frames
    assert cp2k_output.read(tmp_path).stress_content == "total"  # no log: no masses
    for name in ("pos", "frc"):
        lines = (tmp_path / f"aiida-{name}-1.xyz").read_text().splitlines(keepends=True)
        frames = [lines[i : i + 36] for i in range(0, len(lines), 36)]
        (tmp_path / f"aiida-{name}-1.xyz").write_text("".join("".join(frame) for frame in frames[::3]))
    far = cp2k_output.read(tmp_path, masses=MASSES).frames
    assert (near.stress_content, far.stress_content) == ("estimated", "total")
    printed = np.loadtxt(tmp_path / "aiida-1.stress")[::3, [2, 6, 10, 7, 4, 3]]
    np.testing.assert_allclose(far.stresses * EV_PER_CUBIC_ANGSTROM_IN_MPA, -printed / 10, rtol=1e-8)


@pytest.mark.parametrize("told", ["restart", "zeros"])
def test_off_diagonals_that_were_not_computed_are_absent(tmp_path, told):
    """DIAGONAL_ANALYTICAL: CP2K prints something in these columns all the same, but the restart file repeats the input."""
    shutil.copytree(RECORDED / "md", tmp_path / "run")
    whole = cp2k_output.read(tmp_path / "run").frames.stresses
    assert np.isfinite(whole).all()
    if told == "restart":
        (tmp_path / "run" / "aiida-1.restart").write_text(" &FORCE_EVAL\n   STRESS_TENSOR  DIAGONAL_ANALYTICAL\n")
    else:
        lines = (tmp_path / "run" / "aiida-1.stress").read_text().splitlines()
        rows = [[*line.split()[:2], *(x if k in (0, 4, 8) else "0.0" for k, x in enumerate(line.split()[2:]))] for line in lines[1:]]
        (tmp_path / "run" / "aiida-1.stress").write_text("".join(" ".join(row) + "\n" for row in rows))
    found = cp2k_output.read(tmp_path / "run").frames.stresses
    np.testing.assert_array_equal(found[:, :3], whole[:, :3])
    assert np.isnan(found[:, 3:]).all()


def test_stress_does_not_depend_on_the_velocities(shared_data):
    """The same geometry at 300 and at 85 K: the same stress to the noise of the SCF (1.6 MPa), while the file differs by 300."""
    hot = cp2k_output.read(shared_data / "cp2k_outputs" / "segment_1", masses=MASSES).frames
    cold = cp2k_output.read(RECORDED / "md", masses=MASSES).frames
    assert hot.temperatures[0] - cold.temperatures[0] > 200
    np.testing.assert_allclose(hot.stresses[0], cold.stresses[0], atol=1e-5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (" *** MD run terminated by external request ***\n", "exit file"),
        (" *** MD run terminated - exceeded requested execution time:      30.000 seconds.\n", "walltime"),
    ],
)
def test_a_clean_stop_names_its_cause(tmp_path, line, reason):
    """CP2K ends these runs with code 0 and its ordinary last line."""
    (tmp_path / "aiida.out").write_text(line + "  **** **  *******  **  PROGRAM STOPPED IN   /scratch/run\n")
    assert cp2k_output.read(tmp_path).reason_ended == reason


def test_an_abort_is_quoted(tmp_path):
    """The sentence in CP2K's box comes back in one piece."""
    box = (
        " " + "*" * 79 + "\n *   ___" + " " * 71 + "*\n *  /   \\" + " " * 70 + "*\n * [ABORT]" + " " * 69 + "*\n"
        " *  \\___/    The specified OLD file <a.restart> cannot be                      *\n"
        " *    |       opened. It does not exist.                                       *\n"
        " *  O/|" + " " * 72 + "*\n"
        " * / \\                                                   common/cp_files.F:396 *\n"
        " " + "*" * 79 + "\n"
    )  # fmt: skip
    (tmp_path / "aiida.out").write_text(box)
    run = cp2k_output.read(tmp_path)
    assert run.reason_ended == "aborted"
    assert run.error.startswith("The specified OLD file <a.restart> cannot be opened. It does not exist.")
