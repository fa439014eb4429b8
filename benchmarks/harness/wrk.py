"""Loads a server with wrk, and returns what it measured."""

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
    """Loads a server as wrk.lua describes. Any failed request ends the run."""
    return start(server, shape, keys, connections, seconds, choice)()


def start(server: Server, shape: str, keys: Path, connections: int, seconds: int,
          choice: str = "uniform"):
    """Starts to load a server. Returns a function that waits for the end and the figures."""
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
        result = [line for line in output.splitlines() if line.startswith("{")]
        if process.returncode != 0 or not result:
            raise Failure(f"wrk exited with {process.returncode}:\n{output}")
        result = json.loads(result[-1])
        if result["failures"]:
            raise Failure(f"{server.name}: requests failed under load: {result}\n{output}")
        if not result["requests"]:
            raise Failure(f"{server.name} sent no response within {seconds} s of load: "
                          "measure for longer (--seconds)")
        return {
            "rate": result["requests"] / result["duration_us"] * 1e6,
            "p50_ms": result["p50_us"] / 1000,
            "p99_ms": result["p99_us"] / 1000,
        }

    return finish
