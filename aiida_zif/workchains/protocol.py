# SPDX-License-Identifier: MIT
"""Protocols: the numbers of every stage, in YAML, as differences from the protocol they inherit from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

FOLDER = resources.files("aiida_zif.workchains") / "protocols"


def names() -> list[str]:
    """Return the names of the protocols that ship."""
    return sorted(entry.name.removesuffix(".yaml") for entry in FOLDER.iterdir() if entry.name.endswith(".yaml"))


def load(name: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return ``{stage: {parameter: value}}`` of a protocol with ``overrides`` merged in.

    Raises ``ValueError`` for an unknown protocol or an override of a stage that the protocol does not have.
    """
    if name not in names():
        raise ValueError(f"there is no protocol {name!r}; there are {', '.join(names())}")
    content: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    content.pop("description", None)
    parent = content.pop("inherits", None)
    stages = merge(load(parent), content) if parent else content
    if unknown := sorted(set(overrides or {}) - set(stages)):
        raise ValueError(f"overrides name unknown stages {', '.join(unknown)}; protocol {name} has {', '.join(stages)}")
    return merge(stages, overrides or {})


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes`` merged in, mapping by mapping; lists are replaced, a mapping changed to ``None`` is taken out."""
    result = dict(base)
    for key, value in changes.items():
        if value is None and isinstance(result.get(key), Mapping):
            del result[key]
            continue
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if both else value
    return result


def single_run(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run that one training or an ensemble takes of those in ``plan``. Raises ``ValueError`` where it names none of them."""
    stage = plan["train"]
    if stage["model"] not in stage["runs"]:
        raise ValueError(f"train.model is {stage['model']!r}, but must be one of train.runs: {', '.join(stage['runs'])}")
    return dict(stage["runs"][stage["model"]])
