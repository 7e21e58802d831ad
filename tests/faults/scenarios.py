# SPDX-License-Identifier: MIT
"""What is done to a container while something fails, and what may have become of it then.

A scenario brings a container into a state, calls one verb, and knows in which states the container
may be afterwards: as before the verb or as after it. Whoever loses its monitor is stopped: that is
what a container does then. With another id it is "renamed"."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

from engine import await_that

GONE = "gone"
RENAMED = "renamed"
DATA = "precious"
LIMIT = 77  # of processes


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where images come from."""

    image: str    # the one that is in the store
    other: str    # one that comes in
    remote: str   # the same at a registry
    archive: str  # and in an archive


class World:
    """One engine with a bundle, an image that is in its store, and a registry that has nothing."""

    def __init__(self, engine, bundle, sources, target, writable="upper"):
        self.engine, self.bundle, self.target, self.writable = engine, bundle, target, writable
        self.other, self.remote, self.archive = sources.other, sources.remote, sources.archive
        self.pushed = f"{target.host}/pushed:1"
        engine("image", "import", sources.image, "mine:1").ok()
        # Some directories are made by the first container.
        for make in (self.create, self.run):
            id = engine.id()
            engine(*make(id)).ok()
            engine("delete", "--force", id).ok()
        for form in ("raw", "ct-template"):
            engine("image", "convert", "--format", form, "mine:1", self.copied("mine")).ok()
            self.copied("mine").unlink()
        self.own = self.store()

    def forget(self):
        """Removes caches, so that what fills them is done each time."""
        for path in (*self.engine.root.glob("overlay-*"), *self.engine.root.rglob("*.bpf"),
                     *self.engine.data.rglob("*.bpf")):
            path.unlink()

    def status(self, id):
        """What has become of the container; None where it has become two."""
        found = {row["id"]: row["status"] for row in self.engine("list", "--format", "json").ok().json()}
        if set(found) == {renamed(id)}:
            return RENAMED if found[renamed(id)] == "stopped" else None
        return found.get(id, GONE) if set(found) <= {id} else None

    def objects(self):
        """What an error may name besides the container."""
        return ("config.json", self.other.removeprefix("oci:").removesuffix(":latest"), str(self.engine.data),
                self.remote.partition("/")[0], self.target.host, "other:1", str(self.archive))

    def remove(self, id):
        """Removes what a scenario leaves."""
        for name in (id, renamed(id)):
            self.engine("delete", "--force", name)

    def create(self, id):
        return ["create", "--bundle", self.bundle.path, id]

    def run(self, id):
        return ["run", "--detach", "--volume", "kept:/kept", "--volume", "/own", "--image", "mine:1", id,
                "sh", "-c", f"[ -e /{DATA} ] || {{ echo 1 >/{DATA}; echo 1 >/kept/{DATA}; }}; exec sleep 1000"]

    def store(self):
        """Every document, blob and layer that is in the store, what was fetched for it, and what was
        made of it."""
        return {str(path) for pattern in ("images/**/*", "layers/*", "layers/*/*", "broken/*", "prepared/*/*")
                for path in self.engine.data.glob(pattern) if path.is_file() or "layers" in pattern}

    def upper(self, id):
        return self.engine.data / "containers" / id / self.writable / DATA

    def copied(self, id):
        return self.engine.work / f"copy-of-{id}"

    def kept(self):
        return self.engine.data / "volumes/kept/_data" / DATA


def renamed(id):
    return f"{id}-other"


def nothing(world, id, env):
    pass


def no_image(world, id, env):
    """Without the image, and the layers, that are to come in."""
    for name in ("other:1", world.remote, world.pushed):
        if world.engine("image", "remove", name).code == 0:
            world.engine("system", "prune", "--force").ok()


def imported(world, id, env):
    no_image(world, id, env)
    world.engine("image", "import", world.other, "other:1", env=env).ok()


def unnamed(world, id, env):
    """An image whose layer is a container's no more, and that has no name."""
    imported(world, id, env)
    world.engine("image", "untag", "other:1", env=env).ok()


def unpushed(world, id, env):
    """An image that the registry has nothing of."""
    imported(world, id, env)
    uncopied(world, id, env)


def uncopied(world, id, env):
    """A registry without anything."""
    for what in (world.target.blobs, world.target.manifests, world.target.uploads):
        what.clear()


def created(world, id, env):
    world.engine(*world.create(id), env=env).ok()


def started(world, id, env):
    created(world, id, env)
    world.engine("start", id, env=env).ok()


def paused(world, id, env):
    started(world, id, env)
    world.engine("pause", id, env=env).ok()


