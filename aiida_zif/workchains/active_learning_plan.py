# SPDX-License-Identifier: MIT
"""What an active learning is asked for: checked before anything runs."""

from __future__ import annotations

from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.orm import load_node

from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import cp2k_input
from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.science.harvest import Rule
from aiida_zif.workchains import stages
from aiida_zif.workchains.level import validate_data

RUN = frozenset({"temperature_k", "picoseconds", "skip_ps", "min_temperature_share"})
LEARNING = frozenset({"max_force_ev_per_angstrom", "validation_every", "min_labelled_share", "label_jobs", "warm", "changes"})


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a test; its mean temperature is that of what is not skipped."""
    if problem := stages.validator(RUN)(node, _):
        return problem
    plan = node.get_dict()
    if plan["skip_ps"] >= plan["picoseconds"]:
        return f"skip_ps is {plan['skip_ps']} of {plan['picoseconds']} ps, so that nothing would be left to tell the temperature by"
    return None


def validate_learning(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with how new labels are learned."""
    plan = node.get_dict()
    if set(plan) != LEARNING:
        return f"learning has {', '.join(sorted(plan))}, but takes {', '.join(sorted(LEARNING))}: take a protocol and override what differs"
    for name, least in (("validation_every", 0), ("label_jobs", 1)):
        if isinstance(plan[name], bool) or not isinstance(plan[name], int) or plan[name] < least:
            return f"{name} is {plan[name]!r}, but must be a whole number, {least} or more"
    if not 0 < plan["min_labelled_share"] <= 1 or not plan["max_force_ev_per_angstrom"] > 0:
        return "min_labelled_share must lie between 0 and 1, and max_force_ev_per_angstrom above 0"
    return None


def validate_rule(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the rule by which frames are picked."""
    try:
        Rule.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong between the inputs."""
    seeds, method = inputs["seeds"].get_list(), inputs["method"].value
    if not seeds or len(set(seeds)) < len(seeds):
        return f"the seeds are {seeds}, but each run needs one of its own"
    if method not in cp2k_input.METHODS:
        return f"method is {method!r}; choose from {', '.join(cp2k_input.METHODS)}"
    if inputs["max_rounds"].value < 0:
        return f"max_rounds is {inputs['max_rounds'].value}, but must be 0 (test the model only) or more"
    if "ensemble" in inputs and "disagree" not in inputs["codes"]:
        return "an ensemble is asked by zif-disagree: give its code as `codes.disagree` (`aiida-zif setup` makes it)"
    try:
        TrainRun.from_dict({**inputs["training"].get_dict(), **inputs["learning"].get_dict()["changes"]})
    except (ValueError, TypeError) as problem:
        return f"learning, changes: {problem}"
    atoms, known = {kind.symbol for kind in inputs["structure"].kinds}, inputs["dataset"].elements
    if sorted(atoms) != known or len(inputs["structure"].sites) != inputs["dataset"].base.attributes.get("n_atoms"):
        return "the structure and the frames of the dataset are of different atoms: harvest in the cell that the dataset is of"
    return validate_data(inputs)


def package_of(model: ZifModelData | None) -> ZifModelData | None:
    """Return the package of a model: itself, or the one that it was compiled from; ``None`` where that is not in the profile."""
    if model is None or model.form == "package":
        return model
    try:
        node = load_node(model.base.attributes.get("parent", ""))
    except (NotExistent, ValueError):
        return None
    return node if isinstance(node, ZifModelData) and node.form == "package" else None
