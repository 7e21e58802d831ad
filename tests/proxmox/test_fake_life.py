# SPDX-License-Identifier: MIT
"""Containers of the fake are real ones."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from fake.client import Client
from fake.container import FIRST_ID, V2
from fake.template import make_template

# An init that goes when it is told to, by the signal that LXC sends unless a container says another.
POLITE = "/bin/sh /polite"
STUBBORN = "/bin/sh /stubborn"


def attach(pve, vmid, *words):
    """Returns what a command prints inside a container."""
    done = subprocess.run(["lxc-attach", "-P", str(pve.cluster.host.lxcpath), "-n", str(vmid), "--clear-env", "--",
                           *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def links():
    """Returns {name: entry} of the links in our network namespace."""
    found = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    return {entry["ifname"]: entry for entry in found}


def status(api, ct):
    return api.get(ct + "/status/current").succeeds()["status"]


def cgroup_value(pve, vmid, controller, name):
    directory = "/sys/fs/cgroup" if V2 else f"/sys/fs/cgroup/{controller}"
    found = list(pathlib.Path(directory).rglob(f"lxcri-pve.{pve.cluster.host.tag}.{vmid}/{name}"))
    assert len(found) == 1, found
    return found[0].read_text().strip()


def test_a_container_is_created_started_stopped_and_destroyed(pve, api, template):
    ct = api.create(template, env="GREETING=hello world\0OTHER=2", hostname="first")
    assert status(api, ct) == "stopped"
    api.does(api.post(ct + "/status/start"))
    pid = pve.person.pid(100)
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x001000\0"
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"GREETING=hello world" in environment and b"OTHER=2" in environment
    assert status(api, ct) == "running"
    assert attach(pve, 100, "/bin/hostname") == "first\n"
    api.post(ct + "/status/start").fails(500, "already running")
    api.delete(ct).fails(500, "container is running")
    api.does(api.post(ct + "/status/stop"))
    assert not os.path.exists(f"/proc/{pid}")
    api.post(ct + "/status/stop").fails(500, "not running")
    api.does(api.delete(ct))
    api.get(ct + "/config").fails(500, "does not exist")
    assert api.get("/nodes/pve1/storage/local/content", content="rootdir").succeeds() == []


def test_a_container_is_unprivileged_unless_it_is_said_and_owns_its_files(pve, api, template):
    ct = api.create(template, start=1)
    assert api.get(ct + "/config").succeeds()["unprivileged"] == 1
    pid = pve.person.pid(100)
    assert os.stat(f"/proc/{pid}").st_uid == FIRST_ID
    rootfs = pathlib.Path(api.get("/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.raw").succeeds()["path"])
    assert (rootfs / "bin/busybox").stat().st_uid == FIRST_ID
    other = api.create(template, 101, unprivileged=0, start=1)
    assert "unprivileged" not in api.get(other + "/config").succeeds()
    assert os.stat(f"/proc/{pve.person.pid(101)}").st_uid == 0


def test_a_volume_may_keep_the_ids_that_it_has_on_disk(pve, api, template):
    ct = api.create(template, rootfs="local:1,idmap=passthrough", mp0="local:1,mp=/data,idmap=passthrough", start=1)
    attach(pve, 100, "/bin/touch", "/tmp/mark", "/data/mark")
    assert os.stat(f"/proc/{pve.person.pid(100)}").st_uid == FIRST_ID
    for key, mark in (("rootfs", "tmp/mark"), ("mp0", "mark")):
        volume = api.get(ct + "/config").succeeds()[key].split(",")[0]
        path = api.get(f"/nodes/pve1/storage/local/content/{volume}").succeeds()["path"]
        assert (pathlib.Path(path) / mark).stat().st_uid == 0, key


def test_a_root_file_system_may_be_read_only(pve, api, template):
    api.create(template, rootfs="local:1,ro=1", start=1)
    root = [line for line in attach(pve, 100, "/bin/mount").splitlines() if " on / " in line]
    assert "(ro," in root[0]


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz", "tar"])
def test_a_template_may_be_compressed_otherwise(pve, api, tmp_path, suffix):
    api.create(pve.add_template(make_template(tmp_path / f"t.{suffix}")), start=1)
    assert "busybox" in attach(pve, 100, "/bin/ls", "/bin")


def test_limits_are_those_of_the_configuration(pve, api, template):
    ct = api.create(template, memory=32, cpulimit="0.5", start=1)
    memory, quota = ("memory.max", "cpu.max") if V2 else ("memory.limit_in_bytes", "cpu.cfs_quota_us")
    assert cgroup_value(pve, 100, "memory", memory) == str(32 << 20)
    assert cgroup_value(pve, 100, "cpu", quota).split()[0] == "50000"
    api.put(ct + "/config", memory=48).succeeds()
    assert cgroup_value(pve, 100, "memory", memory) == str(48 << 20)
    assert api.get(ct + "/config", current=1).succeeds()["memory"] == 48


def wait_ready(pve):
    """Waits until container 100 listens to signals."""
    root = pathlib.Path(f"/proc/{pve.person.pid(100)}/root/tmp/ready")
    deadline = time.monotonic() + 10
    while not root.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    root.unlink()


def test_a_polite_container_shuts_down(pve, api, template):
    ct = api.create(template, entrypoint=POLITE, start=1)
    wait_ready(pve)
    api.does(api.post(ct + "/status/shutdown", timeout=10))
    assert status(api, ct) == "stopped"


def test_a_stubborn_container_stays_or_is_killed_in_the_end(pve, api, template):
    ct = api.create(template, entrypoint=STUBBORN, start=1)
    wait_ready(pve)
    upid = api.post(ct + "/status/shutdown", timeout=1).succeeds()
    assert api.wait(upid) == "container did not stop"
    assert "failed: exit code 1" in api.log(upid)[0] and status(api, ct) == "running"
    api.does(api.post(ct + "/status/shutdown", timeout=1, forceStop=1))
    assert status(api, ct) == "stopped"


def test_a_shutdown_is_overruled(pve, api, template):
    ct = api.create(template, entrypoint=STUBBORN, start=1)
    wait_ready(pve)
    shutdown = api.post(ct + "/status/shutdown", timeout=60).succeeds()
    api.does(api.post(ct + "/status/stop", overrule__shutdown=1))
    assert api.wait(shutdown) == "interrupted by signal"
    assert status(api, ct) == "stopped"


def test_a_signal_in_the_file_is_what_a_shutdown_sends(pve, api, template):
    ct = api.create(template, entrypoint=POLITE)
    pve.person.edit(100, raw=[("lxc.signal.halt", "SIGUSR1"), ("lxc.init.cwd", "/tmp")])
    api.does(api.post(ct + "/status/start"))
    wait_ready(pve)
    assert os.readlink(f"/proc/{pve.person.pid(100)}/cwd") == "/tmp"
    assert api.get(ct + "/config").succeeds()["lxc"] == [["lxc.signal.halt", "SIGUSR1"], ["lxc.init.cwd", "/tmp"]]
    api.does(api.post(ct + "/status/shutdown", timeout=10))


def test_a_reboot_is_another_process_and_takes_what_was_pending(pve, api, template):
    ct = api.create(template, entrypoint=POLITE, env="A=1", start=1)
    wait_ready(pve)
    pid = pve.person.pid(100)
    api.put(ct + "/config", env="B=2").succeeds()
    assert {"key": "env", "value": "A=1", "pending": "B=2"} in api.get(ct + "/pending").succeeds()
    assert api.get(ct + "/config").succeeds()["env"] == "B=2"
    assert api.get(ct + "/config", current=1).succeeds()["env"] == "A=1"
    api.does(api.post(ct + "/status/reboot", timeout=10))
    assert pve.person.pid(100) != pid
    assert b"B=2" in pathlib.Path(f"/proc/{pve.person.pid(100)}/environ").read_bytes().split(b"\0")
    assert {"key": "env", "value": "B=2"} in api.get(ct + "/pending").succeeds()


def test_a_container_that_ends_is_stopped(api, template):
    ct = api.create(template, entrypoint="/bin/sleep 0.3", start=1)
    deadline = time.monotonic() + 10
    while status(api, ct) == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_can_not_start_fails_its_task(api, template):
    ct = api.create(template, entrypoint="/no/such/program")
    upid = api.post(ct + "/status/start").succeeds()
    assert "startup for container '100' failed" in api.wait(upid)
    assert api.log(upid)[-1].startswith("TASK ERROR: startup")
    assert status(api, ct) == "stopped"


def test_what_can_not_be_unpacked_leaves_nothing(pve, api, tmp_path):
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(b"no archive")
    upid = api.post("/nodes/pve1/lxc", vmid=100, ostemplate=pve.add_template(broken), rootfs="local:1").succeeds()
    assert api.wait(upid).startswith("unable to create CT 100 - command 'lxc-usernsexec")
    api.get("/nodes/pve1/lxc/100/config").fails(500)
    assert api.get("/nodes/pve1/storage/local/content", content="rootdir").succeeds() == []


def test_a_distribution_is_recognised_or_has_to_be_called_unmanaged(pve, api, tmp_path):
    def template(name, text):
        return pve.add_template(make_template(tmp_path / name, {"etc/os-release": text}))

    known, unknown = template("known.tar.gz", "ID=debian\n"), template("unknown.tar.gz", "ID=wolfi\n")
    ct = api.create(known, ostype=None)
    assert api.get(ct + "/config").succeeds()["ostype"] == "debian"
    upid = api.post("/nodes/pve1/lxc", vmid=101, ostemplate=unknown, rootfs="local:1").succeeds()
    assert "unable to detect OS distribution" in api.wait(upid)
    api.create(unknown, 101)


def test_an_option_is_read_back_from_the_file(api, template):
    ct = api.create(template, env="A= b \0B=\0C=c", tags="Zeta,alpha;zeta", cpulimit="1.50", description="one\ntwo",
                    entrypoint=" /bin/sleep 1000 ")
    config = api.get(ct + "/config").succeeds()
    assert config["env"] == "A= b\0B=\0C=c" and config["tags"] == "alpha;zeta" and config["cpulimit"] == "1.5"
    assert config["description"] == "one\ntwo\n" and config["entrypoint"] == "/bin/sleep 1000"


def test_defaults_are_those_of_the_server(api, template):
    api.does(api.post("/nodes/pve1/lxc", vmid=100, ostemplate=template))
    config = api.get("/nodes/pve1/lxc/100/config").succeeds()
    digest = config.pop("digest")
    assert re.fullmatch("[0-9a-f]{40}", digest)
    assert config == {"arch": "amd64", "hostname": "CT100", "memory": 512, "swap": 512, "ostype": "unmanaged",
                      "rootfs": "local:100/vm-100-disk-0.raw,size=4G", "unprivileged": 1}


def test_an_id_is_had_once_in_the_cluster(pve, api, template):
    api.create(template)
    pve.person.take_id(102)
    for node, vmid, kind in (("pve1", 100, "CT"), ("pve2", 100, "CT"), ("pve2", 102, "VM")):
        api.post(f"/nodes/{node}/lxc", vmid=vmid, ostemplate=template, rootfs="local:1").fails(
            500, f"unable to create CT {vmid} - {kind} {vmid} already exists on node 'pve1'")
    assert api.get("/cluster/nextid").succeeds() == "101"
    api.get("/cluster/nextid", vmid=100).fails(400, "already exists")
    pve.set_option("next-id", "lower=500,upper=600")
    assert api.get("/cluster/nextid").succeeds() == "500"


def test_a_volume_is_mounted_at_create_and_while_it_runs(pve, api, template):
    ct = api.create(template, mp0="local-zfs:0.5,mp=/data", start=1)
    attach(pve, 100, "/bin/touch", "/data/mark")
    found = api.get("/nodes/pve1/storage/local-zfs/content/local-zfs:subvol-100-disk-0").succeeds()
    assert (found["format"], found["size"]) == ("subvol", 512 << 20)
    mark = pathlib.Path(found["path"]) / "mark"
    assert mark.stat().st_uid == FIRST_ID
    api.put(ct + "/config", mp1="local:1,mp=/late", mp2="local:1,mp=/deep/er,ro=1").succeeds()
    attach(pve, 100, "/bin/touch", "/late/mark")
    assert " /deep/er " in attach(pve, 100, "/bin/mount") and "ro," in [
        line for line in attach(pve, 100, "/bin/mount").splitlines() if "/deep/er" in line][0].replace("(", "")
    assert api.get(ct + "/config", current=1).succeeds()["mp1"] == "local:100/vm-100-disk-1.raw,mp=/late,size=1G"


def test_a_template_is_unpacked_over_the_mount_points(pve, api, tmp_path):
    template = pve.add_template(make_template(tmp_path / "t.tar.gz", {"data/deep/file": "kept", "other": "root"}))
    ct = api.create(template, mp0="local-zfs:1,mp=/data", mp1="local-zfs:1,mp=/data/deep/er")
    volumes = "/nodes/pve1/storage/local-zfs/content/local-zfs:subvol-100-disk-{}"
    outer, inner = (pathlib.Path(api.get(volumes.format(number)).succeeds()["path"]) for number in (0, 1))
    assert (outer / "deep/file").read_text() == "kept" and (outer / "deep/file").stat().st_uid == FIRST_ID
    rootfs = pathlib.Path(api.get("/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.raw").succeeds()["path"])
    assert (rootfs / "other").read_text() == "root" and list((rootfs / "data").iterdir()) == []
    assert list(inner.iterdir()) == [] and list((outer / "deep/er").iterdir()) == []
    api.does(api.post(ct + "/status/start"))
    assert attach(pve, 100, "/bin/cat", "/data/deep/file") == "kept"


def test_a_mount_point_that_is_dropped_becomes_unused_and_is_freed_from_there(pve, api, template):
    ct = api.create(template, mp0="local-zfs:1,mp=/data")
    api.put(ct + "/config", delete="mp0").succeeds()
    config = api.get(ct + "/config").succeeds()
    assert "mp0" not in config and config["unused0"] == "local-zfs:subvol-100-disk-0"
    api.put(ct + "/config", mp3="local-zfs:subvol-100-disk-0,mp=/again").succeeds()
    config = api.get(ct + "/config").succeeds()
    assert "unused0" not in config and config["mp3"] == "local-zfs:subvol-100-disk-0,mp=/again,size=1G"
    api.put(ct + "/config", delete="mp3").succeeds()
    api.put(ct + "/config", delete="unused0").succeeds()
    assert api.get("/nodes/pve1/storage/local-zfs/content").succeeds() == []


def test_another_root_file_system_is_written_down_and_the_old_one_forgotten(api, template):
    """So does pve-container 6.1.10: what was there stays on the storage, but no key names it."""
    ct = api.create(template)
    api.create(template, 101)
    name = api.post("/nodes/pve1/storage/local/content", vmid=100, filename="vm-100-disk-7.raw", size="1G").succeeds()
    api.put(ct + "/config", rootfs=f"{name},size=1G").succeeds()
    config = api.get(ct + "/config").succeeds()
    assert config["rootfs"] == "local:100/vm-100-disk-7.raw,size=1G" and "unused0" not in config
    api.does(api.delete(ct))
    left = {entry["volid"] for entry in api.get("/nodes/pve1/storage/local/content", vmid=100).succeeds()}
    assert left == {"local:100/vm-100-disk-0.raw"}


def test_an_image_that_the_api_allocates_has_no_file_system(api, template):
    ct = api.create(template)
    image = api.post("/nodes/pve1/storage/local/content", vmid=100, filename="vm-100-disk-7.raw", size="1G").succeeds()
    api.put(ct + "/config", mp0=f"{image},mp=/data").succeeds()
    assert "no file system" in api.wait(api.post(ct + "/status/start").succeeds())
    content = "/nodes/pve1/storage/local-zfs/content"
    api.post(content, vmid=100, filename="subvol-100-disk-3", size="1G").fails(500, "illegal name")
    volume = api.post(content, vmid=100, filename="subvol-100-disk-3", size="1G", format="subvol").succeeds()
    api.put(ct + "/config", mp0=f"{volume},mp=/data").succeeds()
    api.does(api.post(ct + "/status/start"))


def test_a_volume_of_a_container_can_be_deleted_under_it(api, template):
    ct = api.create(template)
    api.does(api.delete("/nodes/pve1/storage/local/content/local:100/vm-100-disk-0.raw"))
    assert "does not exist" in api.wait(api.post(ct + "/status/start").succeeds())
    api.does(api.delete(ct))


def test_an_interface_is_there_and_another_comes_while_it_runs(pve, api, template):
    ct = api.create(template, net0="name=eth0,bridge=vmbr0,ip=10.9.0.2/24,host-managed=1,hwaddr=BC:24:11:00:00:01",
                    start=1)
    found = {entry["name"]: entry for entry in api.get(ct + "/interfaces").succeeds()}
    assert found["eth0"]["hwaddr"] == "bc:24:11:00:00:01" and found["eth0"]["inet"] == "10.9.0.2/24"
    assert "veth100i0" in links()
    api.put(ct + "/config", net1="name=eth1,bridge=vmbr0,ip=10.9.1.2/24").succeeds()
    assert "10.9.1.2" in attach(pve, 100, "/bin/ip", "address")
    api.put(ct + "/config", delete="net1").succeeds()
    assert "eth1" not in attach(pve, 100, "/bin/ip", "address")
    api.put(ct + "/config", net2="name=eth2,bridge=vmbr9").fails(400, "net2", "vmbr9")


def test_a_bridge_that_is_not_there_stops_the_start(api, template):
    ct = api.create(template, net0="name=eth0,bridge=vmbr9")
    assert "bridge 'vmbr9' does not exist" in api.wait(api.post(ct + "/status/start").succeeds())


def test_a_bridge_of_this_machine_is_joined(pve, api, template):
    subprocess.run(["ip", "link", "add", "brfake0", "type", "bridge"], check=True)
    try:
        pve.cluster.nodes["pve1"].bridges["vmbr0"] = "brfake0"
        api.create(template, net0="name=eth0,bridge=vmbr0", start=1)
        assert links()["veth100i0"]["master"] == "brfake0"
    finally:
        subprocess.run(["ip", "link", "del", "brfake0"], check=True)


def test_a_digest_that_is_not_the_last_is_refused(pve, api, template):
    ct = api.create(template)
    digest = api.get(ct + "/config").succeeds()["digest"]
    pve.person.rename(100, "other")
    api.put(ct + "/config", memory=64, digest=digest).fails(500, "detected modified configuration")
    digest = api.get(ct + "/config").succeeds()["digest"]
    api.put(ct + "/config", memory=65, digest=digest).succeeds()


def test_a_lock_in_the_configuration_stops_all_changes(pve, api, template):
    ct = api.create(template)
    pve.person.lock(100, "backup")
    api.put(ct + "/config", memory=64).fails(500, "CT is locked (backup)")
    assert api.wait(api.post(ct + "/status/start").succeeds()) == "CT is locked (backup)"
    api.delete(ct).fails(500, "CT is locked (backup)")
    api.post(ct + "/status/start", skiplock=1).fails(400, "Only root may use this option")
    root = Client(pve)
    root.log_in("root@pam", "secret")
    root.does(root.post(ct + "/status/start", skiplock=1))
    assert api.wait(api.post(ct + "/status/stop").succeeds()) == "CT is locked (backup)"
    pve.person.lock(100, "mounted")
    api.does(api.post(ct + "/status/stop"))


def test_protection_stops_removal(api, template):
    ct = api.create(template, protection=1)
    api.delete(ct).fails(500, "protection mode enabled")
    api.put(ct + "/config", rootfs="local:1").fails(500, "protection mode enabled")
    api.put(ct + "/config", protection=0).succeeds()
    api.does(api.delete(ct))
