# SPDX-License-Identifier: MIT
"""Analysis: density, RDF, coordination, angles, linkers and rings of the newest quenched structure's trajectory.

verdi run examples/08_analysis.py        (after 05_melt_quench.py)
"""

import sys

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.analysis import AnalysisWorkChain
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain


def main() -> None:
    """The crystal says where the linkers are whole."""
    query = QueryBuilder().append(MeltQuenchWorkChain, tag="chain", project=["*"])
    query.append(ZifTrajectoryData, with_incoming="chain", edge_filters={"label": "trajectory_glass"}, tag="frames", project=["*"])
    found = query.order_by({"frames": {"ctime": "desc"}}).first()
    if found is None:
        sys.exit("There is no trajectory of a quenched structure in this profile: run examples/05_melt_quench.py first.")
    chain, trajectory = found
    builder = AnalysisWorkChain.get_builder_from_protocol({}, "smoke", reference=chain.outputs.reference, trajectory=trajectory)
    outputs, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    for name, value in outputs["summary"].get_dict().items():
        print(f"{name:<32} {value}")


main()
