"""The programs that the check starts. None outlives it."""

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import Failure

# Marks the programs, and those that they start, in their environment.
MARK = "ADDRESSBOOK_CHECK_FAILOVER"


class Processes:
    def __init__(self, place: Path):
        self.place = place
        # PostgreSQL refuses to run as root.
        self.identity = {}
        if os.geteuid() == 0:
            users = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = users.get("postgres") or users["nobody"]
            self.identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            self._require_access(user.pw_name)
        self.env = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("ADDRESSBOOK_", "PATRONI_", "ETCD_", "PG")) and name != "DATABASE_URL"
        }
        self.env |= {MARK: str(place), "PYTHONDONTWRITEBYTECODE": "1"}

    def _require_access(self, user: str) -> None:
        try:
            subprocess.run([sys.executable, "-c", ""], cwd=self.place, check=True, **self.identity)
        except (OSError, subprocess.CalledProcessError):
            raise Failure(f"the user {user} cannot run {sys.executable}, which Patroni needs: use a "
                          "Python and a checkout that all users can read") from None

    def start(self, command: list, log: Path | None = None, privileged: bool = False,
              **env: str) -> subprocess.Popen:
        """Starts a program that a Ctrl-C in the terminal does not reach."""
        with open(log or os.devnull, "ab") as output:
            return subprocess.Popen(
                [str(part) for part in command], env=self.env | env, cwd=self.place,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                **({} if privileged else self.identity),
            )

    def folder(self, path: Path) -> Path:
        """Creates a folder that belongs to the user of the programs."""
        path.mkdir()
        if self.identity:
            os.chown(path, self.identity["user"], self.identity["group"])
        return path

    def end_all(self) -> None:
        """Kills what was started. Descendants of Patroni start others, so this repeats."""
        deadline = time.monotonic() + 20
        while (pids := self._marked()) and time.monotonic() < deadline:
            for pid in pids:
                kill(pid)
            time.sleep(0.1)

    def _marked(self) -> list:
        mark = f"{MARK}={self.place}".encode()
        pids = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    pids.append(int(entry.name))
            except OSError:
                pass # another user's, or it has just ended
        return pids


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def children(pid: int) -> list:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
