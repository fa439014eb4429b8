"""Imports, compared with the sqlite3 shell (same rows, one transaction) and with COPY."""

import itertools
import sqlite3
import time
from pathlib import Path

from .. import programs
from ..bench import Bench, median
from ..data import import_file
from ..programs import run as run_program
from ..report import Claim, Section, rate, table

TABLES = ["address_books", "addresses", "address_book_parts"]
STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
OURS, SHELL, COPY = "addressbook import", "sqlite3 shell", "COPY"
TIMEOUT_S = 1800


def run(bench: Bench) -> dict:
    data = bench.data()
    cluster, whole = bench.cluster(data), data.ndjson()
    tenth = bench.place / "tenth.ndjson"
    with open(whole) as file, open(tenth, "w") as some:
        some.writelines(itertools.islice(file, data.addresses // 10))
    tenth_peak_mib = import_file(tenth, f"sqlite://{bench.place / 'tenth.db'}")["peak_mib"]

    # The others insert the rows that our first imports leave.
    inserts = bench.place / "inserts.sql"
    rows = {name: bench.place / f"{name}.copy" for name in TABLES}

    def sqlite_ours():
        database = fresh(bench, "import.db")
        figures = timed(data.addresses, lambda: import_file(whole, f"sqlite://{database}"))
        if not inserts.exists():
            write_inserts(database, inserts)
        return figures

    def sqlite_shell():
        database = fresh(bench, "shell.db")
        migrate(f"sqlite://{database}")
        command = [programs.debian("sqlite3"), "-bail", database]
        with open(inserts) as script:
            return timed(data.addresses, lambda: run_program(command, TIMEOUT_S, stdin=script))

    def empty(database):
        cluster.psql("postgres", f"DROP DATABASE IF EXISTS {database}",
                     f"CREATE DATABASE {database}")
        migrate(cluster.url(database))
        cluster.psql("postgres", "CHECKPOINT")

    def postgres_ours():
        empty("imported")
        figures = timed(data.addresses, lambda: import_file(whole, cluster.url("imported")))
        for name, path in rows.items():
            if not path.exists():
                cluster.psql("imported", f"\\copy {name} TO '{path}'")
        return figures

    def postgres_copy():
        empty("copied")
        copies = [f"\\copy {name} FROM '{path}'" for name, path in rows.items()]
        return timed(data.addresses, lambda: cluster.psql("copied", *copies))

    measured = bench.interleave({
        ("sqlite", OURS): sqlite_ours, ("sqlite", SHELL): sqlite_shell,
        ("postgres", OURS): postgres_ours, ("postgres", COPY): postgres_copy,
    })
    cluster.psql("postgres", "DROP DATABASE imported", "DROP DATABASE copied")
    return {"cells": measured, "lines": data.addresses, "tenth_peak_mib": tenth_peak_mib}


def timed(lines: int, work) -> dict:
    """Lines per second, and the figures that the work returns."""
    started = time.perf_counter()
    figures = work()
    taken_s = time.perf_counter() - started
    return {"rate": lines / taken_s, **(figures if isinstance(figures, dict) else {})}


def fresh(bench: Bench, name: str) -> Path:
    for path in bench.place.glob(f"{name}*"):
        path.unlink()
    return bench.place / name


def migrate(url: str) -> None:
    run_program([programs.addressbook(), "migrate", "--database-url", url], 60)


def write_inserts(database: Path, to: Path) -> None:
    """Writes all rows as statements in one transaction, in the order of their arrival. The database
    is like the service's: with WAL, durable."""
    with sqlite3.connect(database) as db, open(to, "w") as file:
        file.write("PRAGMA journal_mode = WAL;\nPRAGMA synchronous = FULL;\nBEGIN;\n")
        for name in TABLES:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
            values = " || ',' || ".join(f"quote({column})" for column in columns)
            order = "created_at" if "created_at" in columns else "customer_id"
            for (row,) in db.execute(f"SELECT {values} FROM {name} ORDER BY {order}"):
                file.write(f"INSERT INTO {name} VALUES({row});\n")
        file.write("COMMIT;\n")
    db.close()


def tell(raw: dict) -> Section:
    def of(figure, *labels):
        return median(raw["cells"], figure, *labels)

    rows = []
    for store, who in dict.fromkeys(tuple(cell["labels"]) for cell in raw["cells"]):
        peak = of("peak_mib", store, who)
        rows.append([STORES[store], who, rate(of("rate", store, who)),
                     f"{peak:.0f} MiB" if peak else ""])
    shell = of("rate", "sqlite", OURS) / of("rate", "sqlite", SHELL)
    copy = of("rate", "postgres", OURS) / of("rate", "postgres", COPY)
    peak, tenth = of("peak_mib", "sqlite", OURS), raw["tenth_peak_mib"]
    text = f"{raw['lines']:,} lines of NDJSON.\n\n"
    text += table(["store", "", "lines/s", "maximum of anonymous memory"], rows)
    return Section("Import", text, [
        Claim("SQLite: an import at least 50 % of the sqlite3 shell's rate for the same rows",
              f"{shell:.0%}", shell >= 0.5),
        Claim("PostgreSQL: an import at least 30 % of COPY's rate for the same rows",
              f"{copy:.0%}", copy >= 0.3),
        Claim("an import's memory is constant: at most 1.25 times that of a tenth of the lines",
              f"{peak:.0f} MiB, a tenth {tenth:.0f} MiB", peak <= 1.25 * tenth),
    ])
