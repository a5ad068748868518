# SPDX-License-Identifier: MIT
"""A small run, written as CP2K writes it: every number tells its run, step and file, so that a mixed frame shows."""

import pytest


@pytest.fixture
def small_run():
    """Texts of a run of three atoms, by file: ``small_run(first, last, run=0)``, steps from first to last."""

    def texts_of(first, last, run=0):
        texts = dict.fromkeys(("pos", "vel", "frc", "cell", "ener", "stress"), "")
        for step in range(first, last + 1):
            mark = step + run / 8
            for k, name in enumerate(("pos", "vel", "frc")):
                texts[name] += f"{3:8d}\n i = {step:8d}, time = {step * 0.5:12.3f}, E = {-59 - mark:20.10f}\n"
                texts[name] += "".join(f"{s:>3}" + 3 * f"{mark + k + i / 100:20.10f}" + "\n" for i, s in enumerate(("Zn", "N", "H")))
            cell = "".join(f"{x:20.10f}" for x in (mark + 10, 0, 0, 0, 9, 0, 0, 0, 8))
            texts["cell"] += f"{step:8d}{step * 0.5:12.3f}{cell}{1:25.10f}\n"
            texts["ener"] += f"{step:10d}{step * 0.5:20.6f}{mark:20.9f}{mark:20.9f}{-59 - mark:20.9f}{mark:20.9f}{1:20.9f}\n"
            texts["stress"] += f"{step:8d}{step * 0.5:12.3f}" + 9 * f"{mark:20.10f}" + "\n"
        header = {} if run else {"cell": "# Step Time\n", "ener": "# Step Nr.\n", "stress": "# Step Time\n"}
        return {name: header.get(name, "") + text for name, text in texts.items()}

    return texts_of


@pytest.fixture
def write(tmp_path):
    """Write texts by the names of CP2K's files into the folder of the test."""

    def write_texts(texts):
        for name, text in texts.items():
            (tmp_path / (f"aiida-1.{name}" if name in ("cell", "ener", "stress") else f"aiida-{name}-1.xyz")).write_text(text)

    return write_texts