def running(world, id, env):
    """From an image, with data in its writable layer and in a volume."""
    world.engine(*world.run(id), env=env).ok()
    await_that(lambda: world.upper(id).exists() and world.kept().exists(), "its data are written")


def stopped(world, id, env):
    running(world, id, env)
    world.engine("stop", "--time", "0", id, env=env).ok()


def updatable(world, id, env):
    """The same, and another image is there."""
    imported(world, id, env)
    running(world, id, env)


def updated(world, id, env):
    updatable(world, id, env)
    world.engine(*update(id), env=env).ok()


def update(id):
    return ["update", "--settle", "0", "--time", "0", "--image", "other:1", id]


def usable(world, id, name, words, done):
    """The image can be used, if it is there; else it can come in now. What it leaves when it goes is
    nothing: not in the store, nor where it was fetched to."""
    if world.engine("image", "inspect", name).code != 0:
        assert not done
        world.engine(*words).ok()
    world.engine("image", "verify", name).ok()
    assert world.engine("run", "--rm", "--image", name, f"{id}-image", "cat", "/other").ok().out == "other"
    empty_again(world)


def usable_image(world, id, done):
    usable(world, id, "other:1", ["image", "import", world.other, "other:1"], done)


def pulled_image(world, id, done):
    usable(world, id, world.remote, ["image", "pull", world.remote], done)


def loaded_image(world, id, done):
    usable(world, id, "other:1", ["image", "load", "--input", world.archive], done)


def pushed_image(world, id, done, words=("image", "push", "other:1")):
    """At the registry there is a whole image or none; and the next try succeeds."""
    assert bool(world.target.manifests) or not done
    whole_push(world)
    if words[1] == "push" and world.engine("image", "inspect", "other:1").code != 0:
        world.engine("image", "import", world.other, "other:1").ok()
    world.engine(*words, f"docker://{world.pushed}").ok()
    whole_push(world)
    usable(world, id, world.pushed, ["image", "pull", world.pushed], False)


def whole_push(world):
    """Asserts that what is named at the registry is there."""
    for _, content in list(world.target.manifests.values()):
        manifest = json.loads(content)
        for part in (manifest["config"], *manifest["layers"]):
            assert part["digest"] in world.target.blobs


def copied_image(world, id, done):
    pushed_image(world, id, done, ("image", "copy", f"docker://{world.remote}"))


def layout_of(world, id):
    return f"oci:{world.copied(id)}:1"


def laid_out_image(world, id, done):
    """What a layout names is whole, the next copy succeeds, and leaves nothing else."""
    path = world.copied(id)
    index = path / "index.json"
    named = json.loads(index.read_text())["manifests"] if index.exists() else []
    assert named or not done
    if named:
        world.engine("image", "import", layout_of(world, id), "other:1").ok()
        empty_again(world)
    world.engine("image", "copy", f"docker://{world.remote}", layout_of(world, id)).ok()
    assert sorted(entry.name for entry in path.iterdir()) == ["blobs", "index.json", "oci-layout"]
    for blob in path.glob("blobs/*/*"):
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    shutil.rmtree(path)
    usable_image(world, id, False)


def removed_image(world, id, done):
    assert not done or world.engine("image", "inspect", "other:1").code != 0
    empty_again(world)


def tagged_image(world, id, done):
    """One digest has one name or two, and goes with the last of them."""
    second = world.engine("image", "inspect", "second:1")
    assert second.code == 0 or not done
    if second.code == 0:
        world.engine("image", "untag", "second:1").ok()
    usable_image(world, id, False)


def saved_image(world, id, done):
    """An archive is whole or not there."""
    path = world.copied(id)
    assert path.exists() or not done
    if path.exists():
        no_image(world, id, {})
        world.engine("image", "load", "--input", path).ok()
        path.unlink()
    usable_image(world, id, False)
    assert list(path.parent.glob(f"*{path.name}*")) == []


def converted_image(world, id, done):
    """A file is whole or not there."""
    path = world.copied(id)
    assert path.exists() or not done
    if path.exists():
        whole_conversion(path)
        path.unlink()
    usable_image(world, id, False)
    assert list(path.parent.glob(f"*{path.name}*")) == []


def whole_conversion(path):
    """Asserts that a disk or a template is whole."""
    is_raw = path.read_bytes()[1080:1082] == b"\x53\xef"
    check = ["e2fsck", "-fn", path] if is_raw else ["tar", "-tf", path]
    subprocess.run(check, check=True, capture_output=True)


