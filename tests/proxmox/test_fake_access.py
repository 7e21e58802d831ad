# SPDX-License-Identifier: MIT
"""Nobody does what he may not: every endpoint without its privilege, and with no more than it."""

import json

import pytest

import samples
from endpoints import TABLE
from fake.access import PRIVILEGES
from fake.client import Client
from fake.pve import FakeProxmox
from fake.route import filled
from fake.sdn import Sdn

CHECKED = [endpoint for endpoint in TABLE if endpoint.check]


def name(endpoint):
    return f"{endpoint.method} {endpoint.path}"


@pytest.fixture(scope="module")
def pve():
    """One cluster for all of these: they change what they may, and nothing else."""
    with FakeProxmox() as pve:
        pve.access.add_user("some@pve")
        yield pve
        assert pve.faults() == []


@pytest.fixture
def somebody(pve):
    """A client that may nothing yet, by a token with its user's privileges."""
    pve.access.grants = []
    pve.access.users["some@pve"].tokens.clear()
    return Client(pve, pve.access.add_token("some@pve", "t", privsep=0))


@pytest.fixture
def request_of(somebody):
    """Makes a request of an endpoint with right parameters and returns its Answer."""
    def ask(endpoint):
        parameters = values(endpoint)
        path = endpoint.path
        for word in [word[1:-1] for word in path.split("/") if word.startswith("{")]:
            path = path.replace(f"{{{word}}}", parameters.pop(word))
        return somebody.request(endpoint.method, path, parameters)

    return ask


def values(endpoint):
    """Returns right parameters, those that a check looks up among them."""
    found = {}
    for key, value in endpoint.parameters.items():
        if value.required or f"{{{key}}}" in endpoint.path + json.dumps(endpoint.check):
            found[key] = samples.right(value)
    if "userid" in found:
        found["userid"] = "root@pam"
    if endpoint.path == "/access/acl":
        found["path"] = "/vms"
    return found


def grants(check):
    """Yields lists of (path, privileges) of which each is enough for a check."""
    kind, *rest = check
    if kind == "or":
        for part in rest:
            yield from grants(part)
    elif kind == "and":
        found = [[]]
        for part in rest:
            found = [have + more for have in found for more in grants(part)]
        yield from found
    elif kind == "perm":
        if "any" in rest:
            yield from ([(rest[0], [privilege])] for privilege in rest[1])
        else:
            yield [(rest[0], rest[1])]
    elif kind == "perm-modify":
        yield [(rest[0], ["Permissions.Modify"])]
    elif kind == "userid-group":
        yield [("/access/groups", rest[0])]


def give(pve, endpoint, wanted):
    parameters = values(endpoint)
    for number, (path, privileges) in enumerate(wanted):
        pve.access.add_role(f"r{number}", privileges)
        pve.access.grant(filled(path, parameters), "some@pve", f"r{number}", propagate=0)


@pytest.mark.parametrize("endpoint", CHECKED, ids=name)
def test_an_endpoint_is_refused_without_its_privilege(pve, request_of, endpoint):
    request_of(endpoint).fails(403, "Permission check failed")
    # All others do not help, nor does the privilege elsewhere.
    for wanted in grants(endpoint.check):
        needed = {privilege for _, privileges in wanted for privilege in privileges}
        pve.access.add_role("others", set(PRIVILEGES) - all_needed(endpoint.check))
        pve.access.add_role("elsewhere", needed)
        pve.access.grant("/", "some@pve", "others")
        pve.access.grant("/elsewhere", "some@pve", "elsewhere")
        request_of(endpoint).fails(403, "Permission check failed")


def all_needed(check):
    return {privilege for wanted in grants(check) for _, privileges in wanted for privilege in privileges}


@pytest.mark.parametrize("endpoint", CHECKED, ids=name)
def test_an_endpoint_is_open_to_just_its_privilege(pve, request_of, endpoint):
    for wanted in grants(endpoint.check):
        pve.access.grants = []
        give(pve, endpoint, wanted)
        assert "Permission check failed" not in request_of(endpoint).reason, wanted


