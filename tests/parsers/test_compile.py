# SPDX-License-Identifier: MIT
"""`zif.compile`: the compiled child of a package, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Str


@pytest.fixture
def inputs(model: Any) -> dict[str, Any]:
    return {"model": model, "device": Str("cpu")}


def test_compiled_model_inherits(parse: Callable[..., Any], inputs: dict[str, Any], make_compiled: Callable[..., Any]) -> None:
    """The facts of the parent that the file does not tell, and who the parent is."""
    content = make_compiled().get_content(mode="rb")
    found = parse("zif.compile", inputs, {"model.nequip.pt2": content}, b"done")
    found.store()
    assert found.status == 0, found.message
    facts = found.outputs["compiled"].base.attributes.all
    assert (facts["form"], facts["architecture"], facts["seed"], facts["parent"]) == ("compiled", "nequip", 1, inputs["model"].uuid)
    assert found.outputs["results"]["bytes"] == len(content)


@pytest.mark.parametrize(
    ("stdout", "sentence"),
    [
        (b"torch._inductor.exc.InvalidCxxCompiler: No working C++ compiler found\n", "install g++"),
        (b"line\nRuntimeError: unsupported op\n", "unsupported op"),
        (b"", "it said nothing"),
    ],
)
def test_failure_gives_its_sentence(parse: Callable[..., Any], inputs: dict[str, Any], stdout: bytes, sentence: str) -> None:
    """430: the package still runs; the reason and the remedy where it is known."""
    found = parse("zif.compile", inputs, {}, stdout)
    assert found.status == 430
    assert sentence in found.message


def test_cut_file_is_a_verdict(
    parse: Callable[..., Any], inputs: dict[str, Any], make_compiled: Callable[..., Any], cuts: Callable[..., list[bytes]]
) -> None:
    """A compiled file cut anywhere is unreadable, and said to be."""
    for cut in cuts(make_compiled().get_content(mode="rb"), 8):
        assert parse("zif.compile", inputs, {"model.nequip.pt2": cut}, b"done").status == 332


def test_out_of_memory_is_said(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The compiler is hungry."""
    assert parse("zif.compile", inputs, {}, b"", b"slurmstepd: error: Detected 1 oom-kill event(s)").status == 333
