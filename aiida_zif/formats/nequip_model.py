# SPDX-License-Identifier: MIT
"""Facts about a NequIP or Allegro model file, read from its zip members: no torch is imported and nothing is unpickled."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

import yaml

Form = Literal["package", "compiled", "mliap", "torchscript"]

SUFFIXES: dict[str, Form] = {
    ".nequip.zip": "package", ".nequip.pt2": "compiled", ".nequip.lmp.pt": "mliap", ".nequip.pth": "torchscript", ".pth": "torchscript",
}  # fmt: skip
"""What a model file may be called."""

_ARCHITECTURES = {"NequIP": "nequip", "Allegro": "allegro", "allegro": "allegro"}
T = TypeVar("T")
_VERSION_SUFFIX = "_version"
# what zipfile raises, by where the damage is; NotImplementedError (a RuntimeError) for an unknown version, RuntimeError for encryption
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OverflowError, RuntimeError, struct.error)


@dataclass(frozen=True)
class ModelFacts:
    """What the file itself says. A fact that its form does not hold is ``None`` or empty."""

    form: Form
    """``package`` (portable), ``compiled`` (AOTInductor, fits one kind of machine), ``mliap`` (for LAMMPS ML-IAP, a pickle that tells
    nothing without being opened) or ``torchscript`` (legacy: deployed by an older nequip)."""
    type_names: tuple[str, ...]
    """Names of the atom types in the model's own order."""
    cutoff: float
    """Å."""
    architecture: str | None = None
    """``nequip`` or ``allegro``; of a compiled file, the pair style that it was compiled for."""
    precision: str | None = None
    """``float32`` or ``float64``."""
    versions: dict[str, str] = field(default_factory=dict, hash=False)
    """Version by program, of those that made the file."""
    device: str | None = None
    """``cpu`` or ``cuda``, where compiled for one."""
    isa: tuple[str, ...] = ()
    """CPU instruction sets that a compiled file uses, as torch names them."""
    machine: str | None = None
    """Processor family that a compiled file needs, as ``x86_64``."""
    compute_capability: str | None = None
    """GPU compute capability that a compiled file needs, as ``90``."""
    inputs: tuple[str, ...] = ()
    """Names of the tensors that a compiled file takes, in order."""
    outputs: tuple[str, ...] = ()
    """Names of the tensors that a compiled file gives, in order."""
    allow_tf32: bool = False
    """Whether the model was made to compute in TF32 on a GPU."""
    custom_ops: tuple[str, ...] = ()
    """Python libraries that must be imported before a compiled file is loaded."""
    n_parameters: int | None = None
    """Number of weights; no form states it without unpickling, so it comes from whoever trained the model."""


def read_facts(source: str | Path | IO[bytes]) -> ModelFacts:
    """Return the facts that the model file ``source`` (a path or an open binary handle) states about itself.

    Raises ``ValueError`` where it is no whole zip file, or not one that nequip wrote, or one of LAMMPS ML-IAP, which states none;
    ``FileNotFoundError`` where there is none.
    """
    return _opened(source, _read)


def check_mliap(source: str | Path | IO[bytes]) -> None:
    """Raise ``ValueError`` unless ``source`` has the members of a whole file for LAMMPS ML-IAP; none is read."""
    _opened(source, _check_mliap)


def _opened(source: str | Path | IO[bytes], read: Callable[[zipfile.ZipFile, str], T]) -> T:
    name = str(source) if isinstance(source, (str, Path)) else getattr(source, "name", "the model")
    try:
        with zipfile.ZipFile(source) as archive:
            return read(archive, str(name))
    except _DAMAGED as error:
        raise ValueError(f"{name} is no whole model file ({error}): it was cut or is something else; copy or make it again") from error
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{name} lacks or garbles what nequip writes into a model ({error!r}); make it again") from error


def _read(archive: zipfile.ZipFile, name: str) -> ModelFacts:
    # every member stands below one folder named after the file that torch first wrote
    members = {member.partition("/")[2]: member for member in archive.namelist()}
    if "model/package_metadata.txt" in members:
        return _read_package(archive, members)
    compiled = sorted(member for member in members if member.startswith("data/aotinductor/") and member.endswith("_metadata.json"))
    if compiled:
        return _read_compiled(archive, json.loads(archive.read(members[compiled[0]])))
    if "extra/type_names" in members and "extra/r_max" in members:
        return _read_torchscript(archive, members)
    raise ValueError(f"{name} is a zip file, but no model of nequip: give a file of {', '.join(SUFFIXES)}")


