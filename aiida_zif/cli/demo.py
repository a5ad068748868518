# SPDX-License-Identifier: MIT
"""`aiida-zif demo`: the main job, from a crystal to glasses to their elastic constants, by real programs."""

from __future__ import annotations

import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import profile as setup_profile

STRUCTURES = resources.files("aiida_zif") / "structures"
CRYSTAL, HARVESTED, RECORDED = "dia-zn-im-2.xyz", "dia-zn-im-2-harvested.xyz", "dia-zn-im-2-recorded"
MARK = "zif_demo"
"""The extra by which a second call finds the pipeline of the first."""


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(".demo"), show_default=True, help="Where all lies."
)
@click.option("--recorded", is_flag=True, help="Start from trajectories recorded by the project instead of CP2K.")
@click.option("--seed", type=click.IntRange(1, 20000), default=1, show_default=True, help="All seeds count from it.")
@click.option("--override", "overrides", multiple=True, metavar="STAGE.KEY=VALUE", help="Change a number of the protocol; repeatable.")
def demo(folder: Path, recorded: bool, seed: int, overrides: tuple[str, ...]) -> None:
    """Run `zif.pipeline` once on dia-Zn(Im)2, protocol smoke, in a profile of its own under FOLDER.

    A second call shows what is there; an interrupted one continues.

    \b
    Example:
      aiida-zif demo --folder demo --seed 7
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    setup_profile.make_profile("zif-demo", folder / "aiida")
    computer = setup_profile.make_computer(folder / "work")
    codes = setup_profile.make_codes(computer)
    missing = [role for role in setup_profile.PROGRAMS if role not in codes and role != "cp2k"]
    if missing:
        names = ", ".join(setup_profile.PROGRAMS[role][0][0] for role in missing)
        raise click.ClickException(f"{names} not found beside this Python or on the PATH; install them: pip install 'aiida-zif[programs]'")
    if "cp2k" not in codes and not recorded:
        click.echo("CP2K is not on this machine: starting from recorded trajectories.")
        recorded = True
    node = find(seed, recorded, overrides)
    if node is None or not node.is_terminated:
        setup_profile.start_daemon()
        node = node or submit(codes, seed, recorded, overrides)
    try:
        watch(node)
    except KeyboardInterrupt:
        raise click.ClickException("stopped watching; the daemon works on. The same command shows it again.") from None
    finish(node, folder)


def find(seed: int, recorded: bool, overrides: tuple[str, ...]) -> Any:
    """Return the pipeline that an earlier call submitted for the same request, if it is running or ended well."""
    from aiida.orm import QueryBuilder, WorkChainNode

    query = QueryBuilder().append(WorkChainNode, filters={"attributes.process_label": "PipelineWorkChain"})
    for node in query.all(flat=True):
        if node.base.extras.get(MARK, None) == request(seed, recorded, overrides) and not (node.is_terminated and not node.is_finished_ok):
            click.echo(f"PipelineWorkChain<{node.pk}> of an earlier call is {'finished' if node.is_terminated else 'at work'}.")
            return node
    return None


def request(seed: int, recorded: bool, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return what makes two calls the same."""
    from aiida_zif import __version__

    return {"seed": seed, "recorded": recorded, "overrides": sorted(overrides), "version": __version__}


def submit(codes: dict[str, Any], seed: int, recorded: bool, overrides: tuple[str, ...]) -> Any:
    """Submit the pipeline and return its node."""
    from aiida.engine import submit as submit_process
    from aiida.orm import Int

    from aiida_zif.calculations.functions.structure import read_structure
    from aiida_zif.cli.overrides import parse
    from aiida_zif.data.trajectory import ZifTrajectoryData
    from aiida_zif.formats import extxyz
    from aiida_zif.workchains.pipeline import PipelineWorkChain

    inputs: dict[str, Any] = {"structure": read_structure(str(STRUCTURES / CRYSTAL)), "seed": Int(seed)}
    if recorded:
        inputs["trajectories"] = recorded_trajectories()
    else:
        frames: Any = extxyz.read(str(STRUCTURES / HARVESTED))
        inputs["harvested"] = ZifTrajectoryData.from_frames(frames, kind="harvested")
    builder = PipelineWorkChain.get_builder_from_protocol(codes, "smoke", parse(overrides), **inputs)
    node = submit_process(builder)
    node.base.extras.set(MARK, request(seed, recorded, overrides))
    click.echo(f"PipelineWorkChain<{node.pk}> submitted.")
    return node


def recorded_trajectories(begins: str = "") -> dict[str, Any]:
    """Return unstored nodes of the trajectories that ship, by name; of those whose name begins so."""
    from aiida_zif.data.trajectory import ZifTrajectoryData
    from aiida_zif.formats import h5md

    found = {}
    for path in sorted(Path(str(STRUCTURES / RECORDED)).glob(f"{begins}*.h5")):
        with h5md.H5md(path) as file:
            found[path.stem] = ZifTrajectoryData.from_frames(file.read(), recorded=True, recorded_from=path.name, **facts_of(path.stem))
    return found


def facts_of(name: str) -> dict[str, Any]:
    """Return what a recorded file's name says: ``aimd_1000K_v105`` was asked for 1000 K."""
    if name.startswith("label"):
        return {"kind": "label", "method": "gfn1-xtb"}
    return {"kind": "aimd", "method": "gfn1-xtb", "asked_temperature_k": float(name.split("_")[1].rstrip("K"))}


def watch(node: Any, every: float = 2.0) -> None:
    """Show progress until the pipeline ends: a line that moves in a terminal, a line per change elsewhere."""
    from aiida_zif.cli import progress

    began, shown, last = node.ctime.timestamp(), "", 0.0
    live = sys.stdout.isatty()
    while not node.is_terminated:
        line = progress.line_of(progress.running_jobs(node), time.time() - began)
        if live:
            click.echo(f"\r\033[K{line[:150]}", nl=False)
        elif time.time() - last > 30 and line != shown:
            click.echo(line)
            shown, last = line, time.time()
        time.sleep(every)
    click.echo()


def finish(node: Any, folder: Path) -> None:
    """Print the table, write page and archive, and say how to go on."""
    from aiida_zif.report import archive, page, table

    setup_profile.stop_daemon()
    if not node.is_finished_ok:
        facts = table.collect(node)
        click.echo(table.render(facts))
        page.write(node, facts, folder / "report.html")
        raise click.ClickException(
            f"PipelineWorkChain<{node.pk}> ended with [{node.exit_status}] {node.exit_message or node.process_state.value}\n"
            f"  page:  {folder / 'report.html'}\n"
            f"  look:  verdi process report {node.pk}   (with AIIDA_PATH={folder / 'aiida'})"
        )
    facts = table.collect(node)
    click.echo(table.render(facts))
    report, shared = folder / "report.html", folder / "demo.aiida"
    page.write(node, facts, report)
    archive.write(node, shared)
    click.echo(
        f"\nreport:  {report}\narchive: {shared}\n\nGo on:\n"
        f"  export AIIDA_PATH={folder / 'aiida'} PATH={Path(sys.executable).parent}:$PATH\n"
        f"  verdi process status {node.pk}              what was run, and how each part ended\n"
        f"  verdi archive import {shared}   in any other profile: the same nodes, the same table\n"
        f"  aiida-zif launch melt_quench --help   with your own structure"
    )
