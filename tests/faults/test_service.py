# SPDX-License-Identifier: MIT
"""Every call by which the service and the name server do their work is killed or fails once, while containers
of a network come and go: those that run are untouched, and the next service has all names."""

import os
import time

from engine import await_that
from nets import make_host_engine, one, world  # noqa: F401  pylint: disable=unused-import
from points import KILLS, Trace
from sweep import LONG
from test_names import addresses, gateway

PROGRAMS = ("lxcri-serve", "lxcri-dns")
SERVICE = "web.default.svc.cluster.local"
EVERY = 1 if LONG else 9  # of the moments


def asked(engine, id, name):
    return sorted(engine.inside(id).run("dig", "+short", "+tries=1", "+timeout=1", f"@{gateway(engine)}", name,
                                        check=False).splitlines())


def disturb(engine, box, trace, seconds=2):
    """A container that comes and goes, so that there is something to do; until the fault has happened."""
    id = engine.id()
    engine("run", "-d", "--restart", "always", "--service", "web", "--hostname", id, "--health-cmd", "true",
           "--health-interval", "100ms", "--image", box, id, "sleep", "1000").ok()
    over = time.monotonic() + seconds
    while time.monotonic() < over and not (trace and trace.came()):
        time.sleep(0.02)
    engine("delete", "--force", id).ok()


def serve(engine, box, steady, trace, fault=None):
    """The service with one fault, as long as something is to do; then it is ended if that has not happened."""
    environment = dict(trace.environment)
    if fault:
        environment["LXCRI_FAULT"] = fault
    for _ in range(5):
        engine.end_service()
        child = engine.open("serve", env=environment)
        await_that(lambda child=child: engine.service_pid() == child.pid or child.poll() is not None or trace.came(),
                   "it runs, or has ended")
        if child.poll() is None or trace.came():
            break
        engine.children.remove(child)  # one that a command had asked for before was quicker
    disturb(engine, box, trace if fault else None)
    if not fault:
        await_that(lambda: asked(engine, steady, SERVICE), "the names are there")
    end(engine, child)


def end(engine, child):
    """Ends whoever serves, @child or another."""
    engine.end_service()
    if child.poll() is None:
        child.terminate()
        child.wait(20)
    engine.children.remove(child)


def moments_of(engine, box, steady):
    """Whatever both programs get to when nothing fails, each place once."""
    trace = Trace(engine.work / "trace")
    serve(engine, box, steady, trace)
    found = {}
    for hit in trace.hits():
        if hit.program in PROGRAMS:
            found.setdefault((hit.program, hit.point), hit)
    return sorted(found.values())


def test_the_service_may_die_or_fail_anywhere(one, box):
    one("network", "service", "create", "default", "web").ok()
    steady = one.id()
    one("run", "-d", "--service", "web", "--hostname", "steady", "--image", box, steady, "sleep", "1000").ok()
    moments = moments_of(one, box, steady)
    assert {hit.program for hit in moments} == set(PROGRAMS), moments
    pid, own = one.pid(steady), addresses(one, steady)[:1]
    came = 0
    chosen = moments[::EVERY]
    for number, hit in enumerate(chosen):
        for action in (*KILLS, "EIO") if LONG else (KILLS[number % 2], "EIO"):
            if action in hit.actions():
                trace = Trace(one.work / "trace")
                serve(one, box, steady, trace, hit.fault(action))
                came += trace.came()
                assert one.pid(steady) == pid and one.list() == [steady], (str(hit), action)
                next_one = one.open("serve")  # where a command has not started another before
                await_that(lambda: asked(one, steady, SERVICE) == own, f"names after {hit}:{action}")
                end(one, next_one)
    print(f"{came} faults at {len(chosen)} of {len(moments)} places")
    assert came > len(chosen)
    assert os.listdir(one.root / "containers") == [steady]
