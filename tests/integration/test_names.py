# SPDX-License-Identifier: MIT
"""Names in networks: containers find each other, and the service keeps that so. The host and its LAN
are namespaces of the test's."""

import os
import signal
import time

from engine import await_that, is_soon
from nets import lx, make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import


def sleeper(engine, box, *flags, name=None):
    id = name or engine.id()
    engine("run", "-d", *flags, "--image", box, id, "sleep", "1000").ok()
    return id


def addresses(engine, id, network="default"):
    endpoint = engine.endpoints(id)[network]
    return [endpoint[key] for key in ("ip4", "ip6") if key in endpoint]


def looked_up(engine, id, name):
    """What a container finds under a name, by its own programs."""
    result = engine("exec", id, "busybox", "nslookup", name)
    if result.code != 0:
        return set()
    return {line.split(": ", 1)[1].strip() for line in result.out.split("\n\n", 1)[1].splitlines()
            if line.startswith("Address")}


def finds(engine, id, name, expected, timeout=10):
    await_that(lambda: looked_up(engine, id, name) == set(expected), f"{id} finds {name}", timeout)


def test_containers_find_each_other_by_name(lx, box):
    web = sleeper(lx, box, "--hostname", "shop", "--network-alias", "till")
    other = sleeper(lx, box)
    for name in (web, "shop", "till", f"{web}.default.cluster.local", "till.default.cluster.local"):
        finds(lx, other, name, addresses(lx, web))
    found = lx.inside(other).run("dig", "+short", f"@{gateway(lx)}", "-x", addresses(lx, web)[0])
    assert found == "shop.default.cluster.local.\n"
    lx("stop", "--time", "0", web).ok()
    finds(lx, other, "shop", [])
    lx("start", web).ok()
    finds(lx, other, "shop", addresses(lx, web))


def gateway(engine):
    """The server that a container's resolv.conf names."""
    return next(line.split()[1] for line in engine("exec", engine.list()[0], "cat", "/etc/resolv.conf").ok().lines
                if line.startswith("nameserver"))


def test_resolv_conf_names_the_gateway_unless_told_otherwise(one, box):
    id = sleeper(one, box)
    lines = one("exec", id, "cat", "/etc/resolv.conf").ok().lines
    assert lines[0].startswith("nameserver 10.") and lines[0].endswith(".1")
    assert lines[1] == "search default.cluster.local"
    other = sleeper(one, box, "--dns", "192.0.2.53", "--dns-search", "example.org")
    assert one("exec", other, "cat", "/etc/resolv.conf").ok().lines == [
        "nameserver 192.0.2.53", "search example.org"]


def test_networks_do_not_see_each_others_names(one, box):
    for name in ("red", "blue"):
        one("network", "create", name).ok()
    red, blue = (sleeper(one, box, "--network", name, "--network-alias", f"in-{name}") for name in ("red", "blue"))
    finds(one, red, "in-red", addresses(one, red, "red"))
    finds(one, blue, "in-blue", addresses(one, blue, "blue"))
    assert looked_up(one, red, "in-blue") == looked_up(one, blue, "in-red") == set()
    one("network", "connect", "blue", red).ok()
    finds(one, blue, red, addresses(one, red, "blue"))


def test_a_dead_name_server_is_followed_by_another(one, box):
    first, second = sleeper(one, box), sleeper(one, box)
    finds(one, first, second, addresses(one, second))
    for _ in range(3):
        os.kill(child_of(one.service_pid()), signal.SIGKILL)
        finds(one, first, second, addresses(one, second))


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        for child in map(int, file.read().split()):
            with open(f"/proc/{child}/comm", encoding="ascii") as comm:
                if comm.read() == "lxcri-dns\n":
                    return child
    raise AssertionError("there is no name server")


def test_a_killed_service_comes_back_with_all_names(one, box):
    """Also for who needs it while the kernel still takes down the one that was killed."""
    first, second = sleeper(one, box), sleeper(one, box)
    finds(one, first, second, addresses(one, second))
    pids = one.pid(first), one.pid(second)
    for _ in range(5):
        killed = one.service_pid()
        os.kill(killed, signal.SIGKILL)
        third = sleeper(one, box)
        await_that(lambda killed=killed: one.service_pid() not in (None, killed), "the service is back")
        finds(one, first, third, addresses(one, third))
        finds(one, third, second, addresses(one, second))
    assert (one.pid(first), one.pid(second)) == pids


def test_it_ends_with_the_last_container_of_a_network(one, box):
    id = sleeper(one, box)
    await_that(one.service_pid, "the service runs")
    one("delete", "--force", id).ok()
    await_that(lambda: one.service_pid() is None, "the service has ended")


def bridges(world):
    return [line.split(":")[1].strip() for line in world.host.run("ip", "-o", "link", "show", "type", "bridge")
            .splitlines()]


def test_what_is_removed_by_hand_comes_back(one, box, world):
    first, second = sleeper(one, box), sleeper(one, box)
    finds(one, first, second, addresses(one, second))
    bridge, = bridges(world)
    peer = addresses(one, second)[0]
    for words in (["ip", "link", "delete", bridge], ["ip", "address", "flush", "dev", bridge],
                  ["ip", "link", "set", bridge, "down"], ["nft", "flush", "ruleset"]):
        rules = world.host.run("nft", "-s", "list", "ruleset")
        world.host.run(*words)
        start = time.monotonic()
        await_that(lambda rules=rules: world.host.run("nft", "-s", "list", "ruleset") == rules, f"rules after {words}")
        await_that(lambda: "1 packets received" in one("exec", first, "busybox", "ping", "-c1", "-W1", peer).out,
                   f"traffic after {words}", 10)
        finds(one, first, second, addresses(one, second))
        assert is_soon(start, 5), words
