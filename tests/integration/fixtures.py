# SPDX-License-Identifier: MIT
"""Fixtures of the tests that run containers: an engine for each backend, bundles and images, and a
host that every test leaves as it found it."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import zlib

import pytest

from bundle import Bundle
from engine import BACKENDS, COMMAND, IMAGES, TAG, Engine
from host import V2, Unchanged
from images import Image, box_layer, pack

# What cannot run on some machines, each with its reason: one case of a test, or all of them.
SKIPS = json.loads((pathlib.Path(__file__).parent / "skips.json").read_text())

# The kinds of machines that an entry may be about.
KINDS = {
    "v1": not V2,
    "v2": V2,
    "systemd": V2 and pathlib.Path("/run/systemd/system").exists(),
}


# Of what runc is asked that crun is asked as well, how many are left out where time is short, but for one.
SAMPLED = int(os.environ.get("LXCRI_TEST_SAMPLED", "0"))


def is_sampled_out(item):
    """crun and runc are driven by the same calls, lxc by others."""
    backends = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return SAMPLED and "runc" in backends and zlib.crc32(item.nodeid.split("/")[-1].encode()) % SAMPLED != 0


def pytest_collection_modifyitems(session, config, items):
    """Skips what is listed. An entry that names no test is a mistake."""
    wanted = {entry["test"]: entry for entry in SKIPS}
    met = set()
    for item in items:
        for name in (f"{item.path.name}::{item.name}", f"{item.path.name}::{item.originalname}"):
            entry = wanted.get(name)
            if entry:
                met.add(name)
                if KINDS.get(entry.get("where"), True):
                    item.add_marker(pytest.mark.skip(reason=entry["reason"]))
    files = {item.path.name for item in items}
    unknown = [name for name in wanted if name not in met and name.split("::")[0] in files]
    if unknown and len(config.args) == 1 and "::" not in config.args[0] and not config.option.keyword:
        raise pytest.UsageError(f"skips.json names tests that do not exist: {unknown}")
    config.hook.pytest_deselected(items=[item for item in items if is_sampled_out(item)])
    items[:] = [item for item in items if not is_sampled_out(item)]


def pytest_configure(config):
    config.addinivalue_line("markers", "service: the service may start by itself")
    config.addinivalue_line("markers", "vm: one of those that make check runs in a guest as well")
    if os.geteuid() != 0:
        raise pytest.UsageError("the integration tests make containers, which only root can")
    if not os.access(COMMAND, os.X_OK):
        raise pytest.UsageError(f"{COMMAND} is not built")


@pytest.fixture(scope="session")
def session_dir():
    """A directory that container users may pass through."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"{TAG}.", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def busybox(session_dir):
    """A copy of the static busybox that bundles link to."""
    return shutil.copy(IMAGES / "busybox.static", session_dir / "busybox")


@contextlib.contextmanager
def memory_disk(path, options):
    """A directory that is a file system of its own, as somebody mounted it."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, path.name, path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.fixture
def work(session_dir):
    """The directory of one test."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="w", dir=session_dir))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make_engine(request, work):
    """Makes engines whose containers are all gone at the end, and with them everything of theirs. A
    service, which would begin and mend things at moments of its own, runs where the test says so."""
    engines = []
    served = request.node.get_closest_marker("service")
    with Unchanged():
        def make(backend, **options):
            directory = work / f"e{len(engines)}"
            directory.mkdir()
            engines.append(Engine(directory, backend, **options))
            if not served:
                engines[-1].keep_service_away()
            return engines[-1]

        yield make
        for one in engines:
            one.remove_all()


@pytest.fixture(params=BACKENDS)
def engine(request, make_engine):
    """The command, on each backend in turn."""
    return make_engine(request.param)


@pytest.fixture
def any_engine(make_engine):
    """The command, where the backend does not matter."""
    return make_engine("crun")


@pytest.fixture
def make_bundle(work, busybox):
    """Makes bundles: make_bundle("sh", "-c", "…")."""
    count = 0

    def make(*args):
        nonlocal count
        count += 1
        return Bundle(work / f"b{count}", busybox, args or ("true",))

    return make


@pytest.fixture
def run(engine, make_bundle):
    """Runs a command in a bundle that a function may change: run("id", edit=…)."""

    def run(*args, edit=None, flags=(), **options):
        bundle = make_bundle(*args)
        if edit:
            edit(bundle)
            bundle.save()
        return engine("run", "--bundle", bundle.path, *flags, engine.id(), **options)

    return run


@pytest.fixture
def shell(run):
    """Runs a shell script in a bundle and returns its result."""
    return lambda script, **options: run("sh", "-c", script, **options)


@pytest.fixture
def create(engine, make_bundle):
    """Creates a container that sleeps (or runs what is given) and returns its id."""

    def create(*args, edit=None, flags=()):
        bundle = make_bundle(*(args or ("sleep", "1000")))
        if edit:
            edit(bundle)
            bundle.save()
        id = engine.id()
        engine("create", "--bundle", bundle.path, *flags, id).ok()
        return id

    return create


@pytest.fixture
def start(engine, create):
    """Creates and starts a container and returns its id."""

    def start(*args, **options):
        id = create(*args, **options)
        engine("start", id).ok()
        return id

    return start


@pytest.fixture(scope="session")
def box_blob(busybox):
    """The compressed layer that images are made on."""
    return pack(box_layer(busybox).finish())


@pytest.fixture(scope="session")
def box(session_dir, box_blob):
    """The source of an image of busybox."""
    return Image([box_blob]).oci(session_dir / "box")


@pytest.fixture
def make_image(work, box_blob):
    """Makes images: make_image(Layer()…, Cmd=[…]) returns the source of one on top of busybox."""
    count = 0

    def make(*layers, **config):
        nonlocal count
        count += 1
        image = Image([box_blob, *(pack(layer.finish()) for layer in layers)], **config)
        return image.oci(work / f"i{count}")

    return make


@pytest.fixture
def box_run(engine, box):
    """Runs a command in a container made from an image, and removes it: box_run("id", flags=[…])."""

    def box_run(*args, flags=(), image=box, **options):
        return engine("run", "--rm", *flags, "--image", image, engine.id(), *args, **options)

    return box_run


@pytest.fixture
def box_shell(box_run):
    return lambda script, **options: box_run("sh", "-c", script, **options)


@pytest.fixture
def box_start(engine, box):
    """Starts a detached container made from an image and returns its id."""

    def box_start(*args, flags=(), image=box, **options):
        id = engine.id()
        engine("run", "--detach", *flags, "--image", image, id, *(args or ("sleep", "1000")), **options).ok()
        return id

    return box_start
