# SPDX-License-Identifier: MIT
"""How far a pipeline is: stage, steps done of asked, time left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ASKED: dict[str, tuple[str, str]] = {
    "Cp2kAimdCalculation": ("aiida-1.ener", "steps"),
    "Cp2kLabelCalculation": ("aiida-1.ener", "frames"),
    "NequipTrainCalculation": ("out/csv/v0/metrics.csv", "epochs"),
    "ZifFramesCalculation": ("", ""),
    "NequipCompileCalculation": ("", ""),
    "NequipEvaluateCalculation": ("", ""),
    "ZifDisagreeCalculation": ("", ""),
    "LammpsMdCalculation": ("log.lammps", "steps"),
}
"""By CalcJob: the file in its folder that tells how far it is, and what is counted."""

STAGE: dict[str, str] = {
    "Cp2kAimdCalculation": "aimd", "Cp2kLabelCalculation": "aimd", "ZifFramesCalculation": "frames", "NequipTrainCalculation": "train",
    "NequipCompileCalculation": "compile", "NequipEvaluateCalculation": "evaluate", "LammpsMdCalculation": "md",
    "ZifDisagreeCalculation": "disagree",
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A running job."""

    pk: int
    stage: str
    label: str
    """Path of call labels below the pipeline."""
    done: int | None
    asked: int | None
    unit: str
    started: float
    """Unix time."""

    @property
    def seconds_left(self) -> float | None:
        """From its own pace; ``None`` before it has one."""
        if not self.done or not self.asked:
            return None
        return (time.time() - self.started) * max(0, self.asked - self.done) / self.done


def running_jobs(root: Any) -> list[Job]:
    """Return the jobs below ``root`` that have not ended."""
    jobs = []
    for node, label in descend(root):
        if node.process_label in STAGE and not node.is_terminated:
            done, asked = steps_of(node)
            jobs.append(Job(node.pk, STAGE[node.process_label], label, done, asked, ASKED[node.process_label][1], node.ctime.timestamp()))
    return jobs


def descend(node: Any, path: str = "") -> Iterator[tuple[Any, str]]:
    """Yield every process below ``node`` with its path of call labels."""
    from aiida.common.links import LinkType

    for link in node.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all():
        label = f"{path}/{link.link_label}" if path else link.link_label
        yield link.node, label
        if link.link_type == LinkType.CALL_WORK and link.node.process_label in _CHAINS:
            yield from descend(link.node, label)


_CHAINS = frozenset({
    "AimdCampaignWorkChain", "AimdWorkChain", "DatasetWorkChain", "TrainWorkChain", "MdWorkChain", "MeltQuenchWorkChain",
    "GlassEnsembleWorkChain", "EquationOfStateWorkChain", "StrainFluctuationWorkChain", "AnalysisWorkChain", "PipelineWorkChain",
    "ScanWorkChain", "EnsembleWorkChain", "ActiveLearningWorkChain",
})  # fmt: skip


def steps_of(node: Any) -> tuple[int | None, int | None]:
    """Return (done, asked) of a running job, where its folder lies on this machine and already tells."""
    asked = asked_of(node)
    file = ASKED[node.process_label][0]
    workdir = node.get_remote_workdir()
    if not file or not workdir or node.computer.hostname != "localhost" or not os.path.exists(path := os.path.join(workdir, file)):
        return None, asked
    tail = last_lines(Path(path))
    for line in reversed(tail):
        words = line.replace(",", " ").split()
        if node.process_label == "NequipTrainCalculation":
            epochs = [word for word in line.split(",")[:1] if word.isdigit()]
            if epochs:
                return int(epochs[0]) + 1, asked
        elif words and words[0].isdigit():
            return int(words[0]), asked
    return None, asked


def asked_of(node: Any) -> int | None:
    """Return how many steps, frames or epochs a job was asked for."""
    if node.process_label == "Cp2kLabelCalculation":
        from aiida_zif.calculations.label import part_of

        return len(part_of(node.inputs.run.get_dict(), node.inputs.frames.n_frames))
    if "run" not in node.inputs:
        return None
    run = node.inputs.run.get_dict()
    if "stages" in run:
        return sum(int(stage["steps"]) for stage in run["stages"])
    return run.get("steps") or run.get("epochs")


def last_lines(path: Path, n_bytes: int = 4096) -> list[str]:
    """Return the last whole lines of a file that is being written."""
    with path.open("rb") as handle:
        handle.seek(0, os.SEEK_END)
        handle.seek(max(0, handle.tell() - n_bytes))
        text = handle.read().decode(errors="replace")
    return text.split("\n")[:-1]


def line_of(jobs: list[Job], elapsed: float) -> str:
    """Return one line: time, stages at work with their progress, time left of the slowest."""
    clock = f"[{int(elapsed) // 60:3d}:{int(elapsed) % 60:02d}]"
    if not jobs:
        return f"{clock} between two stages"
    parts = []
    for stage in dict.fromkeys(job.stage for job in jobs):
        mine = [job for job in jobs if job.stage == stage]
        known = [job for job in mine if job.done is not None and job.asked]
        progress = f" {sum(job.done or 0 for job in known)}/{sum(job.asked or 0 for job in mine)} {mine[0].unit}" if known else ""
        parts.append(f"{stage} ×{len(mine)}{progress}")
    left = [seconds for job in jobs if (seconds := job.seconds_left) is not None]
    return f"{clock} {' · '.join(parts)}" + (f" · {_minutes(max(left))} left in this stage" if left else "")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
