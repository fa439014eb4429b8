"""Causes faults in a PostgreSQL cluster under load, and checks what the clients were told."""

import argparse
import contextlib
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import Failure
from .clients import Load
from .cluster import Cluster
from .faults import FAULTS, LOSS_LIMIT_S, LOSSY, Fault, leave_no_standby
from .processes import Processes
from .service import Service
from .stored import Comparison, compare, in_sql, over_http

# How long the clients write before a fault.
BEFORE_S = 2
# Acknowledged writes in a round, at least.
WRITES = 2_000
# Acknowledgements in a second from which on writes are acknowledged again.
RECOVERED = 20
# How long a round waits for that.
PATIENCE_S = 120
# Clients of an instance of the service that is cut off with the primary.
CLIENTS_INSIDE = 4
LOGS = Path("target/failover").resolve()


@dataclass
class Row:
    """What a round showed."""

    fault: Fault
    stored: Comparison
    replayed: int
    gap_s: float
    violations: list


class Check:
    def __init__(self, cluster: Cluster, start_service, wait_s: float):
        self.cluster, self.start_service, self.wait_s = cluster, start_service, wait_s
        self.started = time.monotonic()
        self.service = start_service()
        self.rows, self.acknowledged = [], []

    def say(self, text: str, indent: int = 2) -> None:
        print(f"{time.monotonic() - self.started:7.1f} s {' ' * indent}{text}", flush=True)

    def run(self, fault: Fault, number: int) -> None:
        """A round: load, the fault, its repair under load, and the comparison."""
        self.say(f"{fault.title}, round {number}", 0)
        name = f"{fault.name}_{number}"
        with contextlib.ExitStack() as stack:
            loads = [stack.enter_context(Load(self.service, name))]
            if fault.inside:
                inside = self.start_service(self.cluster.primary())
                stack.callback(inside.stop)
                inside = Load(inside, f"{name}_inside", CLIENTS_INSIDE)
                loads.append(stack.enter_context(inside))
            time.sleep(BEFORE_S)
            since = fault.cause(self.cluster, self.say)
            self._until_recovered(loads[0], since)
            self._repair(loads[0])
        self._report(fault, loads, since)

    def run_without_standby(self, number: int) -> None:
        """A round in which both standbys are stopped. The gap is that after their return."""
        fault = Fault("alone", "no standby is left", LOSS_LIMIT_S, None)
        self.say(f"{fault.title}, round {number}", 0)
        with Load(self.service, f"{fault.name}_{number}") as load:
            time.sleep(BEFORE_S)
            leave_no_standby(self.cluster, load, self.say, self.wait_s)
            since = time.monotonic()
            self._repair(load)
            self._until_recovered(load, since)
        self._report(fault, [load], since)

    def _until_recovered(self, load: Load, since: float) -> None:
        deadline = time.monotonic() + PATIENCE_S
        # What was sent before the fault may be acknowledged in the first second.
        while len(load.since(max(since + 1, time.monotonic() - 1))) < RECOVERED:
            if time.monotonic() > deadline or not load.is_running():
                raise Failure(f"no write is acknowledged within {PATIENCE_S} s")
            time.sleep(0.1)

    def _repair(self, load: Load) -> None:
        self.cluster.repair()
        self.cluster.until_healthy()
        while load.is_running() and len(load.acknowledged) < WRITES:
            time.sleep(0.1)

    def _report(self, fault: Fault, loads: list, since: float) -> None:
        told = [each for load in loads for each in load.acknowledged]
        self.acknowledged += told
        books = [book for load in loads for book in load.books]
        http = compare(told, over_http(self.service, books))
        sql = compare(self.acknowledged, in_sql(self.cluster))
        gap = loads[0].longest_gap(since)
        violations = [violation for load in loads for violation in load.violations]
        for where, found in ("over HTTP", http), ("in SQL, in all rounds so far", sql):
            if found.lost or found.doubled:
                violations.append(f"{where}: {found.lost} lost, {found.doubled} doubled")
        if gap > fault.limit_s:
            violations.append(f"no write was acknowledged for {gap:.1f} s")
        if len(told) < WRITES:
            violations.append(f"only {len(told)} writes were acknowledged")
        row = Row(fault, http, sum(each.replayed for each in told), gap, violations)
        self.rows.append(row)
        refused = sum(load.refused() for load in loads)
        self.say(f"{http.acknowledged} acknowledged ({row.replayed} replayed), {refused} refused, "
                 f"longest gap {gap:.1f} s")
        for violation in violations:
            self.say(f"VIOLATION: {violation}")

    def table(self) -> str:
        lines = [f"{'':44}{'rounds':>7}{'acknowledged':>14}{'replayed':>10}{'lost':>6}{'doubled':>9}"
                 f"{'longest gap (limit)':>24}"]
        faults = {row.fault.name: row.fault for row in self.rows}
        for fault in faults.values():
            rows = [row for row in self.rows if row.fault.name == fault.name]
            gaps = sorted(row.gap_s for row in rows)
            spread = f"{gaps[0]:.1f} to {gaps[-1]:.1f} s ({fault.limit_s} s)"
            lines.append(
                f"{fault.title:44}{len(rows):7}{sum(row.stored.acknowledged for row in rows):14}"
                f"{sum(row.replayed for row in rows):10}{sum(row.stored.lost for row in rows):6}"
                f"{sum(row.stored.doubled for row in rows):9}{spread:>24}")
        return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/check-failover", description=__doc__)
    names = [fault.name for fault in FAULTS] + ["alone"]
    parser.add_argument("faults", nargs="*", metavar="FAULT",
                        help=f"one of {', '.join(names)}. Default: all.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each fault. Default: 5.")
    parser.add_argument("--trial", action="store_true", help="one round of most faults.")
    parser.add_argument("--asynchronous", action="store_true",
                        help="turn the synchronous mode off, and expect that writes are lost: shows "
                             "that the check notices it. Runs only faults that lose writes.")
    parser.add_argument("--program", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--namespaces", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if unknown := set(parsed.faults) - set(names):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    if parsed.trial:
        parsed.rounds = 1
    return parsed


def main() -> int:
    parsed = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    processes = None
    try:
        processes = Processes(parsed.place)
        failed = run(parsed, processes)
        if failed:
            keep_logs(parsed.place)
        return 1 if failed else 0
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        keep_logs(parsed.place)
        return 1
    finally:
        if processes:
            processes.end_all()
        shutil.rmtree(parsed.place, ignore_errors=True)


def run(parsed: argparse.Namespace, processes: Processes) -> bool:
    """Runs all rounds. Returns whether something is wrong."""
    cluster = Cluster(processes, parsed.place, parsed.namespaces, not parsed.asynchronous)
    cluster.start()
    cluster.create_database()

    def start_service(node=None) -> Service:
        service = Service(parsed.program, cluster, processes, parsed.place)
        service.start(node)
        return service

    check = Check(cluster, start_service, wait_s=8 if parsed.trial else 20)
    chosen = [fault for fault in FAULTS if fault.name in parsed.faults or
              not parsed.faults and (fault.in_trial or not parsed.trial)]
    alone = (not parsed.faults or "alone" in parsed.faults) and not parsed.asynchronous
    if parsed.asynchronous:
        chosen = [fault for fault in chosen if fault.name in LOSSY]
    untested = [fault.title for fault in chosen if fault.cuts and not cluster.network.can_cut]
    for number in range(1, parsed.rounds + 1):
        for fault in chosen:
            if fault.title not in untested:
                check.run(fault, number)
        if alone:
            check.run_without_standby(number)
    print(f"\n{check.table()}\n")
    for title in untested:
        print(f"NOT TESTED: {title}. It needs network namespaces, which are not permitted here.")
    lost = sum(row.stored.lost for row in check.rows)
    if parsed.asynchronous:
        print(f"{lost} acknowledged writes are lost, as expected without a synchronous standby"
              if lost else "no loss was detected, although there was no synchronous standby")
        return not lost
    violations = sum(len(row.violations) for row in check.rows)
    print(f"{violations} violations" if violations else
          "every acknowledged write is stored exactly once")
    return violations > 0


def keep_logs(place: Path) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in place.rglob("*log"):
        if log.is_file():
            shutil.copyfile(log, LOGS / str(log.relative_to(place)).replace("/", "-"))
    print(f"the logs are in {LOGS}", file=sys.stderr)


sys.exit(main())
