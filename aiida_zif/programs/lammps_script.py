# SPDX-License-Identifier: MIT
"""The text of a LAMMPS input: lines into commands, commands into words, pair lines of a model into what every LAMMPS knows.

LAMMPS' own rules, as ``src/input.cpp`` has them.
"""

from __future__ import annotations

from dataclasses import dataclass

MODEL_STYLES = ("nequip", "allegro")
"""Pair styles that stand for a model."""

PLACEHOLDER = "zero"
"""The pair style that keeps cutoff and neighbour list of the model and adds no force."""

_PLACEHOLDER_CUTOFF = 1.0
"""Å, until the model's own is known from its ``pair_coeff``."""


class ScriptError(ValueError):
    """An input that this program refuses; its text is one sentence for the person who wrote the input."""


@dataclass(frozen=True)
class Word:
    """One argument of a command."""

    raw: str
    """As written, with its quotes: LAMMPS replaces variables outside quotes only."""
    text: str
    """Without quotes."""


@dataclass(frozen=True)
class PairStyle:
    """A ``pair_style`` that contains a model."""

    model: str
    """``nequip`` or ``allegro``."""
    hybrid: bool
    """Whether classical styles are overlaid."""
    command: str
    """What LAMMPS is told instead."""


def commands(text: str) -> list[str]:
    """Return the commands of an input: lines ending in ``&`` joined, text in triple quotes kept together."""
    found: list[str] = []
    pending = ""
    for line in text.split("\n"):
        pending += line
        stripped = pending.rstrip()
        if stripped.endswith("&"):
            pending = stripped[:-1]
        elif pending.count('"""') % 2:
            pending += "\n"
        else:
            found.append(stripped)
            pending = ""
    if pending.strip():
        found.append(pending.rstrip())
    return found


def strip_comment(command: str) -> str:
    """Return ``command`` without its comment; a ``#`` in quotes begins none."""
    quote = ""
    place = 0
    while place < len(command):
        if quote:
            if command.startswith(quote, place):
                place += len(quote)
                quote = ""
                continue
        elif command.startswith('"""', place):
            quote = '"""'
            place += 3
            continue
        elif command[place] in "\"'":
            quote = command[place]
        elif command[place] == "#":
            return command[:place]
        place += 1
    return command


def words(command: str) -> list[Word]:
    """Return the words of ``command``; ``${name}`` and ``$(formula)`` hold together whatever spaces they contain.

    Raises :class:`ScriptError` where a quote is not closed.
    """
    rest = strip_comment(command).strip()
    found = []
    while rest:
        quote = next((mark for mark in ('"""', '"', "'") if rest.startswith(mark)), None)
        if quote is None:
            end = _end_of_bare_word(rest)
            found.append(Word(rest[:end], rest[:end]))
        else:
            close = rest.find(quote, len(quote))
            if close < 0:
                raise ScriptError(f"a quote is not closed in the line: {command.strip()}")
            end = close + len(quote)
            found.append(Word(rest[:end], rest[len(quote) : close]))
        rest = rest[end:].lstrip()
    return found


def _end_of_bare_word(text: str) -> int:
    depth = 0
    for place, character in enumerate(text):
        if depth == 0 and character.isspace():
            return place
        if character in "{(" and (depth or text[place - 1 : place] == "$"):
            depth += 1
        elif character in "})" and depth:
            depth -= 1
    return len(text)


def read_pair_style(command: str) -> PairStyle | None:
    """Return what a ``pair_style`` line asks for, ``None`` where it names no model.

    Raises :class:`ScriptError` for what cannot be done outside a LAMMPS that has the style itself.
    """
    style, *arguments = [word.text for word in words(command)][1:]
    models = [name for name in (style, *arguments) if name in MODEL_STYLES]
    if not models:
        return None
    if style in MODEL_STYLES:
        if arguments:
            raise ScriptError(f"pair_style {style} takes no arguments, and {' '.join(arguments)} was given")
        return PairStyle(style, False, f"pair_style {PLACEHOLDER} {_PLACEHOLDER_CUTOFF}")
    if style != "hybrid/overlay":
        raise ScriptError(f"pair_style {style} with {models[0]} is not possible: use pair_style {models[0]} alone or in hybrid/overlay")
    if len(models) > 1:
        raise ScriptError(f"pair_style hybrid/overlay names {len(models)} models, {' and '.join(models)}: use one beside classical styles")
    if PLACEHOLDER in arguments:
        raise ScriptError(f"pair_style {PLACEHOLDER} beside {models[0]} is not possible here, and adds nothing: leave it out")
    place = arguments.index(models[0])
    arguments[place] = f"{PLACEHOLDER} {_PLACEHOLDER_CUTOFF}"
    return PairStyle(models[0], True, f"pair_style {style} {' '.join(arguments)}")


def read_pair_coeff(command: str, style: PairStyle) -> tuple[str, tuple[str, ...]] | None:
    """Return file and type names of the model's ``pair_coeff`` line, ``None`` for a line of a classical style.

    Raises :class:`ScriptError` where the line is not ``pair_coeff * * [style] FILE TYPES``.
    """
    arguments = [word.text for word in words(command)][1:]
    if style.hybrid:
        if style.model not in arguments[2:3]:
            return None
        del arguments[2]
    if arguments[:2] != ["*", "*"] or len(arguments) < 4:
        form = f"* * {style.model} FILE TYPES" if style.hybrid else "* * FILE TYPES"
        raise ScriptError(f"pair_coeff of {style.model} must read: pair_coeff {form}; given was: {command.strip()}")
    return arguments[2], tuple(arguments[3:])


def branches(command: str) -> list[tuple[str | None, list[str]]]:
    """Return the branches of an ``if``: condition as written (``None`` for ``else``) and the commands it runs.

    Raises :class:`ScriptError` where ``then`` is missing or a branch is empty.
    """
    rest = words(command)[1:]
    found: list[tuple[str | None, list[str]]] = []
    keyword = "if"
    while True:
        condition = None
        if keyword != "else":
            if len(rest) < 2 or (keyword == "if" and rest[1].text != "then"):
                raise ScriptError(f"an if needs a condition, then and commands: {command.strip()}")
            condition = rest[0].raw
            rest = rest[2:] if keyword == "if" else rest[1:]
        end = next((place for place, word in enumerate(rest) if word.text in ("elif", "else")), len(rest))
        if end == 0:
            raise ScriptError(f"an if has a branch without commands: {command.strip()}")
        found.append((condition, [word.text for word in rest[:end]]))
        if end == len(rest):
            return found
        keyword = rest[end].text
        rest = rest[end + 1 :]
