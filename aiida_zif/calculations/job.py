# SPDX-License-Identifier: MIT
"""What all our CalcJobs share: an input rendered from nodes, and options said once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiida.common.datastructures import CalcInfo
from aiida.engine import CalcJob
from plumpy.utils import AttributesFrozendict

CORE_OPTIONS: tuple[str, ...] = (
    "account", "queue_name", "qos", "max_wallclock_seconds", "max_memory_kb", "resources", "custom_scheduler_commands",
    "prepend_text", "append_text", "environment_variables", "withmpi", "priority",
)  # fmt: skip


@contextmanager
def rendered(process: CalcJob, **derived: Any) -> Iterator[None]:
    """Let the base class see ``derived`` as inputs while it prepares a submission.

    The base classes of aiida-cp2k and aiida-lammps take the finished input text; ours is a pure function of the structure, the
    potential and the run, which are the inputs and the edges in the graph.
    """
    given = process.inputs
    process._parsed_inputs = AttributesFrozendict({**given, **derived})
    try:
        yield
    finally:
        process._parsed_inputs = given


def job_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return ``metadata.options`` of a CalcJob from the mapping that a user writes once per stage.

    Keys are AiiDA's own, and ``gpus``, which asks the scheduler for that many on a machine, and for a task for each of them.

    Raises ``ValueError`` for an unknown key.
    """
    given = dict(options or {})
    gpus = int(given.pop("gpus", 0))
    if unknown := sorted(set(given) - set(CORE_OPTIONS)):
        raise ValueError(f"unknown options {', '.join(unknown)}; allowed are gpus, {', '.join(CORE_OPTIONS)}")
    result: dict[str, Any] = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": max(1, gpus)}, "withmpi": False, **given}
    if gpus:
        lines = [result.get("custom_scheduler_commands", ""), f"#SBATCH --gres=gpu:{gpus}"]
        result["custom_scheduler_commands"] = "\n".join(line for line in lines if line)
    return result


RESTART = "segment.restart"
"""What a restart file is called, in the job and as a node: equal content, equal node."""
COST_FILE = "cost.txt"
"""What the job's own shell says of host and cost, since not every program prints it."""

SPACE_TEST = "{ head -c 1000000 /dev/zero > space.test; } 2> /dev/null && rm space.test || { rm -f space.test; false; }"
"""Shell commands that fail where not even a megabyte can be written, be it for the disk or a quota. CP2K says nothing of it."""


def record_cost(calcinfo: CalcInfo) -> CalcInfo:
    """Let the job write when and where it ran and what it cost; ``parsers.job`` reads it."""
    start = f'{{ echo "host $(hostname)"; echo "threads ${{OMP_NUM_THREADS:-unset}}"; echo "start $(date +%s.%N)"; }} > {COST_FILE}'
    end = f'{{ echo "end $(date +%s.%N)"; times; {SPACE_TEST} || echo "disk full"; }} >> {COST_FILE}'
    calcinfo.prepend_text = "\n".join(filter(None, [calcinfo.prepend_text, start]))
    calcinfo.append_text = "\n".join(filter(None, [calcinfo.append_text, end]))
    calcinfo.retrieve_temporary_list = [*(calcinfo.retrieve_temporary_list or []), COST_FILE]
    return calcinfo


def planned_walltime(seconds: int | None, slowest_step_s: float = 0.0) -> float | None:
    """Return when a program should stop by itself: before the scheduler's limit by 10 %, 60 s or three of its slowest steps, whichever is
    most, but after at least half of it.
    """
    return None if seconds is None else max(0.5 * seconds, seconds - max(0.1 * seconds, 60.0, 3 * slowest_step_s))


def structure_arrays(structure: Any) -> tuple[tuple[str, ...], Any, Any]:
    """Return species, positions (n, 3) in Å and cell rows of a StructureData."""
    import numpy as np

    species = tuple(structure.get_kind(site.kind_name).symbol for site in structure.sites)
    return species, np.array([site.position for site in structure.sites]), np.array(structure.cell)


def validate_structure(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a structure: it must be zinc and whole imidazolates."""
    if node is None:
        return None
    from aiida_zif.science import linkers

    try:
        linkers.perceive(*structure_arrays(node))
    except ValueError as problem:
        return str(problem)
    return None
