# SPDX-License-Identifier: MIT
"""Facts read from model files without torch."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.formats.nequip_model import read_facts

MODELS = Path(__file__).parents[1] / "programs" / "data"
COMPILED = {
    "model_dtype": "float32", "type_names": "C H N Zn", "num_types": "4", "r_max": "4.0", "allow_tf32": "0",
    "nequip_aoti_inputs": "pos edge_index atom_types", "nequip_aoti_outputs": "atomic_energy forces virial", "AOTI_DEVICE_KEY": "cpu",
    "AOTI_MACHINE": "x86_64", "AOTI_CPU_ISA": "AVX512 AVX512_VNNI", "AOTI_COMPUTE_CAPABILITY": "",
}  # fmt: skip
"""What torch 2.13 writes beside a compiled model, as nequip 0.19 fills it."""


def archive(members: dict[str, str]) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return buffer


def compiled(**changes: str) -> io.BytesIO:
    return archive({"m/data/aotinductor/model/abc.wrapper_metadata.json": json.dumps(COMPILED | changes)})


@pytest.mark.parametrize("architecture", ["nequip", "allegro"])
def test_package_tells_its_facts(architecture: str) -> None:
    """Architecture, types in order, cutoff, precision and versions stand in a package, read by path or by handle."""
    path = MODELS / f"tiny_{architecture}.nequip.zip"
    facts = read_facts(path)
    assert (facts.form, facts.architecture, facts.type_names) == ("package", architecture, ("C", "H", "N", "Zn"))
    assert (facts.cutoff, facts.precision, facts.device, facts.isa) == (4.0, "float32", None, ())
    assert set(facts.versions) >= {"nequip", "torch"}
    with path.open("rb") as handle:
        assert read_facts(handle) == facts


def test_compiled_file_tells_where_it_runs() -> None:
    """Device, instruction sets and the pair style it was compiled for."""
    facts = read_facts(compiled())
    assert (facts.form, facts.device, facts.isa, facts.machine) == ("compiled", "cpu", ("AVX512", "AVX512_VNNI"), "x86_64")
    assert (facts.architecture, facts.compute_capability) == ("allegro", None)
    facts = read_facts(compiled(nequip_aoti_inputs="pos edge_index atom_types cell edge_cell_shift", AOTI_DEVICE_KEY="cuda"))
    assert (facts.architecture, facts.device) == ("nequip", "cuda")


def test_published_torchscript_tells_its_own_order_of_types(shared_data: Path) -> None:
    """The file of the paper says H C N Zn, though its yaml lists C H N Zn."""
    facts = read_facts(shared_data / "castel2024" / "nequip_l2r6stress0.pth")
    assert (facts.form, facts.type_names, facts.cutoff) == ("torchscript", ("H", "C", "N", "Zn"), 6.0)
    assert facts.versions["nequip"] == "0.5.6"


def test_zip_of_something_else_is_refused() -> None:
    """Not every zip file is a model."""
    with pytest.raises(ValueError, match="no model of nequip"):
        read_facts(archive({"letter.txt": "hello"}))


@pytest.mark.parametrize("key", ["type_names", "r_max"])
def test_lacking_metadata_is_refused(key: str) -> None:
    """A compiled file without types or cutoff is of no use."""
    metadata = {name: value for name, value in COMPILED.items() if name != key}
    with pytest.raises(ValueError, match="lacks or garbles"):
        read_facts(archive({"m/data/aotinductor/model/abc.wrapper_metadata.json": json.dumps(metadata)}))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_cut_file_is_refused_in_one_sentence(data: st.DataObject) -> None:
    """Cut anywhere, a file gives a ``ValueError`` and nothing else."""
    whole = compiled().getvalue()
    part = io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match="make it again"):
        read_facts(part)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_flipped_byte_is_read_or_refused(place: int, value: int) -> None:
    """A damaged file gives facts or a ``ValueError``, never another exception."""
    damaged = bytearray(compiled().getvalue())
    damaged[place % len(damaged)] = value
    with contextlib.suppress(ValueError):
        read_facts(io.BytesIO(bytes(damaged)))


def test_facts_need_neither_torch_nor_pickle() -> None:
    """A daemon reads them: no program of the file is run, no heavy library loaded."""
    code = f"import sys; from aiida_zif.formats.nequip_model import read_facts; read_facts({str(MODELS / 'tiny_nequip.nequip.zip')!r})"
    code += "; print({'torch', 'nequip', 'pickle'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=MODELS.parents[2])
    assert done.stdout.strip() in ("set()", "{'pickle'}")  # numpy itself imports pickle
