"""Pages of small books while slow requests run. Shows whether a slow query delays a worker's other
requests. The fixed body beside the same slow requests shows the effect of the lost processor time
alone."""

import random
from functools import partial

from .. import wrk
from ..bench import Bench, median
from ..contenders import fixed_body
from ..data import BOOK
from ..report import Claim, Section, milliseconds, rate, table

STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
SLOW_CONNECTIONS = 2
CEILING, OURS = "fixed body", "addressbook"


def run(bench: Bench) -> dict:
    data, cells = bench.data(), {}
    slow = slow_requests(bench, data.book_addresses)
    for store in STORES:
        ours = bench.ours(bench.database(store, data))
        ceiling = fixed_body(bench, ours)
        cells[store, OURS, "nothing"] = partial(bench.load, ours, "list", data.keys(), 32)
        for beside, keys in slow.items():
            for server in (ceiling, ours):
                cells[store, server.name, beside] = partial(
                    beside_slow, bench, server, data.keys(), ours, keys)
    return {"cells": bench.interleave(cells), "beside": ["nothing", *slow]}


def slow_requests(bench: Bench, addresses: int) -> dict:
    """Files of slow requests to the large book, by what makes them slow."""
    chance = random.Random(11)
    path = f"/v1/customers/{BOOK}/addresses?limit=10"
    offsets = [chance.randrange(addresses // 2, addresses) for _ in range(100)]
    words = ["paris", "kigali", "house", "nowhere"]
    return {
        "deep offsets": bench.keys("offsets", [f"{path}&offset={n}" for n in offsets]),
        "filters": bench.keys("filters", [f"{path}&q={word}" for word in words]),
    }


def beside_slow(bench: Bench, server, keys, ours, slow) -> dict:
    seconds = bench.options.warm_up_s + bench.options.seconds
    slow_figures = wrk.start(ours, "path", slow, SLOW_CONNECTIONS, seconds)
    figures = bench.load(server, "list", keys, 32)
    return {**figures, "slow_p50_ms": slow_figures()["p50_ms"]}


def tell(raw: dict) -> Section:
    rows, claims = [], []

    def of(figure, *labels):
        return median(raw["cells"], figure, *labels)

    for store, title in STORES.items():
        for beside in raw["beside"]:
            p99, floor = of("p99_ms", store, OURS, beside), of("p99_ms", store, CEILING, beside)
            rows.append([
                title, beside, milliseconds(of("slow_p50_ms", store, OURS, beside)),
                rate(of("rate", store, OURS, beside)), milliseconds(p99), milliseconds(floor),
            ])
            if floor is not None:
                claims.append(Claim(
                    f"{title}: beside {beside}, the pages' p99 at most 5 ms above the fixed body's",
                    f"{p99 - floor:+.1f} ms", p99 - floor <= 5))
    text = f"Pages at 32 connections; slow requests to the large book at {SLOW_CONNECTIONS}.\n\n"
    text += table(["store", "beside", "a slow request", "pages, req/s", "p99",
                   "the fixed body's p99"], rows)
    return Section("Slow requests beside fast ones", text, claims)
