"""The programs of the benchmarks. Each is built or installed when a group first needs it."""

import functools
import json
import os
import subprocess
from pathlib import Path

from . import Failure

# The profile of Cargo. A trial uses `dev`, because it does not measure speed.
profile = "dist"


@functools.cache
def addressbook() -> Path:
    """The service, built as users build it: alone, without the features that tests add."""
    _cargo("build", "--package", "addressbook")
    return _built() / "addressbook"


@functools.cache
def fixed_body() -> Path:
    _cargo("build", "--package", "addressbook-http", "--example", "fixed-body")
    return _built() / "examples" / "fixed-body"


def benches() -> list:
    """The programs of all `benches/pieces.rs`."""
    output = _cargo("bench", "--workspace", "--bench", "pieces", "--no-run",
                    "--message-format=json").splitlines()
    return [path for line in output if (path := json.loads(line).get("executable"))]


@functools.cache
def fastify() -> Path:
    """A copy of benchmarks/fastify with its packages installed."""
    return Path(_got('need_node benchmarks/fastify; echo "$copy"'))


@functools.cache
def fastapi() -> Path:
    """A virtual environment with the packages of benchmarks/fastapi."""
    requirements = " ".join(Path("benchmarks/fastapi/requirements.txt").read_text().split())
    return Path(_got(f'need_python benchmark {requirements}; echo "$venv"'))


@functools.cache
def debian(name: str) -> str:
    """A program of the Debian package of the same name."""
    _got(f"need {name} {name}")
    return name


def run(command: list, timeout_s: float, **options) -> subprocess.CompletedProcess:
    """Runs a command to its end. Its output is text."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout_s,
        **options,
    )
    if done.returncode != 0:
        raise Failure(f"{command[0]} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def _cargo(command: str, *arguments: str) -> str:
    whole = ["cargo", command, "--locked", "--quiet", "--profile", profile, *arguments]
    return subprocess.run(whole, stdout=subprocess.PIPE, text=True, check=True).stdout


def _built() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return target.resolve() / ("debug" if profile == "dev" else profile)


def _got(script: str) -> str:
    """Runs a script that sources scripts/lib/get.sh. Returns the last line that it prints."""
    command = ["bash", "-euc", f". scripts/lib/get.sh; {script}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().rpartition("\n")[2]
