# SPDX-License-Identifier: MIT
"""The name server: what it answers, to whom, and what it makes of packets and resolvers that mean no
good. It runs by itself in a network namespace of the test's."""

import os
import random
import socket
import struct
import subprocess
import time

import pytest

from engine import await_that, is_soon
from nameserver import (A, AAAA, ANY, CNAME, FORMERR, GATEWAY, GATEWAY6, NOERROR, NOTIMP, NXDOMAIN, PEER,
                        PEER6, PTR, REFUSED, SERVFAIL, SOA, SRV, STRANGER, Client, NameServer, Namespace,
                        Resolver, name_bytes, question, ready, receive, reply, soa)

ZONE = """ttl 5
origin cluster.local
subnet 10.213.1.0/24
subnet fd00:1:2:3::/64
address web 10.213.1.2
address web fd00:1:2:3::2
address web-0.web.default.svc.cluster.local 10.213.1.2
address web.default.svc.cluster.local 10.213.1.2
service _http._tcp.web.default.svc.cluster.local 80 web-0.web.default.svc.cluster.local
pointer 10.213.1.2 web-0.web.default.svc.cluster.local
"""


@pytest.fixture(scope="module")
def namespace():
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def server(namespace):
    made = NameServer(namespace)
    made.listen()
    made.zone(ZONE)
    ready(Client(namespace))
    yield made
    made.close()


@pytest.fixture
def client(namespace):
    return Client(namespace)


@pytest.fixture
def make_resolver(namespace, server):
    made = []

    def make(answer, address="127.0.0.53"):
        made.append(Resolver(namespace, answer, address))
        server.tell("resolvers " + " ".join(f"127.0.0.{53 + i}" for i in range(len(made))))
        return made[-1]

    yield make
    for one in made:
        one.close()


def dig(namespace, *words):
    return namespace("dig", f"@{GATEWAY}", "+short", "+tries=1", "+timeout=3", *words,
                     where=namespace.inner).split("\n")[:-1]


def test_dig_finds_names_services_and_addresses(namespace, server):
    assert dig(namespace, "web") == [PEER]
    assert dig(namespace, "web", "AAAA") == ["fd00:1:2:3::2"]
    assert dig(namespace, "+tcp", "WEB.default.svc.cluster.local") == [PEER]
    assert dig(namespace, "_http._tcp.web.default.svc.cluster.local", "SRV") == [
        "0 100 80 web-0.web.default.svc.cluster.local."]
    assert dig(namespace, "-x", PEER) == ["web-0.web.default.svc.cluster.local."]
    assert dig(namespace, "cluster.local", "SOA")[0].startswith("ns.dns.cluster.local. hostmaster.")


def test_both_families_of_addresses_are_served(namespace, server):
    client = Client(namespace, PEER6, GATEWAY6)
    assert client.ask("web").values == [PEER]
    assert client.ask_tcp("web", AAAA).values == ["fd00:1:2:3::2"]


def test_an_absence_is_told_from_an_empty_name(client, server):
    gone = client.ask("gone.default.svc.cluster.local")
    assert gone.rcode == NXDOMAIN and gone.authoritative
    empty = client.ask("web.default.svc.cluster.local", AAAA)
    assert empty.rcode == NOERROR and not empty.answers
    for answer in (gone, empty):
        assert [(name, kind, ttl) for name, kind, ttl, _ in answer.authority] == [("cluster.local", SOA, 5)]


def test_who_is_not_of_the_network_gets_no_answer(namespace, server):
    """A control first: the same packet from an address of the network is answered."""
    assert Client(namespace).ask("web").values == [PEER]
    stranger = Client(namespace, STRANGER)
    assert stranger.ask("web", timeout=0.5) is None
    with pytest.raises(ConnectionError):
        stranger.ask_tcp("web")
    assert server.counters()["foreign"] == 2


def test_a_network_knows_its_own_names_alone(namespace, server, client):
    """Another network on the same server, with a zone of its own."""
    namespace("ip", "address", "add", "10.213.2.1/24", "dev", "br0")
    namespace("ip", "address", "add", "10.213.2.2/24", "dev", "eth0", where=namespace.inner)
    try:
        server.listen("other", ["10.213.2.1"], ["10.213.2.0/24"])
        server.zone("origin cluster.local\naddress db 10.213.2.2\n", "other")
        other = Client(namespace, "10.213.2.2", "10.213.2.1")
        ready(other, "db")
        assert client.ask("db").rcode == NXDOMAIN
        assert other.ask("web").rcode == NXDOMAIN
        server.tell("drop other")
        assert await_that(lambda: other.ask("db", timeout=0.2) is None, "the network is gone")
        assert client.ask("web").values == [PEER]
    finally:
        namespace("ip", "address", "delete", "10.213.2.1/24", "dev", "br0")
        namespace("ip", "address", "delete", "10.213.2.2/24", "dev", "eth0", where=namespace.inner)


