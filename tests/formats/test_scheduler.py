# SPDX-License-Identifier: MIT
"""Who ended a job, by the words of SLURM 22 and of programs; and what nothing says of."""

import pytest

from aiida_zif.formats import scheduler


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***", scheduler.WALLTIME),
        ("module loaded\nslurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION ***", scheduler.PREEMPTED),
        ("slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE, SEE LOG ***", scheduler.NODE_FAILED),
        ("slurmstepd: error: *** JOB 1 ON n CANCELLED AT 2026-01-01T00:00:00 ***", scheduler.CANCELLED),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=1.batch.", scheduler.OUT_OF_MEMORY),
        ("slurmstepd: error: Exceeded memory limit at some point.", scheduler.OUT_OF_MEMORY),
        ("At line 5 of file x.F\nOperating system error: Cannot allocate memory\n", scheduler.OUT_OF_MEMORY),
        ("Fortran runtime error: No space left on device", scheduler.DISK_FULL),
        ("cp: Disk quota exceeded", scheduler.DISK_FULL),
        ("warning: something harmless", None),
        ("", None),
    ],
)
def test_cause_is_found_in_any_line(text, cause):
    """SLURM says CANCELLED of a time limit and of a preemption, too: the reason counts, not the word."""
    assert scheduler.ended_by(text) == cause
    assert scheduler.ended_by("a\nb\n" + text.upper() + "\nc") == cause


def test_program_is_believed_on_memory_and_disk_only():
    """A program's output may speak of preemption without having been preempted, and its beginning is long past."""
    assert scheduler.complaint("std::bad_alloc") == scheduler.OUT_OF_MEMORY
    assert scheduler.complaint("job preempted") is None
    assert scheduler.complaint("out of memory" + "x" * 6000) is None
