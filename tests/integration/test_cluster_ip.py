# SPDX-License-Identifier: MIT
"""Services with an address of their own: it stays, leads to the pods that are ready, and to nobody else's."""

import json
import os
import signal
import subprocess
import sys
import time

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, places, pod, replicas, stream

MANY = 2000 if os.environ.get("LXCRI_TEST_LONG", "0") != "0" else 100
SERVER = "mkdir /www; hostname >/www/index.html; exec httpd -f -p 8080 -h /www"


def service(name="web", *ports, namespace=None, selector=None, **spec):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": selector or {"app": "web"}, **spec,
                     "ports": list(ports) or [{"name": "http", "port": 80, "targetPort": 8080}]}}


def server(name, box, *, labels=None, **fields):
    return pod(name, container(box, script=SERVER, **fields.pop("container", {})),
               labels=labels or {"app": "web"}, **fields)


def await_servers(engine, *names):
    """Waits until they listen: that a process is there says nothing of that."""
    for name in names:
        await_that(lambda n=name: engine.inside(f"{n}.app").reads("127.0.0.1", 8080), f"{name} listens", 60)


def listed(engine, name="web"):
    """What `network service list` says of one."""
    found, = [row for row in engine("network", "service", "list", "--format", "json").ok().json()
              if row["name"] == name]
    return found


def targets(world):
    """What the rules say of where services lead to."""
    rules = world.host.run("nft", "list", "ruleset")
    return rules.split("map targets4 {")[1].split("}")[0] if "map targets4 {" in rules else ""


ASK = """import socket, sys
found = set()
for _ in range(int(sys.argv[3])):
    try:
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        d = b''
        while p := s.recv(65536):
            d += p
        found.add(d.decode().split('\\r\\n\\r\\n')[-1].strip())
    except OSError as error:
        found.add(type(error).__name__)
print(*sorted(found))"""


def answers(inside, address, port=80, times=40):
    """The names of those who answer there; and of what went wrong."""
    return inside.python(ASK, address, port, times, timeout=240).split()


def test_an_address_leads_to_the_pods_that_are_selected(one, box, world):
    apply(one, server("a", box), server("b", box), pod("c", container(box))).ok()
    apply(one, service()).ok()
    await_servers(one, *"ab")
    known = listed(one)
    client = one.inside("c.app")
    assert answers(client, known["ip4"]) == ["a", "b"]
    assert answers(client, known["ip6"]) == ["a", "b"]
    assert answers(world.host, known["ip4"]) == ["a", "b"]
    assert answers(one.inside("a.app"), known["ip4"]) == ["a", "b"]
    one("pod", "stop", "--time", "0", "a").ok()
    assert answers(client, known["ip4"]) == ["b"]
    # One that no manifest has made.
    plain = one.id()
    one("run", "--detach", "--service", "web", "--hostname", "plain", "--image", box, plain, "sh", "-c", SERVER).ok()
    await_that(lambda: one.inside(plain).reads("127.0.0.1", 8080), "it listens", 60)
    assert answers(client, known["ip4"]) == ["b", "plain"]
    one("stop", "--time", "0", plain).ok()
    assert answers(client, known["ip4"]) == ["b"]


