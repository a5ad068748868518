# SPDX-License-Identifier: MIT
"""What all our parsers share: they never raise, and they put out what can be saved before the verdict."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_zif.calculations.job import COST_FILE
from aiida_zif.formats import job_cost, scheduler


class ZifParser(Parser):
    """Open, call ``formats``, put out nodes, give the verdict last."""

    program: str
    """How people call the program whose output this is."""
    ended_by: str | None
    """Who ended the job, in the words of ``formats.scheduler``; ``None`` where nothing says it."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read the output; whatever goes wrong with it becomes an exit code, never an exception."""
        folder = kwargs.get("retrieved_temporary_folder")
        try:
            retrieved = self.retrieved
        except NotExistent:
            return self.exit_codes.ERROR_NO_OUTPUT.format(program=self.program)
        try:
            path = Path(folder or "/nonexistent")
            self.cost = job_cost.parse((path / COST_FILE).read_text()) if (path / COST_FILE).exists() else {}
            self.stdout = self._text(retrieved, self.node.get_option("output_filename"))
            self.stderr = self._text(retrieved, self.node.get_option("scheduler_stderr"))
            full = scheduler.DISK_FULL if self.cost.pop("disk", None) else None
            self.ended_by = full or scheduler.ended_by(self.stderr) or scheduler.complaint(self.stdout)
            # without a verdict of ours, that of the scheduler would stand: a job that reached its last step in its last second is done
            verdict = self.read(path) or ExitCode()
            if verdict.status and self.ended_by == scheduler.OUT_OF_MEMORY and "ERROR_OUT_OF_MEMORY" in self.exit_codes:
                return self.exit_codes.ERROR_OUT_OF_MEMORY
            return verdict
        except Exception as problem:
            # A handler of the work chain sees an exit code, but never an excepted child: its frames would be lost.
            self.logger.exception("reading the output failed")
            return self.exit_codes.ERROR_OUTPUT_UNREADABLE.format(program=self.program, reason=f"{type(problem).__name__}: {problem}")

    @abstractmethod
    def read(self, folder: Path) -> ExitCode | None:
        """Put out what ``folder``, the files retrieved for parsing only, and ``self.stdout`` hold; return the verdict."""

    def verdict(self, label: str, **values: Any) -> ExitCode:
        """Return the exit code called ``label`` with its message filled in."""
        return getattr(self.exit_codes, label).format(**values) if values else getattr(self.exit_codes, label)

    @staticmethod
    def _text(retrieved: Any, name: str | None) -> str:
        if not name or name not in retrieved.base.repository.list_object_names():
            return ""
        return str(retrieved.base.repository.get_object_content(name, mode="rb").decode(errors="replace"))


def last_words(text: str, n_lines: int = 3) -> str:
    """Return the last lines of ``text`` that say something, as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-n_lines:]) or "it said nothing"
