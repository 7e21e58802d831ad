# SPDX-License-Identifier: MIT
"""Headless services: one name for all members that are ready, one for each, and the records of their
ports, as Kubernetes has them."""

import json
import subprocess

import pytest

from engine import await_that
from nets import lx, make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import
from test_names import addresses, finds, gateway, looked_up, sleeper

NGINX = "nginx.default.svc.cluster.local"
LOOKUP = r"""
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	char text[INET_ADDRSTRLEN];

	if (argc != 2 || getaddrinfo(argv[1], "80", &hints, &found) != 0)
		return 1;
	for (; found; found = found->ai_next)
		puts(inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof(text)));
	return 0;
}
"""


def members(engine, *words, count=3):
    """Containers web-0, web-1, ... with what @words say."""
    return [sleeper(engine, *words, "--hostname", f"web-{i}") for i in range(count)]


def dig(engine, id, *words):
    """What a container's name server answers, without what it says beside that."""
    return sorted(engine.inside(id).run("dig", "+short", f"@{gateway(engine)}", *words).splitlines())


def create(engine, *words, network="default", name="nginx"):
    engine("network", "service", "create", network, name, *words).ok()


def listed(engine, *words):
    return engine("network", "service", "list", *words, "--format", "json").ok().json()


def test_members_have_names_addresses_ports_and_pointers(lx, box):
    create(lx, "--port", "http:80", "--port", "dns:53/udp", "--port", "9000")
    web = members(lx, box, "--service", "nginx")
    other = sleeper(lx, box)
    all4, all6 = (sorted(addresses(lx, id)[i] for id in web) for i in (0, 1))
    await_that(lambda: dig(lx, other, NGINX) == all4, "the service has all its members", 10)
    assert dig(lx, other, NGINX, "AAAA") == all6
    for i, id in enumerate(web):
        ip4, ip6 = addresses(lx, id)
        assert dig(lx, other, f"web-{i}.{NGINX}") == [ip4]
        assert dig(lx, other, f"web-{i}.{NGINX}", "AAAA") == [ip6]
        for address in (ip4, ip6):
            assert dig(lx, other, "-x", address) == [f"web-{i}.{NGINX}."]
        finds(lx, other, f"{id}.default.cluster.local", [ip4, ip6])
    for port, number in (("_http._tcp", 80), ("_dns._udp", 53)):
        assert dig(lx, other, f"{port}.{NGINX}", "SRV") == [
            f"0 100 {number} web-{i}.{NGINX}." for i in range(3)]
    assert dig(lx, other, f"_http._udp.{NGINX}", "SRV") == []
    lx("stop", "--time", "0", web[1]).ok()
    await_that(lambda: dig(lx, other, NGINX) == sorted(addresses(lx, id)[0] for id in (web[0], web[2])),
               "the one that has stopped is out", 10)
    assert dig(lx, other, f"web-1.{NGINX}") == []
    lx("start", web[1]).ok()
    await_that(lambda: dig(lx, other, NGINX) == all4, "it is back, with the address that it had", 10)


@pytest.mark.parametrize("compiler", ["cc", "musl-gcc"])
def test_short_names_are_found_by_each_c_library(one, box, work, compiler):
    (work / "lookup.c").write_text(LOOKUP)
    subprocess.run([compiler, "-static", "-o", work / "lookup", work / "lookup.c"], check=True,
                   capture_output=True)
    create(one)
    create(one, "--namespace", "shop")
    web, = members(one, box, "--service", "nginx", "--service", "nginx.shop", count=1)
    id = sleeper(one, box)
    one("cp", work / "lookup", f"{id}:/lookup").ok()
    for name in ("web-0", "nginx", "web-0.nginx", "nginx.default", "web-0.nginx.default", "nginx.default.svc",
                 "web-0.nginx.shop.svc", "web-0.nginx.shop", f"web-0.{NGINX}"):
        await_that(lambda name=name: one("exec", id, "/lookup", name).out == addresses(one, web)[0] + "\n",
                   f"{name} is found", 10)
    for name in (f"web-1.{NGINX}", "nginx.other.svc.cluster.local", "apache"):
        assert one("exec", id, "/lookup", name).code == 1


