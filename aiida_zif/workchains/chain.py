# SPDX-License-Identifier: MIT
"""What all our work chains share: codes by role, options said once, and segments that are part of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ExitCode, ProcessBuilder, WorkChain
from aiida.manage.caching import disable_caching, enable_caching
from aiida.orm import AbstractCode, Bool, Dict, to_aiida_type

from aiida_zif.calculations.job import job_options
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.workchains.protocol import load

OUR_STATUSES: frozenset[int] = frozenset(status for status, _ in VERDICTS.values())


class ZifWorkChain(WorkChain):
    """A stage."""

    CODES: tuple[str, ...] = ()
    """The roles of the codes that this stage needs."""
    MAY_USE: tuple[str, ...] = ()
    """The roles of codes that it uses where they are given."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input_namespace("codes", dynamic=True, valid_type=AbstractCode, validator=cls._validate_codes, help="A code per role.")
        spec.input(
            "options", valid_type=Dict, required=False, serializer=to_aiida_type, validator=validate_stages,
            help="Scheduler options of the stage, said once; or by stage.",
        )  # fmt: skip
        spec.input("use_cache", valid_type=Bool, required=False, serializer=to_aiida_type, help="Take jobs done before from the cache.")
        declare(spec, "ERROR_CHILD_FAILED")

    @classmethod
    def _validate_codes(cls, codes: Any, _: Any) -> str | None:
        missing = [role for role in cls.CODES if role not in (codes or {})]
        if missing:
            return f"{cls.__name__} needs a code for {', '.join(missing)}; give it as `codes.{missing[0]}` (see `verdi code list`)"
        return None

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """Return the inputs that the protocol ``plan`` gives this stage, beside the ``inputs`` given by hand."""
        raise NotImplementedError

    @classmethod
    def get_builder_from_protocol(
        cls,
        codes: Mapping[str, AbstractCode],
        protocol: str = "smoke",
        overrides: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        **inputs: Any,
    ) -> ProcessBuilder:
        """Return a builder with the numbers of ``protocol``, changed by ``overrides`` (by stage); ``inputs`` are ports of this chain.

        ``codes`` are by role and may hold more roles than needed. Raises ``ValueError`` for an unknown protocol or stage.
        """
        builder = cls.get_builder()
        builder.codes = {role: code for role, code in codes.items() if role in (*cls.CODES, *cls.MAY_USE)}
        if options:
            builder.options = Dict(dict(options))
        for name, value in {**cls.protocol_inputs(load(protocol, overrides), **inputs), **inputs}.items():
            setattr(builder, name, value)
        return builder

    def submit(self, process: Any, inputs: Any = None, **kwargs: Any) -> Any:
        """Submit a child; a chain gets our ``use_cache``.

        By that input a job of ours that was done before is taken from AiiDA's cache, or is not, whatever the profile says.
        """
        if "use_cache" not in self.inputs:
            return super().submit(process, inputs, **kwargs)
        if issubclass(process, ZifWorkChain):
            return super().submit(process, inputs, **{"use_cache": self.inputs.use_cache, **kwargs})
        choose = enable_caching if self.inputs.use_cache.value else disable_caching
        try:
            with choose(identifier=OUR_JOBS):
                return super().submit(process, inputs, **kwargs)
        except BaseException:
            # AiiDA's context does not end with an exception, and the next process of this worker would inherit it
            with choose(identifier=OUR_JOBS):
                pass
            raise

    def codes_for(self, chain: type[ZifWorkChain]) -> dict[str, AbstractCode]:
        """Return the codes that a child stage needs, and those that it may use."""
        return {role: self.inputs.codes[role] for role in (*chain.CODES, *chain.MAY_USE) if role in self.inputs.codes}

    def options(self, stage: str) -> dict[str, Any]:
        """Return ``metadata.options`` for the jobs of ``stage``."""
        return job_options(part_of(self.inputs.options.get_dict() if "options" in self.inputs else {}, stage))

    def stage_options(self, stage: str) -> dict[str, Any]:
        """Return the ``options`` input of a child: its stages' part where the mapping is by stage, else the whole."""
        given = self.inputs.options.get_dict() if "options" in self.inputs else {}
        if by_stage(given):
            parts = {name: given[name] for name in TOGETHER.get(stage, (stage,)) if name in given}
            given = parts if stage in TOGETHER else parts.get(stage, {})
        return {"options": Dict(given)} if given else {}

    def child_failed(self, stage: str, node: Any) -> ExitCode:
        """Return the child's own verdict where it is one of ours, else that the child failed, and report which."""
        self.report(
            f"{stage}: {node.process_label}<{node.pk}> ended with [{node.exit_status}] {node.exit_message or node.process_state.value}"
        )
        if node.exit_status in OUR_STATUSES and any(code.status == node.exit_status for code in self.spec().exit_codes.values()):
            return ExitCode(node.exit_status, node.exit_message, invalidates_cache=node.exit_status < 500)
        reason = f"{node.process_label}<{node.pk}> ended with [{node.exit_status}] {node.exit_message or ''}".strip()
        return self.exit_codes.ERROR_CHILD_FAILED.format(stage=stage, reason=reason)


def words_of(node: Any) -> str:
    """Return how a child ended, in words."""
    return str(node.exit_message or ("done" if node.is_finished_ok else f"{node.process_state.value}: see its report"))


OUR_JOBS = "aiida.calculations:zif.*"
"""Process type of our CalcJobs, as a pattern of AiiDA's cache."""
STAGES: tuple[str, ...] = ("aimd", "relax", "frames", "train", "compile", "evaluate", "disagree", "md", "analysis")
"""The stages that start programs, and may have options of their own in a mapping by stage."""
TOGETHER: dict[str, tuple[str, ...]] = {
    "train": ("frames", "train", "compile", "evaluate"),
    "active_learning": ("aimd", "frames", "train", "compile", "evaluate", "disagree", "md"),
}
"""The chain whose jobs are of more than one stage: its ``options`` may be by stage, too."""


def part_of(options: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return the options of ``stage``: its part where the mapping is by stage, else the whole; frames are written without a GPU."""
    part = (options.get(stage) or {}) if by_stage(options) else options
    return {name: value for name, value in part.items() if not (stage == "frames" and name == "gpus")}


def by_stage(options: Mapping[str, Any]) -> bool:
    """Return whether ``options`` maps stages to scheduler options instead of being scheduler options itself."""
    return any(isinstance(options.get(name), Mapping) for name in STAGES)


def validate_stages(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with ``options``, of one stage or by stage."""
    given = node.get_dict() if node is not None else {}
    if by_stage(given) and (unknown := sorted(set(given) - set(STAGES))):
        return f"by stage, the keys of the options are {', '.join(STAGES)}, but there is {', '.join(unknown)}"
    try:
        for part in given.values() if by_stage(given) else [given]:
            job_options(part)
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None
