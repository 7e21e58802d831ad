# SPDX-License-Identifier: MIT
"""Published ports: from outside, from the host, through the loopback, and back from inside."""

import os
import re
import signal
import sqlite3
import subprocess
import sys

import pytest

from engine import IMAGES, SLOW, await_that
from nets import *  # noqa: F401,F403
from nets import serve

WAYS = [("lan", "192.0.2.1"), ("lan", "fd00:2::1"), ("host", "192.0.2.1"), ("host", "fd00:2::1"),
        ("host", "127.0.0.1"), ("host", "127.1.2.3"), ("host", "::1")]

ECHO = ("import socket\n"
        "s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM)\n"
        "s.setsockopt(41,26,0)\n"
        "s.bind(('::',53))\n"
        "while True:\n"
        " d,a=s.recvfrom(65536)\n"
        " s.sendto(d,a)\n")


def echo(engine, id):
    """An echo of datagrams at port 53 of a container."""
    child = engine.inside(id).start(sys.executable, "-c", ECHO)
    await_that(lambda: engine.inside(id).asks("127.0.0.1", 53) == "ping", "the echo is there")
    return child


def test_a_port_is_reached_from_everywhere(lx, box, world):
    id = serve(lx, box, "--publish", "8080:80")
    for who, address in WAYS:
        answer = getattr(world, who).reads(address, 8080)
        assert answer and answer.endswith("hello\n"), (who, address)
    # Hairpin: from the container itself and from another one, to the host's addresses.
    other = lx.id()
    lx("run", "--detach", "--image", box, other, "sleep", "1000").ok()
    for inside in (lx.inside(id), lx.inside(other)):
        for address in ("192.0.2.1", "fd00:2::1"):
            assert "hello" in (inside.reads(address, 8080) or ""), address
    assert world.lan.reads("192.0.2.1", 80) is None
    lx("stop", "--time", "0", id).ok()
    for who, address in WAYS:
        assert getattr(world, who).reads(address, 8080, timeout=1) is None, (who, address)


def test_nginx_is_reached_by_curl_from_everywhere(one, world):
    image = f"oci:{IMAGES.parent / 'servers' / 'nginx'}:latest"
    id = one.id()
    one("run", "--detach", "--publish", "8080:80", "--image", image, id).ok()

    def page(ground, address):
        host = f"[{address}]" if ":" in address else address
        return subprocess.run(ground.words("curl", "-sS", "-g", "-m", "5", f"http://{host}:8080/"),
                              capture_output=True, text=True, check=False).stdout

    await_that(lambda: page(world.lan, "192.0.2.1"), "nginx is there")
    for who, address in [*WAYS, ("inside", "192.0.2.1"), ("inside", "fd00:2::1")]:
        ground = one.inside(id) if who == "inside" else getattr(world, who)
        assert page(ground, address) == "Welcome to nginx!\n", (who, address)
    one("delete", "--force", id).ok()


def test_datagrams_are_answered_from_everywhere(one, box, world):
    id = one.id()
    one("run", "--detach", "--publish", "5353:53/udp", "--image", box, id, "sleep", "1000").ok()
    child = echo(one, id)
    try:
        for who, address in WAYS:
            text = f"{who} {address}"
            assert getattr(world, who).asks(address, 5353, text) == text
        assert one.inside(id).asks("192.0.2.1", 5353) == "ping"
        assert world.lan.asks("192.0.2.1", 53, timeout=0.5) is None
    finally:
        child.kill()
        child.wait()


