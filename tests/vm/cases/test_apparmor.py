# SPDX-License-Identifier: MIT
"""The AppArmor profile of containers made from images: which one it is, and what it keeps them from,
whatever capabilities they have."""

import contextlib
import pathlib
import subprocess

import pytest

from engine import await_that

DEFAULT = "proxmox-lxcri-default"
ROOT = pathlib.Path(__file__).resolve().parents[3]
PROFILE = ROOT / "packaging/apparmor" / DEFAULT

# Without the profile root with every capability can do all of these: a test says so below.
FORBIDDEN = {
    "mount": "mount -t tmpfs tmpfs /mnt",
    "remount": "mount -o remount,rw /sys",
    "sysrq": "echo h >/proc/sysrq-trigger",
    "panic": "echo 0 >/proc/sys/kernel/panic",
    "core_pattern": "cat /proc/sys/kernel/core_pattern >/proc/sys/kernel/core_pattern",
    "swappiness": "cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness",
    "file-max": "cat /proc/sys/fs/file-max >/proc/sys/fs/file-max",
    "sched_rt": "cat /proc/sys/kernel/sched_rt_period_us >/proc/sys/kernel/sched_rt_period_us",
    "module": "echo 0 >/sys/module/printk/parameters/ignore_loglevel",
    "memory": "dd if=/dev/mem of=/dev/null bs=1 count=1",
    "kcore": "dd if=/proc/kcore of=/dev/null bs=1 count=1",
}
ALLOWED = {
    "own files": "echo x >/file && rm /file",
    "own network": "echo 1 >/proc/sys/net/ipv4/ip_forward",
    "own host name": "hostname other && echo another >/proc/sys/kernel/hostname",
    "own queues": "cat /proc/sys/kernel/msgmax >/proc/sys/kernel/msgmax",
    "own segments": "cat /proc/sys/kernel/shmmax >/proc/sys/kernel/shmmax",
    "own processes": "sleep 9 & kill $!",
    "debugging": "sleep 9 & cat /proc/$!/environ >/dev/null && kill $!",
}


def loaded():
    lines = pathlib.Path("/sys/kernel/security/apparmor/profiles").read_text().splitlines()
    return {line.rsplit(" ", 1)[0] for line in lines}


def label(pid):
    return pathlib.Path(f"/proc/{pid}/attr/current").read_text().strip()


CAPABILITIES = """CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_MKNOD CAP_NET_ADMIN CAP_SYS_ADMIN
CAP_SYS_RAWIO CAP_SYS_PTRACE CAP_SYS_RESOURCE CAP_SYSLOG""".split()


@pytest.fixture
def attempt(engine, make_bundle):
    """Tries scripts in a container with rights, nothing masked, and a profile or none; returns which
    of them succeeded."""
    def attempt(scripts, profile):
        tries = "".join(f"( {script} ) 2>/dev/null && echo '{name}'; " for name, script in scripts.items())
        bundle = make_bundle("sh", "-c", f"mknod -m 600 /dev/mem c 1 1; {tries} true")
        bundle.process["capabilities"] = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
        if profile:
            bundle.process["apparmorProfile"] = profile
        bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = []
        bundle.linux["resources"] = {"devices": [{"allow": True, "access": "rwm"}]}
        for mount in bundle.spec["mounts"]:
            mount["options"] = [option for option in mount.get("options", []) if option != "ro"]
        bundle.save()
        return set(engine("run", "--bundle", bundle.path, engine.id()).ok().lines)

    return attempt


def test_what_the_profile_forbids_fails_and_works_without_it(attempt):
    assert attempt(FORBIDDEN, None) == set(FORBIDDEN)
    assert attempt(FORBIDDEN, DEFAULT) == set()


def test_what_a_container_has_of_its_own_it_may_change(attempt):
    assert attempt(ALLOWED, DEFAULT) == set(ALLOWED)


def test_a_container_of_an_image_is_confined(engine, box_start):
    id = box_start()
    assert label(engine.pid(id)) == f"{DEFAULT} (enforce)"


def test_what_is_executed_in_it_is_confined_too(engine, box_start):
    id = box_start()
    assert engine("exec", id, "cat", "/proc/self/attr/current").ok().out == f"{DEFAULT} (enforce)\n"


@pytest.mark.long
def test_the_engine_s_signals_arrive(engine, box_start):
    id = box_start("sh", "-c", "trap 'exit 5' TERM; while :; do usleep 50000; done")
    engine("stop", id).ok()
    assert engine("wait", id).out == "5\n"


@pytest.mark.long
def test_unconfined_is_what_it_says(box_run):
    result = box_run("cat", "/proc/self/attr/current", flags=["--security-opt", "apparmor=unconfined"])
    assert result.ok().out == "unconfined\n"


@pytest.mark.long
def test_another_profile_can_be_chosen(box_run):
    text = PROFILE.read_text().replace(f"profile {DEFAULT}", "profile lxcri-other")
    subprocess.run(["apparmor_parser", "-r", "-K"], input=text, text=True, check=True)
    result = box_run("cat", "/proc/self/attr/current", flags=["--security-opt", "apparmor=lxcri-other"])
    assert result.ok().out == "lxcri-other (enforce)\n"


def test_a_named_profile_that_is_missing_is_an_error(engine, box_run):
    box_run("true", flags=["--security-opt", "apparmor=no-such"]).fails(
        "InvalidArgument", "no-such", "not loaded", "apparmor_parser", code=125)
    assert engine.list() == []


@contextlib.contextmanager
def unloaded():
    """The host without the default profile for a time."""
    subprocess.run(["apparmor_parser", "-R", str(PROFILE)], check=True)
    try:
        yield
    finally:
        subprocess.run(["apparmor_parser", "-r", "-K", str(PROFILE)], check=True)


def without_interface(engine, id):
    """What is known of a container, once it has no interface any more."""
    known = engine("inspect", id).ok().json()
    return None if any("interface" in place for place in known["networks"]) else known


def test_a_container_whose_profile_is_gone_stays_as_it_was(engine, box_start):
    id = box_start("sh", "-c", "exit 7")
    assert engine("wait", id).ok().out == "7\n"
    # The last that its monitor does is to give back what it had on the host.
    before = await_that(lambda: without_interface(engine, id), "its interface is given back")
    with unloaded():
        engine("start", id).fails("InvalidArgument", id, DEFAULT, "not loaded", "apparmor_parser -r /etc/apparmor.d/")
        assert engine("inspect", id).ok().json() == before
    engine("start", id).ok()
    assert engine("wait", id).ok().out == "7\n"


def test_without_the_default_profile_there_is_a_warning_that_says_how_to_load_it(box_run):
    with unloaded():
        result = box_run("cat", "/proc/self/attr/current").ok()
    assert result.out == "unconfined\n"
    assert DEFAULT in result.err and "apparmor_parser -r" in result.err, result
    assert DEFAULT in loaded()
