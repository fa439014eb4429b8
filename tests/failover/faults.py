"""What goes wrong."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from .clients import Load
from .cluster import Cluster
from .processes import kill

# How soon writes must be acknowledged again after the loss of a node, and after a planned change.
LOSS_LIMIT_S, SWITCHOVER_LIMIT_S = 30, 10
# How soon a write is refused while there is no standby.
REFUSAL_LIMIT_S = 30
# How long the standbys get nothing before the primary is lost.
LAG_S = 0.5

Say = Callable[[str], None]


@dataclass
class Fault:
    name: str
    title: str
    limit_s: float
    # Causes the fault. Returns the moment from which on the gap counts.
    cause: Callable[[Cluster, Say], float]
    in_trial: bool = True
    cuts: bool = False
    # Whether an instance of the service and its clients are on the primary's side of the cut.
    inside: bool = False


def lose_primary(cluster: Cluster, say: Say) -> float:
    primary = cluster.primary()
    say(f"kills Patroni and PostgreSQL on {primary.name}, the primary")
    since = time.monotonic()
    primary.kill()
    return since


def lose_primary_that_is_ahead(cluster: Cluster, say: Say) -> float:
    primary = cluster.primary()
    say(f"{primary.name}, the primary, sends nothing to its standbys for {LAG_S} s, and is killed")
    for pid in primary.senders():
        kill(pid, signal.SIGSTOP)
    time.sleep(LAG_S)
    since = time.monotonic()
    primary.kill()
    return since


def cut_primary(cluster: Cluster, say: Say) -> float:
    primary = cluster.primary()
    say(f"cuts off {primary.name}, the primary, and the instance of the service on it")
    since = time.monotonic()
    cluster.cut(primary)
    return since


def switch_over(cluster: Cluster, say: Say) -> float:
    primary, standby = cluster.primary(), cluster.standbys()[0]
    say(f"switches over from {primary.name} to {standby.name}")
    since = time.monotonic()
    primary.ask("/switchover", {"leader": primary.name, "candidate": standby.name}, 60)
    return since


def lose_standby(cluster: Cluster, say: Say) -> float:
    standby = cluster.standbys()[0]
    say(f"kills Patroni and PostgreSQL on {standby.name}, the synchronous standby")
    since = time.monotonic()
    standby.kill()
    return since


def cut_standby(cluster: Cluster, say: Say) -> float:
    standby = cluster.standbys()[0]
    say(f"cuts off {standby.name}, the synchronous standby")
    since = time.monotonic()
    cluster.cut(standby)
    return since


FAULTS = [
    Fault("lost", "the primary is lost", LOSS_LIMIT_S, lose_primary,
          in_trial=False), # the next one is harder
    Fault("ahead", "the primary is lost, ahead of its standbys", LOSS_LIMIT_S,
          lose_primary_that_is_ahead),
    Fault("cut", "the primary is cut off", LOSS_LIMIT_S, cut_primary, cuts=True, inside=True),
    Fault("switchover", "planned switchover", SWITCHOVER_LIMIT_S, switch_over),
    Fault("standby-lost", "the synchronous standby is lost", LOSS_LIMIT_S, lose_standby),
    Fault("standby-cut", "the synchronous standby is cut off", LOSS_LIMIT_S, cut_standby, cuts=True),
]
# With asynchronous replication, these must lose writes. Otherwise the check could not fail.
LOSSY = ("ahead", "cut")

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'addressbook'"
WAITING = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def leave_no_standby(cluster: Cluster, load: Load, say: Say, wait_s: float) -> None:
    """Stops both standbys. From then on no write may be acknowledged, whatever happens to the
    commits that wait for a standby."""

    def expect_refusals(since: float, when: str) -> None:
        before, deadline = load.refused(), time.monotonic() + REFUSAL_LIMIT_S
        time.sleep(wait_s)
        while load.refused() == before and time.monotonic() < deadline:
            time.sleep(0.1)
        told, refused = load.since(since), load.refused() - before
        say(f"{when}: {len(told)} acknowledged, {refused} refused")
        if told:
            replayed = sum(each.replayed for each in told)
            load.violations.append(f"{when}, {len(told)} writes were acknowledged without a standby "
                                   f"({replayed} of them as replayed)")
        if not refused:
            load.violations.append(f"{when}, no write was answered within {REFUSAL_LIMIT_S} s")

    primary = cluster.primary()
    for standby in cluster.standbys():
        standby.stop()
    expect_refusals(time.monotonic(), "after both standbys were stopped")
    waiting, connections = primary.sql(f"SELECT count(*) {WAITING}"), primary.sql(CONNECTIONS)
    say(f"{waiting[0][0]} commits wait for a standby, on {connections[0][0]} connections")
    since = time.monotonic()
    primary.sql(f"SELECT pg_terminate_backend(pid) {WAITING}")
    expect_refusals(since, "after the waiting commits were terminated")
    since = time.monotonic()
    primary.crash()
    cluster.until_writable(primary)
    expect_refusals(since, "after PostgreSQL crashed and was started again")
