# SPDX-License-Identifier: MIT
"""Data set: frames of the newest AIMD trajectory, drawn flat over energy, the last block in time held out.

verdi run examples/02_dataset.py        (after 01_aimd.py)
"""

import sys

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.dataset import DatasetWorkChain


def main() -> None:
    """Draw few frames from few."""
    query = QueryBuilder().append(ZifTrajectoryData, filters={"attributes.kind": "aimd"}, tag="node")
    trajectory = query.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if trajectory is None:
        sys.exit("There is no AIMD trajectory in this profile: run examples/01_aimd.py first.")
    overrides = {"dataset": {"n_train": 24, "n_validation": 4, "held_out_fraction": 0.15, "gap": 2}}
    builder = DatasetWorkChain.get_builder_from_protocol({}, "smoke", overrides, trajectories={"aimd_300K": trajectory})
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
