# SPDX-License-Identifier: MIT
"""Probes: three questions to a container, and what comes of the answers."""

import contextlib
import ctypes
import json
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, inspect, pod, pods

pytestmark = pytest.mark.service


def http(port, path="/", **fields):
    return {"httpGet": {"port": port, "path": path, **fields}, "periodSeconds": 1, "timeoutSeconds": 5}


def tcp(port, **fields):
    return {"tcpSocket": {"port": port}, "periodSeconds": 1, "timeoutSeconds": 5, **fields}


def execs(script, **fields):
    return {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, "timeoutSeconds": 20, **fields}


def ready(engine, id):
    return pods(engine)[id]["ready"]


def members(engine, id):
    return {row["name"]: {"health": None, **row} for row in inspect(engine, id)["containers"]}


def probe_events(engine, id):
    return [line for line in engine("events", "--since", "10m", "--until", "0s", "--filter", f"container={id}").ok().lines
            if "probe_failed" in line]


def test_readiness_is_asked_in_three_ways_and_changes_nothing_else(one, box):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
               "spec": {"clusterIP": "None", "selector": {"app": "web"}}}
    wanted = pod("web",
                 container(box, "a", "mkdir -p /srv; httpd -p 8001 -h /srv; exec sleep 1000",
                           ports=[{"name": "http", "containerPort": 8001}], readinessProbe=http("http", "/ok")),
                 container(box, "b", "while ! test -e /go; do sleep 0.1; done; exec httpd -f -p 8002 -h /",
                           readinessProbe=tcp(8002)),
                 container(box, "c", readinessProbe=execs("test -e /go", failureThreshold=1)), labels={"app": "web"})
    apply(one, service, wanted, pod("other", container(box))).ok()

    def answers():
        return one("exec", "other.app", "sh", "-c",
                   "nslookup web.default.svc.cluster.local | grep -c '^Address.*10.213'").out.strip()

    assert ready(one, "web") == 0 and pods(one)["web"]["status"] == "Running"
    base = answers()
    one("exec", "web.a", "sh", "-c", "echo fine >/srv/ok").ok()
    one("exec", "web.b", "touch", "/go").ok()
    await_that(lambda: ready(one, "web") == 2, "two of three", 60)
    assert answers() == base, "what is not ready has no name in the service"
    one("exec", "web.c", "touch", "/go").ok()
    await_that(lambda: ready(one, "web") == 3, "all are ready", 60)
    assert members(one, "web")["a"]["health"] == "healthy"
    await_that(lambda: answers() != base, "the service leads there", 60)
    one("exec", "web.c", "rm", "/go").ok()
    await_that(lambda: ready(one, "web") == 2, "one is not any more", 60)
    await_that(lambda: answers() == base, "the service leads nowhere", 60)
    assert members(one, "web")["c"]["health"] == "unhealthy"
    assert pods(one)["web"]["restarts"] == 0


def test_liveness_has_it_started_again_and_startup_holds_it_off(one, box):
    # Each run: starts when /go is there, and is ill when /ill is.
    script = "rm -f /ill; echo run >>/runs; exec sleep 1000"
    apply(one, pod("web", container(box, "app", script, startupProbe=execs("test -e /go", failureThreshold=1000),
                                    livenessProbe=execs("! test -e /ill", failureThreshold=1)),
                   container(box, "never", startupProbe=tcp(9, failureThreshold=2)))).ok()
    one("exec", "web.app", "touch", "/ill").ok()
    await_that(lambda: members(one, "web")["never"]["restarts"] >= 1, "what does not start is started again", 60)
    assert "startup" in probe_events(one, "web.never")[0]
    assert members(one, "web")["app"]["restarts"] == 0 and members(one, "web")["app"]["health"] == "starting"
    one("exec", "web.app", "touch", "/go").ok()
    await_that(lambda: members(one, "web")["app"]["restarts"] == 1, "the ill one is started again", 60)
    await_that(lambda: members(one, "web")["app"]["health"] == "healthy", "and is well", 60)
    assert one("exec", "web.app", "cat", "/runs").ok().lines == ["run", "run"]
    assert len(probe_events(one, "web.app")) == 1


def test_a_clock_that_was_set_back_holds_off_no_question(one, box):
    """What the service that was there before has kept then is of times that are still to come."""
    apply(one, pod("web", container(box, readinessProbe=execs("test -e /go", failureThreshold=1)))).ok()
    kept = one.root / "containers" / "web.app" / "probes.json"
    await_that(lambda: kept.exists() and json.loads(kept.read_text())["readiness"]["checked"], "it was asked", 60)
    one.end_service(signal.SIGKILL)
    state = json.loads(kept.read_text())
    state["readiness"]["checked"] += 3600 * 10**9
    kept.write_text(json.dumps(state))
    one("exec", "web.app", "touch", "/go").ok()
    with one.service():
        await_that(lambda: ready(one, "web") == 1, "it is asked again", 20)


def test_who_never_is_started_again_stays_ended(one, box):
    apply(one, pod("web", container(box, livenessProbe=execs("false", failureThreshold=1)), restartPolicy="Never")).ok()
    await_that(lambda: members(one, "web")["app"]["status"] == "stopped", "it is ended", 60)


