# SPDX-License-Identifier: MIT
"""The name server by itself, in a network namespace of the test's, and clients that ask it."""

import contextlib
import os
import secrets
import socket
import struct
import subprocess
import threading

from engine import BUILD, TAG, await_that

A, CNAME, SOA, PTR, AAAA, SRV, ANY = 1, 5, 6, 12, 28, 33, 255
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
GATEWAY, PEER, STRANGER = "10.213.1.1", "10.213.1.2", "10.99.0.2"
GATEWAY6, PEER6 = "fd00:1:2:3::1", "fd00:1:2:3::2"


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


class Namespace:
    """Network namespaces of a host and of a container on its bridge, as `ip netns` keeps them."""

    def __init__(self):
        self.host, self.inner = (f"{TAG}-{word}{secrets.token_hex(2)}" for word in ("h", "c"))
        for name in (self.host, self.inner):
            run("ip", "netns", "add", name)
            self("ip", "link", "set", "lo", "up", where=name)
        self("ip", "link", "add", "br0", "type", "bridge")
        self("ip", "link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", self.inner)
        self("ip", "link", "set", "v0", "master", "br0", "up")
        self("ip", "link", "set", "br0", "up")
        self("ip", "address", "add", f"{GATEWAY}/24", "dev", "br0")
        self("ip", "address", "add", f"{GATEWAY6}/64", "dev", "br0", "nodad")
        for address in (f"{PEER}/24", f"{STRANGER}/24", f"{PEER6}/64"):
            more = ["nodad"] if ":" in address else []
            self("ip", "address", "add", address, "dev", "eth0", *more, where=self.inner)
        self("ip", "link", "set", "eth0", "up", where=self.inner)
        self("ip", "route", "add", "default", "via", GATEWAY, where=self.inner)
        self("ip", "route", "add", f"{STRANGER}/32", "dev", "br0")

    def __call__(self, *words, where=None, **options):
        return run("ip", "netns", "exec", where or self.host, *words, **options)

    def close(self):
        for name in (self.host, self.inner):
            run("ip", "netns", "delete", name)

    @contextlib.contextmanager
    def inside(self, where=None):
        """The calling thread is in the namespace meanwhile: sockets made there stay there."""
        libc = __import__("ctypes").CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{where or self.host}") as other:
            assert libc.setns(other.fileno(), 0x40000000) == 0
            try:
                yield
            finally:
                assert libc.setns(own.fileno(), 0x40000000) == 0


