# SPDX-License-Identifier: MIT
"""Network namespaces that play a host and its LAN, and what can be seen and sent in them."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time

import pytest

from engine import BACKENDS, Engine, await_that

LAN4, LAN6 = "192.0.2", "fd00:2:"

# What of a namespace is compared before and after; the engine may set these and no others.
ALLOWED = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv4.conf.default.forwarding",
           "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding",
           "net.ipv4.conf.all.accept_redirects")  # the kernel switches it with forwarding


class Namespace:
    """A network namespace, as long as its one process lives."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        await_that(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, "a namespace")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.run("ip", "link", "set", "lo", "up")
        # A new namespace has those of the host's that are not its own.
        self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")

    def words(self, *words):
        return ["nsenter", f"--net={self.path}", "--", *map(str, words)]

    def run(self, *words, check=True, timeout=30, **options):
        """Runs a program in the namespace and returns what it printed."""
        done = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=timeout,
                              check=False, **options)
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def start(self, *words, **options):
        return subprocess.Popen(self.words(*words), **options)

    def link_up(self, name):
        """Sets a link of the test's up: nobody else can have the address that it gives itself, so that
        nobody is asked for a second or two."""
        self.run("sysctl", "-q", "-w", f"net.ipv6.conf.{name}.accept_dad=0")
        self.run("ip", "link", "set", name, "up")

    def python(self, script, *arguments, **options):
        """Runs a script in the namespace."""
        return self.run(sys.executable, "-c", script, *arguments, **options)

    def reads(self, address, port, timeout=3):
        """What is read over TCP from an address, or None when nobody is there."""
        script = ("import socket,sys\n"
                  "s=socket.create_connection((sys.argv[1],int(sys.argv[2])),float(sys.argv[3]))\n"
                  "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
                  "d=b''\n"
                  "while True:\n"
                  " p=s.recv(65536)\n"
                  " d+=p\n"
                  " if not p: break\n"
                  "sys.stdout.write(d.decode())")
        done = subprocess.run(self.words(sys.executable, "-c", script, address, port, timeout),
                              capture_output=True, text=True, timeout=timeout + 20, check=False)
        return done.stdout if done.returncode == 0 else None

    def asks(self, address, port, text="ping", timeout=2):
        """What a datagram is answered with, or None."""
        script = ("import socket,sys\n"
                  "a=sys.argv[1]\n"
                  "s=socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET,socket.SOCK_DGRAM)\n"
                  "s.settimeout(float(sys.argv[4]))\n"
                  "s.sendto(sys.argv[3].encode(),(a,int(sys.argv[2])))\n"
                  "sys.stdout.write(s.recv(65536).decode())")
        done = subprocess.run(self.words(sys.executable, "-c", script, address, port, text, timeout),
                              capture_output=True, text=True, timeout=timeout + 20, check=False)
        return done.stdout if done.returncode == 0 else None

    def inventory(self):
        """Links, addresses, routes, rules and settings."""
        links = {f"link {word.split('@')[0]}" for word in
                 re.findall(r"^\d+: ([^:]+):", self.run("ip", "link"), re.M)}
        routes = {f"route {line.strip()}" for family in ("-4", "-6")
                  for line in self.run("ip", family, "route", "show", "table", "main").splitlines()}
        addresses = {f"address {entry['ifname']} {address['local']}/{address['prefixlen']}"
                     for entry in json.loads(self.run("ip", "-j", "address"))
                     for address in entry["addr_info"]}
        rules = {f"rule {line.strip()}" for line in
                 self.run("nft", "-s", "list", "ruleset").splitlines() if line.strip()}
        # Some cannot be read, which grep holds against itself.
        read = self.run("sh", "-c", "cd /proc/sys && exec grep -rsa . net/ipv4 net/ipv6", check=False)
        settings = {line for line in (line.replace("/", ".").replace(":", " = ", 1) for line in read.splitlines())
                    if not line.startswith(ALLOWED) and ".forwarding" not in line
                    and "stat" not in line and "random" not in line and "_key" not in line
                    and ".accept_ra =" not in line}
        assert len(settings) > 100
        return links | routes | addresses | rules | {f"setting {line}" for line in settings}

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Capture:
    """Listens to what comes to an interface while a block runs: `seen` are frames as bytes."""

    SCRIPT = ("import socket,sys,time\n"
              "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3))\n"
              "s.bind((sys.argv[1],0))\n"
              "s.settimeout(0.1)\n"
              "print('ready',flush=True)\n"
              "end=None\n"
              "import select\n"
              "while True:\n"
              " r,_,_=select.select([s,sys.stdin],[],[])\n"
              " if s in r:\n"
              "  f,a=s.recvfrom(65536)\n"
              "  if a[2]!=4: print(f.hex(),flush=True)\n"
              " elif sys.stdin in r: break\n")

    def __init__(self, namespace, interface):
        self.child = namespace.start(sys.executable, "-c", self.SCRIPT, interface,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        out, _ = self.child.communicate("\n", timeout=20)
        self.seen = [bytes.fromhex(line) for line in out.splitlines()]

    def having(self, mark):
        """The frames that have these bytes in them."""
        return [frame for frame in self.seen if mark in frame]


def send_frames(namespace, interface, *frames):
    """Sends frames from an interface as they are."""
    namespace.python("import socket,sys\n"
                     "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\n"
                     "s.bind((sys.argv[1],0))\n"
                     "for f in sys.argv[2:]: s.send(bytes.fromhex(f))\n",
                     interface, *(frame.hex() for frame in frames))


class Inside:
    """The network namespace of a running container, entered with the host's programs."""

    def __init__(self, pid):
        self.path = f"/proc/{pid}/ns/net"

    words = Namespace.words
    run = Namespace.run
    start = Namespace.start
    python = Namespace.python
    reads = Namespace.reads
    asks = Namespace.asks


class HostEngine(Engine):
    """The command, in a namespace that plays the host."""

    def __init__(self, host, *arguments, **options):
        super().__init__(*arguments, **options)
        self.host = host

    def argv(self, *words):
        return self.host.words(*super().argv(*words))

    def endpoints(self, id):
        """What a container has in its networks, by name."""
        return {entry["network"]: entry for entry in
                self("inspect", id).ok().json()["networks"]}

    def sql(self, statement):
        """Changes the database, as a program that was killed may have left it."""
        with sqlite3.connect(self.data / "state.db") as database:
            return database.execute(statement).fetchall()

    def monitor(self, id):
        """The pid of a container's monitor."""
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"lxcri-monitor" in words[0] and os.fsencode(str(self.root / "containers" / id)) in words:
                return int(entry)
        raise AssertionError(f"{id} has no monitor")

    def inside(self, id):
        return Inside(self.pid(id))


class World:
    """A host and its LAN: 192.0.2.1 and fd00:2::1 are the host's."""

    def __init__(self):
        self.host, self.lan = Namespace(), Namespace()
        self.host.run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "lan0",
                      "netns", self.lan.path)
        for namespace, interface, number in ((self.host, "uplink", 1), (self.lan, "lan0", 2)):
            namespace.run("ip", "address", "add", f"{LAN4}.{number}/24", "dev", interface)
            namespace.run("ip", "address", "add", f"{LAN6}:{number}/64", "dev", interface, "nodad")
            namespace.link_up(interface)
        # What the kernel does by itself counts in comparisons.
        for namespace in (self.host, self.lan):
            await_that(lambda ns=namespace: "tentative" not in ns.run("ip", "address"), "an address")
            await_that(lambda ns=namespace: "linkdown" not in ns.run("ip", "route"), "a carrier")

    def close(self):
        self.host.close()
        self.lan.close()


