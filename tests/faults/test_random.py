# SPDX-License-Identifier: MIT
"""kill -9 at moments that nobody chose, of the command and of the monitor."""

import os
import pathlib
import random
import signal
import time

from conftest import LONG
from engine import await_that
from host import Unchanged

ROUNDS = 1000 if LONG else 30
SPAN = 0.080  # seconds over which the moments of the kill are spread


def monitors(engine):
    """The monitors, and their children for a runtime, that work below an engine."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(b"lxcri-monitor\0") and str(engine.root).encode() in line:
            found.append(int(entry))
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def test_a_command_or_a_monitor_killed_at_any_moment_leaves_nothing(engine, make_bundle):
    bundle = make_bundle("sleep", "1000")
    chance = random.Random(1)  # the same moments each time, as far as that goes
    verbs = {
        "create": lambda id: ("create", "--bundle", bundle.path, id),
        "run": lambda id: ("run", "--detach", "--bundle", bundle.path, id),
        "start": lambda id: ("start", id),
        "stop": lambda id: ("stop", "--time", "0", id),
        "delete": lambda id: ("delete", "--force", id),
    }
    engine("list").ok()
    with Unchanged(patience=10):
        for number in range(ROUNDS):
            id = engine.id()
            verb = chance.choice(list(verbs))
            if verb not in ("create", "run"):
                engine("create", "--bundle", bundle.path, id).ok()
            if verb in ("stop", "delete"):
                engine("start", id).ok()
            child = engine.open(*verbs[verb](id))
            time.sleep(chance.random() * SPAN)
            for pid in monitors(engine) if number % 2 else [child.pid]:
                kill(pid)
            engine.finish(child, timeout=20)
            await_that(lambda: "creating" not in engine("list").ok().out, "nothing is being created")
            left = engine("delete", "--force", id)
            assert left.code == 0 or left.error == "ContainerNotFound", left
            assert engine.list() == []
