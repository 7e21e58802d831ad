# SPDX-License-Identifier: MIT
"""All moments at which something can go wrong: found by runs in which nothing does."""

import collections
import dataclasses
import os
import pathlib
import shutil
import tempfile
import time

from bundle import Bundle
from engine import BACKENDS, IMAGES, Engine
from images import Image, box_layer, pack
from points import ACTIONS, PROGRAMS, Hit, Trace
from scenarios import SCENARIOS, Scenario, World

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"

# How often one program may pass one point before the rest counts as more of the same.
HITS_MAX = 3 if LONG else 1

# What a monitor does after its answer is not in the trace yet when the command has ended.
SETTLE = 0.2

# "3/50": of all cases only the third of each fifty.
SHARE = os.environ.get("LXCRI_FAULT_SHARE", "0/1")


@dataclasses.dataclass(frozen=True)
class Moment:
    """Where something can go wrong."""

    backend: str
    scenario: Scenario
    hit: Hit
    early: bool  # it is one of a process that stands before the verb

    def __str__(self):
        return f"{self.backend}-{self.scenario.name}-{self.hit}"


class Sweep:
    """The worlds of all backends, and all moments of all scenarios in them."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lxcri-faults.", dir="/tmp"))
        self.directory.chmod(0o711)
        busybox = shutil.copy(IMAGES / "busybox.static", self.directory / "busybox")
        bundle = Bundle(self.directory / "bundle", busybox, ("sleep", "1000"))
        image = Image([pack(box_layer(busybox).finish())]).oci(self.directory / "box")
        self.worlds = {}
        for backend in BACKENDS:
            (self.directory / backend).mkdir()
            self.worlds[backend] = World(Engine(self.directory / backend, backend), bundle, image)
        self.moments = []

    def trace(self, backend, scenario):
        """Notes all moments of one scenario, from a run in which nothing fails. Those of a monitor
        that stands before the verb count from its start, and so it is told of the fault then."""
        world = self.worlds[backend]
        id = world.engine.id("trace")
        world.forget()
        trace = Trace(self.directory / f"{backend}.{scenario.name}.trace")
        scenario.prepare(world, id, trace.environment)
        before = trace.hits()
        world.engine(*scenario.words(world, id), env=trace.environment).ok()
        time.sleep(SETTLE)
        during = dict.fromkeys(trace.hits()[len(before):])
        first = collections.Counter()
        for hit in during:
            place = hit.program, hit.point
            first[place] += 1
            if first[place] <= HITS_MAX:
                early = hit.program != PROGRAMS[0] and hit not in before
                self.moments.append(Moment(backend, scenario, hit, early))
        world.engine("delete", "--force", id)

    def remove(self):
        shutil.rmtree(self.directory)

    def cases(self):
        """(moment, action): everything in a long check; else each point of each program once, with
        backends, scenarios and actions in turn."""
        for backend in BACKENDS:
            for scenario in SCENARIOS:
                self.trace(backend, scenario)
        if LONG:
            share, shares = map(int, SHARE.split("/"))
            return [(moment, action) for moment in self.moments for action in ACTIONS][share::shares]
        places = {}
        for moment in self.moments:
            places.setdefault((moment.hit.program, moment.hit.point), []).append(moment)
        return [(moments[number % len(moments)], ACTIONS[number % len(ACTIONS)])
                for number, (_, moments) in enumerate(sorted(places.items()))]
