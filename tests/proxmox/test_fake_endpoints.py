# SPDX-License-Identifier: MIT
"""Every endpoint of the table is used once and does what it is for. The server compares each answer with what the
API's description promises; the fixture fails the test where one differs."""

import pytest

from endpoints import TABLE
from fake import check
from fake.client import Client, quote
from fake.endpoint import Shape


def ticket(pve):
    client = Client(pve)
    client.log_in("root@pam", "secret")
    return client


def look_around(api):
    assert api.get("/version").succeeds()["release"].split(".")[0].isdigit()
    assert [node["node"] for node in api.get("/nodes").succeeds()] == ["pve1", "pve2"]
    assert api.get("/nodes/pve1/version").succeeds() == api.get("/version").succeeds()
    assert api.get("/nodes/pve1/status").succeeds()["cpuinfo"]["cpus"] > 0
    assert {entry["type"] for entry in api.get("/cluster/status").succeeds()} == {"cluster", "node"}
    assert api.get("/cluster/nextid").succeeds() == "100"
    assert api.get("/cluster/options").succeeds() == {}
    assert "Sys.Audit" in api.get("/access/permissions", path="/").succeeds()["/"]


def manage_access(api):
    token = "/access/users/root@pam/token/other"
    made = api.post(token, comment="a comment").succeeds()
    assert made["full-tokenid"] == "root@pam!other" and made["info"]["privsep"] == 1
    assert api.get(token).succeeds()["comment"] == "a comment"
    again = api.put(token, regenerate=1, privsep=0).succeeds()
    assert again["value"] != made["value"] and again["privsep"] == 0
    assert {entry["tokenid"] for entry in api.get("/access/users/root@pam/token").succeeds()} == {"tests", "other"}
    api.post("/access/roles", roleid="Mine", privs="VM.Audit,VM.Console").succeeds()
    assert {"roleid": "Mine", "privs": "VM.Audit,VM.Console"} in api.get("/access/roles").succeeds()
    api.put("/access/acl", path="/vms", roles="Mine", tokens="root@pam!other").succeeds()
    assert [entry["ugid"] for entry in api.get("/access/acl").succeeds()] == ["root@pam!other"]
    api.delete(token).succeeds()


def run_a_container(api, template):
    ct = api.create(template, rootfs="local-zfs:1", net0="name=eth0,bridge=vmbr0", entrypoint="/bin/sh /polite")
    api.put(ct + "/config", mp0="local-zfs:1,mp=/data").succeeds()
    upid = api.post(ct + "/status/start").succeeds()
    assert api.wait(upid) == "OK"
    assert api.get("/nodes/pve1/lxc").succeeds()[0]["status"] == "running"
    assert api.get(ct + "/status/current").succeeds()["mem"] > 0
    assert api.get(ct + "/interfaces").succeeds()
    assert api.get(ct + "/config").succeeds()["mp0"] == "local-zfs:subvol-100-disk-1,mp=/data,size=1G"
    assert api.get(ct + "/pending").succeeds()
    assert api.get(ct + "/rrddata", timeframe="hour").succeeds()
    for verb in ("suspend", "reboot", "shutdown"):
        status = api.wait(api.post(f"{ct}/status/{verb}", **({"forceStop": 1} if verb == "shutdown" else {}),
                                   **({"timeout": 2} if verb != "suspend" else {})).succeeds())
        assert status == "OK" or "lxc-checkpoint" in status and verb == "suspend"
    assert "lxc-checkpoint" in api.wait(api.post(ct + "/status/resume").succeeds())
    api.does(api.post(ct + "/status/start"))
    api.does(api.post(ct + "/status/stop"))
    for path in ("/cluster/tasks", "/nodes/pve1/tasks"):
        assert upid in {task["upid"] for task in api.get(path).succeeds()}
    api.get(f"/nodes/pve1/tasks/{quote(upid)}/status").succeeds()
    assert api.get(f"/nodes/pve1/tasks/{quote(upid)}/log").body["total"] >= 1
    api.delete(f"/nodes/pve1/tasks/{quote(upid)}").succeeds()
    assert {entry["type"] for entry in api.get("/cluster/resources").succeeds()} == {"lxc", "node", "storage"}
    return ct