def serve(engine, box, *flags, text="hello", port=80):
    """Starts a web server and returns its id once it answers."""
    id = engine.id("web")
    engine("run", "--detach", *flags, "--image", box, id, "sh", "-c",
           f"mkdir /www; echo {text} >/www/index.html; exec httpd -f -p {port} -h /www").ok()
    inside = engine.inside(id)
    await_that(lambda: text in (inside.reads("127.0.0.1", port) or ""), "the server is there")
    return id


@pytest.fixture
def world():
    world = World()
    yield world
    world.close()


@pytest.fixture
def make_host_engine(world, work):
    """Makes engines of the host that leave it as they found it."""
    engines = []
    before = world.host.inventory()

    def make(backend="crun", **options):
        directory = work / f"n{len(engines)}"
        directory.mkdir()
        engines.append(HostEngine(world.host, directory, backend, **options))
        return engines[-1]

    yield make
    for one in engines:
        one.remove_all()
        for name in one("network", "list", "--quiet").lines:
            if name != "default":
                one("network", "remove", name).ok()
    deadline = time.monotonic() + 20
    while (difference := world.host.inventory() ^ before) and time.monotonic() < deadline:
        time.sleep(0.05)
    if difference:
        raise AssertionError(f"the host has changed: {sorted(difference)}")


@pytest.fixture(params=BACKENDS)
def lx(request, make_host_engine):
    """The command in the host's namespace, on each backend in turn."""
    return make_host_engine(request.param)


@pytest.fixture
def one(make_host_engine):
    """The same where the backend does not matter."""
    return make_host_engine("crun")
