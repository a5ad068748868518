# SPDX-License-Identifier: MIT
"""`aiida-zif launch STAGE`: any of our work chains from the command line, and single jobs. One piece of code makes all commands of chains
from their ports; `cli.jobs` does so for jobs."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml

from aiida_zif.cli import codes as our_codes
from aiida_zif.cli import jobs as our_jobs
from aiida_zif.cli import overrides as our_overrides
from aiida_zif.cli import ports as our_ports
from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.status import RESUME

PREFIX = "zif."
COMMANDS: dict[str, str] = {"glass_ensemble": "ensemble_of_glasses"}
"""Stages that are launched by another word: an ensemble is one of models."""
PROTOCOL = "smoke"
"""The protocol, unless another is asked for."""


class Stages(click.Group):
    """A command per work chain that the plugin has, and per job of use by itself; what is called is imported when it is called."""

    @property
    def entries(self) -> dict[str, importlib.metadata.EntryPoint]:
        """The entry points by stage."""
        found = importlib.metadata.entry_points(group="aiida.workflows")
        jobs = {PREFIX + name for name in our_jobs.JOBS}
        alone = [entry for entry in importlib.metadata.entry_points(group="aiida.calculations") if entry.name in jobs]
        stages = {entry.name.removeprefix(PREFIX): entry for entry in (*alone, *found) if entry.name.startswith(PREFIX)}
        return {COMMANDS.get(stage, stage): entry for stage, entry in stages.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the stages in alphabetical order."""
        return sorted(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the chain and make its command."""
        word = cmd_name.replace("-", "_")
        if word not in self.entries:
            return None
        if ctx.resilient_parsing:
            return click.Command(word)
        entry = self.entries[word]
        stage = entry.name.removeprefix(PREFIX)
        return (our_jobs.make_command if entry.group == "aiida.calculations" else make_command)(stage, entry.load())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the stages with the first line of their module, read without importing it."""
        with formatter.section("Stages"):
            formatter.write_dl([(stage, first_line(entry.module)) for stage, entry in sorted(self.entries.items())])


def first_line(module: str) -> str:
    """Return what a stage is for, from the first line of its module's docstring."""
    spec = importlib.util.find_spec(module)
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) if spec and spec.origin else ""
    line = (text or "").split("\n")[0].rpartition("`: ")[2]
    return line[:1].upper() + line[1:]


@click.group(cls=Stages)
def launch() -> None:
    """Launch one stage, or all of them, on your own structure.

    \b
    Examples:
      aiida-zif launch aimd --structure my.cif --dry-run
      aiida-zif launch melt_quench --structure 123 --model 456 --seed 7 --daemon
      aiida-zif launch eos --structure 123 --model 456 --override eos.temperature_k=500
    """


def make_command(stage: str, chain: Any) -> click.Command:
    """Return the command of a chain: its nodes as options, and what all stages have in common."""
    from aiida_zif.workchains import scan_table
    from aiida_zif.workchains.protocol import names

    found = our_ports.of(chain)
    roles = (*chain.CODES, *chain.MAY_USE)
    params: list[click.Parameter] = [port.option() for port in found]
    tables = "table" in chain.spec().inputs
    shown = f"{PROTOCOL}, or that of the table" if tables else PROTOCOL
    params.append(click.Option(["--protocol"], type=click.Choice(names()), show_default=shown, help="All numbers."))
    if tables:
        text = f"The rows: {', '.join(scan_table.names(stage))}, or a YAML file; if not given, those of the protocol."
        params.append(click.Option(["--table"], metavar="NAME|FILE", help=text))
    text = "Change one number of the protocol. Repeatable."
    params.append(click.Option(["--override", "overrides"], multiple=True, metavar="STAGE.KEY=VALUE", help=text))
    params.append(click.Option(["--seed"], type=click.IntRange(min=1), help="Of all that is drawn at random; several count from it."))
    if roles:
        text = f"Another code than the one found; the roles are {', '.join(roles)}. Repeatable."
        params.append(click.Option(["--code", "codes"], multiple=True, metavar="ROLE=LABEL", help=text))
        text = "Account, queue, wall time, GPUs …, for all jobs or by stage."
        params.append(click.Option(["--options", "options"], metavar="YAML|FILE", help=text))
    params.append(click.Option(["--dry-run"], is_flag=True, help="Check, show inputs and the first job's input text; store nothing."))
    params.append(click.Option(["--daemon"], is_flag=True, help="Submit to the daemon instead of running here."))
    params.append(click.Option(["-p", "--profile"], metavar="NAME", help="AiiDA's profile; the default one if not given."))
    return click.Command(stage, params=params, callback=partial(launch_stage, stage, chain, found), help=(chain.__doc__ or "").strip())


