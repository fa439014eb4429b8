"""The time from the start of the program to its first response, and the program's size."""

import statistics

from .. import programs
from ..bench import Bench, median
from ..report import Claim, Section, milliseconds, table

STARTS = 5
STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def run(bench: Bench) -> dict:
    data, cells = bench.data(), {}
    path = f"/v1/customers/{data.customers[0]}/addresses?limit=10"
    for store in STORES:
        server = bench.ours(bench.database(store, data))
        server.stop()

        def start(server=server):
            taken_ms = []
            for _ in range(STARTS):
                taken_ms.append(1000 * server.start(path))
                server.stop()
            return {"ms": statistics.median(taken_ms)}

        cells[store,] = start
    size = programs.addressbook().stat().st_size
    return {"cells": bench.interleave(cells), "program_mib": size / 2**20}


def tell(raw: dict) -> Section:
    taken_ms = {STORES[store]: median(raw["cells"], "ms", store) for store in STORES}
    size_mib = raw["program_mib"]
    text = table(["", "first response after"],
                 [[name, milliseconds(ms)] for name, ms in taken_ms.items()])
    text += f"\nThe stripped program is {size_mib:.1f} MiB.\n"
    claims = [
        Claim(f"{name}: first response within 50 ms of the start", milliseconds(ms), ms < 50)
        for name, ms in taken_ms.items()
    ]
    claims.append(Claim("the stripped program below 25 MiB", f"{size_mib:.1f} MiB", size_mib < 25))
    return Section("Start", text, claims)
