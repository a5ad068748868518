# SPDX-License-Identifier: MIT
"""Who ended a job, by what the scheduler or the program wrote to its stderr: SLURM without an accounting data base says it nowhere else."""

from __future__ import annotations

OUT_OF_MEMORY = "out of memory"
DISK_FULL = "disk full"
WALLTIME = "walltime"
PREEMPTED = "preempted"
NODE_FAILED = "node failed"
CANCELLED = "cancelled"

_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        OUT_OF_MEMORY,
        (
            "out_of_memory", "out of memory", "exceeded memory limit", "oom_kill event", "oom-kill", "std::bad_alloc",
            "cannot allocate memory", "can't allocate memory", "memory allocation failed", "insufficient virtual memory",
            "not enough memory",
        ),
    ),
    (DISK_FULL, ("disk full", "no space left on device", "disk quota exceeded", "file too large")),
    (WALLTIME, ("due to time limit",)),
    (PREEMPTED, ("due to preemption", "preempted", "due to requeue", "job requeue")),
    (NODE_FAILED, ("due to node failure", "node_fail", "node failure", "down node")),
    (CANCELLED, ("cancelled at", "cancelled by", "job cancelled")),
)  # fmt: skip
"""In the order in which they count: SLURM writes CANCELLED for a time limit and for a preemption, too."""


def ended_by(text: str) -> str | None:
    """Return what ended a job, one of the words of this module, or ``None`` where ``text`` does not say. Any line of it may."""
    lower = text.lower()
    return next((cause for cause, signs in _SIGNS if any(sign in lower for sign in signs)), None)


def complaint(stdout: str, last_characters: int = 5000) -> str | None:
    """Return ``OUT_OF_MEMORY`` or ``DISK_FULL`` where the end of a program's own output complains of it, else ``None``."""
    found = ended_by(stdout[-last_characters:])
    return found if found in (OUT_OF_MEMORY, DISK_FULL) else None
