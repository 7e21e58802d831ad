# SPDX-License-Identifier: MIT
"""Containers of the type proxmox-lxc: made, run and removed in a cluster."""

import json
import os

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer, pid_of, program_of, words_of

SLEEP = ("sleep", "1000")


def test_a_container_runs_in_the_cluster(engine, pve, box):
    name = engine.start(box, *SLEEP)
    guest = engine.guest(name)
    pid = pid_of(pve, guest)
    program = program_of(pve, guest)
    assert words_of(f"/proc/{program}/cmdline") == [b"sleep", b"1000"]
    assert engine.status(name) == "running"
    assert engine("list").ok().out.count(name) == 1
    engine("stop", "--time", "3", name).ok()
    assert engine.status(name) == "stopped"
    assert not os.path.exists(f"/proc/{pid}")
    engine("start", name).ok()
    assert engine.status(name) == "running"
    engine("delete", name).fails("InvalidState", "running")
    engine("delete", "--force", name).ok()
    assert not pve.cluster.guests
    engine("state", name).fails("ContainerNotFound")


def test_arguments_and_environment_are_exact(engine, pve, make_image):
    arguments = ["sh", "-c", "sleep 1000; exit \"$1\"", "a b", "", "'quoted'", "tab\tand\nline", "-x", "\u00e9", "\\n", "\"all\""]
    image = make_image(Env=["PATH=/bin:/usr/bin", "PLAIN=one", "EMPTY=", "BLANKS=  two  ", "a.dot=3", "LINES=x\ny"],
                       Cmd=arguments)
    name = engine.start(image, flags=("--env", "MORE=x=y,z;w"))
    program = program_of(pve, engine.guest(name))
    assert words_of(f"/proc/{program}/cmdline") == [word.encode() for word in arguments]
    env = dict(word.split(b"=", 1) for word in words_of(f"/proc/{program}/environ"))
    assert env.pop(b"HOME") == b"/root"
    env.pop(b"HOSTNAME", None)
    assert env == {b"PATH": b"/bin:/usr/bin", b"PLAIN": b"one", b"EMPTY": b"", b"BLANKS": b"  two  ", b"a.dot": b"3",
                   b"LINES": b"x\ny", b"MORE": b"x=y,z;w"}


def test_user_directory_and_stop_signal_are_the_images(engine, pve, make_image):
    image = make_image(User="app", WorkingDir="/made/here", StopSignal="SIGUSR1",
                       Cmd=["sh", "-c", "trap 'exit 0' USR1; trap '' TERM PWR INT; while :; do sleep 0.1; done"])
    name = engine.start(image)
    guest = engine.guest(name)
    pid = pid_of(pve, guest)
    program = program_of(pve, guest)
    status = open(f"/proc/{program}/status", encoding="ascii").read()
    assert "Uid:\t101000\t101000" in status and "Gid:\t101000\t101000" in status
    assert os.readlink(f"/proc/{program}/cwd") == "/made/here"
    engine("stop", "--time", "20", name).ok()
    stopped = [request for request in pve.requests() if request.path.endswith("/status/shutdown")]
    assert len(stopped) == 1
    assert engine.status(name) == "stopped"


def test_what_it_is_stands_on_the_container(engine, pve, box):
    name = engine.start(box, *SLEEP, flags=("--memory", "64m", "--cpus", "1.5"))
    place = engine.place(name)
    config = engine.guest(name).config
    assert config["tags"] == f"lxcri;lxcri-{place['token']}"
    assert f"container {name};" in config["description"] and "sha256:" in config["description"]
    assert config["unprivileged"] == 1 and config["memory"] == 64 and float(config["cpulimit"]) == 1.5
    assert config["hostname"] == name and config["ostype"] == "unmanaged"
    assert "bridge=vmbr0" in config["net0"] and "ip=dhcp" in config["net0"] and "host-managed=1" in config["net0"]


