#!/usr/bin/env python3
"""Simulates requests to sharded customers, and shows how much more the hottest shard gets than the
others. Needs only Python's standard library, and no database.

Assumptions, which the figures depend on:
* The n-th most popular customer gets requests in proportion to 1 / n^exponent (Zipf).
* All requests cost the same, and requests of one customer go to one shard.
* The shard follows from a hash of the customer's id: each shard has an equal range of the hashes.
  Citus does the same with PostgreSQL's own hash of the text. Here it is BLAKE2b: other customers
  share a shard, but they are spread as evenly.
"""

import argparse
import hashlib
import math
import random
import statistics
import struct
import sys
from collections import Counter

# 16 hash functions: 32 bits each of one BLAKE2b of 64 bytes.
PLACEMENTS = 16
HASHES = struct.Struct(f"<{PLACEMENTS}I")
MAX = 10**12


class Zipf:
    """Draws ranks from 1 to `count`, without a table of all of them: Hörmann and Derflinger's
    rejection-inversion, "Rejection-inversion to generate variates from monotone discrete
    distributions", 1996."""

    def __init__(self, count: int, exponent: float, chance: random.Random):
        self.count, self.exponent, self.chance = count, exponent, chance
        self.low = self._area(1.5) - 1
        self.high = self._area(count + 0.5)

    def draw(self) -> int:
        while True:
            area = self.low + self.chance.random() * (self.high - self.low)
            rank = min(max(round(self._rank(area)), 1), self.count)
            if area >= self._area(rank + 0.5) - rank**-self.exponent:
                return rank

    def share(self, rank: int) -> float:
        """The expected share of the requests. Sums the first million ranks, and integrates the
        rest."""
        head = min(self.count, 1_000_000)
        total = math.fsum(n**-self.exponent for n in range(1, head + 1))
        if self.count > head:
            total += self._area(self.count + 0.5) - self._area(head + 0.5)
        return rank**-self.exponent / total

    def _area(self, rank: float) -> float:
        """The integral of rank^-exponent."""
        power = 1 - self.exponent
        return math.log(rank) if abs(power) < 1e-9 else rank**power / power

    def _rank(self, area: float) -> float:
        """The inverse of `_area`."""
        power = 1 - self.exponent
        return math.exp(area) if abs(power) < 1e-9 else (area * power) ** (1 / power)


class Load:
    """The requests of each customer that has any, and where 16 hash functions place it."""

    def __init__(self, requests: Counter, seed: int):
        self.total = sum(requests.values())
        self.by_popularity = requests.most_common()
        self.digests = {customer: _digest(customer, seed) for customer in requests}

    def per_shard(self, shards: int, alone: int = 0, moved: int = 0) -> list:
        """For each placement, the requests of each shard. The `alone` most requested customers each
        get a shard of their own, which comes after the others. The next `moved` ones go, one after
        another, to the shard with the fewest requests."""
        popular, rest = self.by_popularity[:alone], self.by_popularity[alone + moved:]
        placements = [[0] * shards for _ in range(PLACEMENTS)]
        for customer, count in rest:
            for loads, hashed in zip(placements, HASHES.unpack(self.digests[customer])):
                loads[hashed * shards >> 32] += count
        for loads in placements:
            for _, count in self.by_popularity[alone:alone + moved]:
                loads[loads.index(min(loads))] += count
            loads += [count for _, count in popular]
        return placements


def _digest(customer: int, seed: int) -> bytes:
    id = f"cus_{customer:026}".encode()
    return hashlib.blake2b(id, salt=struct.pack("<q", seed)).digest()


def replay(customers: int, exponent: float, requests: int, seed: int) -> Load:
    zipf = Zipf(customers, exponent, random.Random(seed))
    return Load(Counter(zipf.draw() for _ in range(requests)), seed)


def row(name: str, load: Load, shards: int, alone: int = 0, moved: int = 0) -> list:
    hottest = sorted(max(loads) for loads in load.per_shard(shards, alone, moved))
    mean = load.total / (shards + alone)
    median, worst = statistics.median(hottest), hottest[-1]
    return [name, f"{shards + alone:,}", f"{mean / load.total:.2%}", f"{median / load.total:.2%}",
            f"{median / mean:.2f}", f"{worst / mean:.2f}", f"{mean / median:.0%}"]


def report(given: argparse.Namespace) -> str:
    load = replay(given.customers, given.exponent, given.requests, given.seed)
    expected = Zipf(given.customers, given.exponent, random.Random()).share(1)
    largest = load.by_popularity[0][1] / load.total
    few, many = given.shards, 2 * given.shards
    rows = [
        row("by hash", load, few),
        row(f"the {given.move} largest moved to the coolest shards", load, few, moved=given.move),
        row("the largest moved to a shard of its own", load, few, alone=1),
        row("twice the shards", load, many),
        row("twice the shards, the largest on its own", load, many, alone=1),
    ]
    heads = ["", "shards", "mean", "hottest", "hottest/mean", "worst", "usable"]
    lines = [heads, ["---"] * len(heads), *rows]
    return (
        f"{given.requests:,} requests to {given.customers:,} customers, exponent "
        f"{given.exponent:g}, seed {given.seed}.\n"
        f"The largest customer gets {largest:.2%} of them ({expected:.2%} expected).\n\n"
        + "".join("| " + " | ".join(line) + " |\n" for line in lines)
    )