def test_resolv_conf_looks_among_the_services_of_a_namespace(one, box):
    create(one, "--namespace", "shop")
    id, = members(one, box, "--service", "nginx.shop", count=1)
    assert one("exec", id, "cat", "/etc/resolv.conf").ok().lines[1:] == [
        "search default.cluster.local shop.svc.cluster.local svc.cluster.local cluster.local", "options ndots:5"]
    other = sleeper(one, box, "--dns-option", "ndots:2")
    assert one("exec", other, "cat", "/etc/resolv.conf").ok().lines[2] == "options ndots:2"


def test_who_is_not_ready_has_no_name_unless_that_is_asked_for(one, box):
    create(one)
    create(one, "--publish-not-ready", name="peers")
    check = ["--health-cmd", "test -f /ok", "--health-interval", "100ms", "--health-retries", "1"]
    ready, late = members(one, box, "--service", "nginx", "--service", "peers", *check, count=2)
    both = [addresses(one, id)[0] for id in (ready, late)]
    peers = "peers.default.svc.cluster.local"
    await_that(lambda: dig(one, ready, peers) == sorted(both), "those that are not ready are peers", 10)
    assert dig(one, ready, NGINX) == [] and dig(one, ready, f"web-0.{NGINX}") == []
    assert {entry["name"]: [member["ready"] for member in entry["members"]] for entry in listed(one)} == {
        "nginx": [False, False], "peers": [False, False]}
    one("exec", ready, "touch", "/ok").ok()
    await_that(lambda: dig(one, late, NGINX) == [both[0]], "the first is ready", 10)
    assert dig(one, late, f"web-0.{NGINX}") == [both[0]] and dig(one, late, f"web-1.{NGINX}") == []
    assert one("network", "service", "list").ok().lines[1].split() == ["default", "default", "nginx", "-", "1/2"]
    one("exec", late, "touch", "/ok").ok()
    await_that(lambda: dig(one, ready, NGINX) == sorted(both), "both are ready", 10)
    one("exec", ready, "rm", "/ok").ok()
    await_that(lambda: dig(one, ready, NGINX) == [both[1]], "the first is not ready any more", 10)
    assert dig(one, late, peers) == sorted(both)


def test_members_come_and_go(one, box):
    one("network", "create", "shop").ok()
    create(one, network="shop")
    first, second = members(one, box, "--network", "shop", count=2)
    assert dig(one, first, NGINX) == []
    one("network", "service", "add", "shop", "nginx", first, second).ok()
    one("network", "service", "add", "shop", "nginx", first).ok()
    both = sorted(addresses(one, id, "shop")[0] for id in (first, second))
    await_that(lambda: dig(one, first, NGINX) == both, "both are members", 10)
    service, = listed(one, "shop")
    assert service["domain"] == NGINX and service["ports"] == [] and not service["publishNotReady"]
    assert sorted(member["name"] for member in service["members"]) == [f"web-0.{NGINX}", f"web-1.{NGINX}"]
    assert sorted(member["ip4"] for member in service["members"]) == both

    one("stop", "--time", "0", second).ok()
    one("rename", second, "renamed").ok()
    one("start", "renamed").ok()
    assert {member["container"] for member in listed(one)[0]["members"]} == {first, "renamed"}
    one("network", "service", "drop", "shop", "nginx", first).ok()
    await_that(lambda: dig(one, first, NGINX) == addresses(one, "renamed", "shop")[:1], "one has left", 10)
    one("network", "service", "drop", "shop", "nginx", first).fails("HeadlessServiceFailed", "no member")
    one("network", "disconnect", "shop", "renamed").ok()
    assert listed(one)[0]["members"] == []
    one("network", "service", "add", "shop", "nginx", "renamed").fails("HeadlessServiceFailed", "not in the network")
    one("network", "service", "add", "shop", "nginx", first).ok()
    one("delete", "--force", first).ok()
    assert listed(one)[0]["members"] == []
    one("network", "remove", "shop").ok()
    assert listed(one) == [] and one.sql("SELECT * FROM service") == []


