# SPDX-License-Identifier: MIT
"""`zif.frames`: the frames of a dataset, written once on the machine where they are read; trainings and evaluations link to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import Computer, Dict, ProcessNode, RemoteData

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.formats import extxyz
from aiida_zif.formats.dataset_file import CHECKSUMS, FACTS, file_of

GONE = "zif: the linked frames are not whole"
"""What a job says, in place of its program's output, where the files that it links to were removed or changed."""


class ZifFramesCalculation(CalcJob):
    """zif-frames: a file of extended XYZ per split, in the job's folder, which stays there."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("dataset", valid_type=ZifDatasetData, help="Whose frames.")
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.frames"
        options["output_filename"].default = "frames.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("results", valid_type=Dict, required=False, help="Frames and sha256 of each file, size, versions, cost.")
        spec.default_output_node = "results"
        declare(spec, "ERROR_NO_OUTPUT", "ERROR_INPUT_REFUSED", "ERROR_OUTPUT_UNREADABLE", "ERROR_DISK_FULL")

    @classmethod
    def is_valid_cache(cls, node: ProcessNode) -> bool:
        """Frames that were removed answer no later request. Where nobody told AiiDA, the job that links to them finds out."""
        return bool(super().is_valid_cache(node) and "remote_folder" in node.outputs and not node.outputs.remote_folder.is_cleaned)

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """The dataset's one file, which the daemon never opens."""
        dataset = self.inputs.dataset
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [ZifDatasetData.FILENAME]
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(dataset.uuid, dataset.filename, ZifDatasetData.FILENAME)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [FACTS]
        return record_cost(calcinfo)


def problem_of(frames: RemoteData, dataset: ZifDatasetData, computer: Computer | None) -> str | None:
    """Say in one sentence why a job on ``computer`` cannot link to ``frames``: elsewhere, removed, or of another dataset."""
    again = "run zif.frames again, or leave `frames` out"
    there = cast(Computer, frames.computer)
    if computer is not None and there.uuid != computer.uuid:
        return f"the frames lie on {there.label}, but the code is on {computer.label}: {again}"
    if frames.is_cleaned:
        return f"the remote folder {frames.pk} of the frames was cleaned: {again}"
    maker = frames.creator
    made_of = maker.inputs.dataset if maker is not None and maker.process_type == "aiida.calculations:zif.frames" else None
    if made_of is None:
        return f"the remote folder {frames.pk} is not that of a zif.frames job: {again}"
    if made_of.base.attributes.get("sha256", None) != dataset.base.attributes.get("sha256", None):
        return f"the frames in the remote folder {frames.pk} are those of dataset {made_of.pk}, not of {dataset.pk}: {again}"
    return None


def provide(
    calcinfo: CalcInfo, output: str, folder: Folder, dataset: ZifDatasetData, splits: Sequence[str], frames: RemoteData | None
) -> CalcInfo:
    """Let a job find the frames of ``splits``: linked where they were written, else written here.

    Before anything else a job that links looks whether the files are there and have the content they had when they were written; if not, it
    ends with the words ``GONE`` in ``output``, where its program would have written.
    """
    files = {split: file_of(split) for split in splits}
    if frames is None:
        for split, name in files.items():
            with folder.open(name, "w") as handle:
                for batch in dataset.batches(split):
                    extxyz.write(handle, batch)
        calcinfo.provenance_exclude_list = [*(calcinfo.provenance_exclude_list or []), *files.values()]
        return calcinfo
    computer, path = cast(Computer, frames.computer).uuid, frames.get_remote_path()
    links = [(computer, f"{path}/{name}", name) for name in (*files.values(), CHECKSUMS)]
    calcinfo.remote_symlink_list = [*(calcinfo.remote_symlink_list or []), *links]
    wanted = "|".join(files.values())
    check = f"grep -E ' ({wanted})$' {CHECKSUMS} 2> /dev/null | sha256sum --check --status 2> /dev/null"
    stop = f"{{ echo '{GONE}' > {output}; exit 0; }}"
    calcinfo.prepend_text = "\n".join(filter(None, [f"{check} || {stop}", calcinfo.prepend_text]))
    return calcinfo
