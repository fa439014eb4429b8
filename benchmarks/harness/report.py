"""Writes a page and charts of the results."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEAD = """---
sidebar_position: 1
title: Benchmarks
---

# Benchmarks

`./scripts/benchmark` writes this page. The figures of every round are in [results](results). All
figures are medians of the rounds. A round measures every contender once, one after another. Server
and load generator share the machine. `benchmarks/README.md` in the repository describes what is
compared, how each contender is tuned, and what the figures do not show.
"""


class Claim(NamedTuple):
    """A requirement, what was measured, and whether the requirement is met."""

    must: str
    measured: str
    holds: bool


@dataclass
class Section:
    """The results of one group: Markdown, claims, and charts by file name."""

    title: str
    text: str
    claims: list
    charts: dict = field(default_factory=dict)
    is_timed: bool = True


def table(heads: list, rows: list) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"


def write(folder: Path, groups: dict) -> str:
    """Writes the folder's page from the existing results. Returns the table of claims."""
    claims, sections, raw = [], [], {}
    for name, group in groups.items():
        path = folder / "results" / f"{name}.json"
        if not path.exists():
            continue
        raw = json.loads(path.read_text())
        section = group.tell(raw["measured"])
        images = ""
        for chart, svg in section.charts.items():
            (folder / f"{chart}.svg").write_text(svg)
            images += f"![{section.title}]({chart}.svg)\n\n"
        about = raw["about"]
        rounds = f"; rounds: {about['rounds']}, {about['seconds']} s per measurement"
        sections.append(
            f"## {section.title}\n\n{images}{section.text}\n"
            f"`./scripts/benchmark {name}` at commit {about['commit']}, {about['date']}, with "
            f"{about['addresses']:,} addresses{rounds if section.is_timed else ''}.\n"
        )
        claims += section.claims
    if not raw:
        return "there are no results yet\n"
    rows = [[claim.must, claim.measured, "yes" if claim.holds else "**no**"] for claim in claims]
    requirements = table(["requirement", "measured", "met"], rows)
    machine = table(["", ""], raw["about"]["machine"].items())
    (folder / "README.md").write_text("\n".join([
        HEAD, "## Requirements\n", requirements, *sections, "## Machine and versions\n", machine,
    ]))
    return requirements
