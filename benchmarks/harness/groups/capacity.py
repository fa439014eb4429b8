"""What an address takes: bytes in both databases, and WAL in PostgreSQL. The rows are inserted by
SQL, in order of arrival, into the schema of the migrations."""

import json
import random
import sqlite3
from pathlib import Path

from ..bench import Bench
from ..postgres import Cluster
from ..report import Section, table

DATABASE = "addressbook_capacity"
PLACES = Path("crates/addressbook/src/demo/places.tsv")
# As in the demonstration data.
ADDRESSES = [1, 1, 1, 2, 2, 3, 5, 12]
NAMES = ["Home", "Office", None, "Parents", "Warehouse 2, loading ramp", "Summer house",
         "Bureau de la comptabilité", "自宅"]
PURPOSES = ["billing", "shipping"]
T0_MS = 1_700_000_000_000
CONTENT = "description, region, city, country, postal_details, custom_data, created_at, updated_at"
WHAT = {
    "address_books": "customer",
    "addresses": "address",
    "address_revisions": "past revision",
    "default_addresses": "default address",
    "idempotency_records": "idempotency record",
}
# In the order in which the tables are filled.
COLUMNS = {
    "address_books": "customer_id, addresses, revision, past_revisions",
    "addresses": f"customer_id, id, {CONTENT}, revision",
    "address_revisions": f"customer_id, id, revision, change, changed_at, {CONTENT}",
    "default_addresses": "customer_id, purpose, address_id",
    "idempotency_records": "customer_id, key, fingerprint, address_id, created_at",
}
# The service's statements for a create; `:c` is the customer, `:a` the id of the new address.
CREATE = f"""BEGIN;
INSERT INTO address_books (customer_id, addresses, past_revisions, revision) VALUES (:c, 1, 0, 1)
    ON CONFLICT (customer_id) DO UPDATE SET addresses = address_books.addresses + 1,
        past_revisions = address_books.past_revisions + 0, revision = address_books.revision + 1
    RETURNING addresses, past_revisions, revision;
INSERT INTO addresses (customer_id, id, {CONTENT}, changed_at, revision)
    VALUES (:c, :a, 'Home', 'Île-de-France', 'Paris', 'FR',
        '{{"recipient":"Chloé Lefèvre","first_line":"12 rue de l’Église","postal_code":"75015"}}',
        '{{"landmark":"Rue de Rivoli","floor":12}}', {T0_MS}, {T0_MS}, NULL, 1)
    ON CONFLICT (customer_id, id) DO NOTHING;
COMMIT"""


class Rows:
    """The rows of every table, as files in the format of COPY. The same in every run."""

    def __init__(self, addresses: int, folder: Path):
        self.folder, self.counts = folder, dict.fromkeys(COLUMNS, 0)
        chance = random.Random(8)
        places = [line.split("\t") for line in PLACES.read_text().splitlines()[1:]]
        # Addresses without a street are left out: what is stored of them is smaller.
        self.places = [place for place in places if len(place) == 8 and place[7]]
        sizes, left = [], addresses
        while left > 0:
            sizes.append(min(left, chance.choice(ADDRESSES)))
            left -= sizes[-1]
        self.customers = [f"cus_{_letters(chance)}" for _ in sizes]
        arrivals = [customer for customer, size in enumerate(sizes) for _ in range(size)]
        chance.shuffle(arrivals)
        # Those who get another address: so few that hardly two share a page of the table.
        self.chosen = chance.sample(self.customers, min(300, len(self.customers)))
        files = {name: open(self.path(name), "w") for name in COLUMNS}

        def write(name, *values):
            self.counts[name] += 1
            texts = ("\\N" if value is None else str(value) for value in values)
            files[name].write("\t".join(texts) + "\n")

        for customer, size in zip(self.customers, sizes):
            write("address_books", customer, size, T0_MS, 0)
        has_default = set()
        for number, index in enumerate(arrivals):
            customer, at = self.customers[index], T0_MS + number
            id = f"add_{_letters(chance)}"
            content = [*self.content(chance), at, at]
            write("addresses", customer, id, *content, 1)
            if chance.random() < 0.5:
                write("address_revisions", customer, id, 1, "created", at, *content)
            if index not in has_default:
                has_default.add(index)
                for purpose in PURPOSES:
                    write("default_addresses", customer, purpose, id)
            if chance.random() < 0.1:
                fingerprint = "\\\\x" + chance.randbytes(32).hex()
                key = f"{_letters(chance)}{_letters(chance)}"[:36]
                write("idempotency_records", customer, key, fingerprint, id, at)
        for file in files.values():
            file.close()

    def content(self, chance) -> list:
        """A place of the demonstration data with a street, and custom data as there. Half of the
        addresses have a telephone number, and a quarter a second line."""
        place = chance.choice(self.places)
        landmark, country, region, city, recipient, line, district, code = place
        details = {
            "recipient": recipient, "first_line": line,
            "second_line": "Apartment 12, 3rd floor" if chance.random() < 0.25 else "",
            "district": district, "postal_code": code,
            "phone": f"+49 30 {chance.randrange(10**7):07}" if chance.random() < 0.5 else "",
        }
        custom = chance.choice([
            None, {"landmark": landmark}, {"landmark": landmark, "floor": chance.randrange(30)},
            {"delivery": {"leave_at": landmark, "call_first": True}},
        ])
        details = {name: text for name, text in details.items() if text}
        return [chance.choice(NAMES), region, city, country, _json(details),
                custom and _json(custom)]

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.copy"

    def read(self, name: str):
        with open(self.path(name)) as file:
            for line in file:
                values = line.rstrip("\n").split("\t")
                yield [None if value == "\\N" else
                       bytes.fromhex(value[3:]) if value.startswith("\\\\x") else value
                       for value in values]


