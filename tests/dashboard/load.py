"""A realistic load: reads, writes, retries and invalid requests."""

import itertools
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request

URL, KEY = sys.argv[1:]
ADDRESS = {"region": "Kigali City", "city": "Kigali", "country": "RW"}


def send(method, path, body=None, headers=()):
    """Returns the body of the response, or None unless the request succeeds."""
    request = urllib.request.Request(URL + path, method=method)
    request.add_header("Authorization", f"Bearer {KEY}")
    for name, value in headers:
        request.add_header(name, value)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")
    except (OSError, urllib.error.HTTPError):
        return None


def customer():
    book = f"/v1/customers/cus_{random.randint(1, 500)}/addresses"
    if random.random() < 0.5:
        key = [("Idempotency-Key", str(random.random()))]
        created = send("POST", book, ADDRESS, key)
        if created and random.random() < 0.3:
            send("POST", book, ADDRESS, key)
        if created and random.random() < 0.5:
            address = f"{book}/{created['id']}"
            send("PATCH", address, {"city": "Huye"})
            send("GET", f"{address}/revisions")
            send("DELETE", address)
    send("GET", f"{book}?limit=10")
    send("GET", f"{book}?country=RW&limit=10")
    if random.random() < 0.1:
        send("GET", f"{book}?limit=0")
    if random.random() < 0.1:
        send("GET", f"{book}/add_01h1w8r7s2v4l5m6n7p8j9k0q2")


def work():
    for _ in itertools.count():
        customer()
        time.sleep(random.expovariate(20))


for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
