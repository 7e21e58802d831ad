# SPDX-License-Identifier: MIT
"""All moments at which something can go wrong: found by runs in which nothing does."""

import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from bundle import Bundle
from engine import BACKENDS, IMAGES, Engine
from images import Image, Layer, box_layer, digest, pack
from points import ERRORS, KILLS, PROGRAMS, Hit, Trace
from registry import Registry
from scenarios import OF_DRIVERS, SCENARIOS, Scenario, Sources, World

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"

# The world beside those of the backends.
BTRFS = "btrfs"

# How often one program may pass one point before the rest counts as more of the same.
HITS_MAX = 3 if LONG else 1

# What a monitor does after its answer is not in the trace yet when the command has ended.
SETTLE = 0.2

# "3/50": of all cases only the third of each fifty.
SHARE = os.environ.get("LXCRI_FAULT_SHARE", "0/1")

# A file with the moments, which one run has written for others.
PLAN = os.environ.get("LXCRI_FAULT_PLAN")


@dataclasses.dataclass(frozen=True)
class Moment:
    """Where something can go wrong."""

    backend: str
    scenario: Scenario
    hit: Hit
    early: bool  # it is one of a process that stands before the verb

    def __str__(self):
        return f"{self.backend}-{self.scenario.name}-{self.hit}"

    @property
    def place(self):
        return self.hit.program, self.hit.point


def publish(image, registry, tag):
    """Makes an image of a layout what a tag of the registry means."""
    files = image.files()
    registry.blobs.update((digest(content), content) for name, content in files.items() if name.startswith("blobs/"))
    manifest = json.loads(files["index.json"])["manifests"][0]["digest"]
    registry.publish_manifest(registry.blobs[manifest], tag)


class Sweep:
    """The worlds of all backends, and all moments of all scenarios in them."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="lxcri-faults.", dir="/tmp"))
        self.directory.chmod(0o711)
        busybox = shutil.copy(IMAGES / "busybox.static", self.directory / "busybox")
        bundle = Bundle(self.directory / "bundle", busybox, ("sleep", "1000"))
        layer = pack(box_layer(busybox).finish())
        image = Image([layer]).oci(self.directory / "box")
        other = Image([layer, pack(Layer().add("other", b"other").finish())])
        self.registry = Registry()
        publish(other, self.registry, "1")
        archive = self.directory / "other.tar"
        other.docker(archive, "other:1")
        sources = Sources(image, other.oci(self.directory / "other"), f"{self.registry.host}/other:1", archive)
        self.targets = []
        self.worlds = {name: self.make_world(name, bundle, sources) for name in (*BACKENDS, BTRFS)}
        self.moments = self.load() if PLAN and os.path.exists(PLAN) else self.find()

    def make_world(self, name, bundle, sources):
        """An engine with each backend, and one whose data directory lies on btrfs."""
        is_backend = name in BACKENDS
        target = Registry()
        self.targets.append(target)
        engine = Engine(self.directory / name, name if is_backend else "crun", self.directory / name / "config.json")
        engine.work.mkdir()
        engine.keep_service_away()
        engine.config.write_text(json.dumps({
            "registries": {"insecure": [self.registry.host, target.host], "retries": 0},
            "storage": {"driver": "auto" if is_backend else BTRFS}}))
        if not is_backend:
            disk = self.directory / "disk"
            with open(disk, "wb") as file:
                file.truncate(1 << 30)
            engine.data.mkdir()
            subprocess.run(["mkfs.btrfs", "-q", disk], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["mount", "-o", "loop", disk, engine.data], check=True)
            engine.data.chmod(0o711)
        return World(engine, bundle, sources, target, "upper" if is_backend else "root")

    @staticmethod
    def scenarios_of(name):
        return [scenario for scenario in SCENARIOS if name in BACKENDS or scenario.name in OF_DRIVERS]

    @staticmethod
    def can_come(scenario, hit, before):
        """A process of the container that stands before the verb is told of the fault when it starts; what
        it has done by then cannot fail during the verb. And who is born to be killed, as soon as that can be
        done, gets anywhere by chance only."""
        if hit.point.startswith("os/userns.c:wait_for_end:"):
            return False
        return hit not in before or scenario.launches or hit.program not in ("lxcri-monitor", "lxcri-lxc", "shim")

    def trace(self, backend, scenario):
        """Returns all moments of one scenario, from a run in which nothing fails. Those of a monitor
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
        world.remove(id)
        first = collections.Counter()
        moments = []
        for hit in during:
            place = hit.program, hit.point
            first[place] += 1
            if first[place] <= HITS_MAX and self.can_come(scenario, hit, before):
                early = hit.program != PROGRAMS[0] and hit not in before
                moments.append(Moment(backend, scenario, hit, early))
        return moments

    def comes(self, moment):
        """Tells whether the moment comes in another run in which nothing fails."""
        return moment in self.trace(moment.backend, moment.scenario)

    def find(self):
        """Returns the moments of all scenarios on all backends, and writes them where others look."""
        def find_on(backend):
            return [moment for scenario in self.scenarios_of(backend) for moment in self.trace(backend, scenario)]

        with concurrent.futures.ThreadPoolExecutor(len(self.worlds)) as threads:
            found = [moment for moments in threads.map(find_on, self.worlds) for moment in moments]
        if PLAN:
            pathlib.Path(PLAN).write_text(json.dumps(
                [[moment.backend, moment.scenario.name, *dataclasses.astuple(moment.hit), moment.early]
                 for moment in found]))
        return found

    @staticmethod
    def load():
        scenarios = {scenario.name: scenario for scenario in SCENARIOS}
        return [Moment(backend, scenarios[name], Hit(*hit), early)
                for backend, name, *hit, early in json.loads(pathlib.Path(PLAN).read_text())]

    def remove(self):
        for registry in (self.registry, *self.targets):
            registry.stop()
        subprocess.run(["umount", self.worlds[BTRFS].engine.data], check=True)
        shutil.rmtree(self.directory)

    def cases(self):
        """(moments, action), of which the later moments stand in for one that does not come: everything
        in a long check; else each point of each program killed once, or let fail once, with backends,
        scenarios and actions in turn."""
        places = {}
        for moment in self.moments:
            places.setdefault(moment.place, []).append(moment)
        if LONG:
            cases = [([moment, *places[moment.place]], action)
                     for moment in self.moments for action in moment.hit.actions()]
        else:
            cases = []
            for number, (_, moments) in enumerate(sorted(places.items())):
                actions = (KILLS, ERRORS)[number % 2]
                start = number // 2 % len(moments)
                possible = [action for action in actions if action in moments[start].hit.actions()]
                cases.append((moments[start:] + moments[:start], possible[number // 2 % len(possible)]))
        random.Random(1).shuffle(cases)  # so that a share has some of everything
        share, shares = map(int, SHARE.split("/"))
        return cases[share::shares]