def _check_mliap(archive: zipfile.ZipFile, name: str) -> None:
    members = {member.partition("/")[2] for member in archive.namelist()}
    if not {"data.pkl", "version"} <= members or "constants.pkl" in members:  # TorchScript has the latter
        raise ValueError(f"{name} is a zip file, but not what nequip-prepare-lmp-mliap writes: make it again")


def _read_package(archive: zipfile.ZipFile, members: dict[str, str]) -> ModelFacts:
    metadata = yaml.safe_load(archive.read(members["model/package_metadata.txt"]))
    config = yaml.safe_load(archive.read(members["model/config.yaml"]))
    model = config["training_module"]["model"]
    # a model grown from another package names that package only, not its class
    targets = {str(target).rpartition(".")[2] for target in _all(model, "_target_")}
    names = metadata["atom_types"]
    cutoffs = [*_all(model, "r_max"), *_all(config["data"], "r_max")]
    return ModelFacts(
        form="package",
        type_names=tuple(str(names[index]) for index in range(len(names))),
        cutoff=float(cutoffs[0]),
        architecture=next((ours for theirs, ours in _ARCHITECTURES.items() if any(theirs in target for target in targets)), None),
        precision=next(iter(_all(model, "model_dtype")), None),
        versions={str(program): str(version) for program, version in metadata["versions"].items()},
        allow_tf32=bool((config.get("global_options") or {}).get("allow_tf32", False)),
    )


def _read_compiled(archive: zipfile.ZipFile, metadata: dict[str, str]) -> ModelFacts:
    inputs = tuple(metadata.get("nequip_aoti_inputs", "").split())
    # nequip appends this member at the top, outside torch's folder
    libraries = "nequip_custom_ops_libs.txt"
    return ModelFacts(
        form="compiled",
        type_names=tuple(metadata["type_names"].split()),
        cutoff=float(metadata["r_max"]),
        # pair_allegro alone hands over ghost atoms instead of cell and shifts
        architecture=("nequip" if "cell" in inputs else "allegro") if inputs else None,
        precision=metadata.get("model_dtype"),
        device=metadata.get("AOTI_DEVICE_KEY"),
        isa=tuple(metadata.get("AOTI_CPU_ISA", "").split()),
        machine=metadata.get("AOTI_MACHINE"),
        compute_capability=metadata.get("AOTI_COMPUTE_CAPABILITY") or None,
        inputs=inputs,
        outputs=tuple(metadata.get("nequip_aoti_outputs", "").split()),
        allow_tf32=metadata.get("allow_tf32", "0") == "1",
        custom_ops=tuple(archive.read(libraries).decode().split()) if libraries in archive.namelist() else (),
    )


def _read_torchscript(archive: zipfile.ZipFile, members: dict[str, str]) -> ModelFacts:
    extra = {
        key.removeprefix("extra/"): archive.read(member).decode().strip()
        for key, member in members.items()
        if key.startswith("extra/") and key != "extra/config"
    }
    versions = {key.removesuffix(_VERSION_SUFFIX): value for key, value in extra.items() if key.endswith(_VERSION_SUFFIX)}
    builders, precision = _deployed(archive.read(members["extra/config"]) if "extra/config" in members else b"")
    return ModelFacts(
        form="torchscript",
        type_names=tuple(extra["type_names"].split()),
        cutoff=float(extra["r_max"]),
        architecture=next((ours for theirs, ours in _ARCHITECTURES.items() if theirs in builders), "nequip" if builders else None),
        precision=extra.get("model_dtype", precision),
        versions=versions,
        allow_tf32=extra.get("allow_tf32", "0") == "1",
    )


def _deployed(config: bytes) -> tuple[str, str | None]:
    """Return the model builders and the precision that the settings of a deployed model name.

    They hold tensors as tags that would make Python objects: the tree of YAML is looked at, and nothing is made of it.
    """
    root = yaml.compose(config, Loader=yaml.SafeLoader)
    found = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    builders, precision = found.get("model_builders"), found.get("default_dtype")
    names = [item.value for item in builders.value] if isinstance(builders, yaml.SequenceNode) else []
    return " ".join(names), precision.value if isinstance(precision, yaml.ScalarNode) else None


def _all(tree: Any, key: str) -> list[Any]:
    """Return every value of ``key`` in a tree of dicts and lists, those nearer to the root first."""
    found: list[Any] = []
    level = [tree]
    while level:
        found += [branch[key] for branch in level if isinstance(branch, dict) and key in branch]
        below: list[Any] = []
        for branch in level:
            below += branch.values() if isinstance(branch, dict) else branch if isinstance(branch, list) else []
        level = below
    return found
