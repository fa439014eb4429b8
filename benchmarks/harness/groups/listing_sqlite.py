"""Pages of ten from SQLite: ours, the ceiling, Fastify and FastAPI."""

from functools import partial

from ..bench import Bench, median
from ..chart import bars
from ..contenders import fastapi, fastify, fixed_body, must_agree
from ..report import Claim, Section, milliseconds, rate, table
from ..server import anonymous_mib

CEILING, OURS = "fixed body", "addressbook"
FASTIFY, FASTAPI = "Fastify + better-sqlite3", "FastAPI + SQLAlchemy"
ALL = [CEILING, OURS, FASTIFY, FASTAPI]
CONNECTIONS = (32, 128)


def run(bench: Bench) -> dict:
    data = bench.data()
    plain = data.plain_sqlite()
    ours = bench.ours(bench.database("sqlite", data))
    ceiling = fixed_body(bench, ours)
    node, variant = fastify(bench, "sqlite", str(plain))
    python = fastapi(bench, "sqlite", f"sqlite:///{plain}")
    must_agree(bench, [ours, node, python])
    cells = {
        (server.name, "uniform", n): partial(bench.load, server, "list", data.keys(), n)
        for n in CONNECTIONS
        for server in (ceiling, ours, node, python)
    }
    cells[OURS, "zipf", 32] = partial(bench.load, ours, "list", data.keys(), 32, "zipf")
    measured = bench.interleave(cells)
    return {
        "cells": measured,
        "anonymous_mib": anonymous_mib(ours.process.pid),
        "fastify": variant,
    }


def tell(raw: dict) -> Section:
    def of(figure, who, connections=32, choice="uniform"):
        return median(raw["cells"], figure, who, choice, connections)

    rows = [
        [who, *(text for n in CONNECTIONS for text in (
            rate(of("rate", who, n)), milliseconds(of("p99_ms", who, n))))]
        for who in ALL
    ]
    share = of("rate", OURS) / of("rate", CEILING)
    times = of("rate", OURS) / of("rate", FASTIFY)
    skewed = of("rate", OURS, choice="zipf") / of("rate", OURS)
    p99 = of("p99_ms", OURS)
    excess = of("p99_ms", OURS, 128) - of("p99_ms", CEILING, 128)
    text = table(["", "32 connections, req/s", "p99", "128 connections, req/s", "p99"], rows)
    text += (
        f"\nOn a skewed load (Zipf, exponent 1), 32 connections get {skewed:.2f} times the uniform "
        f"load's rate. Fastify ran as {raw['fastify']}.\n"
    )
    return Section("Listing on SQLite", text, [
        Claim("SQLite: at least 50 % of the fixed body's rate", f"{share:.0%}", share >= 0.5),
        Claim("SQLite: at least 3 times Fastify + better-sqlite3", f"{times:.1f}", times >= 3),
        Claim("SQLite: p99 at 32 connections under 5 ms", milliseconds(p99), p99 < 5),
        Claim("SQLite: p99 at 128 connections at most 5 ms above the fixed body's",
              f"{excess:+.1f} ms", excess <= 5),
        Claim("SQLite: anonymous memory under 48 MiB", f"{raw['anonymous_mib']:.0f} MiB",
              raw["anonymous_mib"] < 48),
    ], {"listing-sqlite": bars(
        "A page of ten addresses from SQLite, 32 connections", "requests per second",
        [(who, of("rate", who)) for who in ALL], OURS)})
