# SPDX-License-Identifier: MIT
"""All that decides one training of a NequIP or Allegro model, as a frozen dataclass of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

_CHOICES: dict[str, tuple[str, ...]] = {
    "architecture": ("nequip", "allegro"), "precision": ("float32", "float64"), "schedule": ("none", "cosine", "plateau"),
    "device": ("cpu", "gpu"), "energy_scale": ("per_type_forces_rms", "forces_rms"), "irreps": ("o3", "so3"),
    "pair_prior": ("none", "zbl"), "readout_nonlinearity": ("silu", "none"), "stress_content": ("virial", "estimated", "total"),
}  # fmt: skip

MIN_FRAMES_OF_ELEMENT = 10
"""In fewer training frames, unless they are all, an element cannot be learned: a batch without it teaches nothing about it."""


@dataclass(frozen=True)
class TrainRun:
    """All that decides a training besides the frames. Raises ``ValueError`` with one sentence for what cannot be.

    The defaults are those of a small model that learns a few hundred frames of a zinc imidazolate in minutes.
    """

    architecture: str = "nequip"
    """``nequip`` or ``allegro``."""
    r_max: float = 4.0
    """Cutoff, Å."""
    l_max: int = 1
    """Highest order of the spherical harmonics."""
    parity: bool = False
    """Whether odd and even features of each order are kept."""
    irreps: str = "o3"
    """``o3``, with mirror images, or ``so3``, all even: what nequip 0.5.6 called ``parity: false`` (NequIP only)."""
    layers: int = 2
    """Interaction layers."""
    features: int = 16
    """Features per irrep (NequIP); scalar features (Allegro)."""
    bessels: int = 8
    """Bessel functions of the distance."""
    bessels_trainable: bool = False
    """Whether their frequencies are learned."""
    polynomial_cutoff: int = 6
    """Exponent p of the envelope."""
    radial_depth: int = 1
    """Hidden layers of the radial network."""
    radial_width: int = 32
    """Their width."""
    readout_depth: int | None = None
    """Hidden layers of the readout; ``None``: the program's own (NequIP), 1 (Allegro)."""
    readout_width: int = 16
    """Their width."""
    readout_nonlinearity: str = "silu"
    """Between them: ``silu`` or ``none``."""
    tensor_features: int = 4
    """Allegro: tensor features."""
    allegro_depth: int = 1
    """Allegro: hidden layers of the latent network."""
    allegro_width: int = 32
    """Allegro: their width."""
    radial_embedding: int = 16
    """Allegro: dimension of the two-body embedding."""
    pair_prior: str = "none"
    """``zbl`` adds the repulsion of bare nuclei. No default: its range is ``r_max``, it reaches into ordinary bonds."""
    precision: str = "float32"
    """Number format of the model: ``float32`` or ``float64``."""
    energy_scale: str = "per_type_forces_rms"
    """What the energies are scaled by: forces' root mean square by element, or of all (``forces_rms``)."""
    seed: int = 456
    """Seed of the weights and of the order of the frames."""
    shuffle: bool = True
    """Whether the frames are drawn in another order in each epoch."""
    batch: int = 4
    """Frames per step of the optimiser, on all devices together."""
    validation_batch: int = 10
    """Frames per step of the validation, on each device."""
    epochs: int = 32
    """Most epochs."""
    patience: int | None = None
    """Epochs without a better validation error after which training stops; ``None``: never."""
    learning_rate: float = 0.015
    """Adam's first learning rate."""
    amsgrad: bool = True
    """Adam's variant."""
    schedule: str = "cosine"
    """``none``, ``cosine`` (down to ``learning_rate_min`` at the last epoch) or ``plateau``."""
    learning_rate_min: float = 1.0e-5
    """Lowest learning rate of the schedule."""
    plateau_factor: float = 0.5
    """Factor of ``plateau``."""
    plateau_patience: int = 50
    """Epochs without a better validation error before that factor is applied."""
    ema_decay: float | None = 0.99
    """Decay of the moving average of the weights, which is what is validated and saved; ``None``: no average."""
    energy_weight: float = 20.0
    """Weight of the squared energy error per atom, (eV/atom)²."""
    forces_weight: float = 1.0
    """Weight of the squared force error, (eV/Å)²."""
    stress_weight: float | None = None
    """Weight of the squared stress error, (eV/Å³)²; ``None``: stresses are neither read nor learned.

    A batch without one stress has the loss *not a number*: with a weight, every frame of the training set needs its stress.
    """
    stress_content: str = "virial"
    """What the stresses learned must hold: ``virial``, ``estimated`` (the kinetic part removed with estimated velocities) or ``total``."""
    device: str = "cpu"
    """``cpu`` or ``gpu``."""
    devices: int = 1
    """Processes on one machine that share each batch, each on a device of its own. With several ``seed`` does not order the frames."""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, but it must be one of {', '.join(allowed)}")
        for field in fields(self):
            _check(field.name, str(field.type), getattr(self, field.name))
        if self.energy_weight == 0 and self.forces_weight == 0:
            raise ValueError("both energy_weight and forces_weight are 0, but one of them must be learned: give one a positive weight")
        if self.irreps == "so3" and (self.architecture != "nequip" or self.parity):
            raise ValueError(
                f"irreps is 'so3' with {self.architecture} and parity {self.parity}: it needs nequip and parity false, or take 'o3'"
            )
        if self.devices > 1 and not self.shuffle:
            raise ValueError(f"shuffle is false with {self.devices} devices, but several share them in random order: change one")
        if self.batch % self.devices:
            raise ValueError(f"batch is {self.batch}, but its frames must be shared evenly by {self.devices} devices: make it a multiple")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainRun:
        """Return the run of plain values. Raises ``ValueError`` for a key that is not known."""
        known = [field.name for field in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise ValueError(f"a training has no setting {', '.join(unknown)}: allowed are {', '.join(known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return asdict(self)


def refuse(run: TrainRun, counts_by_element: Mapping[str, int], n_train: int, stress: str, without_stress: int = 0) -> None:
    """Raise ``ValueError`` with one sentence where ``run`` cannot be learned from these frames.

    ``counts_by_element`` are the training frames that hold the element, of ``n_train``; ``stress`` says what the stresses of the
    frames hold: ``none``, ``virial``, ``estimated`` or ``total``; ``without_stress`` is how many frames lack theirs.
    """
    rare = {name: count for name, count in counts_by_element.items() if count < min(MIN_FRAMES_OF_ELEMENT, n_train) or not count}
    if rare:
        found = ", ".join(f"{name} in {count}" for name, count in sorted(rare.items()))
        least = f"{MIN_FRAMES_OF_ELEMENT} of them, or all,"
        raise ValueError(f"of {n_train} training frames {found} cannot be learned from: {least} must hold an element; draw more frames")
    if run.stress_weight is None:
        return
    if stress == "none" or without_stress:
        lack = "no frame has" if stress == "none" else f"{without_stress} frames have no"
        raise ValueError(f"stress_weight is {run.stress_weight}, but {lack} stress: leave it null, or draw from trajectories with stress")
    if stress != run.stress_content:
        raise ValueError(
            f"the stresses of the frames are {stress!r}, but the run's stress_content is {run.stress_content!r}: "
            f"leave stress_weight null, or say stress_content: {stress} to learn them as such"
        )


_MAY_BE_ZERO = ("seed", "l_max", "radial_depth", "readout_depth", "allegro_depth", "energy_weight", "forces_weight", "learning_rate_min")


def _check(name: str, kind: str, value: Any) -> None:
    """Raise ``ValueError`` unless ``value`` is of the kind that the field is annotated with and within its range."""
    if kind == "str" or (value is None and "None" in kind):
        return
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, but it must be true or false")
        return
    whole = kind.startswith("int")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not isfinite(value):
        raise ValueError(f"{name} is {value!r}, but it must be a {'whole' if whole else 'finite'} number")
    if value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
        raise ValueError(f"{name} is {value}, but it must be {'0 or more' if name in _MAY_BE_ZERO else 'positive'}")
    if name in ("ema_decay", "plateau_factor") and value >= 1:
        raise ValueError(f"{name} is {value}, but it must lie between 0 and 1")
