# SPDX-License-Identifier: MIT
"""CP2K folders whose files do not fit together: what can be used is used, and a sentence says what was not."""

import numpy as np
import pytest

from aiida_zif.formats import cp2k_output


@pytest.fixture
def opened(tmp_path, write):
    """Write the files and open the run; what it yields has as many frames as it says."""

    def open_texts(texts):
        write(texts)
        found = cp2k_output.open_run(tmp_path, masses={"Zn": 65.0, "N": 14.0, "H": 2.0})
        frames = list(found.batches())
        assert sum(map(len, frames)) == found.facts.n_frames
        return found.facts, frames[0] if frames else None

    return open_texts


def test_a_run_that_fits_together_has_no_problems(tmp_path, small_run, opened):
    """No sentence where there is nothing to say, velocities or not."""
    texts = small_run(0, 3)
    assert opened(texts)[0].problems == ()
    (tmp_path / "aiida-vel-1.xyz").unlink()
    texts.pop("vel")
    assert opened(texts)[0].problems == ()


def test_an_empty_folder_says_what_it_lacks(opened):
    """No positions, no run."""
    facts, frames = opened({})
    assert frames is None
    assert (facts.n_frames, facts.last_step) == (0, -1)
    assert facts.problems[0] == "there is no aiida-pos-1.xyz, so that there are no positions; let CP2K print them"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("frc", None, "there is no aiida-frc-1.xyz, so that there are no forces; let CP2K print them"),
        ("frc", "", "aiida-frc-1.xyz holds no whole frame: there are no forces"),
        ("vel", "rubbish", "aiida-vel-1.xyz holds no whole frame: there are no velocities"),
    ],
)
def test_a_run_without_forces_or_velocities_keeps_the_rest(name, content, sentence, small_run, opened):
    """Positions and energies stay."""
    texts = small_run(0, 3)
    texts.pop(name)
    facts, frames = opened(texts if content is None else {**texts, name: content})
    assert facts.problems == (sentence,)
    assert (frames.forces is None, frames.velocities is None) == (name == "frc", name == "vel")
    assert len(frames.energies) == 4


def test_files_of_different_runs_are_not_joined(small_run, opened):
    """Same steps, other energies: no frame has its forces."""
    facts, frames = opened({**small_run(0, 3), "frc": small_run(0, 3, run=1)["frc"]})
    assert frames is None
    assert facts.cut_tail
    assert facts.problems == (
        "4 of 4 frames of aiida-pos-1.xyz are not in aiida-frc-1.xyz by step and energy: they are of different runs; give one folder to "
        "each run",
    )


@pytest.mark.parametrize("name", ["frc", "vel"])
def test_runs_that_begin_alike_are_not_joined(name, small_run, opened):
    """Two runs from one structure share their first frame; that one frame fits says nothing of the others."""
    one, other = small_run(0, 3), small_run(0, 3, run=1)
    first = len(one[name]) // 4
    facts, frames = opened({**one, name: one[name][:first] + other[name][first:]})
    assert frames is None
    assert "3 of 4 frames of aiida-pos-1.xyz are not in" in facts.problems[0]


def test_atoms_in_another_order_are_not_joined(small_run, opened):
    """Forces of Zn, N, H are no forces of H, N, Zn."""
    texts = small_run(0, 3)
    swapped = texts["frc"].replace(" Zn", " XX").replace("  H", " Zn").replace(" XX", "  H")
    facts, frames = opened({**texts, "frc": swapped})
    assert frames.forces is None
    assert facts.problems == ("aiida-frc-1.xyz has other atoms than aiida-pos-1.xyz, or in another order: its forces were left out",)


def test_frames_without_a_cell_are_left_out_and_counted(small_run, opened):
    """Positions without the cell they are in are no configuration."""
    texts = small_run(0, 3)
    facts, frames = opened({**texts, "cell": small_run(0, 1)["cell"]})
    np.testing.assert_array_equal(frames.steps, [0, 1])
    assert facts.problems == ("2 of 4 frames have no cell in aiida-1.cell and were left out",)


@pytest.mark.parametrize(
    ("old", "new"), [("2.0100000000", "         NaN"), ("2.0100000000", "************"), ("2.0100000000", "    Infinity")]
)
@pytest.mark.parametrize("name", ["pos", "frc", "vel"])
def test_what_is_no_number_is_no_frame(name, old, new, small_run, opened):
    """NaN, infinity and stars: the frame goes, its neighbours stay."""
    texts = small_run(0, 3)
    facts, frames = opened({**texts, name: texts[name].replace(old, new)})
    assert np.isfinite(frames.positions).all()
    assert len(frames) == 3
    assert facts.cut_tail


@pytest.mark.parametrize("name", ["cell", "ener", "stress"])
def test_a_row_with_nan_is_no_row(name, small_run, opened):
    """A cell is needed, an energy row and a stress are not."""
    texts = small_run(0, 3)
    lines = texts[name].splitlines(keepends=True)
    lines[2] = lines[2][:-13] + "         NaN\n"
    facts, frames = opened({**texts, name: "".join(lines)})
    np.testing.assert_array_equal(frames.steps, [0, 2, 3] if name == "cell" else [0, 1, 2, 3])
    assert (frames.temperatures is None) == (name == "ener")
    assert np.isnan(frames.stresses).all(axis=1).tolist()[1:] == ([False] * 2 if name == "cell" else [name == "stress", False, False])
    assert facts.cut_tail


def test_a_flat_cell_gives_no_stress(tmp_path, small_run, opened):
    """Without a volume there is no kinetic pressure: unknown, no exception, no warning."""
    texts = small_run(0, 3)
    for names in ((), ("vel",)):
        for name in names:
            texts.pop(name)
            (tmp_path / f"aiida-{name}-1.xyz").unlink()
        _, frames = opened({**texts, "cell": texts["cell"].replace("9.0000000000", "0.0000000000")})
        assert np.isnan(frames.stresses).all()


def test_large_coordinates_are_read(small_run, opened):
    """Beyond -9999 and 99999 a column has no four blanks in front: slower, but the same numbers."""
    texts = small_run(0, 3)
    wide = texts["pos"].replace("        2.0100000000", "   123456.0123456789").replace("        1.0100000000", "   -12345.6789012345")
    _, frames = opened({**texts, "pos": wide})
    np.testing.assert_array_equal(frames.positions[:, 1, 0], [0.01, -12345.6789012345, 123456.0123456789, 3.01])


def test_numbers_of_two_runs_in_one_header_are_no_header(small_run, opened):
    """``E = 1.2.3`` and a step beyond all bounds are no frame, and no exception."""
    texts = small_run(0, 3)
    for old, new in (
        ("-60.0000000000", "-60.00.0000000"),
        ("i =        1", "i = " + "9" * 30),
        ("time =        0.500", "time =        0.5.0"),
    ):
        _, frames = opened({**texts, "pos": texts["pos"].replace(old, new)})
        np.testing.assert_array_equal(frames.steps, [0, 2, 3])
