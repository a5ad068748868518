# SPDX-License-Identifier: MIT
"""Codes by role: those that `aiida-zif setup` made, and those named by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from aiida_zif.cli.profile import COMPUTER, PROGRAMS

INSTALL: dict[str, str] = {
    "cp2k": "apt-get install cp2k, or conda install -c conda-forge cp2k",
    **dict.fromkeys(
        ("train", "package", "compile", "mliap", "check", "evaluate", "disagree", "lammps"), "pip install 'aiida-zif[programs]'"
    ),
    **dict.fromkeys(("frames", "collect", "analysis"), "pip install aiida-zif, with --no-deps where numpy and h5py are"),
}
"""By role: what brings the program."""


def label_of(program: str) -> str:
    """Return the label of the code of a program."""
    return program.replace(".", "-")


def find() -> dict[str, Any]:
    """Return a code per role: on the computer that `aiida-zif setup` makes by default, else the newest elsewhere."""
    from aiida.orm import AbstractCode, Computer, QueryBuilder

    labels = [label_of(program) for programs, _ in PROGRAMS.values() for program in programs]
    query = QueryBuilder().append(Computer, tag="computer", project=["label"])
    query.append(AbstractCode, with_computer="computer", filters={"label": {"in": labels}}, project=["*"])
    found = sorted(query.all(), key=lambda row: (row[0] == COMPUTER, row[1].ctime), reverse=True)
    usable = [code for _, code in found if not code.is_hidden]
    codes = {}
    for role, (programs, _) in PROGRAMS.items():
        # the names of a program stand in the order of preference
        ranked = [code for program in programs for code in usable if code.label == label_of(program)]
        if ranked:
            codes[role] = ranked[0]
    return codes


def choose(chain: Any, texts: Sequence[str] = ()) -> dict[str, Any]:
    """Return the codes of ``chain`` by role: those given as ``ROLE=LABEL``, else those found. One sentence for what is missing."""
    roles = (*chain.CODES, *chain.MAY_USE)
    codes = {role: code for role, code in find().items() if role in roles} | by_hand(texts, roles)
    if lacking := [role for role in chain.CODES if role not in codes]:
        raise click.ClickException(missing(lacking))
    return codes


def by_hand(texts: Sequence[str], roles: Sequence[str]) -> dict[str, Any]:
    """Return the codes named as ``ROLE=LABEL``, by role. One sentence for a role that is none of ``roles``, or a code that there is not."""
    codes = {}
    for text in texts:
        role, sign, label = text.partition("=")
        if not sign or role not in roles:
            raise click.BadParameter(f"{text!r} should be ROLE=LABEL with a role of this stage: {', '.join(roles)}", param_hint="--code")
        codes[role] = load(label)
    return codes


def missing(roles: Sequence[str]) -> str:
    """Return the sentence on codes that are not there."""
    return (
        f"there is no code for {', '.join(roles)}; install what is missing ({INSTALL.get(roles[0], 'see the documentation')}) and run "
        f"`aiida-zif setup`, or name your own: --code {roles[0]}=LABEL@COMPUTER (`verdi code list`)"
    )


def load(label: str) -> Any:
    """Return the code of PK, UUID or LABEL@COMPUTER."""
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_code

    try:
        return load_code(label)
    except (NotExistent, MultipleObjectsError, ValueError) as problem:
        raise click.BadParameter(f"{label!r} names no code: see `verdi code list`", param_hint="--code") from problem
