# SPDX-License-Identifier: MIT
"""Names that pods in Proxmox VE ask for: of our own server, on the bridge that they are on with the node."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, children_of, pid_of, words_of
from engine import SLOW, await_that
from nameserver import AAAA, NOERROR, NXDOMAIN, REFUSED, A, Client, Namespace, Resolver, question, reply, run
from pods import apply, container, pod, stream
from test_backend_kill import Killer, settle
from test_pod_node import node  # noqa: F401  pylint: disable=unused-import
from test_pod_services import service
from test_pods import ANNOTATION, CLASS

BRIDGE, SERVER = "lxt-br0", "10.9.8.1"
DEADLINE = 60
OFTEN = 0.3
LIBC, CLONE_NEWNET = ctypes.CDLL(None, use_errno=True), 0x40000000


def enter(file):
    assert LIBC.setns(file.fileno(), CLONE_NEWNET) == 0


class Place(Namespace):
    """Where somebody asks from: a network namespace."""

    def __init__(self, path):  # pylint: disable=super-init-not-called
        self.inner, self.path = None, path

    @contextlib.contextmanager
    def inside(self, where=None):
        with open("/proc/thread-self/ns/net") as own, open(self.path) as other:
            enter(other)
            try:
                yield
            finally:
                enter(own)


def make_bridge():
    # Without one of its own it has the least of those of its ports, which come and go.
    run("ip", "link", "add", BRIDGE, "address", "02:00:00:00:08:01", "type", "bridge")
    run("ip", "address", "add", f"{SERVER}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


@pytest.fixture
def lan(pve):
    """A bridge of this host, which is the node pve1."""
    make_bridge()
    for one in pve.cluster.nodes.values():
        one.bridges[BRIDGE] = BRIDGE if one.name == "pve1" else None
    yield BRIDGE
    run("ip", "link", "del", BRIDGE)


@pytest.fixture
def host(node, lan):
    """The engine on that node, without a service yet."""
    node.backend = None
    node.service_lock.close()
    yield node


@pytest.fixture
def stranger(lan):
    """Somebody else on the bridge."""
    with subprocess.Popen(["unshare", "--net", "sleep", "1000"]) as child:
        path = f"/proc/{child.pid}/ns/net"
        await_that(lambda: os.readlink(path) != os.readlink("/proc/self/ns/net"), "it has a namespace")
        run("ip", "link", "add", "lxt-s0", "master", lan, "up", "type", "veth", "peer", "name", "eth0", "netns", str(child.pid))
        for words in (("address", "add", "10.9.8.99/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            run("nsenter", f"--net={path}", "ip", *words)
        yield Client(Place(path), "10.9.8.99", SERVER)
        child.kill()


def web(box, name, address=None, bridge=BRIDGE, namespace=None, node_name=None, **fields):
    one = pod(name, container(box), labels={"app": "web"}, namespace=namespace, **CLASS, **fields)
    where = f"bridge:{bridge}" + (f",ip={address}/24" if address else "")
    one["metadata"]["annotations"] = {ANNOTATION + "network": where, ANNOTATION + "node": node_name or "pve1"}
    return one


def client_of(host, pve, name, address):
    guest = pve.cluster.guests[host.place(f"{name}.app")["vmid"]]
    return Client(Place(f"/proc/{pid_of(pve, guest)}/ns/net"), address, SERVER)


def resolv_conf(host, name):
    return [line for line in host("exec", f"{name}.app", "cat", "/etc/resolv.conf").ok().lines if line]


def values(client, name):
    """What an answer has; None while there is none."""
    found = client.ask(name, timeout=OFTEN)
    return None if found is None or found.rcode not in (NOERROR, NXDOMAIN) else sorted(found.values)


def finds(client, name, *expected):
    await_that(lambda: values(client, name) == sorted(expected), f"{name} leads to {expected}", DEADLINE)


def rcode(client, name="a"):
    found = client.ask(name, timeout=OFTEN)
    return found and found.rcode


def listens():
    """Whether anybody waits at the port of names of the bridge's address."""
    text = run("ss", "-Hlnut", "sport", "= :53", "src", SERVER)
    return len(text.splitlines())


