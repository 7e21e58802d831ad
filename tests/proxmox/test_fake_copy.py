# SPDX-License-Identifier: MIT
"""Containers that are copied, put back, moved."""

import pathlib

import pytest

from fake.client import Client
from test_fake_life import attach, status


def content(api, storage, node="pve1"):
    return {entry["volid"] for entry in api.get(f"/nodes/{node}/storage/{storage}/content").succeeds()
            if entry["content"] == "rootdir"}


def path_of(api, volid, node="pve1"):
    storage = volid.partition(":")[0]
    return pathlib.Path(api.get(f"/nodes/{node}/storage/{storage}/content/{volid}").succeeds()["path"])


@pytest.fixture
def ct(api, template):
    """A container on the storage that has snapshots and linked clones."""
    return api.create(template, rootfs="local-zfs:1", net0="name=eth0,bridge=vmbr0")


def test_a_snapshot_brings_back_files_and_configuration(api, ct):
    root = path_of(api, "local-zfs:subvol-100-disk-0")
    (root / "tmp/mark").write_text("before")
    api.does(api.post(ct + "/snapshot", snapname="one", description="first"))
    (root / "tmp/mark").write_text("after")
    api.put(ct + "/config", memory=99).succeeds()
    listed = {entry["name"]: entry for entry in api.get(ct + "/snapshot").succeeds()}
    assert listed["one"]["description"] == "first" and listed["current"]["parent"] == "one"
    assert api.get(ct + "/config", snapshot="one").succeeds()["memory"] == 64
    api.does(api.post(ct + "/snapshot/one/rollback", start=1))
    assert (root / "tmp/mark").read_text() == "before"
    assert api.get(ct + "/config").succeeds()["memory"] == 64
    assert status(api, ct) == "running"
    api.does(api.delete(ct + "/snapshot/one"))
    assert [entry["name"] for entry in api.get(ct + "/snapshot").succeeds()] == ["current"]


def test_only_the_newest_snapshot_is_rolled_back(api, ct):
    for name in ("one", "two"):
        api.does(api.post(ct + "/snapshot", snapname=name))
    assert "not most recent" in api.wait(api.post(ct + "/snapshot/one/rollback").succeeds())
    api.does(api.post(ct + "/snapshot/two/rollback"))


def test_a_snapshot_that_can_not_be_is_refused(api, ct, template):
    api.post(ct + "/snapshot", snapname="current").fails(500, "reserved")
    api.post(ct + "/snapshot", snapname="1one").fails(400, "snapname")
    for answer in (api.post(ct + "/snapshot/none/rollback"), api.delete(ct + "/snapshot/none")):
        assert api.wait(answer.succeeds()) == "snapshot 'none' does not exist"
    api.get(ct + "/snapshot/none/config").fails(500, "does not exist")
    other = api.create(template, 101)
    assert api.get(other + "/feature", feature="snapshot").succeeds() == {"hasFeature": 0}
    assert api.wait(api.post(other + "/snapshot", snapname="one").succeeds()) == "snapshot feature is not available"
    assert api.get(ct + "/feature", feature="snapshot").succeeds() == {"hasFeature": 1}


def test_a_full_clone_is_another_container(pve, api, ct):
    api.does(api.post(ct + "/clone", newid=101, hostname="copy", description="of 100"))
    copy = ct.replace("100", "101")
    old, new = api.get(ct + "/config").succeeds(), api.get(copy + "/config").succeeds()
    assert (new["hostname"], new["description"]) == ("copy", "of 100\n")
    assert new["rootfs"] == "local-zfs:subvol-101-disk-0,size=1G" and new["net0"] != old["net0"]
    api.does(api.post(copy + "/status/start"))
    assert attach(pve, 101, "/bin/hostname") == "copy\n"
    assert status(api, ct) == "stopped"


