# SPDX-License-Identifier: MIT
"""doctor finds what is wrong with a host. Each fault is made in a mount namespace of its own, where
files of the kernel and of the system are covered by others."""

import contextlib
import json
import pathlib
import resource
import shlex
import shutil
import sqlite3
import subprocess

import pytest

from engine import BUILD, COMMAND
from conftest import Lx, Result, PLAIN_ENVIRONMENT


class Doctor:
    """The verb, inside of a mount namespace that a script has changed."""

    def __init__(self, directory):
        self.lx = Lx(directory)
        self.directory = directory

    def cover(self, path, content):
        """Returns the command that covers the file @path with another one."""
        file = self.directory / f"cover{len(list(self.directory.iterdir()))}"
        file.write_text(content)
        return f"mount --bind {shlex.quote(str(file))} {shlex.quote(str(path))}"

    def __call__(self, *script, program=COMMAND, words=("doctor", "--format", "json"), **options):
        argv = self.lx.arguments(*words)
        argv[0] = str(program)
        lines = ["set -e", *script, "exec " + shlex.join(argv)]
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                               "\n".join(lines)], capture_output=True, text=True, check=False,
                              timeout=60, env=PLAIN_ENVIRONMENT, cwd=self.directory, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    def finds(self, check, *script, **options):
        """Runs it and returns what it says of one check, and whether the exit code agrees."""
        result = self(*script, **options)
        assert result.stdout, result
        document = result.json
        assert document["faults"] == sum(one["state"] == "fault" for one in document["findings"])
        assert result.code == (1 if document["faults"] else 0), result
        found = [one for one in document["findings"] if one["check"] == check]
        assert len(found) == 1, (check, document)
        return found[0]

    def complains(self, check, state, *script, word="", **options):
        found = self.finds(check, *script, **options)
        assert found["state"] == state and word in found["found"], found
        if state in ("warning", "fault"):
            assert found["meaning"] and (found.get("remedy") or check == "security.selinux"), found
        return found


@pytest.fixture
def doctor(tmp_path):
    return Doctor(tmp_path)


@pytest.fixture
def moved(tmp_path):
    """A copy of the command with its helpers, of which tests may spoil one."""
    directory = tmp_path / "moved"
    directory.mkdir()
    for file in BUILD.iterdir():
        if file.is_file() and (file.name == "proxmox-lxcri" or file.name.startswith("lxcri-")):
            shutil.copy2(file, directory / file.name)
    return directory


def test_images_elsewhere_are_looked_at(doctor):
    there = doctor.directory / "there"
    doctor.lx.configure({"storage": {"image_path": str(there)}})
    assert doctor.complains("storage.images", "ok")["found"] == f"in {there}"
    assert str(there) in doctor.finds("storage.images.type")["found"]
    doctor.lx("image", "list").succeeds()
    doctor.complains("storage.images.space", "warning", f"mount -t tmpfs -o size=128m none {there}", word="MiB free")
    doctor.complains("storage.images", "fault", f"mount -t tmpfs none {there}", word="mount its file system")
    doctor.complains("storage.images.writable", "fault", f"mount --bind -o ro {there} {there}", word="read-only")
    doctor.lx.configure({})
    assert doctor.complains("storage.images", "ok")["found"] == f"in {there}"


def snapshot(directory):
    return {str(path): (path.lstat().st_mode, path.lstat().st_size)
            for path in directory.rglob("*") if not path.name.endswith(("-wal", "-shm"))}


@pytest.mark.vm
def test_nothing_is_changed_and_every_check_is_named_once(doctor):
    before = snapshot(doctor.directory)
    result = doctor()
    assert snapshot(doctor.directory) == before
    names = [one["check"] for one in result.json["findings"]]
    assert len(names) == len(set(names))
    families = {name.split(".")[0] for name in names}
    assert families == {"kernel", "cgroups", "security", "namespaces", "ids", "runtimes", "helpers",
                        "storage", "network", "clock", "proxmox"}
    assert set(result.json["findings"][0]) <= {"check", "object", "state", "found", "meaning",
                                              "remedy", "repaired"}


