# SPDX-License-Identifier: MIT
"""The page: whole in itself, and nothing from a node gets into it unescaped."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from aiida_zif.report import page
from aiida_zif.report.curves import Curves

HOSTILE = "<script>alert(1)</script>\"'><img src=http://x.invalid/a onerror=alert(1)>"


class Reader(HTMLParser):
    """Collects tags and attributes, and refuses a page whose tags do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hostile(value: Any, key: str = "") -> Any:
    """Return ``value`` with every text replaced that a stranger's node could hold."""
    if isinstance(value, dict):
        return {name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    keep = key in {"kind", "label", "started", "stage"} or key.startswith("uuid")
    return HOSTILE if isinstance(value, str) and not keep else value


def test_page_needs_nothing_else(facts: dict[str, Any]) -> None:
    """Images are in the page; there is no script, link, frame or form."""
    reader = Reader(page.render(facts, Curves()))
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "object", "embed", "form", "a", "base"}
    sources = [attributes["src"] or "" for tag, attributes in reader.tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)


def test_nothing_from_a_node_is_markup(facts: dict[str, Any]) -> None:
    """Texts that look like HTML come out as text, everywhere."""
    html = page.render(hostile(facts), Curves())
    reader = Reader(html)
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html
    assert all(set(attributes) <= {"alt", "src"} for tag, attributes in reader.tags if tag == "img")


def test_page_says_that_it_is_a_demonstration(facts: dict[str, Any]) -> None:
    """And what helped it."""
    html = page.render(facts, Curves())
    assert "This is a demonstration" in html
    assert facts["aids"][0]["sentence"] in html


def test_page_names_only_a_glass_glass(facts: dict[str, Any]) -> None:
    """What did not melt is a solid on the page, too."""
    html = page.render(facts, Curves())
    assert "solid 02" in html
    assert "glass 02" not in html


def test_empty_pipeline_has_a_page(facts: dict[str, Any]) -> None:
    """One that failed before anything was made."""
    facts |= {"aimd": [], "labels": None, "dataset": None, "models": [], "crystal": None, "glasses": [], "verdicts": [], "aids": []}
    facts["cost"] = {"wall_s": 0.0, "jobs_s": 0.0, "aiida_s": 0.0, "core_s": 0.0, "processes": 1, "stages": {}, "jobs": []}
    facts["pipeline"] |= {"finished_ok": False, "verdict": "[420] aimd failed"}
    html = page.render(facts, Curves())
    assert "did not come so far" in html
    assert "[420] aimd failed" in html


@pytest.mark.parametrize("missing", ["crystal", "labels", "dataset"])
def test_page_leaves_out_what_is_missing(facts: dict[str, Any], missing: str) -> None:
    """A stage that is not there does not stop the page."""
    facts[missing] = None
    Reader(page.render(facts, Curves()))


def test_facts_survive_json(facts: dict[str, Any]) -> None:
    """The facts that tests use are as plain as those of nodes."""
    assert json.loads(json.dumps(facts)) == facts
