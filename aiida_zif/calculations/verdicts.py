# SPDX-License-Identifier: MIT
"""Every exit code of the plugin: one number, one label, one meaning.

2xx input wrong, found only at run time · 3xx run unusable · 4xx usable but unfinished, or a child failed ·
5xx finished and the physics says no · 7xx the result stands, but look. Only 0, 5xx and 7xx may answer a later, identical request.
"""

from __future__ import annotations

from aiida.engine import ProcessSpec

VERDICTS: dict[str, tuple[int, str]] = {
    "ERROR_MODEL_UNUSABLE": (220, "The model cannot be used here: {reason}"),
    "ERROR_INPUT_REFUSED": (221, "The program refused its input: {reason}"),
    "ERROR_FRAMES_GONE": (222, "The frames that the job links to were removed or changed on the machine: write them again by zif.frames."),
    "ERROR_NO_GPU": (223, "There is no GPU, but one was asked for: {reason}; ask for `gpus` in `options`, or for device cpu."),
    "ERROR_MODEL_UNFIT": (225, "The compiled model does not fit the machine of the job: {reason}"),
    "ERROR_ANALYSIS_REFUSED": (230, "The structure cannot be analysed: {reason}"),
    "ERROR_NO_OUTPUT": (330, "{program} left no output; look at `verdi process report` and at the scheduler's stderr."),
    "ERROR_PROGRAM_ABORTED": (331, "{program} aborted: {reason}"),
    "ERROR_OUTPUT_UNREADABLE": (332, "The output of {program} could not be read: {reason}"),
    "ERROR_OUT_OF_MEMORY": (333, "The job ran out of memory; ask for more memory or fewer ranks in `options`."),
    "ERROR_INTERRUPTED": (410, "Stopped at step {done} of {asked}; what was done is kept, submit again to do the rest."),
    "ERROR_NO_PROGRESS": (411, "The segment made no progress beyond step {done} of {asked}; tried {tries} times. Look at its stderr."),
    "ERROR_DISK_FULL": (412, "No space left where the job ran, at step {done} of {asked}: make room, then go on from the restart file."),
    "ERROR_JOB_HANGS": (413, "The job wrote nothing for {minutes:.0f} minutes, twice, and was stopped at step {done}; see the machine."),
    "ERROR_CANCELLED": (414, "The job was cancelled twice, last at step {done}: ask the administrator, then go on from the restart file."),
    "ERROR_NOT_RELAXED": (415, "Not relaxed after {done} steps: the largest force is {force:.3f} eV/Å; go on from the structure put out."),
    "ERROR_CHILD_FAILED": (420, "{stage} failed: {reason}"),
    "ERROR_TOO_FEW_REPLICAS": (421, "{done} of {asked} replicas succeeded, fewer than `min_success`; see the table of verdicts."),
    "ERROR_TOO_FEW_STATE_POINTS": (422, "{done} of {asked} state points succeeded, fewer than `min_success`; see the table of verdicts."),
    "ERROR_GPU_OUT_OF_MEMORY": (423, "The GPU ran out of memory with {batch} frames a step, after {done} of {asked} epochs; take fewer."),
    "ERROR_TOO_FEW_ROWS": (425, "{done} of {asked} rows gave a model and its errors, fewer than `min_success`; see the table."),
    "ERROR_TOO_FEW_MEMBERS": (426, "{done} of {asked} members were trained, fewer than `min_success`; see `verdicts`."),
    "ERROR_NO_COMPARISON": (427, "None of {asked} runs came to its end, so that nothing can be compared; the first: {reason}"),
    "ERROR_COMPILE_FAILED": (430, "The model could not be compiled: {reason} The packaged model still runs, more slowly."),
    "ERROR_MODEL_UNCHECKED": (431, "The compiled model was not kept, because it could not be checked: {reason}"),
    "ERROR_TOO_FEW_LABELS": (432, "{done} of {asked} picked frames could be labelled, too few to learn from; see zif.label."),
    "ERROR_TEMPERATURE_OFF": (510, "The trajectory has {mean:.0f} K instead of the {asked:.0f} K asked; run longer or start hotter."),
    "ERROR_LABELS_NOT_CONVERGED": (511, "{share:.1%} of the frames have an SCF that did not converge; change minimizer or preconditioner."),
    "ERROR_LABELS_UNFIT": (512, "The labels are not fit to train on: {reason}"),
    "ERROR_MODEL_NOT_GOOD_ENOUGH": (520, "On frames it never saw the model is not good enough: {reason}; train on more frames, or longer."),
    "ERROR_LOSS_NOT_A_NUMBER": (521, "The loss became not a number in epoch {epoch}; lower the learning rate."),
    "ERROR_COMPILED_MODEL_WRONG": (524, "The compiled model fails its checks and was not kept: {reason}"),
    "ERROR_PREDICTION_NOT_A_NUMBER": (526, "The model gave no number for {n} of {asked} frames, first for {which}; see its training."),
    "ERROR_LINKERS_STILL_BREAK": (527, "After {rounds} rounds linkers break in {broken} of {asked} runs at {temperature:.0f} K."),
    "ERROR_NOTHING_TO_LABEL": (528, "Linkers break in {broken} of {asked} runs at {temperature:.0f} K, but no frame is new and sound."),
    "ERROR_TEST_TOO_COLD": (529, "The linkers stayed whole, but at {mean:.0f} K on average, below the {least:.0f} K that a test needs."),
    "ERROR_LINKER_BROKEN": (530, "Linker {linker} broke ({bond}) at step {step} and {temperature:.0f} K: the model is not fit for this."),
    "ERROR_MODEL_UNSTABLE": (531, "The run blew up at step {step}: {reason}"),
    "ERROR_NOT_MOLTEN": (537, "Not molten on {times} plateaus, and solids are not to be quenched: {reason}"),
    "ERROR_EQUATION_OF_STATE_UNPHYSICAL": (540, "P(V) gives no physical equation of state: {reason}"),
    "ERROR_CELL_NOT_THERMALISED": (541, "No elastic constants, and a longer run gives none: {reason}"),
    "WARNING_NOT_MOLTEN": (710, "The result stands, but it is no glass: {reason}"),
    "WARNING_ELASTICITY_NOT_CONVERGED": (711, "No elastic constants: {reason}"),
    "WARNING_ERROR_ABOVE_TARGET": (725, "The modulus stands, but its error is {share:.1%} of it, and {target:.1%} was asked for."),
    "WARNING_STATE_POINTS_FAILED": (712, "{failed} of {asked} state points failed ({which}), the others stand; see the table of verdicts."),
    "WARNING_ROWS_FAILED": (713, "{failed} of {asked} trainings failed ({which}), the others stand; see the verdicts in the table."),
    "WARNING_ROWS_NOT_COMPARABLE": (714, "The rows were measured on {sets} different sets of held-out frames: do not compare them."),
    "WARNING_REPLICAS_FAILED": (718, "{failed} of {asked} replicas failed ({which}), the others stand; see the verdicts in the table."),
    "WARNING_MODEL_DIFFERS": (719, "{differ} of {judged} observables differ, and {lost} of {asked} runs failed; see the table."),
    "WARNING_MEMBERS_FAILED": (715, "{failed} of {asked} members failed ({which}), the others are the ensemble; see `verdicts`."),
}  # fmt: skip


def declare(spec: ProcessSpec, *labels: str) -> None:
    """Declare the exit codes named on ``spec``."""
    for label in labels:
        status, message = VERDICTS[label]
        spec.exit_code(status, label, message=message, invalidates_cache=status < 500)
