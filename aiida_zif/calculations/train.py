# SPDX-License-Identifier: MIT
"""`zif.train`: a training segment with nequip-train, and where that was the last one the portable package of the best weights."""

from __future__ import annotations

import hashlib
from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.escaping import escape_for_bash
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import AbstractCode, ArrayData, Code, Dict, FolderData, RemoteData, to_aiida_type

from aiida_zif.calculations import frames as linked_frames
from aiida_zif.calculations.job import planned_walltime, record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import nequip_config, nequip_log
from aiida_zif.formats.dataset_file import file_of

CONFIG, TRAIN, VALIDATION = "train.yaml", file_of("train"), file_of("validation")
FOLDER, MODEL, PACKAGE_OUTPUT, START = "out", "model.nequip.zip", "package.out", "start.nequip.zip"
LAST, BEST = nequip_config.LAST_CHECKPOINT, nequip_config.BEST_CHECKPOINT


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a training run."""
    try:
        nequip_config.TrainRun.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say what is wrong between the inputs: the run with its frames, with the checkpoint to go on from, and links that lead nowhere."""
    dataset, run = inputs["dataset"], nequip_config.TrainRun.from_dict(inputs["run"].get_dict())
    if problem := frames_problem(run, dataset):
        return problem
    if "start" in inputs and (problem := start_problem(inputs["start"], run, dataset)):
        return problem
    if "restart" in inputs and (problem := restart_problem(inputs["restart"], run, dataset, inputs.get("start"))):
        return problem
    code = inputs.get("code")
    if "frames" in inputs and code is not None:
        return linked_frames.problem_of(inputs["frames"], dataset, code.computer)
    return None


def frames_problem(run: nequip_config.TrainRun, dataset: ZifDatasetData) -> str | None:
    """Say in one sentence why ``run`` cannot be learned from the frames of ``dataset``."""
    n_train, stress = dataset.counts["train"], dataset.base.attributes.get("stress", "none")
    without = dataset.n_without_stress if run.stress_weight is not None and stress != "none" else 0
    try:
        nequip_config.refuse(run, dict.fromkeys(dataset.elements, n_train), n_train, stress, without)
    except ValueError as problem:
        return str(problem)
    return None


def start_problem(start: ZifModelData, run: nequip_config.TrainRun, dataset: ZifDatasetData) -> str | None:
    """Say in one sentence why ``run`` cannot go on with the weights of ``start``: no package, or another network."""
    if start.form != "package":
        return f"start is a model in the form {start.form}, but a training goes on with a package (.nequip.zip): give its package"
    known = start.base.attributes
    for name, found, wanted in (
        ("elements", sorted(start.type_names), dataset.elements),
        ("architecture", known.get("architecture", None), run.architecture),
        ("cutoff", known.get("cutoff_angstrom", None), run.r_max),
        ("precision", known.get("precision", None), run.precision),
    ):
        if found != wanted:
            return f"start has {name} {found}, but the training {wanted}: give another model, or leave `start` out"
    return None


def start_hash(start: ZifModelData | None) -> str | None:
    """Return the sha256 of the package that a training goes on with, ``None`` where there is none."""
    return None if start is None else hashlib.sha256(bytes(start.get_content(mode="rb"))).hexdigest()


def restart_problem(
    restart: FolderData, run: nequip_config.TrainRun, dataset: ZifDatasetData, start: ZifModelData | None = None
) -> str | None:
    """Say in one sentence why a training cannot go on from ``restart``: no checkpoint, or that of another training."""
    if missing := sorted({LAST, BEST} - set(restart.base.repository.list_object_names())):
        return f"the restart node holds no file {missing[0]}: take one that a training put out"
    found, wanted = restart.base.attributes.get("config_hash", None), nequip_config.frozen_hash(run, dataset.elements, start_hash(start))
    if found != wanted:
        return (
            f"the checkpoint is that of another training (settings {str(found)[:8]}, this run has {wanted[:8]}): give the run that "
            "it came from, where only batch and device may differ, or leave `restart` out"
        )
    return None


