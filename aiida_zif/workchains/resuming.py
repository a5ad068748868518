# SPDX-License-Identifier: MIT
"""Segments that are taken up again whatever stopped them: one handler is one cause, one action, one reported sentence.

A handler returns ``None`` where the cause is not its own, ``True`` where the next segment is to go on, and an exit code where the chain
is to stop. What was done is put out in either case.
"""

from __future__ import annotations

from typing import Any

from aiida.engine import CalcJob, ExitCode, while_
from aiida.orm import CalcJobNode, Float, Int, to_aiida_type

from aiida_zif.calculations.stalled import monitor
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.formats import scheduler
from aiida_zif.workchains.chain import ZifWorkChain

OUT_OF_MEMORY, NODE_FAILED, STOPPED_BY_MONITOR = 110, 140, 150
"""AiiDA's own statuses."""


class ResumingWorkChain(ZifWorkChain):
    """A run in segments that is limited by progress and not by the number of its jobs."""

    JOB: type[CalcJob]
    """The CalcJob of one segment."""
    STAGE: str
    UNIT = "step"
    """What is counted."""
    HANDLERS: tuple[str, ...] = ("stopped_by_user", "disk_full", "hanging", "out_of_memory", "requeued", "cancelled", "interrupted")

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input(
            "max_stalled", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(2), help="Segments in a row without progress."
        )
        segment = (*cls.before_segment(), cls.run_segment, cls.inspect_segment)
        spec.outline(cls.setup, while_(cls.should_run_segment)(*segment), *cls.after_segments())
        spec.input("stalled_minutes", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(60.0), help="Then a job hangs.")
        spec.input("max_requeues", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(10), help="In a row, without progress.")
        declare(
            spec, "ERROR_NO_PROGRESS", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED", "ERROR_DISK_FULL", "ERROR_JOB_HANGS", "ERROR_CANCELLED"
        )  # fmt: skip

    @classmethod
    def before_segment(cls) -> tuple[Any, ...]:
        """Return the steps of the outline that come before each segment."""
        return ()

    @classmethod
    def after_segments(cls) -> tuple[Any, ...]:
        """Return the steps of the outline that follow the last segment."""
        return (cls.results,)

    def setup(self) -> None:
        """Nothing has been done, and nothing has gone wrong yet."""
        self.ctx.segments, self.ctx.finished, self.ctx.stalled, self.ctx.done = [], False, 0, 0
        self.ctx.changes, self.ctx.hangs, self.ctx.requeues, self.ctx.cancellations = {}, 0, 0, 0

    def should_run_segment(self) -> bool:
        """Go on until the asked step is the last step."""
        return not self.ctx.finished

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """Return the inputs of the next segment, which continues from ``previous``."""
        raise NotImplementedError

    def progress_of(self, node: CalcJobNode) -> int:
        """Return the last step that the segment reached."""
        raise NotImplementedError

    def asked(self) -> int:
        """Return the last step of the whole run."""
        raise NotImplementedError

    def facts(self, node: CalcJobNode) -> dict[str, Any]:
        """Return what a job says of itself."""
        return node.outputs.output_parameters.get_dict() if "output_parameters" in node.outputs else {}

    def is_last(self, node: CalcJobNode) -> bool:
        """Return whether a job that ended well reached the end of the run: it may have been asked for a part of it."""
        return bool(self.facts(node).get("last_step", self.asked()) >= self.asked())

    def put_out(self) -> None:
        """Put out what the segments made so far."""
        raise NotImplementedError

    def results(self) -> ExitCode | None:
        """Judge what the segments made, joined."""
        raise NotImplementedError

    def monitors(self) -> dict[str, Any]:
        """Return what watches the jobs while they run."""
        return monitor(self.inputs.stalled_minutes.value)

    def run_segment(self) -> Any:
        """Submit the next segment, watched, with the options that the handlers changed."""
        number = self.ctx.number = self.ctx.get("number", 0) + 1
        inputs = self.segment_inputs(self.ctx.segments[-1] if self.ctx.segments else None)
        options = {**self.options(self.STAGE), **self.ctx.changes}
        inputs["metadata"] = {"options": options, "call_link_label": f"segment_{number:02d}"}
        node = self.submit(self.JOB, monitors=self.monitors(), **inputs)
        return {"segment": node}

    def inspect_segment(self) -> ExitCode | None:
        """Finished, go on, or stop."""
        node = self.ctx.segment
        if node.is_finished_ok:
            self.ctx.finished = self.is_last(node)
            self.keep(node, finished=self.ctx.finished)
            return None
        for name in self.HANDLERS:
            answer = getattr(self, name)(node)
            if answer is not None:
                return answer if isinstance(answer, ExitCode) else None
        self.put_out()
        return self.child_failed(self.STAGE, node)

    def keep(self, node: CalcJobNode, finished: bool = False) -> bool:
        """Keep a segment that the next one can go on from, and return whether there was progress."""
        done = self.progress_of(node)
        if finished or (done > self.ctx.done and "restart" in node.outputs):
            self.ctx.segments.append(node)
            self.ctx.done = max(self.ctx.done, done)
            self.ctx.stalled = self.ctx.hangs = self.ctx.requeues = 0
            return True
        return False

    def stop(self, label: str, **values: Any) -> ExitCode:
        """Put out what there is, also of a segment that cannot be gone on from, and return the exit code ``label``."""
        self.ctx.last = self.ctx.segment
        self.put_out()
        code: ExitCode = getattr(self.exit_codes, label).format(**values) if values else getattr(self.exit_codes, label)
        return code

    def go_on(self, what: str) -> bool:
        """Report what happened and where the next segment begins."""
        self.report(f"segment {self.ctx.number}: {what}; the next one goes on from {self.UNIT} {self.ctx.done} of {self.asked()}")
        return True

    def ended_by(self, node: CalcJobNode) -> str | None:
        """Return who ended a job, in the words of ``formats.scheduler``."""
        return self.facts(node).get("ended_by")

    # ----- one cause each

    def stopped_by_user(self, node: CalcJobNode) -> ExitCode | None:
        """A file EXIT in the job's folder: stop, with all that there is."""
        if self.facts(node).get("reason_ended") != "exit file":
            return None
        self.keep(node)
        return self.stop("ERROR_INTERRUPTED", done=self.ctx.done, asked=self.asked())

    def hanging(self, node: CalcJobNode) -> ExitCode | bool | None:
        """The monitor stopped a job that wrote nothing: once again, then stop."""
        if node.exit_status != STOPPED_BY_MONITOR:
            return None
        hangs = self.ctx.hangs + 1
        if not self.keep(node):
            self.ctx.hangs = hangs
        if self.ctx.hangs > 1:
            return self.stop("ERROR_JOB_HANGS", minutes=self.inputs.stalled_minutes.value, done=self.ctx.done)
        return self.go_on(f"the job hung ({node.exit_message})")

    def disk_full(self, node: CalcJobNode) -> ExitCode | None:
        """No space: another try would make it worse. CP2K goes on as if nothing were wrong, so that it may be the monitor that sees it."""
        monitor_says = node.exit_status == STOPPED_BY_MONITOR and scheduler.DISK_FULL in (node.exit_message or "")
        if node.exit_status != VERDICTS["ERROR_DISK_FULL"][0] and not monitor_says:
            return None
        self.keep(node)
        return self.stop("ERROR_DISK_FULL", done=self.ctx.done, asked=self.asked())

    def out_of_memory(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Once with twice the memory asked for, or half the ranks; where neither was asked for, there is nothing to change."""
        if node.exit_status not in (VERDICTS["ERROR_OUT_OF_MEMORY"][0], OUT_OF_MEMORY):
            return None
        changes = {} if self.ctx.changes else more_memory(self.options(self.STAGE))
        self.keep(node)
        if not changes:
            return self.stop("ERROR_OUT_OF_MEMORY")
        self.ctx.changes = changes
        return self.go_on(f"out of memory, so with {changes}")

    def requeued(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Preempted, or the machine failed: nobody's fault, so it counts apart."""
        cause = self.ended_by(node)
        if cause not in (scheduler.PREEMPTED, scheduler.NODE_FAILED) and node.exit_status != NODE_FAILED:
            return None
        if not self.keep(node):
            self.ctx.requeues += 1
        if self.ctx.requeues > self.inputs.max_requeues.value:
            return self.stop("ERROR_NO_PROGRESS", done=self.ctx.done, asked=self.asked(), tries=self.ctx.requeues)
        return self.go_on(f"{cause or scheduler.NODE_FAILED}")

    def cancelled(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Somebody cancelled the job: once again, then stop."""
        if self.ended_by(node) != scheduler.CANCELLED:
            return None
        self.keep(node)
        self.ctx.cancellations += 1
        if self.ctx.cancellations > 1:
            return self.stop("ERROR_CANCELLED", done=self.ctx.done)
        return self.go_on("cancelled")

    def interrupted(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Out of time, or killed: go on as long as there is progress."""
        if node.exit_status != VERDICTS["ERROR_INTERRUPTED"][0]:
            return None
        if not self.keep(node):
            self.ctx.stalled += 1
        if self.ctx.stalled >= self.inputs.max_stalled.value:
            return self.stop("ERROR_NO_PROGRESS", done=self.ctx.done, asked=self.asked(), tries=self.ctx.stalled)
        facts = self.facts(node)
        return self.go_on(f"stopped at {self.UNIT} {facts.get('last_step')} ({facts.get('ended_by') or facts.get('reason_ended')})")


def more_memory(options: dict[str, Any]) -> dict[str, Any]:
    """Return the scheduler options to change for more memory: twice of what was asked for, else half the ranks, else none.

    A rank that has a GPU of its own stays.
    """
    if memory := options.get("max_memory_kb"):
        return {"max_memory_kb": 2 * memory}
    if "gpu" in options.get("custom_scheduler_commands", ""):
        return {}
    resources = dict(options["resources"])
    for name in ("num_mpiprocs_per_machine", "tot_num_mpiprocs"):
        if resources.get(name, 1) > 1:
            return {"resources": {**resources, name: resources[name] // 2}}
    return {}