def test_they_find_who_is_in_their_namespace_and_nobody_else(host, pve, box):
    with host.service():
        apply(host, web(box, "a", "10.9.8.7"), web(box, "b", "10.9.8.8"), service("all", clusterIP="None")).ok()
        apply(host, web(box, "c", "10.9.8.9", namespace="other")).ok()
        assert resolv_conf(host, "a") == [
            f"nameserver {SERVER}",
            "search default.cluster.local default.svc.cluster.local svc.cluster.local cluster.local", "options ndots:5"]
        a, c = client_of(host, pve, "a", "10.9.8.7"), client_of(host, pve, "other_c", "10.9.8.9")
        finds(a, "b", "10.9.8.8")
        finds(a, "b.default.cluster.local", "10.9.8.8")
        finds(a, "all.default.svc.cluster.local", "10.9.8.7", "10.9.8.8")
        assert a.ask_tcp("b").values == ["10.9.8.8"]
        assert "10.9.8.8" in host("exec", "a.app", "busybox", "nslookup", "b").out
        finds(c, "c.other.cluster.local", "10.9.8.9")
        assert a.ask("c.other.cluster.local").rcode == NXDOMAIN and a.ask("c").values == []
        assert c.ask("a.default.cluster.local").rcode == NXDOMAIN and c.ask("b").values == []
        # With the last of them the port is given back.
        host("pod", "delete", "--force", "a").ok()
        await_that(lambda: rcode(c, "c") == NOERROR, "it is answered yet", DEADLINE)
        assert listens() == 2
        for name in ("b", "other_c"):
            host("pod", "delete", "--force", name).ok()
        await_that(lambda: listens() == 0, "nobody listens", DEADLINE)


def test_strangers_are_refused_and_others_names_are_forwarded(host, pve, box, stranger):
    host.sections["network"] = {"dns_servers": ["127.0.0.53"]}
    host.configure()
    there = reply(question("example.org"), [("example.org", A, 60, socket.inet_aton("192.0.2.7"))])
    resolver = Resolver(Place("/proc/self/ns/net"), lambda packet: packet[:2] + there[2:])
    try:
        with host.service():
            apply(host, web(box, "a", "10.9.8.7")).ok()
            a = client_of(host, pve, "a", "10.9.8.7")
            finds(a, "example.org", "192.0.2.7")
            asked = len(resolver.asked)
            for name in ("a", "example.org", "example.net"):
                found = stranger.ask(name)
                assert (found.rcode, found.values) == (REFUSED, [])
            with pytest.raises(ConnectionError):
                stranger.ask_tcp("a")
            assert len(resolver.asked) == asked
    finally:
        resolver.close()


@pytest.mark.parametrize("fields", [{"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"]}}, {"dnsPolicy": "Default"}])
def test_servers_that_are_named_win(host, box, fields):
    with host.service():
        apply(host, web(box, "a", "10.9.8.7", **fields)).ok()
        assert f"nameserver {SERVER}" not in resolv_conf(host, "a") and listens() == 0
        if "dnsConfig" in fields:
            assert resolv_conf(host, "a") == ["nameserver 192.0.2.53"]


def test_who_is_elsewhere_asks_as_before(host, box):
    with host.service():
        apply(host, web(box, "a", "10.9.8.7", node_name="pve2")).ok()
        assert listens() == 0


def occupy(kind=socket.SOCK_DGRAM, address=SERVER):
    one = socket.socket(socket.AF_INET, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, 53))
    if kind == socket.SOCK_STREAM:
        one.listen(1)
    one.settimeout(5)
    return one


@pytest.mark.parametrize("address", [SERVER, "0.0.0.0"])
def test_another_server_is_left_alone(host, box, stranger, address):
    with host.service(), occupy(address=address) as other:
        said = apply(host, web(box, "a", "10.9.8.7")).ok()
        assert f"({os.getpid()}) answers for names at {SERVER} on {BRIDGE}" in said.err
        assert f"nameserver {SERVER}" not in resolv_conf(host, "a")
        time.sleep(1)
        assert stranger.ask("a", timeout=OFTEN) is None and b"\1a\0" in other.recv(512)


