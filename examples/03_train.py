# SPDX-License-Identifier: MIT
"""Training: a tiny NequIP on the newest data set, packaged, compiled for this machine, evaluated on the held-out frames.

verdi run examples/03_train.py        (after 02_dataset.py)
"""

import sys

from aiida.engine import run_get_node
from aiida.orm import Float, QueryBuilder

from aiida_zif.cli.codes import choose
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.workchains.train import TrainWorkChain


def main() -> None:
    """Learn for a few epochs. So little training is not good enough for anything: the threshold is wide."""
    query = QueryBuilder().append(ZifDatasetData, tag="node").order_by({"node": {"ctime": "desc"}})
    dataset = query.first(flat=True)
    if dataset is None:
        sys.exit("There is no data set in this profile: run examples/02_dataset.py first.")
    overrides = {"train": {"runs": {"nequip": {"epochs": 30}}}}
    builder = TrainWorkChain.get_builder_from_protocol(
        choose(TrainWorkChain), "smoke", overrides, dataset=dataset, max_relative_force_mae=Float(2.0)
    )
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