def copy_it(api, ct, template):
    assert api.get(ct + "/feature", feature="clone").succeeds()["hasFeature"] == 1
    api.does(api.post(ct + "/snapshot", snapname="one", description="first"))
    api.put(ct + "/snapshot/one/config", description="second").succeeds()
    assert api.get(ct + "/snapshot/one/config").succeeds()["description"] == "second"
    assert [entry["name"] for entry in api.get(ct + "/snapshot").succeeds()] == ["one", "current"]
    api.does(api.post(ct + "/snapshot/one/rollback"))
    api.does(api.delete(ct + "/snapshot/one"))
    api.does(api.put(ct + "/resize", disk="rootfs", size="2G"))
    api.create(template, 101)
    api.does(api.post(ct + "/move_volume", volume="mp0", target__vmid=101))
    api.does(api.post(ct + "/clone", newid=102))
    api.get(ct + "/migrate").succeeds()
    api.does(api.post(ct.replace("100", "102") + "/migrate", target="pve2"))
    api.post(ct.replace("100", "101") + "/template").succeeds()


def guard_it(api, ct):
    fw = ct + "/firewall"
    api.put(fw + "/options", enable=1, policy_in="DROP").succeeds()
    assert api.get(fw + "/options").succeeds()["policy_in"] == "DROP"
    for port in (80, 443):
        api.post(fw + "/rules", action="ACCEPT", type="in", proto="tcp", dport=port, enable=1).succeeds()
    api.put(fw + "/rules/0", comment="secure").succeeds()
    assert [(rule["pos"], rule["dport"]) for rule in api.get(fw + "/rules").succeeds()] == [(0, "443"), (1, "80")]
    api.delete(fw + "/rules/1").succeeds()
    api.delete(fw + "/rules/1").fails(500, "no rule at position 1")
    api.post(fw + "/ipset", name="ours", comment="net").succeeds()
    api.post(fw + "/ipset/ours", cidr="10.0.0.0/8").succeeds()
    assert api.get(fw + "/ipset/ours").succeeds()[0]["cidr"] == "10.0.0.0/8"
    assert api.get(fw + "/ipset").succeeds()[0]["name"] == "ours"
    api.delete(fw + "/ipset/ours").fails(500, "not empty")
    api.delete(fw + "/ipset/ours", force=1).succeeds()
    assert api.get("/cluster/firewall/options").succeeds() == {"enable": 0}
    assert api.get("/cluster/firewall/groups").succeeds() == api.get("/cluster/firewall/refs").succeeds() == []


def store(api, template):
    assert {entry["storage"] for entry in api.get("/storage").succeeds()} == {"local", "local-zfs"}
    assert {entry["storage"] for entry in api.get("/nodes/pve1/storage", content="vztmpl").succeeds()} == {"local"}
    assert api.get("/nodes/pve1/storage", format=1, storage="local-zfs").succeeds()[0]["formats"]["supported"]
    assert api.get("/nodes/pve1/storage/local/status").succeeds()["avail"] > 0
    content = "/nodes/pve1/storage/local/content"
    name = api.post(content, vmid=900, filename="vm-900-disk-0.raw", size="1G").succeeds()
    assert name == "local:900/vm-900-disk-0.raw"
    api.post(content, vmid=900, filename="vm-901-disk-0.raw", size="1G").fails(500, "illegal name")
    assert name in {entry["volid"] for entry in api.get(content).succeeds()}
    api.post(content, vmid=900, filename="vm-900-disk-1.raw", size="1G", format="qcow2").fails(400, "format")
    assert api.get(f"{content}/{name}").succeeds()["size"] == 1 << 30
    api.put(f"{content}/{name}", notes="mine").fails(500, "not supported")
    assert api.delete(f"{content}/{name}", delay=5).succeeds() is None
    api.does(api.delete(f"{content}/{template}"))
    header = ['Content-Disposition: form-data; name="content"'], b"vztmpl"
    file = ['Content-Disposition: form-data; name="filename"; filename="new.tar.gz"'], b"bytes"
    api.does(api.upload("/nodes/pve1/storage/local/upload", [header, file]))