def listen(host):
    """A socket on the loopback of a namespace."""
    found = []

    def enter():
        with open(host.path) as namespace:
            assert ctypes.CDLL(None).setns(namespace.fileno(), 0) == 0
        found.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=enter)  # only this one is there
    thread.start()
    thread.join()
    return found[0]


@contextlib.contextmanager
def server(engine, answer, context=None):
    """A server on the host that treats each connection by @answer; the port."""
    listener = listen(engine.host)
    over = threading.Event()

    def serve(connection):
        with contextlib.suppress(OSError), connection:
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            answer(connection, over)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def trickle(connection, over):
    for byte in b"HTTP/1.1 200 OK" * 1000:
        connection.sendall(bytes([byte]))
        if over.wait(0.3):
            return


def endless(connection, over):
    while not over.is_set():
        connection.sendall(b"X" * 65536)


def silent(connection, over):
    over.wait()


def headers(connection, over):
    connection.sendall(b"HTTP/1.1 204 Fine\r\n")
    while not over.is_set():
        connection.sendall(b"X: y\r\n" * 1000)


def rude(connection, over):
    connection.sendall(b"220 \x1b[31mmail\r\n")


def test_hostile_servers_hurt_nobody(one, box):
    with contextlib.ExitStack() as stack:
        ports = {name.__name__: stack.enter_context(server(one, name)) for name in (trickle, endless, silent, headers, rude)}
        probes = [container(box, name, readinessProbe={
            "httpGet": {"host": "127.0.0.1", "port": port}, "periodSeconds": 1, "timeoutSeconds": 1,
            "failureThreshold": 1}) for name, port in ports.items()]
        apply(one, pod("bad", *probes), pod("good", container(box, readinessProbe=execs("test -e /go")))).ok()
        await_that(lambda: [row["health"] for row in members(one, "bad").values()] ==
                   ["unhealthy", "unhealthy", "unhealthy", "healthy", "unhealthy"], "each is judged", 60)
        # The loop goes on meanwhile.
        one("exec", "good.app", "touch", "/go").ok()
        await_that(lambda: ready(one, "good") == 1, "others are asked", 60)
        said = {row["name"]: row["probes"]["readiness"]["output"] for row in inspect(one, "bad")["containers"]}
        assert said["trickle"] == said["silent"] == "no answer in time"
        assert said["endless"] == "its answer has no end of a line"
        assert said["headers"] == "HTTP/1.1 204 Fine" and "\x1b" not in said["rude"]


def test_https_is_spoken_without_looking_at_the_certificate(one, box, work):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-days", "1",
                    "-keyout", work / "key", "-out", work / "cert"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(work / "cert", work / "key")
    asked = []

    def fine(connection, over):
        asked.append(connection.recv(65536).decode())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with server(one, fine, context) as port, server(one, endless) as plain:
        probe = http(port, "/well", scheme="HTTPS", host="127.0.0.1",
                     httpHeaders=[{"name": "Host", "value": "web"}, {"name": "X-Key", "value": "a b"}])
        apply(one, pod("web", container(box, readinessProbe=probe),
                       container(box, "no", readinessProbe={**http(plain, scheme="HTTPS", host="127.0.0.1"),
                                                            "failureThreshold": 1}))).ok()
        await_that(lambda: {name: row["health"] for name, row in members(one, "web").items()} ==
                   {"app": "healthy", "no": "unhealthy"}, "it is asked by TLS", 60)
        lines = asked[0].split("\r\n")
        assert lines[0] == "GET /well HTTP/1.1" and "Host: web" in lines and "X-Key: a b" in lines
        assert sum(line.lower().startswith("host:") for line in lines) == 1


BAD = [
    ({"grpc": {"port": 5000}}, "UnsupportedOperation", "grpc"),
    ({}, "InvalidManifest", "expected one of"),
    ({"tcpSocket": {"port": 80}, "exec": {"command": ["true"]}}, "InvalidManifest", "expected one of"),
    ({"tcpSocket": {"port": "web"}}, "InvalidManifest", "no name of a port"),
    ({"httpGet": {"port": 80, "scheme": "GOPHER"}}, "InvalidManifest", "GOPHER"),
    ({"httpGet": {"port": 80, "host": "example.org"}}, "UnsupportedOperation", "example.org"),
    ({"httpGet": {"port": 80, "path": "/a\r\nX: y"}}, "InvalidArgument", "path"),
    ({"httpGet": {"port": 80, "httpHeaders": [{"name": "A\nB", "value": "c"}]}}, "InvalidArgument", "header"),
    ({"tcpSocket": {"port": 80}, "periodSeconds": 0}, "InvalidManifest", "range"),
    ({"tcpSocket": {"port": 80}, "successThreshold": 2}, "InvalidManifest", "successThreshold"),
]


def test_what_cannot_be_asked_is_refused(one, box):
    for probe, code, word in BAD:
        failed = apply(one, pod("web", container(box, livenessProbe=probe)))
        failed.fails(code, word, "liveness")
        assert pods(one) == {}
