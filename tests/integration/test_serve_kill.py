# SPDX-License-Identifier: MIT
"""The service is killed again and again while clients make and change containers: what runs runs on, all
that was asked for is true a second later, and nothing is left. Five minutes of that in a long check."""

import os
import re
import signal
import threading
import time

from engine import await_that, is_soon
from lan import BRIDGE, RELEASE, dnsmasq, server, site  # noqa: F401  pylint: disable=unused-import
from nets import make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import
from test_names import addresses, gateway

SECONDS = 300 if os.environ.get("LXCRI_TEST_LONG", "0") != "0" else 10
CLIENTS = 8
EVERY = 0.2
SERVICE = "web.default.svc.cluster.local"


class Clients:
    """Threads that each do something to a container of their own, over and over, until time is up."""

    def __init__(self, engine, box, seconds):
        self.engine, self.box, self.failed, self.rounds = engine, box, [], [0] * CLIENTS
        self.over = time.monotonic() + seconds
        self.threads = [threading.Thread(target=self.work, args=[number]) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def words(self, number, id):
        """What a client does in one round; each has its own port, and some are on the LAN as well."""
        network = "more" if number % 2 else "default"
        lan = ["--network", f"bridge:{BRIDGE},mac=02:00:00:00:79:{number:02x}"] if number == 0 else []
        run = ["run", "-d", "--restart", "always", "--network", network, *lan, "-p", f"{7000 + number}:80"]
        return [
            [*run, "--network-alias", f"alias{number}", "--service", "web", "--hostname", f"web-{number}", "--image",
             self.box, id, "sleep", "1000"],
            ["forward", "add", id, f"{7100 + number}:81"],
            ["network", "connect", "other", id],
            ["network", "disconnect", "other", id],
            ["forward", "remove", id, f"{7100 + number}"],
            ["restart", "--time", "0", id] if number % 3 else ["stop", "--time", "0", id],
            ["delete", "--force", id],
        ]

    def work(self, number):
        while time.monotonic() < self.over and not self.failed:
            id = f"{self.engine.id()}-{number}"
            for words in self.words(number, id):
                result = self.engine(*words)
                if result.code != 0:
                    self.failed.append(result)
            self.rounds[number] += 1

    def join(self):
        for thread in self.threads:
            thread.join()


def links(world):
    return set(re.findall(r"^\d+: ([^:@]+)", world.host.run("ip", "-o", "link"), re.M))


def elements(world):
    """The rules with all that is in their sets and maps, in an order that does not tell when it came."""
    rules = world.host.run("nft", "-s", "list", "ruleset")
    return sorted(word.strip() for word in re.split(r"[\n,]", rules) if word.strip(" \t{}"))


def leftovers(engine):
    """What the database and the directories have of containers."""
    rows = {table: engine.sql(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            for table in ("endpoint", "port", "lan", "member")}
    return rows | {"ids": engine.sql("SELECT id, id_start FROM container ORDER BY 1"),
                   "run": sorted(os.listdir(engine.root / "containers")),
                   "data": sorted(os.listdir(engine.data / "containers"))}


def asked(engine, id, name):
    """What the name server says, or nothing when it says nothing in time."""
    return sorted(engine.inside(id).run("dig", "+short", "+tries=1", "+timeout=1", f"@{gateway(engine)}", name,
                                        check=False).splitlines())


def kill_service(engine, over):
    """Kills each service that comes up; returns how many that were."""
    kills = 0
    while time.monotonic() < over:
        pid = engine.service_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            kills += 1
        time.sleep(EVERY)
    return kills


def test_kills_of_the_service_every_moment_leave_all_as_asked_for(site, one, box, world, server):
    server.tell(address="10.77.0.50")
    for network in ("more", "other"):
        one("network", "create", network).ok()
    for network in ("default", "more"):
        one("network", "service", "create", network, "web", "--port", "http:80").ok()
    steady = [f"{one.id()}-steady" for _ in range(3)]
    for i, id in enumerate(steady):
        one("run", "-d", "--restart", "always", "-p", f"{6000 + i}:80", "--service", "web", "--hostname",
            f"steady-{i}", "--image", box, id, "sleep", "1000").ok()
    pids = [one.pid(id) for id in steady]
    ips = sorted(addresses(one, id)[0] for id in steady)
    await_that(lambda: asked(one, steady[0], SERVICE) == ips, "the names are there", 10)
    before = links(world), elements(world), leftovers(one)

    clients = Clients(one, box, SECONDS)
    kills = kill_service(one, clients.over)
    clients.join()
    assert not clients.failed
    # In a guest the service alone takes a second to begin.
    assert min(clients.rounds) > 0 and kills > (SECONDS / 4 if os.environ.get("LXCRI_TEST_SLOW") else SECONDS)
    assert [one.pid(id) for id in steady] == pids
    lost = steady[1]
    os.kill(pids[1], signal.SIGKILL)
    one.await_status(lost, "stopped")
    for pid in filter(None, [one.service_pid()]):
        os.kill(pid, signal.SIGKILL)

    with one.service():
        start = time.monotonic()
        one.await_status(lost, "running")
        await_that(lambda: asked(one, steady[0], SERVICE) == ips, "the names are as before")
        assert is_soon(start, 1)
        assert [one.pid(id) for id in (steady[0], steady[2])] == [pids[0], pids[2]]
        await_that(lambda: leftovers(one)["run"] == before[2]["run"], "run directories are gone")
        assert asked(one, steady[0], "alias0") == [] and one.list() == sorted(steady)
    now = leftovers(one)
    # The one that was started again has another interface.
    for rows in (now, before[2]):
        rows["endpoint"] = [row[:3] + row[4:] for row in rows["endpoint"]]
    assert now == before[2]
    assert len(links(world)) == len(before[0])
    assert len(elements(world)) == len(before[1])
    await_that(lambda: len(server.asked(RELEASE)) >= clients.rounds[0], "the leases are given back")
    assert site.ports() == set()
