# SPDX-License-Identifier: MIT
"""Runs as LAMMPS inputs: their text, and what the real program does with it. A plain pair style stands in for the model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import lammps_data, lammps_dump, lammps_log, lammps_restart
from aiida_zif.formats.lammps_input import CELLS_FILE, DUMP_FILE, FINAL_DATA, FINAL_RESTART, RESTART_FILES, MdRun, Potential, Stage, render

TYPES = ("C", "H", "N", "Zn")
MODEL = Potential("nequip", "model.nequip.pt2", TYPES)
LMP = Path(sys.prefix) / "bin" / "lmp"
real = pytest.mark.skipif(not LMP.exists(), reason="needs the lammps wheel in this environment")

STAGES = (
    Stage("minimise", "relax", 50),
    Stage("hold", "warm", 60, temperature_k=30),
    Stage("ramp", "heat", 80, start_k=30, stop_k=60, cells_every=10),
    Stage("deform", "squeeze", 60, temperature_k=60, volume_factor=0.97),
    Stage("npt", "free", 60, temperature_k=60, pressure_gpa=0.1, cells_every=5),
    Stage("minimise", "quench", 40, pressure_gpa=0.0),
)
RUN = MdRun(stages=STAGES, timestep_fs=2, thermo_every=10, dump_every=20, restart_every=40, seed=7, dump_velocities=True)


def plain(text: str) -> str:
    """Return the input with a Lennard-Jones solid in place of the model."""
    lines = text.splitlines()
    lines = ["pair_style lj/cut 6.0" if line.startswith("pair_style") else line for line in lines]
    return "\n".join("pair_coeff * * 0.0104 3.4" if line.startswith("pair_coeff") else line for line in lines) + "\n"


def run_lammps(folder: Path, text: str, data: str | None = None) -> lammps_log.LammpsLog:
    folder.mkdir(exist_ok=True)
    (folder / "in.lmp").write_text(plain(text))
    if data is not None:
        (folder / "data").write_text(data)
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(sys.prefix) / "lib"), "OMP_NUM_THREADS": "1"}
    subprocess.run([LMP, "-in", "in.lmp", "-screen", "none"], cwd=folder, env=environment, timeout=60, check=False)
    return lammps_log.parse((folder / "log.lammps").read_text())


def crystal() -> str:
    """Return the data file of 108 atoms in a sheared fcc cell."""
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = np.array([[15.8, 0.1, 0.3], [0.05, 15.8, 0.2], [1.5, -0.4, 15.8]])
    positions = (corners[:, None] + base).reshape(-1, 3) / 3 @ cell
    return lammps_data.write(["Zn"] * len(positions), positions, cell, TYPES, masses={"Zn": 39.948})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, lammps_log.LammpsLog]:
    folder = tmp_path_factory.mktemp("lammps")
    return folder, run_lammps(folder, render(RUN, MODEL, "data"), crystal())


def stage_lines(text: str, label: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(f'print "ZIF STAGE {label}"')
    return lines[start : next(k for k in range(start, len(lines)) if lines[k].startswith("unfix md"))]


def test_a_run_is_the_same_after_its_way_through_a_dictionary() -> None:
    """Plain values in, plain values out."""
    assert MdRun.from_dict(RUN.to_dict()) == RUN
    assert "start_k" not in RUN.to_dict()["stages"][1]


def test_newton_goes_with_the_model() -> None:
    """NequIP refuses newton on, Allegro newton off."""
    assert "\nnewton off\n" in render(RUN, MODEL, "data")
    assert "\nnewton on\n" in render(RUN, Potential("allegro", "m.pt2", TYPES), "data")


def test_the_model_stands_alone_or_under_a_wall() -> None:
    """Elements in the wall's lines become type numbers, the lower first; the order of types is the model's."""
    assert MODEL.lines == ["pair_style nequip", "pair_coeff * * model.nequip.pt2 C H N Zn"]
    wall = ("2 2 buck 3.586257e+04 0.112638 0.0", "Zn C buck 7.4e+06 0.11 0.0", "pair_coeff 2 3 buck 1.1e5 0.1 0.0")
    lines = Potential("nequip", "m.pt2", TYPES, "buck 3.0", wall).lines
    assert lines[0] == "pair_style hybrid/overlay nequip buck 3.0"
    assert lines[1] == "pair_coeff * * nequip m.pt2 C H N Zn"
    assert [line.split()[1:3] for line in lines[2:]] == [["2", "2"], ["1", "4"], ["2", "3"]]
    assert lines[3] == "pair_coeff 1 4 buck 7.4e+06 0.11 0.0"


def test_a_ramp_is_a_function_of_the_absolute_step() -> None:
    """Start and stop of the ramp are those of the whole stage, before and after a restart."""
    before = stage_lines(render(RUN, MODEL, "data"), "heat")
    after = stage_lines(render(RUN, MODEL, "data", "restart.a", 150), "heat")
    assert "run 190 upto start 110 stop 190" in before
    assert [line for line in before if "write_restart" not in line] == [line for line in after if "write_restart" not in line]


def test_a_restart_runs_the_remaining_stages_only() -> None:
    """Finished stages, the structure and new velocities are not in it."""
    text = render(RUN, MODEL, "data", "restart.a", 150)
    assert "ZIF STAGE warm" not in text
    assert "read_data" not in text
    assert "velocity" not in text
    assert "append yes" in text


def test_velocities_are_drawn_by_the_seed_or_kept() -> None:
    """Drawn at twice the first set point, unless the structure's are kept."""
    assert "velocity all create 60 7 mom yes rot no dist gaussian" in render(RUN, MODEL, "data")
    assert "velocity" not in render(MdRun(STAGES, velocities="keep"), MODEL, "data")


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ({"kind": "melt", "label": "a", "steps": 1}, "must be one of minimise, hold"),
        ({"kind": "hold", "label": "a b", "steps": 1, "temperature_k": 1}, "letters, digits and underscores"),
        ({"kind": "hold", "label": "a", "steps": 0, "temperature_k": 1}, "steps of stage 'a' is 0"),
        ({"kind": "hold", "label": "a", "steps": 5}, "needs temperature_k"),
        ({"kind": "hold", "label": "a", "steps": 5, "temperature_k": -300}, "is -300 K"),
        ({"kind": "hold", "label": "a", "steps": 5, "temperature_k": float("nan")}, "is nan K"),
        ({"kind": "ramp", "label": "a", "steps": 5, "start_k": 300, "temperature_k": 3}, "has no temperature_k"),
        ({"kind": "hold", "label": "a", "steps": 5, "temperature_k": 3, "scale": 1.1}, "has no scale"),
        ({"kind": "deform", "label": "a", "steps": 5, "temperature_k": 3}, "either scale or volume_factor"),
        ({"kind": "deform", "label": "a", "steps": 5, "temperature_k": 3, "scale": 10}, "0.5 to 2"),
        ({"kind": "npt", "label": "a", "steps": 5, "temperature_k": 3, "couple": "xyz"}, "iso, aniso, tri"),
        ({"kind": "hold", "label": "a", "steps": 5, "temperature": 3}, "no setting temperature: allowed are kind"),
        ({"kind": "hold", "steps": 5}, "lacks label"),
        ("hold", "must be a mapping"),
    ],
)
def test_a_stage_that_cannot_be_is_refused_in_one_sentence(stage: object, sentence: str) -> None:
    """The sentence names stage, value and what is allowed."""
    with pytest.raises(ValueError, match=sentence):
        MdRun.from_dict({"stages": [stage]})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stages": []}, "at least one stage"),
        ({"stages": RUN.to_dict()["stages"][1:2] * 2}, "'?warm'? is used twice"),
        ({"stages": RUN.to_dict()["stages"], "seed": 0}, "seed is 0"),
        ({"stages": RUN.to_dict()["stages"], "timestep_fs": "1"}, "timestep_fs is '1'"),
        ({"stages": RUN.to_dict()["stages"], "dump": 3}, "no setting dump"),
        ({"stages": RUN.to_dict()["stages"], "velocities": "new"}, "must be 'create' or 'keep'"),
    ],
)
def test_a_run_that_cannot_be_is_refused_in_one_sentence(settings: dict, sentence: str) -> None:
    """The sentence names setting, value and what is allowed."""
    with pytest.raises(ValueError, match=sentence):
        MdRun.from_dict(settings)


