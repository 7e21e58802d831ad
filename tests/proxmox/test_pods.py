# SPDX-License-Identifier: MIT
"""Pods of manifests as CTs of Proxmox VE: one each, and who they are stays."""

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of, program_of, words_of
from fake import disk
from pods import apply, container, inspect, pod, pods, replicas, stream

CLASS = {"runtimeClassName": "proxmox-lxc"}
ANNOTATION = "org.proxmox-lxcri.proxmox."


@pytest.fixture(autouse=True)
def own_words(engine):
    """Which runtime a pod has its manifest says, or the configuration."""
    engine.backend = None


def guest_of(engine, pve, id):
    """The CT of a pod, as the fake has it."""
    return pve.cluster.guests[engine.place(f"{id}.app")["vmid"]]


def network(config):
    return dict(part.split("=", 1) for part in config["net0"].split(","))


def test_a_pod_is_one_ct_from_apply_to_delete(engine, pve, box):
    one = pod("web", container(box, script="echo hello; exec sleep 1000", env=[{"name": "COLOUR", "value": "blue"}],
                               resources={"limits": {"memory": "64Mi", "cpu": "500m"}}), labels={"app": "web"}, **CLASS)
    one["metadata"]["annotations"] = {ANNOTATION + "network": "bridge:vmbr1,ip=10.9.8.7/24", ANNOTATION + "tags": "mine"}
    apply(engine, one).ok()
    guest = guest_of(engine, pve, "web")
    assert list(pve.cluster.guests) == [guest.vmid] and engine.list() == ["web.app"]
    assert guest.config["hostname"] == "web" and guest.config["memory"] == 64 and float(guest.config["cpulimit"]) == 0.5
    assert guest.config["tags"].endswith(";mine")
    net = network(guest.config)
    assert net["bridge"] == "vmbr1" and net["ip"] == "10.9.8.7/24"
    program = program_of(pve, guest)
    assert words_of(f"/proc/{program}/cmdline") == [b"sleep", b"1000"]
    assert b"COLOUR=blue" in words_of(f"/proc/{program}/environ")
    rows = pods(engine)
    assert rows["web"]["status"] == "Running" and rows["web"]["runtime"] == "proxmox-lxc" and rows["web"]["ready"] == 1
    (place,) = inspect(engine, "web")["networks"]
    assert place["mac"].lower() == net["hwaddr"].lower() and place["ip4"] == "10.9.8.7"
    assert engine("get", "pods").ok().lines[1].split()[1:4] == ["web", "1/1", "Running"]
    assert f"CT {guest.vmid} on node {guest.node}" in engine("describe", "pod", "web").ok().out
    for words in (("exec", "web", "--", "true"), ("logs", "web")):
        engine(*words).fails("UnsupportedOperation", "not node pve1", code=125 if words[0] == "exec" else 1)
    # The same once more is the same.
    apply(engine, one).ok()
    assert pid_of(pve, guest) and list(pve.cluster.guests) == [guest.vmid]
    engine("pod", "stop", "web").ok()
    assert pods(engine)["web"]["status"] == "Stopped" and not pid_of(pve, guest)
    engine("pod", "start", "web").ok()
    assert pods(engine)["web"]["status"] == "Running"
    engine("pod", "delete", "web").fails("PodStillRunning", code=1)
    engine("system", "check").ok()
    engine("delete", "-f", "-", input=stream(one)).ok()
    assert not pve.cluster.guests and engine.list() == [] and not pods(engine)


def members(pve):
    """The CTs that are no keepers of volumes, by host name."""
    return {guest.config["hostname"]: guest for guest in pve.cluster.guests.values()
            if "lxcri-volume" not in guest.config["tags"]}


def identity(guest):
    net = network(guest.config)
    return guest.vmid, net["hwaddr"], net["ip"], guest.config["hostname"], guest.config["mp0"].split(",")[0]