def test_the_source_of_a_connection_from_outside_is_seen_as_it_is(one, box, world):
    id = one.id()
    one("run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "1000").ok()
    script = ("import socket\n"
              "s=socket.socket(); s.bind(('',80)); s.listen()\n"
              "print('ready',flush=True)\n"
              "c,a=s.accept(); print(a[0],flush=True)")
    child = one.inside(id).start(sys.executable, "-c", script, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    world.lan.reads("192.0.2.1", 8080, timeout=1)
    assert child.stdout.readline() == "192.0.2.2\n"
    child.wait()


def test_ranges_and_single_addresses(one, box, world):
    id = serve(one, box, "--publish", "192.0.2.1:9000-9002:79-81", "--publish", "127.0.0.1:7000:80",
               "--publish", "[::1]:7001:80", "--publish", "[fd00:2::1]:7002:80")
    assert "hello" in world.lan.reads("192.0.2.1", 9001)
    assert world.lan.reads("fd00:2::1", 9001, timeout=1) is None
    assert "hello" in world.host.reads("127.0.0.1", 7000)
    assert world.host.reads("192.0.2.1", 7000, timeout=1) is None
    assert "hello" in world.host.reads("::1", 7001)
    assert "hello" in world.lan.reads("fd00:2::1", 7002)
    assert world.lan.reads("192.0.2.1", 7002, timeout=1) is None
    assert sorted(one("port", id).ok().lines) == [
        "79/tcp -> 192.0.2.1:9000", "80/tcp -> 127.0.0.1:7000", "80/tcp -> 192.0.2.1:9001",
        "80/tcp -> [::1]:7001", "80/tcp -> [fd00:2::1]:7002", "81/tcp -> 192.0.2.1:9002"]


def test_a_port_that_is_taken_is_told_before_anything_is_made(one, box, world):
    before = world.host.inventory()
    holder = world.host.start(sys.executable, "-c",
                              "import socket,time\ns=socket.socket()\ns.bind(('127.0.0.1',8080))\n"
                              "s.listen()\nprint('ready',flush=True)\ntime.sleep(1000)",
                              stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"ready\n"
    try:
        one("run", "--publish", "8080:80", "--image", box, one.id(), "true") \
            .fails("PortForwardingFailed", "8080", code=125)
        assert one.list() == [] and world.host.inventory() == before
        one("run", "--rm", "--publish", "192.0.2.1:8080:80", "--image", box, one.id(), "true").ok()
    finally:
        holder.kill()
        holder.wait()


def test_a_port_of_another_container_is_taken_while_that_one_runs(one, box, world):
    first, second = one.id(), one.id()
    one("run", "--detach", "--publish", "8080:80", "--image", box, first, "sleep", "1000").ok()
    for publish in ("8080:81", "127.0.0.1:8080:80", "192.0.2.1:8080:80", "8079-8081:79-81"):
        one("run", "--publish", publish, "--image", box, second, "true") \
            .fails("PortForwardingFailed", "8080", code=125)
    one("run", "--rm", "--publish", "8080:80/udp", "--image", box, second, "true").ok()
    one("stop", "--time", "0", first).ok()
    one("run", "--detach", "--publish", "8080:80", "--image", box, second, "sleep", "1000").ok()
    one("start", first).fails("PortForwardingFailed", "8080")
    one("delete", "--force", second).ok()
    one("start", first).ok()
    one("run", "-p", "9000:1", "-p", "9000:2", "--image", box, second, "true") \
        .fails("InvalidArgument", "twice", code=125)


def test_ports_that_the_image_exposes(one, make_image, world):
    image = make_image(ExposedPorts={"80/tcp": {}, "53/udp": {}, "rubbish": {}, "99999/tcp": {}})
    id = one.id()
    one("run", "--detach", "--publish-all", "--publish", "8080:80", "--image", image, id, "sleep", "1000").ok()
    ports = one("port", "--format", "json", id).ok().json()
    assert [(port["containerPort"], port["protocol"]) for port in ports] == [(53, "udp"), (80, "tcp")]
    assert ports[1]["hostPort"] == 8080 and ports[0]["hostPort"] > 1023
    one("delete", "--force", id).ok()
    one("run", "--detach", "--publish", "80", "--image", image, id, "sleep", "1000").ok()
    port, = one("port", "--format", "json", id).ok().json()
    assert port["hostPort"] > 1023


def test_ports_come_and_go_while_a_container_runs(lx, box, world):
    id = serve(lx, box)
    lx("forward", "add", id, "8080:80").ok()
    for who, address in WAYS:
        assert "hello" in (getattr(world, who).reads(address, 8080) or ""), (who, address)
    lx("forward", "add", id, "8081:80").ok()
    lx("forward", "add", id, "8080:81").fails("PortForwardingFailed", "8080")
    lx("forward", "remove", id, "8080:80").ok()
    for who, address in WAYS:
        assert getattr(world, who).reads(address, 8080, timeout=1) is None, (who, address)
        assert "hello" in (getattr(world, who).reads(address, 8081) or ""), (who, address)
    lx("forward", "remove", id, "8080:80").fails("PortForwardingFailed", "8080")
    assert lx("forward", "list").ok().lines == [f"{id} 80/tcp -> *:8081"]
    lx("stop", "--time", "0", id).ok()
    lx("forward", "add", id, "8082:80").ok()
    lx("start", id).ok()
    assert lx("port", id).ok().lines == ["80/tcp -> *:8081", "80/tcp -> *:8082"]


def test_a_published_port_is_taken_back_by_the_port_of_the_host_alone(one, box):
    id = one.id()
    one("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    for added, removed in (("9000:80", "9000"), ("9000:80", "9000:81"), ("9000:53/udp", "9000/udp"),
                           ("127.0.0.1:9000:80", "127.0.0.1:9000"), ("[::1]:9000:80", "[::1]:9000"),
                           ("127.0.0.1:9000:80", "127.0.0.1:9000:80")):
        one("forward", "add", id, added).ok()
        one("forward", "remove", id, removed).ok()
        assert one("port", id).ok().out == ""
    one("forward", "add", id, "9000:80").ok()
    for other in ("9001", "9000/udp", "127.0.0.1:9000", "80"):
        one("forward", "remove", id, other).fails("PortForwardingFailed", "does not lead to")
    for malformed in ("x", "", ":", "9000:80:", "::1:9000", "127.0.0.1:", "[::1]", "9000/icmp"):
        one("forward", "remove", id, malformed).fails("InvalidArgument")
    assert len(one("port", id).ok().lines) == 1


def test_thousands_of_ports_are_taken_back_and_no_more_are_given_than_a_creation_may_have(one, box, world):
    """More in the database than can be asked for stands for what an earlier release let grow."""
    id = one.id()
    one("run", "--detach", "-p", "10000-14094:10000-14094", "--image", box, id, "sleep", "1000").ok()
    one("forward", "add", id, "9000:80").ok()
    one("forward", "add", id, "9001:80").fails("InvalidArgument", "4096")
    with sqlite3.connect(one.data / "state.db") as database:
        database.executemany("INSERT INTO port VALUES (?, 6, '', ?, 80)",
                             [(id, port) for port in range(20000, 40000)])
    one("network", "reload").ok()
    rules = world.host.run("nft", "list", "map", "inet", table_of(world), "ports4", timeout=300 if SLOW else 30)
    assert len(re.findall(r"tcp \. \d+ : ", rules)) == 4096 + 20000
    one("stop", "--time", "0", id).ok()
    one("delete", id).ok()
    assert one.sql("SELECT count(*) FROM port") == [(0,)]


def table_of(world):
    return re.search(r"table inet (proxmox-lxcri\S*)", world.host.run("nft", "list", "tables"))[1]


def test_ports_of_what_has_no_network_of_its_own_are_refused(one, box, make_bundle):
    bundle, none = one.id(), one.id()
    one("create", "--bundle", make_bundle("sleep", "1000").path, bundle).ok()
    one("run", "--detach", "--network", "none", "--image", box, none, "sleep", "1000").ok()
    for id in (bundle, none):
        one("forward", "add", id, "8080:80").fails("PortForwardingFailed", id)
    one("forward", "add", "nobody", "8080:80").fails("ContainerNotFound")
    one("port", "nobody").fails("ContainerNotFound")


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def forwarder(engine):
    """The pid of the helper that carries the loopback's connections."""
    return next(int(entry) for entry in filter(str.isdigit, os.listdir("/proc"))
                if b"lxcri-forward" in read(f"/proc/{entry}/cmdline")
                and os.readlink(f"/proc/{entry}/ns/net") == os.readlink(engine.host.path))


def test_the_helper_has_no_rights_and_serves_the_loopback_alone(one, box, world):
    serve(one, box, "--publish", "8080:80")
    pid = forwarder(one)
    status = read(f"/proc/{pid}/status").decode()
    assert "Uid:\t65534\t65534" in status and "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    # Without the rules what comes from outside gets to the helper, and no further.
    one.keep_service_away()
    world.host.run("nft", "flush", "ruleset")
    assert not world.lan.reads("192.0.2.1", 8080, timeout=1)
    assert "hello" in world.host.reads("127.0.0.1", 8080)
    one("network", "reload").ok()
    assert "hello" in world.lan.reads("192.0.2.1", 8080)


def test_a_lot_and_half_closed_connections_pass_the_helper(one, box, world):
    id = one.id()
    one("run", "--detach", "--publish", "8080:80", "--image", box, id, "sleep", "1000").ok()
    script = ("import socket,threading\n"
              "s=socket.socket(); s.bind(('',80)); s.listen(64)\n"
              "print('ready',flush=True)\n"
              "def serve(c):\n"
              " n=0\n"
              " while True:\n"
              "  d=c.recv(65536)\n"
              "  if not d: break\n"
              "  n+=len(d)\n"
              " c.sendall(b'x'*n); c.close()\n"
              "while True: threading.Thread(target=serve,args=(s.accept()[0],)).start()")
    child = one.inside(id).start(sys.executable, "-c", script, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    client = ("import socket,threading\n"
              "said=[]\n"
              "def go(n):\n"
              " s=socket.create_connection(('127.0.0.1',8080),10)\n"
              " s.sendall(b'y'*n); s.shutdown(socket.SHUT_WR)\n"
              " got=0\n"
              " while True:\n"
              "  d=s.recv(65536)\n"
              "  if not d: break\n"
              "  got+=len(d)\n"
              " said.append('good' if got==n else f'{got} of {n}')\n"
              "ts=[threading.Thread(target=go,args=(n,)) for n in [1,1000,10_000_000]+[50_000]*30]\n"
              "[t.start() for t in ts]; [t.join() for t in ts]\n"
              "print(*said)")
    try:
        assert world.host.python(client, timeout=60).split() == ["good"] * 33
        resetting = ("import socket,struct\n"
                     "for i in range(700):\n"
                     " s=socket.create_connection(('127.0.0.1',8080),10)\n"
                     " s.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,0))\n"
                     " s.sendall(b'z'); s.close()\n")
        world.host.python(resetting, timeout=60)
        assert world.host.python(client, timeout=60).split() == ["good"] * 33
    finally:
        child.kill()
        child.wait()


def test_a_helper_that_was_killed_is_put_back_by_reload(one, box, world):
    serve(one, box, "--publish", "8080:80")
    os.kill(forwarder(one), signal.SIGKILL)
    await_that(lambda: world.host.reads("127.0.0.1", 8080, timeout=1) is None, "it is gone")
    assert "hello" in world.lan.reads("192.0.2.1", 8080)
    one("network", "reload").ok()
    assert "hello" in world.host.reads("127.0.0.1", 8080)


@pytest.mark.parametrize("value", ["x", "0", "1:2:3:4", "80/icmp", "65536:1", "2-1:2-1", "1-3:1-2", "::1:80:80"])
def test_what_is_no_port_is_refused(one, box, value):
    one("run", "--publish", value, "--image", box, one.id(), "true").fails("InvalidArgument", value, code=125)