OPTIONS = {
    "cores": ("1", "VM.Config.CPU"), "cpulimit": ("1", "VM.Config.CPU"), "cpuunits": ("100", "VM.Config.CPU"),
    "memory": ("64", "VM.Config.Memory"), "swap": ("0", "VM.Config.Memory"),
    "hostname": ("other", "VM.Config.Network"), "nameserver": ("10.0.0.1", "VM.Config.Network"),
    "searchdomain": ("example", "VM.Config.Network"), "env": ("A=1", "VM.Config.Options"),
    "entrypoint": ("/bin/true", "VM.Config.Options"), "onboot": ("1", "VM.Config.Options"),
    "description": ("text", "VM.Config.Options"), "tags": ("a;b", "VM.Config.Options"),
    "features": ("nesting=1", "VM.Allocate"),
}
ROOT_ONLY = {"features": "keyctl=1", "dev0": "/dev/null", "hookscript": "local:snippets/hook", "mp0": "/tmp,mp=/data"}


@pytest.fixture(scope="module")
def ct(pve, archive):
    return Client(pve).create(pve.add_template(archive), net0="name=eth0,bridge=vmbr0")


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_needs_its_privilege(pve, somebody, ct, option):
    value, privilege = OPTIONS[option]
    somebody.put(ct + "/config", **{option: value}).fails(403)
    others = {other for other in PRIVILEGES if other.startswith("VM.")} - {privilege}
    pve.access.add_role("others", others)
    pve.access.grant("/vms/100", "some@pve", "others")
    somebody.put(ct + "/config", **{option: value}).fails(403, privilege)
    pve.access.add_role("one", {privilege, "VM.Config.Disk"})
    pve.access.grants = []
    pve.access.grant("/vms/100", "some@pve", "one")
    somebody.put(ct + "/config", **{option: value}).succeeds()
    somebody.put(ct + "/config", delete=option)


@pytest.mark.parametrize("option", ROOT_ONLY)
def test_some_options_are_for_root_alone_and_not_for_its_tokens(pve, somebody, ct, option):
    pve.access.grant("/", "some@pve", "Administrator")
    for client in (somebody, Client(pve)):
        client.put(ct + "/config", **{option: ROOT_ONLY[option]}).fails(403, "root@pam")
    root = Client(pve)
    root.log_in("root@pam", "secret")
    if option != "mp0":
        root.put(ct + "/config", **{option: ROOT_ONLY[option]}).succeeds()
        root.put(ct + "/config", delete=option).succeeds()


def test_an_interface_needs_the_use_of_its_bridge(pve, somebody, ct):
    pve.access.grant("/vms", "some@pve", "PVEVMAdmin")
    somebody.put(ct + "/config", net0="name=eth0,bridge=vmbr0,tag=5").fails(403, "/sdn/zones/localnetwork/vmbr0")
    pve.access.grant("/sdn/zones/localnetwork", "some@pve", "PVESDNUser")
    somebody.put(ct + "/config", net0="name=eth0,bridge=vmbr0,tag=5").succeeds()


def test_a_volume_needs_room_on_its_storage(pve, somebody, ct):
    pve.access.grant("/vms", "some@pve", "PVEVMAdmin")
    somebody.put(ct + "/config", mp1="local:1,mp=/one").fails(403, "Datastore.AllocateSpace")
    pve.access.grant("/storage/local", "some@pve", "PVEDatastoreUser")
    somebody.put(ct + "/config", mp1="local:1,mp=/one").succeeds()
    somebody.put(ct + "/config", delete="mp1").succeeds()


def test_the_environment_is_seen_by_who_may_set_it(pve, somebody, ct):
    Client(pve).put(ct + "/config", env="SECRET=1").succeeds()
    pve.access.add_role("reader", {"VM.Audit"})
    pve.access.grant("/vms/100", "some@pve", "reader")
    assert "env" not in somebody.get(ct + "/config").succeeds()
    assert "env" not in {entry["key"] for entry in somebody.get(ct + "/pending").succeeds()}
    pve.access.add_role("reader", {"VM.Audit", "VM.Config.Options"})
    assert somebody.get(ct + "/config").succeeds()["env"] == "SECRET=1"


