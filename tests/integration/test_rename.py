# SPDX-License-Identifier: MIT
"""rename: another id for a stopped container, with all that it has."""

import os
import random
import signal
import subprocess
import time

import pytest

from nets import *  # noqa: F401,F403


@pytest.fixture
def stopped(engine, box):
    """Makes a stopped container that has written to its root, a volume of its own and its log."""

    def stopped(id=None):
        id = id or engine.id()
        engine("run", "-v", "/own", "--image", box, id, "sh", "-c",
               "echo data >> /file; echo kept >> /own/file; echo logged; exit 3").exits(3)
        return id

    return stopped


def test_all_that_a_container_has_goes_with_its_name(engine, stopped):
    old, new = stopped(), engine.id("new")
    before = engine("inspect", old).ok().json()
    assert engine("rename", old, new).ok().out == ""
    assert engine.list() == [new]
    engine("state", old).fails("ContainerNotFound", old)
    after = engine("inspect", new).ok().json()
    assert (after["status"], after["exitCode"]) == ("stopped", 3)
    for same in ("image", "created", "started", "finished"):
        assert after[same] == before[same]
    assert after["spec"]["hostname"] == before["spec"]["hostname"]
    assert old not in after["spec"]["linux"]["cgroupsPath"] and new in after["spec"]["linux"]["cgroupsPath"]
    assert "logged" in engine("logs", new).ok().out
    engine("start", new).ok()
    assert engine("wait", new).ok().out == "3\n"
    engine("cp", f"{new}:/file", engine.work / "file").ok()
    engine("cp", f"{new}:/own/file", engine.work / "own").ok()
    assert (engine.work / "file").read_text() == "data\n" * 2
    assert (engine.work / "own").read_text() == "kept\n" * 2
    volumes = engine.data / "volumes"
    assert len([name for name in os.listdir(volumes) if name[0] != "."]) == 1
    again = stopped(old)
    engine("delete", again).ok()
    assert len([name for name in os.listdir(volumes) if name[0] != "."]) == 1
    engine("delete", new).ok()
    assert [name for name in os.listdir(volumes) if name[0] != "."] == []
    assert os.listdir(engine.data / "containers") == []


def test_what_cannot_be_renamed_says_why_and_stays(engine, stopped, box, create):
    id = stopped()
    running = engine.id()
    engine("run", "--detach", "--image", box, running, "sleep", "1000").ok()
    bundle = create()
    engine("rename", running, "x").fails("InvalidState", running, "running", "stop it first")
    engine("rename", bundle, "x").fails("UnsupportedOperation", bundle, "made from a bundle")
    engine("rename", id, running).fails("ContainerAlreadyExists", running)
    engine("rename", id, bundle).fails("ContainerAlreadyExists", bundle)
    engine("rename", id, id).fails("InvalidArgument", "that is its name")
    for name in ("", "../x", ".x", "a b", "x" * 200):
        engine("rename", id, name).fails("InvalidArgument")
    engine("rename", "nobody", "x").fails("ContainerNotFound", "nobody")
    engine("rename", id).fails("InvalidArgument", "expected")
    assert sorted(engine.list()) == sorted([id, running, bundle])
    engine("delete", "--force", running).ok()


def test_a_full_or_broken_disk_leaves_the_old_name(any_engine, box):
    id, new = any_engine.id(), any_engine.id("new")
    any_engine("run", "--image", box, id, "true").ok()
    (any_engine.data / "containers" / ".renaming").mkdir()
    any_engine("rename", id, new).fails("StorageError", id, new)
    (any_engine.data / "containers" / ".renaming").rmdir()
    assert any_engine.list() == [id]


def check_whole(engine, names, volumes=1):
    """Asserts that the container has exactly one of two names, with its data, and returns it."""
    found = engine.list()
    assert len(found) == 1 and found[0] in names, found
    engine("start", found[0]).ok()
    engine("wait", found[0]).ok()
    assert set(os.listdir(engine.data / "containers")) - {".renaming-new"} == set(found)
    own = [name for name in os.listdir(engine.data / "volumes") if name[0] != "."]
    assert len(own) == volumes
    return found[0]


