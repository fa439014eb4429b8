"""Fails over a PostgreSQL cluster while clients write: see scripts/check-failover."""


class Failure(Exception):
    """The check cannot continue."""
