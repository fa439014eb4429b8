"""A matching If-None-Match, compared with the page that it saves, on both stores."""

from functools import partial

from .. import Failure
from ..bench import Bench, median
from ..report import Claim, Section, rate, table

CUSTOMERS = 2_000
STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def run(bench: Bench) -> dict:
    data, cells = bench.data(), {}
    customers = data.customers[:CUSTOMERS]
    for store in STORES:
        server = bench.ours(bench.database(store, data))
        tags = {}
        for customer in customers:
            path = f"/v1/customers/{customer}/addresses?limit=10"
            tags[customer] = server.get(path)[1]["etag"]
        status, _, body = server.get(path, {"If-None-Match": tags[customer]})
        if (status, body) != (304, b""):
            raise Failure(f"{path} with {tags[customer]} returned {status}")
        pages = bench.keys(f"{store} pages", customers)
        held = bench.keys(f"{store} tags", ["\t".join(pair) for pair in tags.items()])
        cells[store, "200"] = partial(bench.load, server, "list", pages, 32)
        cells[store, "304"] = partial(bench.load, server, "list", held, 32)
    return {"cells": bench.interleave(cells)}


def tell(raw: dict) -> Section:
    rows, claims = [], []
    for store, name in STORES.items():
        page, held = (median(raw["cells"], "rate", store, answer) for answer in ("200", "304"))
        rows.append([name, rate(page), rate(held), f"{held / page:.2f}"])
        claims.append(Claim(f"{name}: a matching If-None-Match at least 1.3 times the page's rate",
                            f"{held / page:.2f}", held / page >= 1.3))
    text = table(["", "page (200), req/s", "not modified (304), req/s", "times"], rows)
    return Section(
        "If-None-Match", f"Of {CUSTOMERS:,} customers, at 32 connections.\n\n{text}", claims)
