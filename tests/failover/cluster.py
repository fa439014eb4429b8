"""Three nodes, each with PostgreSQL, Patroni and a member of etcd."""

import contextlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg

from . import Failure
from .network import Loopback, Namespaces
from .processes import Processes, children, kill

START_TIMEOUT_S = 120
DATABASE = "addressbook"

# The settings of docs/guides/high-availability.md.
SETTINGS = {
    "ttl": 20,
    "loop_wait": 5,
    "retry_timeout": 5,
    "synchronous_mode": True,
    "synchronous_mode_strict": True,
    "postgresql": {
        "use_pg_rewind": True,
        # A node that was lost comes back by itself, whatever it had written.
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
        "parameters": {
            "synchronous_commit": "on",
            "wal_log_hints": "on", # pg_rewind needs it
            "wal_sender_timeout": "10s",
            "wal_receiver_timeout": "10s",
            "max_connections": 100,
            "shared_buffers": "64MB",
        },
    },
}


def postgres_programs() -> Path:
    """The folder of the server's real programs, because that of its links may lack some."""
    folder = (Path(os.environ["PG_BIN"]) / "initdb").resolve().parent
    needed = ("pg_basebackup", "pg_controldata", "pg_ctl", "pg_isready", "pg_rewind")
    if missing := [name for name in needed if not (folder / name).exists()]:
        raise Failure(f"{folder} has no {', '.join(missing)}: install Debian's package postgresql")
    return folder


