"""Pages of ten from PostgreSQL: ours, pgbench with our statement, Fastify and FastAPI."""

from functools import partial

from .. import Failure
from ..bench import Bench, median
from ..chart import bars
from ..contenders import fastapi, fastify, must_agree
from ..pgbench import Script, statements_of, store_customers
from ..report import Claim, Section, milliseconds, rate, table

OURS, PGBENCH, FASTIFY, FASTAPI = "addressbook", "pgbench", "Fastify + pg", "FastAPI + asyncpg"
ALL = [PGBENCH, OURS, FASTIFY, FASTAPI]
CONNECTIONS = (2, 32, 128)
CUSTOMERS = 20 # per run of pgbench's script


def run(bench: Bench) -> dict:
    data = bench.data()
    database = bench.database("postgres", data)
    cluster = bench.cluster(data)
    plain = data.plain_postgres(cluster)
    sql, script = listing_script(bench, database)
    ours = bench.ours(database)
    node, variant = fastify(bench, "postgres", cluster.url(plain, "postgresql"))
    python = fastapi(bench, "postgres", cluster.url(plain, "postgresql+asyncpg"))
    must_agree(bench, [ours, node, python])

    def pgbench(clients):
        # The fetch of the customers counts as one more listing.
        return {"rate": script.run(clients, bench.options) * (CUSTOMERS + 1) / CUSTOMERS}

    cells = {}
    for n in CONNECTIONS:
        cells[PGBENCH, n] = partial(pgbench, n)
        for server in (ours, node, python):
            cells[server.name, n] = partial(bench.load, server, "list", data.keys(), n)
    return {"cells": bench.interleave(cells), "fastify": variant, "sql": sql}


def listing_script(bench: Bench, database: str) -> tuple:
    """The statement that the service sends for a page, and pgbench's script of it."""
    data = bench.data()
    cluster, customer = bench.cluster(data), data.customers[0]
    statements = statements_of(
        cluster, "addressbook", lambda: bench.ours(database), lambda server: server.page(customer)
    )
    if len(statements) != 1:
        raise Failure(f"expected one statement for a page, got {statements}")
    store_customers(cluster, "addressbook", data, bench.place)
    file = bench.place / "listing.pgbench"
    script = Script(cluster, "addressbook", statements, {customer: "c"}, CUSTOMERS, file)
    return statements[0][0], script


def tell(raw: dict) -> Section:
    def of(figure, who, connections=32):
        return median(raw["cells"], figure, who, connections)

    rows = [
        [who, *(text for n in CONNECTIONS for text in (
            rate(of("rate", who, n)), milliseconds(of("p99_ms", who, n))))]
        for who in ALL
    ]
    share = of("rate", OURS) / of("rate", PGBENCH)
    times = of("rate", OURS) / of("rate", FASTIFY)
    p99, p99_128 = of("p99_ms", OURS), of("p99_ms", OURS, 128)
    kept = of("rate", OURS, 128) / of("rate", OURS)
    heads = [text for n in CONNECTIONS for text in (f"{n} connections, req/s", "p99")]
    text = table(["", *heads], rows)
    text += (
        f"\nFastify ran as {raw['fastify']}. The statement, as the server logged it:\n\n"
        f"```sql\n{raw['sql']}\n```\n"
    )
    return Section("Listing on PostgreSQL", text, [
        Claim("PostgreSQL: at least 90 % of pgbench's rate for the same statement at 32 clients",
              f"{share:.0%}", share >= 0.9),
        Claim("PostgreSQL: at least 2.5 times Fastify + pg", f"{times:.1f}", times >= 2.5),
        Claim("PostgreSQL: p99 at 32 connections under 6 ms", milliseconds(p99), p99 < 6),
        # With four times the clients, each may wait four times as long.
        Claim("PostgreSQL: at 128 connections, at least 80 % of the rate at 32, and at most four "
              "times its p99", f"{kept:.0%}, {milliseconds(p99_128)}",
              kept >= 0.8 and p99_128 <= p99 * 128 / 32),
    ], {"listing-postgres": bars(
        "A page of ten addresses from PostgreSQL, 32 connections", "requests per second",
        [(who, of("rate", who)) for who in ALL], OURS)})