def launch_stage(stage: str, chain: Any, found: list[our_ports.Port], **typed: Any) -> None:
    """Check everything, then show, run or submit."""
    our_profile.load(typed["profile"])
    builder = make_builder(stage, chain, found, typed)
    inputs = check(chain, builder)
    show = first_job(stage, inputs)
    if typed["dry_run"]:
        from aiida_zif.cli.preview import tree

        click.echo(f"Inputs of zif.{stage}\n" + "\n".join(tree({key: inputs[key] for key in inputs if key != "metadata"}, "  ")))
        if show.program:
            click.echo(f"\nInput of the first job, {show.program}\n{show.text.rstrip()}")
        else:
            click.echo("\nThis stage starts no program.")
        click.echo("\nForecast\n" + "\n".join(f"  {line}" for line in show.forecast) + "\n\nNothing was stored.")
    elif typed["daemon"]:
        submit(builder, typed["profile"])
    else:
        run(builder)


def make_builder(stage: str, chain: Any, found: list[our_ports.Port], typed: Mapping[str, Any]) -> Any:
    """Return the builder of what was typed. Raises a ``click`` exception of one sentence for what cannot be."""
    from aiida_zif.workchains import protocol, scan_table

    given: dict[str, Any] = {}
    for port in found:
        value = typed[port.name]
        if port.many:
            given |= {port.name: port.named(value)} if value else {}
        elif value is not None:
            given[port.name] = port.node(value)
        if port.needed and port.name not in given:
            raise click.UsageError(f"zif.{stage} needs {port.flags[0]}: {port.help}")
    our_ports.check_atoms(given)
    changes = our_overrides.parse(typed["overrides"])
    options = read_options(typed.get("options"))
    codes = our_codes.choose(chain, typed.get("codes", ()))
    which = typed["protocol"] or PROTOCOL
    try:
        if typed.get("table"):
            which = typed["protocol"] or scan_table.load(typed["table"], stage).protocol or PROTOCOL
            changes = protocol.merge({stage: {"table": typed["table"]}}, changes)
        plan = protocol.load(which)
        our_overrides.refuse_unknown(changes, plan)
        our_overrides.refuse_unread(changes, stage, lambda change: plain(chain.protocol_inputs(protocol.merge(plan, change), **given)))
        builder = chain.get_builder_from_protocol(codes, which, changes, options, **given)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise click.ClickException(sentence(problem)) from problem
    if typed["seed"] is not None:
        set_seed(stage, builder, typed["seed"])
    return builder


def plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return protocol inputs as values that can be compared."""
    return {name: str(getattr(node, "value", node.base.attributes.all)) for name, node in inputs.items()}


def read_options(text: str | None) -> dict[str, Any]:
    """Return the mapping of a YAML file or of YAML typed on the spot, checked: for all jobs, or by stage."""
    from aiida.orm import Dict

    from aiida_zif.workchains.chain import validate_stages

    if text is None:
        return {}
    hint = "--options"
    try:
        options = yaml.safe_load(Path(text).read_text(encoding="utf-8") if Path(text).is_file() else text)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as problem:
        raise click.BadParameter(f"{text!r} is neither a file nor YAML: {' '.join(str(problem).split())}", param_hint=hint) from problem
    if not isinstance(options, dict):
        raise click.BadParameter(f"{text!r} is neither a file nor a mapping such as '{{max_wallclock_seconds: 3600}}'", param_hint=hint)
    try:
        problem_found = validate_stages(Dict(options), None)
    except ValueError as problem:
        raise click.BadParameter(f"{text!r} cannot be stored: {problem}", param_hint=hint) from problem
    if problem_found:
        raise click.BadParameter(problem_found, param_hint=hint)
    return options


def set_seed(stage: str, builder: Any, seed: int) -> None:
    """Set the seed where the chain has it: a port, a list that counts from it, or a key of its run."""
    from aiida.orm import Dict, Int, List

    ports = builder._port_namespace
    if "seed" in ports:
        builder.seed = Int(seed)
        return
    if "seeds" in ports:
        builder.seeds = List([seed + k for k in range(len(builder.seeds.get_list()))])
        return
    for name in ("run", "parameters"):
        if name in ports and "seed" in (values := builder[name].get_dict()):
            setattr(builder, name, Dict({**values, "seed": seed}))
            return
    raise click.BadParameter(f"zif.{stage} draws nothing at random; leave it out", param_hint="--seed")


def check(chain: Any, builder: Any) -> Mapping[str, Any]:
    """Return the inputs as the chain would see them, or refuse them as the chain would, before anything is stored."""
    spec = chain.spec()
    parsed = spec.inputs.pre_process(builder._inputs(prune=True))
    if problem := spec.inputs.validate(parsed):
        where = problem.port.replace("inputs.", "", 1)
        raise click.ClickException(f"{where}: {' '.join(str(problem.message).split())}" if where != "inputs" else str(problem.message))
    return parsed


def first_job(stage: str, inputs: Mapping[str, Any]) -> Any:
    """Return the preview: making it finds what the validators of a chain leave to its first job."""
    from aiida_zif.cli.preview import preview

    try:
        return preview(stage, inputs)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise click.ClickException(sentence(problem)) from problem


def sentence(problem: Exception) -> str:
    """Return an error as one sentence."""
    text = " ".join(str(problem).split()).removeprefix("invalid attribute value ")
    strange = not isinstance(problem, ValueError)
    return f"a protocol's value is missing or of the wrong kind: {text}" if strange else text


def submit(builder: Any, profile: str | None) -> None:
    """Hand the work to the daemon and say what to type next."""
    from aiida.engine import submit as submit_process
    from aiida.engine.daemon.client import get_daemon_client

    if not get_daemon_client().is_daemon_running:
        raise click.ClickException("the daemon is not running; start it: `verdi daemon start`, or leave --daemon out to run here")
    node = submit_process(builder)
    which = f" -p {profile}" if profile else ""
    status = "" if hasattr(builder.metadata, "options") else f"\n  aiida-zif status {node.pk}{which}"
    click.echo(f"{node.process_label}<{node.pk}> submitted.{status}\n  verdi{which} process report {node.pk}")


def run(builder: Any) -> None:
    """Run here, and say how it ended: 0 and 7xx are results."""
    from aiida.manage import get_manager

    def interrupt() -> None:
        raise KeyboardInterrupt

    # AiiDA's own handler kills from within whatever a signal interrupts, a half-made transaction, too; the loop's comes between two steps
    runner = get_manager().create_runner(communicator=None)  # without the broker, as `aiida.engine.run` does
    runner.loop.call_soon(runner.loop.add_signal_handler, signal.SIGINT, interrupt)
    try:
        _, node = runner.run_get_node(builder)
    except KeyboardInterrupt:
        raise click.ClickException(f"stopped; the daemon can go on from here: {RESUME}") from None
    except Exception as problem:
        raise click.ClickException(f"the run stopped with {type(problem).__name__}: {' '.join(str(problem).split())}") from problem
    finally:
        runner.loop.remove_signal_handler(signal.SIGINT)
    name = f"{node.process_label}<{node.pk}>"
    if node.is_finished_ok or (node.exit_status or 0) >= 700:
        click.echo(f"{name} [{node.exit_status}] {node.exit_message or 'finished'}")
        for link in sorted(node.base.links.get_outgoing().all(), key=lambda link: link.link_label):
            if link.link_type.value in ("return", "create"):
                click.echo(f"  {link.link_label:<24} {type(link.node).__name__}<{link.node.pk}>")
        return
    ended = f"[{node.exit_status}] {node.exit_message}" if node.is_finished else str(node.process_state)
    raise click.ClickException(f"{name} {ended} (`verdi process report {node.pk}` says more)")