def _letters(chance: random.Random) -> str:
    return "".join(chance.choices("0123456789abcdefghjkmnpqrstvwxyz", k=26))


def _json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def migrations(store: str) -> list:
    folder = Path(f"crates/adapters/migrations/{store}")
    return [path.read_text() for path in sorted(folder.glob("*/up.sql"))]


def run(bench: Bench) -> dict:
    rows = Rows(bench.data().addresses, bench.place)
    cluster = bench.cluster(bench.data())
    cluster.psql("postgres", f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
    measured = {
        "rows": rows.counts,
        "sqlite_bytes": sqlite_bytes(rows, bench.place / "capacity.db"),
        "postgres_bytes": postgres_bytes(rows, cluster),
        "wal_bytes": wal_bytes(rows, cluster, bench.place),
    }
    cluster.psql("postgres", f"DROP DATABASE {DATABASE}")
    return measured


def sqlite_bytes(rows: Rows, path: Path) -> dict:
    """How much each table, with its indexes, makes the file grow."""
    grown = {}
    with sqlite3.connect(path) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"
                         "PRAGMA cache_size = -500000")
        for migration in migrations("sqlite"):
            db.executescript(migration)
        for name, columns in COLUMNS.items():
            before = db.execute("PRAGMA page_count").fetchone()[0]
            values = ", ".join("?" * (columns.count(",") + 1))
            db.executemany(f"INSERT INTO {name} ({columns}) VALUES ({values})", rows.read(name))
            pages = db.execute("PRAGMA page_count").fetchone()[0] - before
            grown[name] = pages * db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    return grown


def postgres_bytes(rows: Rows, cluster: Cluster) -> dict:
    """The size of each table and of its indexes, without dead rows."""
    for migration in migrations("postgres"):
        cluster.psql(DATABASE, migration)
    for name, columns in COLUMNS.items():
        cluster.psql(DATABASE, f"\\copy {name} ({columns}) FROM '{rows.path(name)}'")
    cluster.psql(DATABASE, "VACUUM (ANALYZE)", "CHECKPOINT")
    return {
        name: {part: int(cluster.psql(DATABASE, f"SELECT {function}('{name}')"))
               for part, function in (("table", "pg_table_size"), ("indexes", "pg_indexes_size"))}
        for name in COLUMNS
    }


def wal_bytes(rows: Rows, cluster: Cluster, place: Path) -> float:
    """WAL of the first create in a book after a checkpoint, which also writes whole pages."""
    script = place / "creates.sql"
    script.write_text("SET synchronous_commit = off;\n" + "".join(
        CREATE.replace(":c", f"'{customer}'").replace(":a", f"'add_{number:026}'") + ";\n"
        for number, customer in enumerate(rows.chosen)))
    start = cluster.psql(DATABASE, "SELECT pg_current_wal_insert_lsn()")
    cluster.psql(DATABASE, f"\\i {script}")
    grown = cluster.psql(
        DATABASE, f"SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{start}')")
    return int(grown) / len(rows.chosen)


def tell(raw: dict) -> Section:
    def each(name: str, total: int) -> str:
        return f"{total / raw['rows'][name]:,.0f}"

    rows = []
    for name, what in WHAT.items():
        postgres = raw["postgres_bytes"][name]
        rows.append([what, f"{raw['rows'][name]:,}", each(name, raw["sqlite_bytes"][name]),
                     each(name, sum(postgres.values())), each(name, postgres["table"]),
                     each(name, postgres["indexes"])])
    text = "Bytes of each row, with its share of the indexes:\n\n"
    text += table(["", "rows", "SQLite", "PostgreSQL", "table", "indexes"], rows)
    text += (
        f"\nOn PostgreSQL, the first create in a book after a checkpoint writes "
        f"{raw['wal_bytes']:,.0f} bytes of WAL.\n"
    )
    return Section("What an address takes", text, [], is_timed=False)
