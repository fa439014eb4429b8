"""Ten times the data compared with the data, in one run."""

from functools import partial

from ..bench import Bench, median
from ..report import Claim, Section, milliseconds, rate, table

FACTORS = (1, 10)


def run(bench: Bench) -> dict:
    cells = {}
    for factor in FACTORS:
        data = bench.data(factor)
        server = bench.ours(bench.database("sqlite", data))
        # The same number for both: wrk's first thread starts while its second still reads them, and
        # its requests count.
        customers = data.customers[:len(bench.data().customers)]
        keys = bench.keys(f"{factor} times", customers)
        cells[data.addresses,] = partial(bench.load, server, "list", keys, 32)
    return {"cells": bench.interleave(cells)}


def tell(raw: dict) -> Section:
    cells = raw["cells"]
    counts = sorted({cell["labels"][0] for cell in cells})
    rows = [[f"{count:,}", rate(median(cells, "rate", count)),
             milliseconds(median(cells, "p99_ms", count))] for count in counts]
    few, many = (median(cells, "rate", count) for count in counts)
    return Section(
        "Ten times the data, SQLite",
        table(["addresses", "32 connections, req/s", "p99"], rows),
        [Claim("SQLite: with ten times the data at least 80 % of the rate", f"{many / few:.0%}",
               many / few >= 0.8)],
    )