def test_killed_at_any_moment_there_is_the_old_name_or_the_new(make_engine, box):
    engine = make_engine("crun")
    names = [engine.id("a"), engine.id("b")]
    engine("run", "-v", "/own", "--image", box, names[0], "true").ok()
    name, seen = names[0], set()
    begin = time.monotonic()
    engine("rename", names[0], names[1]).ok()
    engine("rename", names[1], names[0]).ok()
    span = (time.monotonic() - begin) / 2
    for _ in range(25):
        other = names[1 - names.index(name)]
        child = engine.open("rename", name, other)
        time.sleep(random.uniform(0, span))
        child.send_signal(signal.SIGKILL)
        child.wait()
        engine.children.remove(child)
        now = check_whole(engine, names)
        seen.add(now == name)
        name = now


def test_killed_at_each_change_of_the_disk_there_is_one_name(make_engine, box):
    """At each call that changes what is on the disk, in turn, until one run gets to its end."""
    engine = make_engine("crun")
    names = [engine.id("a"), engine.id("b")]
    engine("run", "-v", "/own", "--image", box, names[0], "true").ok()
    name = names[0]
    for calls in ("rename,renameat,renameat2", "unlink,unlinkat,rmdir", "pwrite64,fsync,fdatasync"):
        for number in range(1, 40):
            other = names[1 - names.index(name)]
            argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                    f"inject={calls}:signal=SIGKILL:when={number}", *engine.argv("rename", name, other)]
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=engine.environment(), check=False).returncode
            name = check_whole(engine, names)
            if code == 0:
                break
        assert code == 0


def test_killed_at_any_change_of_the_database_it_keeps_its_network_and_ports(one, box):
    names = [one.id("a"), one.id("b")]
    one("network", "create", "web").ok()
    one("run", "--network", "web", "--publish", "18080:80", "--image", box, names[0], "true").ok()
    name, place = names[0], one.endpoints(names[0])
    for number in range(1, 40):
        other = names[1 - names.index(name)]
        argv = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,fdatasync", "-e",
                f"inject=pwrite64,fsync,fdatasync:signal=SIGKILL:when={number}", *one.argv("rename", name, other)]
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=one.environment(), check=False).returncode
        name, = [name for name in names if one("state", name).code == 0]
        assert one.endpoints(name) == place
        assert one("port", name).ok().out == "80/tcp -> *:18080\n"
        if code == 0:
            break
    assert code == 0


def test_who_is_on_its_network_stays_on_it(one, box, make_image):
    old, new, sharer = one.id(), one.id("new"), one.id("sharer")
    one("run", "--detach", "--image", box, old, "sleep", "1000").ok()
    one("run", "--detach", "--network", f"container:{old}", "--image", box, sharer, "sleep", "1000").ok()
    one("update", "--settle", "0", "--time", "0", "--image", make_image(Env=["A=b"]), sharer).ok()
    one("stop", "--time", "0", sharer, old).ok()
    one("rename", old, new).ok()
    one("start", new).ok()
    place = one.endpoints(new)["default"]
    for bring in (["start"], ["rollback", "--settle", "0", "--time", "0"]):
        one(*bring, sharer).ok()
        assert f" {place['ip4']}/" in one.inside(sharer).run("ip", "address", "show", "eth0")


def test_of_two_that_want_one_name_one_gets_it(any_engine, box):
    ids = [any_engine.id("r") for _ in range(4)]
    target = any_engine.id("target")
    for id in ids:
        any_engine("run", "--image", box, id, "true").ok()
    children = [any_engine.open("rename", id, target) for id in ids]
    children.append(any_engine.open("create", "--image", box, target, "true"))
    results = [any_engine.finish(child) for child in children]
    assert sorted(result.code for result in results[:4]).count(0) + (results[4].code == 0) == 1, results
    assert target in any_engine.list()
    assert len(any_engine.list()) == 4 + (results[4].code == 0)
    for result in results:
        assert result.code == 0 or result.error == "ContainerAlreadyExists", result


def test_two_that_exchange_names_do_not_wait_for_each_other(any_engine, box):
    a, b = any_engine.id("a"), any_engine.id("b")
    for id in (a, b):
        any_engine("run", "--image", box, id, "true").ok()
    for _ in range(5):
        children = [any_engine.open("rename", a, b), any_engine.open("rename", b, a)]
        for child in children:
            any_engine.finish(child, 30).fails("ContainerAlreadyExists")
