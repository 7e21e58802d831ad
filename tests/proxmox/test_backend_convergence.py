# SPDX-License-Identifier: MIT
"""What goes wrong in a cluster, and that neither a container nor a name is left or taken by it."""

import shutil
import signal
import time

import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import program_of, words_of
from fake import disk  # noqa: F401

SLEEP = ("sleep", "1000")


def await_that(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def asked(pve, method, template):
    return [request for request in pve.requests() if (request.method, request.template) == (method, template)]


def test_a_number_that_is_taken_in_between_is_passed_over(engine, pve, box):
    pve.mischief.race_nextid(3)
    name = engine.start(box, *SLEEP)
    assert len(asked(pve, "POST", "/nodes/{node}/lxc")) == 4
    assert len(pve.cluster.guests) == 1 and engine.status(name) == "running"


def test_numbers_are_of_the_range(engine, pve, box):
    engine.configure(vmid_range=[500, 501])
    places = [engine.place(engine.start(box, *SLEEP))["vmid"] for _ in range(2)]
    assert places == [500, 501]
    engine("create", "--image", box, "third").fails("InvalidState", "500", "501", code=125)
    assert len(engine.list()) == 2


def test_numbers_of_machines_that_are_not_seen_are_not_taken(engine, pve, box):
    pve.cluster.machines[100] = "pve1"
    name = engine.start(box, *SLEEP)
    assert engine.place(name)["vmid"] == 101


def test_a_full_storage_leaves_nothing(engine, pve, box):
    engine.start(box, *SLEEP)
    pve.fill_storage("local-zfs")
    engine("run", "-d", "--image", box, "full", *SLEEP).fails("StorageError", "out of space", code=125)
    assert len(engine.list()) == 1 and len(pve.cluster.guests) == 1
    pve.fill_storage("local-zfs", 50 << 30)
    engine("run", "-d", "--image", box, "full", *SLEEP).ok()


def test_a_full_storage_of_templates_leaves_nothing(engine, pve, box):
    pve.fill_storage("local")
    result = engine("run", "-d", "--image", box, "full", *SLEEP)
    assert result.code == 125 and "space" in result.err, result
    assert engine.list() == [] and not pve.cluster.guests


def test_a_failed_task_is_told_with_its_log(engine, pve, box):
    pve.mischief.fail_task("the disk says no", kind="vzcreate", is_at_end=True)
    engine("create", "--image", box, "x").fails("ContainerCreateFailed", "the disk says no", "vzcreate", code=125)
    assert engine.list() == [] and not pve.cluster.guests
    engine("create", "--image", box, "x").ok()


def test_what_a_dead_worker_leaves_is_removed(engine, pve, box):
    pve.mischief.kill_task(kind="vzcreate", after_lines=1)
    result = engine("create", "--image", box, "x").fails("ContainerCreateFailed", "unexpected status", code=125)
    assert "pct unlock 100" in result.err
    engine("create", "--image", box, "x").fails("InvalidState", "pct unlock 100", code=125)
    pve.person.unlock(100)
    assert engine.list() == []
    engine("create", "--image", box, "x").ok()


def test_a_locked_container_is_left_alone(engine, pve, box):
    name = engine.start(box, *SLEEP)
    vmid = engine.place(name)["vmid"]
    pve.person.lock(vmid, "backup")
    for words in (("stop", name), ("delete", "--force", name), ("kill", "--signal", "KILL", name),
                  ("update", "--memory", "64m", name)):
        engine(*words).fails("InvalidState", "backup", str(vmid))
    assert engine.status(name) == "running"
    pve.person.unlock(vmid)
    engine("stop", "--time", "1", name).ok()


def test_a_protected_container_is_not_deleted(engine, pve, box):
    name = engine.start(box, *SLEEP)
    guest = engine.guest(name)
    guest.config["protection"] = 1
    engine("delete", "--force", name).fails("InvalidState", "protected")
    assert engine.status(name) in ("running", "stopped") and guest.vmid in pve.cluster.guests
    del guest.config["protection"]


def test_control_characters_get_nowhere(engine, pve, box):
    for words in (("na\nme",), ("--hostname", "a\nb", "n1"), ("--env", "A\rB=1", "n2"), ("--volume", "/x\ny", "n3"),
                  ("--network", "bridge:vm\nbr0", "n4"), ("--label", "a=b\nc", "n5")):
        *flags, name = words
        result = engine("create", *flags, "--image", box, name)
        if result.code == 0:
            engine("delete", name).ok()
    for request in pve.requests():
        for key, value in request.parameters.items():
            assert not set("\n\r") & set(str(value)), (request.path, key)
            assert key == "env" or "\0" not in str(value)


def test_a_template_that_is_none_is_told(engine, pve, box):
    engine("create", "--image", box, "x").ok()
    engine("delete", "x").ok()
    storage = pve.cluster.get_storage("local")
    (volume,) = [volname for volname, _ in storage.listed("pve1") if "lxcri-" in volname]
    storage.path("pve1", volume).write_bytes(b"no archive at all")
    result = engine("create", "--image", box, "x")
    assert result.code == 125 and "vzcreate" in result.err, result
    assert engine.list() == [] and not pve.cluster.guests


def test_a_container_that_somebody_removed_is_stopped_and_can_be_deleted(engine, pve, box):
    name = engine.start(box, *SLEEP)
    vmid = engine.place(name)["vmid"]
    pve.person.stop(vmid)
    pve.person.does("DELETE", pve.person.path(vmid))
    assert engine.status(name) == "stopped"
    engine("start", name).fails("ContainerNotFound", "gone")
    engine("delete", name).ok()
    assert engine.list() == []


def test_a_stranger_with_the_same_number_is_not_touched(engine, pve, box, template):
    name = engine.start(box, *SLEEP)
    vmid = engine.place(name)["vmid"]
    pve.person.stop(vmid)
    pve.person.does("DELETE", pve.person.path(vmid))
    pve.person.does("POST", "/nodes/pve1/lxc", vmid=vmid, ostemplate=template, hostname="stranger", rootfs="local-zfs:1")
    pve.person.start(vmid)
    assert engine.status(name) == "stopped"
    for words in (("start", name), ("update", "--memory", "64m", name)):
        engine(*words).fails("ContainerNotFound", "gone")
    engine("delete", "--force", name).ok()
    assert pve.cluster.guests[vmid].config["hostname"] == "stranger"
    pve.person.stop(vmid)
    pve.person.does("DELETE", pve.person.path(vmid))


def test_a_container_that_was_moved_to_another_node_is_followed(engine, pve, box):
    shared = "shared"
    pve.add_storage(shared, "dir", ("rootdir", "images"), shared=True)
    engine.configure(storage=shared)
    name = engine.start(box, *SLEEP, flags=("--network", "none"))
    vmid = engine.place(name)["vmid"]
    pve.person.stop(vmid)
    pve.person.migrate(vmid, "pve2")
    engine("start", name).ok()
    assert engine.place(name)["node"] == "pve2" and engine.status(name) == "running"


def test_an_answer_that_was_lost_is_found_again(engine, pve, box):
    pve.mischief.drop("/nodes/{node}/lxc", "after", method="POST")
    name = engine.start(box, *SLEEP)
    assert len(pve.cluster.guests) == 1 and engine.status(name) == "running"


@pytest.mark.parametrize("method, path", [
    ("GET", "/version"), ("GET", "/nodes/{node}/storage/{storage}/content"),
    ("POST", "/nodes/{node}/storage/{storage}/upload"), ("GET", "/cluster/nextid"), ("POST", "/nodes/{node}/lxc"),
    ("GET", "/nodes/{node}/tasks/{upid}/status"), ("GET", "/nodes/{node}/lxc/{vmid}/config"),
])
def test_a_kill_at_any_point_leaves_nothing(engine, pve, box, method, path):
    engine.configure(timeout=6)
    pve.mischief.delay(path, 2, method=method, times=1)
    child = engine.open("run", "--detach", "--image", box, "killed", *SLEEP)
    await_that(lambda: any(rule.times == 0 for rule in pve.mischief.rules), f"{method} {path} was asked")
    time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert engine.list() == []
    await_that(lambda: not [one for one in pve.cluster.tasks.by_upid.values() if not one.over.is_set()], "tasks end")
    time.sleep(2)
    assert not pve.cluster.guests, "a container is left"
    engine("run", "--detach", "--image", box, "killed", *SLEEP).ok()
    assert len(pve.cluster.guests) == 1


def test_a_kill_while_the_task_goes_on_leaves_nothing(engine, pve, box):
    pve.mischief.slow_tasks(2, "vzcreate", times=1)
    child = engine.open("run", "--detach", "--image", box, "killed", *SLEEP)
    await_that(lambda: asked(pve, "GET", "/nodes/{node}/tasks/{upid}/status") and pve.cluster.guests, "it is being made")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert engine.list() == []
    assert not pve.cluster.guests


def test_two_of_one_name_are_one(engine, pve, box):
    children = [engine.open("run", "--detach", "--image", box, "twin", *SLEEP) for _ in range(2)]
    codes = sorted(engine.finish(child).code for child in children)
    assert codes[0] == 0 and codes[1] != 0
    assert len(pve.cluster.guests) == 1 and engine.list() == ["twin"]


def test_the_freest_node_gets_it_unless_one_is_named(engine, pve, box):
    engine.configure(node=None)
    name = engine.start(box, *SLEEP)
    assert engine.place(name)["node"] in pve.cluster.nodes
    other = engine.start(box, *SLEEP, flags=("--node", "pve2"))
    assert engine.place(other)["node"] == "pve2"
    engine("create", "--node", "nowhere", "--image", box, "x").exits(125)
    assert len(engine.list()) == 2


def test_the_endpoints_that_are_used(engine, pve, box):
    name = engine.start(box, *SLEEP)
    engine("stop", "--time", "1", name).ok()
    engine("delete", name).ok()
    assert set(pve.trace()) == {
        "DELETE /nodes/{node}/lxc/{vmid}", "GET /cluster/nextid", "GET /cluster/resources",
        "GET /nodes/{node}/lxc/{vmid}/config", "GET /nodes/{node}/lxc/{vmid}/status/current",
        "GET /nodes/{node}/storage", "GET /nodes/{node}/storage/{storage}/content",
        "GET /nodes/{node}/tasks", "GET /nodes/{node}/tasks/{upid}/status", "GET /version", "POST /nodes/{node}/lxc",
        "POST /nodes/{node}/lxc/{vmid}/status/shutdown", "POST /nodes/{node}/lxc/{vmid}/status/start",
        "POST /nodes/{node}/storage/{storage}/upload",
    }


def test_what_a_lost_database_knew_is_taken_over(engine, pve, make_image, template):
    image = make_image(StopSignal="SIGUSR1", Cmd=["sh", "-c", "trap 'exit 0' USR1; while :; do sleep 0.1; done"],
                       Volumes={"/data": {}}, Env=["PATH=/bin", "RELEASE=1"])
    name = engine.start(image, flags=("--env", "MINE=a b ", "--label", "kept=yes", "--tmpfs", "/cache:size=1m", "--user", "5:6"))
    place = engine.place(name)
    before = engine("inspect", name).ok().json()["spec"]
    pve.person.does("POST", "/nodes/pve1/lxc", vmid=300, ostemplate=template, hostname="stranger", rootfs="local-zfs:1",
                    tags="lxcri")
    shutil.rmtree(engine.data)
    shutil.rmtree(engine.root)
    engine.keep_service_away()
    assert engine.list() == []
    engine("system", "adopt").ok()
    assert engine.list() == [name] and engine.status(name) == "running"
    assert engine.place(name)["vmid"] == place["vmid"]
    assert engine("system", "adopt").ok().out == ""
    after = engine("inspect", name).ok().json()["spec"]
    for key in ("args", "env", "cwd", "user"):
        assert after["process"][key] == before["process"][key], key
    assert after["annotations"] == before["annotations"] and after["hostname"] == before["hostname"]
    assert "mp0" in [mount["source"] for mount in after["mounts"]]
    assert "/cache" in [mount["destination"] for mount in after["mounts"]]
    new = make_image(Cmd=["sleep", "1002"], Volumes={"/data": {}}, Env=["PATH=/bin", "RELEASE=2"], StopSignal="SIGUSR1")
    volume = engine.guest(name).config["mp0"]
    engine("update", name, "--image", new, "--settle", "1").ok()
    guest = engine.guest(name)
    program = program_of(pve, guest)
    assert words_of(f"/proc/{program}/cmdline") == [b"sleep", b"1002"], "the command is the image's: none was asked for"
    assert {b"RELEASE=2", b"MINE=a b "} <= set(words_of(f"/proc/{program}/environ"))
    assert guest.config["mp0"] == volume and "Uid:\t100005" in open(f"/proc/{program}/status", encoding="ascii").read()
    engine("rollback", name).ok()
    engine("stop", "--time", "5", name).ok()
    engine("start", name).ok()
    engine("delete", "--force", name).ok()
    assert list(pve.cluster.guests) == [300]
    pve.person.does("DELETE", pve.person.path(300))