def test_a_running_container_is_cloned_from_a_snapshot_only(api, ct):
    root = path_of(api, "local-zfs:subvol-100-disk-0")
    (root / "tmp/mark").write_text("before")
    api.does(api.post(ct + "/snapshot", snapname="one"))
    api.does(api.post(ct + "/status/start"))
    (root / "tmp/mark").write_text("after")
    api.post(ct + "/clone", newid=101).fails(500, "running container without snapshots")
    api.does(api.post(ct + "/clone", newid=101, snapname="one"))
    assert (path_of(api, "local-zfs:subvol-101-disk-0") / "tmp/mark").read_text() == "before"
    api.post(ct + "/clone", newid=101, snapname="one").fails(500, "CT 101 already exists")


def test_a_template_is_cloned_linked_and_stays_while_it_is_used(api, ct):
    api.post(ct + "/template").succeeds()
    upid = next(task["upid"] for task in api.get("/nodes/pve1/tasks", source="all").succeeds()
                if task["type"] == "vztemplate")
    assert api.wait(upid) == "OK"
    config = api.get(ct + "/config").succeeds()
    assert (config["template"], config["rootfs"]) == (1, "local-zfs:basevol-100-disk-0,size=1G")
    assert "template" in api.wait(api.post(ct + "/status/start").succeeds())
    api.post(ct + "/clone", newid=101, storage="local").fails(500, "not allowed for linked clones")
    api.does(api.post(ct + "/clone", newid=101))
    copy = ct.replace("100", "101")
    rootfs = api.get(copy + "/config").succeeds()["rootfs"]
    assert rootfs == "local-zfs:basevol-100-disk-0/subvol-101-disk-0,size=1G"
    entry = next(entry for entry in api.get("/nodes/pve1/storage/local-zfs/content").succeeds()
                 if entry.get("vmid") == 101)
    assert entry["parent"] == "basevol-100-disk-0"
    assert "still in use by linked clone" in api.wait(api.delete(ct).succeeds())
    api.does(api.post(copy + "/status/start"))
    api.does(api.delete(copy, force=1))
    api.does(api.delete(ct))
    assert content(api, "local-zfs") == set()


def test_a_directory_has_no_linked_clones(api, template):
    ct = api.create(template)
    api.post(ct + "/template").succeeds()
    assert api.pve.cluster.tasks.settle() == []
    assert api.get(ct + "/config").succeeds()["rootfs"].startswith("local:100/base-100-disk-0.raw")
    api.post(ct + "/clone", newid=101).fails(500, "Linked clone feature")
    api.does(api.post(ct + "/clone", newid=101, full=1))


def test_a_clone_that_fails_leaves_nothing(pve, api, ct):
    pve.fill_storage("local", left_bytes=1 << 20)
    upid = api.post(ct + "/clone", newid=101, storage="local").succeeds()
    assert api.wait(upid).startswith("clone failed: ")
    api.get(ct.replace("100", "101") + "/config").fails(500)
    assert content(api, "local") == set()
    assert "lock" not in api.get(ct + "/config").succeeds()


def test_a_container_goes_to_another_node(pve, api, ct):
    (path_of(api, "local-zfs:subvol-100-disk-0") / "tmp/mark").write_text("mine")
    api.does(api.post(ct + "/status/start"))
    api.post(ct + "/migrate", target="pve2").fails(500, "--restart")
    api.post(ct + "/migrate", target="pve1").fails(400, "local node")
    assert api.get(ct + "/migrate").succeeds()["running"] == 1
    api.does(api.post(ct + "/migrate", target="pve2", restart=1, timeout=1))
    api.get(ct + "/config").fails(500, "nodes/pve1/lxc/100.conf")
    there = ct.replace("pve1", "pve2")
    assert status(api, there) == "running"
    assert attach(pve, 100, "/bin/cat", "/tmp/mark") == "mine"
    assert content(api, "local-zfs") == set() and len(content(api, "local-zfs", "pve2")) == 1
    api.does(api.post(there + "/status/stop"))
    api.does(api.post(there + "/migrate", target="pve1", target__storage="local-zfs:local"))
    assert api.get(ct + "/config").succeeds()["rootfs"] == "local:100/vm-100-disk-0.raw,size=1G"


