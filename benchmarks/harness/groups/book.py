"""One book of 200,000 addresses: what a page, a cursor, an offset and a create cost in it."""

import re
import shutil
from functools import partial

from .. import wrk
from ..bench import Bench, median
from ..data import BOOK
from ..report import Claim, Section, table
from .writes import create

STORES = {"sqlite": ("SQLite", 5), "postgres": ("PostgreSQL", 10)}
PATH = f"/v1/customers/{BOOK}/addresses"


def run(bench: Bench) -> dict:
    data, cells = bench.data(), {}
    small = data.customers[0]
    for store in STORES:
        server = bench.ours(bench.database(store, data))
        paths = {
            "first page": f"{PATH}?limit=10",
            "first page by cursor": f"{PATH}?limit=10&after=",
            "last page by cursor": f"{PATH}?limit=10&after={last_cursor(server)}",
            "deep offset": f"{PATH}?limit=10&offset={data.book_addresses // 2}",
            "first page of a small book": f"/v1/customers/{small}/addresses?limit=10",
        }
        for name, path in paths.items():
            keys = bench.keys(f"{store} {name}", [path])
            cells[store, name] = partial(one_by_one, bench, server, "path", keys)
    # Creates change the book, so they use a copy.
    copy = bench.place / "book.db"
    shutil.copyfile(data.sqlite(), copy)
    server = bench.ours(f"sqlite://{copy}", "--max-addresses", "1000000")
    for name, customer in (("create in the book", BOOK), ("create in a small book", small)):
        create(server, customer)
        cells["sqlite", name] = partial(
            one_by_one, bench, server, "create", bench.keys(name, [customer]))
    return {"cells": bench.interleave(cells), "addresses": data.book_addresses}


def one_by_one(bench: Bench, server, shape: str, keys) -> dict:
    """The time of one request without other load, in milliseconds. It varies less than a rate under
    load, so half the time is enough."""
    seconds = max(1, bench.options.seconds // 2)
    return {"ms": 1000 / wrk.load(server, shape, keys, 1, seconds)["rate"]}


def last_cursor(server) -> str:
    """The cursor of the last page with addresses, found by following `next`. A full page always has
    a next one, which may be empty."""
    path, cursors = f"{PATH}?limit=200&after=", []
    while found := re.search(r'after=([^&>]+)[^>]*>; rel="next"', server.get(path)[1]["link"]):
        cursors.append(found[1])
        path = f"{PATH}?limit=200&after={found[1]}"
    return cursors[-2]


def tell(raw: dict) -> Section:
    def of(*labels):
        return median(raw["cells"], "ms", *labels)

    rows, claims = [], []
    for name in dict.fromkeys(cell["labels"][1] for cell in raw["cells"]):
        costs = [of(store, name) for store in STORES]
        rows.append([name, *(f"{cost:.3f} ms" if cost else "" for cost in costs)])
    for store, (title, bound_ms) in STORES.items():
        cursor = of(store, "last page by cursor") / of(store, "first page")
        offset = of(store, "deep offset")
        size = of(store, "first page") / of(store, "first page of a small book")
        claims += [
            Claim(f"{title}: a cursor page at the end at most 1.3 times the first page",
                  f"{cursor:.2f}", cursor <= 1.3),
            Claim(f"{title}: offset {raw['addresses'] // 2:,} at most {bound_ms} ms",
                  f"{offset:.2f} ms", offset <= bound_ms),
            Claim(f"{title}: the first page, with its total, at most 1.3 times a small book's",
                  f"{size:.2f}", size <= 1.3),
        ]
    limit = of("sqlite", "create in the book") / of("sqlite", "create in a small book")
    claims.append(Claim("SQLite: a create, which checks the limit, at most 1.3 times a small "
                        "book's", f"{limit:.2f}", limit <= 1.3))
    text = table(["one request at a time", "SQLite", "PostgreSQL"], rows)
    return Section(f"A book of {raw['addresses']:,} addresses", text, claims)
