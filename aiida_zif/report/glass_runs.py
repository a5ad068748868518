# SPDX-License-Identifier: MIT
"""The replicas of an ensemble of glasses and the glasses of a profile, read from the graph."""

from __future__ import annotations

from typing import Any

from aiida.orm import CalcFunctionNode, Dict, ProcessNode, QueryBuilder, StructureData

from aiida_zif.report import glass_figures, graph
from aiida_zif.report.curves import melt_quench_of
from aiida_zif.report.trained import arrays_of

FAILED = "failed"


def figure(ensemble: ProcessNode, kind: str = "svg") -> bytes:
    """Return temperature and coordination of all replicas in time, in the colours of what they became."""
    told = graph.outputs(ensemble)
    replicas = []
    for label, chain in graph.children(ensemble):
        if chain.process_label != "MeltQuenchWorkChain":
            continue
        certificate = graph.content(told.get(f"certificates__{label}"))
        run = melt_quench_of(label, chain)
        if run is not None:
            replicas.append((run, certificate.get("kind", FAILED)))
    return glass_figures.schedules(sorted(replicas, key=lambda pair: pair[0].name), kind)


def evidence(chain: ProcessNode, kind: str = "svg") -> bytes:
    """Return the figure of the evidence for the melt verdict of a melt-quench. Raises ``ValueError`` where it was not judged."""
    found = graph.outputs(chain)
    if "melt" not in found or "melt_evidence" not in found:
        raise ValueError(f"{chain.process_label}<{chain.pk}> came to no melt verdict, so that there is no evidence to draw")
    node: Any = found["melt_evidence"]
    return glass_figures.melt_evidence(arrays_of(node), node.base.attributes.get("thresholds"), graph.content(found["melt"]), kind)


def certificates(
    model: str | None = None, molten_ps: float | None = None, whole: bool = False, kind: str | None = None
) -> list[dict[str, Any]]:
    """Return what the certificates of this profile say, the newest of each structure, by age, with pks of structure and certificate.

    ``model`` is the uuid of a package or force field; ``molten_ps`` the least time as a melt; ``whole`` asks for whole linkers.
    """
    filters: dict[str, Any] = {"attributes.certificate": "zif"}
    if model is not None:
        filters["attributes.model.uuid"] = model
    if molten_ps is not None:
        filters["attributes.molten_ps"] = {">=": molten_ps}
    if whole:
        filters["attributes.linkers_whole"] = True
    if kind is not None:
        filters["attributes.kind"] = kind
    query = QueryBuilder().append(Dict, filters=filters, tag="certificate", project=["pk", "uuid", "attributes"])
    query.append(CalcFunctionNode, with_outgoing="certificate")
    newest: dict[str, dict[str, Any]] = {}
    for pk, uuid, told in query.order_by({"certificate": {"ctime": "asc"}}).all():
        newest[told["structure"]] = {**told, "certificate_pk": pk, "certificate_uuid": uuid}
    known = dict(QueryBuilder().append(StructureData, filters={"uuid": {"in": list(newest) or [""]}}, project=["uuid", "pk"]).all())
    return [{"pk": known.get(uuid), **told} for uuid, told in newest.items()]
