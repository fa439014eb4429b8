"""Compares what the clients were told with what is stored."""

from collections import Counter
from dataclasses import dataclass

from .clients import Acknowledged
from .cluster import DATABASE, Cluster
from .service import Service


@dataclass
class Comparison:
    acknowledged: int
    # Acknowledged, but not stored as acknowledged.
    lost: int
    # Stored again under another id.
    doubled: int


def compare(acknowledged: list[Acknowledged], stored: list[tuple]) -> Comparison:
    """Compares with the customer, id and key of each stored address."""
    told = {(each.customer, each.id, each.key) for each in acknowledged}
    copies = Counter((customer, key) for customer, _, key in stored)
    return Comparison(len(told), len(told - set(stored)), sum(copies.values()) - len(copies))


def over_http(service: Service, customers: list[str]) -> list[tuple]:
    return [(customer, address["id"], address["custom_data"]["key"])
            for customer in customers for address in service.book(customer)]


def in_sql(cluster: Cluster) -> list[tuple]:
    """All addresses of all rounds, on the primary."""
    return cluster.primary().sql(
        "SELECT customer_id, id, custom_data::json->>'key' FROM addresses", DATABASE)
