# SPDX-License-Identifier: MIT
"""A bridge of the host that leads to a LAN, and servers of DHCP there: Debian's dnsmasq, and one that
does what it is told, also what no server should."""

import json
import os
import pathlib
import socket
import struct
import sys
import time

import pytest

from engine import IMAGES, await_that

BRIDGE = "vmbr0"
COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, _, ACK, NAK, RELEASE = range(1, 8)

GOOD = {"address": "10.77.0.50", "mask": "255.255.255.0", "router": "10.77.0.1", "dns": ["10.77.0.1"],
        "domain": "lan.example", "lease": 3600, "server": "10.77.0.1"}


def option(code, value):
    return bytes([code, len(value)]) + value


def packed(*addresses):
    return b"".join(map(socket.inet_aton, addresses))


def options_of(rules):
    """The options of an answer, but for its type."""
    said = option(54, packed(rules["server"]))
    for key, code in (("mask", 1), ("router", 3)):
        if rules.get(key):
            said += option(code, packed(rules[key]))
    if rules.get("dns"):
        said += option(6, packed(*rules["dns"]))
    if rules.get("domain"):
        said += option(15, rules["domain"].encode())
    for key, code in (("lease", 51), ("t1", 58), ("t2", 59)):
        if rules.get(key) is not None:
            said += option(code, struct.pack(">I", rules[key]))
    if rules.get("mtu"):
        said += option(26, struct.pack(">H", rules["mtu"]))
    return said + bytes.fromhex(rules.get("more", ""))


def answer(question, kind, rules):
    """A message of type @kind to who has sent @question."""
    transaction = struct.unpack(">I", question[4:8])[0] + rules.get("transaction", 0)
    yours = b"\0" * 4 if kind == NAK else packed(rules["address"])
    head = b"\2\1\6\0" + struct.pack(">I", transaction & 0xffffffff) + b"\0" * 8 + yours + b"\0" * 8
    said = options_of(rules)
    file = b""
    if rules.get("overload"):
        said, file = option(52, b"\1"), said + b"\xff"
    return head + question[28:44] + b"\0" * 64 + file.ljust(128, b"\0") + COOKIE + \
        option(53, bytes([kind])) + said + bytes([255]) + b"\0" * rules.get("padding", 0)


