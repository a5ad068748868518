# SPDX-License-Identifier: MIT
"""Tables of runs, in YAML: those that ship, and your own. A table says what its rows have in common and in what they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from aiida_zif.formats.nequip_run import TrainRun

SCAN = "scan"
FOLDER = resources.files("aiida_zif.workchains") / "tables"


@dataclass(frozen=True)
class Table:
    """A table as its file has it."""

    name: str
    rows: list[dict[str, Any]]
    """A mapping each; ``base`` names a training of the protocol from which a row starts instead of from the common one."""
    stage: str = SCAN
    """The chain whose rows they are."""
    description: str = ""
    protocol: str | None = None
    """The protocol whose numbers the table is meant to change."""
    base: str | None = None
    """The training of the protocol that all rows start from; its ``train.model`` if ``None``."""
    run: dict[str, Any] = field(default_factory=dict)
    """Settings of the training that all rows have in common, beside those of the protocol."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Settings of the draw that all rows have in common, beside those of the protocol."""
    seeds: list[int] | None = None
    citation: str | None = None
    """Where ``published`` stands."""
    published: dict[str, dict[str, float]] = field(default_factory=dict)
    """Numbers that others found, by label of the row, by our own names."""


def names(stage: str = SCAN) -> list[str]:
    """Return the names of the tables of ``stage`` that ship."""
    files = {entry.name.removesuffix(".yaml"): entry for entry in FOLDER.iterdir() if entry.name.endswith(".yaml")}
    return sorted(name for name, entry in files.items() if yaml.safe_load(entry.read_text(encoding="utf-8")).get("stage", SCAN) == stage)


def load(text: str, stage: str = SCAN) -> Table:
    """Return a table of ``stage`` that ships, by name, or that of a YAML file.

    Raises ``ValueError`` with one sentence for what is none, or is one of another stage.
    """
    path = Path(text)
    if text in names(stage):
        content = yaml.safe_load((FOLDER / f"{text}.yaml").read_text(encoding="utf-8"))
    elif path.is_file():
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as problem:
            raise ValueError(f"the table {text} is no YAML: {' '.join(str(problem).split())}") from problem
    else:
        raise ValueError(f"there is no table {text!r}: give a YAML file, or one of {', '.join(names(stage))}")
    known = [one.name for one in fields(Table) if one.name != "name"]
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise ValueError(f"the table {text} must be a mapping with rows, a list; it may have {', '.join(known)}")
    if unknown := sorted(map(str, set(content) - set(known))):
        raise ValueError(f"a table has no {unknown[0]}; it may have {', '.join(known)}")
    if content.get("stage", SCAN) != stage:
        raise ValueError(f"the table {text} is one of {content.get('stage', SCAN)}, not of {stage}: its `stage` says so")
    return Table(name=text, **content)


def resolve(table: Table, runs: Mapping[str, Mapping[str, Any]], usual: str) -> tuple[dict[str, Any], list[Any]]:
    """Return the common training of a table and its rows, with all that they differ in from it written out.

    ``runs`` are the trainings of a protocol, by name, of which ``usual`` is the one that a table without a ``base`` starts from. Raises
    ``ValueError`` for a ``base`` that is none of them.
    """
    common = {**_base(table.base or usual, runs), **table.run}
    rows = []
    for row in table.rows:
        if not isinstance(row, dict) or "base" not in row:
            rows.append(row)
            continue
        other = {**_base(row["base"], runs), **table.run}
        here, there = (TrainRun.from_dict(run).to_dict() for run in (common, other))
        changes = {name: value for name, value in there.items() if value != here[name] and name != "seed"}
        rows.append({**changes, **{name: value for name, value in row.items() if name != "base"}})
    return common, rows


def _base(name: str, runs: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if name not in runs:
        raise ValueError(f"the protocol has no training {name!r} to start from; there are {', '.join(runs)}")
    return runs[name]
