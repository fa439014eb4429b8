"""The programs that take part: each is built or fetched when a group first asks for it."""

import functools
import json
import os
import subprocess
from pathlib import Path

from . import Failure

# Of Cargo; `dev` for a trial, which says nothing about speed.
profile = "release"


@functools.cache
def addressbook() -> Path:
    """The service, built as users build it: by itself, without what tests add to its crates."""
    _cargo("build", "--package", "addressbook")
    return _built() / "addressbook"


@functools.cache
def fixed_body() -> Path:
    _cargo("build", "--package", "addressbook-http", "--example", "fixed-body")
    return _built() / "examples" / "fixed-body"


def benches() -> list:
    """The programs of all `benches/pieces.rs`."""
    told = _cargo("bench", "--workspace", "--bench", "pieces", "--no-run",
                  "--message-format=json").splitlines()
    return [path for line in told if (path := json.loads(line).get("executable"))]


@functools.cache
def fastify() -> Path:
    """A copy of benchmarks/fastify that has its packages."""
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
    """Runs a command to its end; its output is text."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=timeout_s,
        **options,
    )
    if done.returncode != 0:
        raise Failure(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def _cargo(command: str, *arguments: str) -> str:
    whole = ["cargo", command, "--locked", "--quiet", "--profile", profile, *arguments]
    return subprocess.run(whole, stdout=subprocess.PIPE, text=True, check=True).stdout


def _built() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return target.resolve() / ("debug" if profile == "dev" else profile)


def _got(script: str) -> str:
    """Runs a script that has scripts/lib/get.sh; gives the last line that it prints."""
    command = ["bash", "-euc", f". scripts/lib/get.sh; {script}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().rpartition("\n")[2]
