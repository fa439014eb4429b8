"""The service under test."""

import http.client
import json
import subprocess
import time
from pathlib import Path

from . import Failure
from .cluster import Cluster, Node
from .processes import Processes

START_TIMEOUT_S = 30


class Service:
    """An instance of the service, beside the clients or on a node."""

    def __init__(self, program: Path, cluster: Cluster, processes: Processes, place: Path):
        self.program, self.processes, self.place = program, processes, place
        self.env = {"ADDRESSBOOK_DATABASE_URL": cluster.url(), "ADDRESSBOOK_LOG": "warn"}
        created = subprocess.run(
            [program, "keys", "create", "--create-database", "--name", "clients",
             "--scope", "addresses:read", "--scope", "addresses:write"],
            env=processes.env | self.env, cwd=place, capture_output=True, text=True,
        )
        if created.returncode != 0:
            raise Failure(f"no API key was created: {created.stderr}")
        self.headers = {"Authorization": f"Bearer {created.stdout.strip()}"}
        self.process, self.at = None, ("", 0)

    def start(self, node: Node | None = None) -> None:
        host, prefix = (node.at.control, node.at.prefix) if node else ("127.0.0.1", [])
        name = f"service-{node.name}" if node else "service"
        banner, log = self.place / f"{name}.banner", self.place / f"{name}.log"
        banner.write_text("")
        # The books of a round may hold more than the default.
        command = ["sh", "-c", f'exec "$@" >{banner}', "-", *prefix, self.program, "serve",
                   f"--listen={host}:0", "--max-addresses=1000000"]
        self.process = self.processes.start(command, log, privileged=True, **self.env)
        deadline = time.monotonic() + START_TIMEOUT_S
        while "listening on" not in (text := banner.read_text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"the service did not start:\n{log.read_text()}")
            time.sleep(0.1)
        url = next(line.split()[-1] for line in text.splitlines() if "listening on" in line)
        self.at = (host, int(url.rpartition(":")[2]))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def book(self, customer: str) -> list:
        """All addresses of a customer, page by page."""
        addresses, total = [], None
        while total is None or len(addresses) < total:
            path = f"/v1/customers/{customer}/addresses?limit=200&offset={len(addresses)}"
            total, page = self._page(path)
            addresses += page
            if not page and len(addresses) < total:
                raise Failure(f"the book of {customer} has {len(addresses)} of {total} addresses")
        return addresses

    def _page(self, path: str) -> tuple[int, list]:
        connection = http.client.HTTPConnection(*self.at, timeout=30)
        try:
            connection.request("GET", path, headers=self.headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise Failure(f"a list returned {response.status}: {content[:300]!r}")
        return int(response.headers["X-Total-Count"]), json.loads(content)["addresses"]
