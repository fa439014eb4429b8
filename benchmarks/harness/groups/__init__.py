"""The groups of benchmarks, in the order in which they run. Each has `run`, which returns what it
measured as JSON, and `tell`, which turns that into a section with claims and charts."""

from . import (
    book, capacity, importing, instructions, large, listing_postgres, listing_sqlite, mixed,
    not_modified, start, writes,
)

GROUPS = {
    "listing-sqlite": listing_sqlite,
    "listing-postgres": listing_postgres,
    "not-modified": not_modified,
    "mixed": mixed,
    "book": book,
    "writes": writes,
    "import": importing,
    "start": start,
    "capacity": capacity,
    "large": large,
    "instructions": instructions,
}

# These take a long time, so they run only when they are named.
ON_DEMAND = ["capacity", "large", "instructions"]