def test_a_template_that_is_there_is_not_sent_again(engine, pve, box):
    first = engine.start(box, *SLEEP)
    pve.forget_requests()
    second = engine.start(box, *SLEEP)
    assert not [request for request in pve.requests() if request.path.endswith("/upload")]
    assert engine.place(first)["vmid"] != engine.place(second)["vmid"]


def test_static_addresses_and_no_network(engine, box):
    name = engine.start(box, *SLEEP, flags=("--network", "bridge:vmbr1,ip=10.9.8.7/24,gw=10.9.8.1,vlan=5",
                                            "--mac-address", "02:00:00:00:00:07"))
    net = engine.guest(name).config["net0"]
    for part in ("bridge=vmbr1", "ip=10.9.8.7/24", "gw=10.9.8.1", "tag=5", "hwaddr=02:00:00:00:00:07"):
        assert part in net.split(","), net
    other = engine.start(box, *SLEEP, flags=("--network", "none"))
    assert "net0" not in engine.guest(other).config


def test_volumes_of_the_image_are_mount_points_with_its_files(engine, pve, make_image):
    layer = Layer().directory("data", owner=(1000, 1000)).add("data/first", b"content", owner=(1000, 1000))
    image = make_image(layer, Volumes={"/data": {}})
    name = engine.start(image, "sh", "-c", "echo more > /data/second; sleep 1000", flags=("--volume", "/var/lib/x"))
    config = engine.guest(name).config
    places = {part for key in ("mp0", "mp1") for part in config[key].split(",") if part.startswith("mp=")}
    assert places == {"mp=/data", "mp=/var/lib/x"}
    program = program_of(pve, engine.guest(name))
    assert open(f"/proc/{program}/root/data/first", encoding="ascii").read() == "content"
    assert os.stat(f"/proc/{program}/root/data/first").st_uid == 101000


@pytest.mark.parametrize("flags, word", [
    (("--publish", "80:80"), "port"),
    (("--volume", "/etc:/x"), "directory"), (("--cap-add", "ALL"), "capabilities"),
    (("--device", "/dev/null"), "device"), (("--read-only",), "read-only"),
    (("--pids-limit", "5"), "pids"), (("-i",), "terminal"), (("--network", "host"), "network"),
])
def test_what_cannot_be_had_is_refused_by_name(engine, pve, box, flags, word):
    engine("create", *flags, "--image", box, "refused").fails("UnsupportedOperation", word, code=125)
    assert engine.list() == [] and not pve.cluster.guests


def test_what_the_api_has_not_is_refused_with_what_has_it(engine, box):
    name = engine.start(box, *SLEEP)
    vmid = engine.place(name)["vmid"]
    for words in (("exec", name, "true"), ("pause", name), ("logs", name), ("cp", f"{name}:/etc/passwd", "/dev/null"),
                  ("diff", name)):
        result = engine(*words)
        assert result.code != 0 and result.error == "UnsupportedOperation", result
        assert f"CT {vmid}" in result.err, result
    engine("kill", "--signal", "HUP", name).fails("UnsupportedOperation", "SIGKILL")
    engine("top", name).fails("UnsupportedOperation", "pct exec")
    engine("run", "--image", box, "attached").fails("UnsupportedOperation", "--detach", code=125)
    engine("kill", name, "KILL").ok()
    engine("wait", name).fails("UnsupportedOperation", "does not tell")
    assert "exited" not in engine("list").ok().out
    assert engine.list() == [name]


def test_a_host_with_such_containers_is_whole(engine, box):
    engine.start(box, *SLEEP)
    checked = engine("system", "check").ok().out
    assert "0 faults" in checked and "0 warnings" in checked, checked