def test_no_pod_is_a_refusal_and_another_network_nothing(one, box, world):
    one("network", "create", "shop").ok()
    apply(one, service(), server("a", box), pod("far", container(box), namespace="shop"), pod("c", container(box)),
          service("none", selector={"app": "none"})).ok()
    await_servers(one, "a")
    known, none = listed(one), listed(one, "none")
    client = one.inside("c.app")
    for address in (none["ip4"], none["ip6"]):
        assert answers(client, address, times=1) == answers(world.host, address, times=1) == \
            ["ConnectionRefusedError"]
    assert answers(client, known["ip4"], 81, times=1) == ["ConnectionRefusedError"]
    assert answers(client, known["ip4"], times=1) == ["a"]
    assert answers(one.inside("shop_far.app"), known["ip4"], times=1) == ["TimeoutError"]
    both = one.id()
    one("run", "--detach", "--network", "shop", "--network", "default", "--image", box, both, "sleep", "1000").ok()
    assert [answers(one.inside(both), known[ip], times=1) for ip in ("ip4", "ip6")] == [["a"], ["a"]]
    one("kill", "--signal", "KILL", "a.app").ok()
    await_that(lambda: known["ip4"] not in targets(world), "it has gone", 120)
    assert answers(client, known["ip4"], times=1) == ["ConnectionRefusedError"]
    one("pod", "start", "a").ok()
    await_that(lambda: answers(client, known["ip4"], times=1) == ["a"], "it is back", 60)
    # Somebody has emptied the table, and removed the host's way.
    network, = one("network", "inspect", "default").ok().json()
    world.host.run("ip", "route", "delete", network["serviceSubnet"])
    world.host.run("nft", "flush", "ruleset")
    one("network", "reload").ok()
    await_servers(one, "a")
    assert answers(client, known["ip4"], times=1) == answers(world.host, known["ip4"], times=1) == ["a"]


def test_names_ports_and_nodes(one, box, world):
    ports = [{"name": "http", "containerPort": 8080}]
    spec = service("web", {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080},
                   {"name": "more", "port": 8081, "targetPort": 8080}, type="NodePort", clusterIP="10.96.200.7",
                   externalIPs=["192.0.2.1"])
    apply(one, spec, server("a", box, container={"ports": ports}), pod("c", container(box))).ok()
    known = listed(one)
    assert known["ip4"] == "10.96.200.7"
    client = one.inside("c.app")
    await_that(lambda: answers(client, known["ip4"], times=1) == ["a"], "the pod answers", 60)
    assert answers(client, known["ip4"], 8081, times=1) == ["a"]
    more = next(port["nodePort"] for port in known["ports"] if port["name"] == "more")
    assert 30000 <= more <= 32767
    for address in ("192.0.2.1", "fd00:2::1"):
        assert answers(world.lan, address, 30080, times=1) == ["a"]
        assert answers(world.lan, address, more, times=1) == ["a"]
    assert answers(world.lan, "192.0.2.1", 80, times=1) == ["a"]
    assert answers(world.host, "192.0.2.1", 30080, times=1) == ["a"]
    header, row = one("get", "services", "-o", "wide").ok().lines
    assert header.split() == ["NAMESPACE", "NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORTS", "ENDPOINTS"]
    place = places(one, "a")["default"]
    assert row.split() == ["default", "web", "NodePort", "10.96.200.7", "192.0.2.1", f"80:30080/TCP,8081:{more}/TCP",
                           f"{place['ip4']},{place['ip6']}"]
    shown = one("get", "svc", "web", "-o", "json").ok().json()
    assert shown["spec"]["clusterIPs"] == ["10.96.200.7", known["ip6"]] and shown["status"]["pods"] == ["a"]
    assert shown["spec"]["ports"][1]["nodePort"] == more
    # Names.
    gateway = places(one, "c")["default"]["ip4"].rsplit(".", 1)[0] + ".1"

    def dig(*words):
        return client.run("dig", "+short", f"@{gateway}", *words).split()

    name = "web.default.svc.cluster.local"
    await_that(lambda: dig(name) == ["10.96.200.7"], "its name", 60)
    assert dig(name, "AAAA") == [known["ip6"]]
    assert dig(f"_http._tcp.{name}", "SRV") == ["0", "100", "80", f"{name}."]
    assert dig("-x", "10.96.200.7") == [f"{name}."]
    # What is taken is told before anything is made.
    other = service("other", {"port": 80, "nodePort": 30080}, type="NodePort")
    for flags in ((), ("--dry-run",)):
        apply(one, other, flags=flags).fails("PortForwardingFailed", "service other", "30080", "web.default")
    apply(one, service("other", clusterIP="10.96.200.7")).fails("ConfigurationFailed", "10.96.200.7")
    apply(one, service("other", clusterIP="10.97.0.1")).fails("ConfigurationFailed", "10.97.0.1")
    one("run", "--rm", "-p", "30080:80", "--image", box, "x", "true").fails("PortForwardingFailed", "web.default",
                                                                           code=125)
    assert len(one("network", "service", "list", "--format", "json").ok().json()) == 1
    # A failure leaves it as it was.
    failing = json.loads(json.dumps(spec))
    failing["spec"].update(clusterIP="10.96.200.9", selector={"app": "none"})
    failing["spec"]["ports"][0]["nodePort"] = 30081
    apply(one, failing, pod("bad", container(box, ports=[{"containerPort": 80, "hostPort": 30081}]))).fails(
        "PortForwardingFailed", "30081")
    assert listed(one) == known and answers(world.lan, "192.0.2.1", 30080, times=1) == ["a"]
    assert answers(client, known["ip4"], times=1) == ["a"]
    # It keeps what it was given, and gives it back.
    del spec["spec"]["clusterIP"]
    apply(one, spec).ok()
    assert listed(one)["ip4"] == "10.96.200.7" and listed(one)["ports"] == known["ports"]
    one("delete", "-f", "-", input=stream(spec)).ok()
    assert answers(world.lan, "192.0.2.1", 30080, times=1) == ["ConnectionRefusedError"]
    rules = world.host.run("nft", "list", "ruleset")
    assert "10.96.200.7" not in rules and "30080" not in rules
    apply(one, service("other", clusterIP="10.96.200.7")).ok()
    assert listed(one, "other")["ip4"] == "10.96.200.7"


