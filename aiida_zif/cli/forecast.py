# SPDX-License-Identifier: MIT
"""What AIMD and MD will cost: by the runs of this profile where it has any of the kind; AIMD else by rough figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_zif.formats import cp2k_forecast

NEWEST = 20
"""So many jobs are looked at."""


def measured(method: str, n_atoms: int) -> tuple[float, int] | None:
    """Return core seconds of one step, and the atoms that it had, of the newest AIMD jobs of this profile at that level of theory.

    Of jobs with several numbers of atoms those nearest to ``n_atoms`` count. ``None`` where there is none.
    """
    from statistics import median

    from aiida.orm import CalcJobNode, Dict, QueryBuilder

    from aiida_zif.data.trajectory import ZifTrajectoryData

    query = QueryBuilder().append(CalcJobNode, filters={"process_type": "aiida.calculations:zif.aimd"}, tag="job")
    facts = ["attributes.median_step_s", "attributes.ranks", "attributes.threads"]
    query.append(Dict, with_incoming="job", filters={"attributes.method": method, "attributes.median_step_s": {">": 0}}, project=facts)
    query.append(ZifTrajectoryData, with_incoming="job", project=["attributes.n_atoms"])
    rows = query.order_by({"job": {"ctime": "desc"}}).limit(NEWEST).all()
    found = [(seconds * (ranks or 1) * (threads or 1), atoms) for seconds, ranks, threads, atoms in rows]
    if not found:
        return None
    nearest = min((atoms for _, atoms in found), key=lambda atoms: abs(atoms - n_atoms))
    return median(seconds for seconds, atoms in found if atoms == nearest), nearest


def aimd(run: Mapping[str, Any], n_atoms: int) -> cp2k_forecast.Forecast:
    """Return what one AIMD run costs."""
    method = run.get("method", "gfn1-xtb")
    return cp2k_forecast.forecast(method, n_atoms, run["steps"], measured(method, n_atoms))


def md_core_s(architecture: str | None) -> tuple[float, int] | None:
    """Return core seconds of one step of one atom with a potential of that architecture, and of how many jobs of this profile they are.

    The median of the newest; ``None`` where there is none.
    """
    from statistics import median

    from aiida.orm import CalcJobNode, Data, Dict, QueryBuilder

    from aiida_zif.data.trajectory import ZifTrajectoryData

    query = QueryBuilder().append(Data, filters={"attributes.architecture": architecture}, tag="potential")
    query.append(CalcJobNode, with_incoming="potential", filters={"process_type": "aiida.calculations:zif.md"}, tag="job")
    speed = ["attributes.steps_per_second", "attributes.ranks", "attributes.threads"]
    query.append(Dict, with_incoming="job", filters={"attributes.steps_per_second": {">": 0}}, project=speed)
    query.append(ZifTrajectoryData, with_incoming="job", project=["attributes.n_atoms"])
    rows = query.order_by({"job": {"ctime": "desc"}}).limit(NEWEST).all()
    found = [(ranks or 1) * (threads or 1) / (per_second * atoms) for per_second, ranks, threads, atoms in rows]
    return (median(found), len(found)) if found else None