class NameServer:
    """lxcri-dns, told what to do as `serve` does it."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.counters_fd = os.memfd_create("counters")
        os.ftruncate(self.counters_fd, 4096)

        def place():
            keep = [os.dup2(fd, 100 + i) for i, fd in enumerate((theirs.fileno(), self.counters_fd))]
            for i, fd in enumerate(keep):
                os.dup2(fd, 3 + i, inheritable=True)

        with namespace.inside():
            self.process = subprocess.Popen([str(BUILD / "lxcri-dns")], close_fds=False, preexec_fn=place,
                                            stdin=subprocess.DEVNULL, env={"LXCRI_TEST": TAG})
        theirs.close()

    def close(self):
        self.control.close()
        assert self.process.wait(5) == 0
        os.close(self.counters_fd)

    def tell(self, text, fds=()):
        socket.send_fds(self.control, [text.encode()], list(fds))

    def listen(self, name="net", gateways=(GATEWAY, GATEWAY6), subnets=("10.213.1.0/24", "fd00:1:2:3::/64")):
        sockets = []
        with self.namespace.inside():
            for gateway in gateways:
                family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    one = socket.socket(family, kind)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.setblocking(False)
                    one.bind((gateway, 53))
                    if kind == socket.SOCK_STREAM:
                        one.listen(64)
                    sockets.append(one)
        self.tell(" ".join(["network", name, *subnets]), [one.fileno() for one in sockets])
        for one in sockets:
            one.close()

    def zone(self, text, name="net"):
        self.send("zone", text, name)

    def guests(self, text, name="net"):
        self.send("guests", text, name)

    def send(self, word, text, name):
        fd = os.memfd_create(word)
        os.write(fd, text.encode())
        self.tell(f"{word} {name}", [fd])
        os.close(fd)

    def counters(self):
        names = ("queries", "answered", "absent", "forwarded", "cached", "failed", "refused", "foreign",
                 "connections")
        return dict(zip(names, struct.unpack("<9Q", os.pread(self.counters_fd, 72, 0))))


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def question(name, kind=A, id=1, flags=0x0100, edns=None, cls=1):
    more = b"" if edns is None else b"\0" + struct.pack(">HHIH", 41, edns, 0, 0)
    return struct.pack(">6H", id, flags, 1, 0, 0, bool(more)) + name_bytes(name) + struct.pack(">2H", kind, cls) + more


class Answer:
    """What came back, taken apart."""

    def __init__(self, data):
        self.data = data
        self.id, self.flags, questions, answers, authority, additional = struct.unpack(">6H", data[:12])
        self.rcode, self.truncated = self.flags & 15, bool(self.flags & 0x200)
        self.authoritative = bool(self.flags & 0x400)
        offset = 12
        for _ in range(questions):
            self.question, offset = self.name(offset)
            offset += 4
        self.answers, offset = self.records(offset, answers)
        self.authority, offset = self.records(offset, authority)
        self.additional, offset = self.records(offset, additional)
        assert offset == len(data)

    def name(self, offset):
        labels = []
        end = None
        while self.data[offset]:
            if self.data[offset] >= 0xC0:
                end = end or offset + 2
                offset = struct.unpack(">H", self.data[offset:offset + 2])[0] & 0x3FFF
                continue
            length = self.data[offset]
            labels.append(self.data[offset + 1:offset + 1 + length].decode())
            offset += length + 1
        return ".".join(labels), end or offset + 1

    def records(self, offset, count):
        found = []
        for _ in range(count):
            name, offset = self.name(offset)
            kind, _, ttl, size = struct.unpack(">HHIH", self.data[offset:offset + 10])
            data = self.data[offset + 10:offset + 10 + size]
            if kind in (A, AAAA):
                data = socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data)
            elif kind in (PTR, CNAME):
                data = self.name(offset + 10)[0]
            found.append((name, kind, ttl, data))
            offset += 10 + size
        return found, offset

    @property
    def values(self):
        return [data for _, _, _, data in self.answers]


class Client:
    """Asks from inside the container's namespace."""

    def __init__(self, namespace, source=PEER, server=GATEWAY):
        self.namespace, self.source, self.server = namespace, source, server
        self.family = socket.AF_INET6 if ":" in server else socket.AF_INET

    def socket(self, kind, timeout=3):
        with self.namespace.inside(self.namespace.inner):
            one = socket.socket(self.family, kind)
        one.settimeout(timeout)
        one.bind((self.source, 0))
        if kind == socket.SOCK_DGRAM:
            one.connect((self.server, 53))
        return one

    def send(self, packet, timeout=3):
        """Sends a datagram and returns the answer; None when there is none in time."""
        with self.socket(socket.SOCK_DGRAM, timeout) as one:
            one.send(packet)
            try:
                return Answer(one.recv(65535))
            except (TimeoutError, ConnectionRefusedError):
                return None

    def ask(self, name, kind=A, **options):
        timeout = options.pop("timeout", 3)
        return self.send(question(name, kind, **options), timeout)

    def connect(self, timeout=3):
        one = self.socket(socket.SOCK_STREAM, timeout)
        one.connect((self.server, 53))
        return one

    def ask_tcp(self, name, kind=A, connection=None, **options):
        one = connection or self.connect()
        packet = question(name, kind, **options)
        one.sendall(struct.pack(">H", len(packet)) + packet)
        answer = Answer(receive(one))
        if not connection:
            one.close()
        return answer


def receive(connection):
    """Reads one message of a connection."""
    data = b""
    size = 2
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionResetError("closed by the server")
        data += more
        if size == 2 and len(data) == 2:
            size += struct.unpack(">H", data)[0]
    return data[2:]


class Resolver:
    """Another name server, over UDP and TCP, that answers as a function says: bytes, or a list of
    them, or None. It runs in the namespace of the host."""

    def __init__(self, namespace, answer, address="127.0.0.53"):
        self.answer, self.asked = answer, []
        with namespace.inside():
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for one in (self.udp, self.tcp):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, 53))
            one.settimeout(0.1)
        self.tcp.listen(8)
        self.over = False
        self.threads = [threading.Thread(target=target) for target in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    def close(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    def replies(self, packet, source):
        self.asked.append((packet, source))
        found = self.answer(packet)
        return [] if found is None else found if isinstance(found, list) else [found]

    def serve_udp(self):
        while not self.over:
            with contextlib.suppress(TimeoutError):
                packet, source = self.udp.recvfrom(65535)
                for reply in self.replies(packet, source):
                    self.udp.sendto(reply, source)

    def serve_tcp(self):
        while not self.over:
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection, source = self.tcp.accept()
                with connection:
                    connection.settimeout(2)
                    for reply in self.replies(receive(connection), source)[:1]:
                        connection.sendall(struct.pack(">H", len(reply)) + reply)


def reply(packet, records=(), rcode=0, flags=0x8180, authority=(), id=None, asked=None):
    """An answer to the query @packet with (name, type, ttl, data) in it."""
    end = packet.index(b"\0", 12) + 5
    head = struct.pack(">6H", struct.unpack(">H", packet[:2])[0] if id is None else id, flags | rcode, 1,
                       len(records), len(authority), 0)
    body = b"".join(name_bytes(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data
                    for name, kind, ttl, data in (*records, *authority))
    return head + (packet[12:end] if asked is None else asked) + body


def soa(name, ttl=60, least=30):
    return (name, SOA, ttl, b"\0\0" + struct.pack(">5I", 1, 2, 3, 4, least))


def ready(client, name="web"):
    """Waits until the server has been told of the zone."""
    def answered():
        found = client.ask(name, timeout=0.3)
        return found is not None and found.rcode == NOERROR and found.answers
    await_that(answered, "the server answers")

