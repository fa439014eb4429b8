"""Load by wrk, and what it measured."""

import json
import os
import subprocess
import time
from pathlib import Path

from . import Failure, programs
from .server import Server

SCRIPT = Path(__file__).parent.parent / "wrk" / "wrk.lua"
THREADS = os.cpu_count()


def load(server: Server, shape: str, keys: Path, connections: int, seconds: int,
         choice: str = "uniform") -> dict:
    """Loads a server with what wrk.lua describes; any failure ends the run."""
    return start(server, shape, keys, connections, seconds, choice)()


def start(server: Server, shape: str, keys: Path, connections: int, seconds: int,
          choice: str = "uniform"):
    """Begins to load a server; what it gives, called, waits for the end and for the figures."""
    command = [
        programs.debian("wrk"), f"-t{min(THREADS, connections)}", f"-c{connections}",
        f"-d{seconds}s", "--timeout", "30s", "-s", SCRIPT, server.url, "--", shape, keys, choice,
    ]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    deadline = time.monotonic() + seconds + 60

    def finish() -> dict:
        try:
            output, _ = process.communicate(timeout=deadline - time.monotonic())
        finally:
            process.kill() # unless it has ended
        told = [line for line in output.splitlines() if line.startswith("{")]
        if process.returncode != 0 or not told:
            raise Failure(f"wrk ended with {process.returncode}:\n{output}")
        told = json.loads(told[-1])
        if told["failures"]:
            raise Failure(f"{server.name}: requests failed under load: {told}\n{output}")
        if not told["requests"]:
            raise Failure(f"{server.name} answered nothing within {seconds} s of load: "
                          "a longer measurement (--seconds) may do")
        return {
            "rate": told["requests"] / told["duration_us"] * 1e6,
            "p50_ms": told["p50_us"] / 1000,
            "p99_ms": told["p99_us"] / 1000,
        }

    return finish
