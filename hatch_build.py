# SPDX-License-Identifier: MIT
"""Hand the AiiDA entry points of ``setup.json`` to the build, so that they stand in one place only."""

import json
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class EntryPoints(MetadataHookInterface):  # type: ignore[misc]  # hatchling is there only while building
    def update(self, metadata: dict[str, object]) -> None:
        groups = json.loads((Path(self.root) / "setup.json").read_text(encoding="utf-8"))["entry_points"]
        metadata["entry-points"] = {group: dict(line.split(" = ", 1) for line in lines) for group, lines in groups.items()}
