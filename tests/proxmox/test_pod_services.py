# SPDX-License-Identifier: MIT
"""Names, services, probes and restart policies of pods in Proxmox VE, as the service sees to them."""

import pathlib
import subprocess

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of
from engine import await_that
from fake import disk
from pods import apply, container, places, pod, pods, replicas

CLASS = {"runtimeClassName": "proxmox-lxc"}
ANNOTATION = "org.proxmox-lxcri.proxmox."
DEADLINE = 60


@pytest.fixture
def lan(pve):
    """A bridge of this host on which containers of the node pve1 are."""
    subprocess.run(["ip", "link", "add", "lxt-br0", "type", "bridge"], check=True)
    subprocess.run(["ip", "address", "add", "10.9.8.1/24", "dev", "lxt-br0"], check=True)
    subprocess.run(["ip", "link", "set", "lxt-br0", "up"], check=True)
    yield "lxt-br0"
    subprocess.run(["ip", "link", "del", "lxt-br0"], check=True)


@pytest.fixture
def served(engine, pve, lan):
    """The engine with a service; vmbr0 is a bridge of this host."""
    engine.backend = None
    pve.cluster.nodes["pve1"].bridges["vmbr0"] = lan
    engine.service_lock.close()
    with engine.service():
        yield engine


def service(name, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec}}


def web(box, name="web", address="10.9.8.7", **fields):
    one = pod(name, container(box, script="httpd -p 80 -h / && exec sleep 1000", **fields), labels={"app": "web"}, **CLASS)
    one["metadata"]["annotations"] = {ANNOTATION + "network": f"bridge:vmbr0,ip={address}/24,gw=10.9.8.1"}
    return one


def test_pods_here_reach_it_by_names_and_services(served, pve, box):
    apply(served, web(box), service("all", clusterIP="None"), service("one"),
          pod("client", container(box), runtimeClassName="crun")).ok()
    def answers(name):
        return served("exec", "client.app", "sh", "-c", f"wget -q -O - http://{name}/etc/hostname")

    for name in ("10.9.8.7", "web", "all", "web.all.default.svc.cluster.local", "one", "one.default.svc.cluster.local"):
        await_that(lambda name=name: answers(name).lines == ["web"], f"{name} answers", DEADLINE)


def root_of(engine, pve, id):
    guest = pve.cluster.guests[engine.place(id)["vmid"]]
    return disk.path(pve.cluster, guest.node, guest.config["rootfs"].split(",")[0])


def test_probes_by_connections_and_restarts_need_no_node(served, pve, box):
    script = "rm -f /bad; while [ ! -e /go ]; do sleep 0.1; done; httpd -p 81 -h /; while [ ! -e /bad ]; do sleep 0.1; done"
    probe = {"periodSeconds": 1, "timeoutSeconds": 30}
    one = web(box, "web")
    one["spec"]["containers"][0].update(command=["sh", "-c", script], readinessProbe={**probe, "tcpSocket": {"port": 81}})
    apply(served, one, service("one")).ok()
    endpoints = lambda: served("get", "service", "one", "-o", "json").ok().json()["status"]["endpoints"]  # noqa: E731
    assert pods(served)["web"]["ready"] == 0 and endpoints() == []
    root = pathlib.Path(root_of(served, pve, "web.app"))
    (root / "go").touch()
    await_that(lambda: pods(served)["web"]["ready"] == 1, "it is ready", DEADLINE)
    await_that(lambda: endpoints() == ["10.9.8.7"], "the service knows", DEADLINE)
    # What ends is started again, and is who it was.
    number = served.place("web.app")["vmid"]
    (root / "go").unlink()
    (root / "bad").touch()
    await_that(lambda: pods(served)["web"]["restarts"] == 1, "it was started again", DEADLINE)
    await_that(lambda: pods(served)["web"]["status"] == "Running" and endpoints() == [], "it runs, and is not ready", DEADLINE)
    (root / "go").touch()
    await_that(lambda: endpoints() == ["10.9.8.7"], "it is ready again", DEADLINE)
    assert served.place("web.app")["vmid"] == number
    served("pod", "stop", "--time", "0", "web").ok()
    assert endpoints() == [] and pods(served)["web"]["status"] == "Stopped"


def test_what_does_not_live_is_ended_and_started_again(served, pve, box):
    one = web(box, livenessProbe={"periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 1, "httpGet": {"port": 80, "path": "/ok"}})
    one["spec"]["containers"][0]["command"][2] = "touch /ok; httpd -p 80 -h / && exec sleep 1000"
    apply(served, one).ok()
    root = pathlib.Path(root_of(served, pve, "web.app"))
    await_that((root / "ok").exists, "it listens", DEADLINE)
    (root / "ok").unlink()
    await_that(lambda: pods(served)["web"]["restarts"] == 1, "it was started again", DEADLINE)
    await_that(lambda: (root / "ok").exists() and pods(served)["web"]["ready"] == 1, "it is well", DEADLINE)


def test_a_lease_is_found_when_it_comes_and_passes_on(served, pve, box):
    """By DHCP an address comes some time after the start; it may be another pod's later."""
    ids = ("a", "b")
    for name in ids:
        one = web(box, name)
        del one["metadata"]["annotations"]
        apply(served, one).ok()
    apply(served, service("all", clusterIP="None"), service("one")).ok()

    def give(name, *words):
        guest = pve.cluster.guests[served.place(f"{name}.app")["vmid"]]
        subprocess.run(["nsenter", "-t", str(pid_of(pve, guest)), "-n", "ip", "address", *words, "dev", "eth0"], check=True)

    def known():
        return {name: places(served, name)["default"].get("ip4") for name in ids}

    assert known() == {"a": None, "b": None}
    give("a", "add", "10.9.8.50/24")
    await_that(lambda: known() == {"a": "10.9.8.50", "b": None}, "the service has found it", DEADLINE)
    (members,) = [row["members"] for row in served("network", "service", "list", "--format", "json").ok().json() if row["name"] == "all"]
    assert [(member["container"], member.get("ip4"), member["ready"]) for member in members] == [("a", "10.9.8.50", True), ("b", None, False)]
    assert served("get", "service", "one", "-o", "json").ok().json()["status"]["endpoints"] == ["10.9.8.50"]
    served("pod", "stop", "--time", "0", "a").ok()
    assert served("get", "service", "one", "-o", "json").ok().json()["status"]["endpoints"] == []
    give("b", "add", "10.9.8.50/24")
    await_that(lambda: known() == {"a": None, "b": "10.9.8.50"}, "it is another pod's", DEADLINE)


def test_copies_that_somebody_has_destroyed_come_back(served, pve, box):
    apply(served, replicas("Deployment", "web", 1, container(box), **CLASS)).ok()
    (guest,) = pve.cluster.guests.values()
    pve.person.stop(guest.vmid)
    pve.person.destroy(guest.vmid)
    await_that(lambda: [row["status"] for row in pods(served).values()] == ["Running"] and len(pve.cluster.guests) == 1,
               "another one is there", DEADLINE)
