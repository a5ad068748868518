# SPDX-License-Identifier: MIT
"""Ensemble: one training with two seeds on the newest data set, and how its disagreement goes with real force errors.

verdi run examples/14_ensemble.py        (after 02_dataset.py)
"""

import sys

from aiida.engine import run_get_node
from aiida.orm import Float, List, QueryBuilder

from aiida_zif.cli.codes import choose
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.workchains.ensemble import EnsembleWorkChain

OVERRIDES = {"train": {"runs": {"nequip": {"epochs": 2, "r_max": 3.5}}}}


def main() -> None:
    """After 13_scan.py the first member comes from the cache."""
    dataset = QueryBuilder().append(ZifDatasetData, tag="node").order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if dataset is None:
        sys.exit("There is no data set in this profile: run examples/02_dataset.py first.")
    builder = EnsembleWorkChain.get_builder_from_protocol(
        choose(EnsembleWorkChain), "smoke", OVERRIDES, dataset=dataset, seeds=List([1, 2]), max_relative_force_mae=Float(5.0)
    )
    outputs, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    for key, value in sorted(outputs["calibration"].get_dict().items() if "calibration" in outputs else ()):
        print(f"  {key:<32} {value:.3g}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