def save(pve, ct):
    root = Client(pve)
    root.log_in("root@pam", "secret")
    root.does(root.post("/nodes/pve1/vzdump", vmid=100, storage="local", notes__template="a note", mode="stop"))
    backup = root.get("/nodes/pve1/storage/local/content", content="backup").succeeds()[0]
    assert (backup["vmid"], backup["notes"]) == (100, "a note")
    path = f"/nodes/pve1/storage/local/content/{backup['volid']}"
    root.put(path, notes="another", protected=1).succeeds()
    assert root.get(path).succeeds()["notes"] == "another"
    assert "protected" in root.wait(root.delete(path).succeeds())
    root.put(path, protected=0).succeeds()
    root.does(root.delete(path))


def connect(api):
    nets = "/nodes/pve1/network"
    api.post(nets, iface="vmbr5", type="bridge", cidr="10.5.0.1/24").succeeds()
    api.put(nets + "/vmbr5", type="bridge", mtu=1400).succeeds()
    assert {entry["iface"] for entry in api.get(nets, type="any_bridge").succeeds()} == {"vmbr0"}
    api.does(api.put(nets))
    assert {entry["iface"] for entry in api.get(nets, type="any_bridge").succeeds()} == {"vmbr0", "vmbr5"}
    api.delete(nets + "/vmbr5").succeeds()
    api.delete(nets).succeeds()
    api.put(nets).fails(500, "no pending")


def define(api):
    sdn = "/cluster/sdn"
    token = api.post(sdn + "/lock").succeeds()
    api.post(sdn + "/zones", zone="zone1", type="simple").fails(500, "lock")
    lock = {"lock__token": token}
    api.post(sdn + "/zones", zone="zone1", type="simple", dhcp="dnsmasq", **lock).succeeds()
    api.put(sdn + "/zones/zone1", mtu=1400, **lock).succeeds()
    api.post(sdn + "/vnets", vnet="vnet1", zone="zone1", **lock).succeeds()
    api.put(sdn + "/vnets/vnet1", alias="first", **lock).succeeds()
    subnets = sdn + "/vnets/vnet1/subnets"
    api.post(subnets, subnet="10.8.0.0/24", type="subnet", gateway="10.9.0.1", **lock).fails(500, "not in subnet")
    api.post(subnets, subnet="10.8.0.0/24", type="subnet", gateway="10.8.0.1", **lock).succeeds()
    api.put(subnets + "/zone1-10.8.0.0-24", snat=1, **lock).succeeds()
    assert api.get(sdn + "/vnets", running=1).succeeds() == []
    assert api.get(sdn + "/zones", pending=1).succeeds()[0]["state"] == "new"
    api.does(api.put(sdn, **lock))
    assert api.get(sdn + "/zones/zone1").succeeds()["mtu"] == 1400
    assert api.get(sdn + "/vnets/vnet1").succeeds()["alias"] == "first"
    assert api.get(subnets).succeeds()[0]["gateway"] == "10.8.0.1"
    assert api.get(subnets + "/zone1-10.8.0.0-24").succeeds()["snat"] == 1
    assert "vnet1" in {entry["iface"] for entry in api.get("/nodes/pve1/network", type="any_bridge").succeeds()}
    ips = sdn + "/vnets/vnet1/ips"
    api.post(ips, ip="10.8.0.9", zone="zone1", mac="BC:24:11:00:00:02").succeeds()
    api.put(ips, ip="10.8.0.9", zone="zone1", mac="BC:24:11:00:00:03").succeeds()
    assert api.get(sdn + "/ipams/pve/status").succeeds()[0]["mac"] == "BC:24:11:00:00:03"
    api.delete(ips, ip="10.8.0.9", zone="zone1").succeeds()
    take_apart(api, sdn, subnets)


