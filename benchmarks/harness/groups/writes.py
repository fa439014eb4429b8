"""Durable creates: on SQLite with and without group commits, on PostgreSQL compared with pgbench
and the same statements."""

import json
import os
import shutil
from functools import partial
from pathlib import Path

from .. import Failure
from ..bench import Bench, median, most
from ..chart import bars
from ..pgbench import Script, statements_of, store_customers
from ..report import Claim, Section, milliseconds, rate, table

STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
GROUPED, ALONE = "addressbook", "a transaction each"
SQLITE = {GROUPED: [], ALONE: ["--sqlite-group-commits", "1"]}
WAL_BOUND_MIB = 256
COPY = "addressbook_writes"
# The same body as in wrk.lua.
BODY = json.dumps({
    "description": "Summer house by the lake", "region": "Île-de-France", "city": "Paris",
    "country": "FR", "custom_data": {"landmark": "gate blue bell porter garden", "floor": "3"},
})


def run(bench: Bench) -> dict:
    data, cells = bench.data(), {}
    for name, arguments in SQLITE.items():
        copy = bench.place / f"{name.replace(' ', '-')}.db"
        shutil.copyfile(data.sqlite(), copy)
        server = bench.ours(f"sqlite://{copy}", *arguments)
        for clients in (1, 64):
            cells["sqlite", name, clients] = partial(
                creating, bench, server, clients, Path(f"{copy}-wal"))
    # Like the CHECKPOINT below: the copies must not be written to disk during the measurement.
    os.sync()

    data.postgres(cluster := bench.cluster(data))
    remove_copy = f"DROP DATABASE IF EXISTS {COPY}"
    cluster.psql("postgres", remove_copy, f"CREATE DATABASE {COPY} TEMPLATE addressbook",
                 "CHECKPOINT")
    sql, script = creating_script(bench, cluster)
    server = bench.ours(cluster.url(COPY))
    cells["postgres", "addressbook", 64] = partial(
        bench.load, server, "create", data.keys(), 64)
    cells["postgres", "pgbench", 64] = lambda: {"rate": script.run(64, bench.options)}
    measured = bench.interleave(cells)
    server.stop()
    cluster.psql("postgres", remove_copy)
    return {"cells": measured, "sql": sql}


def creating(bench: Bench, server, clients: int, wal: Path) -> dict:
    """Loads the service with creates. Also returns the maximum size of the WAL."""
    with most(lambda: wal.stat().st_size / 2**20 if wal.exists() else 0) as wal_mib:
        figures = bench.load(server, "create", bench.data().keys(), clients)
    return {**figures, "wal_mib": wal_mib()}


def create(server, customer: str) -> str:
    status, _, body = server.get(
        f"/v1/customers/{customer}/addresses", {"Content-Type": "application/json"}, "POST",
        BODY.encode(),
    )
    if status != 201:
        raise Failure(f"a create returned {status}: {body[:300]!r}")
    return json.loads(body)["id"]


def creating_script(bench: Bench, cluster) -> tuple:
    """The statements that the service sends for a create, and pgbench's script of them."""
    data = bench.data()
    customer, created = data.customers[0], []
    statements = statements_of(
        cluster, COPY, lambda: bench.ours(cluster.url(COPY)),
        lambda server: created.append(create(server, customer)),
    )
    store_customers(cluster, COPY, data, bench.place)
    parameters = {customer: "c", created[-1]: "a"}
    file = bench.place / "create.pgbench"
    # Few customers, because each takes several statements.
    script = Script(cluster, COPY, statements, parameters, 5, file)
    return [sql for sql, _ in statements], script


def tell(raw: dict) -> Section:
    def of(figure, *labels):
        return median(raw["cells"], figure, *labels)

    labels = list(dict.fromkeys(tuple(cell["labels"]) for cell in raw["cells"]))
    rows = [
        [STORES[store], who, clients, rate(of("rate", store, who, clients)),
         milliseconds(of("p99_ms", store, who, clients))]
        for store, who, clients in labels
    ]
    times, single = (
        of("rate", "sqlite", GROUPED, clients) / of("rate", "sqlite", ALONE, clients)
        for clients in (64, 1)
    )
    p99 = of("p99_ms", "sqlite", GROUPED, 64)
    wal_mib = max(cell.get("wal_mib", 0) for cell in raw["cells"] if cell["labels"][1] == GROUPED)
    share = of("rate", "postgres", "addressbook", 64) / of("rate", "postgres", "pgbench", 64)
    statements = "\n".join(f"{sql};" for sql in raw["sql"])
    text = table(["store", "", "clients", "creates/s", "p99"], rows)
    text += (
        "\nThe statements of a create on PostgreSQL, as the server logged them:\n\n"
        f"```sql\n{statements}\n```\n"
    )
    return Section("Durable creates", text, [
        Claim("SQLite, 64 clients: at least 3.5 times a transaction each", f"{times:.1f}",
              times >= 3.5),
        Claim("SQLite, one client: not slower than a transaction each", f"{single:.2f} times",
              single >= 0.95), # as good as equal
        Claim("SQLite, 64 clients: p99 under 15 ms", milliseconds(p99), p99 < 15),
        Claim(f"SQLite: the WAL stays below {WAL_BOUND_MIB} MiB",
              f"{wal_mib:.0f} MiB", wal_mib < WAL_BOUND_MIB),
        Claim("PostgreSQL, 64 clients: at least 80 % of pgbench's rate for the same statements",
              f"{share:.0%}", share >= 0.8),
    ], {"writes": bars(
        "Durable creates, 64 clients", "creates per second",
        [(f"{STORES[store]}: {who}", of("rate", store, who, clients))
         for store, who, clients in labels if clients == 64], f"SQLite: {GROUPED}")})
