# SPDX-License-Identifier: MIT
"""What a pipeline is asked for, stage by stage: checked before anything runs."""

from __future__ import annotations

from typing import Any

from aiida.orm import Dict, Int, List

from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.workchains import aimd_campaign
from aiida_zif.workchains.chain import part_of
from aiida_zif.workchains.level import validate_data
from aiida_zif.workchains.train import gpus_problem

STAGES = ("aimd", "dataset", "train", "md", "melt_quench", "eos", "strain_fluctuation", "analysis")


def validate_parameters(node: Any, _: Any) -> str | None:
    """Say which stage has no parameters."""
    plan = node.get_dict()
    if missing := [stage for stage in STAGES if stage not in plan]:
        return f"the parameters lack the stages {', '.join(missing)}; take them from a protocol"
    stage = plan["aimd"]
    table = {"state_points": List(stage["state_points"]), "run": Dict(stage["run"]), "min_success": Int(stage["min_state_points"])}
    if problem := aimd_campaign.validate_inputs(table, None):
        return f"aimd: {problem}"
    if plan["md"]["model"] not in plan["train"]["runs"]:
        return f"md.model is {plan['md']['model']!r}, but the models trained are {', '.join(plan['train']['runs'])}"
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Either AIMD is run, or its trajectories are given; and the trainings, weeks later, will find their GPUs."""
    if not inputs.get("trajectories") and "cp2k" not in inputs.get("codes", {}):
        return "AIMD needs `codes.cp2k`; where CP2K cannot be had, give recorded `trajectories` instead"
    options = part_of(inputs["options"].get_dict() if "options" in inputs else {}, "train")
    for name, run in inputs["parameters"]["train"]["runs"].items():
        try:
            problem = gpus_problem(TrainRun.from_dict(run), options, inputs["codes"]["train"].computer)
        except (ValueError, TypeError) as error:
            problem = str(error)
        if problem:
            return f"train, {name}: {problem}"
    return validate_data(inputs)
