# SPDX-License-Identifier: MIT
"""Active learning: the newest compiled model is tested for 0.2 ps at 150 K; linkers that broke would be labelled and learned.

verdi run examples/16_active_learning.py        (after 03_train.py)
"""

import sys
from importlib import resources

from aiida.engine import run_get_node
from aiida.orm import QueryBuilder

from aiida_zif.calculations.functions.structure import read_structure
from aiida_zif.cli.codes import choose
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.active_learning import ActiveLearningWorkChain

RUN = {"temperature_k": 150, "picoseconds": 0.2, "skip_ps": 0.05, "min_temperature_share": 0.5}
OVERRIDES = {"active_learning": {"run": RUN, "seeds": [1], "max_rounds": 1}}


def main() -> None:
    """Colder than the frames that the model learned from, so that one round is enough; hotter it would take minutes."""
    models = QueryBuilder().append(ZifModelData, filters={"attributes.form": "compiled"}, tag="node")
    model = models.order_by({"node": {"ctime": "desc"}}).first(flat=True)
    dataset = QueryBuilder().append(ZifDatasetData, tag="node").order_by({"node": {"ctime": "desc"}}).first(flat=True)
    if model is None or dataset is None:
        sys.exit("There is no compiled model or no data set in this profile: run examples/02_dataset.py and 03_train.py first.")
    crystal = read_structure(resources.files("aiida_zif") / "structures" / "dia-zn-im-2.xyz")
    builder = ActiveLearningWorkChain.get_builder_from_protocol(
        choose(ActiveLearningWorkChain), "smoke", OVERRIDES, structure=crystal, dataset=dataset, potential=model
    )
    outputs, node = run_get_node(builder)
    print(f"{node.process_label}<{node.pk}> [{node.exit_status}] {node.exit_message or 'finished'}")
    for number, row in enumerate(outputs["rounds"]["rounds"] if "rounds" in outputs else ()):
        print(f"  round {number}: {sum(run['whole'] for run in row['runs'])} of {len(row['runs'])} runs with whole linkers")
    sys.exit(0 if node.is_finished_ok or (node.exit_status or 0) >= 500 else 1)


main()