@pytest.fixture
def shared(namespace):
    """A server whose sockets are for guests of two networks that have none of their own."""
    made = NameServer(namespace)
    made.listen("lan", subnets=[])
    for name, text in (("net", ZONE), ("other", "origin cluster.local\naddress db 10.213.2.2\n")):
        made.tell(f"network {name}")
        made.zone(text, name)
    yield made
    made.close()


def test_guests_know_the_names_of_their_own_network_alone(namespace, shared):
    one, two = Client(namespace), Client(namespace, STRANGER)
    shared.guests(f"{PEER} net\n{STRANGER} other\n{PEER6} other\n", "lan")
    ready(one)
    for ask in (one.ask, one.ask_tcp):
        assert ask("web").values == [PEER] and ask("db").rcode == NXDOMAIN
    for client in (two, Client(namespace, PEER6, GATEWAY6)):
        for ask in (client.ask, client.ask_tcp):
            assert ask("db").values == ["10.213.2.2"] and ask("web").rcode == NXDOMAIN
    # One who is of another network from now on.
    shared.guests(f"{PEER} other\n", "lan")
    ready(one, "db")


def test_who_is_no_guest_is_refused(namespace, shared):
    one, stranger = Client(namespace), Client(namespace, STRANGER)
    assert one.ask("web", timeout=0.5) is None
    shared.guests("", "lan")
    assert await_that(lambda: one.ask("web", timeout=0.5), "it is told").rcode == REFUSED
    shared.guests(f"{PEER} net\n", "lan")
    ready(one)
    for name in ("web", "example.org"):
        found = stranger.ask(name)
        assert (found.rcode, found.values) == (REFUSED, [])
    with pytest.raises(ConnectionError):
        stranger.ask_tcp("web")
    # What makes no sense changes nothing, and what an answer has went to nobody else.
    shared.guests(f"{STRANGER} net\nnonsense\n", "lan")
    assert stranger.ask("web").rcode == REFUSED and one.ask("web").values == [PEER]


def test_a_guest_of_a_network_that_is_not_known_yet_is_to_come_again(namespace, shared):
    client = Client(namespace)
    shared.guests(f"{PEER} new\n", "lan")
    assert await_that(lambda: client.ask("web", timeout=0.5), "it is told").rcode == SERVFAIL
    shared.tell("network new")
    shared.zone(ZONE, "new")
    ready(client)
    shared.tell("drop new")
    await_that(lambda: (found := client.ask("web")) and found.rcode == SERVFAIL, "it is gone")
    shared.tell("drop lan")
    await_that(lambda: client.ask("web", timeout=0.2) is None, "nobody listens")


def test_a_zone_is_replaced_while_it_is_asked(client, server):
    for i in range(2, 30):
        server.zone(f"address web 10.213.1.{i}\n")
        await_that(lambda i=i: client.ask("web").values == [f"10.213.1.{i}"], "the new zone")


def test_a_broken_zone_changes_nothing(client, server):
    server.zone("address web 10.213.1.300\n")
    server.zone("nonsense\n")
    assert client.ask("web").values == [PEER]


def test_what_is_too_long_comes_over_a_connection(client, server):
    server.zone("".join(f"address many.cluster.local 10.213.{i // 250}.{i % 250 + 1}\n" for i in range(3000))
                + "address web 10.213.1.2\n")
    await_that(lambda: client.ask("many.cluster.local").answers, "the new zone")
    short = client.ask("many.cluster.local")
    assert short.truncated and len(short.data) <= 512
    longer = client.ask("many.cluster.local", edns=4096)
    assert longer.truncated and 512 < len(longer.data) <= 1232
    whole = client.ask_tcp("many.cluster.local")
    assert not whole.truncated and len(set(whole.values)) == 3000


def test_load_is_spread_over_the_addresses_of_a_name(client, server):
    server.zone("".join(f"address many.cluster.local 10.213.1.{i}\n" for i in range(1, 5)))
    await_that(lambda: client.ask("many.cluster.local").answers, "the new zone")
    first = [client.ask("many.cluster.local", id=i).values for i in range(8)]
    assert all(len(values) == 4 for values in first)
    assert len({values[0] for values in first}) == 4


