# SPDX-License-Identifier: MIT
"""Ways out through what enters a container or is made in it while it starts: the entering program
itself, descriptors, mount points that lead elsewhere."""

import hashlib
import os
import pathlib
import socket
import subprocess

import pytest

from engine import BUILD, await_that
from images import Layer

HELPERS = ("lxcri-monitor", "lxcri-lxc", "lxcri-shim", "lxcri-init", "lxcri-worker", "proxmox-lxcri")

# Takes hold of every program that comes into sight and, once it has ended, tries to write it.
OVERWRITE = r"""
while [ ! -e /tmp/stop ]; do
	for exe in /proc/[0-9]*/exe; do
		case "$(readlink $exe)" in */busybox|"") continue ;; esac
		( exec 5<$exe || exit
		echo seen >> /tmp/seen
		for try in 1 2 3 4 5; do
			printf HACKED | dd of=/proc/self/fd/5 conv=notrunc && echo written >> /tmp/written
			printf HACKED | dd of=$exe conv=notrunc && echo written >> /tmp/written
			sleep 0.05
		done ) 2>>/tmp/why
	done
done
touch /tmp/over
exec sleep 1000
"""


def sums():
    programs = [BUILD / name for name in HELPERS] + [pathlib.Path("/usr/sbin/runc").resolve()]
    return {program: hashlib.sha256(program.read_bytes()).hexdigest() for program in programs
            if program.exists()}


def test_the_entering_program_cannot_be_overwritten(engine, make_image, box_start):
    """CVE-2019-5736: /bin/sh of the container is the program that enters it."""
    before = sums()
    trap = Layer().add("trap", b"#!/proc/self/exe\n", mode=0o755)
    trap.add("overwrite", OVERWRITE.encode(), mode=0o755)
    id = box_start("sh", "/overwrite", image=make_image(trap))
    for _ in range(10):
        engine("exec", id, "/trap", "start", timeout=20)
    engine("exec", id, "touch", "/tmp/stop").ok()
    await_that(lambda: engine("exec", id, "test", "-e", "/tmp/over").code == 0, "the attack is over", 20)
    assert engine("exec", id, "test", "-e", "/tmp/written").code == 1, engine("exec", id, "cat", "/tmp/why")
    assert sums() == before


def test_the_first_process_cannot_be_the_entering_program_and_overwrite_it(engine, make_image, box):
    before = sums()
    trap = Layer().add("trap", b"#!/proc/self/exe\n", mode=0o755)
    engine("run", "--rm", "--image", make_image(trap), engine.id(), "/trap", timeout=20)
    assert sums() == before
    engine("run", "--rm", "--image", box, engine.id(), "true").ok()


def test_the_helper_inside_cannot_be_written(box_shell):
    """lxcri-init is bound from the host."""
    before = sums()
    script = ("( echo HACKED > /proc/1/exe ) 2>/dev/null && echo written; "
              "( echo HACKED > /dev/.lxcri-init ) 2>/dev/null && echo written; "
              "exec 5</proc/1/exe; ( echo HACKED > /proc/self/fd/5 ) 2>/dev/null && echo written; true")
    assert box_shell(script, flags=["--init"]).ok().out == ""
    assert sums() == before


@pytest.mark.parametrize("way", ["/proc/self/fd", "/proc/self/root/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"])
def test_no_descriptor_is_a_working_directory_outside(engine, make_image, box, way, work):
    """CVE-2024-21626, by the image's own working directory, by the user's, and by exec."""
    (work / "outside").touch()
    look = ["sh", "-c", "ls ../../../../../../../../ ../../ ; cat ../../../../etc/hostname"]
    host = pathlib.Path("/etc/hostname").read_text()
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    for number in (3, 4, 5, 6, 7, 8, 9, 10, 13, 64, 65):
        results = [engine("exec", "--cwd", f"{way}/{number}", id, *look)]
        if number < 9:
            results.append(engine("run", "--rm", "--image", make_image(WorkingDir=f"{way}/{number}"),
                                  engine.id(), *look))
        for result in results:
            assert "lost+found" not in result.out and "outside" not in result.out, result
            assert host not in result.out, result


PLACES = ["proc", "sys", "dev", "dev/pts", "dev/shm", "sys/fs/cgroup"]


def with_link(place, target):
    """A layer in which @place is a symlink."""
    layer = Layer()
    parent, _, name = place.rpartition("/")
    if not parent:
        layer.add(f".wh.{name}")
    else:
        layer.directory(parent)
    return layer, place, target


def trap_image(make_image, place, target):
    hide, _, _ = with_link(place, target)
    return make_image(hide, Layer().symlink(place, target))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "dangling", "magic"])
def test_a_mount_point_that_is_a_link_leads_nothing_outside(engine, make_image, work, place, kind):
    """CVE-2025-31133, 52565, 52881: where the image has a link, nothing of the host is mounted over or
    written to; the container starts with what it should have, or does not start."""
    outside = work / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "sentinel").write_text("untouched")
    targets = {"absolute": str(outside), "relative": "../" * 12 + str(outside)[1:],
               "chain": "/hop1", "dangling": "/no/such/place", "magic": "/proc/1/root" + str(outside)}
    hide, _, _ = with_link(place, "")
    links = Layer().symlink(place, targets[kind])
    links.symlink("hop1", "hop2").symlink("hop2", str(outside))
    before = sorted(os.listdir(outside)), mounts_of_host()
    result = engine("run", "--rm", "--image", make_image(hide, links), engine.id(), "sh", "-c",
                    "stat -f -c %T /proc /sys /dev; stat -c '%t:%T' /dev/null; "
                    "( echo x > /proc/sys/kernel/hostname ) 2>/dev/null && echo unprotected; true")
    assert (sorted(os.listdir(outside)), mounts_of_host()) == before
    assert (outside / "sentinel").read_text() == "untouched"
    if "/" in place:
        assert result.ok().lines == ["proc", "sysfs", "tmpfs", "1:3"], result
    else:
        result.fails("InvalidFormat", f"/{place} is not a directory", code=125)
    assert engine.list() == []