def prepared_image(world, id, done):
    """What is listed as ready is whole; and it goes when it is given back."""
    ready = world.engine("image", "prepared", "--format", "json").ok().json()
    assert ready or not done
    for entry in ready:
        whole_conversion(pathlib.Path(entry["name"]))
        for _ in range(entry["references"]):
            world.engine("image", "release", entry["name"]).ok()
        record = pathlib.Path(entry["name"]).parent / "record.json"
        os.utime(record, (0, 0))  # what is younger waits for who comes next
    usable_image(world, id, False)


def empty_again(world):
    """What is named verifies; and when the names are gone, so is all that they stood for."""
    world.engine("image", "verify").ok()
    no_image(world, None, {})
    for path in world.engine.data.glob("images/downloads/*"):
        os.utime(path, (0, 0))  # what is younger waits for the next try
    world.engine("image", "gc", "--force").ok()
    store = world.store()
    assert store == world.own, f"left: {store - world.own}, gone: {world.own - store}"


def one_limit(world, id, done):
    """What is recorded is in force."""
    if world.status(id) != "running":
        return
    world.engine("state", id).ok()
    spec = world.engine("inspect", id).ok().json()["spec"]
    recorded = spec["linux"].get("resources", {}).get("pids", {}).get("limit", -1)
    assert recorded == LIMIT or not done
    assert pids_limit(world.engine.pid(id)) == (str(LIMIT) if recorded == LIMIT else "max")


def pids_limit(pid):
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
            file = pathlib.Path(f"{root}{path}/pids.max")
            if controllers in ("pids", "") and file.exists():
                return file.read_text().strip()
    raise AssertionError(f"process {pid} has no limit of processes")


def one_root(world, id, wanted):
    """The container is on the one or the other image, and not between them. It can be put on either."""
    engine = world.engine
    if world.status(id) == GONE:
        return
    await_that(lambda: starts(engine, id), f"{id} runs or can be started")
    is_other = engine("inspect", "--format", "image", id).ok().out.strip().endswith("other:1")
    assert wanted is None or is_other == wanted
    assert (engine("exec", id, "test", "-e", "/other").code == 0) == is_other
    assert (engine("exec", id, "test", "-e", f"/{DATA}").code == 0) or is_other
    assert engine("exec", id, "cat", f"/kept/{DATA}").ok().out == "1\n"
    engine("system", "check", "--repair").ok()
    roots = engine.data / "containers" / id / "roots"
    assert len(list(roots.iterdir()) if roots.exists() else []) <= 1
    if is_other:
        engine("rollback", "--settle", "0", "--time", "0", id).ok()
    else:
        engine(*update(id)).ok()
    assert (engine("exec", id, "test", "-e", "/other").code == 0) != is_other


def starts(engine, id):
    if engine("state", id).ok().json()["status"] == "stopped":
        engine("start", id)
    return engine("exec", id, "true").code == 0


def updated_root(world, id, done):
    one_root(world, id, True if done else None)


def earlier_root(world, id, done):
    one_root(world, id, False if done else None)


def data_volume(id):
    return f"{id}-data"


def with_volume(world, id, env):
    world.engine("volume", "create", data_volume(id), env=env).ok()
    (world.engine.data / "volumes" / data_volume(id) / "_data/old").write_text("old")


def whole_volume(world, id, done):
    """All of the old, or all of the new."""
    engine = world.engine
    path = engine.data / "volumes" / data_volume(id) / "_data"
    names = os.listdir(path)
    assert "manifest.json" in names or not done
    assert (names == ["old"]) != ("manifest.json" in names), names
    await_that(lambda: engine("system", "check", "--repair").ok() and not list(path.parents[1].glob(".gone-*")),
               "nothing is left")
    engine("volume", "remove", data_volume(id)).ok()


def whole_copy(world, id, done):
    """What was copied to the host is whole when the command says so."""
    path = world.copied(id)
    assert not done or path.read_text() == "1\n"
    path.unlink(missing_ok=True)


def nothing_else(world, id, done):
    pass


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    prepare: object  # (world, id, env) brings it into the state before
    words: object    # (world, id) -> what the command is called with
    before: tuple    # states in which the verb may leave the container
    after: tuple
    has_data: bool = False  # that survive whatever happens to the verb, unless it deletes
    verify: object = nothing_else  # (world, id, done) asserts more, of a verb that succeeded or not
    launches: bool = False  # a monitor, which knows of no fault before
    finish: object = nothing_else  # the same, once the container is gone