class NequipTrainCalculation(CalcJob):
    """Train one NequIP or Allegro model on a dataset; when it is trained, the best weights leave the job as a portable package.

    ``frames`` and ``segment_seconds`` say how it is run, not what: they are no edges of the graph, so that equal dataset and run are
    an equal request, which the cache can answer.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("package_code", valid_type=Code, help="nequip-package, on the same computer.")
        spec.input("dataset", valid_type=ZifDatasetData, help="Frames to train on and to validate with.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, schedule, seed.")
        spec.input("restart", valid_type=FolderData, required=False, help="Continue from this last checkpoint, and the best one so far.")
        spec.input("start", valid_type=ZifModelData, required=False, help="A package whose weights are gone on with, not new ones.")
        spec.input("frames", valid_type=RemoteData, required=False, non_db=True, help="Folder of zif.frames to link to, not to write anew.")
        spec.input("segment_seconds", valid_type=(int, float), required=False, non_db=True, help="End after an epoch within this time.")
        common = spec.inputs.validator
        spec.inputs.validator = lambda inputs, port: common(inputs, port) or validate_inputs(inputs, port)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.train"
        options["output_filename"].default = "train.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("results", valid_type=Dict, required=False, help="Epochs, why it ended, errors, config hash, versions, cost.")
        spec.output("learning_curve", valid_type=ArrayData, required=False, help="A column per metric, a row per epoch.")
        spec.output("model", valid_type=ZifModelData, required=False, help="The portable package.")
        spec.output("restart", valid_type=FolderData, required=False, help="What the next segment continues from.")
        spec.default_output_node = "results"
        declare(
            spec, "ERROR_FRAMES_GONE", "ERROR_NO_GPU", "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE",
            "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED", "ERROR_DISK_FULL", "ERROR_GPU_OUT_OF_MEMORY", "ERROR_LOSS_NOT_A_NUMBER",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """The settings, and the frames or links to them; train, and package what is trained."""
        dataset, run = self.inputs.dataset, nequip_config.TrainRun.from_dict(self.inputs.run.get_dict())
        with folder.open(CONFIG, "w") as handle:
            start = self.inputs.get("start")
            handle.write(nequip_config.render(run, dataset.elements, TRAIN, VALIDATION, FOLDER, None if start is None else START))
        train = CodeInfo()
        train.code_uuid = self.inputs.code.uuid
        train.cmdline_params = ["-cn", CONFIG]
        train.stdout_name = self.metadata.options.output_filename
        train.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [train]
        if "restart" in self.inputs:
            train.cmdline_params.append(f"++ckpt_path={FOLDER}/{LAST}")
            calcinfo.local_copy_list = [(self.inputs.restart.uuid, name, f"{FOLDER}/{name}") for name in (LAST, BEST)]
        if start is not None:
            calcinfo.local_copy_list = [*(calcinfo.local_copy_list or []), (start.uuid, start.filename, START)]
        if seconds := self.seconds():
            train.cmdline_params.append(f"++{nequip_config.SEGMENT_SECONDS}={seconds}")
        calcinfo.append_text = package(self.inputs.package_code, train.stdout_name)
        calcinfo.retrieve_list = [train.stdout_name, PACKAGE_OUTPUT]
        files = [(f"{FOLDER}/{name}", ".", 0) for name in (nequip_config.METRICS_FILE, LAST, BEST)]
        calcinfo.retrieve_temporary_list = [*files, MODEL]
        record_cost(calcinfo)
        return linked_frames.provide(calcinfo, train.stdout_name, folder, dataset, ("train", "validation"), self.inputs.get("frames"))

    def seconds(self) -> int | None:
        """Return after how many seconds the segment should end by itself: as asked, but well before the scheduler's limit."""
        planned = planned_walltime(self.metadata.options.get("max_wallclock_seconds"))
        limits = [limit for limit in (self.inputs.get("segment_seconds"), planned) if limit is not None]
        return max(1, round(min(limits))) if limits else None


def package(code: AbstractCode, output: str) -> str:
    """Return the shell commands that package the best weights, in the same job, if by what stands in ``output`` the training is over.

    A segment that ended by its time must not spend the seconds that a program with torch takes to start. Checkpoints of a training that is
    over are put aside, so that they do not travel.
    """
    words = [*code.get_prepend_cmdline_params(), *code.get_executable_cmdline_params(["build", f"{FOLDER}/{BEST}", MODEL])]
    command = " ".join(escape_for_bash(word, use_double_quotes=code.use_double_quotes) for word in words)
    ended, segment = nequip_log.ENDED, nequip_log.SEGMENT_ENDED
    return (
        f"if grep -q '{ended}' {output} && ! grep -q '{segment}' {output}; then\n"
        f"{command} > {PACKAGE_OUTPUT} 2>&1 && mkdir -p {FOLDER}/done && mv {FOLDER}/*.ckpt {FOLDER}/done\nfi"
    )
