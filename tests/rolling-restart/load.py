"""Reads and writes through a proxy until SIGTERM, and counts lost requests.

    load.py HOST PORT KEY

Prints the number of requests that got the expected response. If any did not, prints the first
failures and exits with 1: another status, a broken connection, or no response in time.
"""

import asyncio
import json
import signal
import sys
from collections import Counter

CLIENTS = 16
PATIENCE_S = 30
BODY = json.dumps({"region": "Kigali", "city": "Huye", "country": "RW"}).encode()


class Client:
    """A client with its own book. Uses one connection until the proxy closes it."""

    def __init__(self, number: int, host: str, port: int, key: str):
        self.where = (host, port)
        self.head = f"Host: {host}\r\nAuthorization: Bearer {key}\r\n"
        self.book = f"/v1/customers/cus_load_{number}/addresses"
        self.connection = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict]:
        if self.connection is None:
            self.connection = await asyncio.open_connection(*self.where)
        reader, writer = self.connection
        head = f"{method} {path} HTTP/1.1\r\n{self.head}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        text = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            writer.close()
            self.connection = None
        return int(lines[0].split()[1]), json.loads(text) if text else {}

    async def round(self, counts: Counter) -> None:
        """Creates an address, lists the book, removes the address."""
        created = await self.expect(counts, 201, "POST", self.book, BODY)
        listed = await self.expect(counts, 200, "GET", self.book)
        if [address["id"] for address in listed["addresses"]] != [created["id"]]:
            raise RuntimeError("the list is not the created address")
        await self.expect(counts, 204, "DELETE", f"{self.book}/{created['id']}")

    async def expect(self, counts: Counter, status: int, method: str, path: str, body=b"") -> dict:
        async with asyncio.timeout(PATIENCE_S):
            got, answer = await self.ask(method, path, body)
        if got != status:
            raise RuntimeError(f"{method} returned {got}: {answer}")
        counts[method] += 1
        return answer


async def main() -> int:
    host, port, key = sys.argv[1:]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    counts, failures = Counter(), []

    async def run(client: Client) -> None:
        while not stop.is_set():
            try:
                await client.round(counts)
            except Exception as error:  # any exception means a lost request
                failures.append(f"{type(error).__name__}: {error}")
                return

    await asyncio.gather(*(run(Client(n, host, int(port), key)) for n in range(CLIENTS)))
    for failure in failures[:10]:
        print(f"  {failure}")
    print(f"{counts.total()} requests answered ({dict(counts)}), {len(failures)} lost")
    return 1 if failures or not counts else 0


sys.exit(asyncio.run(main()))
