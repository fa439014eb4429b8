"""The data: the same for everyone and in every run, loaded once and stored below target/."""

import hashlib
import inspect
import random
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from . import Failure, programs
from .server import anonymous_mib

CUSTOMERS = 100_000
ADDRESSES_EACH = 10
BOOK_ADDRESSES = 200_000
BOOK = "cus_01hf7y00000000000000000000"

_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_T0_MS = 1_700_000_000_000
_PLACES = [
    ("Kigali", "Kigali", "RW"), ("New York", "New York City", "US"),
    ("Île-de-France", "Paris", "FR"), ("Bavaria", "München", "DE"),
    ("Nairobi County", "Nairobi", "KE"), ("São Paulo", "São Paulo", "BR"),
]
_NAMES = ["Home Address", "Office Address", "Summer house by the lake"]
_WORDS = "gate blue floor landmark bell porter garden office near station market second".split()


def _ulid(chance: random.Random, unix_ms: int) -> str:
    value = unix_ms << 80 | chance.getrandbits(80)
    return "".join(_BASE32[value >> shift & 31] for shift in range(125, -1, -5))


def _iso(unix_ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=unix_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(chance: random.Random, customer: str, unix_ms: int) -> str:
    region, city, country = chance.choice(_PLACES)
    custom_data = '{"landmark":"%s","floor":"%d"}' % (
        " ".join(chance.choices(_WORDS, k=5)), chance.randrange(30),
    )
    return (
        f'{{"id":"add_{_ulid(chance, unix_ms)}","customer_id":"{customer}",'
        f'"description":"{chance.choice(_NAMES)}","region":"{region}","city":"{city}",'
        f'"country":"{country}","custom_data":{custom_data},'
        f'"created_at":"{_iso(unix_ms)}","updated_at":"{_iso(unix_ms + 5000)}"}}\n'
    )


def _lines(customers: list):
    """Ten addresses of each customer, in random order of the customers, as in real use."""
    chance = random.Random(8)
    everyone, unix_ms = customers.copy(), _T0_MS
    for _ in range(ADDRESSES_EACH):
        chance.shuffle(everyone)
        for customer in everyone:
            unix_ms += 50
            yield _line(chance, customer, unix_ms)


def _book_lines(count: int):
    """The addresses of one large book."""
    chance = random.Random(9)
    for n in range(count):
        yield _line(chance, BOOK, _T0_MS + n * 100)


def import_file(file: Path, url: str) -> dict:
    """Imports a file with the service's own import. Returns the maximum of its memory, without
    mapped parts of files."""
    process = subprocess.Popen(
        [programs.addressbook(), "import", "--log", "warn", "--database-url", url,
         "--max-addresses", "1000000", file],
        stdout=subprocess.DEVNULL,
    )
    peak_mib = 0.0
    while process.poll() is None:
        peak_mib = max(peak_mib, anonymous_mib(process.pid))
        time.sleep(0.05)
    if process.returncode != 0:
        raise Failure(f"the import into {url} failed")
    return {"peak_mib": peak_mib}


class Data:
    """Some data, and the databases that contain it."""

    def __init__(self, parent: Path, scale: float):
        # Another generator or schema makes other data.
        made_by = [inspect.getsource(inspect.getmodule(Data))]
        made_by += [p.read_text() for p in sorted(Path("crates/adapters/migrations").rglob("*.sql"))]
        digest = hashlib.sha256("".join(made_by).encode()).hexdigest()[:8]
        self.book_addresses = max(400, round(BOOK_ADDRESSES * min(scale, 1)))
        self.folder = parent / f"{scale:g}-{digest}"
        self.folder.mkdir(parents=True, exist_ok=True)
        chance = random.Random(7)
        count = max(20, round(CUSTOMERS * scale))
        self.customers = ["cus_" + _ulid(chance, _T0_MS + n) for n in range(count)]
        chance.shuffle(self.customers) # so that the first n are random ones
        self.addresses = ADDRESSES_EACH * count

    def keys(self) -> Path:
        """A file of the customers with ten addresses, for wrk."""
        return self._made("customers.txt", lambda path: path.write_text(
            "".join(f"{customer}\n" for customer in self.customers)))

    def ndjson(self) -> Path:
        """The customers' addresses as a file to import."""
        return self._written("addresses.ndjson", _lines(self.customers))

    def book_ndjson(self) -> Path:
        """The addresses of the large book."""
        return self._written("book.ndjson", _book_lines(self.book_addresses))

    def sqlite(self) -> Path:
        """Our database in SQLite, as imports leave it."""

        def load(path):
            for file in (self.ndjson(), self.book_ndjson()):
                import_file(file, f"sqlite://{path}")
            _settle(path)

        return self._made("addressbook.db", load)

    def plain_sqlite(self) -> Path:
        """The same addresses as a developer of one endpoint would store them: a rowid table in
        the order of arrival, an index for the query, times as text."""

        def copy(path):
            with sqlite3.connect(path) as db:
                db.execute("ATTACH ? AS ours", [str(self.sqlite())])
                db.execute(
                    """CREATE TABLE addresses (
                           id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, description TEXT,
                           region TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL,
                           custom_data TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL)"""
                )
                iso = "strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000, 'unixepoch')" \
                    " || printf('.%03dZ', {0} % 1000)"
                db.execute(
                    f"""INSERT INTO addresses
                        SELECT id, customer_id, description, region, city, country, custom_data,
                               {iso.format("created_at")}, {iso.format("updated_at")}
                        FROM ours.addresses WHERE customer_id <> ? ORDER BY created_at""",
                    [BOOK],
                )
                db.execute("CREATE INDEX addresses_by_customer ON addresses (customer_id, id)")
            _settle(path)

        return self._made("plain.db", copy)

    def postgres(self, cluster) -> str:
        """The URL of our database in PostgreSQL, as imports and a VACUUM leave it."""

        def load(path):
            cluster.psql("postgres", "DROP DATABASE IF EXISTS addressbook", "CREATE DATABASE addressbook")
            for file in (self.ndjson(), self.book_ndjson()):
                import_file(file, cluster.url("addressbook"))
            cluster.psql("addressbook", "VACUUM (ANALYZE)", "CHECKPOINT")
            path.touch()

        self._made("postgres.loaded", load)
        return cluster.url("addressbook")

    def plain_postgres(self, cluster) -> str:
        """The name of a database as a developer of one endpoint would create it."""

        def copy(path):
            self.postgres(cluster)
            cluster.psql("postgres", "DROP DATABASE IF EXISTS plain", "CREATE DATABASE plain")
            cluster.psql(
                "plain",
                """CREATE TABLE addresses (
                       id text PRIMARY KEY, customer_id text NOT NULL, description text,
                       region text NOT NULL, city text NOT NULL, country text NOT NULL,
                       custom_data jsonb, created_at timestamptz NOT NULL,
                       updated_at timestamptz NOT NULL)""",
            )
            moment = "to_timestamp(0) + {0} * interval '1 millisecond'"
            cluster.pipe(
                "addressbook",
                f"""COPY (SELECT id, customer_id, description, region, city, country, custom_data,
                                 {moment.format("created_at")}, {moment.format("updated_at")}
                          FROM addresses WHERE customer_id <> '{BOOK}' ORDER BY created_at)
                    TO STDOUT""",
                "plain", "COPY addresses FROM STDIN",
            )
            cluster.psql(
                "plain", "CREATE INDEX addresses_by_customer ON addresses (customer_id, id)",
                "VACUUM (ANALYZE)", "CHECKPOINT",
            )
            path.touch()

        self._made("plain-postgres.loaded", copy)
        return "plain"

    def _written(self, name: str, lines) -> Path:
        def write(path):
            with open(path, "w") as file:
                file.writelines(lines)

        return self._made(name, write)

    def _made(self, name: str, make) -> Path:
        """The path of a file, which is created completely or not at all."""
        path = self.folder / name
        if not path.exists():
            print(f"  making {self.folder.name}/{name}", file=sys.stderr, flush=True)
            for rest in self.folder.glob(f"new-{name}*"):
                rest.unlink()
            new = self.folder / f"new-{name}"
            make(new)
            new.rename(path)
        return path


def _settle(path: Path) -> None:
    """Empties the WAL, because its name would not match the database after a renaming."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
