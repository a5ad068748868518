# SPDX-License-Identifier: MIT
"""One number, one label, one meaning, over all jobs and chains of ours; and what may serve the cache."""

from __future__ import annotations

import importlib
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GROUPS: dict[str, list[str]] = json.loads((ROOT / "setup.json").read_text(encoding="utf-8"))["entry_points"]
PROCESSES = [line.split(" = ")[1] for group in ("aiida.calculations", "aiida.workflows") for line in GROUPS[group]]


def inherited_numbers() -> set[int]:
    """Numbers that another's class gives a meaning: aiida-core, its restart chain, aiida-cp2k, aiida-lammps."""
    from aiida.engine import BaseRestartWorkChain
    from aiida.plugins import CalculationFactory, WorkflowFactory

    others: list[Any] = [BaseRestartWorkChain, CalculationFactory("cp2k"), CalculationFactory("lammps.raw"), WorkflowFactory("cp2k.base")]
    # Also those that these declare in other versions, as far as they are known.
    known = {200, 210, 301, 302, 303, 304, 309, 312, 321, 323, 325, 350, 351, 352, 400, 401, 402, 450, 500, 501, 1001}
    return known.union(*({code.status for code in other.spec().exit_codes.values()} for other in others))


@cache
def own_codes(value: str) -> dict[str, Any]:
    """Return label → exit code of those that a class of ours declares, without what it inherits from others."""
    module, name = value.split(":")
    process = getattr(importlib.import_module(module), name)
    foreign = {
        (label, code.status)
        for base in process.__mro__[1:]
        if not base.__module__.startswith("aiida_zif") and hasattr(base, "spec")
        for label, code in getattr(base.spec(), "exit_codes", {}).items()
    }
    return {label: code for label, code in process.spec().exit_codes.items() if (label, code.status) not in foreign}


@pytest.mark.parametrize("value", PROCESSES, ids=lambda value: value.split(":")[1])
def test_numbers_lie_in_their_hundreds_and_are_free(value: str) -> None:
    """2xx to 5xx and 7xx, none of which a base class uses."""
    taken = inherited_numbers()
    wrong = {
        label: code.status for label, code in own_codes(value).items() if code.status // 100 not in (2, 3, 4, 5, 7) or code.status in taken
    }
    assert not wrong


@pytest.mark.parametrize("value", PROCESSES, ids=lambda value: value.split(":")[1])
def test_only_sound_results_serve_the_cache(value: str) -> None:
    """2xx to 4xx set ``invalidates_cache``; 5xx and 7xx are results and do not."""
    wrong = {label: code.status for label, code in own_codes(value).items() if code.invalidates_cache is not (code.status < 500)}
    assert not wrong


@pytest.mark.parametrize("value", PROCESSES, ids=lambda value: value.split(":")[1])
def test_message_is_a_sentence(value: str) -> None:
    """A message says more than its label, and ends with a full stop or with the reason that is filled in."""
    wrong = {
        label: code.message for label, code in own_codes(value).items() if not re.fullmatch(r"[A-Z{](\S+\s+){2,}\S*[.}]", code.message)
    }
    assert not wrong


def test_one_number_one_label_one_meaning() -> None:
    """Over all processes of ours a number has one label and one message, and a label one number."""
    meanings: dict[int, set[tuple[str, str]]] = defaultdict(set)
    numbers: dict[str, set[int]] = defaultdict(set)
    for value in PROCESSES:
        for label, code in own_codes(value).items():
            meanings[code.status].add((label, code.message))
            numbers[label].add(code.status)
    assert not {number: found for number, found in meanings.items() if len(found) > 1}
    assert not {label: found for label, found in numbers.items() if len(found) > 1}
    assert meanings
