# SPDX-License-Identifier: MIT
"""The `aiida-zif` command, which is also `verdi data zif`. A command's module is loaded when the command is called."""

from __future__ import annotations

import importlib

import click

from aiida_zif import __version__

COMMANDS: dict[str, str] = {
    "analysis": "Analyse the structure of crystals, glasses and trajectories.",
    "audit": "Judge the labels of a trajectory.",
    "dataset": "Show, export, merge or filter datasets.",
    "demo": "From crystal to glass to elastic constants, once, for real.",
    "figures": "Draw how models learned and how good they are.",
    "fit-elastic": "Elastic constants of cells that you bring.",
    "fit-eos": "Equation of state of pressures that you bring.",
    "glasses": "Show the glasses that have a certificate.",
    "import": "Take up what was made elsewhere: labelled frames, models, glasses.",
    "launch": "Launch one stage on your own structure.",
    "report": "Write the page of a pipeline from its nodes.",
    "setup": "Make codes for the programs found on this machine.",
    "status": "Show how far a pipeline is.",
    "table": "Show the table of a scan or of glasses.",
}


PLACES: dict[str, tuple[str, str]] = {
    "fit-elastic": ("fit_elastic", "fit_elastic"),
    "fit-eos": ("fit_eos", "fit_eos"),
    "import": ("imports", "import_"),
}
"""Module and name of a command that cannot bear its own name."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called: `--help` costs no import of AiiDA."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        if ctx.resilient_parsing:
            return click.Command(cmd_name, help=COMMANDS[cmd_name])
        module, name = PLACES.get(cmd_name, (cmd_name, cmd_name))
        command: click.Command = getattr(importlib.import_module(f"aiida_zif.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="aiida-zif")
def cli() -> None:
    """Amorphous metal–organic frameworks by machine-learned potentials, every number traceable.

    \b
    Examples:
      aiida-zif demo --folder demo
      aiida-zif launch melt_quench --structure my.cif --model 123 --dry-run
    """
