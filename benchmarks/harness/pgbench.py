"""pgbench with the service's own statements, which come from the server's log so that they cannot
drift."""

import os
import re
import statistics
import time
from pathlib import Path

from . import Failure
from .bench import Options
from .data import Data
from .postgres import Cluster
from .programs import run

# pgbench cannot choose a text at random. Therefore each run of a script first fetches a row of
# customers in one statement, and then does its work for each of them.
ROW, ROWS = 20, 5_000
# pgbench prepares each statement of a script for each client, so it needs a longer warm-up than the
# service.
WARM_UPS = 3


class Script:
    """The service's statements for one request, for several random customers per run."""

    def __init__(self, cluster: Cluster, database: str, statements: list, parameters: dict,
                 customers: int, file: Path):
        """`parameters` maps a logged value to the variable that replaces it: `c` is a customer, `a`
        a new address's id. Other values are sent as they were logged."""
        self.cluster, self.database, self.customers = cluster, database, customers
        self.file, self.constants = file, {}
        columns = ", ".join(
            f"c{n}, 'add_' || lpad(nextval('benchmark.ids')::text, 26, 'z') AS a{n}"
            if "a" in parameters.values() else f"c{n}"
            for n in range(customers)
        )
        script = [
            f"\\set n random(1, {ROWS})",
            f"SELECT {columns} FROM benchmark.customers WHERE n = :n \\gset",
        ]
        for n in range(customers):
            for sql, values in statements:
                for number in range(len(values), 0, -1): # $12 before $1
                    variable = self._variable(values[number - 1], parameters, n)
                    sql = sql.replace(f"${number}", variable)
                script.append(f"{sql};")
        file.write_text("\n".join(script) + "\n")
        for name in parameters.values():
            if f":{name}0" not in "\n".join(script):
                raise Failure(f"no parameter is {name}: {statements}")

    def _variable(self, value: str | None, parameters: dict, n: int) -> str:
        if value is None:
            return "NULL"
        if value in parameters:
            return f":{parameters[value]}{n}"
        return f":{self.constants.setdefault(value, f'constant{len(self.constants)}')}"

    def run(self, clients: int, options: Options) -> float:
        """Runs the script with prepared statements. Returns the customers per second after the
        warm-up. Each client prepares each statement separately, so it would plan most of the time
        in a short run. Therefore all use generic plans from the start."""
        warm_up_s = WARM_UPS * options.warm_up_s
        done = run(
            [*self.cluster.program("pgbench", self.database), "--no-vacuum",
             "--protocol=prepared", f"--client={clients}",
             f"--jobs={min(os.cpu_count(), clients)}", "--progress=1",
             f"--time={warm_up_s + options.seconds}", f"--file={self.file}",
             *(f"-D{name}={value}" for value, name in self.constants.items())],
            options.seconds + 120,
            env={**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"},
        )
        if (failed := re.search(r"failed transactions: (\d+)", done.stdout)) and int(failed[1]):
            raise Failure(f"pgbench failed:\n{done.stdout}{done.stderr}")
        seconds = re.findall(r"progress: .*? ([0-9.]+) tps", done.stderr)[warm_up_s:]
        return statistics.mean(map(float, seconds)) * self.customers


def store_customers(cluster: Cluster, database: str, data: Data, place: Path) -> None:
    """Stores random customers for scripts, in a separate schema."""
    rows = place / "customers.tsv"
    with open(rows, "w") as file:
        for n in range(ROWS):
            row = [data.customers[(n * ROW + i) % len(data.customers)] for i in range(ROW)]
            file.write("\t".join([str(n + 1), *row]) + "\n")
    columns = ", ".join(f"c{n} text" for n in range(ROW))
    cluster.psql(
        database,
        "DROP SCHEMA IF EXISTS benchmark CASCADE",
        "CREATE SCHEMA benchmark",
        f"CREATE TABLE benchmark.customers (n int PRIMARY KEY, {columns})",
        "CREATE SEQUENCE benchmark.ids",
        f"\\copy benchmark.customers FROM '{rows}'",
        "VACUUM (ANALYZE) benchmark.customers",
    )


def statements_of(cluster: Cluster, database: str, start_service, request) -> list:
    """The statements, with their values, that the service sends for one request."""
    cluster.psql("postgres", f"ALTER DATABASE {database} SET log_statement = 'all'")
    server = start_service()
    try:
        for _ in range(3): # so that every connection is open and has its statements prepared
            request(server)
        before = len(cluster.logged())
        request(server)
        time.sleep(0.2) # a COMMIT may return before it is logged
    finally:
        server.stop()
        cluster.psql("postgres", f"ALTER DATABASE {database} RESET log_statement")
    # A connection that is opened meanwhile sends SET statements.
    return [(sql, values) for sql, values in _parsed(cluster.logged()[before:])
            if not sql.upper().startswith("SET ")]


def _parsed(log: str) -> list:
    found = []
    for entry in log.split("@@ ")[1:]:
        entry = entry.strip()
        if match := re.match(r"LOG:  (?:statement|execute ([^:]*)): (.*)", entry, re.S):
            # A statement that was prepared by SQL is logged with all that was sent with it.
            prepared = re.search(rf"PREPARE {match[1]} AS (.*?);", match[2], re.S)
            sql = prepared[1] if prepared else match[2]
            found.append([re.sub(r"\s+", " ", sql).rstrip("; "), []])
        elif match := re.match(r"DETAIL:  [Pp]arameters: (.*)", entry, re.S):
            values = re.findall(r"\$\d+ = (?:'((?:[^']|'')*)'|(NULL))", match[1])
            found[-1][1] = [None if null else text.replace("''", "'") for text, null in values]
    return found
