# SPDX-License-Identifier: MIT
"""Model nodes: facts read without opening the model, and what is refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import QueryBuilder

from aiida_zif.data.model import ZifModelData

PACKAGE = Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip"


def test_facts_of_a_package_answer_a_query(model: Any) -> None:
    """Form, architecture, elements in the model's order and cutoff are attributes that a query filters by."""
    model.store()
    filters = {"attributes.form": "package", "attributes.architecture": "nequip", "attributes.cutoff_angstrom": 4.0}
    assert model.pk in QueryBuilder().append(ZifModelData, filters=filters, project="id").all(flat=True)
    assert (model.form, model.architecture, model.type_names) == ("package", "nequip", ["C", "H", "N", "Zn"])


def test_file_survives_the_repository(model: Any) -> None:
    """The model comes back to the last byte."""
    assert model.store().get_content(mode="rb") == PACKAGE.read_bytes()


def test_equal_content_gives_an_equal_hash() -> None:
    """Two nodes made apart of one file, by path and by handle, have one hash; another fact another."""
    first = ZifModelData.from_file(PACKAGE, "model.nequip.zip", seed=1)
    second = ZifModelData.from_file(io.BytesIO(PACKAGE.read_bytes()), "model.nequip.zip", seed=1)
    third = ZifModelData.from_file(PACKAGE, "model.nequip.zip", seed=2)
    one, same, other = (node.store().base.caching.compute_hash() for node in (first, second, third))
    assert one == same != other


def test_compiled_model_says_for_what(make_compiled: Callable[..., Any]) -> None:
    """A compiled file tells its pair style and where it runs."""
    node = make_compiled()
    assert (node.form, node.architecture) == ("compiled", "nequip")
    assert (node.base.attributes.get("device"), node.base.attributes.get("isa")) == ("cpu", ["AVX512"])


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (PACKAGE.read_bytes(), "model.pth.tar", r"its name should end in \.nequip\.zip"),
        (PACKAGE.read_bytes()[:-100], "model.nequip.zip", "no whole model file"),
        (b"", "model.nequip.zip", "no whole model file"),
        (b"hello", "model.nequip.pt2", "no whole model file"),
    ],
)
def test_what_is_no_model_is_refused(content: bytes, name: str, sentence: str) -> None:
    """One sentence for a wrong name, a cut or an empty file, and a text."""
    with pytest.raises(ValueError, match=sentence):
        ZifModelData.from_file(io.BytesIO(content), name)


def test_legacy_model_tells_its_facts(shared_data: Path) -> None:
    """The published TorchScript file: types in its own order, architecture and precision of its settings, versions."""
    path = shared_data / "castel2024" / "nequip_l2r6stress0.pth"
    node = ZifModelData.from_file(path, path.name).store()
    assert (node.form, node.architecture, node.type_names) == ("torchscript", "nequip", ["H", "C", "N", "Zn"])
    facts = node.base.attributes
    assert (facts.get("cutoff_angstrom"), facts.get("precision"), facts.get("versions")["nequip"]) == (6.0, "float32", "0.5.6")
    assert node.job_filename == "model.pth"


@pytest.mark.parametrize("name", ["model.pth", "model.nequip.pt2"])
def test_name_of_another_form_is_refused(name: str) -> None:
    """What is opened by its suffix must be what the suffix says."""
    with pytest.raises(ValueError, match="is in the form package, but its suffix says"):
        ZifModelData.from_file(io.BytesIO(PACKAGE.read_bytes()), name)


def test_mliap_model_needs_the_facts_of_its_parent() -> None:
    """A pickle that nobody here opens: what is known of it must be said."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("m/version", "3")
        archive.writestr("m/data.pkl", b"no pickle")
    node = ZifModelData.from_file(io.BytesIO(whole.getvalue()), "model.nequip.lmp.pt", type_names=["C", "H"], architecture="allegro")
    assert (node.form, node.job_filename) == ("mliap", "model.nequip.lmp.pt")
    with pytest.raises(ValueError, match="does not say for which elements"):
        ZifModelData.from_file(io.BytesIO(whole.getvalue()), "model.nequip.lmp.pt")
    with pytest.raises(ValueError, match="not what nequip-prepare-lmp-mliap writes"):
        ZifModelData.from_file(io.BytesIO(PACKAGE.read_bytes()), "model.nequip.lmp.pt", type_names=["C"])


def test_model_for_no_element_is_refused(make_compiled: Callable[..., Any]) -> None:
    """A model that names no elements could be given to any structure in any order."""
    with pytest.raises(ValueError, match="does not say for which elements"):
        make_compiled(type_names="")
