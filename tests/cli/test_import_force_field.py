# SPDX-License-Identifier: MIT
"""`aiida-zif import --kind force-field`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner

from aiida_zif.cli.imports import import_


def test_force_field_is_imported_and_what_was_dropped_is_said(aiida_profile: Any, shared_data: Path, tmp_path: Path) -> None:
    """By `--dry-run` nothing is stored; a line that is not known is refused by its number."""
    path = shared_data / "moff" / "ZIF-4_supercell111.in"
    result = CliRunner().invoke(import_, [str(path), "--kind", "force-field", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "buck6d/coul/gauss/long, units real, types C H C H N Zn, for a cell of 272 atoms" in result.output
    assert "morse" in result.output
    assert "nothing was stored" in result.output
    (tmp_path / "in").write_text("variable x equal 1\n")
    refused = CliRunner().invoke(import_, [str(tmp_path / "in"), "--kind", "force-field"])
    assert refused.exit_code == 1
    assert "line 1 of in begins with 'variable'" in refused.output