def test_the_table_says_what_it_means_and_how_to_mend_it(doctor):
    result = doctor(doctor.cover("/proc/sys/user/max_net_namespaces", "0\n"), words=("doctor",))
    assert result.code == 1
    assert result.stdout.startswith("CHECK ")
    assert "namespaces.network" in result.stdout and "at most 0" in result.stdout
    assert "to mend it: sysctl user.max_net_namespaces=65536" in result.stdout
    quiet = doctor(doctor.cover("/proc/sys/user/max_net_namespaces", "0\n"),
                   words=("doctor", "--quiet"))
    assert "namespaces.network" in quiet.stdout and "kernel.version" not in quiet.stdout


@pytest.mark.parametrize("kind, check", [("mnt", "mount"), ("pid", "pid"), ("net", "network"),
                                         ("ipc", "ipc"), ("uts", "uts"), ("cgroup", "cgroup"),
                                         ("user", "user")])
def test_a_namespace_that_may_not_be_made_is_a_fault(doctor, kind, check):
    path = f"/proc/sys/user/max_{kind}_namespaces"
    doctor.complains(f"namespaces.{check}", "fault", doctor.cover(path, "0\n"), word="at most 0")
    doctor.complains(f"namespaces.{check}", "warning", doctor.cover(path, "5\n"), word="at most 5")


def test_cgroups_that_are_not_mounted_or_not_writable(doctor):
    doctor.complains("cgroups.version", "fault", "mount -t tmpfs none /sys/fs/cgroup",
                     word="not mounted")
    doctor.complains("cgroups.delegation", "fault",
                     "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do"
                     " mountpoint -q $d && mount -o remount,bind,ro $d; done; true",
                     word="Read-only")


@pytest.mark.vm
def test_a_missing_controller_is_a_warning(doctor):
    """All of version 1 but the one that is looked for."""
    if pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        script = [doctor.cover("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n")]
    else:
        script = ["mkdir t", "mount --rbind /sys/fs/cgroup t", "mount -t tmpfs none /sys/fs/cgroup",
                  "for c in systemd memory cpu cpuset blkio unified; do mkdir /sys/fs/cgroup/$c;"
                  " mount --bind t/$c /sys/fs/cgroup/$c; done"]
    doctor.complains("cgroups.pids", "warning", *script, word="missing")
    shutil.rmtree(doctor.directory / "t", ignore_errors=True)


@pytest.mark.vm
def test_apparmor_without_our_profile(doctor):
    enabled = ["mount -t tmpfs none /sys/module", "mkdir -p /sys/module/apparmor/parameters",
               "echo Y > /sys/module/apparmor/parameters/enabled",
               "mount -t tmpfs none /sys/kernel/security", "mkdir /sys/kernel/security/apparmor"]
    profiles = "/sys/kernel/security/apparmor/profiles"
    doctor.complains("security.apparmor", "warning", "mount -t tmpfs none /sys/module",
                     word="not enabled")
    doctor.complains("security.apparmor_profile", "warning", *enabled, word="No such file")
    doctor.complains("security.apparmor_profile", "warning", *enabled,
                     f"echo 'lxc-start (enforce)' > {profiles}", word="no profile of ours")
    doctor.complains("security.apparmor_profile", "warning", *enabled,
                     f"echo 'proxmox-lxcri-default (complain)' > {profiles}", word="complain")
    doctor.complains("security.apparmor_profile", "ok", *enabled,
                     f"echo 'proxmox-lxcri-default (enforce)' > {profiles}")


@pytest.mark.parametrize("name", ["subuid", "subgid"])
def test_the_pool_is_that_of_the_configuration_and_our_own_line_keeps_it(doctor, name):
    etc = ["mount -t tmpfs none /etc"]
    check = f"ids.{name}"
    doctor.lx.configure({"userns": {"start": 3000000, "size": 2000, "count": 2}})
    for line in ("alice:1000000:65536", "alice:3004000:65536", "proxmox-lxcri:3000000:4000"):
        doctor.complains(check, "ok", *etc, f"echo {line} > /etc/{name}", word="1 range")
    doctor.complains(check, "warning", *etc, f"echo alice:3003999:1 > /etc/{name}", word="from 3000000")