def test_a_client_stays_with_a_pod(one, box):
    spec = service("web", sessionAffinity="ClientIP",
                   sessionAffinityConfig={"clientIP": {"timeoutSeconds": 3600}})
    apply(one, spec, server("a", box), server("b", box), server("d", box), pod("c", container(box))).ok()
    await_servers(one, *"abd")
    known = listed(one)
    client = one.inside("c.app")
    for address in (known["ip4"], known["ip6"]):
        await_that(lambda a=address: len(answers(client, a)) == 1, "one answers", 60)
    first, = answers(client, known["ip4"])
    one("pod", "stop", "--time", "0", first).ok()
    second, = answers(client, known["ip4"])
    assert second != first and second in "abd"
    # After the shortest time it may be led elsewhere.
    spec["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] = 1
    apply(one, spec).ok()
    slow = ASK.replace("try:", "__import__('time').sleep(1.2)\n    if len(found) == 2: break\n    try:")
    assert len(client.python(slow, known["ip4"], "80", "40", timeout=240).split()) == 2
    spec["spec"]["sessionAffinity"] = "None"
    apply(one, spec).ok()
    assert len(answers(client, known["ip4"])) == 2


def test_selection_follows_labels_and_health(one, box):
    apply(one, service(), server("a", box), server("b", box, labels={"app": "other"}), pod("c", container(box))).ok()
    await_servers(one, *"ab")
    known = listed(one)
    client = one.inside("c.app")
    assert answers(client, known["ip4"]) == ["a"]
    apply(one, server("a", box, labels={"app": "other"}), server("b", box)).ok()
    assert answers(client, known["ip4"]) == ["b"]
    apply(one, service(selector={"app": "other"})).ok()
    assert answers(client, known["ip4"]) == ["a"]
    assert listed(one)["ip4"] == known["ip4"]
    assert [member["ready"] for member in listed(one)["members"]] == [True]


def test_the_service_sees_who_is_ready_and_what_was_not_made(one, box, world):
    with one.service():
        apply(one, service(), server("a", box, restartPolicy="Never"), pod("c", container(box))).ok()
        known = listed(one)
        client = one.inside("c.app")
        await_that(lambda: answers(client, known["ip4"], times=1) == ["a"], "it answers", 60)
        # An end that no command has to do with.
        os.kill(one.pid("a.app"), signal.SIGKILL)
        await_that(lambda: known["ip4"] not in targets(world), "it is gone", 120)
        assert answers(client, known["ip4"], times=1) == ["ConnectionRefusedError"]
        one("start", "a.app").ok()
        await_that(lambda: answers(client, known["ip4"], times=1) == ["a"], "it is back", 60)
        # A pod that runs and is not ready, ready, and not ready again.
        probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 2}
        apply(one, service("asked", selector={"app": "asked"}),
              server("b", box, labels={"app": "asked"}, container={"readinessProbe": probe})).ok()
        asked = listed(one, "asked")["ip4"]
        assert answers(client, asked, times=1) == ["ConnectionRefusedError"]
        for change, wanted in (("touch", ["b"]), ("rm", ["ConnectionRefusedError"])):
            one("exec", "b.app", change, "/tmp/ok").ok()
            await_that(lambda w=wanted: answers(client, asked, times=1) == w, f"{change} is seen", 120)
        apply(one, service("asked", selector={"app": "asked"}, publishNotReadyAddresses=True)).ok()
        assert answers(client, asked, times=1) == ["b"]
        # As an apply that was killed leaves it.
        one.sql("DELETE FROM service")
        one("pod", "stop", "--time", "0", "c").ok()
        await_that(lambda: len(one("network", "service", "list", "--format", "json").ok().json()) == 2,
                   "the services are made", 60)