@pytest.mark.parametrize("stays", [False, True])
def test_a_socket_that_nobody_has_is_waited_for(host, pve, box, stays):
    """As one that is being closed, or is on its way to another process."""
    near, far = socket.socketpair()
    with host.service(), near, far, occupy() as sent:
        socket.send_fds(near, [b"x"], [sent.fileno()])
        sent.close()
        closing = threading.Timer(0.4, far.close)
        if not stays:
            closing.start()
        said = apply(host, web(box, "a", "10.9.8.7")).ok()
        assert ("another program (0) answers for names" in said.err) == stays
        if not stays:
            closing.join()
            finds(client_of(host, pve, "a", "10.9.8.7"), "a", "10.9.8.7")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_one_that_was_quicker_is_named_and_followed(host, pve, box, stranger, kind):
    with host.service():
        apply(host, web(box, "a", "10.9.8.7")).ok()
    await_that(lambda: listens() == 0, "the service has let go")
    with occupy(kind) as other, host.service() as running:
        time.sleep(9 if SLOW else 3)
        if kind == socket.SOCK_DGRAM:
            assert stranger.ask("a", timeout=OFTEN) is None and b"\1a\0" in other.recv(512)
        assert listens() == 1
        other.close()
        finds(client_of(host, pve, "a", "10.9.8.7"), "a", "10.9.8.7")
    said = running.result(running.returncode).err
    assert said.count("answers for names at") == 1 and f"({os.getpid()}) answers for names at {SERVER}" in said


def test_a_killed_service_or_server_is_followed_by_another(host, pve, box):
    with host.service() as first:
        apply(host, web(box, "a", "10.9.8.7")).ok()
        a = client_of(host, pve, "a", "10.9.8.7")
        finds(a, "a", "10.9.8.7")
        (server,) = [pid for pid in children_of(first.pid) if words_of(f"/proc/{pid}/cmdline") == [b"lxcri-dns"]]
        os.kill(server, signal.SIGKILL)
        finds(a, "a", "10.9.8.7")
        first.send_signal(signal.SIGKILL)
        first.wait()
        with host.service():
            finds(a, "a", "10.9.8.7")


def test_a_lease_is_followed(host, pve, box):
    with host.service():
        apply(host, web(box, "a"), web(box, "b", "10.9.8.8")).ok()
        assert resolv_conf(host, "a")[0] == f"nameserver {SERVER}"
        inner = f"/proc/{pid_of(pve, pve.cluster.guests[host.place('a.app')['vmid']])}/ns/net"

        def change(verb, address):
            run("nsenter", f"--net={inner}", "ip", "address", verb, f"{address}/24", "dev", "eth0")

        change("add", "10.9.8.50")
        finds(Client(Place(inner), "10.9.8.50", SERVER), "b", "10.9.8.8")
        change("add", "10.9.8.51")
        assert Client(Place(inner), "10.9.8.51", SERVER).ask("b").rcode == REFUSED


def test_over_ipv6_it_is_asked_as_well(host, pve, box):
    run("ip", "address", "add", "fd00:9:8::1/64", "dev", BRIDGE, "nodad")
    one = web(box, "a")
    one["metadata"]["annotations"][ANNOTATION + "network"] = f"bridge:{BRIDGE},ip=none,ip6=fd00:9:8::7/64"
    with host.service():
        apply(host, one, web(box, "b", "10.9.8.8")).ok()
        assert resolv_conf(host, "a")[0] == "nameserver fd00:9:8::1"
        inner = client_of(host, pve, "a", None).namespace.path
        run("nsenter", f"--net={inner}", "ip", "address", "replace", "fd00:9:8::7/64", "dev", "eth0", "nodad")
        # One that was there already may be looked for on the bridge still, whether another has it.
        await_that(lambda: not run("nsenter", f"--net={inner}", "ip", "address", "show", "dev", "eth0", "tentative"),
                   "the address is its own", DEADLINE)
        a = Client(Place(inner), "fd00:9:8::7", "fd00:9:8::1")
        finds(a, "b", "10.9.8.8")
        await_that(lambda: a.ask("a", AAAA).values == ["fd00:9:8::7"], "it has a name", DEADLINE)


def test_a_bridge_that_is_made_anew_is_listened_on(host, pve, box):
    with host.service():
        apply(host, web(box, "a", "10.9.8.7")).ok()
        a = client_of(host, pve, "a", "10.9.8.7")
        finds(a, "a", "10.9.8.7")
        run("ip", "link", "del", BRIDGE)
        await_that(lambda: listens() == 0, "the place is given up", DEADLINE)
        make_bridge()
        run("ip", "link", "set", f"veth{host.place('a.app')['vmid']}i0", "master", BRIDGE)
        finds(a, "a", "10.9.8.7")


