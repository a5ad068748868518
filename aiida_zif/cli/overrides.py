# SPDX-License-Identifier: MIT
"""`STAGE.KEY=VALUE` of the command line as nested mappings, and what of it no stage would ever read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import click
import yaml

_PROBE = "\N{WHITE QUESTION MARK ORNAMENT}"
"""No setting has this value: where it changes nothing, the setting is not read."""


def parse(texts: Sequence[str]) -> dict[str, Any]:
    """Return ``{"aimd": {"run": {"steps": 10}}}`` of ``["aimd.run.steps=10"]``; values are YAML."""
    result: dict[str, Any] = {}
    for text in texts:
        path, sign, value = text.partition("=")
        keys = path.strip().split(".")
        if not sign or len(keys) < 2 or not all(keys):
            raise click.BadParameter(f"{text!r} should be STAGE.KEY=VALUE, as in melt_quench.run.tmax_k=1200")
        try:
            put(result, keys, yaml.safe_load(value))
        except yaml.YAMLError as problem:
            raise click.BadParameter(f"the value of {text!r} is no YAML") from problem
        except TypeError as problem:
            raise click.BadParameter(f"{text!r} sets a part of what another --override sets as a whole; give one of them") from problem
    return result


def put(target: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Set the value at the path ``keys``. Raises ``TypeError`` where something on the way is no mapping."""
    for key in keys[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise TypeError(f"{key} is no mapping")
    target[keys[-1]] = value


def leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every value that is no mapping."""
    found = []
    for key, value in tree.items():
        path = (*above, str(key))
        found += leaves(value, path) if isinstance(value, Mapping) and value else [path]
    return found


OPEN: tuple[tuple[str, ...], ...] = (("aimd", "run"), ("train", "runs"), ("md", "wall"))
"""Mappings that may hold more than a protocol says: their own checks know every key."""


def refuse_unknown(overrides: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
    """Refuse an override of a key that the protocol ``plan`` does not have, and name those that it has."""
    for path in leaves(overrides):
        here: Any = plan
        for depth, key in enumerate(path):
            if path[:depth] in OPEN:
                break
            if not isinstance(here, Mapping):
                raise click.BadParameter(f"{'.'.join(path[:depth])} has no parts that could be set; set it as a whole, as YAML")
            if key not in here:
                raise click.BadParameter(f"the protocol has no {'.'.join(path[: depth + 1])}; there are {', '.join(here)}")
            here = here[key]


def refuse_unread(overrides: Mapping[str, Any], stage: str, inputs_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Refuse an override that changes no input of ``stage``: it would be lost without a word.

    ``inputs_of`` returns the inputs that the protocol gives with some overrides, as plain values. Each is tried beside the others: one
    may choose what another one changes.
    """
    try:
        before = inputs_of(overrides)
    except Exception:
        return  # whoever makes the inputs in earnest says what is wrong with them
    for path in leaves(overrides):
        probe = deepcopy(dict(overrides))
        put(probe, path, _PROBE)
        try:
            read = inputs_of(probe) != before
        except Exception:
            read = True  # whoever stumbles over the value has read it
        if not read:
            raise click.BadParameter(f"{'.'.join(path)} changes nothing in zif.{stage}, which does not read it; leave it out")
