# SPDX-License-Identifier: MIT
"""Pipeline: every stage once, from the newest AIMD trajectory instead of new AIMD; one small model, one replica, one small cell.

verdi run examples/09_pipeline.py        (after 01_aimd.py)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.pipeline import PipelineWorkChain

SHORT = {
    "dataset": {"n_train": 24, "n_validation": 4, "held_out_fraction": 0.15, "gap": 2},
    "train": {"max_relative_force_mae": 2.0, "runs": {"nequip": {"epochs": 20}, "allegro": None}},
    "md": {"repeats": [1, 1, 1], "run": {"dump_fs": 10}},
    "melt_quench": {
        "replicas": 1,
        "run": {
            "start_k": 50, "tmax_k": 150, "rate_k_per_ps": 1000, "prepare_ps": 0.05, "plateau_ps": 0.1, "equilibrate_ps": 0.05,
            "production_ps": 0.1, "max_plateau_extensions": 0,
        },
    },
    "eos": {
        "temperature_k": 50, "volume_factors": [0.96, 0.98, 1.0, 1.02], "deform_ps": 0.05, "equilibrate_ps": 0.05, "production_ps": 0.1,
    },
    "strain_fluctuation": {"temperature_k": 50, "equilibrate_ps": 0.1, "production_ps": 0.4},
}  # fmt: skip


def main() -> None:
    """A protocol with other numbers, without its Allegro."""
    query = QueryBuilder().append(ZifTrajectoryData, filters={"attributes.kind": "aimd"}, tag="node")
    trajectory = query.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if trajectory is None:
        sys.exit("There is no AIMD trajectory in this profile: run examples/01_aimd.py first.")
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    builder = PipelineWorkChain.get_builder_from_protocol(
        choose(PipelineWorkChain), "smoke", SHORT, structure=crystal, trajectories={"aimd_300K": trajectory}
    )
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
