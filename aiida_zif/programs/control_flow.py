# SPDX-License-Identifier: MIT
"""A LAMMPS input, command by command, through the library interface.

LAMMPS does everything itself, variables and conditions included, except what its library interface cannot do: ``jump``, and with it
``label``, ``include``, ``next``, ``if`` around one of these, and ``quit``, which would end this process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiida_zif.programs.lammps_script import ScriptError, branches, commands, strip_comment, words

BRANCH = "zif_branch"
"""LAMMPS variable that tells whether a condition held."""


class Quit(Exception):  # noqa: N818 - not an error
    """The input said ``quit``; the argument is the exit status."""


@dataclass
class Script:
    """One file being read."""

    path: str
    lines: list[str]
    position: int = 0


class ControlFlow:
    """Runs inputs on one LAMMPS instance."""

    def __init__(self, lammps: Any, *, stopped: Callable[[], bool] = lambda: False) -> None:
        """``stopped`` is asked before each command whether somebody wants us to end."""
        self.lammps = lammps
        self._stopped = stopped
        self._files: list[Script] = []
        self._skip_jump = False

    def run_file(self, path: str) -> None:
        """Run the input ``path`` to its end. Raises :class:`ScriptError`, ``ValueError``, LAMMPS' own ``Exception``, :class:`Quit`."""
        self.run_text(read_input(path), path)

    def run_text(self, text: str, path: str) -> None:
        """Run ``text``; ``path`` is what messages call it."""
        script = Script(path, commands(text))
        self._files.append(script)
        try:
            while script.position < len(script.lines):
                if self._stopped():
                    raise Quit(1)
                line = script.lines[script.position]
                script.position += 1
                self.execute(line)
        finally:
            self._files.pop()

    def execute(self, command: str) -> None:
        """Run one command."""
        plain = strip_comment(command).strip()
        if "$" in (plain.split(maxsplit=1) or [""])[0]:
            plain = command = self.expand(plain)
        handler = self.handlers.get((plain.split(maxsplit=1) or [""])[0])
        if handler is not None:
            handler(self, plain)
        else:
            self.pass_on(command)

    def pass_on(self, command: str) -> None:
        """Let LAMMPS run ``command``."""
        if command:
            self.lammps.command(command)

    def expand(self, command: str) -> str:
        """Return ``command`` with its variables replaced by LAMMPS."""
        return (self.lammps.expand(command) or "") if "$" in command else command

    def arguments(self, command: str) -> list[str]:
        """Return the words of ``command`` after its name, variables replaced."""
        return [word.text for word in words(self.expand(command))][1:]

    def is_handled(self, command: str) -> bool:
        """Whether ``command`` must not go to LAMMPS as it is."""
        first = strip_comment(command).split(maxsplit=1)
        return bool(first) and (first[0] in self.handlers or "$" in first[0])

    def remark(self, command: str) -> None:
        """Put ``command`` into log and screen as a comment, which LAMMPS does not run."""
        self.lammps.command(f"# {command}")

    def _include(self, command: str) -> None:
        match self.arguments(command):
            case [path]:
                self.remark(command)
                self.run_file(path)
            case _:
                raise ScriptError(f"an include names one file, and the line reads: {command}")

    def _jump(self, command: str) -> None:
        if self._skip_jump:
            self._skip_jump = False
            return
        match self.arguments(command):
            case [target, *label] if len(label) < 2:
                script = self._files[-1]
                if target != "SELF":
                    script.path, script.lines = target, commands(read_input(target))
                script.position = _find_label(script, label[0]) if label else 0
            case _:
                raise ScriptError(f"a jump names SELF or a file, and at most one label, and the line reads: {command}")

    def _next(self, command: str) -> None:
        names = self.arguments(command)
        self.pass_on(command)
        # LAMMPS deletes a variable that has no next value, and skips the jump that follows
        if any(not self.lammps.has_id("variable", name) for name in names):
            self._skip_jump = True

    def _if(self, command: str) -> None:
        choices = branches(command)
        if not any(self.is_handled(inner) for _, inners in choices for inner in inners):
            self.pass_on(command)
            return
        for condition, inners in choices:
            if condition is None or self._holds(condition):
                for inner in inners:
                    self.execute(inner)
                return

    def _holds(self, condition: str) -> bool:
        self.lammps.command(f'if {condition} then "variable {BRANCH} string 1" else "variable {BRANCH} string 0"')
        return bool(self.lammps.extract_variable(BRANCH) == "1")

    def _quit(self, command: str) -> None:
        status = self.arguments(command)
        raise Quit(int(status[0]) if status else 0)

    handlers: ClassVar[dict[str, Callable[[Any, str], None]]] = {
        "include": _include,
        "jump": _jump,
        "next": _next,
        "if": _if,
        "quit": _quit,
    }
    """What runs instead of LAMMPS, by the name of the command."""


def _find_label(script: Script, label: str) -> int:
    for number, line in enumerate(script.lines):
        if strip_comment(line).split()[:2] == ["label", label]:
            return number
    raise ScriptError(f"the label {label} was not found in {script.path}: a jump goes to a line that reads label {label}")


def read_input(path: str) -> str:
    """Return the text of an input. Raises :class:`ScriptError` where it cannot be read."""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"the input {path} cannot be read ({error}): check its name") from error
