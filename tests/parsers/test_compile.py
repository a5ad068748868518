# SPDX-License-Identifier: MIT
"""`zif.compile`: the compiled child of a package, or why there is none."""

from __future__ import annotations

import io
import json
import zipfile
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


def check(passed: bool) -> bytes:
    found = {"found": 0.2, "allowed": 1e-3, "unit": "eV/Å", "passed": passed, "frame": 0}
    failures = [] if passed else ["forces against the package off by 0.2 eV/Å, above the 0.001 allowed"]
    return json.dumps({"passed": passed, "failures": failures, "checks": {"forces against the package": found}}).encode()


@pytest.fixture
def checked(inputs: dict[str, Any], codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {**inputs, "check_code": codes["check"], "dataset": dataset}


def test_model_that_passes_leaves_with_its_numbers(
    parse: Callable[..., Any], checked: dict[str, Any], make_compiled: Callable[..., Any]
) -> None:
    """Each check stands in the results."""
    files = {"model.nequip.pt2": make_compiled().get_content(mode="rb"), "check.json": check(True)}
    found = parse("zif.compile", checked, files, b"done")
    found.store()
    assert found.status == 0, found.message
    assert set(found.outputs) == {"compiled", "results"}
    assert found.outputs["results"]["check"]["checks"]["forces against the package"]["allowed"] == 1e-3


def test_model_that_fails_does_not_leave(parse: Callable[..., Any], checked: dict[str, Any], make_compiled: Callable[..., Any]) -> None:
    """524 says which check by how much; the numbers are kept, the model is not."""
    files = {"model.nequip.pt2": make_compiled().get_content(mode="rb"), "check.json": check(False)}
    found = parse("zif.compile", checked, files, b"done")
    found.store()
    assert found.status == 524
    assert "forces against the package off by 0.2 eV/Å, above the 0.001 allowed" in found.message
    assert set(found.outputs) == {"results"}


def test_model_that_could_not_be_checked_does_not_leave(
    parse: Callable[..., Any], checked: dict[str, Any], make_compiled: Callable[..., Any]
) -> None:
    """431 with the sentence of zif-check."""
    more = {"check.out": b"zif-check: torch cannot open the model\n"}
    found = parse("zif.compile", checked, {"model.nequip.pt2": make_compiled().get_content(mode="rb")}, b"done", more=more)
    assert found.status == 431
    assert "torch cannot open the model" in found.message
    assert set(found.outputs) == {"results"}


def test_cut_check_is_a_verdict(
    parse: Callable[..., Any], checked: dict[str, Any], make_compiled: Callable[..., Any], cuts: Callable[..., list[bytes]]
) -> None:
    """A document cut in mid-line is unreadable, and the model stays."""
    content = make_compiled().get_content(mode="rb")
    for cut in cuts(check(True), 5):
        found = parse("zif.compile", checked, {"model.nequip.pt2": content, "check.json": cut}, b"done")
        assert found.status == 332
        assert "compiled" not in found.outputs


def test_mliap_file_is_not_opened(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """It is a pickle: its facts are its parent's, and what is no whole file is refused by its members."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("m/version", "3")
        archive.writestr("m/data.pkl", b"not a pickle at all")
    given = {**inputs, "target": Str("mliap")}
    found = parse("zif.compile", given, {"model.nequip.lmp.pt": whole.getvalue()})
    found.store()
    assert found.status == 0, found.message
    model = found.outputs["compiled"]
    assert (model.form, model.architecture, model.type_names) == ("mliap", "nequip", ["C", "H", "N", "Zn"])
    assert (model.job_filename, model.base.attributes.get("parent")) == ("model.nequip.lmp.pt", inputs["model"].uuid)
    assert found.outputs["results"]["program"] == "nequip-prepare-lmp-mliap"
    assert parse("zif.compile", given, {"model.nequip.lmp.pt": whole.getvalue()[:60]}).status == 332


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