def test_a_service_is_of_its_network_and_namespace_alone(one, box):
    for network in ("red", "blue"):
        one("network", "create", network).ok()
        create(one, network=network)
    create(one, "-n", "night", network="red")
    red = sleeper(one, box, "--network", "red", "--service", "nginx.night", "--hostname", "web-0")
    blue = sleeper(one, box, "--network", "blue", "--service", "nginx", "--hostname", "web-0")
    finds(one, red, "nginx.night.svc.cluster.local", addresses(one, red, "red"))
    finds(one, blue, NGINX, addresses(one, blue, "blue"))
    assert looked_up(one, red, NGINX) == looked_up(one, blue, "nginx.night.svc.cluster.local") == set()
    assert [(entry["namespace"], len(entry["members"])) for entry in listed(one, "red")] == [
        ("default", 0), ("night", 1)]
    assert [entry["network"] for entry in listed(one, "--namespace", "default")] == ["blue", "red"]
    one("network", "service", "remove", "red", "nginx", "--namespace", "night").ok()
    await_that(lambda: looked_up(one, red, "nginx.night.svc.cluster.local") == set(), "it is gone", 10)


def test_what_cannot_be_is_told_and_changes_nothing(one, box):
    create(one, "--port", "http:80")
    one("network", "service", "create", "default", "nginx").fails("HeadlessServiceFailed", "there already")
    one("network", "service", "create", "nowhere", "nginx").fails("BridgeNotFound", "nowhere")
    for words in (["Nginx"], ["a.b"], ["-a"], ["a" * 64], ["x", "-n", "a_b"], ["x", "--port", "0"],
                  ["x", "--port", "http:65536"], ["x", "--port", "80/icmp"], ["x", "--port", "h ttp:80"],
                  ["x", "--port", "a:1", "--port", "a:2"]):
        one("network", "service", "create", "default", *words).fails("InvalidArgument")
    one("network", "service", "create", "default", "x", *[f"--port={i + 1}" for i in range(65)]).fails(
        "LimitExceeded", "64")
    for words in (["remove", "default", "apache"], ["add", "default", "apache", "any"],
                  ["drop", "default", "apache", "any"], ["remove", "default", "nginx", "-n", "other"]):
        one("network", "service", *words).fails("ServiceNotFound", "namespace")
    id = one.id()
    for service, error in (("apache", "ServiceNotFound"), ("nginx.other", "ServiceNotFound"), ("a..b", "InvalidArgument")):
        one("create", "--service", service, "--image", box, id, "true").fails(error, code=125)
    one("create", "--network", "none", "--service", "nginx", "--image", box, id, "true").fails("InvalidArgument", "service", code=125)
    assert one.list() == []
    first = sleeper(one, box, "--service", "nginx", "--hostname", "web-0")
    one("create", "--service", "nginx", "--hostname", "WEB-0", "--image", box, id, "true").fails(
        "NetworkIdentityError", first, code=125)
    assert one.list() == [first]
    create(one, "--replace", "--port", "https:443")
    service, = listed(one)
    assert service["ports"] == [{"name": "https", "protocol": "tcp", "port": 443}]
    assert [member["container"] for member in service["members"]] == [first]


def test_a_service_outlives_a_killed_creation(one, box):
    """Rows that a killed command has left go with its record; nothing else is touched."""
    create(one)
    id = sleeper(one, box, "--service", "nginx")
    assert json.loads(json.dumps(one.sql("SELECT container FROM member"))) == [[id]]
    one("delete", "--force", id).ok()
    assert one.sql("SELECT container FROM member") == [] and len(listed(one)) == 1
