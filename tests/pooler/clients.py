#!/usr/bin/env python3
"""Creates and lists addresses with concurrent clients. Every request must succeed.

The argument is the file with the start-up message of the service.
"""

import http.client
import json
import re
import sys
import threading
import time

CLIENTS, ADDRESSES = 16, 50
BODY = json.dumps({"city": "Kigali", "region": "Kigali", "country": "RW"})


def address_of_service(banner):
    for _ in range(100):
        with open(banner) as file:
            found = re.search(r"listening on +http://(\S+)", file.read())
        if found:
            return found[1]
        time.sleep(0.1)
    sys.exit("the service does not start")


def use(service, number, failures):
    connection = http.client.HTTPConnection(service, timeout=30)
    book = f"/v1/customers/cus_{number}/addresses"

    def status(method, expected, body=None):
        connection.request(method, book, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        content = response.read()
        if response.status != expected:
            failures.append((method, response.status, content))
        return content

    for _ in range(ADDRESSES):
        status("POST", 201, BODY)
        status("GET", 200)
    stored = len(json.loads(status("GET", 200)).get("addresses", []))
    if stored != ADDRESSES:
        failures.append(f"{stored} of {ADDRESSES} addresses are there")


def main():
    service = address_of_service(sys.argv[1])
    failures = []
    clients = [
        threading.Thread(target=use, args=(service, number, failures)) for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if failures:
        sys.exit(f"{len(failures)} requests failed, such as {failures[0]}")
    print(f"{CLIENTS} clients created and listed {CLIENTS * ADDRESSES} addresses")


main()