def test_data_directories_whose_containers_share_ids(doctor):
    """Such as one that was on a disk that was not there when the other chose."""
    usual = pathlib.Path("/var/lib/proxmox-lxcri")
    doctor.complains("ids.instances", "info", "mount -t tmpfs none /var/lib", word=str(usual))
    other = doctor.directory / "other"
    listed = ["mount -t tmpfs none /var/lib", f"mkdir -p {usual}/.instances",
              f"ln -s {other} {usual}/.instances/0"]
    for directory, start in (doctor.lx.data, 1000000), (other, 1065536):
        directory.mkdir()
        with contextlib.closing(sqlite3.connect(directory / "state.db")) as database:
            database.executescript("CREATE TABLE container (id TEXT, record TEXT, id_start INTEGER, id_size INTEGER);"
                                   f"INSERT INTO container VALUES ('c', '{{}}', {start}, 65536);"
                                   "PRAGMA user_version = 2")
    doctor.complains("ids.instances", "ok", *listed, word="2 other")
    with contextlib.closing(sqlite3.connect(other / "state.db")) as database, database:
        database.execute("UPDATE container SET id_start = 1065535")
    found = doctor.complains("ids.instances", "warning", *listed, word=f"{other} have ids from 1065535")
    assert "anew" in found["remedy"]


@pytest.mark.parametrize("name", ["subuid", "subgid"])
def test_ranges_that_reach_into_the_pool(doctor, name):
    etc = ["mkdir u w", "mount -t tmpfs none u", "mkdir u/u u/w",
           "mount -t overlay -o lowerdir=/etc,upperdir=u/u,workdir=u/w none /etc"]
    check = f"ids.{name}"
    doctor.complains(check, "warning", *etc, f"echo alice:1000000:65536 > /etc/{name}",
                     word="alice:1000000:65536")
    shutil.rmtree(doctor.directory / "w")
    (doctor.directory / "u").rmdir()
    doctor.complains(check, "warning", *etc, f"echo alice:900000:100001 > /etc/{name}", word="alice")
    shutil.rmtree(doctor.directory / "w")
    (doctor.directory / "u").rmdir()
    doctor.complains(check, "ok", *etc, f"echo alice:100000:65536 > /etc/{name}", word="1 range")
    shutil.rmtree(doctor.directory / "w")
    (doctor.directory / "u").rmdir()
    doctor.complains(check, "warning", *etc, f"echo nonsense > /etc/{name}", word="nonsense")


def fake_liblxc(directory, version):
    source = directory / "fake.c"
    source.write_text(f'const char *lxc_get_version(void) {{ return "{version}"; }}')
    library = directory / f"liblxc-{version}.so"
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
    return library


def liblxc_path():
    lines = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = [line.split("=> ")[1] for line in lines.splitlines() if "liblxc.so.1 " in line]
    return pathlib.Path(found[0]).resolve()


@pytest.mark.parametrize("version, state", [("4.0.12", "fault"), ("5.0.0", "ok"), ("6.1.0", "ok"),
                                            ("7.0.0", "fault")])
def test_only_versions_of_liblxc_that_are_known_pass(doctor, version, state):
    library = fake_liblxc(doctor.directory, version)
    doctor.complains("runtimes.liblxc", state, f"mount --bind {library} {liblxc_path()}",
                     word=version)


def test_without_liblxc_the_type_lxc_is_faulty(doctor):
    doctor.complains("runtimes.liblxc", "fault", f"mount --bind /dev/null {liblxc_path()}",
                     word="load liblxc")


