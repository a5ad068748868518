# SPDX-License-Identifier: MIT
"""`STAGE.KEY=VALUE` of the command line as nested mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import yaml


def parse(texts: Sequence[str]) -> dict[str, Any]:
    """Return ``{"aimd": {"run": {"steps": 10}}}`` of ``["aimd.run.steps=10"]``; values are YAML."""
    result: dict[str, Any] = {}
    for text in texts:
        path, sign, value = text.partition("=")
        keys = path.split(".")
        if not sign or len(keys) < 2 or not all(keys):
            raise click.BadParameter(f"{text!r} should be STAGE.KEY=VALUE, as in melt_quench.run.tmax_k=1200")
        target = result
        for key in keys[:-1]:
            target = target.setdefault(key, {})
        try:
            target[keys[-1]] = yaml.safe_load(value)
        except yaml.YAMLError as problem:
            raise click.BadParameter(f"the value of {text!r} is no YAML") from problem
    return result
