"""Describes what was measured, and where: machine, versions, commit. No names of hosts or users."""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path


def _said(*command: str) -> str:
    """The first line that a program prints. (wrk exits with 1 after it prints its version.)"""
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def commit() -> str:
    changed = _said("git", "status", "--porcelain", "--", "crates", "Cargo.toml", "Cargo.lock")
    return _said("git", "rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")


def date() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


def memory_mib() -> int:
    kib = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]
    return int(kib) // 1024


AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")


@contextlib.contextmanager
def without_autogroups():
    """Turns autogroups off, as in units of systemd and in containers. With them, Linux treats each
    process of PostgreSQL as a desktop session with an equal share of the processors. Needs root.
    """
    try:
        before = AUTOGROUPS.read_text()
        AUTOGROUPS.write_text("0")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        AUTOGROUPS.write_text(before)


def _autogroups() -> str:
    is_on = AUTOGROUPS.exists() and AUTOGROUPS.read_text().strip() == "1"
    return ", with autogroups" if is_on else ""


def machine(postgres_settings: dict) -> dict:
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    node = json.loads(Path("benchmarks/fastify/package.json").read_text())["dependencies"]
    python = re.findall(r"(?m)^(asyncpg|fastapi|SQLAlchemy|uvicorn)==(.*)$",
                        Path("benchmarks/fastapi/requirements.txt").read_text())
    return {
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory_mib() / 1024:.0f} GiB",
        "system": f"{system[1] if system else platform.system()}, {platform.system()} "
                  f"{platform.release().split('-')[0]}{_autogroups()}",
        "Rust": _version("rustc"),
        "PostgreSQL": _in_words([(_version(os.environ["PG_BIN"] + "/postgres"), ""),
                                 *postgres_settings.items()]),
        "Node": _in_words([(_version("node"), ""), *node.items()]),
        "Python": _in_words([(_version("python3"), ""), *python]),
        "wrk": _version("wrk"),
        "sqlite3 shell": _version("sqlite3"),
    }


def _version(program: str) -> str:
    """The first number with a point in what `--version` prints."""
    if not shutil.which(program):
        return ""
    return re.search(r"\d+\.[\d.]*\d", _said(program, "--version"))[0]


def _in_words(pairs: list) -> str:
    return ", ".join(" ".join(pair).strip() for pair in pairs if any(pair))
