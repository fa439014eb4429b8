"""Runs the benchmarks and reports them. Started by scripts/benchmark; Python's standard library
is all that it needs."""


class Failure(Exception):
    """A run that measured something else than it meant to."""
