# SPDX-License-Identifier: MIT
"""Services with an address of their own: it stays, leads to the pods that are ready, and to nobody else's."""

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, places, pod, replicas, stream

SERVER = "mkdir /www; hostname >/www/index.html; exec httpd -f -p 8080 -h /www"


def service(name="web", *ports, namespace=None, selector=None, **spec):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": selector or {"app": "web"}, **spec,
                     "ports": list(ports) or [{"name": "http", "port": 80, "targetPort": 8080}]}}


def server(name, box, *, labels=None, **fields):
    return pod(name, container(box, script=SERVER, **fields.pop("container", {})),
               labels=labels or {"app": "web"}, **fields)


def listed(engine, name="web"):
    """What `network service list` says of one."""
    found, = [row for row in engine("network", "service", "list", "--format", "json").ok().json()
              if row["name"] == name]
    return found


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
    known = listed(one)
    client = one.inside("c.app")
    await_that(lambda: answers(client, known["ip4"]) == ["a", "b"], "both answer")
    assert answers(client, known["ip6"]) == ["a", "b"]
    assert answers(world.host, known["ip4"]) == ["a", "b"]
    assert answers(one.inside("a.app"), known["ip4"]) == ["a", "b"]
    one("pod", "stop", "--time", "0", "a").ok()
    assert answers(client, known["ip4"]) == ["b"]