def test_what_ha_manages_is_started_through_it(engine, pve, box):
    name = engine.id()
    engine("create", "--image", box, name, *SLEEP).ok()
    vmid = engine.place(name)["vmid"]
    pve.person.does("POST", "/cluster/ha/resources", sid=f"ct:{vmid}", state="stopped")
    engine("start", name).ok()
    assert engine.status(name) == "running"
    engine("stop", "--time", "2", name).ok()
    assert engine.status(name) == "stopped"
    result = engine("delete", name)
    assert result.code == 1 and "HA" in result.err and vmid in pve.cluster.guests, result
    pve.person.does("DELETE", f"/cluster/ha/resources/ct:{vmid}")


def test_an_image_with_a_place_of_ours_is_refused(engine, pve, make_image):
    image = make_image(Layer().directory(".lxcri").add(".lxcri/init", b"mine", mode=0o755))
    engine("create", "--image", image, "x").fails("InvalidFormat", ".lxcri", code=125)
    assert engine.list() == [] and not pve.cluster.guests


def test_a_privileged_container_is_one(engine, box):
    name = engine.start(box, *SLEEP, flags=("--privileged",))
    assert not engine.guest(name).config.get("unprivileged")


def test_what_an_image_says_of_its_files_is_there(engine, pve, box):
    name = engine.start(box, *SLEEP, flags=("--dns", "192.0.2.53", "--add-host", "db:192.0.2.7"))
    program = program_of(pve, engine.guest(name))
    read = lambda path: open(f"/proc/{program}/root{path}", encoding="ascii").read()
    assert "nameserver 192.0.2.53" in read("/etc/resolv.conf") and "192.0.2.7" in read("/etc/hosts")
    assert read("/etc/hostname").strip() == name


def test_a_killed_container_is_stopped(engine, box):
    name = engine.start(box, *SLEEP)
    engine("kill", "--signal", "KILL", name).ok()
    assert engine.status(name) == "stopped"
    engine("start", name).ok()
    engine("kill", "--signal", "TERM", name).ok()
    engine.await_status(name, "stopped")


def test_stats_are_the_clusters(engine, box):
    name = engine.start(box, *SLEEP, flags=("--memory", "64m"))
    stats = engine("stats", "--no-stream", "--format", "json", name).ok().json()
    assert "67108864" in json.dumps(stats)


def test_limits_change_while_it_runs(engine, pve, box):
    name = engine.start(box, *SLEEP, flags=("--memory", "64m"))
    engine("update", "--memory", "128m", name).ok()
    assert engine.guest(name).config["memory"] == 128
    assert [request.parameters["digest"] for request in pve.requests() if request.method == "PUT"]
    engine("update", "--pids-limit", "7", name).fails("UnsupportedOperation", "pids")


def test_templates_are_listed_and_collected(engine, pve, box, make_image, template):
    name = engine.start(box, *SLEEP)
    unused = engine.start(make_image(Cmd=["sleep", "7"]))
    storage = pve.cluster.get_storage("local")
    listed = engine("image", "templates", "--format", "json").ok().json()
    assert len(listed) == 2 and all(one["inUse"] and one["node"] == "pve1" for one in listed)
    assert template not in [one["volume"] for one in listed], "only ours are looked at"
    assert engine("image", "list", "--templates", "--format", "json").ok().json() == listed
    assert engine("image", "list", "--templates", "--quiet").ok().lines == [one["volume"] for one in listed]
    engine("delete", "--force", unused).ok()
    assert [one["inUse"] for one in engine("image", "templates", "--format", "json").ok().json()].count(False) == 1
    assert engine("image", "gc", "--templates", "--format", "json").ok().json() == [], "it is too young"
    gone = engine("image", "gc", "--templates", "--force", "--dry-run", "--format", "json").ok().json()
    assert engine("image", "gc", "--templates", "--force", "--format", "json").ok().json() == gone and len(gone) == 1
    left = [volname for volname, _ in storage.listed("pve1")]
    assert len(left) == 2 and template.split(":")[1] in left
    assert engine.status(name) == "running"
    engine("delete", "--force", name).ok()
    engine.start(box, *SLEEP)