BAD = {
    "no question": (struct.pack(">6H", 1, 0x100, 0, 0, 0, 0), FORMERR),
    "many questions": (struct.pack(">6H", 1, 0x100, 65535, 0, 0, 0) + name_bytes("web") + b"\0\1\0\1", FORMERR),
    "a name that points to itself": (struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", FORMERR),
    "two names that point to each other": (
        struct.pack(">6H", 1, 0x100, 1, 0, 0, 1) + b"\xc0\x10\0\1\xc0\x0c\0\1\0\1", FORMERR),
    "a name of 300 bytes": (struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + name_bytes(".".join(["a" * 50] * 6))
                            + b"\0\1\0\1", FORMERR),
    "a label that goes beyond the end": (struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\x3fa", FORMERR),
    "a reserved label": (struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\x80a\0\0\1\0\1", FORMERR),
    "65535 records that are not there": (
        struct.pack(">6H", 1, 0x100, 1, 65535, 65535, 65535) + name_bytes("web") + b"\0\1\0\1", FORMERR),
    "a record longer than the packet": (question("web", edns=1232)[:-2] + b"\xff\xff", FORMERR),
    "two EDNS records": (struct.pack(">6H", 1, 0x100, 1, 0, 0, 2) + name_bytes("web") + b"\0\1\0\1"
                         + 2 * (b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0)), FORMERR),
    "an unknown version of EDNS": (question("web", edns=1232)[:-5] + b"\7\0\0\0\0", NOERROR),
    "an update": (question("web", flags=0x2800), NOTIMP),
    "a notification": (question("web", flags=0x2000), NOTIMP),
    "a zone transfer": (question("cluster.local", 252), REFUSED),
    "the class CHAOS": (question("version.bind", 16, cls=3), REFUSED),
    "a foreign name without recursion": (question("www.example", flags=0), REFUSED),
    "1100 bytes": (question("web") + bytes(1100), FORMERR),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_packet_is_answered_as_such(client, server, what):
    packet, rcode = BAD[what]
    answer = client.send(packet)
    assert answer.rcode == rcode and not answer.answers
    assert client.ask("web").values == [PEER]


@pytest.mark.parametrize("packet", [b"", b"\0", b"\0\1\1\0\0\1\0\0\0\0\0", question("web", flags=0x8180)],
                         ids=["nothing", "a byte", "half a header", "an answer"])
def test_what_is_no_query_gets_no_answer(client, server, packet):
    assert client.send(packet, timeout=0.3) is None
    assert client.ask("web").values == [PEER]


def test_a_flood_of_garbage_harms_nobody(client, server):
    noise = random.Random(1)
    with client.socket(socket.SOCK_DGRAM) as one:
        for i in range(20000):
            good = bytearray(question("web", id=i))
            for _ in range(noise.randrange(1, 6)):
                good[noise.randrange(len(good))] = noise.randrange(256)
            one.send(bytes(good) if i % 2 else noise.randbytes(noise.randrange(1, 600)))
    await_that(lambda: client.ask("web", timeout=0.5), "it answers")
    assert server.process.poll() is None


def memory_kib(process):
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def test_ten_thousand_connections_keep_nobody_from_an_answer(client, server):
    """Those that say nothing make room for those that do."""
    silent = []
    try:
        for i in range(10000):
            with client.connect() as one:
                if i % 10 == 0:
                    silent.append(one.dup())
            if i % 1000 == 0:
                assert client.ask_tcp("web").values == [PEER]
                assert client.ask("web").values == [PEER]
        await_that(lambda: server.counters()["connections"] >= 10000, "the last of them to be accepted")
        fds = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        assert fds < 100 and memory_kib(server.process) < 8 << 10
    finally:
        for one in silent:
            one.close()


def test_who_is_slow_waits_alone(client, server):
    """One byte now and then, and answers that nobody reads."""
    server.zone("".join(f"address many.cluster.local 10.213.{i // 250}.{i % 250 + 1}\n" for i in range(3000))
                + "address web 10.213.1.2\n")
    await_that(lambda: client.ask("many.cluster.local").answers, "the new zone")
    deaf = client.connect()
    packet = question("many.cluster.local")
    deaf.settimeout(0.2)
    try:
        for _ in range(100):
            deaf.sendall(struct.pack(">H", len(packet)) + packet)
    except (TimeoutError, ConnectionError):
        pass
    slow = client.connect()
    packet = struct.pack(">H", 500) + question("web")
    closed = None
    start = time.monotonic()
    for i in range(100):
        before = time.monotonic()
        assert client.ask("web").values == [PEER]
        assert client.ask_tcp("web").values == [PEER]
        assert is_soon(before, 0.5)
        try:
            slow.send(packet[i % len(packet):][:1])
        except ConnectionError:
            closed = time.monotonic() - start
            break
        time.sleep(0.1)
    assert closed and 4 < closed < 8, closed
    slow.close()
    deaf.close()


def test_queries_in_one_connection_are_answered_in_order(client, server):
    with client.connect() as one:
        packets = [question("web", id=i) for i in range(50)]
        one.sendall(b"".join(struct.pack(">H", len(packet)) + packet for packet in packets))
        assert [struct.unpack(">H", receive(one)[:2])[0] for _ in packets] == list(range(50))


def address(packet, text="192.0.2.1", ttl=60, **options):
    name = "www.example"
    return reply(packet, [(name, A, ttl, socket.inet_aton(text))], **options)


def test_other_names_are_asked_of_the_resolver_and_kept(client, server, make_resolver):
    resolver = make_resolver(address)
    assert client.ask("www.example").values == ["192.0.2.1"]
    assert client.ask("WWW.example").question == "WWW.example"
    assert client.ask_tcp("www.example").values == ["192.0.2.1"]
    assert len(resolver.asked) == 1
    assert server.counters()["cached"] == 2
    time.sleep(2.1)
    (_, _, ttl, _), = client.ask("www.example").answers
    assert ttl in (57, 58)


def test_an_alias_leads_to_names_of_others(namespace, client, server, make_resolver):
    server.zone(ZONE + "alias db.default.svc.cluster.local db.example.org\nalias near.default.svc.cluster.local web\n")
    ready(client, "near.default.svc.cluster.local")
    answers = [("db.example.org", CNAME, 60, name_bytes("other.example.net")),
               ("other.example.net", A, 60, socket.inet_aton("192.0.2.7")), ("other.example.net", A, 60, socket.inet_aton("192.0.2.8"))]
    resolver = make_resolver(lambda packet: reply(packet, answers))
    for ask in (client.ask, client.ask_tcp, client.ask):  # the last one is of what is kept
        found = ask("DB.default.svc.cluster.local")
        assert found.question == "DB.default.svc.cluster.local" and found.rcode == NOERROR
        assert [(name, kind, data) for name, kind, _, data in found.answers] == [
            ("DB.default.svc.cluster.local", CNAME, "db.example.org"),
            ("db.example.org", A, "192.0.2.7"), ("db.example.org", A, "192.0.2.8")]
    assert len(resolver.asked) == 1 and b"\2db\7example\3org" in resolver.asked[0][0]
    # What there is not is told, and what is ours does not leave.
    resolver.answer = lambda packet: reply(packet, rcode=NXDOMAIN, authority=[soa("org")])
    gone = client.ask("db.default.svc.cluster.local", AAAA)
    assert gone.rcode == NXDOMAIN and gone.values == ["db.example.org"]
    assert client.ask("near.default.svc.cluster.local").values == ["web", PEER] and len(resolver.asked) == 2
    assert dig(namespace, "db.default.svc.cluster.local") == ["db.example.org.", "192.0.2.7", "192.0.2.8"]


def test_our_own_names_never_leave(client, server, make_resolver):
    resolver = make_resolver(address)
    for name in ("gone.cluster.local", "gone", "9.1.213.10.in-addr.arpa", "a.b.svc.cluster.local"):
        assert client.ask(name).rcode == NXDOMAIN
    assert client.ask("web", ANY).answers
    assert resolver.asked == []


def test_ids_and_ports_cannot_be_foretold(client, server, make_resolver):
    resolver = make_resolver(lambda packet: reply(packet, rcode=NXDOMAIN))
    for i in range(64):
        client.ask(f"n{i}.example")
    ids = [struct.unpack(">H", packet[:2])[0] for packet, _ in resolver.asked]
    ports = [port for _, (_, port) in resolver.asked]
    assert len(set(ids)) > 60 and len(set(ports)) > 60
    assert sum(abs(a - b) < 3 for a, b in zip(ids, ids[1:])) < 5


LIES = {
    "another id": lambda packet: address(packet, id=(struct.unpack(">H", packet[:2])[0] + 1) % 65536),
    "another question": lambda packet: address(packet, asked=name_bytes("bank.example") + b"\0\1\0\1"),
    "an answer for another name": lambda packet: reply(packet, [("bank.example", A, 60, bytes(4))]),
    "an answer for another name besides": lambda packet: reply(
        packet, [("www.example", A, 60, bytes(4)), ("bank.example", A, 60, bytes(4))]),
    "a query": lambda packet: packet,
    "half an answer": lambda packet: address(packet)[:-3],
    "garbage": lambda packet: os.urandom(100),
    "a loop of pointers": lambda packet: reply(packet, [("www.example", CNAME, 60, b"\xc0\x2b")]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_not_believed(client, server, make_resolver, lie):
    """The truth that comes after it is; of the lie nothing is kept."""
    resolver = make_resolver(lambda packet: [LIES[lie](packet), address(packet)])
    assert client.ask("www.example").values == ["192.0.2.1"]
    assert client.ask("bank.example", timeout=6).rcode in (SERVFAIL, NOERROR)
    assert all(b"\4bank" in packet for packet, _ in resolver.asked[1:])


def test_what_stands_beside_the_answer_is_dropped(client, server, make_resolver):
    make_resolver(lambda packet: address(packet, authority=[("bank.example", A, 60, bytes(4))]))
    answer = client.ask("www.example")
    assert answer.values == ["192.0.2.1"] and not answer.authority


def test_an_absence_is_kept_as_long_as_it_holds(client, server, make_resolver):
    resolver = make_resolver(lambda packet: reply(packet, rcode=NXDOMAIN, authority=[soa("example", 60, 1)]))
    assert client.ask("gone.example").rcode == NXDOMAIN
    assert client.ask("gone.example").rcode == NXDOMAIN
    assert len(resolver.asked) == 1
    time.sleep(1.2)
    client.ask("gone.example")
    assert len(resolver.asked) == 2


def test_a_silent_resolver_is_passed_over(client, server, make_resolver):
    first = make_resolver(lambda packet: None)
    second = make_resolver(address, "127.0.0.54")
    start = time.monotonic()
    assert client.ask("www.example", timeout=5).values == ["192.0.2.1"]
    assert time.monotonic() - start > 1
    assert len(first.asked) == len(second.asked) == 1
    start = time.monotonic()
    assert client.ask("www.example", ANY).values == ["192.0.2.1"]
    assert is_soon(start, 1), "who has answered last is asked first"
    assert len(first.asked) == 1


def test_one_that_refuses_is_passed_over_at_once(client, server, make_resolver):
    make_resolver(lambda packet: reply(packet, rcode=SERVFAIL))
    make_resolver(address, "127.0.0.54")
    start = time.monotonic()
    assert client.ask("www.example").values == ["192.0.2.1"]
    assert is_soon(start, 1)


def test_without_a_resolver_it_says_so(client, server):
    server.tell("resolvers")
    assert client.ask("www.example").rcode == SERVFAIL
    server.tell("resolvers 127.0.0.99")
    assert client.ask("www.example").rcode == SERVFAIL


def test_a_long_answer_is_fetched_over_a_connection(client, server, make_resolver):
    records = [("www.example", A, 60, bytes([192, 0, 2, i])) for i in range(1, 200)]

    def answer(packet, seen=[]):
        seen.append(packet)
        return reply(packet, flags=0x8380) if len(seen) == 1 else reply(packet, records)

    make_resolver(answer)
    assert len(client.ask_tcp("www.example").values) == 199
    assert client.ask("www.example").truncated


def test_who_asks_the_same_waits_along(namespace, client, server, make_resolver):
    def answer(packet):
        time.sleep(0.5)
        return address(packet)

    resolver = make_resolver(answer)
    many = [client.socket(socket.SOCK_DGRAM) for _ in range(40)]
    for i, one in enumerate(many):
        one.send(question("www.example", id=i))
    for i, one in enumerate(many):
        assert struct.unpack(">H", one.recv(512)[:2])[0] == i
        one.close()
    assert len(resolver.asked) == 1


def test_one_host_cannot_take_all_questions(namespace, client, server, make_resolver):
    make_resolver(lambda packet: address(packet) if b"\3www" in packet else None)
    greedy = Client(namespace, PEER).socket(socket.SOCK_DGRAM)
    for i in range(1000):
        greedy.send(question(f"n{i}.example", id=i))
    other = Client(namespace, PEER6, GATEWAY6)
    assert other.ask("www.example").values == ["192.0.2.1"]
    assert other.ask("web").values == [PEER]
    greedy.close()


def test_it_has_no_rights_and_no_files(server):
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{server.process.pid}/status", encoding="ascii")
                  if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    assert set(status["Uid"].split()) == {"65534"}


def test_it_ends_with_who_started_it(namespace):
    server = NameServer(namespace)
    server.close()
