# SPDX-License-Identifier: MIT
"""Logs and cells files of LAMMPS, whole and cut."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats import lammps_log, lammps_restart
from aiida_zif.science.units import BAR_IN_EV_PER_CUBIC_ANGSTROM

DATA = Path(__file__).parent / "data"
LOG = (DATA / "lammps.log").read_text()
"""LAMMPS 22 Jul 2025 on 32 atoms: 20 iterations, 40 steps at fixed volume, 40 at fixed pressure; rows every 10 steps."""
CELLS = (DATA / "lammps_cells.txt").read_text()
WHOLE = lammps_log.parse(LOG)

FOREIGN = """LAMMPS (2 Aug 2023)
   Step          Temp          PotEng
         0   300            -10
WARNING: something is odd (src/fix.cpp:12)
        10   310            -11
Loop time of 2 on 4 procs for 10 steps with 5 atoms
   Step          Press          Volume
        10   1000           125
        20   2000           126
Loop time of 3 on 4 procs for 10 steps with 5 atoms
Total wall time: 1:02:03
"""


def test_each_stage_has_its_table_in_internal_units() -> None:
    """Labels, steps, ps, and eV/Å³ where the file has bar."""
    assert [table.label for table in WHOLE.tables] == ["relax", "warm", "free"]
    warm = WHOLE.tables[1]
    assert warm.columns["step"].tolist() == [20, 30, 40, 50, 60]
    np.testing.assert_allclose(warm.columns["time"], warm.columns["step"] * 0.002)
    trace = (warm.columns["pxx"] + warm.columns["pyy"] + warm.columns["pzz"]) / 3
    np.testing.assert_allclose(trace, warm.columns["press"], rtol=1e-9)
    row = next(line.split() for line in LOG.splitlines() if line.split()[:1] == ["30"] and len(line.split()) == 19)
    assert warm.columns["press"][1] == pytest.approx(float(row[5]) * BAR_IN_EV_PER_CUBIC_ANGSTROM)
    np.testing.assert_allclose(np.linalg.det(warm.cells), warm.columns["vol"], rtol=1e-9)


def test_the_facts_of_the_run_are_read() -> None:
    """Version, ranks, threads, last and asked step, speed, end."""
    assert WHOLE.version == "22 Jul 2025 - Update 4"
    assert (WHOLE.ranks, WHOLE.threads, WHOLE.last_step, WHOLE.asked_step) == (1, 1, 100, 100)
    assert WHOLE.finished
    assert WHOLE.steps_per_second is not None
    assert WHOLE.steps_per_second > 100
    assert (WHOLE.error, WHOLE.timeout) == (None, False)


def test_two_tables_of_other_columns_are_not_mixed() -> None:
    """A warning within a table does not end it; the second run's rows stand under the second run's header."""
    log = lammps_log.parse(FOREIGN)
    assert [sorted(table.columns) for table in log.tables] == [["pe", "step", "temp"], ["press", "step", "vol"]]
    assert log.tables[0].columns["temp"].tolist() == [300, 310]
    assert log.tables[1].columns["vol"].tolist() == [125, 126]
    assert log.warnings == ("something is odd",)
    assert (log.wall_s, log.steps_per_second, log.ranks, log.finished) == (3723.0, 4.0, 4, True)


def test_an_error_is_kept_and_the_run_is_not_finished() -> None:
    """The first error line stands, not the echo that follows."""
    log = lammps_log.parse(FOREIGN.replace("Total", "ERROR: Lost atoms: original 5 current 4 (src/thermo.cpp:488)\nTotal"))
    assert log.error == "ERROR: Lost atoms: original 5 current 4 (src/thermo.cpp:488)"
    assert not log.finished


def test_the_programs_own_time_limit_is_seen() -> None:
    """It ends with code 0 and all the usual lines; it is not finished."""
    log = lammps_log.parse(FOREIGN.replace("Loop time of 3", "WARNING: Wall time limit reached (src/src/timer.cpp:201)\nLoop time of 3"))
    assert log.timeout
    assert not log.finished
    short = LOG.replace("ZIF LAST STEP 100 OF 100", "ZIF LAST STEP 70 OF 100")
    assert not lammps_log.parse(short).finished


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(LOG)))
def test_a_log_cut_at_any_byte_gives_the_whole_rows_before(cut: int) -> None:
    """Nothing raises, no number of a cut row is believed, and nothing cut is called finished."""
    log = lammps_log.parse(LOG[:cut])
    for table, full in zip(log.tables, WHOLE.tables, strict=False):
        assert table.label == full.label
        for name, column in table.columns.items():
            assert (column == full.columns[name][: len(column)]).all()
    if log.asked_step is not None:
        assert log.asked_step == 100
    else:
        assert not log.finished


def test_restarted_stages_are_joined_unique_by_step() -> None:
    """Of a step that both files have the later run counts."""
    first = lammps_log.parse(LOG[: LOG.index("        50 ")])
    later = lammps_log.parse(LOG.replace("        20 ", "        44 ", 1))
    joined = {table.label: table for table in lammps_log.join([first, later, WHOLE])}
    steps = joined["warm"].columns["step"]
    assert (np.diff(steps) > 0).all()
    assert set(steps) >= {20, 30, 40, 50, 60}


def test_values_at_the_steps_of_the_frames() -> None:
    """NaN where the log has no row."""
    values = WHOLE.at_steps([40, 45, 80], "pe")
    assert values[0] == WHOLE.tables[1].columns["pe"][2]
    assert np.isnan(values[1])
    assert values[2] == WHOLE.tables[2].columns["pe"][2]


def test_the_cells_file_is_read_with_each_step_once() -> None:
    """The boundary of two stages is written twice."""
    cells = lammps_log.read_cells(CELLS)
    assert cells.steps.tolist() == list(range(20, 101, 10))
    np.testing.assert_allclose(np.linalg.det(cells.cells), cells.volumes, rtol=1e-9)
    assert cells.between(60, 100).steps.tolist() == [70, 80, 90, 100]
    pressure = WHOLE.tables[2].pressure_tensor[-1]
    np.testing.assert_allclose(cells.pressures[-1], pressure, rtol=1e-9)


def test_a_cells_file_cut_at_every_byte_never_raises() -> None:
    """Rows before the cut are those of the whole file."""
    whole = lammps_log.read_cells(CELLS)
    for cut in range(len(CELLS) + 1):
        part = lammps_log.read_cells(CELLS[:cut])
        rows = np.isin(whole.steps, part.steps)
        assert (part.volumes == whole.volumes[rows]).all()


HEAD = (
    b"LammpS RestartT\0" + b"\x01\0\0\0\x03\0\0\0" + b"\0\0\0\0\x0c\0\0\x0022 Jul 2025\0" + b"\x01\0\0\0\x04\0\0\0\x30\0\0\0\x04\0\0\0"
    b"\x02\0\0\0\x04\0\0\0\x03\0\0\0\x08\0\0\0" + b"\x04\0\0\0\x06\0\0\0metal\0" + b"\x05\0\0\0\xfa\0\0\0\0\0\0\0"
)  # fmt: skip
"""The first bytes of a real restart file, of step 250."""


def test_the_step_of_a_restart_file_is_read_without_lammps() -> None:
    """Step, version and units."""
    facts = lammps_restart.read(HEAD + bytes(200) + HEAD[:16])
    assert (facts.step, facts.version, facts.units) == (250, "22 Jul 2025", "metal")


def test_a_restart_file_cut_at_every_byte_is_refused() -> None:
    """Also an empty one, as a full disk leaves it."""
    whole = HEAD + bytes(50) + HEAD[:16]
    for cut in range(len(whole)):
        with pytest.raises(ValueError, match="restart file"):
            lammps_restart.read(whole[:cut])


def test_the_newest_whole_restart_file_is_chosen() -> None:
    """A cut newer one is passed over; none whole is None."""
    older = HEAD + bytes(50) + HEAD[:16]
    newer = older.replace(b"\xfa\0\0\0\0", b"\xfe\0\0\0\0")
    assert lammps_restart.newest({"restart.a": older, "restart.b": newer}) == ("restart.b", lammps_restart.read(newer))
    assert lammps_restart.newest({"restart.a": older, "restart.b": newer[:-3]}) == ("restart.a", lammps_restart.read(older))
    assert lammps_restart.newest({"restart.a": b""}) is None


def test_the_header_of_a_restart_file_tells_atoms_and_time_step() -> None:
    """The records between step and time step are passed over; one that is not known ends the reading, and says nothing."""
    records = struct.pack("<ii", 6, 3) + struct.pack("<iq", 16, 34) + struct.pack("<ii", 17, 4) + struct.pack("<ii3d", 31, 3, 0, 0, 0)
    whole = HEAD + records + struct.pack("<id", 50, 0.0005) + bytes(20) + HEAD[:16]
    facts = lammps_restart.read(whole)
    assert (facts.n_atoms, facts.n_types, facts.timestep_ps) == (34, 4, 0.0005)
    strange = HEAD + struct.pack("<ii", 999, 3) + records + HEAD[:16]
    assert lammps_restart.read(strange).n_atoms is None