ECHO = """import socket, sys
kind, name = getattr(socket, sys.argv[1]), sys.argv[2]
s = socket.socket(socket.AF_INET6, kind, 132 if kind == socket.SOCK_SEQPACKET else 0)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(('::', 5300))
if kind != socket.SOCK_DGRAM:
    s.listen()
print('ready', flush=True)
while True:
    data, peer = s.recvfrom(100)
    s.sendto(name.encode(), peer)"""

# A line is a question, by one and the same socket.
SEND = """import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
for line in sys.stdin:
    answer = 'nothing'
    try:
        s.sendto(b'?', (sys.argv[1], 53))
        answer = s.recv(100).decode()
    except OSError:
        pass
    print(answer, flush=True)"""


def test_datagrams_do_not_go_to_who_has_left(one, box):
    spec = service("web", {"port": 53, "protocol": "UDP", "targetPort": 5300})
    apply(one, spec, *(pod(name, container(box), labels={"app": "web"}) for name in "ab"), pod("c", container(box))).ok()
    known = listed(one)
    servers = [one.inside(f"{name}.app").start(sys.executable, "-c", ECHO, "SOCK_DGRAM", name, stdout=subprocess.PIPE,
                                               text=True) for name in "ab"]
    assert all(child.stdout.readline() == "ready\n" for child in servers)
    senders = [one.inside("c.app").start(sys.executable, "-c", SEND, known[ip], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True) for ip in ("ip4", "ip6")]

    def ask(sender):
        sender.stdin.write("?\n")
        sender.stdin.flush()
        return sender.stdout.readline().strip()

    first = [ask(sender) for sender in senders]
    assert set(first) <= {"a", "b"} and [ask(sender) for sender in senders] == first
    one("pod", "stop", "--time", "0", first[0]).ok()
    assert [ask(sender) for sender in senders] == ["b" if first[0] == "a" else "a"] * 2
    for child in (*servers, *senders):
        child.kill()
        child.wait()


def test_one_more_costs_the_same_among_many(one, box):
    one.keep_service_away()
    apply(one, server("a", box), server("b", box)).ok()
    took = {}
    there = 0
    for count in (10, MANY):
        while there < count:
            upto = min(count, there + 500)
            apply(one, *(service(f"s{i}") for i in range(there, upto))).ok()
            there = upto
        took[count] = []
        for i in range(5):
            begin = time.monotonic()
            apply(one, service(f"more{count}-{i}")).ok()
            took[count].append(time.monotonic() - begin)
    print({count: f"{sorted(times)[2] * 1000:.1f} ms" for count, times in took.items()})
    assert min(took[MANY]) < 4 * min(took[10])