class Node:
    def __init__(self, number: int, network, processes: Processes, place: Path):
        self.number, self.name = number, "abc"[number - 1]
        self.processes = processes
        self.at = network.add(number)
        self.folder = processes.folder(place / self.name)
        self.patroni = None
        self.is_cut = False

    def start_etcd(self, nodes: list) -> None:
        def url(port):
            return f"http://{self.at.host}:{port}"

        members = ",".join(f"{n.name}=http://{n.at.host}:{n.at.etcd_peer}" for n in nodes)
        self.processes.start([
            *self.at.prefix, "etcd", "--name", self.name, "--data-dir", self.folder / "etcd",
            "--listen-client-urls", url(self.at.etcd), "--advertise-client-urls", url(self.at.etcd),
            "--listen-peer-urls", url(self.at.etcd_peer),
            "--initial-advertise-peer-urls", url(self.at.etcd_peer), "--initial-cluster", members,
            "--logger", "zap", "--log-level", "warn",
        ], self.folder / "etcd.log")

    def configure(self, nodes: list, settings: dict) -> None:
        where = f"{self.at.host}:{self.at.postgres}"
        trust = ["local all all trust", "host all all 0.0.0.0/0 trust",
                 "host replication all 0.0.0.0/0 trust"]
        configuration = {
            "scope": "addressbook",
            "name": self.name,
            "restapi": {"listen": f"{self.at.host}:{self.at.patroni}"},
            "etcd3": {"hosts": [f"{node.at.host}:{node.at.etcd}" for node in nodes]},
            "bootstrap": {"dcs": settings, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}]},
            "postgresql": {
                "listen": where,
                "connect_address": where,
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(postgres_programs()),
                "pgpass": str(self.folder / "pgpass"),
                "authentication": {"superuser": {"username": "postgres"},
                                   "replication": {"username": "replicator"}},
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": trust,
            },
        }
        (self.folder / "patroni.yml").write_text(json.dumps(configuration)) # YAML includes JSON

    def start(self) -> None:
        patroni = Path(os.environ["VIRTUAL_ENV"]) / "bin/patroni"
        command = [*self.at.prefix, patroni, self.folder / "patroni.yml"]
        self.patroni = self.processes.start(command, self.folder / "log")

    def stop(self) -> None:
        """Stops PostgreSQL and Patroni in good order."""
        self.patroni.terminate()
        self.patroni.wait(60)

    def postmaster(self) -> int:
        try:
            return int((self.folder / "data/postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError):
            raise Failure(f"PostgreSQL does not run on node {self.name}") from None

    def senders(self) -> list:
        """The processes that send WAL to the standbys."""
        pids = children(self.postmaster())
        return [pid for pid in pids if b"walsender" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def crash(self) -> None:
        """Kills all processes of PostgreSQL."""
        postmaster = self.postmaster()
        for pid in [postmaster, *children(postmaster)]:
            kill(pid)

    def kill(self) -> None:
        """Kills Patroni and all processes of PostgreSQL."""
        self.patroni.send_signal(signal.SIGKILL)
        self.patroni.wait()
        self.crash()

    def ask(self, path: str, body: dict | None = None, timeout_s: float = 3) -> dict | str:
        """Sends a request to Patroni's REST API."""
        url = f"http://{self.at.host}:{self.at.patroni}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            text = response.read().decode()
        return json.loads(text) if text.startswith("{") else text

    def sql(self, statement: str, database: str = "postgres") -> list:
        where = {"host": self.at.host, "port": self.at.postgres, "user": "postgres"}
        with psycopg.connect(**where, dbname=database, connect_timeout=5, autocommit=True) as session:
            rows = session.execute(statement)
            return rows.fetchall() if rows.description else []


class Cluster:
    def __init__(self, processes: Processes, place: Path, namespaces: bool, synchronous: bool):
        self.network = (Namespaces if namespaces else Loopback)(processes)
        self.nodes = [Node(number, self.network, processes, place) for number in (1, 2, 3)]
        self.synchronous = synchronous

    def start(self) -> None:
        settings = SETTINGS | {"synchronous_mode": self.synchronous,
                               "synchronous_mode_strict": self.synchronous}
        for node in self.nodes:
            node.configure(self.nodes, settings)
            node.start_etcd(self.nodes)
        for node in self.nodes:
            node.start()
        self.until_healthy()

    def url(self) -> str:
        """A URL with all hosts. libpq finds the one that accepts writes."""
        hosts = ",".join(f"{node.at.host}:{node.at.postgres}" for node in self.nodes)
        return (f"postgres://postgres@{hosts}/{DATABASE}"
                "?target_session_attrs=read-write&connect_timeout=2&sslmode=disable")

    def members(self) -> dict:
        """The state of each node, by its name, as Patroni reports it."""
        for node in self.nodes:
            if node.is_cut or node.patroni is None or node.patroni.poll() is not None:
                continue
            try:
                return {member["name"]: member for member in node.ask("/cluster")["members"]}
            except (OSError, KeyError, ValueError):
                continue
        return {}

    def primary(self) -> Node:
        members = self.members()
        for node in self.nodes:
            if members.get(node.name, {}).get("role") == "leader":
                return node
        raise Failure(f"no node is the primary: {members}")

    def standbys(self) -> list:
        """Both standbys, the synchronous one first."""
        members = self.members()
        standbys = [node for node in self.nodes if members[node.name]["role"] != "leader"]
        return sorted(standbys, key=lambda node: members[node.name]["role"] != "sync_standby")

    def create_database(self, name: str = DATABASE) -> None:
        """Waits until the standbys have it, too: libpq tries no other host if the database does not
        exist on one."""
        self.primary().sql(f"CREATE DATABASE {name}")
        statement = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"
        deadline = time.monotonic() + START_TIMEOUT_S
        while any(node.sql(statement) != [(1,)] for node in self.nodes):
            if time.monotonic() > deadline:
                raise Failure(f"a standby has no database {name}")
            time.sleep(0.1)

    def until_writable(self, node: Node) -> None:
        """Waits until PostgreSQL on a node accepts writes."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.Error):
                if node.sql("SELECT pg_is_in_recovery()") == [(False,)]:
                    return
            time.sleep(0.1)
        raise Failure(f"node {node.name} does not accept writes")

    def is_healthy(self) -> bool:
        """Whether both standbys stream from the primary, and one is synchronous."""
        members = self.members().values()
        states = sorted(member["state"] for member in members)
        timelines = {member.get("timeline") for member in members}
        if states != ["running", "streaming", "streaming"] or len(timelines) != 1:
            return False
        statement = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        try:
            kinds = sorted(kind for kind, in self.primary().sql(statement))
        except (psycopg.Error, Failure):
            return False
        return kinds == (["async", "sync"] if self.synchronous else ["async", "async"])

    def until_healthy(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_healthy():
            if time.monotonic() > deadline:
                raise Failure(f"the cluster is not healthy after {START_TIMEOUT_S} s: {self.members()}")
            time.sleep(0.5)

    def cut(self, node: Node) -> None:
        self.network.cut(node.number)
        node.is_cut = True

    def repair(self) -> None:
        """Connects and starts all nodes again."""
        for node in self.nodes:
            if node.is_cut:
                self.network.heal(node.number)
                node.is_cut = False
            if node.patroni.poll() is not None:
                node.start()