def asked(question):
    """What a question says, as a test reads it."""
    found, rest = {}, question[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        found[rest[0]], rest = rest[2:2 + rest[1]], rest[2 + rest[1]:]
    return {"type": found[53][0], "client": socket.inet_ntoa(question[12:16]),
            "wanted": socket.inet_ntoa(found[50]) if 50 in found else None,
            "server": socket.inet_ntoa(found[54]) if 54 in found else None,
            "hostname": found.get(12, b"").decode(), "mac": question[28:34].hex(":")}


def serve(interface, rules_path):
    """Answers on an interface as the file says that is read anew each time, and prints what it was asked."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    one.bind(("", 67))
    print("ready", flush=True)
    while True:
        question, _ = one.recvfrom(2048)
        said = asked(question)
        print(json.dumps(said), flush=True)
        rules = json.loads(pathlib.Path(rules_path).read_text())
        rules = rules.get(said["mac"], rules)
        kind = {DISCOVER: OFFER, REQUEST: NAK if rules.get("nak") else ACK}.get(said["type"])
        if kind and str(kind) not in rules.get("silent", []):
            given = {**rules, **rules.get("ack", {})} if kind == ACK else rules
            one.sendto(answer(question, kind, given), ("255.255.255.255", 68))


class Server:
    """A server on the LAN that does what it is told."""

    def __init__(self, site, directory):
        self.rules_path = directory / "rules.json"
        self.log_path = directory / "asked"
        self.tell()
        with self.log_path.open("w") as log:
            self.child = site.lan.start(sys.executable, __file__, "lan1", self.rules_path, stdout=log)
        await_that(lambda: "ready" in self.log_path.read_text(), "the server is there")

    def tell(self, **rules):
        new = self.rules_path.with_suffix(".new")
        new.write_text(json.dumps({**GOOD, **rules}))
        os.rename(new, self.rules_path)

    def tell_each(self, rules):
        """Has it do something else for each client, by MAC address."""
        self.tell(**{mac: {**GOOD, **one} for mac, one in rules.items()})

    def asked(self, kind=None):
        """What it was asked so far."""
        lines = [json.loads(line) for line in self.log_path.read_text().splitlines()[1:]]
        return [line for line in lines if kind in (None, line["type"])]

    def close(self):
        self.child.kill()
        self.child.wait()


class Dnsmasq:
    """Debian's dnsmasq as the server of the LAN."""

    def __init__(self, site, directory, *flags):
        self.leases = directory / "leases"
        self.log_path = directory / "dnsmasq.log"
        with self.log_path.open("w") as log:
            self.child = site.lan.start(
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
                "--interface=lan1", "--bind-interfaces", "--pid-file=", f"--dhcp-leasefile={self.leases}",
                "--dhcp-range=10.77.0.100,10.77.0.150,2m", "--dhcp-option=option:router,10.77.0.1",
                "--dhcp-option=option:dns-server,10.77.0.1,10.77.0.3", "--domain=lan.example",
                "--no-ping", "--log-dhcp", "--log-facility=-", *flags, stderr=log)
        await_that(lambda: "DHCP, IP range" in self.log_path.read_text(), "dnsmasq is there")

    def close(self):
        self.child.terminate()
        self.child.wait()
        print(self.log_path.read_text())  # is shown when the test has failed


class Site:
    """A host with a bridge to a LAN, whose 10.77.0.1 and fd77::1 is."""

    def __init__(self, world):
        self.host, self.lan = world.host, world.lan
        self.host.run("ip", "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0")
        self.host.run("ip", "link", "add", "port0", "type", "veth", "peer", "name", "lan1", "netns", self.lan.path)
        # What addresses they would get by themselves, and when, is not the engine's doing.
        for name in (BRIDGE, "port0"):
            self.host.run("ip", "link", "set", name, "addrgenmode", "none")
        self.host.run("ip", "link", "set", "port0", "address", "fa:ff:ff:ff:ff:ff")
        self.host.run("ip", "link", "set", "port0", "master", BRIDGE, "up")
        self.host.run("ip", "link", "set", BRIDGE, "up")
        self.lan.run("ip", "address", "add", "10.77.0.1/24", "dev", "lan1")
        self.lan.run("ip", "address", "add", "fd77::1/64", "dev", "lan1", "nodad")
        self.lan.link_up("lan1")
        for namespace in (self.host, self.lan):
            await_that(lambda ns=namespace: "tentative" not in ns.run("ip", "address"), "an address")
        await_that(lambda: "forwarding" in self.host.run("ip", "-d", "link", "show", "port0") and
                   "state UP" in self.host.run("ip", "link", "show", BRIDGE), "the bridge forwards")
        self.before = self.look()

    def look(self):
        """All that the host has of the bridge and its ports, but for counters."""
        links = json.loads(self.host.run("ip", "-d", "-j", "link"))
        of_bridge = [link for link in links if link.get("master") == BRIDGE or link["ifname"] == BRIDGE]
        for link in of_bridge:
            for counter in ("hello_timer", "tcn_timer", "topology_change_timer", "gc_timer", "fdb_n_learned"):
                link.get("linkinfo", {}).get("info_data", {}).pop(counter, None)
        return sorted(of_bridge, key=lambda link: link["ifname"])

    def is_as_before(self):
        """Asserts that the bridge and its ports are as they were, at the latest after some seconds."""
        deadline = time.monotonic() + 20
        while (now := self.look()) != self.before:
            assert time.monotonic() < deadline, (self.before, now)
            time.sleep(0.05)

    @staticmethod
    def ping(namespace, address):
        namespace.run(IMAGES / "busybox.static", "ping", "-c", "1", "-W", "3", address)

    def ports(self):
        return {link["ifname"] for link in json.loads(self.host.run("ip", "-j", "link"))
                if link.get("master") == BRIDGE} - {"port0"}


def nothing_is_left(engine, site):
    """Asserts that no container is there, and nothing of one on the host or in the database."""
    site.is_as_before()
    assert engine.list() == []
    assert not (engine.data / "state.db").exists() or engine.sql("SELECT * FROM lan") == []


@pytest.fixture
def site(world):
    return Site(world)


@pytest.fixture
def server(site, work):
    server = Server(site, work)
    yield server
    server.close()


@pytest.fixture
def dnsmasq(site, work):
    servers = []

    def make(*flags):
        servers.append(Dnsmasq(site, work, *flags))
        return servers[-1]

    yield make
    for one in servers:
        one.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