def test_what_is_no_pod_has_its_names_among_the_others(host, pve, box):
    def start(name, *flags):
        host("--runtime", "proxmox-lxc", "run", "-d", *flags, "--image", box, name, "sleep", "1000").ok()
        guest = pve.cluster.guests[host.place(name)["vmid"]]
        return Place(f"/proc/{pid_of(pve, guest)}/ns/net")

    with host.service():
        one = Client(start("one", "--network", f"bridge:{BRIDGE},ip=10.9.8.7/24"), "10.9.8.7", SERVER)
        lease = start("two", "--network", f"bridge:{BRIDGE}", "--hostname", "twin")
        assert [line for line in host("exec", "one", "cat", "/etc/resolv.conf").ok().lines if line] == [
            f"nameserver {SERVER}", "search default.cluster.local"]
        apply(host, web(box, "a", "10.9.8.8")).ok()
        for name, address in (("one", "10.9.8.7"), ("one.default.cluster.local", "10.9.8.7"), ("a", "10.9.8.8")):
            finds(one, name, address)
        run("nsenter", f"--net={lease.path}", "ip", "address", "add", "10.9.8.50/24", "dev", "eth0")
        finds(one, "twin", "10.9.8.50")
        finds(Client(lease, "10.9.8.50", SERVER), "one", "10.9.8.7")
        host("rename", "two", "three").ok()
        finds(one, "three", "10.9.8.50")
        assert Client(lease, "10.9.8.50", SERVER).ask("one").values == ["10.9.8.7"]
        host("stop", "--time", "0", "three").ok()
        finds(one, "twin")
        host("--runtime", "proxmox-lxc", "run", "-d", "--network", f"bridge:{BRIDGE},ip=10.9.8.9/24", "--dns", "192.0.2.53",
             "--image", box, "four", "sleep", "1000").ok()
        assert "nameserver 192.0.2.53" in host("exec", "four", "cat", "/etc/resolv.conf").ok().lines
        assert one.ask("four").values == []
        host("delete", "--force", "one", "three", "four").ok()
        host("pod", "delete", "--force", "a").ok()
        await_that(lambda: listens() == 0, "nobody listens", DEADLINE)


def test_an_update_keeps_the_server(host, pve, make_image):
    images = [make_image(Layer().add("release", number), Cmd=["sleep", "1000"]) for number in (b"1", b"2")]
    with host.service():
        host("--runtime", "proxmox-lxc", "run", "-d", "--network", f"bridge:{BRIDGE},ip=10.9.8.7/24", "--image", images[0], "one").ok()
        host("update", "one", "--image", images[1], "--settle", "1").ok()
        assert host("exec", "one", "cat", "/release", "/etc/resolv.conf").ok().out.startswith(f"2nameserver {SERVER}\n")


@pytest.mark.parametrize("at", [8, 16])
def test_a_command_that_is_killed_leaves_nobody_who_asks(host, pve, box, at):
    path = host.work / "a.json"
    path.write_text(json.dumps(web(box, "a", "10.9.8.7")))
    host.configure(timeout=3)
    with host.service():
        Killer(pve, at, False).run(host, "apply", "-f", path)
        settle(pve)
        await_that(lambda: len(host.list()) == len(pve.cluster.guests), "a look settles it", DEADLINE)
        # A name server that is just letting go of the place is in nobody's way.
        assert host("apply", "-f", path).ok().err == ""
        finds(client_of(host, pve, "a", "10.9.8.7"), "a", "10.9.8.7")
        Killer(pve, at // 4, False).run(host, "delete", "-f", path)
        settle(pve)
        host("delete", "-f", path)
        await_that(lambda: not host.list() and not pve.cluster.guests, "it is gone", DEADLINE)
        await_that(lambda: listens() == 0, "nobody listens", DEADLINE)


@pytest.mark.parametrize("chosen", ["pve1", "pve2"])
def test_where_no_node_is_named_it_is_that_of_the_volumes(host, pve, box, chosen):
    mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    first = web(box, "first", "10.9.8.7", node_name=chosen, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
    first["spec"]["containers"][0].update(mounts)
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
             "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    with host.service():
        apply(host, claim, first).ok()
        second = {**first, "metadata": {**first["metadata"], "name": "second", "annotations": {
            ANNOTATION + "network": f"bridge:{BRIDGE},ip=10.9.8.8/24"}}}
        apply(host, second).ok()
        assert host.place("second.app")["node"] == chosen
        host("pod", "delete", "--force", "first").ok()
        if chosen == "pve1":
            assert resolv_conf(host, "second")[0] == f"nameserver {SERVER}"
            finds(client_of(host, pve, "second", "10.9.8.8"), "second", "10.9.8.8")
        else:
            assert listens() == 0
        host("delete", "--volumes", "-f", "-", input=stream(claim, second)).ok()
        assert not pve.cluster.guests
