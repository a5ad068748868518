# SPDX-License-Identifier: MIT
"""Only a whole restart file is one."""

from pathlib import Path

import pytest

from aiida_zif.formats.cp2k_restart import restart_step

RECORDED = Path(__file__).parent / "data" / "cp2k" / "md" / "aiida-1.restart"


def test_a_whole_file_tells_its_step():
    """The recorded run ended with step 4."""
    assert restart_step(RECORDED) == 4


def test_a_cut_file_is_none_at_every_tenth_byte(tmp_path):
    """Cut anywhere, emptied or absent: no restart."""
    data = RECORDED.read_bytes()
    file = tmp_path / "aiida-1.restart"
    for end in range(0, len(data), 10):
        file.write_bytes(data[:end])
        assert restart_step(file) is None, end
    assert restart_step(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("name", "step"),
    [("segment_1", 6), ("walltime_mid_run", 20), ("killed_9", 16), ("crash_then_restart_same_directory", 7)],
)
def test_real_files(shared_data, name, step):
    """Restart files of real runs, ended in different ways."""
    assert restart_step(shared_data / "cp2k_outputs" / name / "aiida-1.restart") == step