def test_creating_needs_the_right_to_allocate_and_more_for_a_privileged_container(pve, somebody, archive):
    template = pve.add_template(archive)
    create = {"vmid": "200", "ostemplate": template, "rootfs": "local:1"}
    somebody.post("/nodes/pve1/lxc", **create).fails(403, "/vms/200, VM.Allocate")
    pve.access.grant("/vms", "some@pve", "PVEVMAdmin")
    somebody.post("/nodes/pve1/lxc", **create).fails(403, "/storage/local")
    pve.access.grant("/storage/local", "some@pve", "PVEDatastoreUser")
    somebody.post("/nodes/pve1/lxc", **create, unprivileged="0").fails(403, "(/, Sys.Modify)")
    somebody.does(somebody.post("/nodes/pve1/lxc", **create))
    somebody.does(somebody.delete("/nodes/pve1/lxc/200"))


def test_a_pool_gives_what_its_members_need(pve, somebody, archive):
    api = Client(pve)
    api.post("/pools", poolid="ours").succeeds()
    pve.access.grant("/pool/ours", "some@pve", "PVEVMAdmin")
    pve.access.grant("/storage/local", "some@pve", "PVEDatastoreUser")
    create = {"vmid": "201", "ostemplate": pve.add_template(archive), "rootfs": "local:1"}
    somebody.post("/nodes/pve1/lxc", **create).fails(403)
    somebody.does(somebody.post("/nodes/pve1/lxc", **create, pool="ours"))
    assert [member["vmid"] for member in api.get("/pools", poolid="ours").succeeds()[0]["members"]] == [201]
    somebody.get("/nodes/pve1/lxc/201/config").succeeds()
    somebody.get("/nodes/pve1/lxc/100/config").fails(403)
    somebody.does(somebody.delete("/nodes/pve1/lxc/201"))
    assert api.get("/pools", poolid="ours").succeeds()[0]["members"] == []


def test_lists_show_what_somebody_may_see(pve, somebody, ct):
    for path, key, wanted, role in (("/nodes/pve1/lxc", "vmid", 100, ("/vms/100", "PVEVMUser")),
                                    ("/nodes/pve1/storage", "storage", "local",
                                     ("/storage/local", "PVEDatastoreUser"))):
        assert wanted not in {entry[key] for entry in somebody.get(path).succeeds()}
        pve.access.grant(role[0], "some@pve", role[1])
        assert {entry[key] for entry in somebody.get(path).succeeds()} == {wanted}
    kinds = {entry["type"] for entry in somebody.get("/cluster/resources").succeeds()}
    assert kinds == {"lxc", "storage", "node"}


def test_a_separated_token_needs_grants_of_its_own(pve, somebody, ct):
    separated = Client(pve, pve.access.add_token("some@pve", "separated", privsep=1))
    pve.access.grant("/vms", "some@pve", "PVEVMUser")
    separated.get(ct + "/config").fails(403)
    pve.access.grant("/vms/100", "some@pve!separated", "Administrator")
    separated.get(ct + "/config").succeeds()
    separated.put(ct + "/config", memory="64").fails(403)
    mine = separated.get("/access/permissions").succeeds()
    assert "VM.Audit" in mine["/vms/100"] and "VM.Config.Memory" not in mine["/vms/100"]


def test_a_nearer_grant_replaces_one_from_above(pve, somebody, ct):
    pve.access.grant("/vms", "some@pve", "PVEVMAdmin")
    pve.access.grant("/vms/100", "some@pve", "NoAccess")
    somebody.get(ct + "/config").fails(403)


def test_a_task_is_seen_by_its_owner_and_by_who_audits(pve, somebody, ct):
    api = Client(pve)
    upid = api.post(ct + "/status/start").succeeds()
    api.wait(upid)
    path = f"/nodes/pve1/tasks/{upid.replace('!', '%21')}"
    for tail in ("/status", "/log"):
        somebody.get(path + tail).fails(403)
    somebody.delete(path).fails(403)
    assert upid not in {task["upid"] for task in somebody.get("/nodes/pve1/tasks").succeeds()}
    pve.access.grant("/nodes", "some@pve", "PVEAuditor")
    somebody.get(path + "/status").succeeds()
    assert upid in {task["upid"] for task in somebody.get("/nodes/pve1/tasks").succeeds()}
    somebody.delete(path).fails(403, "Sys.Modify")
    api.does(api.post(ct + "/status/stop"))


