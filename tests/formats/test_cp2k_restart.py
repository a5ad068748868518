# SPDX-License-Identifier: MIT
"""Only a whole restart file is one."""

from pathlib import Path

import pytest

from aiida_zif.formats import cp2k_output
from aiida_zif.formats.cp2k_restart import read

RECORDED = Path(__file__).parent / "data" / "cp2k" / "md" / "aiida-1.restart"


def test_a_whole_file_tells_its_step():
    """The recorded run ended with step 4."""
    assert read(RECORDED).step == 4


def test_a_cut_file_is_none_at_every_tenth_byte(tmp_path):
    """Cut anywhere, emptied or absent: no restart."""
    data = RECORDED.read_bytes()
    file = tmp_path / "aiida-1.restart"
    for end in range(0, len(data), 10):
        file.write_bytes(data[:end])
        assert read(file) is None, end
    assert read(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("name", "step"),
    [("segment_1", 6), ("walltime_mid_run", 20), ("killed_9", 16), ("crash_then_restart_same_directory", 7)],
)
def test_real_files(shared_data, name, step):
    """Restart files of real runs, ended in different ways."""
    assert read(shared_data / "cp2k_outputs" / name / "aiida-1.restart").step == step


def test_a_file_of_another_run_is_told_by_its_atoms():
    """A restart file belongs to the frames of its own run, to the last digit, and to no other."""
    folder = RECORDED.parent
    frames, found = cp2k_output.read(folder).frames, read(RECORDED)
    assert found.belongs_to(frames.species, frames.positions[4])
    assert not found.belongs_to(frames.species, frames.positions[3])
    assert not found.belongs_to(frames.species[::-1], frames.positions[4])