def mounts_of_host():
    return sorted(line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
                  if "lt" in line.split()[4])


@pytest.mark.parametrize("node", ["dev/null", "dev/zero", "dev/console", "dev/ptmx", "dev/tty", "dev/fd"])
def test_devices_of_the_image_are_not_used(engine, make_image, work, node):
    """A link, a file, a device with other numbers in place of a device that the engine relies on."""
    secret = work / "secret"
    secret.write_text("untouched")
    secret.chmod(0o644)
    for layer in (Layer().directory("dev").symlink(node, str(secret)),
                  Layer().directory("dev").add(node, b"a file"),
                  Layer().directory("dev").add(node, kind=b"3", device=(1, 1))):
        result = engine("run", "--rm", "--image", make_image(layer), engine.id(), "sh", "-c",
                        "stat -c '%F %t:%T' /dev/null; echo x > /dev/null; stat -c %s /proc/kcore; "
                        "cat /proc/timer_list /proc/keys").ok()
        assert result.lines == ["character special file 1:3", "0"] or result.lines[0] == "character special file 1:3"
        assert secret.read_text() == "untouched"


def test_masked_and_protected_paths_are_the_same_everywhere(make_engine, box):
    """And so are capabilities, filters and privileges."""
    script = ("grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status; "
              "for p in /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list "
              "/proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap "
              "/proc/interrupts; do [ -d $p ] && ls -A $p | wc -l; [ -f $p -o -c $p ] && "
              "{ head -c 1 $p 2>&1 | wc -c; stat -c %F:%t:%T $p; }; done; "
              "for p in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger /sys /sys/fs/cgroup; do "
              "grep -E \" $p r[ow],\" /proc/self/mounts | sed -E 's/^[^ ]+ ([^ ]+ [^ ]+ r[ow]),.*/\\1/'; done")
    found = {}
    for backend in ("lxc", "crun", "runc"):
        engine = make_engine(backend)
        run = engine("run", "--rm", "--image", box, engine.id(), "sh", "-c", script).ok().out
        id = engine.id()
        engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
        found[backend] = run, engine("exec", id, "sh", "-c", script).ok().out
    assert found["lxc"] == found["crun"] == found["runc"]
    run, entered = found["lxc"]
    assert run == entered
    assert "Seccomp:\t2" in run and "CapEff:\t00000000a80425fb" in run


def test_volumes_do_not_follow_links_of_the_image(engine, make_image, work):
    """Neither where they are mounted nor what they begin with comes from the host (CVE-2022-23648)."""
    outside = work / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the host")
    links = Layer().symlink("abs", str(outside)).symlink("rel", "../" * 12 + str(outside)[1:])
    links.symlink("one", "two").symlink("two", str(outside))
    for place in ("/abs", "/rel", "/one", "/abs/deeper"):
        image = make_image(links, Volumes={place: {}})
        result = engine("run", "--rm", "--image", image, engine.id(), "sh", "-c",
                        f"ls -A {place}; echo written > {place}/new")
        assert "secret" not in result.out, result
        assert sorted(os.listdir(outside)) == ["secret"], result
        assert (outside / "secret").read_text() == "of the host"


@pytest.mark.parametrize("place", ["/../../etc", "/a/../../..", "..", "/", "//", "/.", "", "a\nb", "/x/..", "/proc/self/fd/3"])
def test_volume_paths_that_are_none_are_refused_or_stay_inside(engine, make_image, place):
    result = engine("run", "--rm", "--image", make_image(Volumes={place: {}}), engine.id(), "ls", "/")
    if result.code == 0:
        assert "bin" in result.lines and "lost+found" not in result.lines
    else:
        assert result.error in ("InvalidArgument", "InvalidFormat", "MountFailed", "ContainerCreateFailed"), result


def test_a_host_volume_may_not_have_dots(engine, box, work):
    for volume in (f"{work}/../..:/x", f"{work}:/x/../..", f"{work}:x", f"{work}:/"):
        engine("run", "--rm", "--volume", volume, "--image", box, engine.id(), "true").fails("InvalidArgument", code=125)


def test_a_device_by_a_link_is_the_device_that_it_leads_to(engine, box, work):
    """And what is no device is none behind a link either."""
    (work / "link").symlink_to("/dev/zero")
    result = engine("run", "--rm", "--device", f"{work}/link:/dev/mine", "--image", box, engine.id(),
                    "stat", "-c", "%t:%T", "/dev/mine").ok()
    assert result.out == "1:5\n"
    (work / "file").symlink_to("/etc/shadow")
    engine("run", "--rm", "--device", f"{work}/file:/dev/mine", "--image", box, engine.id(),
           "true").fails("InvalidArgument", code=125)


def test_root_on_the_host_s_network_reaches_no_monitor(engine, start, box):
    """CVE-2020-15257: every Unix socket that is listened on without a path."""
    victim = start()
    listing = engine("run", "--rm", "--network", "host", "--image", box, engine.id(), "cat",
                     "/proc/net/unix").ok().out
    abstract = [line.split()[-1] for line in listing.splitlines() if line.split()[-1].startswith("@")]
    assert [name for name in abstract if victim in name] == []
    assert engine.status(victim) == "running"
