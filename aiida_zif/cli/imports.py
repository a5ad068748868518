# SPDX-License-Identifier: MIT
"""`aiida-zif import`: what was made elsewhere: frames become a trajectory, a model a model node, a glass a structure with a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import import_force_field
from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.audit import check_folder, lines, write_figure


@click.command(name="import")
@click.argument("path", metavar="FOLDER|FILE", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["cp2k", "extxyz", "npz", "model", "glass", "force-field"]),
    help="What it is; told from the path if not given.",
)
@click.option("--temperature", type=float, metavar="K", help="Of the thermostat, which the measured one must meet.")
@click.option("--single-points", is_flag=True, help="Frames labelled one by one: no dynamics, no temperature; all go into training.")
@click.option("--timestep", "timestep_fs", type=click.FloatRange(min=0, min_open=True), metavar="FS", help="Of one step.")
@click.option("--first-used-step", type=click.IntRange(min=0), default=0, help="Steps before it are equilibration.")
@click.option("--project", help="How the files of the CP2K run begin; found if there is one run in the folder.")
@click.option("--mass", "masses", multiple=True, metavar="SYMBOL=AMU", help="Of a CP2K run, if its log is lost or rounds. Repeatable.")
@click.option("--units", type=click.Choice(["ev", "hartree", "kcal/mol", "kj/mol"]), help="Of an npz, which has none [default: ev].")
@click.option("--stress-content", type=click.Choice(["virial", "estimated", "total"]), help="What stresses of extxyz or npz hold.")
@click.option("--source", metavar="TEXT", help="Of a glass: where it was published, a DOI.")
@click.option("--elements", metavar="'C H …'", help="Of a force field: one per atom type, where the masses do not tell them.")
@click.option("--label", default="", help="Of the node.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the figure of the audit (SVG) here.")
@click.option("--dry-run", is_flag=True, help="Read and audit; store nothing.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def import_(
    path: Path, temperature: float | None, single_points: bool, masses: tuple[str, ...], source: str | None,
    elements: str | None, label: str, figure: Path | None, dry_run: bool, profile_name: str | None, **given: Any,
) -> None:  # fmt: skip
    """Read a CP2K run folder, or frames in extxyz or npz, audit them, and store a trajectory that says where it came from.

    A model, a package (.nequip.zip) or one of an older nequip (.pth), is stored with its facts and its origin, and is not opened: it is
    a program, to be run only if it can be trusted. A classical force field is a LAMMPS input and the data file that it reads: its commands
    are taken one by one, and what is not known is refused.

    \b
    Examples:
      aiida-zif import runs/liquid_1500K --temperature 1500 --timestep 0.5
      aiida-zif import flathist_2700.npz --single-points --stress-content total --dry-run
      aiida-zif import nequip_l2r6stress0.pth
      aiida-zif import in.mof-ff --kind force-field
      aiida-zif import glass_01.cif --kind glass --source doi:10.1021/acs.chemmater.0c02950
    """
    if (given["kind"] == "glass") != (source is not None):
        raise click.UsageError("a glass is imported by --kind glass and --source, where it was published; nothing else takes a --source")
    if source is not None:
        import_glass(path, source, label, dry_run, profile_name)
        return
    if (given["kind"] == "force-field") < (elements is not None):
        raise click.UsageError("--elements are those of the atom types of a force field: give --kind force-field, or leave them out")
    if given["kind"] == "force-field":
        import_force_field.run(path, elements, label, dry_run, profile_name)
        return
    if given["kind"] == "model" or (given["kind"] is None and is_model(path)):
        import_model(path, label, dry_run, profile_name)
        return
    if single_points == (temperature is not None):
        raise click.UsageError("give --temperature of the run, or --single-points for frames that are no dynamics, and not both")
    check_folder(figure, "--figure")
    our_profile.load(profile_name)
    from aiida_zif.data import imports

    try:
        what = imports.Source(path, temperature=temperature, masses=_masses(masses), **given)
        found = imports.load(what)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    node = found.node
    attributes = node.base.attributes
    click.echo(f"{attributes.get('n_frames')} frames of {attributes.get('n_atoms')} atoms ({' '.join(attributes.get('elements'))})")
    for note in found.notes:
        click.echo(f"  {note}")
    click.echo("\n".join(lines(found.audit)))
    if not dry_run:
        node.label = label or path.resolve().name
        node.store()
        click.echo(f"stored: ZifTrajectoryData<{node.pk}> {node.uuid}")
    else:
        click.echo("nothing was stored (dry run)")
    if figure is not None:
        write_figure(found.audit, node, figure)


def is_model(path: Path) -> bool:
    """Return whether a file is called like a model."""
    from aiida_zif.formats.nequip_model import SUFFIXES

    return path.name.endswith(tuple(SUFFIXES))


def import_model(path: Path, label: str, dry_run: bool, profile_name: str | None) -> None:
    """Store a model that was made elsewhere, and say what it says of itself."""
    our_profile.load(profile_name)
    from aiida_zif.data import imports

    try:
        node = imports.load_model(path)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    facts = node.base.attributes
    made = ", ".join(f"{program} {version}" for program, version in sorted(facts.get("versions").items()))
    types = " ".join(node.type_names)
    click.echo(f"{node.architecture} model in the form {node.form} for {types}, cutoff {facts.get('cutoff_angstrom')} Å, by {made}")
    if dry_run:
        click.echo("nothing was stored (dry run)")
        return
    node.label = label or path.name
    node.store()
    click.echo(f"stored: ZifModelData<{node.pk}> {node.uuid}")


def import_glass(path: Path, source: str, label: str, dry_run: bool, profile_name: str | None) -> None:
    """Store a structure that was made elsewhere, with a certificate that says so."""
    our_profile.load(profile_name)
    from aiida_zif.cli import import_glass as imported
    from aiida_zif.report.glass_table import listing

    try:
        structure, origin = imported.read(path, source)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"{structure.get_formula()}, {len(structure.sites)} atoms, from {origin['source']}, sha256 {origin['sha256'][:16]}…")
    if dry_run:
        click.echo("nothing was stored (dry run)")
        return
    structure.label = label or path.name
    certificate = imported.certify(structure, origin)
    click.echo(listing([{"pk": structure.pk, **certificate.get_dict()}]))
    click.echo(f"stored: StructureData<{structure.pk}> {structure.uuid}, its certificate is Dict<{certificate.pk}>")


def _masses(given: tuple[str, ...]) -> dict[str, float]:
    masses = {}
    for text in given:
        symbol, _, mass = text.partition("=")
        try:
            masses[symbol] = float(mass)
        except ValueError as problem:
            raise click.BadParameter(f"{text!r} is not like H=2.014101777", param_hint="--mass") from problem
    return masses
