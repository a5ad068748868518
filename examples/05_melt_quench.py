# SPDX-License-Identifier: MIT
"""Melt-quench: the way of a glass in half a picosecond. It does not melt, and the work chain says so: exit code 710.

verdi run examples/05_melt_quench.py        (after 03_train.py)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain


def main() -> None:
    """Heat one cell from 50 to 150 K, hold, judge, quench, equilibrate, produce: colder than the frames that the model learned from."""
    query = QueryBuilder().append(ZifModelData, filters={"attributes.form": "compiled"}, tag="node")
    model = query.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if model is None:
        sys.exit("There is no compiled model in this profile: run examples/03_train.py first.")
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    temperatures = {"start_k": 50, "tmax_k": 150, "rate_k_per_ps": 1000}
    times = {"prepare_ps": 0.05, "plateau_ps": 0.1, "equilibrate_ps": 0.05, "production_ps": 0.1, "max_plateau_extensions": 0}
    overrides = {"melt_quench": {"run": {**temperatures, **times}}, "md": {"run": {"dump_fs": 10}, "repeats": [1, 1, 1]}}
    builder = MeltQuenchWorkChain.get_builder_from_protocol(
        choose(MeltQuenchWorkChain), "smoke", overrides, structure=crystal, potential=model
    )
    _, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
