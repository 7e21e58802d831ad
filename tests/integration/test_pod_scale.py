# SPDX-License-Identifier: MIT
"""A host with many pods: whoever comes last is made as quickly as the first, is listed at once and found by
name. In a long check 500 pods in 50 namespaces, with 2,000 published ports and 5,000 names; and a thousand
manifests that come and go, after which the service is as large and as quick as before."""

import os
import pathlib
import re
import statistics
import subprocess


from engine import await_that
from nets import make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import
from pods import apply, container, pod, pods, replicas, stream
from test_scale import LONG, Timed

PODS, NAMESPACES, SERVICES, PORTS = (500, 50, 9, 4) if LONG else (12, 3, 2, 2)
FIRST_PORT = 20000
GROWTH_MAX = 10  # where 2 is what is wanted
CYCLES = 1000 if LONG else 6


def space(number):
    return f"space-{number % NAMESPACES}"


def service(name, where):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": where},
            "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}}


def with_ports(box, number):
    first = FIRST_PORT + PORTS * number
    ports = [{"containerPort": 80 + index, "hostPort": first + index} for index in range(PORTS)]
    return pod(f"web-{number}", container(box, ports=ports), labels={"app": "web"}, namespace=space(number))


def calls(engine, *words):
    """How many calls to the system a command makes."""
    trace = engine.work / "trace"
    subprocess.run(["strace", "-c", "-o", trace, *engine.argv(*words)], check=True, stdout=subprocess.DEVNULL)
    return int(re.search(r"(\d+)(?:\s+\d+)? total$", trace.read_text(), re.M)[1])


def test_the_last_of_many_pods_is_as_quick_as_the_first(one, box, work):
    for number in range(NAMESPACES):
        apply(one, *[service(f"service-{index}", space(number)) for index in range(SERVICES)]).ok()
    timed = Timed(one)
    manifest = work / "pod.json"
    listed = []
    for number in range(PODS):
        manifest.write_bytes(stream(with_ports(box, number)))
        timed("apply", "-f", manifest)
        if number + 1 in (PODS // 2, PODS):
            listed.append(calls(one, "get", "pods", "--all-namespaces"))
    growth = timed.growth()
    seconds = {" ".join(words): timed.least(*words) for words in
               (("get", "pods", "-A"), ("get", "all", "-A"), ("pod", "list"), ("list",))}
    print(f"growth {growth:.2f}, {statistics.median(timed.taken) * 1000:.0f} ms each,",
          {words: f"{taken * 1000:.1f} ms" for words, taken in seconds.items()})
    assert growth < GROWTH_MAX
    assert listed[1] < 2.5 * listed[0], "a list looks at each pod once"
    assert {row["status"] for row in pods(one).values()} == {"Running"} and len(pods(one)) == PODS
    assert len(one("forward", "list").ok().lines) == PODS * PORTS
    last = PODS - 1
    id = f"{space(last)}_web-{last}.app"
    inside = one.inside(id)
    server = next(line.split()[1] for line in one("exec", id, "cat", "/etc/resolv.conf").ok().lines
                  if line.startswith("nameserver"))
    for mate in (last % NAMESPACES, last):
        for name in (f"web-{mate}", f"web-{mate}.service-{SERVICES - 1}.{space(last)}.svc.cluster.local"):
            await_that(lambda name=name: inside.run("dig", "+short", f"@{server}", name), f"{name} is found", 20)
    everything = [service(f"service-{index}", space(number)) for number in range(NAMESPACES)
                  for index in range(SERVICES)] + [with_ports(box, number) for number in range(PODS)]
    one("delete", "-f", "-", input=stream(*everything), timeout=1200).ok()
    assert pods(one) == {} and one.list() == []


def memory(pid):
    """KiB of the service's own, and how many descriptors it has."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return (int(re.search(r"^Private_Dirty:\s+(\d+)", rollup, re.M)[1]), len(os.listdir(f"/proc/{pid}/fd")))


def test_the_service_is_after_many_manifests_as_before(one, box, work):
    manifest = work / "set.json"
    manifest.write_bytes(stream(service("web", "default"), replicas("Deployment", "web", 1, container(box)),
                                pod("alone", container(box), labels={"app": "web"})))
    timed = Timed(one)
    with one.service() as child:
        def settled():
            """Of its children the name server alone may be there."""
            children = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children")
            return len(children.read_text(encoding="ascii").split()) <= 1

        for number in range(CYCLES):
            timed("apply", "-f", manifest)
            one("delete", "-f", manifest).ok()
            if number == CYCLES // 5:
                await_that(settled, "the service has nothing to do", 30)
                before = memory(child.pid)
        await_that(lambda: settled() and memory(child.pid)[1] <= before[1], "what was opened is closed", 30)
        after = memory(child.pid)
        print(f"before {before}, after {after}, growth of an apply {timed.growth():.2f}")
        assert after[0] < before[0] + 1024
        assert timed.growth() < GROWTH_MAX
    assert pods(one) == {} and one.list() == [] and not list(one.data.glob("containers/*"))