@pytest.mark.parametrize("name", ["a b", "x\nshell rm", "$(step)", "a&", '"'])
def test_syntax_of_lammps_does_not_come_in_by_names(name: str) -> None:
    """File names, styles and coefficients are checked for it."""
    for build in (
        lambda: render(RUN, MODEL, name),
        lambda: Potential("nequip", name, TYPES),
        lambda: Potential("nequip", "m", TYPES, "buck 3.0", (f"1 1 {name}\n",)),
    ):
        with pytest.raises(ValueError, match="character"):
            build()


def test_finished_steps_need_a_restart_and_something_left() -> None:
    """Neither a restart from nothing nor a run of nothing is rendered."""
    with pytest.raises(ValueError, match="no restart file"):
        render(RUN, MODEL, "data", finished_steps=10)
    with pytest.raises(ValueError, match="nothing is left"):
        render(RUN, MODEL, "data", "restart.a", RUN.total_steps)


@real
def test_all_stages_run_and_their_tables_bear_their_labels(finished: tuple[Path, lammps_log.LammpsLog]) -> None:
    """Every stage has its own table, from its first to its last absolute step."""
    folder, log = finished
    assert (log.error, log.finished, log.last_step, log.timeout) == (None, True, 350, False)
    assert [table.label for table in log.tables] == [stage.label for stage in STAGES]
    for table, stage, (begin, end) in zip(log.tables, STAGES, RUN.spans, strict=True):
        if stage.kind != "minimise":
            assert table.columns["step"][[0, -1]].tolist() == [begin, end]
    assert {path.name for path in folder.iterdir()} >= {DUMP_FILE, CELLS_FILE, FINAL_DATA, FINAL_RESTART, *RESTART_FILES}


