# SPDX-License-Identifier: MIT
"""Validation: the newest compiled model against the newest ab initio trajectory, each difference in units of its error.

verdi run examples/15_validation.py        (after 03_train.py)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains.validation import ValidationWorkChain

OVERRIDES = {
    "validation": {"run": {"equilibrate_ps": 0.05, "production_ps": 0.2}},
    "md": {"run": {"dump_fs": 5, "timestep_fs": 0.5}},
}


def main() -> None:
    """A model of four epochs differs, and the table says where: exit code 719."""
    models = QueryBuilder().append(ZifModelData, filters={"attributes.form": "compiled"}, tag="node")
    model = models.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    references = QueryBuilder().append(ZifTrajectoryData, filters={"attributes.kind": "aimd"}, tag="node")
    reference = references.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if model is None or reference is None:
        sys.exit("There is no compiled model or no AIMD in this profile: run examples/01_aimd.py and 03_train.py first.")
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    builder = ValidationWorkChain.get_builder_from_protocol(
        choose(ValidationWorkChain), "smoke", OVERRIDES, structure=crystal, potential=model, trajectories={"aimd": reference}
    )
    outputs, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    if "table" in outputs:
        print(f"  {outputs['table']['rows']['aimd']['verdict']}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
