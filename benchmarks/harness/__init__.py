"""Runs the benchmarks and reports their results. scripts/benchmark starts it. Needs only Python's
standard library."""


class Failure(Exception):
    """A run that failed, or did not measure what it should."""