def test_a_shared_volume_stays_where_it_is(pve, api, template):
    pve.add_storage("shared", "zfspool", ("rootdir",), shared=True)
    ct = api.create(template, rootfs="shared:1")
    before = path_of(api, "shared:subvol-100-disk-0").stat().st_ino
    api.does(api.post(ct + "/migrate", target="pve2"))
    assert path_of(api, "shared:subvol-100-disk-0", "pve2").stat().st_ino == before


def test_a_volume_is_given_to_another_container(api, ct, template):
    other = api.create(template, 101)
    api.put(ct + "/config", mp0="local-zfs:1,mp=/data,backup=1").succeeds()
    mark = path_of(api, "local-zfs:subvol-100-disk-1") / "mark"
    mark.write_text("kept")
    inode = mark.stat().st_ino
    digest = api.get(ct + "/config").succeeds()["digest"]
    move = {"volume": "mp0", "target__vmid": 101, "target__volume": "mp3"}
    api.post(ct + "/move_volume", **move, digest="0" * 40).fails(500, "Container 100: detected modified")
    api.post(ct + "/move_volume", **move, target__digest="0" * 40).fails(500, "Container 101: detected modified")
    api.does(api.post(ct + "/move_volume", **move, digest=digest))
    assert "mp0" not in api.get(ct + "/config").succeeds()
    assert api.get(other + "/config").succeeds()["mp3"] == "local-zfs:subvol-101-disk-0,mp=/data,backup=1,size=1G"
    moved = path_of(api, "local-zfs:subvol-101-disk-0") / "mark"
    assert (moved.read_text(), moved.stat().st_ino) == ("kept", inode)


def test_a_root_file_system_is_not_given_away(api, ct, template):
    api.create(template, 101)
    api.post(ct + "/move_volume", volume="rootfs", target__vmid=101, target__volume="unused0").fails(
        500, "Cannot move to/from 'rootfs'")
    api.post(ct + "/move_volume", volume="rootfs").fails(400, "either needs to be set")
    api.post(ct + "/move_volume", volume="mp0", target__vmid=101).fails(500, "does not exist")


def test_a_volume_moves_to_another_storage(api, ct):
    api.does(api.post(ct + "/move_volume", volume="rootfs", storage="local"))
    config = api.get(ct + "/config").succeeds()
    assert config["rootfs"] == "local:100/vm-100-disk-0.raw,size=1G"
    assert config["unused0"] == "local-zfs:subvol-100-disk-0"
    api.does(api.post(ct + "/status/start"))
    api.post(ct + "/move_volume", volume="rootfs", storage="local-zfs").fails(500, "running container")
    api.does(api.post(ct + "/status/stop"))
    api.does(api.post(ct + "/move_volume", volume="rootfs", storage="local-zfs", delete=1))
    assert content(api, "local") == set()


def test_a_volume_grows_and_does_not_shrink(api, ct):
    api.does(api.put(ct + "/resize", disk="rootfs", size="+1G"))
    assert api.get(ct + "/config").succeeds()["rootfs"].endswith("size=2G")
    api.does(api.put(ct + "/resize", disk="rootfs", size="2560M"))
    assert api.get(ct + "/config").succeeds()["rootfs"].endswith("size=2560M")
    api.put(ct + "/resize", disk="rootfs", size="1G").fails(500, "unable to shrink")
    api.put(ct + "/resize", disk="rootfs", size="2560M").fails(500, "already at specified size")
    api.put(ct + "/resize", disk="mp0", size="1G").fails(500, "does not exist")


