"""Makes a page and charts of what was measured."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

HEAD = """---
sidebar_position: 1
title: Benchmarks
---

# Benchmarks

Written by `./scripts/benchmark`; the figures of every round are in [results](results). Who is
compared here, how each is tuned, and what the figures do not say: `benchmarks/README.md` in the
repository tells it. All figures are medians of the rounds; in a round every contender is measured
once, one after another. Server and load share the machine.
"""


class Claim(NamedTuple):
    """What must be true, what was measured, and whether it holds."""

    must: str
    measured: str
    holds: bool


@dataclass
class Section:
    """What one group has to tell: Markdown, claims, charts by their file's name."""

    title: str
    text: str
    claims: list
    charts: dict = field(default_factory=dict)


def table(heads: list, rows: list) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"


def write(folder: Path, groups: dict) -> str:
    """Makes the folder's page of the results that are there; gives the table of claims."""
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
        sections.append(
            f"## {section.title}\n\n{images}{section.text}\n"
            f"`./scripts/benchmark {name}` at commit {about['commit']}, {about['date']}, with "
            f"{about['addresses']:,} addresses; rounds: {about['rounds']}, of {about['seconds']} s "
            "a measurement.\n"
        )
        claims += section.claims
    if not raw:
        return "there are no results yet\n"
    rows = [[claim.must, claim.measured, "yes" if claim.holds else "**no**"] for claim in claims]
    told = table(["what must be true", "measured", "holds"], rows)
    machine = table(["", ""], raw["about"]["machine"].items())
    (folder / "README.md").write_text("\n".join([
        HEAD, "## What must be true\n", told, *sections, "## Machine and versions\n", machine,
    ]))
    return told
