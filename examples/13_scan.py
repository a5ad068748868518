# SPDX-License-Identifier: MIT
"""Scan: two cutoffs on the newest data set, side by side; the table of errors and cost, and which row the rule picks.

verdi run examples/13_scan.py        (after 02_dataset.py)
"""

import sys

from aiida.engine import run_get_node
from aiida.orm import Float, List, QueryBuilder

from aiida_zif.cli.codes import choose
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.report import scan
from aiida_zif.workchains.scan import ScanWorkChain

ROWS = [{"r_max": 3.5, "epochs": 2}, {"r_max": 4.5, "epochs": 2}]


def main() -> None:
    """Two epochs tell nothing about a cutoff. A second call takes both trainings from the cache."""
    dataset = QueryBuilder().append(ZifDatasetData, tag="node").order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if dataset is None:
        sys.exit("There is no data set in this profile: run examples/02_dataset.py first.")
    builder = ScanWorkChain.get_builder_from_protocol(
        choose(ScanWorkChain), "smoke", datasets={"newest": dataset}, rows=List(ROWS), max_relative_force_mae=Float(5.0)
    )
    outputs, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    if "table" in outputs:
        print(scan.text(outputs["table"].get_dict()))
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 700 else 1)


main()
