# SPDX-License-Identifier: MIT
"""A host with much on it: whoever comes last is set up as quickly as the first, and is found by name. 500
containers on 50 networks, with 2,000 published ports and 5,000 names, in a long check."""

import os
import statistics
import time

from engine import await_that
from nets import make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"
CONTAINERS, NETWORKS, PORTS, ALIASES = (500, 50, 4, 8) if LONG else (24, 6, 4, 8)
AT_AN_END = CONTAINERS // 20 or 1
GROWTH = 1.5
LIST_SECONDS = 0.02


class Timed:
    """Seconds that commands take, beside one that has nothing to do with what is there: a machine that
    has become slower meanwhile is no growth."""

    def __init__(self, engine):
        self.engine, self.taken, self.control = engine, [], []

    def clock(self, *words):
        begin = time.monotonic()
        self.engine(*words).ok()
        return time.monotonic() - begin

    def __call__(self, *words):
        self.taken.append(self.clock(*words))
        self.control.append(self.clock("version"))

    def growth(self):
        """By how much the last ones took longer than the first."""
        first, last = slice(AT_AN_END), slice(-AT_AN_END, None)
        machine = statistics.median(self.control[last]) / statistics.median(self.control[first])
        return statistics.median(self.taken[last]) / statistics.median(self.taken[first]) / max(machine, 1)

    def least(self, *words):
        return min(self.clock(*words) for _ in range(5))


def test_the_last_of_many_is_as_quick_as_the_first(one, box):
    for number in range(NETWORKS):
        one("network", "create", f"net{number}").ok()
        one("network", "service", "create", f"net{number}", "web", "--port", "http:80").ok()
    timed = Timed(one)
    ids = [f"{one.id()}-{number}" for number in range(CONTAINERS)]
    for number, id in enumerate(ids):
        first = 20000 + PORTS * number
        timed("run", "-d", "--network", f"net{number % NETWORKS}", "-p", f"{first}-{first + PORTS - 1}:80-{79 + PORTS}",
              "--service", "web", "--hostname", f"web-{number}",
              *[f"--network-alias=name-{number}-{alias}" for alias in range(ALIASES)],
              "--image", box, id, "sleep", "100000")
    listed = {"list": timed.least("list"), "network list": timed.least("network", "list"),
              "forward list": timed.least("forward", "list")}
    print(f"growth {timed.growth():.2f}, {statistics.median(timed.taken) * 1000:.0f} ms each,",
          {words: f"{seconds * 1000:.1f} ms" for words, seconds in listed.items()})
    assert len(one.list()) == CONTAINERS and len(one("forward", "list").ok().lines) == CONTAINERS * PORTS
    assert sum(len(service["members"]) for service in
               one("network", "service", "list", "--format", "json").ok().json()) == CONTAINERS
    inside = one.inside(ids[-1])
    server = next(line.split()[1] for line in one("exec", ids[-1], "cat", "/etc/resolv.conf").ok().lines
                  if line.startswith("nameserver"))
    mates = ids[(CONTAINERS - 1) % NETWORKS::NETWORKS]
    assert len(mates) == CONTAINERS // NETWORKS or CONTAINERS % NETWORKS
    for number in (ids.index(mates[0]), CONTAINERS - 1):
        own = one.endpoints(ids[number])[f"net{number % NETWORKS}"]["ip4"]
        for name in (f"name-{number}-0", f"name-{number}-{ALIASES - 1}", f"web-{number}.web.default.svc.cluster.local"):
            await_that(lambda name=name, own=own: inside.run("dig", "+short", f"@{server}", name) == f"{own}\n",
                       f"{name} is found", 10)
    if LONG and not os.environ.get("LXCRI_TEST_SHARED"):
        assert timed.growth() < GROWTH
        assert max(listed.values()) < LIST_SECONDS, listed
    one("delete", "--force", *ids, timeout=600).ok()