def take_apart(api, sdn, subnets):
    api.delete(sdn + "/zones/zone1").fails(500, "is used by vnet")
    api.delete(sdn + "/vnets/vnet1").fails(500, "subnets still exist")
    for path in (subnets + "/zone1-10.8.0.0-24", sdn + "/vnets/vnet1", sdn + "/zones/zone1"):
        api.delete(path).succeeds()
    api.post(sdn + "/lock").fails(500, "uncommitted")
    api.post(sdn + "/rollback").succeeds()
    assert [entry["zone"] for entry in api.get(sdn + "/zones").succeeds()] == ["zone1"]
    api.post(sdn + "/lock").succeeds()
    api.delete(sdn + "/lock").fails(500, "lock")
    api.delete(sdn + "/lock", force=1).succeeds()


def gather(api):
    api.post("/pools", poolid="ours", comment="all of it").succeeds()
    api.put("/pools", poolid="ours", vms=100, storage="local").succeeds()
    api.put("/pools", poolid="ours", vms=100).fails(500, "already a pool member")
    members = api.get("/pools", poolid="ours").succeeds()[0]["members"]
    assert {member["id"] for member in members} == {"lxc/100", "storage/pve1/local", "storage/pve2/local"}
    api.delete("/pools", poolid="ours").fails(500, "not empty")
    api.put("/pools", poolid="ours", vms=100, storage="local", delete=1).succeeds()
    api.delete("/pools", poolid="ours").succeeds()


def manage(api):
    ha = "/cluster/ha/resources"
    api.post(ha, sid=100, state="stopped").succeeds()
    api.put(ha + "/ct:100", comment="watched").succeeds()
    assert api.get(ha + "/ct:100").succeeds()["comment"] == "watched"
    assert [entry["sid"] for entry in api.get(ha).succeeds()] == ["ct:100"]
    assert {"quorum", "service:ct:100"} == {entry["id"] for entry in api.get("/cluster/ha/status/current").succeeds()}
    api.delete(ha + "/ct:100").succeeds()


def test_every_endpoint_is_used(pve, api, template):
    look_around(api)
    manage_access(api)
    ct = run_a_container(api, template)
    copy_it(api, ct, template)
    guard_it(api, ct)
    store(api, template)
    save(pve, ct)
    connect(api)
    define(api)
    gather(api)
    manage(api)
    ticket(pve)
    assert pve.cluster.tasks.settle() == []
    api.does(api.delete(ct))
    assert set(pve.trace()) == {f"{endpoint.method} {endpoint.path}" for endpoint in TABLE}


@pytest.mark.parametrize("answer, words", [
    ([{"vmid": 1}], "name: is missing"), ([{"vmid": "x", "name": "a"}], "vmid: 'x' is not integer"),
    ({"vmid": 1}, "is not array"), (None, "null"), ([{"vmid": 1, "name": "a", "on": 2}], "on: 2 is not boolean"),
    ([{"vmid": 1, "name": "a", "net3": []}], "net3: [] is not string")])
def test_an_answer_that_breaks_its_promise_is_seen(answer, words):
    text, number, switch = Shape("string"), Shape("integer"), Shape("boolean", required=False)
    promised = Shape("array", items=Shape("object", properties={
        "vmid": number, "name": text, "on": switch, "net[n]": Shape("string", required=False)}))
    assert words in " ".join(check.answer_faults(promised, answer))
    assert not list(check.answer_faults(promised, [{"vmid": "1", "name": "a", "on": "0", "net0": "x", "more": 1}]))
