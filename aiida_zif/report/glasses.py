# SPDX-License-Identifier: MIT
"""What the pipeline found of each replica of the melt-quench, and of the crystal beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiida.orm import Node, ProcessNode

from aiida_zif.report import graph
from aiida_zif.science.units import FS_IN_PS

NOT_ANALYSED: dict[str, Any] = {
    "density_g_per_cm3": None, "zn_n_coordination": None, "zn_n_first_peak_angstrom": None, "n_zn_n_angle_deg": None,
    "rings_per_cell": None, "uuid_analysis": None,
}  # fmt: skip


def collect_crystal(pipeline: ProcessNode) -> dict[str, Any] | None:
    """Return the structure of the crystal at 300 K as the pipeline analysed it, or ``None``."""
    summary = graph.outputs(graph.child(pipeline, "analysis_crystal")).get("summary")
    return None if summary is None else _structure(summary)


def replicas(pipeline: ProcessNode) -> list[tuple[str, ProcessNode]]:
    """Return label and chain of every melt-quench of the pipeline, by label."""
    ensemble = graph.child(pipeline, "glasses")
    found = graph.children(ensemble) if ensemble is not None else []
    return sorted((pair for pair in found if pair[1].process_label == "MeltQuenchWorkChain"), key=lambda pair: pair[0])


def analysis_of(pipeline: ProcessNode, label: str) -> ProcessNode | None:
    """Return the analysis of the crystal, which is the pipeline's, or of a replica, which is that of the ensemble."""
    own, ensemble = graph.child(pipeline, f"analysis_{label}"), graph.child(pipeline, "glasses")
    return own if own is not None or ensemble is None else graph.child(ensemble, f"analysis_{label}")


def collect_glasses(pipeline: ProcessNode) -> list[dict[str, Any]]:
    """Return what is known of each replica, failed ones included: those have a verdict and, where a linker broke, which one."""
    made = graph.outputs(pipeline)
    return [_replica(pipeline, label, chain, made.get(f"certificates__{label}")) for label, chain in replicas(pipeline)]


def _replica(pipeline: ProcessNode, label: str, chain: ProcessNode, certificate: Node | None) -> dict[str, Any]:
    found, given = graph.outputs(chain), graph.inputs(chain)
    melt, told = graph.content(found.get("melt") or _last(chain, "judge_melt", "verdict")), graph.content(certificate)
    chains = [chain, *(node for stage in ("eos", "strain_fluctuation") if (node := graph.child(pipeline, f"{stage}_{label}")) is not None)]
    linkers = _linkers(chains)
    if told:
        kind = told["kind"]
    elif linkers["breaks"]:
        kind = "damaged"
    elif melt and not melt["molten"]:
        kind = "quenched solid, not molten" if "glass" in found else "not molten"
    else:
        kind = "not certified" if "glass" in found else "failed"
    summary = graph.outputs(analysis_of(pipeline, label)).get("summary")
    plan, run = graph.content(given.get("run")), graph.content(found.get("run"))
    criteria = graph.content(given.get("melt_criteria"))
    held = [stage["steps"] for stage in run.get("stages", []) if stage["label"].startswith("plateau")]
    return {
        "label": label, "kind": kind, "seed": given["seed"].value if "seed" in given else None, "verdict": graph.verdict(chain),
        "tmax_k": plan.get("tmax_k"), "held_ps": round(sum(held) * plan.get("timestep_fs", 0.5) * FS_IN_PS, 3) if held else None,
        "n_zinc": _zinc(given.get("structure")), "min_exchanged_share": criteria.get("min_exchanged_share"), "linkers": linkers,
        "judged": sum(node.process_label == "judge_melt" for _, node in graph.children(chain)),
        "melt": {key: melt.get(key) for key in ("molten", "exchanged_share", "coordination_at_tmax", "sentence")} if melt else None,
        **(_structure(summary) if summary is not None else NOT_ANALYSED),
        "equation_of_state": _mechanics(graph.child(pipeline, f"eos_{label}"), "equation_of_state", EOS),
        "elasticity": _mechanics(graph.child(pipeline, f"strain_fluctuation_{label}"), "elastic_constants", ELASTICITY),
        "uuid": str(found["glass"].uuid) if "glass" in found else None,
        "uuid_certificate": None if certificate is None else str(certificate.uuid), "uuid_chain": str(chain.uuid),
    }  # fmt: skip


EOS = (
    "bulk_modulus_gpa", "density_0_g_per_cm3", "volume_0_angstrom3", "k_prime", "chi2_reduced", "order", "n_points", "excluded",
    "temperature_k", "modulus", "reason", "volumes_angstrom3", "pressures_ev_per_angstrom3", "errors_ev_per_angstrom3",
)  # fmt: skip
ELASTICITY = (
    "verdict", "n_eff", "sentence", "bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa", "poisson_ratio", "born_stable",
    "temperature_k", "n_cells",
)  # fmt: skip


def _mechanics(chain: ProcessNode | None, port: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the named numbers of a Dict output with the verdict of its chain; ``None`` where the chain never was."""
    if chain is None:
        return None
    node = graph.outputs(chain).get(port)
    told = graph.content(node)
    numbers = {name: told.get(name) for name in names}
    return {**numbers, "ended": graph.verdict(chain), "uuid": None if node is None else str(node.uuid), "uuid_chain": str(chain.uuid)}


def _structure(summary: Node) -> dict[str, Any]:
    told = graph.content(summary)
    return {**{name: told.get(name) for name in NOT_ANALYSED if name != "uuid_analysis"}, "uuid_analysis": str(summary.uuid)}


def _zinc(structure: Any) -> int | None:
    return None if structure is None else sum(structure.get_kind(site.kind_name).symbol == "Zn" for site in structure.sites)


def _last(chain: ProcessNode, function: str, port: str) -> Node | None:
    """Return an output of the last call of a calcfunction: a chain that failed later did not put it out."""
    calls = [node for name, node in graph.children(chain) if node.process_label == function]
    return graph.outputs(calls[-1]).get(port) if calls else None


def _watched(chains: list[ProcessNode]) -> Iterator[tuple[str, dict[str, Any], Node]]:
    for chain in chains:
        for step in graph.walk(chain):
            node = graph.outputs(step.node).get("linkers")
            if step.node.process_label == "MdWorkChain" and node is not None:
                yield step.stage.replace("_", "-") + f" ({step.label})", graph.content(node), node


def _linkers(chains: list[ProcessNode]) -> dict[str, Any]:
    """Return the state of the linkers in all MD of a replica: melt, quench, P(V) and strain fluctuation."""
    total, breaks, uuids, frames, transients = None, [], [], 0, 0
    for where, told, node in _watched(chains):
        total = told["n_linkers"]
        uuids.append(str(node.uuid))
        frames += told.get("frames") or 0
        transients += told.get("transients") or 0
        breaks += [
            {key: one.get(key) for key in ("linker", "bond", "step", "temperature", "reason")} | {"during": where} for one in told["breaks"]
        ]
    return {"n": total, "frames": frames, "transients": transients, "breaks": breaks, "uuids": uuids}
