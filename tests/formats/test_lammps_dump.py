# SPDX-License-Identifier: MIT
"""Dumps of LAMMPS, whole and cut."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiida_zif.formats import lammps_dump
from aiida_zif.formats.h5md_layout import frames_per_block
from aiida_zif.formats.lammps_data import restricted

TYPES = ("C", "H", "N", "Zn")
PATH = Path(__file__).parent / "data" / "lammps.dump"
"""Three frames of 32 atoms in a triclinic cell, with velocities, written by LAMMPS 22 Jul 2025."""


def frame(step: int, positions: np.ndarray, cell: np.ndarray, order: np.ndarray | None = None) -> str:
    """Return one frame as LAMMPS writes it, with bounds of the cuboid around the cell."""
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    corners = [0, xy, xz, xy + xz]
    bounds = [
        f"{min(corners):.16e} {cell[0, 0] + max(corners):.16e} {xy:.16e}",
        f"{min(0, yz):.16e} {cell[1, 1] + max(0, yz):.16e} {xz:.16e}",
        f"{0:.16e} {cell[2, 2]:.16e} {yz:.16e}",
    ]
    rows = [f"{k + 1} {k % 4 + 1} {x:.8f} {y:.8f} {z:.8f}" for k, (x, y, z) in enumerate(positions)]
    rows = rows if order is None else [rows[k] for k in order]
    head = ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(len(rows)), "ITEM: BOX BOUNDS xy xz yz pp pp pp"]
    return "\n".join([*head, *bounds, "ITEM: ATOMS id type xu yu zu", *rows]) + "\n"


def random_frame(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cell, _ = restricted(np.diag([9.0, 8.0, 7.0]) + rng.normal(size=(3, 3)) * 0.8)
    return rng.normal(size=(6, 3)) * 20, cell


def test_a_real_dump_is_read() -> None:
    """Steps, times, species, cell and velocities."""
    frames = lammps_dump.read(PATH, TYPES, 0.002, masses={"C": 12.011, "Zn": 65.38})
    assert frames.steps.tolist() == [40, 80]
    np.testing.assert_allclose(frames.times, [0.08, 0.16])
    assert frames.species[:4] == ("C", "Zn", "C", "Zn")
    assert frames.velocities is not None
    assert frames.masses[1] == 65.38
    assert (np.triu(frames.cells, 1) == 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_sheared_cell_comes_back_from_its_cuboid(tmp_path: Path, seed: int) -> None:
    """Whatever the signs of the tilts; unwrapped positions are not folded."""
    positions, cell = random_frame(seed)
    path_text = frame(5, positions, cell)
    (tmp_path / "dump").write_text(path_text)
    found = lammps_dump.read(tmp_path / "dump", TYPES, 1.0)
    np.testing.assert_allclose(found.cells[0], cell, atol=1e-12)
    np.testing.assert_allclose(found.positions[0], positions, atol=1e-8)


def test_atoms_are_put_in_the_order_of_their_ids(tmp_path: Path) -> None:
    """LAMMPS writes them as they lie in its memory when it is not asked to sort."""
    positions, cell = random_frame(1)
    path = tmp_path / "dump"
    path.write_text(frame(0, positions, cell) + frame(1, positions, cell, np.array([3, 1, 0, 2, 5, 4])))
    frames = lammps_dump.read(path, TYPES, 0.001)
    assert (frames.positions[0] == frames.positions[1]).all()
    assert frames.species == ("C", "H", "N", "Zn", "C", "H")


def test_a_repeated_step_counts_once_as_the_later_run_has_it(tmp_path: Path) -> None:
    """A crash, and a restart that appends: steps 0 1 2, a cut frame, then 1 2 3."""
    positions, cell = random_frame(2)
    path = tmp_path / "dump"
    cut = frame(3, positions, cell)[:-40]
    path.write_text(
        "".join(frame(k, positions + k, cell) for k in range(3)) + cut + "".join(frame(k, positions - k, cell) for k in (1, 2, 3))
    )
    frames = lammps_dump.read(path, TYPES, 0.001)
    assert frames.steps.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(frames.positions, [positions, positions - 1, positions - 2, positions - 3], atol=1e-8)


def test_a_dump_cut_at_every_byte_gives_the_frames_that_are_whole(tmp_path: Path) -> None:
    """A number cut in its middle is a valid number: a frame counts only when its last newline is there."""
    positions, cell = random_frame(4)
    parts = [frame(k, positions + k, cell) for k in range(3)]
    content = "".join(parts).encode()
    ends = np.cumsum([len(part) for part in parts])
    path = tmp_path / "dump"
    path.write_bytes(content)
    whole = lammps_dump.read(path, TYPES, 0.001)
    for cut in range(len(content)):
        path.write_bytes(content[:cut])
        n_whole = int((ends <= cut).sum())
        if n_whole == 0:
            with pytest.raises(ValueError, match="no whole frame"):
                lammps_dump.read(path, TYPES, 0.001)
        else:
            frames = lammps_dump.read(path, TYPES, 0.001)
            assert len(frames) == n_whole
            assert (frames.positions == whole.positions[:n_whole]).all()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("xu yu zu", "x y z", "xu yu zu are needed"),
        ("6 2 ", "6 5 ", "atom type 5, but 4 names"),
        ("6 2 ", "6 H ", "dump the type, not the element"),
    ],
)
def test_a_dump_of_another_kind_is_refused(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """Wrapped positions, types without a name, element names."""
    positions, cell = random_frame(5)
    path = tmp_path / "dump"
    path.write_text(frame(0, positions, cell).replace(old, new))
    with pytest.raises(ValueError, match=sentence):
        lammps_dump.read(path, TYPES, 0.001)


def test_frames_end_where_atoms_were_lost(tmp_path: Path) -> None:
    """What flew apart is dumped with fewer atoms before LAMMPS stops: the frames before it are kept, they show why."""
    positions, cell = random_frame(6)
    path = tmp_path / "dump"
    path.write_text(frame(0, positions, cell) + frame(1, positions, cell) + frame(2, positions[:5], cell))
    assert lammps_dump.read(path, TYPES, 0.001).steps.tolist() == [0, 1]


def test_frames_of_two_runs_in_one_file_are_refused(tmp_path: Path) -> None:
    """More atoms than before are another run."""
    positions, cell = random_frame(6)
    path = tmp_path / "dump"
    path.write_text(frame(0, positions[:5], cell) + frame(1, positions, cell))
    with pytest.raises(ValueError, match="two runs"):
        lammps_dump.read(path, TYPES, 0.001)


def columns(values: np.ndarray) -> str:
    """Return a frame as `zif.md` asks LAMMPS to print it."""
    rows = [f"{k:8d} {1:8d} " + " ".join(f"{x:16.8f}" for x in row) for k, row in enumerate(values, start=1)]
    head = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", str(len(rows)), "ITEM: BOX BOUNDS pp pp pp", "0 9", "0 9", "0 9"]
    return "\n".join([*head, "ITEM: ATOMS id type xu yu zu", *rows]) + "\n"


@given(st.lists(st.tuples(*[st.floats(-999999, 9999999)] * 3), min_size=1, max_size=6))
@example([(-0.0, 1e-9, -1e-8), (999.99999999, -99.5, 1234567.0)])
def test_columns_give_the_numbers_that_float_gives(values: list[tuple[float, float, float]]) -> None:
    """Bit for bit, whatever their signs and lengths."""
    text = columns(np.array(values))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump"
        path.write_text(text)
        found = lammps_dump.read(path, ("C",), 1.0).positions[0]
    expected = [[float(word) for word in line.split()[2:]] for line in text.splitlines()[9:]]
    assert np.array(expected).tobytes() == found.tobytes()


@given(st.integers(0, 16 * 3 - 1), st.sampled_from(b" -+.0x\n*"))
def test_columns_with_one_character_changed_are_never_misread(place: int, character: int) -> None:
    """They are read as ``float`` reads them, or refused: never quietly otherwise."""
    text = bytearray(columns(np.array([[1.5, -22.25, 333.125], [-4.0, 5.5, 6.75]])).encode())
    text[text.index(b"1.50000000") - 6 + place] = character
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump"
        path.write_bytes(text)
        try:
            found = lammps_dump.read(path, ("C",), 1.0).positions[0]
        except ValueError:
            return
    words = bytes(text).split(b"zu\n")[1].split()
    assert found.reshape(-1).tolist() == [float(word) for k, word in enumerate(words) if k % 5 > 1]


def test_frames_come_in_pieces(tmp_path: Path) -> None:
    """A dump of more than a block: every frame once, in order, and each as it was."""
    path = tmp_path / "dump"
    n_frames = frames_per_block(2) + 3
    with path.open("w") as dump:
        for step in range(n_frames):
            dump.write(columns(np.full((2, 3), step / 8)).replace("TIMESTEP\n0", f"TIMESTEP\n{step}"))
    parts = list(lammps_dump.batches(path, ("C",), 1.0))
    assert len(parts) == 2
    assert np.concatenate([part.positions[:, 0, 0] for part in parts]).tolist() == [step / 8 for step in range(n_frames)]
