# SPDX-License-Identifier: MIT
"""`aiida-zif setup`: a computer and codes for the programs found on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.codes import INSTALL


@click.command()
@click.option("--computer", default=our_profile.COMPUTER, show_default=True, metavar="LABEL", help="This machine's label, made if absent.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def setup(computer: str, profile_name: str | None) -> None:
    """Make a code for each program found beside this Python or on the PATH; say how to install the others.

    \b
    Example:
      aiida-zif setup
    """
    from aiida.manage.configuration import get_config

    profile = our_profile.load(profile_name)
    node = our_profile.make_computer(Path(get_config().dirpath) / "scratch" / profile.name, computer)
    if node.hostname not in ("localhost", "127.0.0.1"):
        raise click.ClickException(
            f"computer {computer} is {node.hostname}, where this command cannot look for programs; make its codes with "
            "`verdi code create core.code.installed`, or give another --computer"
        )
    found = our_profile.make_codes(node)
    click.echo(f"{'role':<10}{'code':<28}program")
    for role, (names, _) in our_profile.PROGRAMS.items():
        if role in found:
            click.echo(f"{role:<10}{found[role].full_label:<28}{found[role].filepath_executable}")
        else:
            click.echo(f"{role:<10}{'missing':<28}{names[0]}: {INSTALL[role]}")
    if missing := [role for role in our_profile.PROGRAMS if role not in found]:
        click.echo(f"\nInstall what is missing ({', '.join(missing)}) and call this again, or make codes on another computer by hand.")
