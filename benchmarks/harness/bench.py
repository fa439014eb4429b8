"""What every group of benchmarks gets: options, data, servers, load, and cleaning up."""

import contextlib
import shutil
import socket
import statistics
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from . import programs, wrk
from .data import Data
from .postgres import Cluster
from .server import Server


@dataclass
class Options:
    scale: float
    seconds: int
    warm_up_s: int
    rounds: int


@dataclass
class Bench:
    """A run. `stack` ends or removes everything that it starts or creates."""

    options: Options
    target: Path
    stack: contextlib.ExitStack
    place: Path = field(init=False)
    _data: dict = field(default_factory=dict)
    _clusters: dict = field(default_factory=dict)

    def __post_init__(self):
        # Not in /tmp, which may be in memory: large files are written here.
        self.place = Path(tempfile.mkdtemp(prefix="run-", dir=self.target))
        self.stack.callback(shutil.rmtree, self.place, ignore_errors=True)

    def data(self, factor: int = 1) -> Data:
        if factor not in self._data:
            self._data[factor] = Data(self.target / "data", self.options.scale * factor)
        return self._data[factor]

    def cluster(self, data: Data) -> Cluster:
        if data.folder not in self._clusters:
            cluster = Cluster(data.folder / "postgres")
            self.stack.callback(cluster.stop)
            cluster.start()
            self._clusters[data.folder] = cluster
        return self._clusters[data.folder]

    def database(self, store: str, data: Data) -> str:
        """The URL of our database with this data. Loads the data if necessary."""
        if store == "sqlite":
            return f"sqlite://{data.sqlite()}"
        return data.postgres(self.cluster(data))

    def server(self, name: str, command: list, env: dict | None = None) -> Server:
        """Starts a server. `{port}` in its command and environment is the port to listen on."""
        # A free port. On a fixed one, a server that an earlier run left behind could respond.
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(name, command, env or {}, port, self.place / f"{port}.log")
        self.stack.callback(server.stop)
        server.start()
        return server

    def ours(self, database: str, *arguments: str) -> Server:
        """Starts the service as a user does. Its log, at the default level, goes to a file."""
        return self.server(
            "addressbook",
            [programs.addressbook(), "serve", "--listen", "127.0.0.1:{port}",
             "--shutdown-delay-s", "0", "--database-url", database, *arguments],
        )

    def keys(self, name: str, lines: list) -> Path:
        """Writes a file for wrk."""
        path = self.place / f"{name.replace(' ', '-')}.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def load(
        self, server: Server, shape: str, keys: Path, connections: int, choice: str = "uniform"
    ) -> dict:
        """Warms up, then loads a server."""
        if self.options.warm_up_s:
            wrk.load(server, shape, keys, connections, self.options.warm_up_s, choice)
        return wrk.load(server, shape, keys, connections, self.options.seconds, choice)

    def interleave(self, cells: dict) -> list:
        """Runs every cell once per round, A B C A B C, so that a change on the machine affects all.
        `cells` maps a tuple of labels to a function that returns figures."""
        measured = []
        for number in range(1, self.options.rounds + 1):
            for labels, run in cells.items():
                figures = {name: round(value, 3) for name, value in run().items()}
                line = "  ".join(f"{name} {value:,}" for name, value in figures.items())
                say(f"  round {number}  {' · '.join(map(str, labels)):<44} {line}")
                measured.append({"labels": list(labels), "round": number, **figures})
        return measured


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def median(cells: list, figure: str, *labels) -> float | None:
    """The median, over all rounds, of a figure of the cells with these labels."""
    values = [cell[figure] for cell in cells if cell["labels"] == list(labels) and figure in cell]
    return statistics.median(values) if values else None


@contextlib.contextmanager
def most(read):
    """Reads a value repeatedly in the background. Yields a function that returns the maximum."""
    largest, done = 0.0, threading.Event()

    def watch():
        nonlocal largest
        while not done.wait(0.05):
            largest = max(largest, read())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: largest
    finally:
        done.set()
        watcher.join()
