# SPDX-License-Identifier: MIT
"""The stress question: trainings without stress, with virial and with total labels on the same frames, and what it does to pressures.

verdi run examples/12_stress_question.py        (after `aiida-zif setup`; on frames that ship, five minutes of a quiet core)
verdi run examples/12_stress_question.py --dataset frames.npz --stress-content total --temperature 1500      (or --dataset PK)
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from aiida.engine import run_get_node
from aiida.orm import Dict, Str, load_node

from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.calculations.functions.stress import relabel_stress, stress_question
from aiida_zif.calculations.train import NequipTrainCalculation
from aiida_zif.cli.codes import choose
from aiida_zif.cli.demo import recorded_trajectories
from aiida_zif.data import imports
from aiida_zif.report.stress_labels import render
from aiida_zif.workchains.protocol import load
from aiida_zif.workchains.train import TrainWorkChain

STRESS_WEIGHT = 1e4  # (eV/Å³)⁻², where forces have 1 (eV/Å)⁻²: stresses are thousandths of an eV/Å³
DRAW = {"method": "random", "n_validation": 12, "held_out_fraction": 0.25, "gap": 10, "seed": 1}


def draw(text: str | None, temperature: float | None, content: str | None, n_train: int) -> tuple[Any, dict[str, Any]]:
    """Return a dataset and its trajectories: one that is there, one of a file, or one of the frames that ship."""
    if text and text.isdigit():
        dataset: Any = load_node(int(text))
        return dataset, {f"trajectory_{k}": load_node(uuid) for k, uuid in enumerate(dataset.base.attributes.get("trajectories"))}
    source = imports.Source(Path(text), temperature=temperature, stress_content=content) if text else None
    nodes = {"imported": imports.load(source).node} if source else recorded_trajectories("aimd")
    given = {name: node.store() for name, node in nodes.items()}
    return draw_dataset(Dict({**DRAW, "n_train": n_train}), **given), given


def main() -> None:
    """Two datasets of the same frames; three kinds of label for each seed; an evaluation of each model; one table."""
    parser = argparse.ArgumentParser()
    for option, kind in (("dataset", str), ("stress-content", str), ("temperature", float), ("protocol", str)):
        parser.add_argument(f"--{option}", type=kind)
    parser.add_argument("--n-train", type=int, default=80)
    parser.add_argument("--seeds", type=int, default=2)
    asked, codes = parser.parse_args(), choose(TrainWorkChain)
    first, given = draw(asked.dataset, asked.temperature, asked.stress_content, asked.n_train)
    is_total = first.base.attributes.get("stress") == "total"
    second = relabel_stress(first, Str("virial" if is_total else "total"), **given)
    virial, total = (second, first) if is_total else (first, second)
    run = {**load(asked.protocol or "smoke")["train"]["runs"]["nequip"], **({} if asked.protocol else {"epochs": 20})}
    kinds, accuracies, predictions = {"none": virial, "virial": virial, "total": total}, {}, {}
    for seed, (name, dataset) in ((seed, kind) for seed in range(1, asked.seeds + 1) for kind in kinds.items()):
        learned = {"stress_content": dataset.base.attributes.get("stress"), "stress_weight": STRESS_WEIGHT} if name != "none" else {}
        inputs = {"package_code": codes["package"], "dataset": dataset, "run": Dict({**run, **learned, "seed": seed})}
        _, job = run_get_node(NequipTrainCalculation, code=codes["train"], **inputs)
        if not job.is_finished_ok:
            sys.exit(f"{name}, seed {seed}: NequipTrainCalculation<{job.pk}> ended with [{job.exit_status}] {job.exit_message}")
        found, _ = run_get_node(NequipEvaluateCalculation, code=codes["evaluate"], model=job.outputs.model, dataset=virial, cost_calls=20)
        accuracies[f"{name}_{seed}"], predictions[f"{name}_{seed}"] = found["accuracy"], found["predictions"]
    print(render(stress_question(virial, total, **predictions).get_dict(), accuracies))


main()
