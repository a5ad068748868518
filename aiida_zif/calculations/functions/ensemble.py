# SPDX-License-Identifier: MIT
"""Models become an ensemble, an ensemble gets its calibration, and gives one of its models."""

from __future__ import annotations

from aiida.engine import calcfunction
from aiida.orm import Dict, Int

from aiida_zif.data.ensemble import ZifEnsembleData
from aiida_zif.data.model import ZifModelData


@calcfunction
def gather_ensemble(**models: ZifModelData) -> ZifEnsembleData:
    """Return the ensemble of ``models``."""
    return ZifEnsembleData.from_models([models[name] for name in sorted(models)])


@calcfunction
def calibrate_ensemble(ensemble: ZifEnsembleData, calibration: Dict) -> ZifEnsembleData:
    """Return the ensemble that carries ``calibration``."""
    return ensemble.calibrated(calibration.get_dict())


@calcfunction
def take_member(ensemble: ZifEnsembleData, number: Int) -> ZifModelData:
    """Return one member, counted from 1."""
    return ensemble.member(number.value)