# Methods that look for themselves what somebody may; (method, path, parameters, what is said).
OWN_CHECKS = [
    ("GET", "/nodes/pve1/storage/local/content/local:vztmpl/busybox.tar.zst", {}, "/storage/local"),
    ("PUT", "/nodes/pve1/storage/local/content/local:vztmpl/busybox.tar.zst", {"notes": "n"}, "/storage/local"),
    ("DELETE", "/nodes/pve1/storage/local/content/local:vztmpl/busybox.tar.zst", {}, "Datastore.Allocate"),
    ("GET", "/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.raw", {}, "/vms/100, VM.Audit"),
    ("POST", "/nodes/pve1/vzdump", {"vmid": "100", "storage": "local"}, "/vms/100, VM.Backup"),
    ("POST", "/nodes/pve1/vzdump", {"vmid": "100", "tmpdir": "/x"}, "root@pam"),
    ("GET", "/cluster/sdn/vnets/vnet1", {}, "/sdn/zones/zone1/vnet1"),
    ("PUT", "/cluster/sdn/vnets/vnet1", {"alias": "a"}, "/sdn/zones/zone1/vnet1"),
    ("DELETE", "/cluster/sdn/vnets/vnet1", {}, "/sdn/zones/zone1/vnet1"),
    ("GET", "/cluster/sdn/vnets/vnet1/subnets", {}, "/sdn/zones/zone1/vnet1"),
    ("POST", "/cluster/sdn/vnets/vnet1/subnets", {"subnet": "10.7.0.0/24", "type": "subnet"}, "/sdn/zones/zone1"),
    ("GET", "/cluster/sdn/vnets/vnet1/subnets/zone1-10.8.0.0-24", {}, "/sdn/zones/zone1/vnet1"),
    ("PUT", "/cluster/sdn/vnets/vnet1/subnets/zone1-10.8.0.0-24", {"snat": "1"}, "/sdn/zones/zone1/vnet1"),
    ("DELETE", "/cluster/sdn/vnets/vnet1/subnets/zone1-10.8.0.0-24", {}, "/sdn/zones/zone1/vnet1"),
    ("GET", "/pools", {"poolid": "theirs"}, "/pool/theirs, Pool.Audit"),
    ("GET", "/access/permissions", {"userid": "root@pam"}, "/access, Sys.Audit"),
    ("POST", "/nodes/pve1/lxc/100/clone", {"newid": "300"}, "/storage/local"),
    ("PUT", "/nodes/pve1/lxc/100/resize", {"disk": "rootfs", "size": "+1G"}, "/storage/local"),
    ("POST", "/nodes/pve1/lxc/100/move_volume", {"volume": "rootfs", "storage": "local-zfs"}, "/storage/local-zfs"),
    ("POST", "/nodes/pve1/lxc/100/migrate", {"target": "pve2", "target-storage": "local-zfs"}, "/storage/local-zfs"),
]


@pytest.fixture(scope="module")
def defined(pve, ct):
    """What these are about: a vnet with a subnet, and a pool."""
    api = Client(pve)
    pve.cluster.sdn = Sdn()  # what the tests above were allowed to do is forgotten
    api.post("/cluster/sdn/zones", zone="zone1", type="simple").succeeds()
    api.post("/cluster/sdn/vnets", vnet="vnet1", zone="zone1").succeeds()
    api.post("/cluster/sdn/vnets/vnet1/subnets", subnet="10.8.0.0/24", type="subnet").succeeds()
    api.post("/pools", poolid="theirs").succeeds()


@pytest.mark.parametrize("method, path, parameters, words", OWN_CHECKS, ids=str)
def test_what_a_method_looks_for_itself_is_needed(pve, somebody, defined, method, path, parameters, words):
    if "/lxc/" in path:  # the privileges on containers are there, those on storages are not
        pve.access.grant("/vms", "some@pve", "PVEVMAdmin")
        pve.access.grant("/sdn", "some@pve", "PVESDNUser")
    somebody.request(method, path, parameters).fails(403, words)


def test_lists_of_networks_and_addresses_leave_out_what_nobody_may_see(somebody, defined):
    for path in ("/cluster/sdn/zones", "/cluster/sdn/vnets", "/cluster/sdn/ipams/pve/status", "/pools",
                 "/access/acl", "/cluster/tasks", "/storage"):
        found = somebody.get(path).succeeds()
        assert [entry for entry in found if "some@pve" not in str(entry)] == [], path
