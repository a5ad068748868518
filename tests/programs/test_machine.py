# SPDX-License-Identifier: MIT
"""What a compiled model needs and what the machine is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiida_zif.formats.nequip_model import ModelFacts
from aiida_zif.programs import machine

COMPILED = ModelFacts("compiled", ("H",), 4.0, device="cpu", isa=("AVX512", "AVX512_VNNI"), machine="x86_64")
AVX512 = frozenset({"avx512f", "avx512dq", "avx512vl", "avx512bw", "avx512_vnni", "avx2"})


def test_model_of_this_machine_fits() -> None:
    """All instruction sets are there."""
    assert machine.why_unfit(COMPILED, AVX512, "x86_64") is None


def test_missing_instruction_set_is_named() -> None:
    """The first thing a wrong node lacks is said by torch's name."""
    assert "AVX512_VNNI" in (machine.why_unfit(COMPILED, AVX512 - {"avx512_vnni"}, "x86_64") or "")


def test_unknown_instruction_set_is_its_own_flag() -> None:
    """One that torch names and the table does not is missed where the processor does not have it; none at all is never missed."""
    assert "SVE9" in (machine.why_unfit(replace(COMPILED, isa=("AVX2", "SVE9")), AVX512 | {"fma"}, "x86_64") or "")
    assert machine.why_unfit(replace(COMPILED, isa=("AVX512_BF16",)), AVX512 | {"avx512_bf16"}, "x86_64") is None
    assert machine.why_unfit(replace(COMPILED, isa=("INVALID_VEC_ISA",)), AVX512, "x86_64") is None


def test_other_processor_family_is_named() -> None:
    """A file from an ARM machine does not run here, nor the other way round."""
    assert "x86_64" in (machine.why_unfit(COMPILED, AVX512, "aarch64") or "")


def test_package_fits_everywhere() -> None:
    """Only compiled files belong to a machine."""
    assert machine.why_unfit(ModelFacts("package", ("H",), 4.0), frozenset(), "aarch64") is None


def test_unknown_processor_is_not_judged() -> None:
    """Where the system does not tell its flags, torch decides."""
    assert machine.cpu_flags(Path("/nonexistent")) == frozenset()
    assert machine.why_unfit(COMPILED, frozenset(), "x86_64") is None


def test_ranks_are_read_from_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open MPI, MPICH and SLURM each say how many they started."""
    for name in machine.RANK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert machine.launched_ranks() == 1
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    assert machine.launched_ranks() == 4


def test_versions_leave_out_what_is_absent() -> None:
    """A program that is not installed is no error."""
    assert set(machine.versions("numpy", "no-such-distribution")) == {"numpy"}
