# SPDX-License-Identifier: MIT
"""`aiida-zif import --kind force-field`: a classical force field that somebody wrote as a LAMMPS input."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_zif.cli import profile as our_profile


def run(path: Path, elements: str | None, label: str, dry_run: bool, profile_name: str | None) -> None:
    """Store the force field of a LAMMPS input, and say what was taken of it."""
    our_profile.load(profile_name)
    from aiida_zif.data.force_field import ZifForceFieldData

    try:
        node = ZifForceFieldData.from_lammps_input(path, elements.split() if elements else None)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    facts = node.base.attributes
    n_atoms = facts.get("n_atoms")
    for_whom = f"for a cell of {n_atoms} atoms in the order of the data file" if n_atoms else "for any atoms of these"
    click.echo(f"{node.architecture}, units {facts.get('units')}, types {' '.join(node.type_names)}, {for_whom}")
    for note in facts.get("notes"):
        click.echo(f"  {note}")
    if dry_run:
        click.echo("nothing was stored (dry run)")
        return
    node.label = label or path.name
    node.store()
    click.echo(f"stored: ZifForceFieldData<{node.pk}> {node.uuid}")