SCENARIOS = (
    Scenario("create", nothing, lambda world, id: world.create(id), (GONE,), ("created",), launches=True),
    Scenario("run", nothing, lambda world, id: world.run(id), (GONE, "created"), ("running",), launches=True),
    Scenario("run other", imported, lambda world, id: ["run", "--detach", "--image", "other:1", id, "sleep", "1000"],
             (GONE, "created"), ("running",), launches=True, finish=lambda world, id, done: usable_image(world, id, False)),
    Scenario("start", created, lambda world, id: ["start", id], ("created",), ("running",)),
    Scenario("restart", stopped, lambda world, id: ["start", id], ("stopped", "created"), ("running",), True,
             launches=True),
    Scenario("exec", started, lambda world, id: ["exec", id, "true"], ("running",), ("running",)),
    Scenario("pause", started, lambda world, id: ["pause", id], ("running",), ("paused",)),
    Scenario("resume", paused, lambda world, id: ["resume", id], ("paused",), ("running",)),
    Scenario("update", running, lambda world, id: ["update", "--pids-limit", LIMIT, id], ("running",), ("running",),
             True, one_limit),
    Scenario("update image", updatable, lambda world, id: update(id), ("running", "stopped"), ("running",), True,
             updated_root, launches=True),
    Scenario("rollback", updated, lambda world, id: ["rollback", "--settle", "1", "--health-cmd", "true", "--time", "0", id],
             ("running", "stopped"), ("running",), True, earlier_root, launches=True),
    Scenario("volume import", with_volume, lambda world, id: ["volume", "import", data_volume(id), world.archive],
             (GONE,), (GONE,), verify=whole_volume),
    Scenario("kill", started, lambda world, id: ["kill", id, "KILL"], ("running",), ("stopped",)),
    Scenario("stop", running, lambda world, id: ["stop", "--time", "0", id], ("running",), ("stopped",), True),
    Scenario("rename", stopped, lambda world, id: ["rename", id, renamed(id)], ("stopped",), (RENAMED,), True),
    Scenario("delete", stopped, lambda world, id: ["delete", id], ("stopped",), (GONE,), True),
    Scenario("force", running, lambda world, id: ["delete", "--force", id], ("running", "stopped"), (GONE,), True),
    Scenario("prune", stopped, lambda world, id: ["system", "prune", "--force"], ("stopped",), (GONE,), True),
    Scenario("copy in", running, lambda world, id: ["cp", world.kept(), f"{id}:/copied"], ("running",), ("running",), True),
    Scenario("copy out", running, lambda world, id: ["cp", f"{id}:/{DATA}", world.copied(id)], ("running",), ("running",),
             True, whole_copy),
    Scenario("import", no_image, lambda world, id: ["image", "import", world.other, "other:1"], (GONE,), (GONE,),
             verify=usable_image),
    Scenario("pull", no_image, lambda world, id: ["image", "pull", world.remote], (GONE,), (GONE,), verify=pulled_image),
    Scenario("load", no_image, lambda world, id: ["image", "load", "--input", world.archive], (GONE,), (GONE,),
             verify=usable_image),
    Scenario("save", imported, lambda world, id: ["image", "save", "--output", world.copied(id), "other:1"], (GONE,),
             (GONE,), verify=saved_image),
    Scenario("convert", imported, lambda world, id: ["image", "convert", "other:1", world.copied(id)], (GONE,), (GONE,),
             verify=converted_image),
    Scenario("template", imported, lambda world, id: ["image", "convert", "--format", "ct-template", "other:1",
                                                      world.copied(id)], (GONE,), (GONE,), verify=converted_image),
    Scenario("prepare", imported, lambda world, id: ["image", "prepare", "--format", "ct-template", "other:1"], (GONE,),
             (GONE,), verify=prepared_image),
    Scenario("push", unpushed, lambda world, id: ["image", "push", "other:1", f"docker://{world.pushed}"], (GONE,), (GONE,),
             verify=pushed_image),
    Scenario("copy over", uncopied, lambda world, id: ["image", "copy", f"docker://{world.remote}",
                                                       f"docker://{world.pushed}"], (GONE,), (GONE,), verify=copied_image),
    Scenario("copy to layout", nothing, lambda world, id: ["image", "copy", f"docker://{world.remote}",
                                                           layout_of(world, id)], (GONE,), (GONE,),
             verify=laid_out_image),
    Scenario("tag", imported, lambda world, id: ["image", "tag", "other:1", "second:1"], (GONE,), (GONE,),
             verify=tagged_image),
    Scenario("remove image", imported, lambda world, id: ["image", "remove", "other:1"], (GONE,), (GONE,),
             verify=removed_image),
    Scenario("gc", unnamed, lambda world, id: ["image", "gc", "--force"], (GONE,), (GONE,), verify=removed_image),
)

# What the driver of root file systems matters to: these are swept on btrfs as well.
OF_DRIVERS = ("run", "run other", "restart", "delete", "force", "prune", "remove image", "gc", "convert")
