# SPDX-License-Identifier: MIT
"""What is done to a container while something fails, and what may have become of it then.

A scenario brings a container into a state, calls one verb, and knows in which states the container
may be afterwards: as before the verb or as after it. Whoever loses its monitor is stopped: that is
what a container does then."""

import dataclasses

from engine import await_that

GONE = "gone"
DATA = "precious"


class World:
    """One engine with a bundle, and an image that is in its store."""

    def __init__(self, engine, bundle, image):
        self.engine, self.bundle = engine, bundle
        engine("image", "import", image, "mine:1").ok()

    def forget(self):
        """Removes caches, so that what fills them is done each time."""
        for path in (*self.engine.root.glob("overlay-*"), *self.engine.root.rglob("*.bpf"),
                     *self.engine.data.rglob("*.bpf")):
            path.unlink()

    def create(self, id):
        return ["create", "--bundle", self.bundle.path, id]

    def run(self, id):
        return ["run", "--detach", "--volume", "kept:/kept", "--volume", "/own", "--image", "mine:1", id,
                "sh", "-c", f"[ -e /{DATA} ] || {{ echo 1 >/{DATA}; echo 1 >/kept/{DATA}; }}; exec sleep 1000"]

    def upper(self, id):
        return self.engine.data / "containers" / id / "upper" / DATA

    def kept(self):
        return self.engine.data / "volumes/kept/_data" / DATA


def nothing(world, id, env):
    pass


def created(world, id, env):
    world.engine(*world.create(id), env=env).ok()


def started(world, id, env):
    created(world, id, env)
    world.engine("start", id, env=env).ok()


def running(world, id, env):
    """From an image, with data in its writable layer and in a volume."""
    world.engine(*world.run(id), env=env).ok()
    await_that(lambda: world.upper(id).exists() and world.kept().exists(), "its data are written")


def stopped(world, id, env):
    running(world, id, env)
    world.engine("stop", "--time", "0", id, env=env).ok()


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    prepare: object  # (world, id, env) brings it into the state before
    words: object    # (world, id) -> what the command is called with
    before: tuple    # states in which the verb may leave the container
    after: tuple
    has_data: bool = False  # that survive whatever happens to the verb, unless it deletes


SCENARIOS = (
    Scenario("create", nothing, lambda world, id: world.create(id), (GONE,), ("created",)),
    Scenario("run", nothing, lambda world, id: world.run(id), (GONE, "created"), ("running",)),
    Scenario("start", created, lambda world, id: ["start", id], ("created",), ("running",)),
    Scenario("restart", stopped, lambda world, id: ["start", id], ("stopped", "created"), ("running",), True),
    Scenario("exec", started, lambda world, id: ["exec", id, "true"], ("running",), ("running",)),
    Scenario("pause", started, lambda world, id: ["pause", id], ("running",), ("paused",)),
    Scenario("kill", started, lambda world, id: ["kill", id, "KILL"], ("running",), ("stopped",)),
    Scenario("stop", running, lambda world, id: ["stop", "--time", "0", id], ("running",), ("stopped",), True),
    Scenario("delete", stopped, lambda world, id: ["delete", id], ("stopped",), (GONE,), True),
    Scenario("force", running, lambda world, id: ["delete", "--force", id], ("running", "stopped"), (GONE,), True),
)
