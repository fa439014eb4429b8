"""A private PostgreSQL server that writes durably."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import Failure
from .machine import memory_mib
from .programs import run

START_TIMEOUT_S = 60


def settings() -> dict:
    """Settings that differ from the defaults: memory and WAL, as guides advise."""
    memory = memory_mib()
    return {
        "shared_buffers": f"{min(memory // 4, 8192)}MB",
        "effective_cache_size": f"{memory * 3 // 4}MB",
        "maintenance_work_mem": f"{min(memory // 16, 1024)}MB",
        "random_page_cost": "1.1",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "max_connections": "300",
    }


class Cluster:
    def __init__(self, folder: Path):
        self.folder = folder
        # Resolves links, because the clients are in the folder of the server's real programs.
        self.bin = (Path(os.environ["PG_BIN"]) / "initdb").resolve().parent
        # The path of a Unix socket has to be short.
        self.socket = Path(tempfile.mkdtemp(prefix="addressbook-pg-", dir="/tmp"))
        self.log = self.socket / "log"
        self.process = None
        # PostgreSQL refuses to run as root, and needs no privileges.
        self.identity = {}
        if os.geteuid() == 0:
            users = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = users.get("postgres") or users["nobody"]
            self.identity = {"user": user.pw_name, "group": user.pw_gid, "extra_groups": []}
            shutil.chown(self.socket, user.pw_name)

    def start(self) -> None:
        if not (self.folder / "PG_VERSION").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            for mark in self.folder.parent.glob("*postgres.loaded"):
                mark.unlink()
            self.folder.mkdir()
            if self.identity:
                shutil.chown(self.folder, self.identity["user"])
            # The user that runs the server must be able to access the repository's folder.
            run([self.bin / "initdb", f"--pgdata={self.folder}", "--username=postgres",
                 "--auth=trust", "--encoding=UTF8", "--locale=C"],
                START_TIMEOUT_S, cwd=self.socket, **self.identity)
        options = {
            "unix_socket_directories": self.socket, "listen_addresses": "",
            "log_line_prefix": "@@ ", "log_checkpoints": "off", **settings(),
        }
        command = [self.bin / "postgres", "-D", self.folder]
        command += [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, cwd=self.socket, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self.identity,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while "ready to accept connections" not in self.logged():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"PostgreSQL did not start:\n{self.logged()}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)
            self.process = None
        shutil.rmtree(self.socket, ignore_errors=True)

    def url(self, database: str, scheme: str = "postgres") -> str:
        """A URL for libpq, or for node-postgres and SQLAlchemy, which require a user."""
        if scheme == "postgres":
            return f"postgres:///{database}?host={self.socket}&port=5432&user=postgres"
        host = "localhost" if scheme == "postgresql" else ""
        return f"{scheme}://postgres@{host}/{database}?host={self.socket}"

    def program(self, name: str, database: str) -> list:
        """The beginning of the command line of one of PostgreSQL's clients."""
        return [self.bin / name, database, "--host", self.socket, "--username=postgres"]

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def psql(self, database: str, *statements: str) -> str:
        commands = [part for statement in statements for part in ("-c", statement)]
        return run([*self._psql(database), "-At", *commands], 3600).stdout.strip()

    def pipe(self, source: str, copy_out: str, target: str, copy_in: str) -> None:
        """Copies the output of one statement into another database."""
        source_process = subprocess.Popen([*self._psql(source), "-c", copy_out],
                                          stdout=subprocess.PIPE)
        target_process = subprocess.run([*self._psql(target), "-c", copy_in],
                                        stdin=source_process.stdout)
        source_process.stdout.close()
        if source_process.wait() != 0 or target_process.returncode != 0:
            raise Failure("copying between two databases failed")

    def _psql(self, database: str) -> list:
        quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        return [*self.program("psql", database), *quiet]
