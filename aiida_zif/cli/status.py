# SPDX-License-Identifier: MIT
"""`aiida-zif status`: how far a pipeline, or any chain of ours, is, and what failed."""

from __future__ import annotations

import time
from typing import Any

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli import progress

RESUME = "`verdi daemon stop; verdi process repair; verdi daemon start`"
"""What gives to the daemon whatever nobody is at work on."""


@click.command()
@click.argument("pk", required=False)
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def status(pk: str | None, profile_name: str | None) -> None:
    """Show how far a work chain is: PK, UUID, or the newest one if not given.

    \b
    Example:
      aiida-zif status 123
    """
    our_profile.load(profile_name)
    node = load_chain(pk) if pk else newest()
    if node is None:
        raise click.ClickException("nothing was launched in this profile yet; see `aiida-zif launch --help`")
    click.echo("\n".join(describe(node)))


def load_chain(identifier: str) -> Any:
    """Return a work chain node. Raises a ``click`` exception of one sentence for anything else."""
    from aiida.orm import WorkChainNode

    from aiida_zif.cli.ports import load

    try:
        return load(identifier, WorkChainNode)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="PK") from problem


def newest(entry_point: str = "zif.%") -> Any:
    """Return the newest chain of ours that no other one called, or ``None``."""
    from aiida.orm import QueryBuilder, WorkChainNode

    query = QueryBuilder().append(WorkChainNode, filters={"process_type": {"like": f"aiida.workflows:{entry_point}"}}, tag="chain")
    query.order_by({"chain": {"ctime": "desc"}})
    return next((node for (node,) in query.iterall() if node.caller is None), None)


def describe(node: Any) -> list[str]:
    """Return the lines: the chain, its children, whatever failed below them, and what runs."""
    lines = [f"{node.process_label}<{node.pk}>  {verdict(node)}"]
    if node.description or node.label:
        lines.append(f"  {node.label or node.description}")
    running = {job.pk: job for job in progress.running_jobs(node)}
    rows = sorted(progress.descend(node), key=lambda row: row[0].ctime)
    for child, label in rows:
        if "/" not in label or child.pk in running or child.is_failed or child.is_excepted:
            job = running.get(child.pk)
            done = f" {job.done}/{job.asked} {job.unit}" if job and job.done is not None and job.asked else ""
            label = label.removesuffix("CALL").rstrip("/")
            lines.append(f"  {label:<36} {child.process_label + f'<{child.pk}>':<38} {verdict(child)}{done}")
    if not node.is_terminated:
        if running:
            lines.append(progress.line_of(list(running.values()), time.time() - node.ctime.timestamp()))
        lines += hints()
    elif not node.is_finished_ok:
        lines.append(f"More: verdi process report {node.pk}")
    return lines


def verdict(node: Any) -> str:
    """Return how a process ended, in words, or its state."""
    if node.is_finished:
        return f"[{node.exit_status}] {node.exit_message or 'done'}"
    if node.is_excepted:
        return f"excepted: {(node.exception or '').strip()}"
    if node.is_terminated:
        return "killed"
    if node.paused:
        return f"paused; when the cause is mended: verdi process play {node.pk}"
    return str(node.process_state.value) if node.process_state else "created"


def hints() -> list[str]:
    """Return what to type where nothing can move."""
    from aiida.engine.daemon.client import get_daemon_client

    if not get_daemon_client().is_daemon_running:
        return [f"No daemon runs: unless this runs in another terminal, nothing moves; {RESUME} goes on with it."]
    return []