def test_a_managed_container_is_started_by_the_manager(pve, api, ct):
    api.post("/cluster/ha/resources", sid="ct:100", state="stopped").succeeds()
    api.delete(ct).fails(500, "used in HA resources")
    upid = api.post(ct + "/status/start").succeeds()
    assert ":hastart:" in upid and api.wait(upid) == "OK"
    assert pve.cluster.tasks.settle() == []
    assert status(api, ct) == "running"
    assert api.get("/cluster/ha/resources/ct:100").succeeds()["state"] == "started"
    assert api.get(ct + "/status/current").succeeds()["ha"]["managed"] == 1
    api.put("/cluster/ha/resources/ct:100", state="stopped").succeeds()
    assert pve.cluster.tasks.settle() == []
    assert status(api, ct) == "stopped"
    api.does(api.delete(ct, force=1, purge=1))
    assert api.get("/cluster/ha/resources").succeeds() == []


def test_a_backup_comes_back_as_another_container(pve, api, template):
    ct = api.create(template, mp0="local-zfs:1,mp=/data,backup=1", mp1="local-zfs:1,mp=/cache", env="A=1\0B=2 3",
                    net0="name=eth0,bridge=vmbr0", description="one\ntwo", tags="ours", start=1)
    pve.person.edit(100, raw=[("lxc.init.cwd", "/tmp")])
    for place in ("/root/mark", "/data/mark", "/cache/mark"):
        attach(pve, 100, "/bin/touch", place)
    api.does(api.post("/nodes/pve1/vzdump", vmid=100, storage="local"))
    assert status(api, ct) == "running"
    volid = api.get("/nodes/pve1/storage/local/content", content="backup").succeeds()[0]["volid"]
    api.does(api.post("/nodes/pve1/lxc", vmid=105, ostemplate=volid, restore=1, storage="local-zfs", start=1))
    old, new = api.get(ct + "/config").succeeds(), api.get(ct.replace("100", "105") + "/config").succeeds()
    for name in ("env", "net0", "description", "tags", "hostname", "entrypoint", "memory", "unprivileged"):
        assert old[name] == new[name], name
    assert new["rootfs"] == "local-zfs:subvol-105-disk-2,size=1G" and "lxc" not in new
    attach(pve, 105, "/bin/ls", "/root/mark", "/data/mark")
    assert "mark" not in attach(pve, 105, "/bin/ls", "/cache")
    assert "vzdump" not in attach(pve, 105, "/bin/ls", "/etc")
    root = Client(pve)
    root.log_in("root@pam", "secret")
    root.does(root.post("/nodes/pve1/lxc", vmid=106, ostemplate=volid, restore=1, unique=1, hostname="other"))
    new = root.get(ct.replace("100", "106") + "/config").succeeds()
    assert new["net0"] != old["net0"] and new["hostname"] == "other" and new["lxc"] == [["lxc.init.cwd", "/tmp"]]
    api.post("/nodes/pve1/lxc", vmid=106, ostemplate=volid, restore=1).fails(500, "unable to restore CT 106")


def test_a_person_does_it_behind_the_back(pve, api, ct):
    pve.person.edit(100, {"tags": "ours", "description": "of engine x"})
    pve.forget_requests()
    pve.person.restore(100, 105)
    pve.person.clone(100, 106)
    pve.person.migrate(100, "pve2")
    pve.person.snapshot(106, "one")
    pve.person.roll_back(106, "one")
    assert pve.requests() == []
    there = api.get("/nodes/pve2/lxc/100/config").succeeds()
    restored = api.get("/nodes/pve1/lxc/105/config").succeeds()
    cloned = api.get("/nodes/pve1/lxc/106/config").succeeds()
    assert restored["net0"] == there["net0"] != cloned["net0"] and restored["description"] == there["description"]
    assert {restored["tags"], cloned["tags"]} == {"ours"}
    pve.person.destroy(105)
    Client(pve).get("/nodes/pve1/lxc/105/config").fails(500)