EPILOG = """
columns:
  mean          a shard's share of all requests if the load were even
  hottest       the hottest shard's share: the median of 16 hash functions
  hottest/mean  how much more the hottest shard gets than the mean
  worst         the same for the unluckiest of the 16 hash functions
  usable        how much of the capacity of all shards is used when the hottest is full

examples:
  python3 benchmarks/shards.py
  python3 benchmarks/shards.py --exponent 1 --shards 128 --customers 30000000000
"""


def number(low: float, high: float, kind=int):
    """A parser of a number within bounds."""

    def parse(text: str):
        try:
            value = kind(text.replace(",", "").replace("_", ""))
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(
                f"expected {what} from {low:,} to {high:,}, found {text!r}")
        return value

    return parse


def arguments(given: list | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="shards.py", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name, metavar, kind, default, meaning):
        parser.add_argument(name, metavar=metavar, type=kind, default=default,
                            help=f"{meaning}. Default: {default:,}.")

    add("--customers", "N", number(1, MAX), 300_000_000, "number of customers")
    add("--exponent", "S", number(0, 3, float), 0.8,
        "how unequal they are: 0 is all alike, 1 is very unequal")
    add("--shards", "N", number(1, 4096), 16, "number of shards")
    add("--move", "K", number(1, 1000), 10,
        "how many of the largest customers to move to the coolest shards")
    add("--requests", "N", number(1, 10_000_000), 300_000,
        "number of requests to draw; more are slower and more exact")
    add("--seed", "N", number(0, 2**62), 1, "the same seed draws the same requests")
    parser.add_argument("--check", action="store_true",
                        help="check the simulation itself, in a few seconds. Exit code 1 means "
                             "that it is wrong.")
    return parser.parse_args(given)


def check() -> None:
    """Compares the simulation with what can be computed."""

    def holds(rule: str, is_true: bool):
        print(f"{'ok' if is_true else 'WRONG':<6} {rule}")
        if not is_true:
            wrong.append(rule)

    wrong = []
    for exponent in (0, 0.5, 1, 1.5):
        zipf, draws = Zipf(20, exponent, random.Random(2)), 100_000
        drawn = Counter(zipf.draw() for _ in range(draws))
        shares = [zipf.share(rank) for rank in range(1, 21)]
        # Chi-squared with 19 degrees of freedom is above 43.8 in one of 1,000 runs.
        chi_squared = sum((drawn[rank] - draws * share) ** 2 / (draws * share)
                          for rank, share in enumerate(shares, 1))
        holds(f"exponent {exponent:g}: every rank is drawn as often as computed",
              chi_squared < 43.8)
        holds(f"exponent {exponent:g}: the shares add up to 1", math.isclose(sum(shares), 1))
    exact = math.fsum(n**-0.9 for n in range(1, 3_000_001))
    holds("the share of the largest of 3,000,000 customers is exact to a millionth",
          math.isclose(Zipf(3_000_000, 0.9, random.Random()).share(1), 1 / exact, rel_tol=1e-6))

    load = replay(1_000_000, 1, 50_000, 3)
    again = replay(1_000_000, 1, 50_000, 3)
    holds("the same seed gives the same loads", load.per_shard(8) == again.per_shard(8))
    other = replay(1_000_000, 1, 50_000, 4)
    holds("another seed gives other loads", load.per_shard(8) != other.per_shard(8))
    holds("another seed places customers elsewhere", _digest(1, 3) != _digest(1, 4))
    for alone, moved in ((0, 0), (1, 0), (0, 5), (2, 3)):
        holds(f"no request is lost with {alone} customers on their own and {moved} moved",
              all(sum(loads) == 50_000 for loads in load.per_shard(8, alone, moved)))
    largest = load.by_popularity[0][1]
    holds("a customer on its own shard shares it with nobody",
          all(loads[8] == largest for loads in load.per_shard(8, 1)))
    holds("moving every customer to the coolest shard leaves no difference beyond one customer",
          all(max(loads) <= max(largest, min(loads) + largest)
              for loads in load.per_shard(8, moved=len(load.by_popularity))))
    holds("the hottest shard has at least the largest customer",
          all(max(loads) >= largest for loads in load.per_shard(4096)))
    holds("two shards of twice as many have the load of one",
          all(one == two + three for few, many in zip(load.per_shard(8), load.per_shard(16))
              for one, two, three in zip(few, many[::2], many[1::2])))

    even = Load(Counter({customer: 1 for customer in range(100_000)}), 5)
    # Of 160 shards, one differs by more than 5 standard deviations in 10,000 runs.
    bound = 5 * math.sqrt(10_000 * 0.9)
    holds("customers that are all alike are spread evenly",
          all(abs(load - 10_000) < bound for loads in even.per_shard(10) for load in loads))
    if wrong:
        sys.exit(f"{len(wrong)} checks failed")


def main() -> None:
    given = arguments()
    if given.check:
        check()
    else:
        print(report(given), end="")


if __name__ == "__main__":
    main()
