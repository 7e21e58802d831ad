# SPDX-License-Identifier: MIT
"""The service is killed again and again while clients apply, scale and delete: pods that nobody asked to change
run on, all that was asked for is true once a service is left alone, and nothing is left of what was removed.
Five minutes of that in a long check."""

import os
import signal
import threading
import time

from engine import TAG, await_that
from host import cgroups
from nets import make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import
from pods import apply, container, inspect, pod, pods, replicas, stream
from test_pod_scale import service
from test_serve_kill import elements, kill_service, leftovers, links

SECONDS = 300 if os.environ.get("LXCRI_TEST_LONG", "0") != "0" else 5
CONVERGED_SECONDS = 30  # where 1 is what is wanted of an idle machine
CLIENTS = 8 if SECONDS > 100 else 4
SPACES = ("default", "more")


def placed(thing, where):
    thing["metadata"]["namespace"] = where
    return thing


def wanted(box, name, where, text="first"):
    """A client's objects: a pod with a port, a set with a service and volumes, and a Deployment."""
    port = 7000 + sum(map(ord, name + where)) % 1000
    mounted = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    script = f"echo {text}; exec sleep 100000"
    db = replicas("StatefulSet", f"{name}-db", 1, container(box, script=script, **mounted), claims=["data"])
    db["spec"]["serviceName"] = f"{name}-db"
    head = service(f"{name}-db", where)
    head["spec"]["selector"] = {"app": f"{name}-db"}
    return [head, placed(db, where), placed(replicas("Deployment", f"{name}-web", 1, container(box, script=script)), where),
            pod(f"{name}-pod", container(box, ports=[{"containerPort": 80, "hostPort": port}]), namespace=where)]


class Clients:
    """Threads that each apply, change and delete objects of their own, over and over, until time is up."""

    def __init__(self, engine, box, seconds):
        self.engine, self.box, self.failed, self.rounds = engine, box, [], [0] * CLIENTS
        self.over = time.monotonic() + seconds
        self.threads = [threading.Thread(target=self.work, args=[number]) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def calls(self, number):
        """What a client does in one round."""
        name, where = f"{TAG}-{number}", SPACES[number % 2]
        scale = ["scale", "--namespace", where]
        return [
            (["apply", "-f", "-"], wanted(self.box, name, where)),
            ([*scale, "deployment", f"{name}-web", "--replicas", "3"], None),
            ([*scale, "sts", f"{name}-db", "--replicas", "2"], None),
            ([*scale, "deployment", f"{name}-web", "--replicas", "0"], None),
            (["apply", "-f", "-"], wanted(self.box, name, where, "second")),
            (["delete", "--volumes", "-f", "-"], wanted(self.box, name, where)),
        ]

    def work(self, number):
        while time.monotonic() < self.over and not self.failed:
            for words, objects in self.calls(number):
                result = self.engine(*words, input=stream(*objects) if objects else None, timeout=300)
                if result.code != 0:
                    self.failed.append(result)
            self.rounds[number] += 1

    def join(self):
        for thread in self.threads:
            thread.join()


def left(engine):
    """Without what is kept for all containers."""
    rows = leftovers(engine)
    return rows | {"run": [name for name in rows["run"] if not name.startswith(".")]}


def mounts(engine):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return sorted(line.split()[4] for line in file if str(engine.root) in line)


def groups():
    return {path for path in cgroups() if TAG in path}


def pids(engine):
    return {row["id"]: row["pid"] for row in engine("list", "--format", "json").ok().json()}


def test_kills_of_the_service_leave_what_was_applied(one, box, world):
    for where in SPACES:
        apply(one, *wanted(box, f"{TAG}-steady", where)).ok()
    running, made = pids(one), pods(one)
    before = len(links(world)), len(elements(world)), left(one), mounts(one), groups()
    assert len(made) == 6 and 0 not in running.values()

    clients = Clients(one, box, SECONDS)
    kills = kill_service(one, clients.over)
    clients.join()
    assert not clients.failed
    assert sum(clients.rounds) > 0 and kills > SECONDS
    assert pids(one) == running
    for pid in filter(None, [one.service_pid()]):
        os.kill(pid, signal.SIGKILL)

    # What a set has lost is there again once a service is left alone.
    lost = f"{TAG}-steady-db-0"
    place = inspect(one, lost)["networks"][0]
    one("pod", "delete", "--force", lost).ok()
    with one.service():
        begun = time.monotonic()
        await_that(lambda: pods(one).get(lost, {}).get("status") == "Running", "the pod is back", CONVERGED_SECONDS)
        print(f"{sum(clients.rounds)} rounds, {kills} kills, back in {time.monotonic() - begun:.2f} s")
        assert inspect(one, lost)["networks"][0]["ip4"] == place["ip4"]
        now = pids(one)
        assert {id: pid for id, pid in now.items() if not id.startswith(lost)} == \
            {id: pid for id, pid in running.items() if not id.startswith(lost)}
        assert {id: row["status"] for id, row in pods(one).items()} == {id: row["status"] for id, row in made.items()}
        await_that(lambda: left(one)["run"] == before[2]["run"], "run directories are gone")
    rows = left(one)
    # The one that was made again has another interface.
    for each in (rows, before[2]):
        each["endpoint"] = [row[:3] + row[4:] for row in each["endpoint"]]
    for key, value in rows.items():
        assert value == before[2][key], key
    await_that(lambda: len(links(world)) == before[0], "interfaces are gone")
    assert len(elements(world)) == before[1]
    assert mounts(one) == before[3]
    assert {group for group in groups() ^ before[4] if lost not in group} == set()
    assert len(one("volume", "list", "--quiet").lines) == 2
