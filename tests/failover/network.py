"""The network of the nodes: a namespace for each of them, or the loopback interface."""

import os
import socket
import subprocess
import time
from dataclasses import dataclass

from . import Failure
from .processes import Processes


# The number of the service and the clients in the network. The nodes are 1 to 3.
HERE = 254


@dataclass
class Address:
    """Where the programs of a node listen, and what comes before their command lines."""

    host: str
    # Where the clients reach a service on the node, even if it is cut off from everything else.
    control: str
    postgres: int
    patroni: int
    etcd: int
    etcd_peer: int
    prefix: list


class Namespaces:
    """Each node has a network namespace of its own, with a cable to a switch in the namespace of
    this process, and a second one for the clients. All of it disappears with the processes."""

    can_cut = True

    def __init__(self, processes: Processes):
        self.processes = processes
        ip("link", "set", "lo", "up")
        ip("link", "add", "switch", "address", mac(HERE), "type", "bridge")
        ip("address", "add", f"10.77.0.{HERE}/24", "dev", "switch")
        ip("link", "set", "switch", "up")
        know_neighbours("switch", HERE, [])

    def add(self, number: int) -> Address:
        holder = self.processes.start(["unshare", "--net", "sleep", "infinity"]).pid
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{holder}/ns/net") == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > deadline:
                raise Failure("no network namespace was created")
            time.sleep(0.01)
        prefix = ["nsenter", f"--net=/proc/{holder}/ns/net", "--"]
        host, control = f"10.77.0.{number}", f"10.78.{number}.1"
        ip("link", "set", "lo", "up", prefix=prefix)
        pair(cable(number), "eth0", holder)
        ip("link", "set", cable(number), "master", "switch", "up")
        ip("address", "add", f"{host}/24", "dev", "eth0", prefix=prefix)
        ip("link", "set", "eth0", "address", mac(number), "up", prefix=prefix)
        know_neighbours("eth0", number, prefix)
        pair(f"control{number}", "eth1", holder)
        ip("address", "add", f"10.78.{number}.2/30", "dev", f"control{number}")
        ip("link", "set", f"control{number}", "up")
        ip("address", "add", f"{control}/30", "dev", "eth1", prefix=prefix)
        ip("link", "set", "eth1", "up", prefix=prefix)
        return Address(host, control, 5432, 8008, 2379, 2380, prefix)

    def cut(self, number: int) -> None:
        """Cuts a node off, silently: both ends of the cable stay up, and nothing is refused."""
        ip("link", "set", cable(number), "nomaster")

    def heal(self, number: int) -> None:
        ip("link", "set", cable(number), "master", "switch")


class Loopback:
    """All nodes share the loopback interface, on free ports. None can be cut off."""

    can_cut = False

    def __init__(self, _processes: Processes):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(12)]
        self.ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()

    def add(self, number: int) -> Address:
        return Address("127.0.0.1", "127.0.0.1", *self.ports[4 * number - 4:4 * number], [])


def pair(here: str, there: str, holder: int) -> None:
    """Adds a cable between this namespace and that of a process."""
    ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", str(holder))


def cable(number: int) -> str:
    """The end of a node's cable at the switch."""
    return f"cable{number}"


def mac(number: int) -> str:
    return f"02:00:00:00:00:{number:02x}"


def know_neighbours(device: str, own: int, prefix: list) -> None:
    """Without this, connections to a node that is cut off fail after three seconds, because nobody
    answers for its address. Behind a router they would wait for an answer."""
    for number in {1, 2, 3, HERE} - {own}:
        ip("neighbour", "add", f"10.77.0.{number}", "lladdr", mac(number), "dev", device,
           "nud", "permanent", prefix=prefix)


def ip(*command: str, prefix: list = ()) -> None:
    done = subprocess.run([*prefix, "ip", *command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"ip {' '.join(command)}: {done.stderr.strip()}")