@real
def test_a_deformation_scales_all_six_numbers_of_the_cell(finished: tuple[Path, lammps_log.LammpsLog]) -> None:
    """The cell keeps its shape and ends at the asked volume."""
    cells = finished[1].table("squeeze").cells
    np.testing.assert_allclose(cells[-1], cells[0] * 0.97 ** (1 / 3), rtol=1e-9)


@real
def test_the_cells_file_agrees_with_the_log(finished: tuple[Path, lammps_log.LammpsLog]) -> None:
    """Cells and pressure tensors at the steps that both have; the stride is the stage's own."""
    folder, log = finished
    cells = lammps_log.read_cells((folder / CELLS_FILE).read_text()).between(*RUN.spans[4])
    table = log.table("free")
    assert cells.steps.tolist() == list(range(255, 311, 5))
    shared = np.isin(cells.steps, table.columns["step"])
    rows = np.isin(table.columns["step"], cells.steps)
    np.testing.assert_allclose(cells.cells[shared], table.cells[rows], rtol=1e-9)
    np.testing.assert_allclose(cells.pressures[shared], table.pressure_tensor[rows], rtol=1e-9)
    np.testing.assert_allclose(cells.volumes, np.linalg.det(cells.cells), rtol=1e-9)


@real
def test_frames_hold_the_energies_temperature(finished: tuple[Path, lammps_log.LammpsLog]) -> None:
    """The kinetic temperature of the dumped velocities is the log's, and the volume of the cells is its volume."""
    from aiida_zif.science.frames import kinetic_temperature

    folder, log = finished
    frames = lammps_dump.read(folder / DUMP_FILE, TYPES, 0.002, masses={"Zn": 39.948})
    assert frames.steps.tolist() == list(range(60, 310, 20))
    inside = frames.steps % 10 == 0
    expected = log.at_steps(frames.steps, "temp")
    np.testing.assert_allclose(kinetic_temperature(frames.velocities, frames.masses)[inside], expected[inside], rtol=2e-6)  # its k is older
    held = (frames.steps <= 190) | (frames.steps > 250)  # a deformation moves the box between the log's row and the frame
    np.testing.assert_allclose(frames.volumes[held], log.at_steps(frames.steps, "vol")[held], rtol=1e-9)