def test_runc_is_a_fault_only_where_something_is_sent_to_it(doctor):
    empty = doctor.directory / "empty"
    empty.mkdir()
    without = f"export PATH={empty}"
    doctor.complains("runtimes.runc", "info", without, word="runc")
    doctor.lx.configure({"routing": [{"pattern": "db-*", "runtime": "runc"}]})
    doctor.complains("runtimes.runc", "fault", without, word="runc")
    fake = doctor.directory / "fake-runc"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    doctor.lx.configure({"runtime": {"runc_path": str(fake)}})
    doctor.complains("runtimes.runc", "fault", word=str(fake))
    fake.write_text("#!/bin/sh\necho runc version 9.9.9\n")
    doctor.complains("runtimes.runc", "ok", word="runc version 9.9.9")


@pytest.mark.parametrize("name", ["monitor", "lxc", "shim", "worker", "init"])
def test_a_helper_that_is_missing_stale_or_broken(doctor, moved, name):
    program, helper = moved / "proxmox-lxcri", moved / f"lxcri-{name}"
    check = f"helpers.{name}"
    assert doctor.finds(check, program=program)["found"] == str(helper)
    helper.write_text(f"#!/bin/sh\necho lxcri-{name} 0.0.1\n")
    doctor.complains(check, "fault", program=program, word="version 0.0.1")
    helper.write_text("#!/bin/sh\nexit 2\n")
    doctor.complains(check, "fault", program=program, word="does not tell its version")
    helper.write_bytes(b"\x7fELF broken")
    doctor.complains(check, "fault", program=program, word=str(helper))


def data_on_tmpfs(doctor, options):
    doctor.lx.data.mkdir(exist_ok=True)
    return f"mount -t tmpfs -o {options} none {doctor.lx.data}"


def test_a_data_directory_that_is_read_only(doctor):
    doctor.complains("storage.data.writable", "fault", data_on_tmpfs(doctor, "ro"), word="read-only")


def test_a_data_directory_that_is_full(doctor):
    fill = f"head -c 127m /dev/zero > {doctor.lx.data}/fill"
    doctor.complains("storage.data.space", "fault", data_on_tmpfs(doctor, "size=128m"), fill,
                     word="MiB free")
    doctor.complains("storage.data.space", "warning", data_on_tmpfs(doctor, "size=512m"))
    doctor.complains("storage.data.inodes", "fault", data_on_tmpfs(doctor, "nr_inodes=20"))
    doctor.complains("storage.data.inodes", "warning", data_on_tmpfs(doctor, "nr_inodes=2000"))


@pytest.mark.parametrize("option, state", [("noexec", "fault"), ("nosuid", "warning"),
                                           ("nodev", "info")])
def test_mount_options_that_reach_into_containers(doctor, option, state):
    doctor.complains(f"storage.data.{option}", state, data_on_tmpfs(doctor, option), word=option)
    doctor.complains(f"storage.data.{option}", "ok", data_on_tmpfs(doctor, "size=64m"))


def test_a_file_system_that_carries_no_overlay_and_no_idmap(doctor):
    """An overlay cannot be the upper directory of another, and cannot be idmapped."""
    doctor.lx.data.mkdir()
    script = ["mkdir b", "mount -t tmpfs none b", "mkdir b/l b/u b/w",
              f"mount -t overlay -o lowerdir=b/l,upperdir=b/u,workdir=b/w none {doctor.lx.data}"]
    doctor.complains("storage.data.overlay", "warning", *script)
    (doctor.directory / "b").rmdir()
    doctor.complains("storage.data.idmap", "warning", *script)


def test_a_run_directory_that_is_read_only(doctor):
    doctor.lx.root.mkdir()
    doctor.complains("storage.run.writable", "fault", f"mount -t tmpfs -o ro none {doctor.lx.root}",
                     word="read-only")


def test_forwarding_and_bridge_filters(doctor):
    path = "/proc/sys/net/ipv4/ip_forward"
    doctor.complains("network.ipv4_forwarding", "info", doctor.cover(path, "0\n"), word="off")
    doctor.complains("network.ipv4_forwarding", "ok", doctor.cover(path, "1\n"), word="on")
    path = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    if pathlib.Path(path).exists():
        doctor.complains("network.bridge_filter", "warning", doctor.cover(path, "1\n"))
        doctor.complains("network.bridge_filter", "ok", doctor.cover(path, "0\n"))