def test_a_set_keeps_number_mac_address_name_and_volume(engine, pve, box):
    mounts = [{"name": "data", "mountPath": "/data"}]
    one = replicas("StatefulSet", "db", 2, container(box, volumeMounts=mounts), claims=["data"], **CLASS)
    one["spec"]["template"]["metadata"]["annotations"] = {ANNOTATION + "network": "bridge:vmbr1,ip=10.9.8.7/24,gw=10.9.8.1"}
    apply(engine, one).ok()
    before = {name: identity(guest) for name, guest in members(pve).items()}
    assert set(before) == {"db-0", "db-1"} and [before[f"db-{n}"][2] for n in (0, 1)] == ["10.9.8.7/24", "10.9.8.8/24"]
    assert len({part[0] for part in before.values()}) == len({part[1] for part in before.values()}) == 2
    volume = disk.path(pve.cluster, "pve1", before["db-1"][4])
    with open(f"{volume}/kept", "w", encoding="ascii") as file:
        file.write("data")
    engine("scale", "statefulset", "db", "--replicas", "1").ok()
    assert set(members(pve)) == {"db-0"}
    # Its number is nobody else's meanwhile.
    engine("--runtime", "proxmox-lxc", "run", "--detach", "--image", box, "other", "sleep", "1000").ok()
    assert engine.place("other")["vmid"] not in [part[0] for part in before.values()]
    engine("scale", "statefulset", "db", "--replicas", "2").ok()
    engine("delete", "--force", "other").ok()
    assert {name: identity(guest) for name, guest in members(pve).items()} == before
    # Made anew from something else.
    one["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "RELEASE", "value": "2"}]
    apply(engine, one).ok()
    assert {name: identity(guest) for name, guest in members(pve).items()} == before
    for guest in members(pve).values():
        program = program_of(pve, guest)
        assert b"RELEASE=2" in words_of(f"/proc/{program}/environ")
    with open(f"{volume}/kept", encoding="ascii") as file:
        assert file.read() == "data"
    engine("rollout", "undo", "statefulset", "db").ok()
    assert {name: identity(guest) for name, guest in members(pve).items()} == before
    # A number that somebody else has taken is his.
    engine("scale", "statefulset", "db", "--replicas", "1").ok()
    pve.person.take_id(before["db-1"][0])
    assert "another one's" in engine("scale", "statefulset", "db", "--replicas", "2").ok().err
    after = identity(members(pve)["db-1"])
    assert after[0] != before["db-1"][0] and after[1:] == before["db-1"][1:]
    # The volumes are there until they are to go, too.
    engine("delete", "-f", "-", input=stream(one)).ok()
    assert not members(pve) and len(pve.cluster.guests) == 2
    apply(engine, one).ok()
    with open(f"{volume}/kept", encoding="ascii") as file:
        assert file.read() == "data"
    engine("delete", "--volumes", "-f", "-", input=stream(one)).ok()
    assert not pve.cluster.guests


def test_a_deployment_rolls_and_scales(engine, pve, box):
    one = replicas("Deployment", "web", 2, container(box, script="hostname; exec sleep 1000"), **CLASS)
    apply(engine, one).ok()
    first = set(members(pve))
    assert len(first) == 2 and engine("rollout", "status", "deploy", "web").ok()
    engine("scale", "deploy", "web", "--replicas", "3").ok()
    assert len(members(pve)) == 3 and first < set(members(pve))
    one["spec"]["replicas"] = 2
    one["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "RELEASE", "value": "2"}]
    apply(engine, one).ok()
    assert len(members(pve)) == 2 and not first & set(members(pve))
    engine("rollout", "undo", "deploy", "web").ok()
    assert first < set(members(pve)) and len(members(pve)) == 3
    engine("delete", "-f", "-", input=stream(one)).ok()
    assert not pve.cluster.guests


REFUSED = [
    ({"initContainers": [{"name": "first", "image": "x"}]}, "spec.initContainers[0]"),
    ({"hostNetwork": True}, "spec.hostNetwork"), ({"hostPID": True}, "spec.hostPID"), ({"hostIPC": True}, "spec.hostIPC"),
    ({"shareProcessNamespace": True}, "spec.shareProcessNamespace"),
    ({"securityContext": {"fsGroup": 5}}, "spec.securityContext.fsGroup"),
    ({"restartPolicy": "OnFailure"}, "spec.restartPolicy"),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/srv"}}]}, "spec.volumes[0].hostPath"),
    ({"volumes": [{"name": "v", "configMap": {"name": "m"}}]}, "spec.volumes[0].configMap"),
    ({"volumes": [{"name": "v", "secret": {"secretName": "m"}}]}, "spec.volumes[0].secret"),
    ({"volumes": [{"name": "v", "projected": {"sources": []}}]}, None),
]
REFUSED_OF_CONTAINER = [
    ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "ports[0].hostPort"),
    ({"securityContext": {"capabilities": {"add": ["SYS_TIME"]}}}, "securityContext.capabilities.add"),
    ({"securityContext": {"readOnlyRootFilesystem": True}}, "securityContext.readOnlyRootFilesystem"),
    ({"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}, "env[0].valueFrom.fieldRef.fieldPath"),
    ({"livenessProbe": {"exec": {"command": ["true"]}}}, "livenessProbe.exec"),
    ({"lifecycle": {"preStop": {"exec": {"command": ["true"]}}}}, "lifecycle.preStop.exec"),
]


def test_what_a_ct_cannot_be_is_refused_by_line_and_field(engine, pve, box):
    cases = [(pod("web", container(box), **fields, **CLASS), place) for fields, place in REFUSED if place]
    cases += [(pod("web", container(box, **fields), **CLASS), f"spec.containers[0].{place}")
              for fields, place in REFUSED_OF_CONTAINER]
    cases.append((pod("web", container(box), container(box, "side"), **CLASS), "spec.containers[1]"))
    for number, (one, place) in enumerate(cases):
        engine("apply", "-f", "-", input=b"\n" * number + stream(one)).fails("UnsupportedOperation", f":{number + 1}: {place}: ")
    template = replicas("Deployment", "web", 2, container(box), container(box, "side"), **CLASS)
    apply(engine, template).fails("UnsupportedOperation", ":1: spec.template.spec.containers[1]: ")
    apply(engine, pod("web", container(box), runtimeClassName="gvisor")).fails("UnsupportedOperation", "spec.runtimeClassName")
    template = replicas("Deployment", "web", 2, container(box), **CLASS)
    for words in ("bridge:vmbr1,ip=10.9.8.7/24", "bridge:vmbr1,ip=dhcp;bridge:vmbr2,ip=10.9.8.7/24",
                  "bridge:vmbr1,ip=dhcp,ip6=fd00::7/64", "bridge:vmbr1,ip=dhcp,mac=02:00:00:00:00:01"):
        template["spec"]["template"]["metadata"]["annotations"] = {ANNOTATION + "network": words}
        apply(engine, template).fails("UnsupportedOperation", "StatefulSet")
    # So it is where the configuration has that runtime, and with those who have no manifest.
    engine.sections["container_config"] = {"default_container_type": "proxmox-lxc"}
    engine.configure()
    apply(engine, pod("web", container(box), container(box, "side"))).fails("UnsupportedOperation", ":1: spec.containers[1]: ")
    engine("pod", "create", "web", "--publish", "80:80", f"app={box}").fails("UnsupportedOperation", "a port of the host")
    engine("pod", "create", "web").fails("UnsupportedOperation", "no container")
    assert not pve.cluster.guests and not pods(engine) and engine.list() == []
    assert not [request for request in pve.requests() if request.method == "POST"]


def test_what_somebody_has_destroyed_is_made_again(engine, pve, box):
    objects = [pod("one", container(box), **CLASS), replicas("StatefulSet", "db", 1, container(box), **CLASS),
               replicas("Deployment", "web", 1, container(box), **CLASS)]
    apply(engine, *objects).ok()
    before = {guest.vmid: name for name, guest in members(pve).items()}
    assert len(before) == 3
    for vmid in before:
        pve.person.stop(vmid)
        pve.person.destroy(vmid)
    assert {row["status"] for row in pods(engine).values()} == {"Stopped"}
    apply(engine, *objects).ok()
    after = members(pve)
    assert set(after) == set(before.values()) and before[after["db-0"].vmid] == "db-0"
    assert {row["status"] for row in pods(engine).values()} == {"Running"}
    # One that cannot be asked for is not taken to be gone.
    pve.mischief.lose_node("pve1")
    assert engine("apply", "-f", "-", input=stream(*objects)).code == 1
    pve.mischief.find_node("pve1")
    apply(engine, *objects).ok()
    assert members(pve) == after
    # Nor one that was moved, where the list of all is older than that.
    pve.person.list_stale()
    for guest in after.values():
        pve.person.migrate(guest.vmid, "pve2")
    apply(engine, *objects).ok()
    assert members(pve) == after
    engine("rollout", "restart", "statefulset", "db").ok()
    assert sorted(members(pve)) == sorted(after) and len(pve.cluster.guests) == 3
    pve.person.list_stale(False)
    apply(engine, *objects).ok()
    after = members(pve)
    assert len(pve.cluster.guests) == 3
    # His number is another one's then.
    pve.person.stop(after["db-0"].vmid)
    pve.person.destroy(after["db-0"].vmid)
    pve.person.take_id(after["db-0"].vmid)
    apply(engine, *objects).ok()
    assert members(pve)["db-0"].vmid != after["db-0"].vmid
    engine("delete", "-f", "-", input=stream(*objects)).ok()


def test_pods_without_a_manifest_and_of_other_namespaces(engine, pve, box):
    engine.sections["container_config"] = {"default_container_type": "proxmox-lxc"}
    engine.configure()
    engine("pod", "create", "plain", "--network", "bridge:vmbr1,ip=10.9.8.9/24", f"app={box}").ok()
    guest = guest_of(engine, pve, "plain")
    assert network(guest.config)["ip"] == "10.9.8.9/24" and pods(engine)["plain"]["status"] == "Created"
    engine("pod", "delete", "plain").ok()
    apply(engine, pod("web", container(box), namespace="prod")).ok()
    assert set(members(pve)) == {"web"} and pods(engine)["prod_web"]["namespace"] == "prod"
    alone = pod("alone", container(box), labels={"app": "web"})
    alone["metadata"]["annotations"] = {ANNOTATION + "network": "none"}
    apply(engine, alone).ok()
    assert "net0" not in guest_of(engine, pve, "alone").config
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    apply(engine, service).fails("UnsupportedOperation", "pod alone is on no network")
    assert engine("get", "services", "-o", "name").ok().lines == []
    engine("pod", "delete", "--force", "alone", "prod_web").ok()


def test_those_made_side_by_side_have_their_template_sent_once(engine, pve, box):
    apply(engine, *[pod(name, container(box), **CLASS) for name in ("one", "two", "three")]).ok()
    assert len([request for request in pve.requests() if request.path.endswith("/upload")]) == 1


def test_a_program_has_no_more_rights_than_it_is_left(engine, pve, box):
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "CHOWN"]}}
    apply(engine, pod("bound", container(box, securityContext=security), **CLASS), pod("free", container(box), **CLASS)).ok()

    def status(name):
        program = program_of(pve, guest_of(engine, pve, name))
        with open(f"/proc/{program}/status", encoding="ascii") as file:
            return dict(line.strip().split(":\t", 1) for line in file if ":\t" in line)

    bound, free = status("bound"), status("free")
    assert int(bound["CapBnd"], 16) == int(bound["CapEff"], 16) == 1 << 10 | 1 << 0 and bound["NoNewPrivs"] == "1"
    assert int(free["CapEff"], 16) & 1 << 10 and int(free["CapEff"], 16) != int(bound["CapEff"], 16) and free["NoNewPrivs"] == "0"
