# SPDX-License-Identifier: MIT
"""The version stands in one place, and the papers of the house agree with it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

import aiida_zif

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([\w.-]+)==([^\s#]+)\s+#\s(.+)$")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonical(found[1]): found[2] for line in lines if (found := PIN.match(line))}


def test_installed_version_is_ours() -> None:
    """The build takes the version from ``aiida_zif/__init__.py``."""
    assert version("aiida-zif") == aiida_zif.__version__


def test_citation_names_this_version_and_its_date() -> None:
    """CITATION.cff carries the version, and the date that the changelog gives it."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == aiida_zif.__version__
    assert f"## {aiida_zif.__version__} ({citation['date-released']})" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_changelog_begins_with_this_version() -> None:
    """The first heading of the changelog is this version or what is not yet released."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == aiida_zif.__version__


def test_every_constraint_has_its_reason() -> None:
    """A line of constraints.txt is a comment, or a pin and why it is there."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line and not line.startswith("#") and not PIN.match(line)]


def test_every_direct_dependency_is_pinned_and_explained() -> None:
    """What pyproject.toml asks for stands in constraints.txt, and docs/topics/dependencies.md says why we need it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["programs"] + project["optional-dependencies"]["tests"]
    names = {canonical(re.split(r"[<>=\[ ]", line)[0]) for line in asked}
    explained = (ROOT / "docs" / "topics" / "dependencies.md").read_text(encoding="utf-8")
    assert not names - set(pins())
    assert not {name for name in names if f"`{name}`" not in explained}
