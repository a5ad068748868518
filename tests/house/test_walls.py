# SPDX-License-Identifier: MIT
"""Which room may look at which, held by walking the imports of every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "aiida_zif"

NUMBERS = {"science"}
FILES = NUMBERS | {"formats", "structures"}
NODES = FILES | {"data", "calculations", "parsers"}
ALLOWED = {
    "science": NUMBERS,
    "structures": FILES,
    "formats": FILES,
    "programs": FILES | {"programs"},
    "data": FILES | {"data"},
    "calculations": NODES,
    "parsers": NODES,
    "workchains": NODES | {"workchains"},
    "report": FILES | {"data", "report"},
    "cli": NODES | {"workchains", "report", "cli"},
}
"""Room → the rooms of ours that it may import."""

LEARNING = {"torch", "nequip", "allegro", "e3nn", "lightning", "lammps"}
UNPICKLING = {"pickle", "cloudpickle", "dill", "joblib"}
WITHOUT_AIIDA = {"aiida", "aiida_cp2k", "aiida_lammps"}
FORBIDDEN = {
    "science": WITHOUT_AIIDA | LEARNING | UNPICKLING | {"matplotlib"},
    "structures": WITHOUT_AIIDA | LEARNING | UNPICKLING | {"matplotlib"},
    "formats": WITHOUT_AIIDA | LEARNING | UNPICKLING | {"matplotlib"},
    "programs": WITHOUT_AIIDA | {"matplotlib"},
    # A model is a program: only a job on the compute machine opens it.
    **dict.fromkeys(("data", "calculations", "parsers", "workchains", "report", "cli"), LEARNING | UNPICKLING),
}
"""Room → the packages of others that it must not import."""


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and absolute name of everything that a file imports, also inside functions."""
    package = (path.relative_to(PACKAGE.parent).parent).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module]))) if node.level else node.module or ""
            # `from aiida_zif import science` names the room only in its list
            yield from ((node.lineno, f"{base}.{alias.name}" if base == PACKAGE.name else base) for alias in node.names)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_room_looks_only_where_it_may(room: str) -> None:
    """A room imports only the rooms before it and none of the packages that are kept out of it."""
    trespasses = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for line, name in imports_of(path):
            parts = name.split(".")
            if parts[0] == PACKAGE.name and len(parts) > 1:
                wrong = not parts[1].startswith("__") and parts[1] not in ALLOWED[room]
            else:
                wrong = parts[0] in FORBIDDEN[room]
            if wrong:
                trespasses.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not trespasses, "\n".join(trespasses)


def test_every_room_has_its_walls() -> None:
    """A folder of code that the rules above do not name would have no walls."""
    rooms = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE}
    assert rooms <= set(ALLOWED)


def test_walls_see_relative_and_hidden_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk resolves relative imports, and finds those inside functions."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "aiida_zif")
    path = tmp_path / "aiida_zif" / "science" / "probe.py"
    path.parent.mkdir(parents=True)
    path.write_text("from ..formats import h5md\nfrom . import units\ndef f():\n    import torch.nn\nfrom aiida_zif import cli\n")
    assert {name for _, name in imports_of(path)} == {"aiida_zif.formats", "aiida_zif.science", "torch.nn", "aiida_zif.cli"}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent).stdout


def test_science_stays_light() -> None:
    """``import aiida_zif.science.rdf`` pulls in neither AiiDA nor torch nor matplotlib, also not through a library."""
    loaded = run("import sys, aiida_zif.science.rdf; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert not {"aiida", "torch", "matplotlib"} & set(loaded)


@pytest.mark.parametrize("callbacks", [False, True])
def test_programs_run_without_aiida(callbacks: bool) -> None:
    """What runs on the compute machine can be imported where neither AiiDA nor click nor matplotlib is installed.

    Of the callbacks of Lightning only the former is asked: its metrics import matplotlib wherever pip says that it is there.
    """
    files = [path for path in sorted((PACKAGE / "programs").glob("*.py")) if path.stem != "__init__"]
    files = [path for path in files if any(name.startswith("lightning") for _, name in imports_of(path)) == callbacks]
    absent = {"aiida", "aiida_cp2k", "aiida_lammps", "click"} | (set() if callbacks else {"matplotlib"})
    assert files
    run(
        "import importlib, sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name.split('.')[0] in {absent!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"for name in {[path.stem for path in files]!r}: importlib.import_module(f'aiida_zif.programs.{{name}}')\n"
    )


def alone(folder: Path, program: str, *arguments: str, more: tuple[str, ...] = ()) -> str:
    """Return what a program of ours prints where only numpy and h5py (and ``more``) are installed beside the package."""
    import importlib

    place = folder / "packages"
    place.mkdir()
    for name in ("numpy", "h5py", *more):
        home = Path(str(importlib.import_module(name).__file__)).parent
        for source in (home, home.with_name(f"{home.name}.libs")):
            if source.exists():
                (place / source.name).symlink_to(source)
    (place / PACKAGE.name).symlink_to(PACKAGE)
    code = f"import sys; sys.path.append({str(place)!r}); from aiida_zif.programs.{program} import main; sys.exit(main())"
    command = [sys.executable, "-I", "-S", "-B", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_collect_needs_numpy_and_h5py_only(tmp_path: Path) -> None:
    """``pip install --no-deps`` beside numpy and h5py is enough for ``zif-collect``: it does its work where nothing else is installed."""
    run_folder = PACKAGE.parent / "tests" / "formats" / "data" / "cp2k" / "md"
    assert alone(tmp_path, "collect", "--run-folder", str(run_folder)) == "zif-collect: 5 frames up to step 4, run finished\n"
    assert (tmp_path / "trajectory.h5md").exists()


def test_frames_needs_numpy_and_h5py_only(tmp_path: Path) -> None:
    """The same for ``zif-frames``."""
    import shutil

    import h5py
    import numpy as np

    from aiida_zif.formats.dataset_file import GROUP

    recorded = PACKAGE / "structures" / "dia-zn-im-2-recorded" / "label.h5"
    shutil.copy(recorded, tmp_path / "dataset.h5")
    with h5py.File(tmp_path / "dataset.h5", "r+") as file:
        n = len(file["particles/trajectory/position/value"])
        file[f"{GROUP}/split"] = np.arange(n, dtype=np.int8) % 3
    assert alone(tmp_path, "frames", "dataset.h5").startswith(f"zif-frames: {-(-n // 3)} train, ")
    assert (tmp_path / "held_out.xyz").stat().st_size > 0


def test_analysis_needs_numpy_scipy_and_h5py_only(tmp_path: Path) -> None:
    """``zif-analysis`` is told the linkers, and needs scipy besides."""
    import numpy as np

    from aiida_zif.formats import analysis_run, extxyz, h5md
    from aiida_zif.science import linkers
    from aiida_zif.science.analysis import Plan

    frames = extxyz.read(PACKAGE / "structures" / "dia-zn-im-2.xyz")
    assert not isinstance(frames, list)
    topology = linkers.perceive(frames.species, frames.positions[0], frames.cells[0])
    plan = Plan(ring_depth=12, scattering_frames=1, scattering_max_angstrom=8.0)
    (tmp_path / "job.json").write_text(analysis_run.render(analysis_run.Job(topology, np.ones(len(frames.species)), plan)))
    h5md.write(tmp_path / "trajectory.h5md", frames, creator_version="0")
    assert alone(tmp_path, "analysis", "trajectory.h5md", "job.json", more=("scipy",)).startswith("zif-analysis: 1 frames in")
    assert (tmp_path / "analysis.json").exists()
