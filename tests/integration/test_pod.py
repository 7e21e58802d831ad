# SPDX-License-Identifier: MIT
"""Pods: containers that share their network, IPC and host name on every backend, made and removed as
one."""

import json
import os
import signal
import subprocess
import time

import jsonschema
import pytest

from api_programs import programs  # noqa: F401: a fixture
from engine import ROOT, SLOW, await_that
from host import V2
from pods import *  # noqa: F401,F403
from pods import NAMESPACES, apply, container, inspect, namespaces, places, pod, pods


def held(engine):
    """Mounts of namespaces of this engine."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return [line for line in file if str(engine.root) in line]


def test_containers_of_a_pod_share_network_ipc_and_host_name(lx, box):
    apply(lx, pod("web", container(box, "a", "httpd -p 80 -h / && exec sleep 1000"),
                  container(box, "b"))).ok()
    first, second = namespaces(lx, "web.a"), namespaces(lx, "web.b")
    for kind in NAMESPACES:
        assert first[kind] == second[kind] != os.readlink(f"/proc/self/ns/{kind}"), kind
    assert first["pid"] != second["pid"] and first["mnt"] != second["mnt"]
    for name in ("web.a", "web.b"):
        assert lx("exec", name, "hostname").ok().lines == ["web"]
    assert lx("exec", "web.b", "sh", "-c", "wget -q -O - http://127.0.0.1/etc/hostname").ok().lines == ["web"]
    made = inspect(lx, "web")
    assert made["status"] == "Running" and [c["name"] for c in made["containers"]] == ["a", "b"]
    lx("pod", "delete", "--force", "web").ok()
    assert pods(lx) == {} and lx.list() == [] and held(lx) == []


def test_who_lists_pods_finishes_what_a_killed_update_left(lx, box):
    lx.keep_service_away()  # it would finish it too
    apply(lx, pod("web", container(box, "a"))).ok()
    mark = lx.root / "updating.web.a"
    mark.touch()
    assert lx("get", "pods").ok().lines[1].split()[1:4] == ["web", "1/1", "Running"]
    assert not mark.exists()
    lx("pod", "stop", "web").ok()
    mark.touch()
    lx("list").ok()
    assert not mark.exists(), "one that is stopped has nothing to finish"


def test_a_pod_with_one_container_has_no_further_process(lx, box, world):
    def count():
        return len([1 for entry in os.listdir("/proc") if entry.isdigit()
                    and str(lx.root).encode() in read(f"/proc/{entry}/cmdline")
                    and b"serve" not in read(f"/proc/{entry}/cmdline")
                    and b"lxcri-dns" not in read(f"/proc/{entry}/cmdline")])

    def read(path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return b""

    lx("run", "--detach", "--image", box, lx.id(), "sleep", "1000").ok()
    alone = count()
    lx.remove_all()
    apply(lx, pod("web", container(box))).ok()
    assert count() == alone


def test_an_init_container_runs_to_its_end_before_the_others(lx, box):
    shared = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    apply(lx, pod("web", container(box, "a", "cat /data/x; exec sleep 1000", **shared),
                  initContainers=[container(box, "one", "sleep 0.3; echo first > /data/x", **shared),
                                  container(box, "two", "cat /data/x; echo second >> /data/x", **shared)],
                  volumes=[{"name": "data", "emptyDir": {}}])).ok()
    await_that(lambda: lx("logs", "web.a").ok().lines == ["first", "second"], "the log")
    assert lx("logs", "web.two").ok().lines == ["first"]
    assert lx.status("web.one") == "stopped"


def test_an_init_container_that_fails_fails_the_pod(one, box):
    failed = apply(one, pod("web", container(box),
                            initContainers=[container(box, "one", "exit 3")]))
    failed.fails("PodStartFailed", "web", "one", "exit code 3")
    assert pods(one) == {} and one.list() == []


def test_a_container_comes_and_goes_and_the_network_stays(lx, box, world):
    apply(lx, pod("web", container(box, "a"), container(box, "b", "httpd -p 80 -h /; exec sleep 1000"),
                  restartPolicy="Never")).ok()
    before, place = namespaces(lx, "web.b")["net"], places(lx, "web")["default"]
    lx("stop", "--time", "0", "web.a").ok()
    assert world.host.reads(place["ip4"], 80)
    lx("start", "web.a").ok()
    assert namespaces(lx, "web.a")["net"] == before and places(lx, "web")["default"] == place
    assert world.host.reads(place["ip4"], 80)


def test_stop_and_start_keep_the_addresses(lx, box, world):
    apply(lx, pod("web", container(box, "a"), container(box, "b"))).ok()
    place = places(lx, "web")["default"]
    lx("pod", "stop", "web").ok()
    assert inspect(lx, "web")["status"] == "Stopped" and held(lx) == []
    assert "veth" not in world.host.run("ip", "-br", "link").replace("uplink", "")
    assert {lx.status(f"web.{name}") for name in "ab"} == {"stopped"}
    lx("pod", "stop", "web").ok()
    lx("pod", "start", "web").ok()
    again = places(lx, "web")["default"]
    assert all(again[key] == place[key] for key in ("ip4", "ip6", "mac"))
    lx("pod", "start", "web").fails("InvalidState", "web", "running")


def test_create_makes_it_whole_and_starts_nothing(one, box):
    one("pod", "create", "--label", "app=x", "web", f"a={box}", f"b={box}").ok()
    made = inspect(one, "web")
    assert made["status"] == "Created" and made["labels"] == {"app": "x"}
    assert {c["status"] for c in made["containers"]} == {"created"}
    assert "ip4" in places(one, "web")["default"]
    one("pod", "delete", "web").ok()


def test_namespaces_alone_are_a_pod(one):
    one("pod", "create", "empty").ok()
    assert inspect(one, "empty")["status"] == "Created"
    one("pod", "start", "empty").ok()
    assert inspect(one, "empty")["status"] == "Running"
    assert one("pod", "inspect", "--format", "status", "empty").ok().out == "Running\n"
    one("pod", "delete", "empty").fails("PodStillRunning", "empty", "by force")
    one("pod", "stop", "empty").ok()
    one("pod", "delete", "empty").ok()
    told = [json.loads(line) for line in one("events", "--follow=false", "--format", "json", "--filter",
                                             "pod=empty").ok().lines]
    assert [event["event"] for event in told if event["event"] != "ending"] == ["create", "start", "stop", "delete"]
    schema = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/events.schema.json").read_text()))
    for event in told:
        schema.validate(event)


def test_the_errors_of_pods(one, box):
    one("pod", "inspect", "web").fails("PodNotFound", "web")
    apply(one, pod("web", container(box))).ok()
    one("pod", "create", "web").fails("PodAlreadyExists", "web")
    one("run", "--detach", "--image", box, "web", "true").fails("PodAlreadyExists", "web", code=125)
    one("pod", "delete", "web").fails("PodStillRunning", "web")
    one("delete", "--force", "web.app").fails("InvalidState", "web.app", "goes with the pod web")
    one("rename", "web.app", "other").fails("UnsupportedOperation", "web")
    one("inspect", "web").fails("ContainerNotFound", "that is a pod")
    one("run", "--detach", "--network", "none", "--image", box, "alone", "sleep", "1000").ok()
    one("pod", "create", "alone").fails("ContainerAlreadyExists", "alone")
    one("pod", "create", "two", f"a={box}", f"a={box}").fails("InvalidArgument", "two containers")
    one("pod", "create", "lan", "--network", "bridge:vmbr0").fails("UnsupportedOperation", "LAN")
    one("pod", "create", "no", "a=oci:/nowhere").fails("ImageNotFound")
    assert set(pods(one)) == {"web"}


def test_a_port_that_is_taken_and_a_pool_that_is_full_leave_nothing(one, box, world):
    one("network", "create", "--subnet", "10.99.0.0/30", "--no-ipv6", "tiny").ok()
    one("pod", "create", "--network", "tiny", "first").ok()
    one("pod", "create", "--network", "tiny", "second").fails("NetworkSetupFailed", "second", "10.99.0.0/30")
    one("pod", "create", "--publish", "18080:80", "third", f"a={box}").ok()
    one("pod", "create", "--publish", "18080:80", "fourth", f"a={box}").fails("PortForwardingFailed", "18080")
    assert set(pods(one)) == {"first", "third"}
    one("pod", "delete", "--force", "first").ok()


def test_a_command_that_is_killed_leaves_a_whole_pod_or_none(lx, box):
    found = set()
    for number in range(16):
        child = lx.open("pod", "create", "web", f"a={box}", f"b={box}")
        deadline = time.monotonic() + 0.4 * number / 16
        while time.monotonic() < deadline and child.poll() is None:
            pass
        child.kill()
        child.wait()
        lx.children.remove(child)
        # A child of it may hold the lock until it has executed the monitor.
        await_that(lambda: all(row["status"] != "creating" for row in
                               lx("list", "--all", "--format", "json").ok().json()), "it has settled")
        if pods(lx):
            assert inspect(lx, "web")["status"] == "Created"
            lx("pod", "start", "web").ok()
            lx("pod", "delete", "--force", "web").ok()
            found.add("whole")
        else:
            # Each look clears away what it finds nobody at work on.
            await_that(lambda: lx.list() == [] and held(lx) == [] and not list(lx.data.glob("containers/*")),
                       "nothing is left")
            lx("pod", "inspect", "web").fails("PodNotFound")
            found.add("none")
        assert held(lx) == [] and not list(lx.data.glob("containers/*"))
    assert "none" in found


def test_a_deletion_that_is_killed_is_finished_by_the_next_look(one, box):
    for number in range(6):
        apply(one, pod("web", container(box, "a"), container(box, "b"))).ok()
        child = one.open("pod", "delete", "--force", "web")
        time.sleep(0.03 * number)
        child.kill()
        child.wait()
        one.children.remove(child)
        one("pod", "list").ok()
        if pods(one):
            one("pod", "delete", "--force", "web").ok()
        assert pods(one) == {}
        # The service may be the one that finishes it.
        await_that(lambda: held(one) == [], "no namespace is left")
        one("apply", "-f", "-", input=b"").ok()
        one("delete", "-f", "-", input=b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},'
            b'"spec":{"containers":[{"name":"a","image":"b"}]}}').ok()


def test_after_a_reboot_a_container_brings_the_namespaces_back(one, box, world):
    apply(one, pod("web", container(box, "a"), container(box, "b"), restartPolicy="Never")).ok()
    place = places(one, "web")["default"]
    for name in ("web.a", "web.b"):
        os.kill(one.monitor(name), signal.SIGKILL)
        one.await_status(name, "stopped")
    # What a boot takes: mounts, interfaces, the run-time directory.
    for line in held(one):
        subprocess.run(["umount", "-l", line.split()[4]], check=True)
    subprocess.run(["rm", "-rf", *map(str, (one.root / "containers").iterdir())], check=True)
    one("pod", "list").ok()
    assert "interface" not in places(one, "web")["default"]
    one("start", "web.b").ok()
    one("start", "web.a").ok()
    assert places(one, "web")["default"]["ip4"] == place["ip4"]
    assert namespaces(one, "web.a")["net"] == namespaces(one, "web.b")["net"]


def test_what_runs_first_runs_again_after_a_reboot(one, box, work):
    mounts = [{"name": "v", "mountPath": "/v"}]
    script = "wc -l </v/runs; exec sleep 1000"
    (work / "v").mkdir()
    (work / "v").chmod(0o777)
    apply(one, pod("web", container(box, "a", script, volumeMounts=mounts),
                   container(box, "b", script, volumeMounts=mounts), restartPolicy="Always",
                   initContainers=[container(box, "first", "sleep 0.3; echo run >>/v/runs", volumeMounts=mounts)],
                   volumes=[{"name": "v", "hostPath": {"path": str(work / "v")}}])).ok()
    one.keep_service_away()
    for name in ("web.a", "web.b"):
        os.kill(one.monitor(name), signal.SIGKILL)
        one.await_status(name, "stopped")
    for line in held(one):
        subprocess.run(["umount", "-l", line.split()[4]], check=True)
    subprocess.run(["rm", "-rf", *map(str, (one.root / "containers").iterdir())], check=True)
    one.service_lock.close()
    with one.service():
        for name in ("web.a", "web.b"):
            one.await_status(name, "running", 60)
    # Once, and before either.
    assert (work / "v" / "runs").read_text(encoding="ascii") == "run\nrun\n"
    for name in ("web.a", "web.b"):
        await_that(lambda name=name: one("logs", name).ok().lines == ["1", "2"], "it saw both", 20)


def test_reload_puts_the_interface_of_a_pod_right(one, box, world):
    apply(one, pod("web", container(box, script="httpd -p 80 -h /; exec sleep 1000"))).ok()
    place = places(one, "web")["default"]
    assert world.host.reads(place["ip4"], 80)
    world.host.run("ip", "link", "del", place["interface"])
    assert not world.host.reads(place["ip4"], 80, 0.2)
    one("network", "reload").ok()
    await_that(lambda: world.host.reads(place["ip4"], 80), "the pod is reached")


def test_a_list_that_cannot_be_made_and_a_disk_that_refuses_have_codes_of_pods(one, box):
    apply(one, pod("web", container(box))).ok()
    one("pod", "stop", "web").ok()
    one.sql("ALTER TABLE container RENAME TO hidden")
    try:
        one("pod", "list").fails("PodListFailed")
    finally:
        one.sql("ALTER TABLE hidden RENAME TO container")
    # A database that refuses one kind of change.
    for verb, table, words, code in (
            ("INSERT", "container", ("create", "second"), "PodCreationFailed"),
            ("UPDATE", "container", ("start", "web"), "PodStartFailed"),
            ("", "", ("start", "web"), None),
            ("UPDATE", "container", ("stop", "web"), "PodStopFailed"),
            ("UPDATE", "endpoint", ("stop", "web"), "NetworkCleanupFailed"),
            ("DELETE", "container", ("delete", "--force", "web"), "PodDeletionFailed")):
        if verb:
            one.sql(f"CREATE TRIGGER refuse BEFORE {verb} ON {table} BEGIN SELECT RAISE(FAIL, 'refused'); END")
        done = one("pod", *words)
        one.sql("DROP TRIGGER IF EXISTS refuse")
        assert done.error == code, done
    # What was begun is finished by the next look.
    one("pod", "inspect", "web").fails("PodNotFound")
    assert one.list() == [] and held(one) == []


@pytest.mark.parametrize("damage, words", [
    ("substr(record, 1, length(record) - 3)", "container web: read a container's record"),
    ("replace(record, '\"namespace\"', '\"space\"')", "the record of pod web is incomplete"),
    ("replace(record, '\"id\":\"web.app\"', '\"x\":1')", "the record of pod web names a container without a name"),
])
def test_a_pod_whose_record_is_damaged_is_told_and_hides_no_other(one, box, damage, words):
    apply(one, pod("web", container(box)), pod("other", container(box))).ok()
    record = one.sql("SELECT record FROM container WHERE id = 'web'")[0][0]
    one.sql(f"UPDATE container SET record = {damage} WHERE id = 'web'")
    for verb in (["pod", "list"], ["get", "pods"]):
        listed = one(*verb).ok()
        assert [line.split()[0 if verb[0] == "pod" else 1] for line in listed.lines[1:]] == ["other"]
        assert listed.err.count("\n") == 1 and words in listed.err
    one("pod", "inspect", "web").fails("StorageError", words)
    one.sql("UPDATE container SET record = '" + record.replace("'", "''") + "' WHERE id = 'web'")
    one("pod", "inspect", "web").ok()


def test_the_seeds_pod_program_works(programs, lx, box, work, world):
    done = subprocess.run(world.host.words(programs / "pod", lx.backend, work / "r", work / "d", box),
                          capture_output=True, text=True, timeout=300 if SLOW else 60, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "db-0 is Running, 1 of 1", "db-1 is Created, 0 of 1", "db-0 of db: db-0.db.default.svc.cluster.local",
        "InvalidArgument", "PodAlreadyExists",
        # Where what is in use is more than a new limit, version 2 of cgroups takes that and ends processes.
        *([] if V2 else ["ResourceUpdateFailed"]), "PodStillRunning", "the same addresses"]), done


def test_check_and_prune_leave_a_pod_alone(one, box):
    scratch = [{"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    apply(one, pod("web", container(box, volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}]),
                   container(box, "log"), initContainers=[container(box, "first", "exit 0")], volumes=scratch)).ok()
    before = namespaces(one, "web.app")
    one("exec", "web.app", "sh", "-c", "echo 1 > /dev/shm/one; echo 2 > /scratch/two").ok()
    checked = one("system", "check", "--repair", "--format", "json").ok().json()
    assert checked["findings"] == [], checked
    # What the host sees is what a container sees that comes later.
    one("stop", "--time", "0", "web.log").ok()
    one("start", "web.log").ok()
    assert one("exec", "web.log", "cat", "/dev/shm/one").ok().out == "1\n"
    pruned = one("system", "prune", "--force", "--all").ok()
    assert "web.first" not in pruned.out and one.status("web.first") == "stopped"
    one("pod", "stop", "web").ok()
    usage = {row["type"]: row for row in one("system", "df", "--format", "json").ok().json()["sums"]}
    assert usage["containers"]["reclaimable"] == 0 < usage["containers"]["size"], "what a prune leaves is not promised"
    one("system", "prune", "--force", "--all").ok()
    one("pod", "start", "web").ok()
    assert one("exec", "web.app", "hostname").ok().lines == ["web"] and before["net"]
    one("pod", "delete", "--force", "web").ok()