def test_a_name_server_on_every_address_is_seen(doctor):
    program = doctor.directory / "listen.py"
    program.write_text("import os, socket, sys\n"
                       "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                       "one.bind((sys.argv[1], 53))\n"
                       "one.set_inheritable(True)\n"
                       "os.execv(sys.argv[2], sys.argv[2:])\n")
    argv = shlex.join(doctor.lx.arguments("doctor", "--format", "json"))
    # Bound in a network namespace of its own; the verb is what the program becomes.
    script = "exec unshare --net python3 {} {} " + argv
    doctor.complains("network.port_53", "info", script.format(program, "0.0.0.0"),
                     word="every address")
    doctor.complains("network.port_53", "ok",
                     f"exec unshare --net sh -c 'ip link set lo up; exec python3 {program} 127.0.0.1 {argv}'")


def test_records_of_the_future_are_seen(doctor, tmp_path):
    doctor.lx.data.mkdir()
    doctor.lx("list").succeeds()
    (doctor.lx.data / "containers" / "late").mkdir(parents=True)
    with sqlite3.connect(doctor.lx.data / "state.db") as database:
        database.execute("PRAGMA user_version = 1")
        database.execute("CREATE TABLE container (id TEXT PRIMARY KEY NOT NULL, record TEXT NOT NULL)"
                         " WITHOUT ROWID")
        record = {"version": 1, "id": "late", "bundle": "/nowhere", "type": "crun", "phase": "ready",
                  "stdio": "log", "created": 4102444800_000000000, "layers": []}
        database.execute("INSERT INTO container (id, record) VALUES ('late', ?)", (json.dumps(record),))
    database.close()
    found = doctor.complains("clock.records", "warning", word="late")
    assert "set back" in found["meaning"]
    with sqlite3.connect(doctor.lx.data / "state.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    doctor.complains("clock.records", "warning", word="later program")


PVE = """Package: pve-manager
Status: install ok installed
Version: 8.2.4

Package: lxc-pve
Status: {lxc}
Version: 6.0.0-1

"""


def pve(doctor, lxc="install ok installed"):
    return [doctor.cover("/var/lib/dpkg/status", "\n" + PVE.format(lxc=lxc)),
            "mkdir p", "mount -t tmpfs none p", "mkdir p/u p/w",
            "mount -t overlay -o lowerdir=/etc,upperdir=p/u,workdir=p/w none /etc",
            "mkdir -p /etc/pve/nodes/$(hostname -s)",
            "printf 'dir: local\\n\\tpath /var/lib/vz\\n\\nzfspool: tank\\n' > /etc/pve/storage.cfg"]


def test_a_proxmox_host_is_recognised(doctor):
    result = doctor(*pve(doctor))
    found = {one["check"]: one for one in result.json["findings"]}
    assert found["proxmox.version"]["found"] == "pve-manager 8.2.4"
    assert found["proxmox.node"]["state"] == "ok"
    assert found["proxmox.lxc"]["found"] == "lxc-pve 6.0.0-1"
    assert found["proxmox.storage"]["found"] == "local, tank"


@pytest.mark.parametrize("check, script", [
    ("proxmox.node", "rmdir /etc/pve/nodes/*"), ("proxmox.storage", "rm /etc/pve/storage.cfg")])
def test_what_a_proxmox_host_lacks(doctor, check, script):
    doctor.complains(check, "warning", *pve(doctor), script)


def test_a_proxmox_host_without_its_lxc(doctor):
    doctor.complains("proxmox.lxc", "warning", *pve(doctor, lxc="deinstall ok config-files"))


def test_a_host_that_is_none_of_proxmox_is_none(doctor):
    doctor.complains("proxmox.version", "info", doctor.cover("/var/lib/dpkg/status", "\n"))


def test_few_descriptors_are_enough(doctor):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    assert doctor(preexec_fn=limit).stdout