@real
def test_final_structure_and_restart_are_those_of_the_last_step(finished: tuple[Path, lammps_log.LammpsLog]) -> None:
    """They come home with velocities, and the restart says its step."""
    folder, log = finished
    final = lammps_data.read((folder / FINAL_DATA).read_text(), TYPES)
    np.testing.assert_allclose(final.volumes[0], log.table("quench").columns["vol"][-1], rtol=1e-9)
    assert final.velocities is not None
    facts = lammps_restart.read((folder / FINAL_RESTART).read_bytes())
    assert (facts.step, facts.units) == (350, "metal")


@real
@pytest.mark.parametrize("cut", [80, 110, 150, 220, 250, 270])
def test_a_restart_goes_on_as_if_never_interrupted(tmp_path: Path, finished: tuple[Path, lammps_log.LammpsLog], cut: int) -> None:
    """In mid-hold, mid-ramp, mid-npt and between stages the same numbers follow; in mid-deformation nearly so.

    LAMMPS moves the box at the end of a step, after the forces: a restart sees forces one thousandth of a strain newer.
    """
    text = render(RUN, MODEL, "data")
    kept = []
    for line in text.splitlines():
        if line.startswith("run ") and int(line.split()[1]) >= cut:
            kept += [line.replace(f"run {line.split()[1]}", f"run {cut}"), "write_restart cut.restart"]
            break
        kept.append(line)
    run_lammps(tmp_path, "\n".join(kept), crystal())
    log = run_lammps(tmp_path, render(RUN, MODEL, "data", "cut.restart", cut))
    assert (log.error, log.finished) == (None, True)
    deforming = 190 < cut < 250
    for table in log.tables:
        if table.label == "quench":
            continue
        reference = finished[1].table(table.label)
        for column, slack in {"pe": 0.02, "temp": 0.01, "vol": 0.02, "lx": 1e-4, "pxy": 1e-5}.items():
            expected = lammps_log.at_steps([reference], table.columns["step"], column)
            np.testing.assert_allclose(table.columns[column], expected, rtol=1e-9, atol=slack if deforming else 1e-9)
        if table.label == "squeeze":
            expected = lammps_log.at_steps([reference], table.columns["step"], "vol")
            np.testing.assert_allclose(table.columns["vol"], expected, rtol=1e-12)


@real
def test_the_walltime_ends_a_run_at_a_step_from_which_it_goes_on(tmp_path: Path) -> None:
    """Stopped in mid-stage: not finished, said so; later stages leave no trace; the final restart holds the thermostat's state."""
    stages = (
        Stage("hold", "long", 40_000_000, temperature_k=30),
        Stage("minimise", "after", 100),
        Stage("hold", "never", 100, temperature_k=9),
    )
    run = MdRun(stages, timestep_fs=2, thermo_every=1000, dump_every=100_000, restart_every=1_000_000)
    log = run_lammps(tmp_path, render(run, MODEL, "data", walltime_s=1), crystal())
    assert (log.error, log.finished, log.timeout) == (None, False, True)
    assert [table.label for table in log.tables] == ["long"]
    assert log.last_step is not None
    facts = lammps_restart.read((tmp_path / FINAL_RESTART).read_bytes())
    assert 0 < facts.step == log.last_step < stages[0].steps
    shorter = MdRun((Stage("hold", "long", facts.step + 20, temperature_k=30),), timestep_fs=2, thermo_every=10)
    again = run_lammps(tmp_path, render(shorter, MODEL, "data", FINAL_RESTART, facts.step))
    assert again.finished
    assert "Resetting global fix info from restart file" in (tmp_path / "log.lammps").read_text()


@real
def test_lost_atoms_are_an_error_with_its_first_line(tmp_path: Path) -> None:
    """A time step a thousand times too long."""
    run = MdRun((Stage("hold", "boom", 1000, temperature_k=3000),), timestep_fs=2000)
    log = run_lammps(tmp_path, render(run, MODEL, "data"), crystal())
    assert not log.finished
    assert log.error is not None
    assert log.error.startswith("ERROR")
