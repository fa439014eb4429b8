"""What is compared, and how each contender is started and tuned. benchmarks/README.md says why."""

import os
from pathlib import Path

from . import Failure, programs, wrk
from .bench import Bench, say
from .server import Server

CORES = os.cpu_count()
# Processes, and connections in total.
FASTIFY_VARIANTS = {
    "sqlite": [(1, 0), (CORES, 0)],
    "postgres": [(1, 8), (CORES, 8), (CORES, 16), (CORES, 32)],
}
FASTIFY_TRIAL_S = 2


def fixed_body(bench: Bench, reference: Server) -> Server:
    """The ceiling: a program that sends one body, of the mean length of the service's pages."""
    lengths = [
        len(reference.get(f"/v1/customers/{customer}/addresses?limit=10")[2])
        for customer in bench.data().customers[:20]
    ]
    length = round(sum(lengths) / len(lengths))
    return bench.server("fixed body", [programs.fixed_body(), "{port}", length])


def fastify(bench: Bench, store: str, database: str) -> tuple:
    """Fastify with the number of processes and connections that is best on this machine, by a
    short trial of each variant. Returns the server and a description of its variant."""
    name = {"sqlite": "Fastify + better-sqlite3", "postgres": "Fastify + pg"}[store]

    def started(processes, pool):
        return bench.server(
            name,
            ["node", programs.fastify() / f"{store}.mjs"],
            {"NODE_ENV": "production", "PORT": "{port}", "DATABASE": database,
             "PROCESSES": processes, "POOL": pool},
        )

    rates = {}
    for variant in FASTIFY_VARIANTS[store]:
        server = started(*variant)
        seconds = min(FASTIFY_TRIAL_S, bench.options.seconds)
        rates[variant] = wrk.load(server, "list", bench.data().keys(), 32, seconds)["rate"]
        server.stop()
    best = max(rates, key=rates.get)
    in_words = "one process" if best[0] == 1 else f"{best[0]} processes"
    in_words += f", {best[1]} connections in all" if best[1] else ""
    say(f"  {name}: {in_words}, the best of {rates}")
    return started(*best), in_words


def fastapi(bench: Bench, store: str, database: str) -> Server:
    return bench.server(
        {"sqlite": "FastAPI + SQLAlchemy", "postgres": "FastAPI + asyncpg"}[store],
        [programs.fastapi() / "bin" / "uvicorn", "endpoint:app",
         "--app-dir", Path("benchmarks/fastapi"), "--host", "127.0.0.1", "--port", "{port}",
         "--workers", CORES, "--loop", "uvloop", "--http", "httptools",
         "--no-access-log", "--log-level", "warning"],
        {"DATABASE": database},
    )


def must_agree(bench: Bench, servers: list) -> None:
    """Fails unless all servers return the same pages, and the requested ones."""
    for customer in bench.data().customers[:20]:
        pages = [server.page(customer) for server in servers]
        for server, page in zip(servers, pages):
            if page != pages[0]:
                raise Failure(f"{server.name} returned {page}, but {servers[0].name} {pages[0]}")
        total, content = pages[0]
        ids = [address["id"] for address in content["addresses"]]
        if total != 10 or len(ids) != 10 or ids != sorted(set(ids)):
            raise Failure(f"{servers[0].name}: expected ten addresses by id, got {pages[0]}")
