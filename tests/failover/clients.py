"""Clients that create addresses, and repeat each request with its key until it is acknowledged."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

from .service import Service

CLIENTS = 16
BOOKS = 48
# As the guide on retries advises. The pause is shorter, to measure the gap more exactly.
TIMEOUT_S = 15
PAUSE_S = 0.1
# How long one address may take, with all repetitions.
PATIENCE_S = 180


@dataclass
class Acknowledged:
    """An address that a client was told is stored."""

    at: float
    customer: str
    key: str
    id: str
    replayed: bool


class Load:
    """Clients that write until they are stopped. Each address has its key in its custom data."""

    def __init__(self, service: Service, name: str, clients: int = CLIENTS):
        self.service, self.name = service, name
        self.books = [f"cus_{name}_{number}" for number in range(BOOKS)]
        self.acknowledged, self.answers, self.violations = [], Counter(), []
        self._over, self._abandoned = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True)
                         for n in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, error, *_) -> None:
        """Waits until every address that was begun is acknowledged, unless there was an error."""
        self._over.set()
        if error:
            self._abandoned.set()
            return
        for thread in self._threads:
            thread.join()

    def is_running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def since(self, moment: float) -> list:
        return [each for each in list(self.acknowledged) if each.at > moment]

    def refused(self) -> int:
        """Requests that were not acknowledged: 503, or no answer."""
        return sum(count for answer, count in self.answers.items() if answer != 201)

    def longest_gap(self, since: float) -> float:
        """The longest time without an acknowledgement after a moment, in seconds."""
        times = [since, *sorted(each.at for each in self.since(since))]
        return max((later - earlier for earlier, later in zip(times, times[1:])),
                   default=float("inf"))

    def _run(self, client: int) -> None:
        connection = http.client.HTTPConnection(*self.service.at, timeout=TIMEOUT_S)
        number = 0
        while not self._over.is_set():
            number += 1
            self._create(connection, random.choice(self.books), f"{self.name}-{client}-{number}")
        connection.close()

    def _create(self, connection, customer: str, key: str) -> None:
        body = json.dumps({"region": "Kigali", "city": "Huye", "country": "RW",
                           "custom_data": {"key": key}})
        headers = self.service.headers | {"Content-Type": "application/json", "Idempotency-Key": key}
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and not self._abandoned.is_set():
            try:
                connection.request("POST", f"/v1/customers/{customer}/addresses", body, headers)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close() # the next request opens another
                self.answers[type(error).__name__] += 1
                time.sleep(PAUSE_S)
                continue
            self.answers[response.status] += 1
            if response.status == 201:
                replayed = response.headers.get("Idempotent-Replayed") == "true"
                self.acknowledged.append(Acknowledged(
                    time.monotonic(), customer, key, json.loads(answer)["id"], replayed))
                return
            if response.status != 503:
                self.violations.append(f"{key}: {response.status} {answer[:300].decode()}")
                return
            time.sleep(PAUSE_S)
        self.violations.append(f"{key}: not acknowledged for {PATIENCE_S} s")
