# SPDX-License-Identifier: MIT
"""`aiida-zif launch compile`, `disagree` and `evaluate`: single jobs, as their ports say. They have no protocol: numbers are options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import codes as our_codes
from aiida_zif.cli import ports as our_ports
from aiida_zif.cli import profile as our_profile

JOBS: tuple[str, ...] = ("compile", "disagree", "evaluate")
"""Jobs that are of use by themselves; the others are what their chains start."""
NEEDS: dict[str, str] = {"check": "dataset"}
"""Role of a code that a job can do without → the input without which that code has nothing to do."""


def roles_of(stage: str, job: Any) -> dict[str, str]:
    """Return role → port of the codes of a job: ``code`` is that of the stage, ``X_code`` that of X."""
    ports = [name for name in job.spec().inputs if name == "code" or name.endswith("_code")]
    return {stage if name == "code" else name.removesuffix("_code"): name for name in sorted(ports)}


def make_command(stage: str, job: Any) -> click.Command:
    """Return the command of a job: its nodes and numbers as options, codes by role, and where it runs."""
    found, roles = our_ports.of(job), roles_of(stage, job)
    params: list[click.Parameter] = [port.option() for port in found]
    text = f"Another code than the one found; the roles are {', '.join(roles)}. Repeatable."
    params += [
        click.Option(["--code", "codes"], multiple=True, metavar="ROLE=LABEL", help=text),
        click.Option(["--options", "options"], metavar="YAML|FILE", help="Account, queue, wall time, GPUs …"),
        click.Option(["--dry-run"], is_flag=True, help="Check, show inputs, command line and files; store nothing."),
        click.Option(["--daemon"], is_flag=True, help="Submit to the daemon instead of running here."),
        click.Option(["-p", "--profile"], metavar="NAME", help="AiiDA's profile; the default one if not given."),
    ]
    return click.Command(stage, params=params, callback=partial(launch_job, stage, job, found), help=(job.__doc__ or "").strip())


def launch_job(stage: str, job: Any, found: Sequence[our_ports.Port], **typed: Any) -> None:
    """Check everything, then show, run or submit."""
    from aiida_zif.cli import launch

    our_profile.load(typed["profile"])
    builder = make_builder(stage, job, found, typed)
    inputs = launch.check(job, builder)
    if typed["dry_run"]:
        from aiida_zif.cli.preview import tree

        shown = {key: inputs[key] for key in inputs if key not in ("metadata", "monitors")}
        click.echo(f"Inputs of zif.{stage}\n" + "\n".join(tree(shown, "  ")))
        click.echo("\nThe job\n" + "\n".join(f"  {line}" for line in prepared(job, builder)) + "\n\nNothing was stored.")
    elif typed["daemon"]:
        launch.submit(builder, typed["profile"])
    else:
        launch.run(builder)


def make_builder(stage: str, job: Any, found: Sequence[our_ports.Port], typed: Mapping[str, Any]) -> Any:
    """Return the builder of what was typed. Raises a ``click`` exception of one sentence for what cannot be."""
    from aiida_zif.calculations.job import job_options
    from aiida_zif.cli.launch import read_options, sentence
    from aiida_zif.workchains.chain import by_stage

    given = {port.name: port.node(typed[port.name]) for port in found if typed[port.name] is not None}
    if lacking := [port for port in found if port.needed and port.name not in given]:
        raise click.UsageError(f"zif.{stage} needs {lacking[0].flags[0]}: {lacking[0].help}")
    builder = job.get_builder()
    for name, node in {**given, **choose(stage, job, typed["codes"], set(given))}.items():
        try:
            setattr(builder, name, node)
        except ValueError as problem:
            raise click.ClickException(sentence(problem)) from problem
    options = read_options(typed["options"])
    builder.metadata.options = job_options(options.get(stage) if by_stage(options) else options)
    return builder


def choose(stage: str, job: Any, texts: Sequence[str], given: set[str]) -> dict[str, Any]:
    """Return the codes by port: those named, else those found; one that the job can do without only where there is work for it."""
    roles, ports = roles_of(stage, job), job.spec().inputs
    needed = {role for role, port in roles.items() if port == "code" or ports[port].required}
    named = our_codes.by_hand(texts, list(roles))
    codes = {role: code for role, code in our_codes.find().items() if role in roles} | named
    if missing := sorted(needed - set(codes)):
        raise click.ClickException(our_codes.missing(missing))
    idle = {role for role in set(roles) - needed - set(named) if NEEDS.get(role, role) not in given}
    return {roles[role]: code for role, code in codes.items() if role not in idle}


def prepared(job: Any, builder: Any) -> list[str]:
    """Return command lines and files of the job, which is made as it would be submitted, in a folder that is thrown away."""
    from aiida.common.folders import SandboxFolder
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager
    from aiida.orm import load_code

    metadata = {**builder.metadata, "store_provenance": False, "dry_run": True}
    process: Any = instantiate_process(get_manager().get_runner(), job, **{**builder._inputs(prune=True), "metadata": metadata})
    with SandboxFolder() as folder:
        calcinfo = process.prepare_for_submission(folder)
        lines = []
        for info in calcinfo.codes_info:
            code = load_code(info.code_uuid)
            lines.append(" ".join([Path(str(code.get_executable())).name, *info.cmdline_params]))
        files = sorted(Path(folder.abspath).iterdir())
        lines += [f"writes {path.name}, {path.stat().st_size} bytes" for path in files]
    lines += [f"copies {name}" for _, _, name in calcinfo.local_copy_list or []]
    return [*lines, *(f"links {name}" for _, _, name in calcinfo.remote_symlink_list or [])]
