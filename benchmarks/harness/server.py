"""A server under test: a process group, a port, a log."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from . import Failure

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20


class Server:
    def __init__(self, name: str, command: list, env: dict, port: int, log: Path):
        def placed(text):
            return str(text).replace("{port}", str(port))

        self.name, self.port, self.log = name, port, log
        self.command = [placed(part) for part in command]
        self.env = os.environ | {key: placed(value) for key, value in env.items()}
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, path: str = "/v1/customers/cus_nobody/addresses") -> float:
        """Starts the server and waits for a response to `path`. Returns the seconds until then."""
        started = time.perf_counter()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        while True:
            try:
                if self.get(path)[0] == 200:
                    return time.perf_counter() - started
            except (ConnectionError, http.client.HTTPException):
                pass
            waited = time.perf_counter() - started
            if self.process.poll() is not None or waited > START_TIMEOUT_S:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise Failure(f"{self.name} did not respond within {waited:.0f} s:\n{tail}")
            time.sleep(0.0005)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL) # the rest of its group
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def get(self, path: str, headers: dict | None = None, method: str = "GET", body=None):
        """Sends a request. Returns the status, headers and body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def page(self, customer: str) -> tuple:
        """A customer's first ten addresses as a client sees them: total and content."""
        status, headers, body = self.get(f"/v1/customers/{customer}/addresses?limit=10")
        if status != 200:
            raise Failure(f"{self.name} returned {status}: {body[:300]!r}")
        return int(headers["x-total-count"]), json.loads(body)


def anonymous_mib(pid: int) -> float:
    """The private memory of a process, without mapped parts of files. Zero if it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(re.search(r"^Anonymous:\s+(\d+) kB", rollup, re.M)[1]) / 1024
